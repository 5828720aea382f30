/* See json.h. */
#include "base/json.h"

#include <string.h>

/* jansson 2.14's lexer does not look whether its buffer could grow: when memory runs out there, a byte is missing from a key, an
 * id or a number, and the parse succeeds. So its allocations are watched, and one that failed spoils the whole parse. jansson's
 * allocator is global, and so is this: one thread. */
static json_malloc_t watched;
static bool starved;

static void *watching_malloc(size_t size)
{
	void *memory = watched(size);

	starved = starved || !memory;
	return memory;
}

static void watch_allocations(void)
{
	json_malloc_t current;
	json_free_t release;

	json_get_alloc_funcs(&current, &release);
	if (current != watching_malloc) {
		watched = current;
		json_set_alloc_funcs(watching_malloc, release);
	}
	starved = false;
}

json_t *td_json_parse(const char *text, size_t len, size_t flags, struct td_error *err)
{
	json_error_t why;
	json_t *root;

	watch_allocations();
	root = json_loadb(text, len, flags, &why);
	if (root && !starved)
		return root;
	json_decref(root);
	if (starved || json_error_code(&why) == json_error_out_of_memory)
		(void)td_error_set(err, TD_ERR_NOMEM, "out of memory");
	else
		(void)td_error_set(err, TD_ERR_PROTOCOL, "bad JSON at byte %d: %s", why.position, why.text);
	return NULL;
}

json_t *td_json_at(const json_t *root, const char *path)
{
	size_t len = strcspn(path, ".");
	json_t *node = json_object_getn(root, path, len);

	while (path[len] != '\0') {
		path += len + 1;
		len = strcspn(path, ".");
		node = json_object_getn(node, path, len);
	}
	return json_is_null(node) ? NULL : node;
}

const char *td_json_text(const json_t *root, const char *path)
{
	return json_string_value(td_json_at(root, path));
}

bool td_json_int(const json_t *root, const char *path, int64_t *ret)
{
	const json_t *node = td_json_at(root, path);

	if (!json_is_integer(node))
		return false;
	*ret = json_integer_value(node);
	return true;
}

bool td_json_bool(const json_t *root, const char *path, bool *ret)
{
	const json_t *node = td_json_at(root, path);

	if (!json_is_boolean(node))
		return false;
	*ret = json_is_true(node);
	return true;
}
