/* Which of several DrainRequests is a capture's drain, whether another capture is being drained, and what is told of it. */
#include "sidecar/drain_api_search.h"

#include "base_test.h"

#define CAPTURE "c-1"

/* A request, in short. */
struct row {
	const char *name, *phase; /* phase NULL: no status */
	const char *spec;	  /* JSON */
	const char *status;	  /* more members of it; "" or ",..." */
	const char *created;	  /* seconds; NULL: 10 */
	const char *cluster;	  /* NULL: no label */
};

static json_t *object_of(const struct row *row)
{
	char text[2048];
	json_error_t error;
	json_t *object;

	(void)snprintf(text, sizeof(text),
		       "{\"metadata\":{\"name\":\"%s\",\"uid\":\"u-%s\",\"creationTimestamp\":\"2026-11-23T13:18:%sZ\","
		       "\"labels\":{\"drain.ticdc.dev/cluster\":\"%s\"}},\"spec\":%s,\"status\":{%s%s%s%s}}",
		       row->name, row->name, row->created ? row->created : "10", row->cluster ? row->cluster : "ticdc",
		       row->spec, row->phase ? "\"phase\":\"" : "", row->phase ? row->phase : "", row->phase ? "\"" : "",
		       row->status ? row->status : "");
	object = json_loads(text, 0, &error);
	if (!object)
		fail_msg("%s: %s", text, error.text);
	return object;
}

#define ROW(name, phase, spec)                                                                                              \
	{                                                                                                                   \
		name, phase, spec, NULL, NULL, NULL                                                                         \
	}
#define WITH(name, phase, spec, status)                                                                                     \
	{                                                                                                                   \
		name, phase, spec, status, NULL, NULL                                                                       \
	}
#define AT(name, phase, spec, created)                                                                                      \
	{                                                                                                                   \
		name, phase, spec, NULL, created, NULL                                                                      \
	}
#define IN(name, phase, spec, cluster)                                                                                      \
	{                                                                                                                   \
		name, phase, spec, NULL, NULL, cluster                                                                      \
	}

#define MINE "{\"captureID\":\"c-1\"}"
#define DRY "{\"captureID\":\"c-1\",\"dryRun\":true}"
#define OTHER "{\"captureID\":\"c-2\"}"
#define POD "{\"podName\":\"ticdc-1\"}"

struct expected {
	const char *name; /* "": none */
	bool settled;
	const char *busy;
};

static void search_all(const struct row *rows, size_t count, bool no_dry_runs, const struct expected *expected)
{
	json_t *objects[8];

	/* The order in which they come must not matter. */
	for (int backwards = 0; backwards < 2; backwards++) {
		struct td_drain_search search = {
			.cluster = "ticdc", .capture = CAPTURE, .pod = "ticdc-1", .no_dry_runs = no_dry_runs};

		for (size_t i = 0; i < count; i++) {
			objects[i] = object_of(&rows[backwards ? count - 1 - i : i]);
			td_drain_search_look("", objects[i], &search);
		}
		assert_string_equal(search.object ? json_string_value(json_object_get(
							    json_object_get(search.object, "metadata"), "name"))
						  : "",
				    expected->name);
		assert_int_equal(search.settled, expected->settled);
		assert_string_equal(search.busy, expected->busy);
		for (size_t i = 0; i < count; i++)
			json_decref(objects[i]);
	}
}

static void open_one_counts_most_then_a_proof_then_the_newest(void **state)
{
	static const struct {
		struct row rows[3];
		struct expected expected;
	} cases[] = {
		{{ROW("a", NULL, OTHER)}, {"", false, ""}},
		{{ROW("a", NULL, MINE)}, {"a", true, ""}},
		{{ROW("a", "Pending", MINE)}, {"a", true, ""}},
		{{ROW("a", "Draining", MINE)}, {"a", true, ""}},
		{{ROW("a", "Verifying", MINE)}, {"a", true, ""}},
		{{ROW("a", "Drained", MINE)}, {"a", true, ""}},
		{{ROW("a", "Released", MINE)}, {"a", true, ""}},
		{{ROW("a", "Failed", MINE)}, {"a", false, ""}},
		{{ROW("a", "TimedOut", MINE)}, {"a", false, ""}},
		{{ROW("a", "Cancelled", MINE)}, {"a", false, ""}},
		{{ROW("a", "Unsupported", MINE)}, {"a", false, ""}},
		{{AT("a", "Failed", MINE, "20"), AT("b", "Draining", MINE, "10")}, {"b", true, ""}},
		{{AT("a", "Failed", MINE, "20"), AT("b", "Drained", MINE, "10")}, {"b", true, ""}},
		{{AT("a", "Drained", MINE, "20"), AT("b", "Pending", MINE, "10")}, {"b", true, ""}},
		{{AT("a", "Failed", MINE, "20"), AT("b", "TimedOut", MINE, "10")}, {"a", false, ""}},
		{{ROW("x-2", "Failed", MINE), ROW("x", "TimedOut", MINE)}, {"x-2", false, ""}},
		{{ROW("x-10", "Failed", MINE), ROW("x-9", "TimedOut", MINE)}, {"x-10", false, ""}},
		/* A pod's own request: by the capture that it found, or while it waits, by the pod. */
		{{WITH("p", "Draining", POD, ",\"captureID\":\"c-1\"")}, {"p", true, ""}},
		{{WITH("p", "Drained", POD, ",\"captureID\":\"c-1\"")}, {"p", true, ""}},
		{{WITH("p", "Draining", POD, ",\"captureID\":\"c-9\"")}, {"", false, "ticdc-1"}},
		{{ROW("p", "Pending", POD)}, {"p", true, ""}},
		{{ROW("p", NULL, POD)}, {"p", true, ""}},
		{{ROW("p", "Failed", POD)}, {"", false, ""}}, /* whose capture it was is not known */
		/* What belongs to others or makes no sense. */
		{{IN("a", "Pending", MINE, "other")}, {"", false, ""}},
		{{ROW("a", "Pending", "{\"captureID\":\"c-1\",\"podName\":\"ticdc-1\"}")}, {"", false, ""}},
		{{ROW("a", "Pending", "{}")}, {"", false, ""}},
		{{ROW("a", "Asleep", MINE)}, {"", false, ""}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t count = 0;

		while (count < COUNT(cases[i].rows) && cases[i].rows[count].name)
			count++;
		search_all(cases[i].rows, count, false, &cases[i].expected);
		search_all(cases[i].rows, count, true, &cases[i].expected);
	}
}

static void dry_run_answers_only_those_who_take_it(void **state)
{
	const struct row open[] = {ROW("d", "Pending", DRY)},
			 both[] = {ROW("d", "Pending", DRY), ROW("a", "Draining", MINE)};
	const struct row ended[] = {AT("d", "Cancelled", DRY, "20"), AT("a", "Failed", MINE, "10")};

	(void)state;
	search_all(open, 1, false, &(struct expected){"d", true, ""});
	search_all(open, 1, true, &(struct expected){"", false, ""});
	search_all(both, 2, false, &(struct expected){"a", true, ""});
	search_all(both, 2, true, &(struct expected){"a", true, ""});
	search_all(ended, 2, false, &(struct expected){"d", false, ""});
	search_all(ended, 2, true, &(struct expected){"a", false, ""});
}

static void another_active_drain_is_named_by_pod_or_capture(void **state)
{
	static const struct {
		struct row row;
		const char *busy;
	} cases[] = {
		{ROW("o", "Draining", OTHER), "c-2"},
		{ROW("o", "Verifying", OTHER), "c-2"},
		{WITH("o", "Draining", OTHER, ",\"podName\":\"ticdc-2\""), "ticdc-2"},
		{ROW("o", "Draining", "{\"podName\":\"ticdc-2\"}"), "ticdc-2"},
		{ROW("o", "Pending", OTHER), ""},
		{ROW("o", NULL, OTHER), ""},
		{ROW("o", "Drained", OTHER), ""},
		{ROW("o", "Failed", OTHER), ""},
		{IN("o", "Draining", OTHER, "elsewhere"), ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		search_all(&cases[i].row, 1, true, &(struct expected){"", false, cases[i].busy});
}

static void tells(const struct row *row, const char *expected)
{
	const struct td_drain_search search = {.cluster = "ticdc", .capture = CAPTURE, .pod = "ticdc-1"};
	json_t *object = object_of(row), *answer = td_drain_search_answer(&search, object);
	char *text = json_dumps(answer, JSON_COMPACT);

	assert_string_equal(text, expected);
	free(text);
	json_decref(answer);
	json_decref(object);
}

static void what_is_not_known_is_null(void **state)
{
	(void)state;
	tells(&(struct row)ROW("a", NULL, MINE),
	      "{\"capture_id\":\"c-1\",\"drain_request\":\"a\",\"target\":\"ticdc-1\",\"dry_run\":false,\"phase\":"
	      "\"Pending\","
	      "\"reason\":\"\",\"message\":\"\",\"current_maintainer_count\":null,\"current_dispatcher_count\":null}");
	tells(&(struct row)WITH("a", "Draining", DRY,
				",\"reason\":\"MovingMaintainers\",\"message\":\"m\",\"podName\":\"ticdc-7\","
				"\"remaining\":{\"maintainers\":3,\"dispatchers\":40}"),
	      "{\"capture_id\":\"c-1\",\"drain_request\":\"a\",\"target\":\"ticdc-7\",\"dry_run\":true,\"phase\":"
	      "\"Draining\","
	      "\"reason\":\"MovingMaintainers\",\"message\":\"m\",\"current_maintainer_count\":3,"
	      "\"current_dispatcher_count\":40}");
	tells(&(struct row)WITH("a", "Draining", MINE, ",\"remaining\":{\"maintainers\":0}"),
	      "{\"capture_id\":\"c-1\",\"drain_request\":\"a\",\"target\":\"ticdc-1\",\"dry_run\":false,\"phase\":"
	      "\"Draining\","
	      "\"reason\":\"\",\"message\":\"\",\"current_maintainer_count\":null,\"current_dispatcher_count\":null}");
	tells(&(struct row)WITH("a", "Released", MINE, ",\"remaining\":{\"maintainers\":0,\"dispatchers\":0}"),
	      "{\"capture_id\":\"c-1\",\"drain_request\":\"a\",\"target\":\"ticdc-1\",\"dry_run\":false,\"phase\":"
	      "\"Released\","
	      "\"reason\":\"\",\"message\":\"\",\"current_maintainer_count\":0,\"current_dispatcher_count\":0}");
}

static void fits_only_its_own_capture_and_kind(void **state)
{
	static const struct {
		struct row row;
		bool fits, fits_real;
	} cases[] = {
		{ROW("a", NULL, MINE), true, true},	      {ROW("a", "Failed", MINE), true, true},
		{ROW("a", NULL, DRY), true, false},	      {ROW("a", NULL, OTHER), false, false},
		{IN("a", NULL, MINE, "other"), false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct td_drain_search search = {.cluster = "ticdc", .capture = CAPTURE, .pod = ""};
		json_t *object = object_of(&cases[i].row);

		assert_int_equal(td_drain_search_fits(&search, object), cases[i].fits);
		search.no_dry_runs = true;
		assert_int_equal(td_drain_search_fits(&search, object), cases[i].fits_real);
		json_decref(object);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_one_counts_most_then_a_proof_then_the_newest),
		cmocka_unit_test(dry_run_answers_only_those_who_take_it),
		cmocka_unit_test(another_active_drain_is_named_by_pod_or_capture),
		cmocka_unit_test(what_is_not_known_is_null),
		cmocka_unit_test(fits_only_its_own_capture_and_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
