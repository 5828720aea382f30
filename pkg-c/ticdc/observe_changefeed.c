/* See observe_changefeed.h and client.h. One changefeed in the cluster's books:
 *
 *	detail (from the address given) -> tables, mode 0 [-> count] -> with redo: tables, mode 1 [-> count]
 *
 * The tables are asked of the maintainer's own address, which spares TiCDC a hop; if the maintainer has moved meanwhile,
 * that node forwards. What is read is the maintainer's belief (row 13): W3 is there for the truth.
 *
 *  - Not running, or not there any more: nothing to list. Running without a maintainer: a legal view, with tables unknown
 *    and every trigger unplaced. It is not empty: its dispatchers may still run somewhere (row 10).
 *  - Redo has lists of its own (row 14); without redo mode 1 is never asked, TiCDC would panic (4.2).
 *  - A list without any span may come from a maintainer that is not bootstrapped (row 12): the dispatcher count is asked
 *    too, and unless it agrees and bootstrap.c believes it, the read is an error.
 *  - Each mode has one trigger (table 0); those that are missing or not placed are counted, not forgiven. */
#include "ticdc/observe_changefeed.h"

#include "ticdc/answer.h"
#include "ticdc/request.h"

#include <stdlib.h>
#include <string.h>

void td_ticdc_reader_done(struct td_ticdc_reader *reader)
{
	td_ticdc_tables_done(&reader->tables[0]);
	td_ticdc_tables_done(&reader->tables[1]);
	free(reader->merged);
	reader->merged = NULL;
}

static void fail(struct td_ticdc_reader *reader, const struct td_error *why, const char *what, const char *address)
{
	struct td_error err = *why;

	td_error_wrap(&err, "%s of %s from %s", what, reader->name, address);
	reader->done(reader, &err, reader->userdata);
}

static void fail_nomem(struct td_ticdc_reader *reader)
{
	struct td_error err;

	td_error_set(&err, TD_ERR_NOMEM, "%s: out of memory", reader->name);
	reader->done(reader, &err, reader->userdata);
}

static bool ask_at(struct td_ticdc_reader *reader, enum td_ticdc_endpoint endpoint, const char *resource, const char *query,
		   const char *address, td_ticdc_answer_fn on_answer)
{
	char *path = td_ticdc_changefeed_path(reader->name, resource, query);
	bool asked = td_ticdc_ask(reader->call,
				  &(struct td_ticdc_question){.endpoint = endpoint, .address = address, .path = path},
				  on_answer, reader);

	free(path);
	return asked;
}

/* Of the maintainer, about the mode that is being read. */
static bool ask_maintainer(struct td_ticdc_reader *reader, enum td_ticdc_endpoint endpoint, const char *resource,
			   td_ticdc_answer_fn on_answer)
{
	return ask_at(reader, endpoint, resource, reader->mode ? "&mode=1" : "&mode=0", reader->detail.maintainer_addr,
		      on_answer);
}

/* Both modes in one block. The spans' nodes stay where they are. False: out of memory. */
static bool merge(struct td_ticdc_reader *reader)
{
	const struct td_ticdc_tables *tables = reader->tables;

	if (!reader->detail.redo)
		return true;
	reader->merged = calloc(tables[0].count + tables[1].count + 1, sizeof(*reader->merged));
	if (!reader->merged)
		return false;
	for (size_t i = 0; i < tables[0].count; i++)
		reader->merged[i] = tables[0].spans[i];
	for (size_t i = 0; i < tables[1].count; i++)
		reader->merged[tables[0].count + i] = tables[1].spans[i];
	return true;
}

static void conclude(struct td_ticdc_reader *reader, bool listed)
{
	uint32_t modes = reader->detail.redo ? 2 : 1;
	uint32_t placed = 0;
	struct td_error none;

	if (!merge(reader)) {
		fail_nomem(reader);
		return;
	}
	for (int mode = 0; mode < 2; mode++)
		placed += reader->tables[mode].has_trigger && reader->tables[mode].trigger_node[0] != '\0';
	reader->view = (struct td_changefeed_view){
		.name = reader->name,
		.running = reader->detail.running,
		.maintainer_addr = reader->detail.running ? reader->detail.maintainer_addr : "",
		.tables_known = listed || !reader->detail.running,
		.spans = reader->merged ? reader->merged : reader->tables[0].spans,
		.span_count = reader->tables[0].count + reader->tables[1].count,
		.triggers_unplaced = reader->detail.running ? modes - placed : 0,
	};
	td_error_clear(&none);
	reader->done(reader, &none, reader->userdata);
}

static void on_tables(const struct td_http_response *response, const struct td_error *transport, void *userdata);

static void ask_tables(struct td_ticdc_reader *reader, int mode)
{
	reader->mode = mode;
	if (!ask_maintainer(reader, TD_ENDPOINT_TABLES, "tables", on_tables))
		fail_nomem(reader);
}

static void next_mode(struct td_ticdc_reader *reader)
{
	if (reader->mode == 0 && reader->detail.redo)
		ask_tables(reader, 1);
	else
		conclude(reader, true);
}

/* The maintainer lists its trigger alone. */
static bool is_believed(const struct td_ticdc_reader *reader)
{
	return td_ticdc_suspects_note(td_ticdc_call_suspects(reader->call), reader->name, reader->tables[0].trigger_node,
				      td_ticdc_call_now_ms(reader->call));
}

void td_ticdc_reader_doubt(const struct td_ticdc_reader *reader, struct td_error *err)
{
	td_error_set(err, TD_ERR_PROTOCOL,
		     "dispatcher count of %s from %s: perhaps not bootstrapped: it lists nothing but its trigger",
		     reader->name, reader->detail.maintainer_addr);
}

static void on_count(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct td_ticdc_reader *reader = userdata;
	const struct td_ticdc_tables *tables = &reader->tables[reader->mode];
	struct td_error err = *transport;
	int64_t count = 0;

	if (err.code == TD_OK && td_ticdc_decode_dispatcher_count(response, &count, &err) == TD_OK) {
		if (count > (tables->has_trigger ? 1 : 0))
			td_error_set(&err, TD_ERR_PROTOCOL, "not bootstrapped: it counts %lld, and lists none of them",
				     (long long)count);
		else if (reader->mode == 0 && !is_believed(reader))
			reader->doubtful = true;
	}
	if (err.code != TD_OK)
		fail(reader, &err, "dispatcher count", reader->detail.maintainer_addr);
	else
		next_mode(reader);
}

static void on_tables(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct td_ticdc_reader *reader = userdata;
	struct td_ticdc_tables *tables = &reader->tables[reader->mode];
	struct td_error err = *transport;

	if (err.code != TD_OK || td_ticdc_decode_tables(response, reader->mode, tables, &err) != TD_OK) {
		fail(reader, &err, "tables", reader->detail.maintainer_addr);
	} else if (tables->count == 0) {
		if (!ask_maintainer(reader, TD_ENDPOINT_DISPATCHER_COUNT, "get_dispatcher_count", on_count))
			fail_nomem(reader);
	} else {
		if (reader->mode == 0)
			td_ticdc_suspects_clear(td_ticdc_call_suspects(reader->call), reader->name);
		next_mode(reader);
	}
}

bool td_ticdc_changefeed_is_gone(const struct td_http_response *response)
{
	struct td_ticdc_fault fault;

	return response->status == 400 && td_ticdc_answer_fault(response, &fault) &&
	       strcmp(fault.error_code, "CDC:ErrChangeFeedNotExists") == 0;
}

static void on_detail(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct td_ticdc_reader *reader = userdata;
	struct td_error err = *transport;

	bool gone =
		err.code == TD_OK && td_ticdc_changefeed_is_gone(response); /* then the detail stays empty: not running */

	if (err.code == TD_OK && !gone)
		(void)td_ticdc_decode_detail(response, reader->name, &reader->detail, &err);
	if (err.code != TD_OK)
		fail(reader, &err, "detail", reader->address);
	else if (reader->detail.running && reader->detail.maintainer_addr[0] != '\0')
		ask_tables(reader, 0);
	else
		conclude(reader, false);
}

bool td_ticdc_reader_start(struct td_ticdc_reader *reader)
{
	return ask_at(reader, TD_ENDPOINT_CHANGEFEED, "", "", reader->address, on_detail);
}

/* ---- the single changefeed of the public API ---- */

struct single {
	struct td_ticdc_call call;
	struct td_ticdc_reader reader;
	char *name, *address;
	td_ticdc_changefeed_fn done;
	void *userdata;
};

static void destroy(struct td_ticdc_call *call)
{
	struct single *single = (struct single *)call;

	td_ticdc_reader_done(&single->reader);
	free(single->name);
	free(single->address);
	free(single);
}

static void on_read(struct td_ticdc_reader *reader, const struct td_error *err, void *userdata)
{
	struct single *single = userdata;
	const struct td_changefeed_view nothing = {.name = single->name, .maintainer_addr = ""};
	struct td_error told = *err;

	if (told.code == TD_OK && reader->doubtful)
		td_ticdc_reader_doubt(reader, &told);
	td_ticdc_call_close(&single->call);
	single->done(told.code == TD_OK ? &reader->view : &nothing, &told, single->userdata);
	destroy(&single->call);
}

struct td_ticdc_call *td_ticdc_observe_changefeed(struct td_ticdc_client *c, const char *address, const char *name,
						  td_ticdc_changefeed_fn done, void *userdata)
{
	struct single *single = calloc(1, sizeof(*single));

	if (!single)
		return NULL;
	td_ticdc_call_init(&single->call, c, destroy);
	single->name = strdup(name);
	single->address = strdup(address);
	single->done = done;
	single->userdata = userdata;
	single->reader = (struct td_ticdc_reader){.call = &single->call,
						  .name = single->name,
						  .address = single->address,
						  .done = on_read,
						  .userdata = single};
	if (single->name && single->address && td_ticdc_reader_start(&single->reader))
		return &single->call;
	td_ticdc_cancel(&single->call);
	return NULL;
}
