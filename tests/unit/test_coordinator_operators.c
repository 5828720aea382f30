/* Moves under way: what ends one, and what does not. */
#include "coordinator_fixture.h"

static struct td_operators operators;

static const struct td_span on_a[] = {{1, 0, "a"}, {2, 0, "a"}, {3, 0, "a"}};

static int setup(void **state)
{
	(void)state;
	td_operators_init(&operators);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	td_operators_done(&operators);
	return 0;
}

static struct td_operator *add(enum td_operator_kind kind, int64_t table, enum td_operator_state state)
{
	struct td_operator *op = td_operators_add(&operators, kind, "x", table, 0);

	assert_non_null(op);
	op->state = state;
	if (kind != TD_OPERATOR_PLACE) {
		strcpy(op->origin, "a");
		strcpy(op->origin_address, "a:1");
	}
	return op;
}

static struct td_changefeed_view view_of(const char *address, const struct td_span *spans, size_t count)
{
	return (struct td_changefeed_view){.name = "x",
					   .running = true,
					   .maintainer_addr = address,
					   .tables_known = true,
					   .spans = spans,
					   .span_count = count};
}

static bool has_left(struct td_operator *op, const char *address, const struct td_span *spans, size_t count)
{
	const struct td_changefeed_view view = view_of(address, spans, count);

	return td_operator_observe(op, &view, 7);
}

static void a_maintainer_has_moved_only_when_it_is_at_home_elsewhere(void **state)
{
	struct td_operator *op = add(TD_OPERATOR_MAINTAINER, 0, TD_OPERATOR_ACCEPTED);

	(void)state;
	assert_true(op->at_origin);
	assert_false(has_left(op, "a:1", on_a, 3));
	assert_true(op->at_origin);
	assert_int_equal(op->seen_ms, 7);
	assert_false(has_left(op, "", on_a, 3)); /* the middle of a move */
	assert_false(op->at_origin);
	assert_true(has_left(op, "b:1", on_a, 3));
	td_operators_confirm(&operators, op);
	assert_int_equal(operators.count, 0);
	assert_int_equal(operators.totals.confirmed, 1);
}

static void a_placement_is_done_when_the_changefeed_has_a_maintainer_anywhere(void **state)
{
	struct td_operator *op = add(TD_OPERATOR_PLACE, 0, TD_OPERATOR_UNKNOWN);

	(void)state;
	assert_false(has_left(op, "", NULL, 0));
	assert_true(op->at_origin);
	assert_true(has_left(op, "a:1", NULL, 0));
}

static void a_dispatcher_has_not_moved_while_something_of_its_changefeed_is_nowhere(void **state)
{
	static const struct td_span between[] = {{1, 0, ""}, {2, 0, "a"}}, done[] = {{1, 0, "b"}, {2, 0, "a"}};
	struct td_operator *op = add(TD_OPERATOR_DISPATCHER, 1, TD_OPERATOR_ACCEPTED);
	struct td_changefeed_view view = view_of("b:1", done, 2);

	(void)state;
	assert_false(has_left(op, "b:1", between, 2));
	assert_false(op->at_origin);
	view.triggers_unplaced = 1;
	assert_false(td_operator_observe(op, &view, 8));
	view.triggers_unplaced = 0;
	view.tables_known = false; /* nothing is known, so nothing has left */
	assert_false(td_operator_observe(op, &view, 8));
	assert_true(has_left(op, "b:1", done, 2));
}

static void a_table_of_several_spans_has_left_when_all_of_them_have(void **state)
{
	static const struct td_span half[] = {{1, 0, "b"}, {1, 0, "a"}}, done[] = {{1, 0, "b"}, {1, 0, "c"}, {1, 1, "a"}};
	struct td_operator *op = add(TD_OPERATOR_DISPATCHER, 1, TD_OPERATOR_ACCEPTED);

	(void)state;
	assert_false(has_left(op, "b:1", half, 2));
	assert_true(op->at_origin);
	assert_true(has_left(op, "b:1", done, 3));
}

static void a_changefeed_that_rests_has_nothing_left_to_move(void **state)
{
	const struct td_changefeed_view resting = {.name = "x", .maintainer_addr = "", .tables_known = true};

	(void)state;
	assert_true(td_operator_observe(add(TD_OPERATOR_MAINTAINER, 0, TD_OPERATOR_ACCEPTED), &resting, 1));
	assert_true(td_operator_observe(add(TD_OPERATOR_DISPATCHER, 1, TD_OPERATOR_ACCEPTED), &resting, 1));
}

static void a_maintainer_has_one_operator_whether_it_is_moved_or_placed(void **state)
{
	(void)state;
	(void)add(TD_OPERATOR_PLACE, 0, TD_OPERATOR_SENT);
	assert_non_null(td_operators_find(&operators, TD_OPERATOR_MAINTAINER, "x", 0, 0));
	assert_null(td_operators_find(&operators, TD_OPERATOR_DISPATCHER, "x", 0, 0));
}

static void operators_are_found_by_work_and_by_call_and_grow_without_limit_of_their_own(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		add(i % 2 ? TD_OPERATOR_MAINTAINER : TD_OPERATOR_DISPATCHER, i, TD_OPERATOR_SENT)->effect_id =
			1000u + (uint64_t)i;
	assert_int_equal(operators.totals.created, 100);
	assert_int_equal(td_operators_by_effect(&operators, 1042)->table_id, 42);
	assert_null(td_operators_by_effect(&operators, 5));
	assert_null(td_operators_find(&operators, TD_OPERATOR_MAINTAINER, "x", 42, 0));
	assert_null(td_operators_find(&operators, TD_OPERATOR_DISPATCHER, "x", 42, 1));
	assert_int_equal(td_operators_count(&operators, TD_OPERATOR_MAINTAINER, NULL), 50);
	assert_int_equal(td_operators_count(&operators, TD_OPERATOR_MAINTAINER, "x"), 50);
	assert_int_equal(td_operators_count(&operators, TD_OPERATOR_MAINTAINER, "y"), 0);
	td_operators_abandon(&operators, td_operators_by_effect(&operators, 1099));
	assert_int_equal(operators.count, 99);
	td_operators_clear(&operators);
	assert_int_equal(operators.count, 0);
	assert_int_equal(operators.totals.abandoned, 100);
}

#define operator_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		operator_test(a_maintainer_has_moved_only_when_it_is_at_home_elsewhere),
		operator_test(a_placement_is_done_when_the_changefeed_has_a_maintainer_anywhere),
		operator_test(a_dispatcher_has_not_moved_while_something_of_its_changefeed_is_nowhere),
		operator_test(a_table_of_several_spans_has_left_when_all_of_them_have),
		operator_test(a_changefeed_that_rests_has_nothing_left_to_move),
		operator_test(a_maintainer_has_one_operator_whether_it_is_moved_or_placed),
		operator_test(operators_are_found_by_work_and_by_call_and_grow_without_limit_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
