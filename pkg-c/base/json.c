/* See json.h. */
#include "base/json.h"

#include <string.h>

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
