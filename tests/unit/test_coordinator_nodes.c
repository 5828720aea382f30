/* The node table, and whom work may go to. */
#include "coordinator_fixture.h"

static struct td_node_view node(const char *id, const char *address)
{
	return (struct td_node_view){.id = id, .address = address, .answers = true, .pod = ""};
}

static void apply(struct td_nodes *nodes, const struct td_node_view *views, size_t count, const char *coordinator)
{
	assert_true(td_nodes_apply(nodes, 1, &(struct td_nodes_view){coordinator, views, count}));
}

static void a_node_that_leaves_takes_its_liveness_with_it(void **state)
{
	const struct td_node_view both[] = {node("b", "b:1"), node("a", "a:1")};
	struct td_nodes nodes;

	(void)state;
	td_nodes_init(&nodes);
	apply(&nodes, both, 2, "a");
	assert_true(td_liveness_begin_drain(&td_nodes_find(&nodes, "b")->liveness));
	apply(&nodes, both, 2, "a");
	assert_int_equal(td_liveness_of(&td_nodes_find(&nodes, "b")->liveness), TD_DRAINING);
	apply(&nodes, &both[1], 1, "a");
	assert_null(td_nodes_find(&nodes, "b"));
	apply(&nodes, both, 2, "a");
	assert_int_equal(td_liveness_of(&td_nodes_find(&nodes, "b")->liveness), TD_ALIVE);
	td_nodes_done(&nodes);
}

static void a_process_that_says_stopping_is_not_alive_for_us(void **state)
{
	struct td_node_view view = node("a", "a:1");
	struct td_nodes nodes;

	(void)state;
	td_nodes_init(&nodes);
	view.reported_liveness = TD_STOPPING;
	apply(&nodes, &view, 1, "");
	view.reported_liveness = TD_ALIVE; /* as if it could go back */
	apply(&nodes, &view, 1, "");
	assert_int_equal(td_liveness_of(&nodes.items[0].liveness), TD_STOPPING);
	assert_false(td_node_is_schedulable(&nodes.items[0]));
	td_nodes_done(&nodes);
}

static void of_two_entries_with_one_address_the_one_that_answers_is_meant(void **state)
{
	struct td_node_view views[] = {node("a-old", "a:1"), node("b-new", "a:1")};
	struct td_nodes nodes;

	(void)state;
	views[0].answers = false;
	views[0].pod = views[1].pod = "pod-a";
	td_nodes_init(&nodes);
	apply(&nodes, views, 2, "");
	assert_string_equal(td_nodes_at_address(&nodes, "a:1")->id, "b-new");
	assert_string_equal(td_nodes_of_pod(&nodes, "pod-a")->id, "b-new");
	assert_null(td_nodes_at_address(&nodes, ""));
	assert_null(td_nodes_of_pod(&nodes, ""));
	td_nodes_done(&nodes);
}

static void the_coordinator_is_certain_after_two_lists(void **state)
{
	const struct td_node_view view = node("a", "a:1");
	struct td_nodes nodes;

	(void)state;
	td_nodes_init(&nodes);
	apply(&nodes, &view, 1, "a");
	assert_int_equal(nodes.coordinator_reads, 1);
	apply(&nodes, &view, 1, "a");
	assert_int_equal(nodes.coordinator_reads, 2);
	apply(&nodes, &view, 1, "");
	assert_int_equal(nodes.coordinator_reads, 0);
	apply(&nodes, &view, 1, "a");
	assert_int_equal(nodes.coordinator_reads, 1);
	td_nodes_done(&nodes);
}

static void nobody_who_is_leaving_or_silent_may_receive_work(void **state)
{
	static const struct {
		const char *what;
		struct td_node node;
		bool may;
	} cases[] = {
		{"healthy", {.answers = true}, true},
		{"silent", {.answers = false}, false},
		{"liveness unknown", {.answers = true, .reported_liveness = -1}, false},
		{"draining by its own word", {.answers = true, .reported_liveness = TD_DRAINING}, false},
		{"draining by us", {.answers = true, .liveness = {TD_DRAINING}}, false},
		{"stopping by us", {.answers = true, .liveness = {TD_STOPPING}}, false},
		{"pod terminating", {.answers = true, .pod_terminating = true}, false},
		{"leaving", {.answers = true, .leaving = true}, false},
		{"queued", {.answers = true, .queued = true}, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (td_node_is_schedulable(&cases[i].node) != cases[i].may)
			fail_msg("%s", cases[i].what);
}

static void a_queued_node_receives_work_only_when_there_is_no_other(void **state)
{
	const struct td_node_view views[] = {node("a", "a:1"), node("b", "b:1")};
	struct td_nodes nodes;

	(void)state;
	td_nodes_init(&nodes);
	apply(&nodes, views, 2, "");
	nodes.items[0].queued = true;
	nodes.items[1].maintainers = 100;
	assert_string_equal(td_nodes_least_loaded(&nodes, TD_LOAD_MAINTAINERS, NULL)->id, "b");
	assert_string_equal(td_nodes_least_loaded(&nodes, TD_LOAD_MAINTAINERS, "b")->id, "a");
	nodes.items[0].leaving = true;
	assert_null(td_nodes_least_loaded(&nodes, TD_LOAD_MAINTAINERS, "b"));
	td_nodes_done(&nodes);
}

/* The dumb twin: sort all by (unfit, queued, load, id) and take the first. */
static int by_merit(const void *a, const void *b)
{
	const struct td_node *x = *(const struct td_node *const *)a, *y = *(const struct td_node *const *)b;
	int64_t x_load = (int64_t)x->dispatchers + x->dispatchers_coming,
		y_load = (int64_t)y->dispatchers + y->dispatchers_coming;

	if (td_node_is_schedulable(x) != td_node_is_schedulable(y))
		return td_node_is_schedulable(x) ? -1 : 1;
	if (x->queued != y->queued)
		return x->queued ? 1 : -1;
	if (x_load != y_load)
		return x_load < y_load ? -1 : 1;
	return strcmp(x->id, y->id);
}

static const struct td_node *dumb_choice(const struct td_nodes *nodes, const char *except)
{
	const struct td_node *all[32];
	size_t count = 0;

	for (size_t i = 0; i < nodes->count; i++)
		if (strcmp(nodes->items[i].id, except) != 0)
			all[count++] = &nodes->items[i];
	qsort(all, count, sizeof(all[0]), by_merit);
	return count && td_node_is_schedulable(all[0]) ? all[0] : NULL;
}

static void choices_are_those_of_a_slow_and_obvious_planner(void **state)
{
	unsigned seed = 1;
	char ids[20][8];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct td_node_view views[20];
		struct td_nodes nodes;
		size_t count = (size_t)(rand_r(&seed) % 20);
		char except[8];

		for (size_t i = 0; i < count; i++) {
			(void)snprintf(ids[i], sizeof(ids[i]), "n%02zu", (i * 7 + 3) % 20);
			views[i] = node(ids[i], "x:1");
			views[i].answers = rand_r(&seed) % 5 != 0;
			views[i].reported_liveness = rand_r(&seed) % 6 ? 0 : rand_r(&seed) % 4 - 1;
		}
		td_nodes_init(&nodes);
		apply(&nodes, views, count, "");
		for (size_t i = 0; i < count; i++) {
			nodes.items[i].dispatchers = (uint32_t)(rand_r(&seed) % 4);
			nodes.items[i].dispatchers_coming = (uint32_t)(rand_r(&seed) % 3);
			nodes.items[i].leaving = rand_r(&seed) % 5 == 0;
			nodes.items[i].queued = rand_r(&seed) % 3 == 0;
		}
		(void)snprintf(except, sizeof(except), "n%02d", rand_r(&seed) % 20);
		if (dumb_choice(&nodes, except) != td_nodes_least_loaded(&nodes, TD_LOAD_DISPATCHERS, except))
			fail_msg("round %d", round);
		td_nodes_done(&nodes);
	}
}

static void a_huge_load_does_not_wrap_around(void **state)
{
	const struct td_node_view views[] = {node("a", "a:1"), node("b", "b:1")};
	struct td_nodes nodes;

	(void)state;
	td_nodes_init(&nodes);
	apply(&nodes, views, 2, "");
	nodes.items[0].dispatchers = UINT32_MAX;
	nodes.items[0].dispatchers_coming = 1;
	nodes.items[1].dispatchers = 5;
	assert_string_equal(td_nodes_least_loaded(&nodes, TD_LOAD_DISPATCHERS, NULL)->id, "b");
	td_nodes_done(&nodes);
}

static void the_last_node_is_the_one_whose_peers_all_terminate(void **state)
{
	struct td_node_view views[] = {node("a", "a:1"), node("b", "b:1")};
	struct td_nodes nodes;

	(void)state;
	td_nodes_init(&nodes);
	apply(&nodes, views, 2, "");
	assert_false(td_nodes_is_last(&nodes, "a"));
	views[1].pod_terminating = true;
	apply(&nodes, views, 2, "");
	assert_true(td_nodes_is_last(&nodes, "a"));
	assert_false(td_nodes_is_last(&nodes, "b"));
	td_nodes_done(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_that_leaves_takes_its_liveness_with_it),
		cmocka_unit_test(a_process_that_says_stopping_is_not_alive_for_us),
		cmocka_unit_test(of_two_entries_with_one_address_the_one_that_answers_is_meant),
		cmocka_unit_test(the_coordinator_is_certain_after_two_lists),
		cmocka_unit_test(nobody_who_is_leaving_or_silent_may_receive_work),
		cmocka_unit_test(a_queued_node_receives_work_only_when_there_is_no_other),
		cmocka_unit_test(choices_are_those_of_a_slow_and_obvious_planner),
		cmocka_unit_test(a_huge_load_does_not_wrap_around),
		cmocka_unit_test(the_last_node_is_the_one_whose_peers_all_terminate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
