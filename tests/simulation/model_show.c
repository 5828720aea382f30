/* What a read of the cluster shows at the moment at which it is executed. */
#include "model_answer.h"

#include <stdlib.h>
#include <string.h>

void *model_checked(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

void model_refuse(struct model_answer *a, const char *why)
{
	a->outcome = TD_OUTCOME_FAILED;
	a->why = why;
}

/* Whom the request reaches: the address asked, else the shell's own capture (the first that runs). NOWHERE: refused. */
int model_reach(const struct model *m, const struct model_answer *a)
{
	for (size_t i = 0; i < m->node_count; i++)
		if (m->nodes[i].up && (!a->effect.address[0] || strcmp(m->nodes[i].address, a->effect.address) == 0))
			return (int)i;
	return NOWHERE;
}

void model_show_nodes(struct model *m, struct model_answer *a)
{
	struct td_node_view *views = model_checked(calloc(m->node_count + 1, sizeof(*views)));
	size_t count = 0;

	for (size_t i = 0; i < m->node_count; i++) {
		const struct model_node *node = &m->nodes[i];

		if (!node->registered)
			continue;
		views[count++] = (struct td_node_view){.id = node->id,
						       .address = node->address,
						       .is_coordinator = (int)i == m->coordinator,
						       .reported_liveness = node->up ? node->liveness : -1,
						       .answers = node->up,
						       .pod = node->pod,
						       .pod_terminating = node->pod_terminating};
	}
	a->nodes = (struct td_nodes_view){.coordinator = m->nodes[m->coordinator].id, .nodes = views, .count = count};
	if (rng_chance(&m->rng, m->faults.odd_list)) {
		a->nodes.coordinator = "";
		if (rng_chance(&m->rng, 500))
			a->nodes.count = 0;
	}
}

static const char *shown_at(const struct model *m, const struct model_work *work)
{
	int node = work->shown;

	if (m->now_ms < m->books_lie_until_ms &&
	    node != NOWHERE) /* everything is on one capture that is not being drained */
		for (size_t i = 0; i < m->node_count; i++)
			if (m->nodes[i].registered && m->nodes[i].liveness == 0)
				return m->nodes[i].id;
	return node == NOWHERE || !m->nodes[node].registered ? "" : m->nodes[node].id;
}

static const char *shown_address(const struct model *m, const struct model_work *work)
{
	int node = model_find(m, shown_at(m, work));

	return node == NOWHERE ? "" : m->nodes[node].address;
}

/* False: the books cannot be read (contract 11, row 10). */
static bool show_changefeed(struct model *m, const struct model_changefeed *cf, struct td_changefeed_view *view)
{
	struct td_span *spans = model_checked(calloc(cf->span_count + 1, sizeof(*spans)));

	*view = (struct td_changefeed_view){.name = cf->name,
					    .running = cf->running,
					    .spans = spans,
					    .maintainer_addr = cf->running ? shown_address(m, &cf->maintainer) : ""};
	if (!cf->running) {
		view->tables_known = true;
		return true;
	}
	if (view->maintainer_addr[0] == '\0') {
		view->triggers_unplaced = 1;
		return true;
	}
	if (cf->maintainer.node == NOWHERE || cf->maintainer.move == MOVE_STARTING || m->now_ms < cf->maintainer.settled_ms)
		return false;
	view->tables_known = true;
	view->span_count = cf->span_count;
	for (size_t i = 0; i < cf->span_count; i++)
		spans[i] = (struct td_span){cf->spans[i].table_id, cf->spans[i].mode, shown_at(m, &cf->spans[i])};
	return true;
}

void model_show_workload(struct model *m, struct model_answer *a)
{
	a->changefeeds = model_checked(calloc(m->changefeed_count + 1, sizeof(*a->changefeeds)));
	a->workload = (struct td_workload_view){m->nodes[m->coordinator].id, a->changefeeds, m->changefeed_count};
	for (size_t i = 0; i < m->changefeed_count; i++)
		if (!show_changefeed(m, &m->changefeeds[i], &a->changefeeds[i]))
			model_refuse(a, "tables: CDC:ErrMaintainerNotFounded");
}

struct model_changefeed *model_find_changefeed(const struct model *m, const char *name)
{
	for (size_t i = 0; i < m->changefeed_count; i++)
		if (strcmp(m->changefeeds[i].name, name) == 0)
			return &m->changefeeds[i];
	return NULL;
}

void model_show_one(struct model *m, struct model_answer *a)
{
	const struct model_changefeed *cf = model_find_changefeed(m, a->changefeed);

	a->changefeeds = model_checked(calloc(1, sizeof(*a->changefeeds)));
	a->workload.count = 1;
	if (!cf || !show_changefeed(m, cf, &a->changefeeds[0]))
		model_refuse(a, "tables: CDC:ErrMaintainerNotFounded");
}

void model_show_process(struct model *m, struct model_answer *a)
{
	int index = model_reach(m, a);
	struct model_node *node;

	a->process = (struct td_process_view){.why = "connection refused", .capture = ""};
	if (index == NOWHERE)
		return;
	node = &m->nodes[index];
	a->process = (struct td_process_view){.known = true,
					      .why = "",
					      .capture = node->id,
					      .process_start = node->process_start,
					      .liveness = node->liveness};
	a->process.counts = (struct td_counts){(uint32_t)node->maintainers, (uint32_t)node->dispatchers,
					       (uint32_t)node->maintainers, (uint32_t)node->broker_gauge};
	a->read = node;
	if (rng_chance(&m->rng, m->faults.unreadable)) {
		a->process.known = false;
		a->process.why = "ticdc_changefeed_maintainer_counter is missing";
	}
}
