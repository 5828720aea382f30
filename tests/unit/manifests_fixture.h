/* For the tests of manifests/: YAML files as JSON trees, and looking into them. */
#ifndef MANIFESTS_FIXTURE_H
#define MANIFESTS_FIXTURE_H

#include "base/yaml.h"
#include "base_test.h"

#define FILE_MAX 65536

/* ---- files: tests run in the project's root ---- */

static inline char *read_text(const char *path)
{
	char *text = calloc(1, FILE_MAX);
	FILE *file = fopen(path, "r");

	if (!file)
		fail_msg("%s cannot be read: run the tests in the project's root", path);
	assert_in_range(fread(text, 1, FILE_MAX, file), 1, FILE_MAX - 1);
	assert_int_equal(fclose(file), 0);
	return text;
}

/* A JSON array of the file's documents. */
static inline json_t *load(const char *path)
{
	json_t *documents = json_array();
	char *text = read_text(path), *rest = text;

	while (rest) {
		char *end = strstr(rest, "\n---\n");
		struct td_error err;
		json_t *document = td_yaml_load_text(rest, end ? (size_t)(end - rest) + 1 : strlen(rest), path, &err);

		if (!document)
			fail_msg("%s", err.text);
		json_array_append_new(documents, document);
		rest = end ? end + 5 : NULL;
	}
	free(text);
	return documents;
}

/* As td_json_at, with indexes too; it must be there. */
static inline json_t *at(const json_t *root, const char *path)
{
	json_t *value = (json_t *)(void *)(uintptr_t)root;
	char steps[128], *rest = steps, *step;

	(void)snprintf(steps, sizeof(steps), "%s", path);
	while (value && (step = strsep(&rest, ".")))
		value = json_is_array(value) ? json_array_get(value, (size_t)atoi(step)) : json_object_get(value, step);
	if (!value)
		fail_msg("no %s", path);
	return value;
}

static inline const char *text_at(const json_t *root, const char *path)
{
	const char *text = json_string_value(at(root, path));

	if (!text)
		fail_msg("%s is no text", path);
	return text;
}

static inline bool holds(const json_t *array, const char *text)
{
	size_t i;
	json_t *value;

	json_array_foreach ((json_t *)(void *)(uintptr_t)array, i, value)
		if (json_is_string(value) && strcmp(json_string_value(value), text) == 0)
			return true;
	return false;
}

#endif
