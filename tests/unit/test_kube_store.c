/* The differences of every step, order of names, and all or nothing when memory runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static long fail_in = -1; /* so many more allocations of the store succeed; -1: all */

static void *flaky_realloc(void *old, size_t size)
{
	return fail_in >= 0 && fail_in-- == 0 ? NULL : realloc(old, size);
}

/* The store itself, with its allocations under our control. */
#define realloc flaky_realloc
#include "kube/store.c"
#undef realloc

#include "base/buf.h"
#include "base/random.h"

/* "name/uid@version" to an object. */
static json_t *object_of(const char *text)
{
	char name[32], uid[32], version[32];
	json_t *object;

	assert_int_equal(sscanf(text, "%31[^/]/%31[^@]@%31s", name, uid, version), 3);
	object = json_pack("{s:{s:s, s:s, s:s}}", "metadata", "name", name, "uid", uid, "resourceVersion", version);
	assert_non_null(object);
	return object;
}

/* "+a@1 ~b@2 -c@3 " */
static void write_differences(struct td_buf *into, const struct td_store_differences *differences)
{
	for (size_t i = 0; i < differences->count; i++) {
		const struct td_store_difference *item = &differences->items[i];

		assert_string_equal(item->name, td_json_text(item->object, "metadata.name"));
		assert_true(td_buf_append_format(into, "%c%s@%s ", "+~-"[item->change], item -> name,
						 td_json_text(item->object, "metadata.resourceVersion")));
	}
}

static void write_store(struct td_buf *into, const struct td_store *store)
{
	for (size_t i = 0; i < store->count; i++)
		assert_true(td_buf_append_format(into, "%s@%s ", store->entries[i].name,
						 td_json_text(store->entries[i].object, "metadata.resourceVersion")));
}

static enum td_error_code relist(struct td_store *store, const char *list, struct td_store_differences *differences)
{
	struct td_store fresh = {0};
	enum td_error_code code;
	char copy[256], *at = copy, *word;

	(void)snprintf(copy, sizeof(copy), "%s", list);
	while ((word = strsep(&at, " ")) != NULL) {
		json_t *object = *word ? object_of(word) : NULL;

		if (object)
			assert_int_equal(td_store_collect(&fresh, object), TD_OK);
		json_decref(object);
	}
	code = td_store_replace(store, &fresh, differences);
	td_store_done(&fresh);
	return code;
}

static void store_tells_the_differences_of_events(void **state)
{
	static const struct {
		char what;
		const char *object, *expected;
	} steps[] = {
		{'p', "b/1@1", "+b@1 "}, {'p', "a/2@2", "+a@2 "},      {'p', "c/3@3", "+c@3 "},
		{'p', "b/1@4", "~b@4 "}, {'p', "b/9@5", "-b@4 +b@5 "}, /* another uid under the name */
		{'d', "a/2@6", "-a@2 "}, {'d', "a/2@7", ""},	       {'d', "zz/1@8", ""},
		{'p', "b/9@5", "~b@5 "}, {'d', "c/3@9", "-c@3 "},      {'d', "b/9@9", "-b@5 "},
	};
	struct td_store store = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		json_t *object = object_of(steps[i].object);
		struct td_store_differences differences = {0};
		struct td_buf told;

		td_buf_init(&told, 1000);
		if (steps[i].what == 'p')
			assert_int_equal(td_store_put(&store, object, &differences), TD_OK);
		else
			assert_int_equal(td_store_remove(&store, object, &differences), TD_OK);
		write_differences(&told, &differences);
		assert_string_equal(td_buf_text(&told), steps[i].expected);
		td_buf_done(&told);
		td_store_differences_done(&differences);
		json_decref(object);
	}
	assert_int_equal(store.count, 0);
	td_store_done(&store);
}

static void store_tells_the_differences_of_a_relist_in_order(void **state)
{
	static const struct {
		const char *list, *expected;
	} steps[] = {
		{"c/3@3 a/1@1 b/2@2", "+a@1 +b@2 +c@3 "},
		{"a/1@1 b/2@2 c/3@3", ""},
		{"a/1@1 b/2@9 d/4@4", "~b@9 -c@3 +d@4 "},
		{"b/7@10 d/4@4", "-a@1 -b@9 +b@10 "},
		{"", "-b@10 -d@4 "},
		{"x/1@1 x/1@1 w/1@1 x/1@1", "+w@1 +x@1 "},
	};
	struct td_store store = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct td_store_differences differences = {0};
		struct td_buf told;

		td_buf_init(&told, 1000);
		assert_int_equal(relist(&store, steps[i].list, &differences), TD_OK);
		write_differences(&told, &differences);
		assert_string_equal(td_buf_text(&told), steps[i].expected);
		td_buf_done(&told);
		td_store_differences_done(&differences);
	}
	assert_non_null(td_store_get(&store, "w"));
	assert_null(td_store_get(&store, "v"));
	assert_null(td_store_get(&store, "y"));
	td_store_done(&store);
}

static void store_refuses_objects_without_a_name(void **state)
{
	static const char *const bad[] = {"{}", "{\"metadata\":{}}", "{\"metadata\":{\"name\":7}}",
					  "{\"metadata\":{\"name\":\"\"}}"};
	struct td_store store = {0};
	struct td_store_differences differences = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *object = json_loads(bad[i], 0, NULL);

		assert_int_equal(td_store_put(&store, object, &differences), TD_ERR_PROTOCOL);
		assert_int_equal(td_store_remove(&store, object, &differences), TD_ERR_PROTOCOL);
		assert_int_equal(td_store_collect(&store, object), TD_ERR_PROTOCOL);
		json_decref(object);
	}
	assert_int_equal(store.count + differences.count, 0);
	td_store_done(&store);
	td_store_differences_done(&differences);
}

/* Whoever only applies the differences must end with the same objects. */
static void store_differences_rebuild_the_store(void **state)
{
	uint64_t seed = 42;
	struct td_random random;
	struct td_store store = {0}, mirror = {0};

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	td_random_init(&random, seed);
	for (int round = 0; round < 4000; round++) {
		struct td_store_differences differences = {0}, ignored = {0};
		struct td_buf ours, theirs;
		char text[256] = "";

		if (td_random_below(&random, 10) == 0) {
			for (int i = 0; i < 8; i++)
				if (td_random_below(&random, 2))
					(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "n%d/%d@%d ", i,
						       (int)td_random_below(&random, 2), (int)td_random_below(&random, 3));
			assert_int_equal(relist(&store, text, &differences), TD_OK);
		} else {
			json_t *object;

			(void)snprintf(text, sizeof(text), "n%d/%d@%d", (int)td_random_below(&random, 12),
				       (int)td_random_below(&random, 2), round);
			object = object_of(text);
			if (td_random_below(&random, 3))
				assert_int_equal(td_store_put(&store, object, &differences), TD_OK);
			else
				assert_int_equal(td_store_remove(&store, object, &differences), TD_OK);
			json_decref(object);
		}
		for (size_t i = 0; i < differences.count; i++) {
			bool there = td_store_get(&mirror, differences.items[i].name) != NULL;

			assert_int_equal(there, differences.items[i].change != TD_INFORMER_ADDED);
			if (differences.items[i].change == TD_INFORMER_DELETED)
				assert_int_equal(td_store_remove(&mirror, differences.items[i].object, &ignored), TD_OK);
			else
				assert_int_equal(td_store_put(&mirror, differences.items[i].object, &ignored), TD_OK);
		}
		td_buf_init(&ours, 1000);
		td_buf_init(&theirs, 1000);
		write_store(&ours, &store);
		write_store(&theirs, &mirror);
		assert_string_equal(td_buf_text(&ours), td_buf_text(&theirs));
		for (size_t i = 1; i < store.count; i++)
			assert_true(strcmp(store.entries[i - 1].name, store.entries[i].name) < 0);
		td_buf_done(&ours);
		td_buf_done(&theirs);
		td_store_differences_done(&differences);
		td_store_differences_done(&ignored);
	}
	td_store_done(&store);
	td_store_done(&mirror);
}

/* Each allocation of each step fails in turn: nothing changes then, and the same step succeeds afterwards. */
static void store_changes_nothing_when_memory_runs_out(void **state)
{
	struct td_store store = {0}, fresh = {0};
	struct td_store_differences differences = {0};
	int failures = 0;

	(void)state;
	for (int i = 0; i < 40; i++) {
		char text[32];
		json_t *object;

		(void)snprintf(text, sizeof(text), "n%02d/%d@%d", i % 30, i / 30, i);
		object = object_of(text);
		for (long nth = 0;; nth++) {
			size_t count = store.count, told = differences.count;
			enum td_error_code code;

			fail_in = nth;
			code = td_store_put(&store, object, &differences);
			fail_in = -1;
			if (code == TD_OK)
				break;
			failures++;
			assert_int_equal(code, TD_ERR_NOMEM);
			assert_int_equal(store.count, count);
			assert_int_equal(differences.count, told);
		}
		json_decref(object);
	}
	td_store_differences_done(&differences);
	for (int i = 0; i < 3; i++) {
		json_t *object = object_of(i ? i == 1 ? "n05/0@5" : "a/1@1" : "z/1@1");

		fail_in = 0;
		if (td_store_collect(&fresh, object) == TD_ERR_NOMEM)
			failures++;
		fail_in = -1;
		if (fresh.count == (size_t)i)
			assert_int_equal(td_store_collect(&fresh, object), TD_OK);
		json_decref(object);
	}
	fail_in = 0;
	assert_int_equal(td_store_replace(&store, &fresh, &differences), TD_ERR_NOMEM);
	fail_in = -1;
	assert_int_equal(store.count, 30);
	assert_int_equal(fresh.count, 3);
	assert_int_equal(td_store_replace(&store, &fresh, &differences), TD_OK);
	assert_int_equal(store.count, 3);
	assert_true(failures > 5);
	td_store_differences_done(&differences);
	td_store_done(&fresh);
	td_store_done(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(store_tells_the_differences_of_events),
		cmocka_unit_test(store_tells_the_differences_of_a_relist_in_order),
		cmocka_unit_test(store_refuses_objects_without_a_name),
		cmocka_unit_test(store_differences_rebuild_the_store),
		cmocka_unit_test(store_changes_nothing_when_memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
