/* One changefeed in the books of the classic family, see observe_changefeed.h:
 *
 *	detail -> normal: its task_status has the tables of every capture
 *	       -> any other running state: the processor of each capture, one after the other
 *
 * There are no maintainers: the coordinator (owner) runs every changefeed, so its address stands in that place and a drain of the
 * owner shows what a resign would move. A changefeed in backoff (pending) lets its processors not be asked about: an error, and not
 * empty; W3 knows what they hold. */
#include "ticdc/observe_changefeed.h"

#include "ticdc/request.h"

#include <stdlib.h>

static void fail(struct td_ticdc_reader *reader, const struct td_error *why, const char *what)
{
	struct td_error err = *why;

	td_error_wrap(&err, "%s of %s from %s", what, reader->name, reader->address);
	reader->done(reader, &err, reader->userdata);
}

static void conclude(struct td_ticdc_reader *reader)
{
	struct td_error none;

	reader->view = (struct td_changefeed_view){
		.name = reader->name,
		.running = reader->detail.running,
		.maintainer_addr = reader->detail.running ? reader->owner : "",
		.tables_known = true,
		.spans = reader->tables[0].spans,
		.span_count = reader->tables[0].count,
	};
	td_error_clear(&none);
	reader->done(reader, &none, reader->userdata);
}

static void ask_next(struct td_ticdc_reader *reader);

static void on_processor(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct td_ticdc_reader *reader = userdata;
	struct td_error err = *transport;

	if (err.code == TD_OK)
		(void)td_ticdc_decode_processor(response, reader->captures[reader->asked].id, &reader->tables[0], &err);
	reader->asked++;
	if (err.code != TD_OK)
		fail(reader, &err, "processor");
	else
		ask_next(reader);
}

static void ask_next(struct td_ticdc_reader *reader)
{
	struct td_error err;
	char *path;
	bool asked;

	if (reader->asked == reader->capture_count) {
		conclude(reader);
		return;
	}
	path = td_ticdc_processor_path(reader->name, reader->captures[reader->asked].id);
	asked = td_ticdc_ask(
		reader->call,
		&(struct td_ticdc_question){.endpoint = TD_ENDPOINT_PROCESSOR, .address = reader->address, .path = path},
		on_processor, reader);
	free(path);
	if (asked)
		return;
	td_error_set(&err, TD_ERR_NOMEM, "out of memory");
	fail(reader, &err, "processor");
}

static void on_detail(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct td_ticdc_reader *reader = userdata;
	struct td_ticdc_classic_detail detail = {.running = false};
	struct td_error err = *transport;
	bool gone = err.code == TD_OK && td_ticdc_changefeed_is_gone(response); /* then it does not run */

	if (err.code == TD_OK && !gone)
		(void)td_ticdc_decode_classic_detail(response, reader->name, reader->captures, reader->capture_count,
						     &detail, &err);
	if (err.code != TD_OK) {
		fail(reader, &err, "detail");
		return;
	}
	reader->detail.running = detail.running;
	reader->tables[0] = detail.tables;
	if (!detail.running || detail.normal)
		conclude(reader);
	else
		ask_next(reader);
}

bool td_ticdc_classic_reader_start(struct td_ticdc_reader *reader)
{
	char *path = td_ticdc_changefeed_path(reader->name, "", "");
	bool asked = td_ticdc_ask(
		reader->call,
		&(struct td_ticdc_question){.endpoint = TD_ENDPOINT_CHANGEFEED, .address = reader->address, .path = path},
		on_detail, reader);

	free(path);
	return asked;
}
