/* What a read of the cluster shows at the moment at which it is executed. */
#include "call.h"
#include "sidecar.h"

#include <stdlib.h>
#include <string.h>

#define STALE_MS 5000

void call_refuse(struct call *call, const char *why)
{
	call->outcome = TD_OUTCOME_FAILED;
	call->why = why;
}

int call_reach(const struct world *w, const struct call *call)
{
	int node = call->effect.address[0] ? model_find_address(&w->model, call->effect.address)
					   : model_of_pod(&w->model, call->sidecar->pod);

	return node != NOWHERE && w->model.nodes[node].up ? node : NOWHERE;
}

static bool is_listed(const struct world *w, const struct model_node *node, bool stale)
{
	if (!stale)
		return node->registered;
	return w->now_ms - node->joined_ms > STALE_MS && (node->registered || w->now_ms - node->left_ms < STALE_MS);
}

void call_show_nodes(struct world *w, struct call *call)
{
	const struct model *m = &w->model;
	struct td_node_view *views = world_checked(calloc((size_t)m->node_count + 1, sizeof(*views)));
	bool stale = w->now_ms > 10000 && world_chance(w, FAULT_STALE_LIST);
	size_t count = 0;

	for (int i = 0; i < m->node_count; i++) {
		const struct model_node *node = &m->nodes[i];

		if (!is_listed(w, node, stale))
			continue;
		views[count++] = (struct td_node_view){.id = node->id,
						       .address = node->address,
						       .is_coordinator = i == m->coordinator,
						       .reported_liveness = node->up ? node->liveness : -1,
						       .answers = node->up,
						       .pod = node->pod,
						       .pod_terminating = node->pod_terminating};
	}
	call->nodes = (struct td_nodes_view){.coordinator = m->nodes[m->coordinator].id, .nodes = views, .count = count};
	if (world_chance(w, FAULT_ODD_LIST)) {
		call->nodes.coordinator = "";
		for (size_t i = 0; i < count; i++)
			views[i].is_coordinator = false;
		if (rng_chance(&w->rng, 500))
			call->nodes.count = 0;
	}
}

static int shown_node(const struct world *w, const struct work *work)
{
	const struct model *m = &w->model;
	int node = model_shown(w, work);

	if (w->now_ms < m->books_lie_until_ms && node != NOWHERE)
		for (int i = 0; i < m->node_count; i++) /* everything is on one capture that is not being drained */
			if (m->nodes[i].registered && m->nodes[i].liveness == 0)
				return i;
	return node == NOWHERE || !m->nodes[node].registered ? NOWHERE : node;
}

/* False: the books cannot be read (contract 11, row 10). */
static bool show_changefeed(struct world *w, const struct model_changefeed *cf, struct td_changefeed_view *view)
{
	const struct model_node *nodes = w->model.nodes;
	int node = cf->running ? shown_node(w, &cf->maintainer) : NOWHERE;
	struct td_span *spans;

	*view = (struct td_changefeed_view){
		.name = cf->name, .running = cf->running, .maintainer_addr = node == NOWHERE ? "" : nodes[node].address};
	if (!cf->running) {
		view->tables_known = true;
		return true;
	}
	if (node == NOWHERE) {
		view->triggers_unplaced = 1;
		return true;
	}
	if (cf->maintainer.node == NOWHERE || w->now_ms < cf->maintainer.settled_ms || !nodes[cf->maintainer.node].up)
		return false;
	spans = world_checked(calloc(cf->span_count + 1, sizeof(*spans)));
	view->tables_known = true;
	view->spans = spans;
	view->span_count = cf->span_count;
	for (size_t i = 0; i < cf->span_count; i++) {
		int at = shown_node(w, &cf->spans[i]);

		spans[i] = (struct td_span){cf->spans[i].table_id, cf->spans[i].mode, at == NOWHERE ? "" : nodes[at].id};
	}
	return true;
}

void call_show_workload(struct world *w, struct call *call)
{
	const struct model *m = &w->model;

	call->changefeeds = world_checked(calloc(m->changefeed_count + 1, sizeof(*call->changefeeds)));
	call->workload = (struct td_workload_view){m->nodes[m->coordinator].id, call->changefeeds, m->changefeed_count};
	for (size_t i = 0; i < m->changefeed_count; i++) {
		if (show_changefeed(w, &m->changefeeds[i], &call->changefeeds[i]))
			continue;
		call->workload.count = i;
		call_refuse(call, "tables: CDC:ErrMaintainerNotFounded");
		return;
	}
}

void call_show_one(struct world *w, struct call *call)
{
	const struct model_changefeed *cf = model_changefeed(&w->model, call->changefeed);

	call->changefeeds = world_checked(calloc(1, sizeof(*call->changefeeds)));
	call->workload.count = 1;
	if (!cf || !show_changefeed(w, cf, &call->changefeeds[0]))
		call_refuse(call, "tables: CDC:ErrMaintainerNotFounded");
}

void call_show_process(struct world *w, struct call *call)
{
	int index = call_reach(w, call);
	const struct model_node *node;

	call->process = (struct td_process_view){.why = "connection refused", .capture = ""};
	if (index == NOWHERE)
		return;
	node = &w->model.nodes[index];
	call->process = (struct td_process_view){.known = true,
						 .why = "",
						 .capture = node->id,
						 .process_start = node->process_start,
						 .liveness = node->liveness};
	call->process.counts =
		(struct td_counts){(uint32_t)node->load[LOAD_MAINTAINERS], (uint32_t)node->load[LOAD_DISPATCHERS],
				   (uint32_t)node->load[LOAD_MAINTAINERS], (uint32_t)model_broker_gauge(w, index)};
	call->read = index;
	call->arrivals = node->arrivals;
	if (world_chance(w, FAULT_UNREADABLE)) {
		call->process.known = false;
		call->process.why = "ticdc_changefeed_maintainer_counter is missing";
	}
}
