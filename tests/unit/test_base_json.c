/* Reading foreign JSON: absent, null, of another type and out of range are never a value. */
#include "base/json.h"

#include "base_test.h"

static json_t *root;

static int load(void **state)
{
	(void)state;
	root = json_loads(
		"{\"metadata\":{\"name\":\"x\",\"deletionTimestamp\":null,\"generation\":9223372036854775807,"
		"\"labels\":{\"\":\"empty\"}},\"replicas\":0,\"ratio\":3.0,\"paused\":false,\"ready\":true,\"list\":[1]}",
		0, NULL);
	return root ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	json_decref(root);
	return 0;
}

static void path_walks_objects_only(void **state)
{
	(void)state;
	assert_true(json_is_object(td_json_at(root, "metadata")));
	assert_true(json_is_string(td_json_at(root, "metadata.name")));
	assert_string_equal(td_json_text(root, "metadata.labels."), "empty");
	assert_null(td_json_at(root, "metadata.nam"));
	assert_null(td_json_at(root, "metadata.name.more"));
	assert_null(td_json_at(root, "metadata.none.more"));
	assert_null(td_json_at(root, "list.0"));
	assert_null(td_json_at(root, ""));
	assert_null(td_json_at(root, "."));
	assert_null(td_json_at(NULL, "metadata"));
}

static void null_is_missing(void **state)
{
	(void)state;
	assert_null(td_json_at(root, "metadata.deletionTimestamp"));
	assert_null(td_json_text(root, "metadata.deletionTimestamp"));
}

static void text_is_only_a_string(void **state)
{
	(void)state;
	assert_string_equal(td_json_text(root, "metadata.name"), "x");
	assert_null(td_json_text(root, "replicas"));
	assert_null(td_json_text(root, "metadata"));
}

static void integer_keeps_64_bits_and_zero_and_refuses_the_rest(void **state)
{
	int64_t value = 7;

	(void)state;
	assert_false(td_json_int(root, "ratio", &value));
	assert_false(td_json_int(root, "metadata.name", &value));
	assert_false(td_json_int(root, "none", &value));
	assert_false(td_json_int(root, "ready", &value));
	assert_int_equal(value, 7);
	assert_true(td_json_int(root, "replicas", &value));
	assert_int_equal(value, 0);
	assert_true(td_json_int(root, "metadata.generation", &value));
	assert_true(value == INT64_MAX);
}

static void boolean_refuses_the_rest(void **state)
{
	bool value = true;

	(void)state;
	assert_false(td_json_bool(root, "replicas", &value));
	assert_false(td_json_bool(root, "none", &value));
	assert_true(value);
	assert_true(td_json_bool(root, "paused", &value));
	assert_false(value);
	assert_true(td_json_bool(root, "ready", &value));
	assert_true(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path_walks_objects_only),
		cmocka_unit_test(null_is_missing),
		cmocka_unit_test(text_is_only_a_string),
		cmocka_unit_test(integer_keeps_64_bits_and_zero_and_refuses_the_rest),
		cmocka_unit_test(boolean_refuses_the_rest),
	};

	return cmocka_run_group_tests_name("base/json", tests, load, unload);
}
