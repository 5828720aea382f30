/* W3, see client.h: status, metrics, status, in this order and of one address. The metrics are read as they stream in.
 * Whatever goes wrong on the way makes the witness unknown, with the reason; there is no other outcome. */
#include "ticdc/call.h"
#include "ticdc/decode.h"
#include "ticdc/witness.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct observation {
	struct td_ticdc_call call;
	char *address, *connect_to;
	struct td_ticdc_status before;
	struct td_ticdc_metrics metrics;
	struct td_ticdc_witness witness;
	td_ticdc_process_fn done;
	void *userdata;
};

static void destroy(struct td_ticdc_call *call)
{
	struct observation *observation = (struct observation *)call;

	td_ticdc_metrics_done(&observation->metrics);
	free(observation->address);
	free(observation->connect_to);
	free(observation);
}

static void finish(struct observation *observation)
{
	td_ticdc_call_close(&observation->call);
	observation->done(&observation->witness.view, observation->userdata);
	destroy(&observation->call);
}

static void finish_unknown(struct observation *observation, const struct td_error *why, const char *what)
{
	struct td_error err = *why;

	td_error_wrap(&err, "%s from %s", what, observation->address);
	td_ticdc_witness_unknown(&observation->witness, err.text);
	finish(observation);
}

static bool ask(struct observation *observation, enum td_ticdc_endpoint endpoint, const char *path, td_http_data_fn on_data,
		td_ticdc_answer_fn on_answer)
{
	return td_ticdc_ask(&observation->call,
			    &(struct td_ticdc_question){.endpoint = endpoint,
							.address = observation->address,
							.connect_to = observation->connect_to,
							.path = path,
							.on_data = on_data},
			    on_answer, observation);
}

static void ask_or_finish(struct observation *observation, enum td_ticdc_endpoint endpoint, const char *path,
			  td_http_data_fn on_data, td_ticdc_answer_fn on_answer)
{
	if (!ask(observation, endpoint, path, on_data, on_answer)) {
		td_ticdc_witness_unknown(&observation->witness, "out of memory");
		finish(observation);
	}
}

static void on_second_status(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct observation *observation = userdata;
	struct td_ticdc_status after;
	struct td_error err = *transport;

	if (err.code != TD_OK || td_ticdc_decode_status(response, &after, &err) != TD_OK) {
		finish_unknown(observation, &err, "second status");
		return;
	}
	td_ticdc_witness_read(&observation->witness, &observation->before, &observation->metrics, &after);
	finish(observation);
}

static bool on_metrics_data(const char *bytes, size_t len, void *userdata)
{
	struct observation *observation = userdata;

	return td_ticdc_metrics_feed(&observation->metrics, bytes, len);
}

static void on_metrics(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct observation *observation = userdata;
	struct td_error err = *transport;

	if (observation->metrics.broken) /* then the stream was ended by us: its own reason is the better one */
		td_error_set(&err, TD_ERR_PROTOCOL, "%s", observation->metrics.why);
	else if (err.code == TD_OK && response->status != 200)
		td_error_set(&err, TD_ERR_HTTP, "%d", response->status);
	else if (err.code == TD_OK && strncasecmp(response->content_type, "text/plain", strlen("text/plain")) != 0)
		td_error_set(&err, TD_ERR_PROTOCOL, "the content type is not text/plain");
	if (err.code != TD_OK)
		finish_unknown(observation, &err, "metrics");
	else
		ask_or_finish(observation, TD_ENDPOINT_STATUS, "/status", NULL, on_second_status);
}

static void on_first_status(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct observation *observation = userdata;
	struct td_error err = *transport;

	if (err.code != TD_OK || td_ticdc_decode_status(response, &observation->before, &err) != TD_OK)
		finish_unknown(observation, &err, "status");
	else
		ask_or_finish(observation, TD_ENDPOINT_METRICS, "/metrics", on_metrics_data, on_metrics);
}

struct td_ticdc_call *td_ticdc_observe_process(struct td_ticdc_client *c, const char *address, const char *connect_to,
					       td_ticdc_process_fn done, void *userdata)
{
	struct observation *observation = calloc(1, sizeof(*observation));

	if (!observation)
		return NULL;
	td_ticdc_call_init(&observation->call, c, destroy);
	td_ticdc_metrics_init(&observation->metrics);
	observation->done = done;
	observation->userdata = userdata;
	observation->address = strdup(address);
	observation->connect_to = connect_to ? strdup(connect_to) : NULL;
	if (observation->address && (!connect_to || observation->connect_to) &&
	    ask(observation, TD_ENDPOINT_STATUS, "/status", NULL, on_first_status))
		return &observation->call;
	td_ticdc_cancel(&observation->call);
	return NULL;
}
