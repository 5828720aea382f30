/* What is read off a pod, and what the informers keep of objects. */
#include "sidecar/cluster_view.h"

#include "base/json.h"
#include "base_test.h"

#define DELETED "2026-11-23T13:18:38Z"
#define DELETED_MS 1795439918000

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	assert_non_null(value);
	return value;
}

static void living_pod_is_read(void **state)
{
	json_t *object = parse("{\"metadata\":{\"name\":\"ticdc-0\",\"uid\":\"u\"},\"status\":{\"podIP\":\"10.0.0.7\"}}");
	struct td_pod pod;

	(void)state;
	assert_true(td_pod_read(&pod, object));
	assert_string_equal(pod.name, "ticdc-0");
	assert_string_equal(pod.uid, "u");
	assert_string_equal(pod.ip, "10.0.0.7");
	assert_false(pod.terminating);
	assert_int_equal(pod.deletion_wall_ms, 0);
	assert_int_equal(td_pod_drain_deadline(&pod, 30000), 0);
	json_decref(object);
}

static void terminating_pod_is_read(void **state)
{
	json_t *object = parse("{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"deletionTimestamp\":\"" DELETED
			       "\",\"deletionGracePeriodSeconds\":600}}");
	struct td_pod pod;

	(void)state;
	assert_true(td_pod_read(&pod, object));
	assert_true(pod.terminating);
	assert_int_equal(pod.deletion_wall_ms, DELETED_MS);
	assert_int_equal(pod.grace_ms, 600000);
	assert_string_equal(pod.ip, "");
	json_decref(object);
}

static void odd_pod_is_no_pod(void **state)
{
	static const char *const odd[] = {
		"{}",
		"[]",
		"{\"metadata\":{\"name\":\"a\"}}",
		"{\"metadata\":{\"uid\":\"u\"}}",
		"{\"metadata\":{\"name\":1,\"uid\":\"u\"}}",
		"{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"deletionTimestamp\":\"soon\"}}",
		"{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"deletionTimestamp\":5}}",
		"{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"deletionTimestamp\":\"\"}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		json_t *object = parse(odd[i]);
		struct td_pod pod;

		if (td_pod_read(&pod, object))
			fail_msg("taken for a pod: %s", odd[i]);
		json_decref(object);
	}
}

static void grace_period_out_of_bounds_is_no_surprise(void **state)
{
	static const struct {
		const char *grace;
		int64_t least_ms;
	} cases[] = {
		{"0", 0},
		{"-5", 0},
		{"\"600\"", 0},
		{"9223372036854775807", 600000},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[256];
		json_t *object;
		struct td_pod pod;

		(void)snprintf(text, sizeof(text),
			       "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"deletionTimestamp\":\"" DELETED
			       "\",\"deletionGracePeriodSeconds\":%s}}",
			       cases[i].grace);
		object = parse(text);
		assert_true(td_pod_read(&pod, object));
		assert_true(pod.grace_ms >= cases[i].least_ms);
		if (!cases[i].least_ms)
			assert_int_equal(pod.grace_ms, 0);
		json_decref(object);
	}
}

static void reserve_is_at_most_a_quarter_of_the_grace(void **state)
{
	static const struct {
		int64_t grace_ms, reserve_ms, taken_ms;
	} cases[] = {
		{600000, 30000, 30000},
		{600000, 150000, 150000},
		{600000, 150001, 150000},
		{30000, 30000, 7500},
		{0, 30000, 0},
		{600000, 0, 0},
		{3, 30000, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct td_pod pod = {
			.terminating = true, .deletion_wall_ms = DELETED_MS, .grace_ms = cases[i].grace_ms};

		assert_int_equal(DELETED_MS - td_pod_drain_deadline(&pod, cases[i].reserve_ms), cases[i].taken_ms);
	}
}

static void address_belongs_to_the_pod_whose_it_is(void **state)
{
	static const struct {
		const char *name, *ip, *address;
		bool is;
	} cases[] = {
		{"ticdc-1", "10.0.0.1", "10.0.0.1:8300", true},
		{"ticdc-1", "10.0.0.1", "10.0.0.11:8300", false},
		{"ticdc-1", "10.0.0.11", "10.0.0.1:8300", false},
		{"ticdc-1", "10.0.0.1", "10.0.0.1", true}, /* no port */
		{"ticdc-1", "", ":8300", false},	   /* no IP yet, no host */
		{"ticdc-1", "", "", false},
		{"ticdc-1", "", "ticdc-1:8300", true},
		{"ticdc-1", "", "ticdc-1", true},
		{"ticdc-1", "", "ticdc-1.ticdc-peer.ns.svc:8300", true},
		{"ticdc-1", "", "ticdc-1.ticdc-peer.ns.svc", true},
		{"ticdc-1", "", "ticdc-10.ticdc-peer.ns.svc:8300", false},
		{"ticdc-1", "", "ticdc-10:8300", false},
		{"ticdc-10", "", "ticdc-1:8300", false},
		{"ticdc-10", "", "ticdc-1.ticdc-10.ns.svc:8300", false},
		{"ticdc-1", "", "my-ticdc-1.ticdc-peer:8300", false},
		{"ticdc-1", "", "ticdc-peer.ticdc-1:8300", false},
		{"ticdc-1", "fd00::1", "[fd00::1]:8300", true},
		{"ticdc-1", "fd00::1", "[fd00::11]:8300", false},
		{"ticdc-1", "fd00::11", "[fd00::1]:8300", false},
		{"ticdc-1", "10.0.0.1", "[]:8300", false},
		{"ticdc-1", "", "[]:8300", false},
		{"ticdc-1", "10.0.0.1", "[", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct td_pod pod = {.name = cases[i].name, .uid = "u", .ip = cases[i].ip};

		if (td_pod_has_address(&pod, cases[i].address) != cases[i].is)
			fail_msg("%s (%s), %s: should be %d", cases[i].name, cases[i].ip, cases[i].address, cases[i].is);
	}
}

static void pod_is_ready_only_when_its_condition_says_true(void **state)
{
	static const struct {
		const char *status;
		bool is;
	} cases[] = {
		{"{\"conditions\":[{\"type\":\"Initialized\",\"status\":\"True\"},{\"type\":\"Ready\",\"status\":\"True\"}]"
		 "}",
		 true},
		{"{\"conditions\":[{\"type\":\"ContainersReady\",\"status\":\"True\"}]}", false},
		{"{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}", false},
		{"{\"conditions\":[{\"type\":\"Ready\",\"status\":\"Unknown\"}]}", false},
		{"{\"conditions\":[{\"type\":\"Ready\",\"status\":true},{\"type\":\"Ready\"},7,null]}", false},
		{"{\"conditions\":{\"Ready\":\"True\"}}", false},
		{"{\"conditions\":null}", false},
		{"{}", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *object = parse("{\"metadata\":{\"name\":\"a\",\"uid\":\"u\"}}");
		struct td_pod pod;

		assert_int_equal(json_object_set_new(object, "status", parse(cases[i].status)), 0);
		assert_true(td_pod_read(&pod, object));
		if (pod.ready != cases[i].is)
			fail_msg("%s: should be %d", cases[i].status, cases[i].is);
		json_decref(object);
	}
}

static void pod_is_read_the_same_from_its_projection(void **state)
{
	json_t *object = parse(
		"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"7\",\"labels\":{\"x\":"
		"\"y\"},\"deletionTimestamp\":\"" DELETED "\",\"deletionGracePeriodSeconds\":60,\"managedFields\":[{}]},"
		"\"spec\":{\"containers\":[{}]},\"status\":{\"podIP\":\"10.0.0.7\",\"phase\":\"Running\",\"conditions\":[{"
		"\"type\":\"Ready\"}]}}");
	json_t *before = json_deep_copy(object), *small = td_pod_project(object);
	json_t *wanted = parse(
		"{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"7\",\"deletionTimestamp\":\"" DELETED
		"\",\"deletionGracePeriodSeconds\":60},\"status\":{\"podIP\":\"10.0.0.7\",\"conditions\":[{\"type\":"
		"\"Ready\"}]}}");

	(void)state;
	assert_true(json_equal(small, wanted));
	assert_true(json_equal(object, before));
	json_decref(small);
	json_decref(wanted);
	json_decref(before);
	json_decref(object);
}

static void projection_of_a_young_pod_invents_nothing(void **state)
{
	json_t *object = parse("{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"deletionTimestamp\":null}}");
	json_t *small = td_pod_project(object), *wanted = parse("{\"metadata\":{\"name\":\"a\",\"uid\":\"u\"}}");

	(void)state;
	assert_true(json_equal(small, wanted));
	json_decref(small);
	json_decref(wanted);
	json_decref(object);
}

static void drain_loses_only_its_managed_fields(void **state)
{
	json_t *object = parse(
		"{\"kind\":\"DrainRequest\",\"metadata\":{\"name\":\"d\",\"uid\":\"u\",\"managedFields\":[{\"a\":1}],"
		"\"labels\":{\"x\":\"y\"}},\"spec\":{\"podName\":\"a\",\"new\":1},\"status\":{\"phase\":\"Draining\"}}");
	json_t *before = json_deep_copy(object), *small = td_drain_project(object), *wanted = json_deep_copy(object);

	(void)state;
	assert_int_equal(json_object_del(json_object_get(wanted, "metadata"), "managedFields"), 0);
	assert_true(json_equal(small, wanted));
	assert_true(json_equal(object, before));
	json_decref(small);
	small = td_drain_project(wanted); /* without any */
	assert_true(json_equal(small, wanted));
	json_decref(small);
	json_decref(wanted);
	json_decref(before);
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(living_pod_is_read),
		cmocka_unit_test(terminating_pod_is_read),
		cmocka_unit_test(odd_pod_is_no_pod),
		cmocka_unit_test(grace_period_out_of_bounds_is_no_surprise),
		cmocka_unit_test(reserve_is_at_most_a_quarter_of_the_grace),
		cmocka_unit_test(address_belongs_to_the_pod_whose_it_is),
		cmocka_unit_test(pod_is_ready_only_when_its_condition_says_true),
		cmocka_unit_test(pod_is_read_the_same_from_its_projection),
		cmocka_unit_test(projection_of_a_young_pod_invents_nothing),
		cmocka_unit_test(drain_loses_only_its_managed_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
