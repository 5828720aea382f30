/* W2, see client.h: what the cluster's books say about all changefeeds.
 *
 *	captures -> changefeeds (state=all) -> each running one, TD_TICDC_PARALLEL at a time -> captures again -> view
 *
 * In the classic family the health is asked before the changefeeds: an owner that does not run its changefeeds (just elected, or
 * refusing a mix of versions, contract 6.2) answers an empty list, and says there that it is unhealthy (row 18).
 *
 * The books are worth something only as one whole, so the first failure ends the read with an error that names it. Two
 * checks tie the pieces together:
 *  - the same capture coordinates before and after (rows 11 and 26), else what lies between belongs to nobody;
 *  - a changefeed's triggers are listed on the capture at its maintainer_addr (row 15). If they are elsewhere, the
 *    maintainer moved between the two requests, and the view would show neither its old nor its new place rightly.
 *
 * Row 23: all states of all keyspaces are listed, see list_changefeeds.c; of the classic family, namespace "default" only. */
#include "ticdc/list_changefeeds.h"
#include "ticdc/observe_changefeed.h"

#include <stdlib.h>
#include <string.h>

struct workload {
	struct td_ticdc_call call;
	bool classic;
	char *address;
	struct td_ticdc_capture *captures; /* as first listed */
	size_t capture_count;
	char coordinator[TD_ID_MAX];
	struct td_ticdc_lister lister;
	struct td_ticdc_reader *readers; /* of what is listed; those of resting changefeeds are not used */
	size_t next, active;
	td_ticdc_workload_fn done;
	void *userdata;
};

static void destroy(struct td_ticdc_call *call)
{
	struct workload *workload = (struct workload *)call;

	for (size_t i = 0; workload->readers && i < workload->lister.count; i++)
		td_ticdc_reader_done(&workload->readers[i]);
	free(workload->readers);
	td_ticdc_lister_done(&workload->lister);
	free(workload->captures);
	free(workload->address);
	free(workload);
}

static void finish(struct workload *workload, const struct td_workload_view *view, const struct td_error *err)
{
	static const struct td_workload_view nothing = {.coordinator = ""};

	td_ticdc_call_close(&workload->call);
	workload->done(err->code == TD_OK ? view : &nothing, err, workload->userdata);
	destroy(&workload->call);
}

static void fail(struct workload *workload, const struct td_error *why, const char *what)
{
	struct td_error err = *why;

	td_error_wrap(&err, "%s from %s", what, workload->address);
	finish(workload, NULL, &err);
}

static void fail_nomem(struct workload *workload)
{
	struct td_error err;

	td_error_set(&err, TD_ERR_NOMEM, "workload: out of memory");
	finish(workload, NULL, &err);
}

static bool ask(struct workload *workload, enum td_ticdc_endpoint endpoint, const char *path, td_ticdc_answer_fn on_answer)
{
	return td_ticdc_ask(&workload->call,
			    &(struct td_ticdc_question){.endpoint = endpoint, .address = workload->address, .path = path},
			    on_answer, workload);
}

/* The id of the one capture that is marked as coordinator. */
static enum td_error_code find_coordinator(const struct td_ticdc_capture *captures, size_t count, char ret[TD_ID_MAX],
					   struct td_error *err)
{
	size_t marked = 0;

	for (size_t i = 0; i < count; i++) {
		if (captures[i].is_owner) {
			memcpy(ret, captures[i].id, TD_ID_MAX);
			marked++;
		}
	}
	return marked == 1 ? TD_OK : td_error_set(err, TD_ERR_PROTOCOL, "%zu captures are marked as coordinator", marked);
}

static bool is_at(const struct td_ticdc_capture *captures, size_t count, const char *id, const char *address)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(captures[i].id, id) == 0)
			return strcmp(captures[i].address, address) == 0;
	return false;
}

/* See row 15 above. Triggers that are not placed are in the view already. */
static enum td_error_code check_triggers(const struct workload *workload, const struct td_ticdc_capture *captures,
					 size_t count, struct td_error *err)
{
	for (size_t i = 0; i < workload->lister.count; i++) {
		const struct td_ticdc_reader *reader = &workload->readers[i];

		for (int mode = 0; mode < 2; mode++) {
			const char *node = reader->tables[mode].trigger_node;

			if (node[0] != '\0' && !is_at(captures, count, node, reader->detail.maintainer_addr))
				return td_error_set(err, TD_ERR_PROTOCOL,
						    "the maintainer of %s moved during the read: trigger on %s, not at %s",
						    workload->lister.listed[i].name, node, reader->detail.maintainer_addr);
		}
	}
	return TD_OK;
}

/* Each of them has been noted; the first is named. */
static bool is_doubtful(const struct workload *workload, struct td_error *err)
{
	for (size_t i = 0; i < workload->lister.count; i++) {
		if (!workload->readers[i].doubtful)
			continue;
		td_ticdc_reader_doubt(&workload->readers[i], err);
		return true;
	}
	return false;
}

static void conclude(struct workload *workload)
{
	struct td_changefeed_view *views = calloc(workload->lister.count + 1, sizeof(*views));
	struct td_error none;

	if (!views) {
		fail_nomem(workload);
		return;
	}
	td_error_clear(&none);
	if (is_doubtful(workload, &none)) {
		free(views);
		finish(workload, NULL, &none);
		return;
	}
	for (size_t i = 0; i < workload->lister.count; i++)
		views[i] = workload->lister.listed[i].running
				   ? workload->readers[i].view
				   : (struct td_changefeed_view){.name = workload->lister.listed[i].name,
								 .maintainer_addr = "",
								 .tables_known = true};
	finish(workload, &(struct td_workload_view){workload->coordinator, views, workload->lister.count}, &none);
	free(views);
}

static void on_last_captures(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct workload *workload = userdata;
	struct td_ticdc_capture *captures = NULL;
	struct td_error err = *transport;
	char coordinator[TD_ID_MAX];
	size_t count = 0;

	if (err.code == TD_OK && td_ticdc_decode_captures(response, &captures, &count, &err) == TD_OK &&
	    find_coordinator(captures, count, coordinator, &err) == TD_OK) {
		if (strcmp(coordinator, workload->coordinator) != 0)
			td_error_set(&err, TD_ERR_PROTOCOL, "the coordinator changed during the read from %s to %s",
				     workload->coordinator, coordinator);
		else
			(void)check_triggers(workload, captures, count, &err);
	}
	free(captures);
	if (err.code != TD_OK)
		fail(workload, &err, "last captures");
	else
		conclude(workload);
}

static void read_more(struct workload *workload);

static void on_read(struct td_ticdc_reader *reader, const struct td_error *err, void *userdata)
{
	struct workload *workload = userdata;

	(void)reader;
	workload->active--;
	if (err->code != TD_OK)
		finish(workload, NULL, err);
	else
		read_more(workload);
}

static const char *owner_address(const struct workload *workload)
{
	for (size_t i = 0; i < workload->capture_count; i++)
		if (strcmp(workload->captures[i].id, workload->coordinator) == 0)
			return workload->captures[i].address;
	return "";
}

/* Keeps the readers busy, and goes on when the last one is done. */
static void read_more(struct workload *workload)
{
	for (; workload->next < workload->lister.count && workload->active < TD_TICDC_PARALLEL; workload->next++) {
		struct td_ticdc_reader *reader = &workload->readers[workload->next];

		if (!workload->lister.listed[workload->next].running)
			continue;
		*reader = (struct td_ticdc_reader){.call = &workload->call,
						   .name = workload->lister.listed[workload->next].name,
						   .address = workload->address,
						   .done = on_read,
						   .userdata = workload,
						   .captures = workload->captures,
						   .capture_count = workload->capture_count,
						   .owner = owner_address(workload)};
		workload->active++;
		if (!(workload->classic ? td_ticdc_classic_reader_start(reader) : td_ticdc_reader_start(reader))) {
			fail_nomem(workload);
			return;
		}
	}
	if (workload->active == 0 && !ask(workload, TD_ENDPOINT_CAPTURES, "/api/v2/captures", on_last_captures))
		fail_nomem(workload);
}

static void on_listed(struct td_ticdc_lister *lister, const struct td_error *err, void *userdata)
{
	struct workload *workload = userdata;

	if (err->code != TD_OK) {
		finish(workload, NULL, err);
		return;
	}
	workload->readers = calloc(lister->count + 1, sizeof(*workload->readers));
	if (!workload->readers)
		fail_nomem(workload);
	else
		read_more(workload);
}

/* The classic family has namespaces instead of keyspaces, and hardly anybody more than one: only "default" is listed. */
static void ask_changefeeds(struct workload *workload)
{
	workload->lister.call = &workload->call;
	workload->lister.address = workload->address;
	workload->lister.coordinator = owner_address(workload);
	workload->lister.done = on_listed;
	workload->lister.userdata = workload;
	if (workload->classic)
		*td_ticdc_call_kernel(&workload->call) = TD_KERNEL_CLASSIC;
	if (!td_ticdc_lister_start(&workload->lister))
		fail_nomem(workload);
}

static void on_health(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct workload *workload = userdata;
	struct td_error err = *transport;

	if (err.code != TD_OK || td_ticdc_decode_accepted(response, &err) != TD_OK)
		fail(workload, &err, "health");
	else
		ask_changefeeds(workload);
}

static void on_captures(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct workload *workload = userdata;
	struct td_error err = *transport;

	if (err.code == TD_OK &&
	    td_ticdc_decode_captures(response, &workload->captures, &workload->capture_count, &err) == TD_OK)
		(void)find_coordinator(workload->captures, workload->capture_count, workload->coordinator, &err);
	if (err.code != TD_OK)
		fail(workload, &err, "captures");
	else if (!workload->classic)
		ask_changefeeds(workload);
	else if (!ask(workload, TD_ENDPOINT_HEALTH, "/api/v2/health", on_health))
		fail_nomem(workload);
}

struct td_ticdc_call *td_ticdc_observe_workload(struct td_ticdc_client *c, enum td_family family, const char *address,
						td_ticdc_workload_fn done, void *userdata)
{
	struct workload *workload = calloc(1, sizeof(*workload));

	if (!workload)
		return NULL;
	td_ticdc_call_init(&workload->call, c, destroy);
	workload->classic = family == TD_FAMILY_CLASSIC;
	workload->done = done;
	workload->userdata = userdata;
	workload->address = strdup(address);
	if (workload->address && ask(workload, TD_ENDPOINT_CAPTURES, "/api/v2/captures", on_captures))
		return &workload->call;
	td_ticdc_cancel(&workload->call);
	return NULL;
}
