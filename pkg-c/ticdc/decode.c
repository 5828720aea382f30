/* See decode.h; answer.c decides what is a success at all. Here every field that is used must be there, of its type and in
 * its range; fields that nobody asked for are ignored. This file reads what captures say of themselves and of each other;
 * decode_changefeed.c reads changefeeds. Called by the machines of this folder. */
#include "ticdc/decode.h"

#include "base/json.h"
#include "base/text.h"
#include "ticdc/answer.h"

#include <stdlib.h>
#include <string.h>

static enum td_error_code read_status(const struct td_http_response *response, const json_t *root,
				      struct td_ticdc_status *ret, struct td_error *err)
{
	struct td_ticdc_status status = {.has_liveness = json_object_get(root, "liveness") != NULL};
	const char *id = td_json_text(root, "id");
	const char *version = td_json_text(root, "version");
	int64_t liveness = 0;

	if (!id || !version || !td_json_int(root, "pid", &status.pid) || status.pid < 0 ||
	    !td_json_bool(root, "is_owner", &status.is_owner))
		return td_ticdc_answer_odd(response, err, "a status needs id, version, pid and is_owner");
	if (id[0] != '\0' && !td_ticdc_is_id(id))
		return td_ticdc_answer_odd(response, err, "the id is no capture id");
	if (status.has_liveness && (!td_json_int(root, "liveness", &liveness) || liveness < 0 || liveness > 2))
		return td_ticdc_answer_odd(response, err, "liveness is neither 0, 1 nor 2");
	status.liveness = (int)liveness;
	(void)td_text_copy(status.id, sizeof(status.id), id);
	(void)td_text_copy(status.version, sizeof(status.version), version);
	*ret = status;
	return TD_OK;
}

/* The contract does not say how the classic family labels this one body, and recognising that family must not depend on it:
 * text/plain will do. A status never says "empty". */
enum td_error_code td_ticdc_decode_status(const struct td_http_response *response, struct td_ticdc_status *ret,
					  struct td_error *err)
{
	json_t *root = td_ticdc_answer_loose_object(response, err);
	enum td_error_code code = root ? read_status(response, root, ret, err) : err->code;

	json_decref(root);
	return code;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct td_ticdc_capture *)a)->id, ((const struct td_ticdc_capture *)b)->id);
}

static bool read_capture(const json_t *item, struct td_ticdc_capture *ret)
{
	const char *id = td_json_text(item, "id");
	const char *address = td_json_text(item, "address");

	return id && td_ticdc_is_id(id) && address && td_ticdc_is_address(address) &&
	       td_json_bool(item, "is_owner", &ret->is_owner) && td_text_copy(ret->id, sizeof(ret->id), id) &&
	       td_text_copy(ret->address, sizeof(ret->address), address);
}

static enum td_error_code read_captures(const struct td_http_response *response, const json_t *items,
					struct td_ticdc_capture *into, struct td_error *err)
{
	size_t count = json_array_size(items);

	for (size_t i = 0; i < count; i++)
		if (!read_capture(json_array_get(items, i), &into[i]))
			return td_ticdc_answer_odd(response, err, "a capture needs id, address and is_owner");
	qsort(into, count, sizeof(*into), by_id);
	for (size_t i = 1; i < count; i++)
		if (strcmp(into[i - 1].id, into[i].id) == 0)
			return td_ticdc_answer_odd(response, err, "a capture is listed twice");
	return TD_OK;
}

enum td_error_code td_ticdc_decode_captures(const struct td_http_response *response, struct td_ticdc_capture **ret,
					    size_t *ret_count, struct td_error *err)
{
	json_t *root = td_ticdc_answer_object(response, 200, 0, err);
	json_t *items = root ? td_ticdc_answer_items(response, root, err) : NULL;
	struct td_ticdc_capture *captures = NULL;
	enum td_error_code code;

	if (!items)
		code = err->code;
	else if (json_array_size(items) == 0)
		code = td_ticdc_answer_odd(response, err, "no capture is listed, not even the one that answers");
	else if (!(captures = calloc(json_array_size(items), sizeof(*captures))))
		code = td_error_set(err, TD_ERR_NOMEM, "out of memory");
	else
		code = read_captures(response, items, captures, err);
	if (code == TD_OK) {
		*ret_count = json_array_size(items);
		*ret = captures;
	} else {
		free(captures);
	}
	json_decref(root);
	return code;
}

/* Row 3: exactly 202, and the integer must be there. */
enum td_error_code td_ticdc_decode_drain(const struct td_http_response *response, int64_t *ret, struct td_error *err)
{
	json_t *root = td_ticdc_answer_object(response, 202, 0, err);
	enum td_error_code code = TD_OK;
	int64_t count;

	if (!root) {
		td_ticdc_answer_doubt(response, err);
		return err->code;
	}
	if (!td_json_int(root, "current_table_count", &count) || count < 0)
		code = td_ticdc_answer_odd(response, err, "current_table_count is missing or no count");
	else
		*ret = count;
	json_decref(root);
	return code;
}

enum td_error_code td_ticdc_decode_accepted(const struct td_http_response *response, struct td_error *err)
{
	json_t *root = td_ticdc_answer_object(response, 200, 0, err);

	if (!root) {
		td_ticdc_answer_doubt(response, err);
		return err->code;
	}
	json_decref(root);
	return TD_OK;
}

enum td_error_code td_ticdc_decode_queued(const struct td_http_response *response, struct td_error *err)
{
	if (response->status == 202)
		return TD_OK;
	td_ticdc_answer_refused(response, err);
	td_ticdc_answer_doubt(response, err);
	return err->code;
}
