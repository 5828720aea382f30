/* See endpoints.h. */
#include "sidecar/endpoints.h"

#include <stdlib.h>
#include <string.h>

#define METRICS_MAX 65536
#define STALE_MS 600000 /* client-go's longest watch: by then a healthy informer has heard from the server */

/* A text that lacks a line would look like one without that metric. */
struct page {
	struct td_buf *out;
	bool whole;
};

static void header(struct page *page, const char *name, const char *type, const char *help)
{
	page->whole = page->whole && td_buf_append_format(page->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void labelled(struct page *page, const char *name, const char *label, const char *label_value, uint64_t value)
{
	page->whole = page->whole && td_buf_append_format(page->out, "%s{%s=\"%s\"} %llu\n", name, label, label_value,
							  (unsigned long long)value);
}

static void single(struct page *page, const char *name, const char *type, const char *help, uint64_t value)
{
	header(page, name, type, help);
	page->whole = page->whole && td_buf_append_format(page->out, "%s %llu\n", name, (unsigned long long)value);
}

bool td_endpoints_metrics(const struct td_endpoints_state *state, struct td_buf *out)
{
	struct page page = {.out = out, .whole = true};
	const char *endpoint;
	uint64_t requests;

	single(&page, "ticdc_drain_leader", "gauge", "1 while this sidecar coordinates.", state->leading);
	single(&page, "ticdc_drain_synced", "gauge", "1 when pods and DrainRequests have been listed.", state->synced);
	single(&page, "ticdc_drain_pod_terminating", "gauge", "1 while this pod is being deleted.",
	       state->agent.terminating);
	single(&page, "ticdc_drain_hook_waiting", "gauge", "1 while a preStop hook waits at the gate.",
	       state->agent.waited_at);
	single(&page, "ticdc_drain_gate_open", "gauge", "1 once the gate has opened.", state->agent.open);
	header(&page, "ticdc_drain_requests", "gauge", "DrainRequests in the namespace by phase.");
	for (int i = 0; i < TD_PHASE_COUNT; i++)
		labelled(&page, "ticdc_drain_requests", "phase", td_phase_name((enum td_phase)i), state->phases[i]);
	header(&page, "ticdc_drain_activity", "gauge", "1 for what the coordinating sidecar is at.");
	for (int i = 0; i < TD_ACTIVITY_COUNT; i++)
		labelled(&page, "ticdc_drain_activity", "activity", td_activity_name((enum td_activity)i),
			 state->leading && state->core.activity == (enum td_activity)i);
	single(&page, "ticdc_drain_queue_length", "gauge", "Requests waiting for their turn, as the coordinator sees it.",
	       state->core.queued);
	single(&page, "ticdc_drain_moves_in_flight", "gauge", "Moves under way that this sidecar ordered.",
	       state->core.moves_in_flight);
	single(&page, "ticdc_drain_moves_confirmed_total", "counter", "Moves seen to have happened.",
	       state->core.moves_confirmed);
	single(&page, "ticdc_drain_moves_failed_total", "counter", "Moves refused or not seen to happen in time.",
	       state->core.moves_failed);
	single(&page, "ticdc_drain_kube_failures_total", "counter", "Failed reads and writes of the Kubernetes API.",
	       state->kube_failures);
	header(&page, "ticdc_drain_ticdc_requests_total", "counter", "Requests sent to TiCDC by endpoint.");
	for (size_t i = 0; requests = td_ticdc_requests(state->ticdc, i, &endpoint), endpoint; i++)
		labelled(&page, "ticdc_drain_ticdc_requests_total", "endpoint", endpoint, requests);
	return page.whole;
}

const char *td_endpoints_not_ready(const struct td_endpoints_state *state)
{
	if (!state->synced)
		return "pods and DrainRequests have not been listed yet";
	if (!state->agent.selected)
		return "this pod is not among those that --pod-selector selects: its termination would not be seen";
	if (state->staleness_ms > STALE_MS)
		return "the Kubernetes API has not been heard for ten minutes";
	return NULL;
}

static void reply_text(struct td_http_exchange *exchange, int status, const char *text)
{
	td_http_reply(exchange, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* The loop turns: that is all a liveness probe may ask. Restarting the sidecar cures nothing that is wrong elsewhere. */
static void healthz(struct td_http_exchange *exchange, void *userdata)
{
	(void)userdata;
	reply_text(exchange, 200, "ok\n");
}

static void readyz(struct td_http_exchange *exchange, void *userdata)
{
	const struct td_endpoints *endpoints = userdata;
	struct td_endpoints_state state = {0};
	const char *why;

	endpoints->look(&state, endpoints->userdata);
	why = td_endpoints_not_ready(&state);
	reply_text(exchange, why ? 503 : 200, why ? why : "ok\n");
}

static void metrics(struct td_http_exchange *exchange, void *userdata)
{
	const struct td_endpoints *endpoints = userdata;
	struct td_endpoints_state state = {0};
	struct td_buf out;

	td_buf_init(&out, METRICS_MAX);
	endpoints->look(&state, endpoints->userdata);
	if (td_endpoints_metrics(&state, &out))
		td_http_reply(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", td_buf_text(&out), out.len);
	else
		reply_text(exchange, 500, "out of memory\n");
	td_buf_done(&out);
}

bool td_endpoints_register(struct td_endpoints *endpoints, struct td_http_server *server)
{
	return td_http_server_on(server, "GET", "/healthz", healthz, endpoints) &&
	       td_http_server_on(server, "GET", "/readyz", readyz, endpoints) &&
	       td_http_server_on(server, "GET", "/metrics", metrics, endpoints);
}
