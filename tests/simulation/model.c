/* Captures and where work really is. See model.h. */
#include "world.h"

#include "sidecar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAUGE_MS 5000
#define LEASE_MS 10000

int model_add_node(struct world *w, int pod_number)
{
	struct model *m = &w->model;
	struct model_node *node = &m->nodes[m->node_count];

	if (m->node_count == m->node_capacity)
		return NOWHERE;
	*node = (struct model_node){.registered = true,
				    .up = true,
				    .pod_number = pod_number,
				    .joined_ms = w->now_ms,
				    .process_start = w->now_ms + m->node_count + 1,
				    .gauge_ms = w->now_ms,
				    .gauge_phase_ms = rng_range(&w->rng, 0, GAUGE_MS - 1),
				    .elected_as = ++m->elections};
	(void)snprintf(node->id, sizeof(node->id), "%02x-capture-%d",
		       w->rng.fixed ? (unsigned)m->node_count : (unsigned)(rng_next(&w->rng) & 0xff), m->node_count);
	(void)snprintf(node->address, sizeof(node->address), "cdc-%d:8300", pod_number);
	(void)snprintf(node->pod, sizeof(node->pod), "cdc-%d", pod_number);
	for (int i = 0; i < m->node_count; i++)
		if (m->nodes[i].registered && m->nodes[i].pod_number == pod_number) {
			world_count(w, FAULT_TWIN);
			break;
		}
	return m->node_count++;
}

/* The number of a capture stands at the end of its id. */
int model_find(const struct model *m, const char *id)
{
	const char *number = strrchr(id, '-');
	long index = number ? strtol(number + 1, NULL, 10) : -1;

	return index >= 0 && index < m->node_count && strcmp(m->nodes[index].id, id) == 0 ? (int)index : NOWHERE;
}

int model_find_address(const struct model *m, const char *address)
{
	int found = NOWHERE;

	for (int i = m->node_count; address[0] && i-- > 0;) {
		if (strcmp(m->nodes[i].address, address) != 0)
			continue;
		if (m->nodes[i].up)
			return i;
		if (m->nodes[i].registered && found == NOWHERE)
			found = i;
	}
	return found;
}

int model_of_pod(const struct model *m, const char *pod)
{
	for (int i = m->node_count; i-- > 0;)
		if (m->nodes[i].up && m->nodes[i].registered && strcmp(m->nodes[i].pod, pod) == 0)
			return i;
	return NOWHERE;
}

int model_pick_alive(const struct model *m, int except)
{
	int best = NOWHERE, best_load = 0;

	for (int i = 0; i < m->node_count; i++) {
		const struct model_node *node = &m->nodes[i];
		int load = node->load[LOAD_MAINTAINERS] * 5 + node->load[LOAD_DISPATCHERS];

		if (!node->registered || !node->up || node->liveness != 0 || i == except)
			continue;
		if (best == NOWHERE || load < best_load) {
			best = i;
			best_load = load;
		}
	}
	return best;
}

/* Brings the gauge up to the last moment at which it was recomputed: what changes after this does not show before the next. */
static void settle_gauge(struct world *w, struct model_node *node)
{
	int64_t since = w->now_ms - node->gauge_phase_ms;
	int64_t at = since < 0 ? 0 : node->gauge_phase_ms + since / GAUGE_MS * GAUGE_MS;

	if (at > node->gauge_ms) {
		node->gauge_ms = at;
		node->broker_gauge = node->load[LOAD_MAINTAINERS] + node->load[LOAD_DISPATCHERS] +
				     (at < node->brokers_gone_ms ? node->leaving_brokers : 0);
	}
	if (w->now_ms >= node->brokers_gone_ms)
		node->leaving_brokers = 0;
}

int model_broker_gauge(struct world *w, int index)
{
	settle_gauge(w, &w->model.nodes[index]);
	return w->model.nodes[index].broker_gauge;
}

static enum load load_of(const struct work *work)
{
	return work->table_id == 0 ? LOAD_MAINTAINERS : LOAD_DISPATCHERS;
}

/* The event broker forgets a dispatcher that went; sometimes it takes its time (upstream issue 6316). */
static void leave(struct world *w, struct work *work)
{
	struct model_node *old = &w->model.nodes[work->node];

	settle_gauge(w, old);
	old->load[load_of(work)]--;
	old->leaving_brokers++;
	if (old->brokers_gone_ms < w->now_ms)
		old->brokers_gone_ms = w->now_ms;
	if (rng_chance(&w->rng, 200))
		old->brokers_gone_ms = w->now_ms + rng_range(&w->rng, 100, rng_chance(&w->rng, 100) ? 20000 : 3000);
}

void model_place(struct world *w, struct work *work, int index)
{
	struct model *m = &w->model;
	struct work **list = index == NOWHERE ? &m->absent : &m->nodes[index].works;

	if (work->node != NOWHERE)
		leave(w, work);
	if (work->link) {
		*work->link = work->next;
		if (work->next)
			work->next->link = work->link;
	}
	work->node = index;
	work->next = *list;
	work->link = list;
	if (work->next)
		work->next->link = &work->next;
	*list = work;
	if (work->table_id == 0 && index != NOWHERE)
		m->changefeeds[work->changefeed].trigger = index; /* in the same instant */
	if (index == NOWHERE) {
		work->absent_since_ms = w->now_ms;
	} else {
		settle_gauge(w, &m->nodes[index]);
		m->nodes[index].load[load_of(work)]++;
		m->nodes[index].arrivals++;
		m->nodes[index].arrived_ms = w->now_ms;
	}
}

bool model_is_empty(const struct world *w, int index)
{
	const struct model_node *n = &w->model.nodes[index];

	return n->load[LOAD_MAINTAINERS] == 0 && n->load[LOAD_DISPATCHERS] == 0 &&
	       (n->leaving_brokers == 0 || w->now_ms >= n->brokers_gone_ms);
}

static void restart(struct world *w, const struct event *event)
{
	struct model_node *node = event->subject;

	if (model_of_pod(&w->model, node->pod) != NOWHERE)
		return;
	if (model_add_node(w, node->pod_number) == NOWHERE)
		return;
	world_trace(w, "! a new process in %s", node->pod);
	for (int i = 0; i < w->sidecar_count; i++) /* the leader's shell notices */
		shell_balance(w, &w->sidecars[i]);
}

static void deregister(struct world *w, const struct event *event)
{
	struct model_node *node = event->subject;

	node->registered = false;
	node->left_ms = w->now_ms;
	world_trace(w, "! %s leaves the captures list", node->id);
	while (node->works)
		model_lose(w, node->works);
}

void model_kill(struct world *w, int index, int64_t restart_after_ms)
{
	struct model_node *node = &w->model.nodes[index];
	bool graceful = model_is_empty(w, index);
	int64_t lease_ms = graceful ? rng_range(&w->rng, 100, 2000) : LEASE_MS;

	w->processes_stopped++;
	world_trace(w, "! the process of %s stops", node->id);
	node->up = false;
	node->leaving_brokers = 0;
	world_at(w, w->now_ms + lease_ms, deregister, node, 0);
	if (restart_after_ms)
		world_at(w, w->now_ms + restart_after_ms, restart, node, 0);
	if (w->model.coordinator == index)
		model_step_down(w, lease_ms);
}

struct model_changefeed *model_changefeed(const struct model *m, const char *name)
{
	const char *number = strrchr(name, '-');
	size_t index = number ? strtoul(number + 1, NULL, 10) : SIZE_MAX;

	return index < m->changefeed_count && strcmp(m->changefeeds[index].name, name) == 0 ? &m->changefeeds[index] : NULL;
}

struct work *model_span(struct model_changefeed *cf, int64_t table_id, int mode)
{
	for (size_t i = 0; i < cf->span_count; i++)
		if (cf->spans[i].table_id == table_id && cf->spans[i].mode == mode)
			return &cf->spans[i];
	return NULL;
}

static void add_work(struct world *w, struct work *work, size_t changefeed, int64_t table_id, uint8_t mode)
{
	struct model *m = &w->model;

	*work = (struct work){.changefeed = (int)changefeed,
			      .serial = m->work_count++,
			      .table_id = table_id,
			      .mode = mode,
			      .node = NOWHERE};
	if (m->changefeeds[changefeed].running)
		model_place(w, work, (int)rng_range(&w->rng, 0, m->node_count - 1));
	work->shown = work->shows = work->node;
}

static void add_changefeed(struct world *w, size_t number, int tables_max)
{
	struct model_changefeed *cf = &w->model.changefeeds[number];
	int modes = rng_chance(&w->rng, 200) ? 2 : 1;
	size_t tables = (size_t)rng_range(&w->rng, 0, tables_max);

	(void)snprintf(cf->name, sizeof(cf->name), "default/cf-%05zu", number);
	cf->running = w->rng.fixed || rng_chance(&w->rng, 900);
	cf->untracked = rng_chance(&w->rng, 100);
	cf->trigger = NOWHERE;
	add_work(w, &cf->maintainer, number, 0, 0);
	cf->spans = world_checked(calloc(tables * 2 + 1, sizeof(*cf->spans)));
	for (size_t i = 0; cf->running && i < tables; i++)
		for (int mode = 0; mode < modes; mode++)
			add_work(w, &cf->spans[cf->span_count++], number, (int64_t)i + 100, (uint8_t)mode);
}

void model_init(struct world *w)
{
	struct model *m = &w->model;
	const struct scenario *s = &w->scenario;

	*m = (struct model){.family = s->family, .coordinator = NOWHERE, .completed = NOWHERE, .session.target = NOWHERE};
	m->node_capacity = s->captures * 4 + 24;
	m->nodes = world_checked(calloc((size_t)m->node_capacity, sizeof(*m->nodes)));
	for (int i = 0; i < s->captures; i++)
		(void)model_add_node(w, i);
	m->changefeed_count = (size_t)s->changefeeds;
	m->changefeeds = world_checked(calloc(m->changefeed_count + 1, sizeof(*m->changefeeds)));
	for (size_t i = 0; i < m->changefeed_count; i++)
		add_changefeed(w, i, s->tables_max);
	for (int i = 0; i < m->node_count; i++)
		m->nodes[i].broker_gauge = m->nodes[i].load[LOAD_MAINTAINERS] + m->nodes[i].load[LOAD_DISPATCHERS];
	model_step_down(w, 0);
}

void model_heal(struct world *w)
{
	struct model *m = &w->model;

	m->books_lie_until_ms = m->answer_lies_until_ms = 0;
	for (int i = m->node_count; i-- > 0;)
		if (!m->nodes[i].up && model_of_pod(m, m->nodes[i].pod) == NOWHERE)
			world_at(w, w->now_ms + 5000, restart, &m->nodes[i], 0);
}

void model_done(struct model *m)
{
	for (size_t i = 0; m->changefeeds && i < m->changefeed_count; i++)
		free(m->changefeeds[i].spans);
	free(m->changefeeds);
	free(m->nodes);
}
