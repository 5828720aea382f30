/* See list_changefeeds.h. TiCDC lists the changefeeds of one keyspace at a time (row 23).
 *
 *	kernel not known -> list of a keyspace that cannot exist: 200, the classic kernel, which ignores it; 400, next generation
 *	classic kernel   -> the list of "default"
 *	next generation  -> the coordinator's metrics -> the list of each keyspace that they name
 *
 * A keyspace whose first changefeed is younger than the metrics (5 s) is not named there. But they also count all changefeeds, and
 * fewer in the lists than by that count is an error. */
#include "ticdc/list_changefeeds.h"

#include "ticdc/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NOBODY "ticdc-drain-probe"

static void fail(struct td_ticdc_lister *lister, const struct td_error *why, const char *what, const char *address)
{
	struct td_error err = *why;

	td_error_wrap(&err, "%s from %s", what, address);
	lister->done(lister, &err, lister->userdata);
}

static void fail_nomem(struct td_ticdc_lister *lister)
{
	struct td_error err;

	td_error_set(&err, TD_ERR_NOMEM, "changefeeds: out of memory");
	lister->done(lister, &err, lister->userdata);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct td_ticdc_listed *)a)->name, ((const struct td_ticdc_listed *)b)->name);
}

static void conclude(struct td_ticdc_lister *lister)
{
	struct td_error err;

	td_error_clear(&err);
	if (lister->changefeeds >= 0 && (uint64_t)lister->changefeeds > lister->count) {
		td_error_set(&err, TD_ERR_PROTOCOL, "%zu are listed in %zu keyspaces, but the coordinator has %lld",
			     lister->count, lister->keyspaces.count, (long long)lister->changefeeds);
		fail(lister, &err, "changefeeds", lister->address);
		return;
	}
	if (lister->count)
		qsort(lister->listed, lister->count, sizeof(*lister->listed), by_name);
	lister->done(lister, &err, lister->userdata);
}

/* Appends a list, taking it over. False: out of memory, and the list is freed. */
static bool take(struct td_ticdc_lister *lister, struct td_ticdc_listed *listed, size_t count)
{
	struct td_ticdc_listed *grown = realloc(lister->listed, (lister->count + count + 1) * sizeof(*grown));

	if (!grown) {
		td_ticdc_listed_free(listed, count);
		return false;
	}
	memcpy(grown + lister->count, listed, count * sizeof(*grown));
	free(listed);
	lister->listed = grown;
	lister->count += count;
	return true;
}

static void list_next(struct td_ticdc_lister *lister);

static const char *keyspace_of(const struct td_ticdc_lister *lister)
{
	return lister->changefeeds >= 0 ? lister->keyspaces.names[lister->next] : "default";
}

static void on_list(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct td_ticdc_lister *lister = userdata;
	struct td_ticdc_listed *listed = NULL;
	struct td_error err = *transport;
	size_t count = 0;

	if (err.code != TD_OK ||
	    td_ticdc_decode_changefeeds(response, keyspace_of(lister), &listed, &count, &err) != TD_OK) {
		fail(lister, &err, "changefeeds", lister->address);
		return;
	}
	lister->next++;
	if (!take(lister, listed, count))
		fail_nomem(lister);
	else
		list_next(lister);
}

static bool ask_list(struct td_ticdc_lister *lister, const char *keyspace, td_ticdc_answer_fn on_answer)
{
	char *path = td_ticdc_changefeeds_path(keyspace);
	bool asked = td_ticdc_ask(
		lister->call,
		&(struct td_ticdc_question){.endpoint = TD_ENDPOINT_CHANGEFEEDS, .address = lister->address, .path = path},
		on_answer, lister);

	free(path);
	return asked;
}

static void list_next(struct td_ticdc_lister *lister)
{
	size_t lists = lister->changefeeds >= 0 ? lister->keyspaces.count : 1;

	if (lister->next == lists)
		conclude(lister);
	else if (!ask_list(lister, keyspace_of(lister), on_list))
		fail_nomem(lister);
}

static bool on_metrics_data(const char *bytes, size_t len, void *userdata)
{
	struct td_ticdc_lister *lister = userdata;

	return td_ticdc_metrics_feed(&lister->metrics, bytes, len);
}

static void on_metrics(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct td_ticdc_lister *lister = userdata;
	struct td_error err = *transport;
	char why[TD_TEXT_MAX];

	if (lister->metrics.broken) /* then the stream was ended by us: its own reason is the better one */
		td_error_set(&err, TD_ERR_PROTOCOL, "%s", lister->metrics.why);
	else if (err.code == TD_OK && response->status != 200)
		td_error_set(&err, TD_ERR_HTTP, "%d", response->status);
	else if (err.code == TD_OK && strncasecmp(response->content_type, "text/plain", strlen("text/plain")) != 0)
		td_error_set(&err, TD_ERR_PROTOCOL, "the content type is not text/plain");
	else if (err.code == TD_OK &&
		 !td_ticdc_metrics_changefeeds(&lister->metrics, &lister->changefeeds, why, sizeof(why)))
		td_error_set(&err, TD_ERR_PROTOCOL, "%s", why);
	if (err.code != TD_OK)
		fail(lister, &err, "keyspaces", lister->coordinator);
	else
		list_next(lister);
}

static bool start_listing(struct td_ticdc_lister *lister)
{
	if (*td_ticdc_call_kernel(lister->call) == TD_KERNEL_CLASSIC)
		return ask_list(lister, "default", on_list);
	return td_ticdc_ask(lister->call,
			    &(struct td_ticdc_question){.endpoint = TD_ENDPOINT_METRICS,
							.address = lister->coordinator,
							.path = "/metrics",
							.on_data = on_metrics_data},
			    on_metrics, lister);
}

static void on_probe(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct td_ticdc_lister *lister = userdata;
	struct td_ticdc_listed *listed = NULL;
	struct td_error err = *transport;
	size_t count = 0;
	bool nextgen =
		err.code == TD_OK && response->status == 400; /* whatever the body: old builds have a form of their own */

	if (err.code == TD_OK && !nextgen)
		(void)td_ticdc_decode_changefeeds(response, "default", &listed, &count, &err);
	td_ticdc_listed_free(listed, count);
	if (err.code != TD_OK) {
		fail(lister, &err, "changefeeds", lister->address);
		return;
	}
	*td_ticdc_call_kernel(lister->call) = nextgen ? TD_KERNEL_NEXTGEN : TD_KERNEL_CLASSIC;
	if (!start_listing(lister))
		fail_nomem(lister);
}

bool td_ticdc_lister_start(struct td_ticdc_lister *lister)
{
	td_ticdc_metrics_init(&lister->metrics);
	lister->metrics.keyspaces = &lister->keyspaces;
	lister->changefeeds = -1;
	if (*td_ticdc_call_kernel(lister->call) == TD_KERNEL_UNKNOWN)
		return ask_list(lister, NOBODY, on_probe);
	return start_listing(lister);
}

void td_ticdc_lister_done(struct td_ticdc_lister *lister)
{
	td_ticdc_listed_free(lister->listed, lister->count);
	td_ticdc_metrics_done(&lister->metrics);
	td_ticdc_keyspaces_done(&lister->keyspaces);
}
