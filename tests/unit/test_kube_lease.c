/* Reading and changing a Lease: nothing unknown is lost, nothing out of range gets in, also when memory runs out. */
#include "kube/lease.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WALL 1795440000123

static const char text[] =
	"{\"future\":[1,{\"x\":null}],\"metadata\":{\"name\":\"l\",\"resourceVersion\":\"7\","
	"\"labels\":{\"a\":\"b\"}},"
	"\"spec\":{\"strategy\":\"S\",\"holderIdentity\":\"old\",\"leaseDurationSeconds\":15,\"leaseTransitions\":4,"
	"\"acquireTime\":\"A\",\"renewTime\":\"R\"}}";

static void lease_reads_its_record(void **state)
{
	json_t *lease = json_loads(text, 0, NULL);
	struct td_lease_record record;
	struct td_error err;

	(void)state;
	assert_int_equal(td_lease_read(lease, &record, &err), TD_OK);
	assert_string_equal(record.holder, "old");
	assert_int_equal(record.duration_s, 15);
	assert_int_equal(record.transitions, 4);
	assert_string_equal(record.acquire_time, "A");
	assert_string_equal(record.renew_time, "R");
	json_decref(lease);
}

static void lease_reads_broken_records_within_range(void **state)
{
	static const struct {
		const char *spec;
		int64_t duration_s, transitions;
	} cases[] = {
		{"{}", 0, 0},
		{"7", 0, 0},
		{"{\"leaseDurationSeconds\":-5,\"leaseTransitions\":-1}", 0, 0},
		{"{\"leaseDurationSeconds\":\"x\",\"leaseTransitions\":1.5}", 0, 0},
		{"{\"leaseDurationSeconds\":9223372036854775807,\"leaseTransitions\":2147483647}", INT32_MAX - 1,
		 INT32_MAX - 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *lease = json_pack("{s:{s:s}, s:o}", "metadata", "resourceVersion", "1", "spec",
					  json_loads(cases[i].spec, JSON_DECODE_ANY, NULL));
		struct td_lease_record record;
		struct td_error err;

		assert_int_equal(td_lease_read(lease, &record, &err), TD_OK);
		assert_string_equal(record.holder, "");
		assert_int_equal(record.duration_s, cases[i].duration_s);
		assert_int_equal(record.transitions, cases[i].transitions);
		json_decref(lease);
	}
}

static void lease_without_a_version_is_refused(void **state)
{
	static const char *const bad[] = {"{}", "{\"metadata\":{\"resourceVersion\":\"\"}}",
					  "{\"metadata\":{\"resourceVersion\":7}}"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *lease = json_loads(bad[i], 0, NULL);
		struct td_lease_record record;
		struct td_error err;

		assert_int_equal(td_lease_read(lease, &record, &err), TD_ERR_PROTOCOL);
		json_decref(lease);
	}
}

static void lease_changes_only_what_is_ours(void **state)
{
	const struct td_elector_action renew = {.kind = TD_ELECTOR_UPDATE, .holder = "me", .duration_s = 15};
	json_t *lease = json_loads(text, 0, NULL), *changed = td_lease_change(lease, &renew, WALL);
	json_t *spec = json_object_get(changed, "spec");

	(void)state;
	assert_string_equal(td_json_text(spec, "holderIdentity"), "me");
	assert_string_equal(td_json_text(spec, "renewTime"), "2026-11-23T13:20:00.123000Z");
	assert_string_equal(td_json_text(spec, "acquireTime"), "A");
	assert_string_equal(td_json_text(spec, "strategy"), "S");
	/* Put the old values back: it must be what it was. */
	assert_int_equal(json_object_update(spec, json_object_get(lease, "spec")), 0);
	assert_true(json_equal(changed, lease));
	json_decref(changed);
	json_decref(lease);
}

static void lease_is_made_from_nothing(void **state)
{
	const struct td_elector_action create = {.kind = TD_ELECTOR_CREATE, .holder = "me", .acquire = true};
	json_t *lease = td_lease_new("ns", "l"), *changed = td_lease_change(lease, &create, WALL);

	(void)state;
	assert_string_equal(td_json_text(changed, "apiVersion"), "coordination.k8s.io/v1");
	assert_string_equal(td_json_text(changed, "metadata.namespace"), "ns");
	assert_string_equal(td_json_text(changed, "metadata.name"), "l");
	assert_string_equal(td_json_text(changed, "spec.acquireTime"), td_json_text(changed, "spec.renewTime"));
	json_decref(changed);
	json_decref(lease);
}

static long fail_in = -1; /* so many more of jansson's allocations succeed; -1: all */

static void *flaky_malloc(size_t size)
{
	return fail_in >= 0 && fail_in-- == 0 ? NULL : malloc(size);
}

static void lease_is_changed_wholly_or_not_at_all(void **state)
{
	const struct td_elector_action renew = {.kind = TD_ELECTOR_UPDATE, .holder = "me", .acquire = true};
	static const char *const texts[] = {text, "{\"metadata\":{\"resourceVersion\":\"1\"}}"};
	int failures = 0;

	(void)state;
	json_set_alloc_funcs(flaky_malloc, free);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *lease = json_loads(texts[i], 0, NULL), *expected = td_lease_change(lease, &renew, WALL);

		for (long nth = 0;; nth++) {
			json_t *changed;
			bool through;

			fail_in = nth;
			changed = td_lease_change(lease, &renew, WALL);
			through = fail_in >= 0;
			fail_in = -1;
			if (changed && !json_equal(changed, expected))
				fail_msg("allocation %ld: a part is missing", nth);
			failures += !changed;
			json_decref(changed);
			if (through)
				break;
		}
		json_decref(expected);
		json_decref(lease);
	}
	json_set_alloc_funcs(malloc, free);
	assert_true(failures > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lease_reads_its_record),
		cmocka_unit_test(lease_reads_broken_records_within_range),
		cmocka_unit_test(lease_without_a_version_is_refused),
		cmocka_unit_test(lease_changes_only_what_is_ours),
		cmocka_unit_test(lease_is_made_from_nothing),
		cmocka_unit_test(lease_is_changed_wholly_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
