/* manifests/crd.yaml held against the code: its schema against what is read and written, its columns against its schema. */
#include "base/date.h"
#include "base/json.h"
#include "manifests_fixture.h"
#include "sidecar/drainrequest.h"

#define VERSION "spec.versions.0"

/* The same values, in any order. */
static void same_names(const json_t *array, const char *const *names, size_t count, const char *what)
{
	for (size_t i = 0; i < count; i++)
		if (!holds(array, names[i]))
			fail_msg("%s lacks %s", what, names[i]);
	if (json_array_size(array) != count)
		fail_msg("%s has %zu values, not %zu", what, json_array_size(array), count);
}

/* ---- the CRD ---- */

static json_t *crd, *schema; /* schema is borrowed from crd */

static int load_crd(void **state)
{
	(void)state;
	crd = load("manifests/crd.yaml");
	assert_int_equal(json_array_size(crd), 1);
	schema = at(crd, "0." VERSION ".schema.openAPIV3Schema");
	return 0;
}

static int free_crd(void **state)
{
	(void)state;
	json_decref(crd);
	return 0;
}

static void crd_names_the_group_and_version_that_are_asked_for(void **state)
{
	const json_t *document = at(crd, "0");
	char name[128];

	(void)state;
	(void)snprintf(name, sizeof(name), "%s.%s", td_drainrequests.plural, td_drainrequests.group);
	assert_string_equal(text_at(document, "metadata.name"), name);
	assert_string_equal(text_at(document, "spec.group"), td_drainrequests.group);
	assert_string_equal(text_at(document, "spec.names.plural"), td_drainrequests.plural);
	assert_string_equal(text_at(document, "spec.names.kind"), "DrainRequest");
	assert_string_equal(text_at(document, "spec.scope"), "Namespaced");
	assert_int_equal(json_array_size(at(document, "spec.versions")), 1);
	assert_string_equal(text_at(document, VERSION ".name"), td_drainrequests.version);
	assert_true(json_is_true(at(document, VERSION ".served")) && json_is_true(at(document, VERSION ".storage")));
	assert_true(json_is_object(at(document, VERSION ".subresources.status")));
}

static void fields_are_those_of(const char *path, const char *const *fields)
{
	const json_t *properties = at(schema, path);
	size_t count = 0;

	for (; fields[count]; count++)
		if (!json_object_get(properties, fields[count]))
			fail_msg("crd.yaml: %s lacks %s", path, fields[count]);
	assert_int_equal(json_object_size(properties), count);
}

static void schema_has_the_fields_that_the_code_knows_and_no_others(void **state)
{
	(void)state;
	fields_are_those_of("properties.spec.properties", td_drain_spec_fields);
	fields_are_those_of("properties.status.properties", td_drain_status_fields);
}

/* What the API server refuses otherwise: a type everywhere, and no word that it or we do not know. */
static void check_structural(const json_t *node, const char *path)
{
	static const char *const words[] = {
		"type",	     "description", "properties", "required",	   "items",
		"format",    "enum",	    "minimum",	  "maximum",	   "minLength",
		"maxLength", "nullable",    "oneOf",	  "maxProperties", "additionalProperties"};
	const char *type = json_string_value(json_object_get(node, "type")), *key;
	json_t *value, *properties = json_object_get(node, "properties"), *items = json_object_get(node, "items");
	char below[512];
	size_t i;

	if (!type)
		fail_msg("crd.yaml: %s has no type", path);
	json_object_foreach ((json_t *)(void *)(uintptr_t)node, key, value) {
		bool known = false;

		for (i = 0; i < COUNT(words); i++)
			known = known || strcmp(words[i], key) == 0;
		if (!known)
			fail_msg("crd.yaml: %s: what is %s?", path, key);
	}
	if ((properties && strcmp(type, "object") != 0) || !items != (strcmp(type, "array") != 0))
		fail_msg("crd.yaml: %s does not fit its type %s", path, type);
	json_array_foreach (json_object_get(node, "required"), i, value)
		(void)at(properties, json_string_value(value));
	json_object_foreach (properties, key, value) {
		(void)snprintf(below, sizeof(below), "%s.%s", path, key);
		check_structural(value, below);
	}
	if (items) {
		(void)snprintf(below, sizeof(below), "%s[]", path);
		check_structural(items, below);
	}
	value = json_object_get(node, "additionalProperties");
	if (value) {
		(void)snprintf(below, sizeof(below), "%s{}", path);
		check_structural(value, below);
	}
}

static void schema_is_structural(void **state)
{
	(void)state;
	check_structural(schema, "");
}

static void enums_are_the_names_of_the_code(void **state)
{
	static const char *const says[] = {"NotAsked", "Unknown", "Zero", "NotZero"};
	static const char *const statuses[] = {"True", "False", "Unknown"}; /* of every Kubernetes condition */
	static const char *const policies[] = {"Release", "Hold"};
	const char *phases[TD_PHASE_COUNT];
	const char *families = text_at(schema, "properties.status.properties.family.description");

	(void)state;
	for (int i = 0; i < TD_PHASE_COUNT; i++)
		phases[i] = td_phase_name((enum td_phase)i);
	same_names(at(schema, "properties.status.properties.phase.enum"), phases, COUNT(phases), "phase");
	same_names(at(schema, "properties.status.properties.witnesses.items.properties.says.enum"), says, COUNT(says),
		   "says");
	same_names(at(schema, "properties.status.properties.conditions.items.properties.status.enum"), statuses,
		   COUNT(statuses), "condition status");
	same_names(at(schema, "properties.spec.properties.onTimeout.enum"), policies, COUNT(policies), "onTimeout");
	for (int i = 0; i < TD_FAMILY_COUNT; i++)
		if (!strstr(families, td_family_name((enum td_family)i)))
			fail_msg("\"%s\" does not name %s", families, td_family_name((enum td_family)i));
}

/* Whether the code takes {field: value}, beside a podName where that is not the field itself. */
static bool is_taken(const char *field, json_t *value)
{
	json_t *object = json_pack("{s:{s:s,s:s,s:s},s:{s:s}}", "metadata", "name", "d", "uid", "u", "creationTimestamp",
				   "2026-11-23T13:18:38Z", "spec", "podName", "p");
	json_t *spec = json_object_get(object, "spec");
	struct td_drain_object drain;
	struct td_error err;
	bool taken;

	if (strcmp(field, "captureID") == 0)
		json_object_del(spec, "podName");
	json_object_set_new(spec, field, value);
	assert_true(td_drain_read(&drain, object, &err));
	taken = drain.invalid[0] == '\0';
	json_decref(object);
	return taken;
}

static json_t *text_of_length(int64_t length)
{
	char text[2048];

	assert_in_range(length, 0, sizeof(text) - 1);
	memset(text, 'x', (size_t)length);
	return json_stringn(text, (size_t)length);
}

static void bounds_are_those_that_the_code_checks(void **state)
{
	static const char *const numbers[] = {"batchSize", "timeoutSeconds"}, *const texts[] = {"podName", "captureID"};
	const json_t *spec = at(schema, "properties.spec.properties");
	size_t i;
	json_t *value;

	(void)state;
	for (i = 0; i < COUNT(numbers); i++) {
		const json_t *field = at(spec, numbers[i]);
		json_int_t min = json_integer_value(at(field, "minimum")), max = json_integer_value(at(field, "maximum"));

		assert_true(is_taken(numbers[i], json_integer(min)) && is_taken(numbers[i], json_integer(max)));
		assert_false(is_taken(numbers[i], json_integer(min - 1)) || is_taken(numbers[i], json_integer(max + 1)));
	}
	for (i = 0; i < COUNT(texts); i++) {
		const json_t *field = at(spec, texts[i]);
		json_int_t min = json_integer_value(at(field, "minLength")),
			   max = json_integer_value(at(field, "maxLength"));

		assert_true(is_taken(texts[i], text_of_length(min)) && is_taken(texts[i], text_of_length(max)));
		assert_false(is_taken(texts[i], text_of_length(min - 1)) || is_taken(texts[i], text_of_length(max + 1)));
	}
	json_array_foreach (at(spec, "onTimeout.enum"), i, value)
		assert_true(is_taken("onTimeout", json_incref(value)));
	assert_false(is_taken("onTimeout", json_string("release")));
	assert_true(is_taken("reason", text_of_length(json_integer_value(at(spec, "reason.maxLength")))));
}

/* A date column is shown as the time that has passed: "<invalid>" for any that is still to come. */
static void columns_point_at_fields_of_the_schema(void **state)
{
	size_t i;
	json_t *column;

	(void)state;
	json_array_foreach (at(crd, "0." VERSION ".additionalPrinterColumns"), i, column) {
		const char *path = text_at(column, "jsonPath"), *type = text_at(column, "type");
		char steps[128], *rest = steps, *step;
		const json_t *node = schema;
		const char *format;

		assert_int_equal(path[0], '.');
		if (strcmp(path, ".metadata.creationTimestamp") == 0) { /* no schema speaks of metadata */
			assert_string_equal(type, "date");
			continue;
		}
		(void)snprintf(steps, sizeof(steps), "%s", path + 1);
		while ((step = strsep(&rest, "."))) {
			node = td_json_at(json_object_get(node, "properties"), step);
			if (!node)
				fail_msg("crd.yaml: column %s: no field %s", text_at(column, "name"), path);
		}
		format = td_json_text(node, "format");
		if (strcmp(type, "date") == 0) {
			assert_string_equal(format, "date-time");
			assert_null(strstr(path, "estimated"));
			assert_null(strstr(path, "deadline"));
		} else {
			assert_string_equal(type, text_at(node, "type"));
		}
	}
	assert_true(i > 5);
}

/* ---- what is written, against the schema ---- */

static void fits(const json_t *value, const json_t *node, const char *path, bool in_array);

static void members_fit(const json_t *value, const json_t *node, const char *path, bool in_array)
{
	char below[512];
	const char *key;
	json_t *member;
	size_t i;

	json_object_foreach ((json_t *)(void *)(uintptr_t)value, key, member) {
		const json_t *field = json_object_get(json_object_get(node, "properties"), key);

		(void)snprintf(below, sizeof(below), "%s.%s", path, key);
		if (!field)
			fail_msg("%s is not in the schema: the API server would drop it", below);
		fits(member, field, below, in_array);
	}
	json_array_foreach (json_object_get(node, "required"), i, member)
		(void)at(value, json_string_value(member));
	json_array_foreach ((json_t *)(void *)(uintptr_t)value, i, member) {
		(void)snprintf(below, sizeof(below), "%s[]", path);
		fits(member, at(node, "items"), below, true);
	}
}

/* A null of a merge patch removes the member, but not within an array, which is replaced whole. */
static void fits(const json_t *value, const json_t *node, const char *path, bool in_array)
{
	const char *type = text_at(node, "type"), *format = td_json_text(node, "format");
	int64_t ms;

	if (json_is_null(value)) {
		if (in_array && !json_is_true(json_object_get(node, "nullable")))
			fail_msg("%s may not be null", path);
		return;
	}
	if (!(json_is_string(value)    ? strcmp(type, "string") == 0
	      : json_is_integer(value) ? strcmp(type, "integer") == 0
	      : json_is_boolean(value) ? strcmp(type, "boolean") == 0
	      : json_is_array(value)   ? strcmp(type, "array") == 0
	      : json_is_object(value)  ? strcmp(type, "object") == 0
				       : false))
		fail_msg("%s is no %s", path, type);
	if (json_object_get(node, "enum") && !holds(json_object_get(node, "enum"), json_string_value(value)))
		fail_msg("%s: %s is not in the enum", path, json_string_value(value));
	if (format && strcmp(format, "date-time") == 0 && !td_time_parse(json_string_value(value), &ms))
		fail_msg("%s: %s is no time", path, json_string_value(value));
	members_fit(value, node, path, in_array);
}

/* A patch has a status and no more. */
static void patch_fits(json_t *patch)
{
	assert_non_null(patch);
	assert_int_equal(json_object_size(patch), 1);
	fits(at(patch, "status"), at(schema, "properties.status"), "status", false);
	json_decref(patch);
}

static void what_is_written_fits_the_schema(void **state)
{
	const struct td_witness_state witnesses[TD_WITNESS_COUNT] = {
		{.offered = true},
		{.offered = true, .last_ms = 1, .note = "no answer"},
		{.offered = true, .last_ms = 1, .known = true, .zero = true, .settled = true, .reads = 2}};
	struct td_witness_state others[TD_WITNESS_COUNT] = {{.offered = true, .last_ms = 1, .known = true}};
	const struct td_drain_context context = {
		.worker = "w", .pod_uid = "u", .generation = 1, .now_ms = 5, .now_wall_ms = 10};
	const struct td_process_view look = {.known = true, .capture = "c"};
	json_t *own = td_drain_for_pod("d", "ns", "ticdc", "p", "u", true);

	(void)state;
	for (int i = 0; i < 2 * TD_PHASE_COUNT; i++) {
		bool full = i % 2;
		const struct td_request_view view = {.phase = (enum td_phase)(i / 2),
						     .message = full ? "m" : "",
						     .pod = full ? "p" : "",
						     .capture = full ? "c" : "",
						     .address = full ? "a" : "",
						     .queue_position = full,
						     .blocked_by = full ? "b" : "",
						     .started = full,
						     .started_ms = full,
						     .completed_ms = full,
						     .deadline_ms = full,
						     .eta_ms = full,
						     .witnesses = full ? witnesses : others,
						     .coordinator = full ? "c" : ""};

		patch_fits(td_drain_status_patch(&view, &context));
	}
	patch_fits(td_drain_released_patch(TD_PHASE_RELEASED, "Drained", "m", "e", 10, &look));
	patch_fits(td_drain_released_patch(TD_PHASE_TIMED_OUT, "TimedOut", "m", "e", 10, NULL));
	json_object_clear(at(own, "metadata"));
	fits(own, schema, "", false);
	json_decref(own);
}

#define crd_test(name) cmocka_unit_test_setup_teardown(name, load_crd, free_crd)

int main(void)
{
	const struct CMUnitTest tests[] = {
		crd_test(crd_names_the_group_and_version_that_are_asked_for),
		crd_test(schema_has_the_fields_that_the_code_knows_and_no_others),
		crd_test(schema_is_structural),
		crd_test(enums_are_the_names_of_the_code),
		crd_test(bounds_are_those_that_the_code_checks),
		crd_test(columns_point_at_fields_of_the_schema),
		crd_test(what_is_written_fits_the_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
