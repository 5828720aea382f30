/* See decode.h. The classic family's two sources about a changefeed's tables: task_status in its detail, which is filled while it
 * is normal (contract 3.2), and the detail of one capture's processor (5). Both are what captures last reported, tables that are
 * being prepared or closed included: stricter than the count of the drain call (rows 17 and 19). */
#include "ticdc/decode.h"

#include "base/json.h"
#include "ticdc/answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_MAX 9007199254740992.0 /* whole numbers up to here are exact as doubles */

static const char *node_of(const struct td_ticdc_capture *captures, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(captures[i].id, id) == 0)
			return captures[i].id;
	return "";
}

/* Appends ids (an array, or NULL for none) as spans on node. False: no memory (*ret_nomem) or no table ids. */
static bool append(struct td_ticdc_tables *tables, const json_t *ids, const char *node, bool *ret_nomem)
{
	size_t more = json_array_size(ids);
	struct td_span *grown = realloc(tables->spans, (tables->count + more + 1) * sizeof(*grown));

	*ret_nomem = !grown;
	if (!grown)
		return false;
	tables->spans = grown;
	for (size_t i = 0; i < more; i++) {
		const json_t *id = json_array_get(ids, i);
		double value = json_number_value(id);

		if (!json_is_number(id) || value < 1 || value > EXACT_MAX || value != floor(value))
			return false;
		grown[tables->count++] = (struct td_span){(int64_t)value, 0, node};
	}
	return true;
}

static bool has_entry(const json_t *entries, const char *id)
{
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const char *named = td_json_text(json_array_get(entries, i), "capture_id");

		if (named && strcmp(named, id) == 0)
			return true;
	}
	return false;
}

static enum td_error_code read_task_status(const struct td_http_response *response, const json_t *entries,
					   const struct td_ticdc_capture *captures, size_t count,
					   struct td_ticdc_tables *tables, struct td_error *err)
{
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i), *ids = json_object_get(entry, "table_ids");
		const char *id = td_json_text(entry, "capture_id");
		bool nomem = false;

		if (!id || !td_ticdc_is_id(id) || (ids && !json_is_array(ids)) ||
		    !append(tables, ids, node_of(captures, count, id), &nomem))
			return nomem ? td_error_set(err, TD_ERR_NOMEM, "out of memory")
				     : td_ticdc_answer_odd(response, err,
							   "task_status needs capture_id and whole table_ids");
	}
	for (size_t i = 0; i < count; i++) {
		if (has_entry(entries, captures[i].id))
			continue;
		td_error_set(err, TD_ERR_PROTOCOL, "%d: capture %s has not reported its tables", response->status,
			     captures[i].id);
		err->http_status = response->status;
		return err->code;
	}
	return TD_OK;
}

enum td_error_code td_ticdc_decode_classic_detail(const struct td_http_response *response, const char *name,
						  const struct td_ticdc_capture *captures, size_t capture_count,
						  struct td_ticdc_classic_detail *ret, struct td_error *err)
{
	struct td_ticdc_detail detail;
	struct td_ticdc_classic_detail classic = {.running = false};
	enum td_error_code code = td_ticdc_decode_detail(response, name, &detail, err);
	const json_t *entries;
	json_t *root;

	if (code != TD_OK)
		return code;
	root = td_ticdc_answer_object(response, 200, JSON_DECODE_INT_AS_REAL, err);
	if (!root)
		return err->code;
	entries = json_object_get(root, "task_status");
	classic.running = detail.running;
	classic.normal = td_json_text(root, "state") && strcmp(td_json_text(root, "state"), "normal") == 0;
	if (classic.normal && !json_is_array(entries))
		code = td_ticdc_answer_odd(response, err, "a normal changefeed needs task_status");
	else if (classic.normal)
		code = read_task_status(response, entries, captures, capture_count, &classic.tables, err);
	json_decref(root);
	if (code == TD_OK)
		*ret = classic;
	else
		td_ticdc_tables_done(&classic.tables);
	return code;
}

enum td_error_code td_ticdc_decode_processor(const struct td_http_response *response, const char *node,
					     struct td_ticdc_tables *tables, struct td_error *err)
{
	json_t *root = td_ticdc_answer_object(response, 200, 0, err);
	const json_t *ids = root ? json_object_get(root, "table_ids") : NULL;
	size_t before = tables->count;
	enum td_error_code code = root ? TD_OK : err->code;
	bool nomem = false;

	if (root && !json_is_array(ids)) /* null: its scheduler does not know this capture */
		code = td_ticdc_answer_odd(response, err, "table_ids is no list");
	else if (root && !append(tables, ids, node, &nomem))
		code = nomem ? td_error_set(err, TD_ERR_NOMEM, "out of memory")
			     : td_ticdc_answer_odd(response, err, "table_ids needs whole numbers");
	if (code != TD_OK)
		tables->count = before;
	json_decref(root);
	return code;
}
