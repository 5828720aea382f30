/* The frame: what a step does with its input, and in which order. */
#include "coordinator_fixture.h"

static struct fixture f;

static int setup(void **state)
{
	(void)state;
	fixture_init(&f, TD_FAMILY_MANAGED);
	f.process.counts.dispatchers = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

static void an_idle_core_wants_nothing(void **state)
{
	(void)state;
	fixture_tick(&f);
	assert_true(td_core_deadline(f.core) == INT64_MAX);
	assert_int_equal(f.waiting_count, 0);
	assert_null(td_core_view(f.core, "nobody"));
	fixture_delete(&f, "nobody");
	assert_string_equal(td_core_summary(f.core).active_uid, "");
}

static void a_request_deleted_at_any_moment_leaves_an_idle_core(void **state)
{
	(void)state;
	for (int64_t at = 0; at < 12000; at += 50) {
		const struct td_request_input input = fixture_pod_request("u", "pod-a");

		fixture_new_leader(&f);
		f.process.counts.dispatchers = at > 6000 ? 0 : 1;
		f.held = at % 100 ? BIT(TD_EFFECT_OBSERVE_PROCESS) | BIT(TD_EFFECT_PUBLISH) : 0;
		fixture_request(&f, &input);
		fixture_run(&f, at);
		fixture_delete(&f, "u");
		f.held = 0;
		fixture_run(&f, td_core_defaults.settle_ms + 3000);
		assert_true(td_core_deadline(f.core) == INT64_MAX);
		assert_int_equal(td_core_summary(f.core).requests, 0);
		assert_string_equal(td_core_summary(f.core).active_uid, "");
		assert_int_equal(td_core_summary(f.core).moves_in_flight, 0);
	}
}

static void a_family_found_out_for_a_former_drain_is_not_the_next_ones(void **state)
{
	const struct td_request_input first = fixture_pod_request("u", "pod-a"), second = fixture_pod_request("v", "pod-b");
	struct td_effect late;

	(void)state;
	f.held = BIT(TD_EFFECT_DETECT_FAMILY);
	fixture_request(&f, &first);
	fixture_run(&f, 2000);
	late = fixture_take(&f, TD_EFFECT_DETECT_FAMILY);
	fixture_delete(&f, "u");
	fixture_request(&f, &second);
	fixture_run(&f, 2000);
	f.family = TD_FAMILY_FAKE_DRAIN;
	fixture_answer(&f, &late, TD_OUTCOME_DONE);
	assert_int_equal(f.core->family, TD_FAMILY_UNKNOWN);
	fixture_run(&f, 3000);
	assert_int_equal(fixture_waiting(&f, TD_EFFECT_DETECT_FAMILY), 1);
}

/* Two cores that are told the same do the same, byte for byte. */
static void the_same_inputs_give_the_same_effects(void **state)
{
	char trace[2][60000];

	(void)state;
	for (int round = 0; round < 2; round++) {
		size_t used = 0;
		const struct td_request_input one = fixture_pod_request("u", "pod-a"),
					      two = fixture_pod_request("v", "pod-b");

		fixture_new_leader(&f);
		f.now_ms = 100000;
		fixture_request(&f, &one);
		fixture_request(&f, &two);
		for (int i = 0; i < 200; i++) {
			for (size_t j = 0; j < f.waiting_count && used < sizeof(trace[0]) - 400; j++)
				used += (size_t)snprintf(trace[round] + used, sizeof(trace[0]) - used, "%llu %d %s %s %s\n",
							 (unsigned long long)f.waiting[j].id, f.waiting[j].kind,
							 f.waiting[j].uid, f.waiting[j].node, f.waiting[j].address);
			fixture_run(&f, 37);
		}
	}
	assert_string_equal(trace[0], trace[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_idle_core_wants_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_request_deleted_at_any_moment_leaves_an_idle_core, setup, teardown),
		cmocka_unit_test_setup_teardown(a_family_found_out_for_a_former_drain_is_not_the_next_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(the_same_inputs_give_the_same_effects, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
