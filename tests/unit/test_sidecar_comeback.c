/* Which pods come back after a drain: only those, once for each time that they turn Ready. */
#include "sidecar/comeback.h"

#include "base_test.h"

#define ADDED TD_INFORMER_ADDED
#define MODIFIED TD_INFORMER_MODIFIED
#define DELETED TD_INFORMER_DELETED

static int setup(void **state)
{
	*state = td_comeback_new();
	assert_non_null(*state);
	return 0;
}

static int teardown(void **state)
{
	assert_null(td_comeback_free(*state));
	return 0;
}

static bool tell_pod(struct td_comeback *comeback, enum td_informer_change change, const char *name, bool ready,
		     bool listing)
{
	json_t *object = json_pack("{s:{s:s, s:s}, s:{s:[{s:s, s:s}]}}", "metadata", "name", name, "uid", "pod-uid",
				   "status", "conditions", "type", "Ready", "status", ready ? "True" : "False");
	bool back = td_comeback_pod_changed(comeback, change, object, listing);

	json_decref(object);
	return back;
}

static bool pod(struct td_comeback *comeback, enum td_informer_change change, const char *name, bool ready)
{
	return tell_pod(comeback, change, name, ready, false);
}

static void drain(struct td_comeback *comeback, enum td_informer_change change, const char *uid, const char *pod_name,
		  const char *phase, const char *family)
{
	json_t *object = json_pack("{s:{s:s, s:s}, s:{s:s*}, s:{s:s*, s:s*}}", "metadata", "name", uid, "uid", uid, "spec",
				   "podName", pod_name, "status", "phase", phase, "family", family);

	assert_non_null(object);
	td_comeback_drain_changed(comeback, change, object);
	json_decref(object);
}

static void pod_that_restarts_after_its_drain_comes_back(void **state)
{
	static const char *const ends[] = {"Drained", "Released", "Failed", "TimedOut"};

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		struct td_comeback *comeback = td_comeback_new();

		assert_false(tell_pod(comeback, ADDED, "a", true, true));
		drain(comeback, ADDED, "d", "a", "Draining", "M");
		drain(comeback, MODIFIED, "d", "a", ends[i], "M");
		assert_false(pod(comeback, MODIFIED, "a", true)); /* it has not left yet */
		assert_false(pod(comeback, DELETED, "a", true));
		assert_false(pod(comeback, ADDED, "a", false));
		assert_true(pod(comeback, MODIFIED, "a", true));
		assert_false(pod(comeback, MODIFIED, "a", true)); /* once */
		td_comeback_free(comeback);
	}
}

static void request_that_went_with_its_pod_still_counts_once(void **state)
{
	struct td_comeback *comeback = *state;

	drain(comeback, ADDED, "d", "a", "Released", "M");
	drain(comeback, DELETED, "d", "a", "Released", "M");
	assert_true(pod(comeback, ADDED, "a", true));
	assert_false(pod(comeback, DELETED, "a", true));
	assert_false(pod(comeback, ADDED, "a", true));
}

static void request_that_goes_after_the_comeback_does_not_count_again(void **state)
{
	struct td_comeback *comeback = *state;

	drain(comeback, ADDED, "d", "a", "Released", "M");
	assert_true(pod(comeback, ADDED, "a", true));
	drain(comeback, DELETED, "d", "a", "Released", "M");
	assert_false(pod(comeback, MODIFIED, "a", false));
	assert_false(pod(comeback, MODIFIED, "a", true));
}

static void request_that_stays_counts_at_each_restart(void **state)
{
	struct td_comeback *comeback = *state;

	drain(comeback, ADDED, "d", "a", "Drained", "M");
	for (int i = 0; i < 3; i++) {
		assert_true(pod(comeback, MODIFIED, "a", true));
		assert_false(pod(comeback, MODIFIED, "a", false));
	}
}

static void without_an_ended_drain_of_that_very_pod_in_family_m_nobody_comes_back(void **state)
{
	static const struct {
		const char *pod, *phase, *family;
	} cases[] = {
		{"b", "Drained", "M"},	     {"a", "Draining", "M"}, {"a", "Verifying", "M"},	      {"a", "Pending", "M"},
		{"a", "Drained", "N1"},	     {"a", "Drained", NULL}, {"a", "Unsupported", "Unknown"}, {"a", NULL, "M"},
		{"a", "no such phase", "M"}, {NULL, "Drained", "M"},
	};
	struct td_comeback *comeback = *state;

	assert_false(pod(comeback, ADDED, "a", true)); /* none at all */
	assert_false(pod(comeback, DELETED, "a", true));
	for (size_t i = 0; i < COUNT(cases); i++) {
		drain(comeback, ADDED, "d", cases[i].pod, cases[i].phase, cases[i].family);
		if (pod(comeback, ADDED, "a", true))
			fail_msg("came back: case %zu", i);
		drain(comeback, DELETED, "d", cases[i].pod, cases[i].phase, cases[i].family);
		assert_false(pod(comeback, DELETED, "a", true));
		if (pod(comeback, ADDED, "a", true))
			fail_msg("came back after the request went: case %zu", i);
		assert_false(pod(comeback, DELETED, "a", true));
	}
}

static void pod_that_is_ready_at_startup_does_not_come_back(void **state)
{
	struct td_comeback *comeback = *state;

	drain(comeback, ADDED, "d", "a", "Drained", "M");
	assert_false(tell_pod(comeback, ADDED, "a", true, true));
	assert_false(pod(comeback, MODIFIED, "a", true));
	assert_false(tell_pod(comeback, ADDED, "b", false, true));
	drain(comeback, ADDED, "e", "b", "Drained", "M");
	assert_true(pod(comeback, MODIFIED, "b", true)); /* it was not Ready then */
}

static void terminating_pod_does_not_come_back(void **state)
{
	struct td_comeback *comeback = *state;
	json_t *object = json_pack("{s:{s:s, s:s, s:s}, s:{s:[{s:s, s:s}]}}", "metadata", "name", "a", "uid", "pod-uid",
				   "deletionTimestamp", "2036-11-23T13:18:38Z", "status", "conditions", "type", "Ready",
				   "status", "True");

	drain(comeback, ADDED, "d", "a", "Drained", "M");
	assert_false(td_comeback_pod_changed(comeback, MODIFIED, object, false));
	json_decref(object);
}

static void what_never_comes_back_is_not_remembered_for_ever(void **state)
{
	struct td_comeback *comeback = *state;
	char name[32];

	for (int i = 0; i < 1025; i++) {
		(void)snprintf(name, sizeof(name), "pod-%d", i);
		drain(comeback, ADDED, name, name, "Released", "M");
		drain(comeback, DELETED, name, name, "Released", "M");
	}
	assert_false(pod(comeback, ADDED, "pod-0", true));
	assert_true(pod(comeback, ADDED, "pod-1", true));
	assert_true(pod(comeback, ADDED, "pod-1024", true));
}

static void what_is_no_pod_and_no_request_does_nothing(void **state)
{
	struct td_comeback *comeback = *state;
	json_t *nothing = json_object();

	td_comeback_drain_changed(comeback, ADDED, nothing);
	td_comeback_drain_changed(comeback, DELETED, nothing);
	assert_false(td_comeback_pod_changed(comeback, ADDED, nothing, false));
	json_decref(nothing);
}

#define test_of(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pod_that_restarts_after_its_drain_comes_back),
		test_of(request_that_went_with_its_pod_still_counts_once),
		test_of(request_that_goes_after_the_comeback_does_not_count_again),
		test_of(request_that_stays_counts_at_each_restart),
		test_of(without_an_ended_drain_of_that_very_pod_in_family_m_nobody_comes_back),
		test_of(pod_that_is_ready_at_startup_does_not_come_back),
		test_of(terminating_pod_does_not_come_back),
		test_of(what_never_comes_back_is_not_remembered_for_ever),
		test_of(what_is_no_pod_and_no_request_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
