/* See client.h: the captures list, then every capture's own status, since the list knows no liveness (contract section 1).
 *
 * Asked is /api/v2/status: the classic family says its liveness there only, all others everywhere.
 *
 * A list that cannot be had is an error. A status that cannot be had is not: that node then does not answer, its liveness is
 * -1, and the caller decides. A status with another id than the listed one (a restart under the same address leaves two
 * entries until the old lease ends, row 6) counts as no answer.
 *
 * Who coordinates: the list marks its own answerer; each status tells what its process believes of itself. The coordinator
 * is known only if exactly one node is marked, that node does not deny it, and no other claims it (row 26: stale claims). */
#include "ticdc/call.h"
#include "ticdc/decode.h"

#include <stdlib.h>
#include <string.h>

struct observation;

struct node {
	struct observation *observation;
	bool answers;
	struct td_ticdc_status status;
};

struct observation {
	struct td_ticdc_call call;
	char *address, *connect_to;
	struct td_ticdc_capture *captures; /* sorted by id */
	struct node *nodes;		   /* of the captures */
	size_t count, asked, answered;
	td_ticdc_nodes_fn done;
	void *userdata;
};

static void destroy(struct td_ticdc_call *call)
{
	struct observation *observation = (struct observation *)call;

	free(observation->address);
	free(observation->connect_to);
	free(observation->captures);
	free(observation->nodes);
	free(observation);
}

static void finish(struct observation *observation, const struct td_nodes_view *nodes, const struct td_error *err)
{
	td_ticdc_call_close(&observation->call);
	observation->done(nodes, err, observation->userdata);
	destroy(&observation->call);
}

static void fail(struct observation *observation, const struct td_error *why)
{
	static const struct td_nodes_view nothing = {.coordinator = ""};
	struct td_error err = *why;

	td_error_wrap(&err, "captures from %s", observation->address);
	finish(observation, &nothing, &err);
}

static void fail_nomem(struct observation *observation)
{
	struct td_error err;

	td_error_set(&err, TD_ERR_NOMEM, "out of memory");
	fail(observation, &err);
}

/* The id of the one node that is marked and undisputed, or "". */
static const char *find_coordinator(const struct observation *observation)
{
	const char *found = "";

	for (size_t i = 0; i < observation->count; i++) {
		const struct node *node = &observation->nodes[i];
		bool marked = observation->captures[i].is_owner;

		if (node->answers && node->status.is_owner != marked)
			return "";
		if (marked && found[0] != '\0')
			return "";
		if (marked)
			found = observation->captures[i].id;
	}
	return found;
}

static void conclude(struct observation *observation)
{
	struct td_node_view *views = calloc(observation->count, sizeof(*views));
	struct td_error none;

	if (!views) {
		fail_nomem(observation);
		return;
	}
	for (size_t i = 0; i < observation->count; i++) {
		const struct td_ticdc_capture *capture = &observation->captures[i];
		const struct node *node = &observation->nodes[i];

		views[i] = (struct td_node_view){
			.id = capture->id,
			.address = capture->address,
			.is_coordinator = node->answers ? node->status.is_owner : capture->is_owner,
			.reported_liveness = node->answers && node->status.has_liveness ? node->status.liveness : -1,
			.answers = node->answers,
			.pod = "",
		};
	}
	td_error_clear(&none);
	finish(observation, &(struct td_nodes_view){find_coordinator(observation), views, observation->count}, &none);
	free(views);
}

static void on_status(const struct td_http_response *response, const struct td_error *transport, void *userdata);

/* Keeps TD_TICDC_PARALLEL statuses under way. False: out of memory. */
static bool ask_more(struct observation *observation)
{
	while (observation->asked < observation->count && observation->asked - observation->answered < TD_TICDC_PARALLEL) {
		const char *address = observation->captures[observation->asked].address;
		struct node *node = &observation->nodes[observation->asked++];
		bool own = strcmp(address, observation->address) == 0;

		node->observation = observation;
		if (!td_ticdc_ask(&observation->call,
				  &(struct td_ticdc_question){.endpoint = TD_ENDPOINT_STATUS,
							      .address = address,
							      .connect_to = own ? observation->connect_to : NULL,
							      .path = "/api/v2/status"},
				  on_status, node))
			return false;
	}
	return true;
}

static void on_status(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct node *node = userdata;
	struct observation *observation = node->observation;
	const char *id = observation->captures[node - observation->nodes].id;
	struct td_error ignored;

	node->answers = transport->code == TD_OK && td_ticdc_decode_status(response, &node->status, &ignored) == TD_OK &&
			strcmp(node->status.id, id) == 0;
	observation->answered++;
	if (!ask_more(observation))
		fail_nomem(observation);
	else if (observation->answered == observation->count)
		conclude(observation);
}

static void on_captures(const struct td_http_response *response, const struct td_error *transport, void *userdata)
{
	struct observation *observation = userdata;
	struct td_error err = *transport;

	if (err.code != TD_OK ||
	    td_ticdc_decode_captures(response, &observation->captures, &observation->count, &err) != TD_OK) {
		fail(observation, &err);
		return;
	}
	observation->nodes = calloc(observation->count, sizeof(*observation->nodes));
	if (!observation->nodes || !ask_more(observation))
		fail_nomem(observation);
}

struct td_ticdc_call *td_ticdc_observe_nodes(struct td_ticdc_client *c, const char *address, const char *connect_to,
					     td_ticdc_nodes_fn done, void *userdata)
{
	struct observation *observation = calloc(1, sizeof(*observation));

	if (!observation)
		return NULL;
	td_ticdc_call_init(&observation->call, c, destroy);
	observation->done = done;
	observation->userdata = userdata;
	observation->address = strdup(address);
	observation->connect_to = connect_to ? strdup(connect_to) : NULL;
	if (observation->address && (!connect_to || observation->connect_to) &&
	    td_ticdc_ask(&observation->call,
			 &(struct td_ticdc_question){.endpoint = TD_ENDPOINT_CAPTURES,
						     .address = address,
						     .connect_to = connect_to,
						     .path = "/api/v2/captures"},
			 on_captures, observation))
		return &observation->call;
	td_ticdc_cancel(&observation->call);
	return NULL;
}
