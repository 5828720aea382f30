/* Moves under way: what ends one, and what does not. */
#include "coordinator_fixture.h"

struct setup {
	struct td_nodes nodes;
	struct td_workload workload;
	struct td_operators operators;
};

static const struct td_span on_a[] = {{1, 0, "a"}, {2, 0, "a"}, {3, 0, "a"}};

static void show(struct setup *s, const char *address, const struct td_span *spans, size_t count)
{
	const struct td_changefeed_view view = {.name = "x",
						.running = true,
						.maintainer_addr = address,
						.tables_known = true,
						.spans = spans,
						.span_count = count};

	assert_true(td_workload_apply(&s->workload, &s->nodes, 1, &(struct td_workload_view){"c", &view, 1}));
}

static void setup(struct setup *s)
{
	td_nodes_init(&s->nodes);
	td_workload_init(&s->workload);
	td_operators_init(&s->operators);
	td_workload_set_target(&s->workload, "a", "a:1");
	show(s, "a:1", on_a, 3);
}

static void teardown(struct setup *s)
{
	td_nodes_done(&s->nodes);
	td_workload_done(&s->workload);
	td_operators_done(&s->operators);
}

static struct td_operator *add(struct setup *s, enum td_operator_kind kind, int64_t table, enum td_operator_state state)
{
	struct td_operator *op = td_operators_add(&s->operators, kind, "x", table, 0);

	assert_non_null(op);
	op->state = state;
	return op;
}

static size_t confirm(struct setup *s)
{
	return td_operators_confirm(&s->operators, &s->workload, td_workload_find(&s->workload, "x"));
}

static void a_maintainer_has_moved_only_when_it_is_at_home_elsewhere(void **state)
{
	struct setup s;

	(void)state;
	setup(&s);
	(void)add(&s, TD_OPERATOR_MAINTAINER, 0, TD_OPERATOR_ACCEPTED);
	assert_int_equal(confirm(&s), 0);
	show(&s, "", on_a, 3); /* the middle of a move */
	assert_int_equal(confirm(&s), 0);
	show(&s, "b:1", on_a, 3);
	assert_int_equal(confirm(&s), 1);
	assert_int_equal(s.operators.confirmed, 1);
	teardown(&s);
}

static void a_dispatcher_has_not_moved_while_something_of_its_changefeed_is_nowhere(void **state)
{
	static const struct td_span between[] = {{1, 0, ""}, {2, 0, "a"}}, done[] = {{1, 0, "b"}, {2, 0, "a"}};
	struct setup s;

	(void)state;
	setup(&s);
	(void)add(&s, TD_OPERATOR_DISPATCHER, 1, TD_OPERATOR_ACCEPTED);
	show(&s, "b:1", between, 2);
	assert_int_equal(confirm(&s), 0);
	show(&s, "b:1", done, 2);
	assert_int_equal(confirm(&s), 1);
	teardown(&s);
}

static void a_call_that_is_still_on_its_way_is_waited_for(void **state)
{
	struct setup s;
	struct td_operator *op;

	(void)state;
	setup(&s);
	op = add(&s, TD_OPERATOR_MAINTAINER, 0, TD_OPERATOR_SENT);
	show(&s, "b:1", on_a, 3);
	assert_int_equal(confirm(&s), 0);
	op->state = TD_OPERATOR_REFUSED; /* it left without us */
	assert_int_equal(confirm(&s), 1);
	teardown(&s);
}

static void confirming_many_at_once_skips_none_and_keeps_the_others(void **state)
{
	static const struct td_span two_left[] = {{2, 0, "a"}};
	struct setup s;

	(void)state;
	for (int order = 0; order < 6; order++) {
		static const int64_t orders[6][3] = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}};

		setup(&s);
		for (int i = 0; i < 3; i++)
			(void)add(&s, TD_OPERATOR_DISPATCHER, orders[order][i], TD_OPERATOR_ACCEPTED);
		show(&s, "b:1", two_left, 1);
		assert_int_equal(confirm(&s), 2);
		assert_int_equal(s.operators.count, 1);
		assert_non_null(td_operators_find(&s.operators, TD_OPERATOR_DISPATCHER, "x", 2, 0));
		teardown(&s);
	}
}

static void a_changefeed_that_rests_has_nothing_left_to_move(void **state)
{
	const struct td_changefeed_view resting = {.name = "x", .maintainer_addr = "", .tables_known = true};
	struct setup s;

	(void)state;
	setup(&s);
	(void)add(&s, TD_OPERATOR_MAINTAINER, 0, TD_OPERATOR_ACCEPTED);
	(void)add(&s, TD_OPERATOR_DISPATCHER, 1, TD_OPERATOR_ACCEPTED);
	assert_true(td_workload_apply_one(&s.workload, &s.nodes, 2, &resting));
	assert_int_equal(confirm(&s), 2);
	teardown(&s);
}

static void operators_are_found_by_work_and_by_call_and_grow_without_limit_of_their_own(void **state)
{
	struct setup s;

	(void)state;
	setup(&s);
	for (int i = 0; i < 100; i++)
		add(&s, i % 2 ? TD_OPERATOR_MAINTAINER : TD_OPERATOR_DISPATCHER, i, TD_OPERATOR_SENT)->effect_id =
			1000u + (uint64_t)i;
	assert_int_equal(td_operators_by_effect(&s.operators, 1042)->table_id, 42);
	assert_null(td_operators_by_effect(&s.operators, 5));
	assert_null(td_operators_find(&s.operators, TD_OPERATOR_MAINTAINER, "x", 42, 0));
	assert_null(td_operators_find(&s.operators, TD_OPERATOR_DISPATCHER, "x", 42, 1));
	assert_int_equal(td_operators_count(&s.operators, TD_OPERATOR_MAINTAINER), 50);
	td_operators_remove(&s.operators, td_operators_by_effect(&s.operators, 1099));
	assert_int_equal(s.operators.count, 99);
	s.operators.confirmed = 3;
	td_operators_clear(&s.operators);
	assert_int_equal(s.operators.count, 0);
	assert_int_equal(s.operators.confirmed, 3);
	teardown(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_maintainer_has_moved_only_when_it_is_at_home_elsewhere),
		cmocka_unit_test(a_dispatcher_has_not_moved_while_something_of_its_changefeed_is_nowhere),
		cmocka_unit_test(a_call_that_is_still_on_its_way_is_waited_for),
		cmocka_unit_test(confirming_many_at_once_skips_none_and_keeps_the_others),
		cmocka_unit_test(a_changefeed_that_rests_has_nothing_left_to_move),
		cmocka_unit_test(operators_are_found_by_work_and_by_call_and_grow_without_limit_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
