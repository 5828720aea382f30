/* See decode.h. What TiCDC says of changefeeds and their tables.
 *
 * Whole numbers: upstream_id, gid.low, gid.high, start_ts, target_ts and checkpoint_tso are uint64 and may exceed int64, at
 * which jansson gives up on the whole body. The list and the detail are used for their strings only, so they are read with
 * whole numbers as doubles and no such number can spoil them. Table ids are int64 and are used: tables lists and counts are
 * never read that way, and a number beyond int64 there is an error. */
#include "ticdc/decode.h"

#include "base/json.h"
#include "base/text.h"
#include "ticdc/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_MAX 256 /* of a keyspace or a changefeed; TiCDC's own limit is 128 */

/* Contract 3.3: running is everything that has, or should have, a maintainer. So is a state that is not known here: work
 * must not vanish from the books for a new word. */
static bool is_running(const char *state)
{
	static const char *const resting[] = {"stopped", "failed", "finished", "removed"};

	for (size_t i = 0; i < sizeof(resting) / sizeof(resting[0]); i++)
		if (strcmp(state, resting[i]) == 0)
			return false;
	return true;
}

/* "keyspace/id", or NULL when either is missing or odd. *ret_nomem tells why. Older builds say namespace (3.4). */
static char *name_of(const json_t *item, bool *ret_nomem)
{
	const char *id = td_json_text(item, "id");
	const char *keyspace = td_json_text(item, json_object_get(item, "keyspace") ? "keyspace" : "namespace");
	char *name = NULL;

	*ret_nomem = false;
	if (!id || !keyspace || !id[0] || !keyspace[0] || strchr(id, '/') || strchr(keyspace, '/') || strlen(id) > IDS_MAX ||
	    strlen(keyspace) > IDS_MAX)
		return NULL;
	if (asprintf(&name, "%s/%s", keyspace, id) < 0) {
		*ret_nomem = true;
		return NULL;
	}
	return name;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct td_ticdc_listed *)a)->name, ((const struct td_ticdc_listed *)b)->name);
}

void td_ticdc_listed_free(struct td_ticdc_listed *listed, size_t count)
{
	for (size_t i = 0; listed && i < count; i++)
		free(listed[i].name);
	free(listed);
}

static enum td_error_code read_listed(const struct td_http_response *response, const json_t *items, const char *keyspace,
				      struct td_ticdc_listed *into, struct td_error *err)
{
	size_t count = json_array_size(items), prefix = strlen(keyspace);
	bool nomem;

	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(items, i);
		const char *state = td_json_text(item, "state");

		into[i].name = name_of(item, &nomem);
		if (nomem)
			return td_error_set(err, TD_ERR_NOMEM, "out of memory");
		if (!into[i].name || !state)
			return td_ticdc_answer_odd(response, err, "a changefeed needs id, keyspace and state");
		if (strncmp(into[i].name, keyspace, prefix) != 0 || into[i].name[prefix] != '/')
			return td_ticdc_answer_odd(response, err, "a changefeed of another keyspace is listed");
		into[i].running = is_running(state);
	}
	qsort(into, count, sizeof(*into), by_name);
	for (size_t i = 1; i < count; i++)
		if (strcmp(into[i - 1].name, into[i].name) == 0)
			return td_ticdc_answer_odd(response, err, "a changefeed is listed twice");
	return TD_OK;
}

enum td_error_code td_ticdc_decode_changefeeds(const struct td_http_response *response, const char *keyspace,
					       struct td_ticdc_listed **ret, size_t *ret_count, struct td_error *err)
{
	json_t *root = td_ticdc_answer_object(response, 200, JSON_DECODE_INT_AS_REAL, err);
	json_t *items = root ? td_ticdc_answer_items(response, root, err) : NULL;
	size_t count = items ? json_array_size(items) : 0;
	struct td_ticdc_listed *listed = NULL;
	enum td_error_code code;

	if (!items)
		code = err->code;
	else if (!(listed = calloc(count + 1, sizeof(*listed))))
		code = td_error_set(err, TD_ERR_NOMEM, "out of memory");
	else
		code = read_listed(response, items, keyspace, listed, err);
	if (code == TD_OK) {
		*ret = listed;
		*ret_count = count;
	} else {
		td_ticdc_listed_free(listed, count);
	}
	json_decref(root);
	return code;
}

/* Members are omitted when they are empty (3.2): no state is the uninitialised one, which runs; no maintainer_addr is "not
 * placed". A member that is there must be a string. */
static bool optional_text(const json_t *root, const char *key, const char **ret)
{
	*ret = json_object_get(root, key) ? td_json_text(root, key) : "";
	return *ret != NULL;
}

/* A member that is missing or null is an empty object; false when it is anything else. */
static bool optional_object(const json_t *root, const char *key, const json_t **ret)
{
	*ret = json_object_get(root, key);
	if (json_is_null(*ret))
		*ret = NULL;
	return !*ret || json_is_object(*ret);
}

/* Redo is on if config.consistent.level is there and is not "none" (3.2). */
static bool read_redo(const json_t *root, bool *ret)
{
	const json_t *config, *consistent;
	const char *level;

	if (!optional_object(root, "config", &config) || !optional_object(config, "consistent", &consistent) ||
	    !optional_text(consistent, "level", &level))
		return false;
	*ret = level[0] != '\0' && strcmp(level, "none") != 0;
	return true;
}

static enum td_error_code read_detail(const struct td_http_response *response, const json_t *root, const char *name,
				      struct td_ticdc_detail *ret, struct td_error *err)
{
	struct td_ticdc_detail detail = {.running = false};
	const char *state, *address;
	bool nomem;
	char *own = name_of(root, &nomem);
	bool same = own && strcmp(own, name) == 0;

	free(own);
	if (nomem)
		return td_error_set(err, TD_ERR_NOMEM, "out of memory");
	if (!same)
		return td_ticdc_answer_odd(response, err, "the answer is not about this changefeed");
	if (!optional_text(root, "state", &state) || !optional_text(root, "maintainer_addr", &address))
		return td_ticdc_answer_odd(response, err, "state or maintainer_addr is no string");
	if (!read_redo(root, &detail.redo))
		return td_ticdc_answer_odd(response, err, "config.consistent.level is no string");
	if (address[0] != '\0' && !td_ticdc_is_address(address))
		return td_ticdc_answer_odd(response, err, "maintainer_addr is no address");
	detail.running = is_running(state);
	(void)td_text_copy(detail.maintainer_addr, sizeof(detail.maintainer_addr), address);
	*ret = detail;
	return TD_OK;
}

enum td_error_code td_ticdc_decode_detail(const struct td_http_response *response, const char *name,
					  struct td_ticdc_detail *ret, struct td_error *err)
{
	json_t *root = td_ticdc_answer_object(response, 200, JSON_DECODE_INT_AS_REAL, err);
	enum td_error_code code = root ? read_detail(response, root, name, ret, err) : err->code;

	json_decref(root);
	return code;
}

enum td_error_code td_ticdc_decode_dispatcher_count(const struct td_http_response *response, int64_t *ret,
						    struct td_error *err)
{
	json_t *root = td_ticdc_answer_object(response, 200, 0, err);
	enum td_error_code code = TD_OK;
	int64_t count;

	if (!root)
		return err->code;
	if (!td_json_int(root, "count", &count) || count < 1) /* the trigger is always counted (4.3) */
		code = td_ticdc_answer_odd(response, err, "count is missing or no count");
	else
		*ret = count;
	json_decref(root);
	return code;
}
