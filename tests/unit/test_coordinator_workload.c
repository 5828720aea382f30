/* The books, reduced to what a drain of one target needs. */
#include "coordinator_fixture.h"

struct books {
	struct td_nodes nodes;
	struct td_workload workload;
};

static void books_init(struct books *b)
{
	const struct td_node_view views[] = {{.id = "a", .address = "a:1", .pod = "", .answers = true},
					     {.id = "b", .address = "b:1", .pod = "", .answers = true},
					     {.id = "c", .address = "c:1", .pod = "", .answers = true}};

	td_nodes_init(&b->nodes);
	td_workload_init(&b->workload);
	assert_true(td_nodes_apply(&b->nodes, 1, &(struct td_nodes_view){"c", views, 3}));
	td_workload_set_target(&b->workload, "a", "a:1");
}

static void books_done(struct books *b)
{
	td_nodes_done(&b->nodes);
	td_workload_done(&b->workload);
}

static void apply(struct books *b, int64_t at, const struct td_changefeed_view *views, size_t count)
{
	assert_true(td_workload_apply(&b->workload, &b->nodes, at, &(struct td_workload_view){"c", views, count}));
}

static const struct td_span three_spans[] = {{7, 0, "a"}, {7, 1, "a"}, {8, 0, "b"}};

static struct td_changefeed_view changefeed(const char *name, const char *address)
{
	return (struct td_changefeed_view){.name = name, .running = true, .maintainer_addr = address, .tables_known = true};
}

static struct td_changefeed_view with_spans(const char *name, const char *address, const struct td_span *spans, size_t count)
{
	struct td_changefeed_view view = changefeed(name, address);

	view.spans = spans;
	view.span_count = count;
	return view;
}

static void only_what_is_on_the_target_is_kept_and_the_rest_is_load(void **state)
{
	struct books b;
	const struct td_changefeed_view views[] = {with_spans("x", "a:1", three_spans, 3), changefeed("w", "b:1")};

	(void)state;
	books_init(&b);
	apply(&b, 5, views, 2);
	assert_true(b.workload.known);
	assert_int_equal(b.workload.asked_ms, 5);
	assert_int_equal(b.workload.target_maintainers, 1);
	assert_int_equal(b.workload.target_dispatchers, 2);
	assert_string_equal(b.workload.items[0]->name, "w");
	assert_true(td_changefeed_has_span(b.workload.items[1], 7, 1));
	assert_false(td_changefeed_has_span(b.workload.items[1], 8, 0));
	assert_int_equal(b.nodes.items[0].load[TD_LOAD_DISPATCHERS], 2);
	assert_int_equal(b.nodes.items[1].load[TD_LOAD_DISPATCHERS], 1);
	assert_int_equal(b.nodes.items[1].load[TD_LOAD_MAINTAINERS], 1);
	books_done(&b);
}

static void what_is_placed_nowhere_is_counted_and_not_taken_for_gone(void **state)
{
	static const struct td_span spans[] = {{7, 0, ""}, {8, 0, ""}};
	struct td_changefeed_view views[] = {with_spans("x", "", spans, 2), changefeed("y", "b:1")};
	struct books b;

	(void)state;
	books_init(&b);
	views[1].triggers_unplaced = 1;
	apply(&b, 5, views, 2);
	assert_int_equal(b.workload.unplaced_maintainers, 1);
	assert_int_equal(b.workload.unplaced_others, 3);
	views[0].running = false;
	apply(&b, 6, views, 2);
	assert_int_equal(b.workload.unplaced_maintainers, 0);
	assert_int_equal(b.workload.unplaced_others, 1);
	books_done(&b);
}

static void a_changefeed_that_is_not_listed_any_more_is_forgotten_with_its_share(void **state)
{
	const struct td_changefeed_view views[] = {with_spans("x", "a:1", three_spans, 3), changefeed("y", "a:1")};
	struct books b;

	(void)state;
	books_init(&b);
	apply(&b, 5, views, 2);
	apply(&b, 6, &views[1], 1);
	assert_int_equal(b.workload.count, 1);
	assert_int_equal(b.workload.target_maintainers, 1);
	assert_int_equal(b.workload.target_dispatchers, 0);
	apply(&b, 7, views, 0);
	assert_int_equal(b.workload.target_maintainers, 0);
	books_done(&b);
}

static void one_read_of_the_address_alone_leaves_the_spans_as_they_were(void **state)
{
	struct td_changefeed_view view = with_spans("x", "a:1", three_spans, 3);
	struct books b;

	(void)state;
	books_init(&b);
	apply(&b, 5, &view, 1);
	view = (struct td_changefeed_view){.name = "x", .running = true, .maintainer_addr = "b:1"};
	assert_true(td_workload_apply_one(&b.workload, &b.nodes, &view));
	assert_int_equal(b.workload.target_maintainers, 0);
	assert_int_equal(b.workload.target_dispatchers, 2);
	books_done(&b);
}

/* Or a batch of one after the other would all go to the same node: each would find it as empty as before. */
static void a_move_seen_in_one_changefeed_is_load_at_its_destination_at_once(void **state)
{
	static const struct td_span moved[] = {{7, 0, "c"}, {7, 1, "a"}, {8, 0, "b"}};
	struct td_changefeed_view view = with_spans("x", "a:1", three_spans, 3);
	struct books b;

	(void)state;
	books_init(&b);
	apply(&b, 5, &view, 1);
	view = with_spans("x", "b:1", moved, 3);
	assert_true(td_workload_apply_one(&b.workload, &b.nodes, &view));
	assert_int_equal(b.nodes.items[0].load[TD_LOAD_MAINTAINERS], 0);
	assert_int_equal(b.nodes.items[1].load[TD_LOAD_MAINTAINERS], 1);
	assert_int_equal(b.nodes.items[0].load[TD_LOAD_DISPATCHERS], 1);
	assert_int_equal(b.nodes.items[1].load[TD_LOAD_DISPATCHERS], 1);
	assert_int_equal(b.nodes.items[2].load[TD_LOAD_DISPATCHERS], 1);
	assert_true(td_workload_apply_one(&b.workload, &b.nodes, &view));
	assert_int_equal(b.nodes.items[2].load[TD_LOAD_DISPATCHERS], 1);
	books_done(&b);
}

static void an_unknown_changefeed_waits_for_the_next_whole_reading(void **state)
{
	const struct td_changefeed_view view = with_spans("x", "a:1", three_spans, 3);
	struct books b;

	(void)state;
	books_init(&b);
	assert_true(td_workload_apply_one(&b.workload, &b.nodes, &view));
	assert_int_equal(b.workload.count, 0);
	assert_false(b.workload.known);
	books_done(&b);
}

static void another_target_makes_the_books_unknown(void **state)
{
	const struct td_changefeed_view view = with_spans("x", "a:1", three_spans, 3);
	struct books b;

	(void)state;
	books_init(&b);
	apply(&b, 5, &view, 1);
	td_workload_set_target(&b.workload, "b", "b:1");
	assert_false(b.workload.known);
	assert_int_equal(b.workload.target_maintainers, 0);
	apply(&b, 6, &view, 1);
	assert_int_equal(b.workload.target_dispatchers, 1);
	books_done(&b);
}

/* Sums kept up to date through random changes are those of counting anew. */
static void sums_agree_with_counting(void **state)
{
	static const char *const homes[] = {"", "a", "b", "c"}, *const addresses[] = {"", "a:1", "b:1", "c:1"};
	static char names[12][16];
	unsigned seed = 7;
	struct books b;

	(void)state;
	books_init(&b);
	for (int i = 0; i < 12; i++)
		(void)snprintf(names[i], sizeof(names[i]), "cf-%d", i);
	for (int round = 0; round < 5000; round++) {
		struct td_changefeed_view views[12];
		struct td_span spans[12][6];
		uint32_t maintainers = 0, dispatchers = 0, nowhere = 0;
		size_t count = (size_t)(rand_r(&seed) % 13);

		for (size_t i = 0; i < count; i++) {
			views[i] = with_spans(names[i], addresses[rand_r(&seed) % 4], spans[i], (size_t)(rand_r(&seed) % 7));
			views[i].running = rand_r(&seed) % 4 != 0;
			maintainers += views[i].running && strcmp(views[i].maintainer_addr, "a:1") == 0;
			for (size_t j = 0; j < views[i].span_count; j++) {
				spans[i][j] = (struct td_span){(int64_t)j, 0, homes[rand_r(&seed) % 4]};
				dispatchers += views[i].running && spans[i][j].node[0] == 'a';
				nowhere += views[i].running && spans[i][j].node[0] == '\0';
			}
		}
		if (rand_r(&seed) % 2) {
			apply(&b, round, views, count);
		} else {
			apply(&b, round, views, count / 2);
			apply(&b, round, views, count);
		}
		assert_int_equal(b.workload.target_maintainers, maintainers);
		assert_int_equal(b.workload.target_dispatchers, dispatchers);
		assert_int_equal(b.workload.unplaced_others, nowhere);
	}
	books_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_on_the_target_is_kept_and_the_rest_is_load),
		cmocka_unit_test(what_is_placed_nowhere_is_counted_and_not_taken_for_gone),
		cmocka_unit_test(a_changefeed_that_is_not_listed_any_more_is_forgotten_with_its_share),
		cmocka_unit_test(one_read_of_the_address_alone_leaves_the_spans_as_they_were),
		cmocka_unit_test(a_move_seen_in_one_changefeed_is_load_at_its_destination_at_once),
		cmocka_unit_test(an_unknown_changefeed_waits_for_the_next_whole_reading),
		cmocka_unit_test(another_target_makes_the_books_unknown),
		cmocka_unit_test(sums_agree_with_counting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
