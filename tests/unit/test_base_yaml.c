/* YAML as a JSON tree: the values, the refusals with their line, and what happens when memory runs out. */
#include "base/yaml.h"

#include "base_test.h"

#include <unistd.h>

static json_t *load(const char *text, struct td_error *err)
{
	return td_yaml_load_text(text, strlen(text), "test.yaml", err);
}

static void assert_loads(const char *yaml, const char *json)
{
	struct td_error err = {.code = TD_OK};
	json_t *got = load(yaml, &err), *expected = json_loads(json, JSON_DECODE_ANY, NULL);

	if (!got)
		print_error("%s: %s\n", yaml, err.text);
	assert_non_null(got);
	assert_non_null(expected);
	if (!json_equal(got, expected)) {
		char *text = json_dumps(got, JSON_ENCODE_ANY);

		print_error("%s gave %s\n", yaml, text);
		free(text);
		fail();
	}
	json_decref(got);
	json_decref(expected);
}

static void plain_scalars_follow_the_core_schema(void **state)
{
	static const char *const cases[][2] = {
		{"~", "null"},
		{"null", "null"},
		{"Null", "null"},
		{"NULL", "null"},
		{"a: ", "{\"a\":null}"},
		{"nULL", "\"nULL\""},
		{"true", "true"},
		{"True", "true"},
		{"FALSE", "false"},
		{"yes", "\"yes\""},
		{"on", "\"on\""},
		{"tRUE", "\"tRUE\""},
		{"0", "0"},
		{"-12", "-12"},
		{"+7", "7"},
		{"0123", "123"},
		{"0o17", "15"},
		{"0x1F", "31"},
		{"-0x1", "\"-0x1\""},
		{"0o8", "\"0o8\""},
		{"0x", "\"0x\""},
		{"1_000", "\"1_000\""},
		{"1.5", "1.5"},
		{"-.5", "-0.5"},
		{"2.", "2.0"},
		{"1e3", "1000.0"},
		{"1.5E-1", "0.15"},
		{".", "\".\""},
		{"1e", "\"1e\""},
		{"-", "[null]"},
		{"1.2.3", "\"1.2.3\""},
		{"v1", "\"v1\""},
		{"10s", "\"10s\""},
		{"2026-11-23", "\"2026-11-23\""},
		{"12:30", "\"12:30\""},
		{"inf", "\"inf\""},
		{"nan", "\"nan\""},
		{"9223372036854775807", "9223372036854775807"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"\"12\"", "\"12\""},
		{"'true'", "\"true\""},
		{"\"\"", "\"\""},
		{"|\n  12\n", "\"12\\n\""},
		{">-\n  a\n  b\n", "\"a b\""},
		{"\"\\u00e9\\x41\"", "\"\xc3\xa9"
				     "A\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_loads(cases[i][0], cases[i][1]);
}

static void collections_become_objects_and_arrays(void **state)
{
	(void)state;
	assert_loads(
		"clusters:\n- name: a\n  cluster: {server: 'https://1.2.3.4', tls: [1, two, 3.0]}\n- {}\nempty: []\n",
		"{\"clusters\":[{\"name\":\"a\",\"cluster\":{\"server\":\"https://1.2.3.4\",\"tls\":[1,\"two\",3.0]}},{}],"
		"\"empty\":[]}");
	assert_loads("{\"json\": [true, null, {\"is\": \"yaml\"}]}", "{\"json\":[true,null,{\"is\":\"yaml\"}]}");
	assert_loads("1: a\ntrue: b\n\"x y\": c\n", "{\"1\":\"a\",\"true\":\"b\",\"x y\":\"c\"}");
	assert_loads("%YAML 1.2\n---\na: 1 # comment\n...\n", "{\"a\":1}");
}

static void what_is_ambiguous_or_dangerous_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *yaml, *text;
	} cases[] = {
		{"", "test.yaml:1: no document"},
		{"# only a comment\n", "test.yaml:2: no document"},
		{"a: 1\nb: 2\na: 3\n", "test.yaml:3: a duplicate key"},
		{"a: {x: 1, \"x\": 2}\n", "test.yaml:1: a duplicate key"},
		{"a: &x 1\nb: *x\n", "test.yaml:1: anchors and tags are not supported"},
		{"a: 1\nb: &x\n  c: 1\n", "test.yaml:2: anchors and tags are not supported"},
		{"a: 1\nb: &x [1]\n", "test.yaml:2: anchors and tags are not supported"},
		{"&k a: 1\n", "test.yaml:1: anchors and tags are not supported"},
		{"a:\n  - *x\n", "test.yaml:2: aliases are not supported"},
		{"<<: *x\n", "test.yaml:1: aliases are not supported"},
		{"*x : 1\n", "test.yaml:1: a key that is no text"},
		{"a: !!str 1\n", "test.yaml:1: anchors and tags are not supported"},
		{"!local\na: 1\n", "test.yaml:1: anchors and tags are not supported"},
		{"a: 1\n---\nb: 2\n", "test.yaml:2: more than one document"},
		{"? [1]\n: x\n", "test.yaml:1: a key that is no text"},
		{"a: .inf\n", "test.yaml:1: not a finite number"},
		{"a: -.INF\n", "test.yaml:1: not a finite number"},
		{"a: .nan\n", "test.yaml:1: not a finite number"},
		{"\na: 9223372036854775808\n", "test.yaml:2: a number beyond 64 bits"},
		{"a: 0xFFFFFFFFFFFFFFFFF\n", "test.yaml:1: a number beyond 64 bits"},
		{"a: 1e999\n", "test.yaml:1: a number beyond the range of a float"},
		{"a: \"x\\0y\"\n", "test.yaml:1: a NUL character"},
		{"\"x\\0y\": 1\n", "test.yaml:1: a NUL character"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct td_error err;

		assert_null(load(cases[i].yaml, &err));
		assert_int_equal(err.code, TD_ERR_INVALID);
		assert_string_equal(err.text, cases[i].text);
		assert_null(load(cases[i].yaml, NULL));
	}
}

static void broken_syntax_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *yaml, *start;
	} cases[] = {
		{"a: 1\n b: 2\n", "test.yaml:2: "},  {"a: [1, 2\n", "test.yaml:2: "}, {"\ta: 1\n", "test.yaml:1: "},
		{"a: 1\nb: \"x\n", "test.yaml:3: "}, {"a: 1\n}\n", "test.yaml:2: "},  {"a: 1\nb: \xff\n", "test.yaml:"},
		{"a: \x01\n", "test.yaml:"},	     {"%\n", "test.yaml:1: "},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct td_error err;

		assert_null(load(cases[i].yaml, &err));
		assert_int_equal(err.code, TD_ERR_INVALID);
		if (strncmp(err.text, cases[i].start, strlen(cases[i].start)) != 0)
			print_error("case %zu: %s\n", i, err.text);
		assert_memory_equal(err.text, cases[i].start, strlen(cases[i].start));
	}
}

static void depth_of_32_is_the_deepest(void **state)
{
	(void)state;
	for (int depth = 31; depth <= 34; depth++) {
		char text[128];
		struct td_error err;
		json_t *root;

		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		root = td_yaml_load_text(text, 2 * (size_t)depth, "deep", &err);
		assert_int_equal(root != NULL, depth <= 32);
		if (!root)
			assert_string_equal(err.text, "deep:1: nested too deep");
		json_decref(root);
	}
}

static void file_is_read_up_to_its_limit(void **state)
{
	char path[] = "/tmp/td-yaml-XXXXXX";
	int fd = mkstemp(path);
	struct td_error err;
	json_t *root;

	(void)state;
	assert_int_equal(write(fd, "a: 12345\n", 9), 9);
	close(fd);
	root = td_yaml_load_file(path, 9, &err);
	assert_int_equal(json_integer_value(json_object_get(root, "a")), 12345);
	json_decref(root);
	assert_null(td_yaml_load_file(path, 8, &err));
	assert_int_equal(err.code, TD_ERR_TOO_LARGE);
	unlink(path);
	assert_null(td_yaml_load_file(path, 9, &err));
	assert_int_equal(err.code, TD_ERR_SYSTEM);
	assert_int_equal(err.sys_errno, 2);
	assert_non_null(strstr(err.text, path));
	assert_null(td_yaml_load_file("/tmp", 9, &err));
	assert_int_equal(err.code, TD_ERR_SYSTEM);
	assert_null(td_yaml_load_file(path, 9, NULL));
}

/* ---- each allocation of the tree fails in turn ---- */

static int allocations_left;

static void *scarce_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void failed_allocation_is_an_error_and_leaks_nothing(void **state)
{
	static const char text[] = "a: [1, 2.5, x, {b: null, c: true}]\n\"d\": {e: 'f', g: [h]}\n";
	json_t *root = NULL;
	int failures = 0;

	(void)state;
	json_set_alloc_funcs(scarce_malloc, free);
	while (!root) {
		struct td_error err;

		allocations_left = failures;
		root = load(text, &err);
		if (!root) {
			failures++;
			assert_int_equal(err.code, TD_ERR_NOMEM);
			assert_string_equal(err.text, "test.yaml: out of memory");
		}
	}
	json_set_alloc_funcs(malloc, free);
	assert_true(failures > 20);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_scalars_follow_the_core_schema),
		cmocka_unit_test(collections_become_objects_and_arrays),
		cmocka_unit_test(what_is_ambiguous_or_dangerous_is_refused_with_its_line),
		cmocka_unit_test(broken_syntax_is_refused_with_its_line),
		cmocka_unit_test(depth_of_32_is_the_deepest),
		cmocka_unit_test(file_is_read_up_to_its_limit),
		cmocka_unit_test(failed_allocation_is_an_error_and_leaks_nothing),
	};

	return cmocka_run_group_tests_name("base/yaml", tests, NULL, NULL);
}
