/* See decode.h. The tables list of one changefeed in one mode (4.2): one item per node, one table id per span.
 *
 * Table 0 is the trigger: it is no span, it is listed exactly once per mode, on the maintainer's node; twice makes no sense,
 * missing is for the caller to count (row 15). Node "" holds what is not placed: those are spans like any other (row 13). */
#include "ticdc/decode.h"

#include "base/json.h"
#include "base/text.h"
#include "ticdc/answer.h"

#include <stdlib.h>
#include <string.h>

void td_ticdc_tables_done(struct td_ticdc_tables *tables)
{
	free(tables->spans);
	free(tables->nodes);
	*tables = (struct td_ticdc_tables){.spans = NULL};
}

static int by_table_and_node(const void *a, const void *b)
{
	const struct td_span *x = a, *y = b;

	if (x->table_id != y->table_id)
		return x->table_id < y->table_id ? -1 : 1;
	return strcmp(x->node, y->node);
}

/* Sizes both blocks; the first pass also proves every type. */
static bool measure(const json_t *items, size_t *ret_spans, size_t *ret_text)
{
	size_t index, inner;
	const json_t *item, *id;

	*ret_spans = *ret_text = 0;
	json_array_foreach (items, index, item) {
		const char *node = td_json_text(item, "node_id");
		const json_t *ids = json_object_get(item, "table_ids");

		if (!node || (node[0] != '\0' && !td_ticdc_is_id(node)) || !json_is_array(ids))
			return false;
		json_array_foreach (ids, inner, id) {
			if (!json_is_integer(id) || json_integer_value(id) < 0)
				return false;
		}
		*ret_spans += json_array_size(ids);
		*ret_text += strlen(node) + 1;
	}
	return true;
}

/* False: a second trigger. */
static bool fill(const json_t *items, int mode, struct td_ticdc_tables *into)
{
	size_t index, inner;
	const json_t *item, *id;
	char *next = into->nodes;

	json_array_foreach (items, index, item) {
		const char *node = td_json_text(item, "node_id");
		size_t len = strlen(node) + 1;

		memcpy(next, node, len);
		json_array_foreach (json_object_get(item, "table_ids"), inner, id) {
			int64_t table = json_integer_value(id);

			if (table != 0) {
				into->spans[into->count++] = (struct td_span){table, (uint8_t)mode, next};
			} else if (into->has_trigger) {
				return false;
			} else {
				into->has_trigger = true;
				(void)td_text_copy(into->trigger_node, sizeof(into->trigger_node), node);
			}
		}
		next += len;
	}
	qsort(into->spans, into->count, sizeof(*into->spans), by_table_and_node);
	return true;
}

static enum td_error_code read_tables(const struct td_http_response *response, const json_t *items, int mode,
				      struct td_ticdc_tables *ret, struct td_error *err)
{
	struct td_ticdc_tables tables = {.spans = NULL};
	size_t spans, text;
	enum td_error_code code = TD_OK;

	if (!measure(items, &spans, &text))
		return td_ticdc_answer_odd(response, err, "an item needs node_id and table_ids, all of them whole numbers");
	tables.spans = calloc(spans + 1, sizeof(*tables.spans));
	tables.nodes = malloc(text + 1);
	if (!tables.spans || !tables.nodes)
		code = td_error_set(err, TD_ERR_NOMEM, "out of memory");
	else if (!fill(items, mode, &tables))
		code = td_ticdc_answer_odd(response, err, "table 0 is listed twice");
	if (code == TD_OK)
		*ret = tables;
	else
		td_ticdc_tables_done(&tables);
	return code;
}

enum td_error_code td_ticdc_decode_tables(const struct td_http_response *response, int mode, struct td_ticdc_tables *ret,
					  struct td_error *err)
{
	json_t *root = td_ticdc_answer_object(response, 200, 0, err);
	json_t *items = root ? td_ticdc_answer_items(response, root, err) : NULL;
	enum td_error_code code = items ? read_tables(response, items, mode, ret, err) : err->code;

	json_decref(root);
	return code;
}
