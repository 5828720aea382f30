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

static void a_node_that_leaves_takes_its_liveness_with_it_unless_it_was_one_odd_list(void **state)
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
	apply(&nodes, both, 2, "a"); /* one odd list: the id is the same, so it is the same process */
	assert_int_equal(td_liveness_of(&td_nodes_find(&nodes, "b")->liveness), TD_DRAINING);
	apply(&nodes, &both[1], 1, "a");
	apply(&nodes, &both[1], 1, "a");
	assert_int_equal(nodes.departed_count, 0); /* nothing grows */
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
		{"queued", {.answers = true, .queued = true}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (td_node_is_schedulable(&cases[i].node) != cases[i].may)
			fail_msg("%s", cases[i].what);
}

static void a_node_that_is_queued_or_not_informed_is_no_destination(void **state)
{
	const struct td_node_view views[] = {node("a", "a:1"), node("b", "b:1")};
	struct td_nodes nodes;

	(void)state;
	td_nodes_init(&nodes);
	apply(&nodes, views, 2, "");
	td_node_add_load(&nodes, &nodes.items[1], TD_LOAD_MAINTAINERS, 100);
	assert_string_equal(td_destinations_least_loaded(&nodes, TD_LOAD_MAINTAINERS)->id, "a");
	nodes.items[0].queued = true;
	td_destinations_rebuild(&nodes);
	assert_string_equal(td_destinations_least_loaded(&nodes, TD_LOAD_MAINTAINERS)->id, "b");
	nodes.items[1].informed = false;
	td_destinations_rebuild(&nodes);
	assert_null(td_destinations_least_loaded(&nodes, TD_LOAD_MAINTAINERS));
	assert_true(td_nodes_has_schedulable(&nodes)); /* a moment's patience may help with b, and with b only */
	nodes.items[1].leaving = true;
	assert_false(td_nodes_has_schedulable(&nodes));
	td_nodes_done(&nodes);
}

/* The slow and obvious planner: looks at all nodes, and at nothing that is kept up to date. */
static const struct td_node *slow_choice(const struct td_nodes *nodes, enum td_load kind)
{
	const struct td_node *best = NULL;

	for (size_t i = 0; i < nodes->count; i++) {
		const struct td_node *node = &nodes->items[i];
		uint64_t load = (uint64_t)node->load[kind] + node->coming[kind];
		uint64_t least = best ? (uint64_t)best->load[kind] + best->coming[kind] : 0;

		if (node->liveness.private_value != TD_ALIVE || node->reported_liveness != 0 || !node->answers ||
		    node->leaving || node->queued || node->pod_terminating || !node->informed)
			continue;
		if (!best || load < least || (load == least && strcmp(node->id, best->id) < 0))
			best = node;
	}
	return best;
}

static void draw_nodes(struct td_nodes *nodes, unsigned *seed, char ids[][8], size_t count)
{
	struct td_node_view views[20];

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "n%02zu", (i * 7 + 3) % 20);
		views[i] = node(ids[i], "x:1");
		views[i].answers = rand_r(seed) % 5 != 0;
		views[i].reported_liveness = rand_r(seed) % 6 ? 0 : rand_r(seed) % 4 - 1;
		views[i].pod_terminating = rand_r(seed) % 8 == 0;
	}
	apply(nodes, views, count, "");
	for (size_t i = 0; i < count; i++) {
		nodes->items[i].leaving = rand_r(seed) % 5 == 0;
		nodes->items[i].queued = rand_r(seed) % 5 == 0;
		nodes->items[i].informed = rand_r(seed) % 5 != 0;
	}
	td_destinations_rebuild(nodes);
}

static void choices_are_those_of_a_slow_and_obvious_planner(void **state)
{
	unsigned seed = 1;
	char ids[20][8];
	struct td_nodes nodes;

	(void)state;
	td_nodes_init(&nodes);
	for (int round = 0; round < 20000; round++) {
		size_t count = (size_t)(rand_r(&seed) % 20);

		draw_nodes(&nodes, &seed, ids, count);
		for (int change = 0; count && change < 10; change++) {
			struct td_node *node = &nodes.items[(size_t)rand_r(&seed) % count];
			enum td_load kind = (enum td_load)(rand_r(&seed) % 2);

			(rand_r(&seed) % 2 ? td_node_add_load : td_node_add_coming)(&nodes, node, kind,
										    rand_r(&seed) % 5 - 2);
			for (int k = 0; k < TD_LOAD_COUNT; k++)
				if (slow_choice(&nodes, (enum td_load)k) !=
				    td_destinations_least_loaded(&nodes, (enum td_load)k))
					fail_msg("round %d, change %d", round, change);
		}
	}
	td_nodes_done(&nodes);
}

static void a_load_neither_wraps_around_nor_falls_below_nothing(void **state)
{
	const struct td_node_view views[] = {node("a", "a:1"), node("b", "b:1")};
	struct td_nodes nodes;

	(void)state;
	td_nodes_init(&nodes);
	apply(&nodes, views, 2, "");
	nodes.items[0].load[TD_LOAD_DISPATCHERS] = UINT32_MAX;
	td_node_add_coming(&nodes, &nodes.items[0], TD_LOAD_DISPATCHERS, 1);
	td_node_add_load(&nodes, &nodes.items[1], TD_LOAD_DISPATCHERS, 5);
	td_node_add_load(&nodes, NULL, TD_LOAD_DISPATCHERS, 5);
	assert_string_equal(td_destinations_least_loaded(&nodes, TD_LOAD_DISPATCHERS)->id, "b");
	td_node_add_load(&nodes, &nodes.items[1], TD_LOAD_DISPATCHERS, -7);
	assert_int_equal(nodes.items[1].load[TD_LOAD_DISPATCHERS], 0);
	td_nodes_done(&nodes);
}

static void the_last_node_is_the_one_whose_peers_all_terminate(void **state)
{
	struct td_node_view views[] = {node("a", "a:1"), node("b", "b:1")};
	struct td_nodes nodes;

	(void)state;
	td_nodes_init(&nodes);
	apply(&nodes, views, 2, "");
	assert_false(td_nodes_is_last(&nodes, "a", true));
	views[1].pod_terminating = true;
	apply(&nodes, views, 2, "");
	assert_true(td_nodes_is_last(&nodes, "a", false));
	assert_false(td_nodes_is_last(&nodes, "b", true));
	td_nodes_done(&nodes);
}

static void where_we_place_a_peer_that_will_be_drained_does_not_count_as_a_place(void **state)
{
	struct td_node_view views[] = {node("a", "a:1"), node("b", "b:1")};
	struct td_nodes nodes;

	(void)state;
	td_nodes_init(&nodes);
	apply(&nodes, views, 2, "");
	nodes.items[1].queued = true;
	assert_true(td_nodes_is_last(&nodes, "a", true));
	assert_false(td_nodes_is_last(&nodes, "a", false)); /* TiCDC would use it */
	nodes.items[1].queued = false;
	nodes.items[1].leaving = true;
	assert_true(td_nodes_is_last(&nodes, "a", true));
	nodes.items[1].leaving = false;
	views[1].reported_liveness = TD_DRAINING;
	apply(&nodes, views, 2, "");
	assert_true(td_nodes_is_last(&nodes, "a", true));
	views[1].reported_liveness = -1; /* that may pass */
	apply(&nodes, views, 2, "");
	assert_false(td_nodes_is_last(&nodes, "a", true));
	(void)td_liveness_begin_drain(&nodes.items[1].liveness);
	assert_true(td_nodes_is_last(&nodes, "a", true));
	td_nodes_done(&nodes);
}

static void a_candidate_is_alive_or_the_only_node_left(void **state)
{
	struct td_node_view views[] = {node("a", "a:1"), node("b", "b:1")};
	struct td_nodes nodes;

	(void)state;
	td_nodes_init(&nodes);
	apply(&nodes, views, 2, "");
	assert_true(td_nodes_has_candidate(&nodes, "a"));
	(void)td_liveness_begin_drain(&nodes.items[1].liveness);
	assert_false(td_node_is_candidate(&nodes, &nodes.items[1]));
	assert_false(td_nodes_has_candidate(&nodes, "a"));
	views[0].reported_liveness = TD_STOPPING;
	apply(&nodes, views, 2, "");
	assert_false(td_nodes_has_candidate(&nodes, "b"));
	apply(&nodes, views, 1, "");
	assert_true(td_node_is_candidate(&nodes, &nodes.items[0]));
	assert_false(td_nodes_has_candidate(&nodes, "a"));
	td_nodes_done(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_that_leaves_takes_its_liveness_with_it_unless_it_was_one_odd_list),
		cmocka_unit_test(a_process_that_says_stopping_is_not_alive_for_us),
		cmocka_unit_test(of_two_entries_with_one_address_the_one_that_answers_is_meant),
		cmocka_unit_test(the_coordinator_is_certain_after_two_lists),
		cmocka_unit_test(nobody_who_is_leaving_or_silent_may_receive_work),
		cmocka_unit_test(a_node_that_is_queued_or_not_informed_is_no_destination),
		cmocka_unit_test(choices_are_those_of_a_slow_and_obvious_planner),
		cmocka_unit_test(a_load_neither_wraps_around_nor_falls_below_nothing),
		cmocka_unit_test(the_last_node_is_the_one_whose_peers_all_terminate),
		cmocka_unit_test(where_we_place_a_peer_that_will_be_drained_does_not_count_as_a_place),
		cmocka_unit_test(a_candidate_is_alive_or_the_only_node_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
