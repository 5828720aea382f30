/* Even load: when it is made, how far, and when it is not. Family M. */
#include "coordinator_fixture.h"

static struct fixture f;
static char names[16][24];
static struct td_span spans[16][16];

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

/* Nobody is drained. That many changefeeds with that many dispatchers each, all on a. */
static void start(int changefeeds, int dispatchers)
{
	fixture_init(&f, TD_FAMILY_MANAGED);
	f.performs = true;
	f.changefeed_count = (size_t)changefeeds;
	for (int i = 0; i < changefeeds; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "default/cf-%02d", i);
		for (int j = 0; j < dispatchers; j++)
			spans[i][j] = (struct td_span){j + 1, 0, "a"};
		f.changefeeds[i] = (struct td_changefeed_view){.name = names[i],
							       .running = true,
							       .maintainer_addr = "a:1",
							       .tables_known = true,
							       .spans = spans[i],
							       .span_count = (size_t)dispatchers};
	}
}

static void ask(void)
{
	fixture_step(&f, &(struct td_input){.kind = TD_INPUT_BALANCE});
}

static int maintainers_at(const char *address)
{
	int count = 0;

	for (size_t i = 0; i < f.changefeed_count; i++)
		count += strcmp(f.changefeeds[i].maintainer_addr, address) == 0;
	return count;
}

static int dispatchers_at(const char *node)
{
	int count = 0;

	for (size_t i = 0; i < f.changefeed_count; i++)
		for (size_t j = 0; j < f.changefeeds[i].span_count; j++)
			count += strcmp(f.changefeeds[i].spans[j].node, node) == 0;
	return count;
}

static void without_a_question_ticdc_is_left_alone(void **state)
{
	(void)state;
	start(9, 0);
	fixture_tick(&f);
	fixture_run(&f, 600000);
	for (int kind = 0; kind < TD_EFFECT_KIND_COUNT; kind++)
		assert_int_equal(f.emitted[kind], 0);
}

static void maintainers_are_spread_evenly_and_then_it_ends(void **state)
{
	(void)state;
	start(9, 0);
	ask();
	fixture_run(&f, 60000);
	assert_int_equal(maintainers_at("a:1"), 3);
	assert_int_equal(maintainers_at("b:1"), 3);
	assert_int_equal(maintainers_at("c:1"), 3);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 6); /* none twice */
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_IDLE);
	assert_true(td_core_deadline(f.core) == INT64_MAX);
}

static void dispatchers_are_spread_nearly_evenly(void **state)
{
	(void)state;
	start(3, 10);
	ask();
	fixture_run(&f, 120000);
	assert_in_range(dispatchers_at("a"), 9, 12);
	assert_in_range(dispatchers_at("b"), 9, 12);
	assert_in_range(dispatchers_at("c"), 9, 12);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_IDLE);
}

static void even_load_is_left_as_it_is(void **state)
{
	(void)state;
	start(3, 0);
	f.changefeeds[1].maintainer_addr = "b:1";
	f.changefeeds[2].maintainer_addr = "b:1"; /* 1, 2, 0: a difference of two */
	ask();
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 1);
	f.emitted[TD_EFFECT_MOVE_MAINTAINER] = 0;
	ask();
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 0);
}

static void a_batch_is_the_limit_here_too(void **state)
{
	(void)state;
	start(16, 4);
	f.held = BIT(TD_EFFECT_MOVE_MAINTAINER) | BIT(TD_EFFECT_MOVE_DISPATCHER);
	ask();
	fixture_run(&f, 20000);
	assert_int_equal(td_core_summary(f.core).moves_in_flight, td_core_defaults.batch_default);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_BALANCING);
}

static void a_drain_stops_it_at_once_and_what_is_under_way_is_seen_through(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-b");
	int before;

	(void)state;
	start(9, 0);
	f.performs = false;
	f.process.capture = "b";
	ask();
	fixture_run(&f, 5000);
	before = f.emitted[TD_EFFECT_MOVE_MAINTAINER];
	assert_true(before > 0);
	fixture_request(&f, &input);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_DRAINING);
	assert_true(td_core_summary(f.core).moves_in_flight > 0);
	f.performs = true;
	fixture_run(&f, 30000); /* they never happen; nobody asks again for the sake of balance */
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], before);
	assert_int_equal(td_core_summary(f.core).moves_in_flight, 0);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
}

static void after_a_drain_there_is_a_cooldown(void **state)
{
	const struct td_request_input input = fixture_pod_request("u", "pod-b");
	int64_t drained_ms;

	(void)state;
	start(9, 0);
	f.process.capture = "b";
	fixture_request(&f, &input);
	fixture_run(&f, 15000);
	assert_int_equal(fixture_view(&f, "u")->phase, TD_PHASE_DRAINED);
	drained_ms = fixture_view(&f, "u")->completed_ms;
	ask();
	fixture_run(&f, drained_ms + td_core_defaults.balance_cooldown_ms - 1 - f.now_ms);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 0);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_IDLE);
	fixture_run(&f, 60000);
	assert_int_equal(maintainers_at("b:1"), 0); /* its process was drained and still runs */
	assert_in_range(maintainers_at("a:1"), 4, 5);
	assert_in_range(maintainers_at("c:1"), 4, 5);
}

static void in_other_families_ticdc_balances_itself(void **state)
{
	(void)state;
	start(9, 0);
	f.family = TD_FAMILY_NATIVE;
	ask();
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 0);
	assert_int_equal(f.emitted[TD_EFFECT_DETECT_FAMILY], 1);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_IDLE);
	assert_true(td_core_deadline(f.core) == INT64_MAX);
}

static void load_that_cannot_be_evened_is_given_up(void **state)
{
	(void)state;
	start(9, 0);
	f.refused = BIT(TD_EFFECT_MOVE_MAINTAINER);
	ask();
	fixture_run(&f, td_core_defaults.give_up_ms + 1000);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_IDLE);
	assert_int_equal(td_core_summary(f.core).moves_in_flight, 0);
	assert_true(td_core_deadline(f.core) == INT64_MAX);
}

static void a_single_capture_is_even(void **state)
{
	(void)state;
	start(5, 3);
	f.node_count = 1;
	f.coordinator = "a";
	ask();
	fixture_run(&f, 60000);
	assert_int_equal(f.emitted[TD_EFFECT_MOVE_MAINTAINER], 0);
	assert_int_equal(td_core_summary(f.core).activity, TD_ACTIVITY_IDLE);
}

/* Found by simulation: another process came up at the address of one that had died, and by address the work had never left. */
static void a_move_ends_with_the_process_that_it_started_from(void **state)
{
	(void)state;
	start(9, 0);
	f.performs = false;
	ask();
	fixture_run(&f, 5000);
	assert_true(td_core_summary(f.core).moves_in_flight > 0);
	f.nodes[0].id = "a2"; /* the same address */
	f.held = BIT(TD_EFFECT_MOVE_MAINTAINER);
	fixture_run(&f, 2500);
	for (size_t i = 0; i < f.core->operators.count; i++)
		assert_string_not_equal(f.core->operators.items[i].origin, "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(without_a_question_ticdc_is_left_alone, teardown),
		cmocka_unit_test_teardown(maintainers_are_spread_evenly_and_then_it_ends, teardown),
		cmocka_unit_test_teardown(dispatchers_are_spread_nearly_evenly, teardown),
		cmocka_unit_test_teardown(even_load_is_left_as_it_is, teardown),
		cmocka_unit_test_teardown(a_batch_is_the_limit_here_too, teardown),
		cmocka_unit_test_teardown(a_drain_stops_it_at_once_and_what_is_under_way_is_seen_through, teardown),
		cmocka_unit_test_teardown(after_a_drain_there_is_a_cooldown, teardown),
		cmocka_unit_test_teardown(in_other_families_ticdc_balances_itself, teardown),
		cmocka_unit_test_teardown(load_that_cannot_be_evened_is_given_up, teardown),
		cmocka_unit_test_teardown(a_single_capture_is_even, teardown),
		cmocka_unit_test_teardown(a_move_ends_with_the_process_that_it_started_from, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
