/* The world: captures, elections, moves, crashes. See model.h. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAUGE_MS 5000
#define LEASE_MS 10000

static void add_node(struct model *m, int pod)
{
	struct model_node *node = &m->nodes[m->node_count];

	*node = (struct model_node){.registered = true, .up = true, .process_start = m->now_ms + (int64_t)m->node_count + 1};
	(void)snprintf(node->id, sizeof(node->id), "%02x-capture-%zu", (unsigned)(rng_next(&m->rng) & 0xff), m->node_count);
	(void)snprintf(node->address, sizeof(node->address), "cdc-%d:8300", pod);
	(void)snprintf(node->pod, sizeof(node->pod), "cdc-%d", pod);
	node->elected_as = ++m->elections;
	node->gauge_ms = m->now_ms - rng_range(&m->rng, 0, GAUGE_MS);
	m->node_count++;
}

int model_find(const struct model *m, const char *id)
{
	for (size_t i = 0; i < m->node_count; i++)
		if (strcmp(m->nodes[i].id, id) == 0)
			return (int)i;
	return NOWHERE;
}

int model_of_pod(const struct model *m, const char *pod)
{
	for (size_t i = m->node_count; i-- > 0;)
		if (m->nodes[i].up && m->nodes[i].registered && strcmp(m->nodes[i].pod, pod) == 0)
			return (int)i;
	return NOWHERE;
}

static int load_of(const struct model_node *node)
{
	return node->maintainers * 5 + node->dispatchers;
}

int model_pick_alive(struct model *m, int except)
{
	int best = NOWHERE;

	for (size_t i = 0; i < m->node_count; i++) {
		const struct model_node *node = &m->nodes[i];

		if (!node->registered || !node->up || node->liveness != 0 || (int)i == except)
			continue;
		if (best == NOWHERE || load_of(node) < load_of(&m->nodes[best]))
			best = (int)i;
	}
	return best;
}

static bool is_maintainer(const struct model_work *work)
{
	return work->table_id == 0;
}

/* The one place where truth about placement changes. */
static void place(struct model *m, struct model_work *work, int node)
{
	if (work->node != NOWHERE) {
		struct model_node *old = &m->nodes[work->node];

		*(is_maintainer(work) ? &old->maintainers : &old->dispatchers) -= 1;
		old->leaving_brokers++;
		if (old->brokers_gone_ms < m->now_ms)
			old->brokers_gone_ms = m->now_ms;
		if (rng_chance(&m->rng, 200)) /* upstream issue 6316: the registration lingers */
			old->brokers_gone_ms = m->now_ms + rng_range(&m->rng, 100, rng_chance(&m->rng, 100) ? 20000 : 3000);
	}
	work->node = node;
	if (node != NOWHERE) {
		*(is_maintainer(work) ? &m->nodes[node].maintainers : &m->nodes[node].dispatchers) += 1;
		m->nodes[node].unseen_return = true;
		m->nodes[node].arrived_ms = m->now_ms;
	}
	work->show_ms = m->now_ms + rng_range(&m->rng, 0, 800);
}

bool model_is_empty(const struct model *m, int node)
{
	const struct model_node *n = &m->nodes[node];

	return n->maintainers == 0 && n->dispatchers == 0 && n->leaving_brokers == 0;
}

bool model_move(struct model *m, struct model_work *work, int destination, uint64_t epoch)
{
	if (work->move != MOVE_NONE)
		return true; /* one that is under way is adopted, whereto it ever goes (contract 4.4) */
	if (work->node == destination)
		return true;
	if (work->node == NOWHERE && !is_maintainer(work))
		return false;
	work->destination = destination;
	work->move = MOVE_STOPPING;
	work->moved_by = epoch;
	work->move_ms = m->now_ms + rng_range(&m->rng, 50, 500);
	return true;
}

static bool can_host(const struct model *m, int node)
{
	return node != NOWHERE && m->nodes[node].up && m->nodes[node].registered;
}

static void advance_work(struct model *m, struct model_work *work)
{
	if (work->show_ms && m->now_ms >= work->show_ms && work->move != MOVE_STARTING) {
		work->shown = work->node;
		work->show_ms = 0;
	}
	if (work->move == MOVE_NONE || m->now_ms < work->move_ms)
		return;
	if (work->move == MOVE_STOPPING) {
		if (!can_host(m, work->destination)) { /* turns back: nothing was stopped yet */
			work->move = MOVE_NONE;
			work->moved_by = 0;
			return;
		}
		place(m, work, NOWHERE);
		work->shown = work->destination; /* before it works there */
		work->move = MOVE_STARTING;
		work->move_ms = m->now_ms + rng_range(&m->rng, 50, is_maintainer(work) ? 800 : 300);
		return;
	}
	place(m, work, can_host(m, work->destination) ? work->destination : NOWHERE);
	work->move = MOVE_NONE;
	work->moved_by = 0;
	work->settled_ms = m->now_ms + rng_range(&m->rng, 0, 1000);
	if (work->node == NOWHERE)
		work->shown = NOWHERE;
}

/* The basic scheduler: what runs nowhere is started somewhere, unless placement is frozen (6.4, failover). */
static void place_absent(struct model *m, struct model_work *work)
{
	bool frozen = false;
	int node;

	for (size_t i = 0; i < m->node_count && m->family == TD_FAMILY_NATIVE && m->session.target == NOWHERE; i++)
		frozen = frozen || (m->nodes[i].registered && m->nodes[i].liveness > 0);
	if (work->node != NOWHERE || work->move != MOVE_NONE || (frozen && is_maintainer(work)) ||
	    !model_is_bootstrapped(m) || !rng_chance(&m->rng, 50))
		return;
	node = model_pick_alive(m, model_is_in_session(m) ? m->session.target : NOWHERE);
	if (node != NOWHERE)
		place(m, work, node);
}

static void lose_work(struct model *m, struct model_work *work, int node)
{
	if (work->node == node) {
		work->node = NOWHERE;
		work->show_ms = m->now_ms + rng_range(&m->rng, 0, 300);
	}
	if (work->node == NOWHERE && work->move == MOVE_STOPPING)
		work->move = MOVE_NONE;
}

void model_kill(struct model *m, int index, int64_t restart_after_ms)
{
	struct model_node *node = &m->nodes[index];
	bool graceful = model_is_empty(m, index);

	node->up = false;
	node->lease_end_ms = m->now_ms + (graceful ? rng_range(&m->rng, 100, 2000) : LEASE_MS);
	node->restart_ms = restart_after_ms ? m->now_ms + restart_after_ms : 0;
	node->maintainers = node->dispatchers = node->leaving_brokers = 0;
	if (m->coordinator == index)
		model_step_down(m, node->lease_end_ms - m->now_ms);
}

static void deregister(struct model *m, int index)
{
	m->nodes[index].registered = false;
	for (size_t i = 0; i < m->changefeed_count; i++) {
		struct model_changefeed *cf = &m->changefeeds[i];

		lose_work(m, &cf->maintainer, index);
		for (size_t j = 0; j < cf->span_count; j++)
			lose_work(m, &cf->spans[j], index);
	}
}

static void advance_node(struct model *m, int index)
{
	struct model_node *node = &m->nodes[index];

	if (!node->up && node->registered && m->now_ms >= node->lease_end_ms)
		deregister(m, index);
	if (!node->up && node->restart_ms && m->now_ms >= node->restart_ms && m->node_count < MODEL_NODES_MAX) {
		int pod = 0;

		node->restart_ms = 0;
		(void)sscanf(node->pod, "cdc-%d", &pod);
		add_node(m, pod);
	}
	if (node->leaving_brokers && m->now_ms >= node->brokers_gone_ms)
		node->leaving_brokers = 0;
	if (m->now_ms - node->gauge_ms >= GAUGE_MS) {
		node->gauge_ms = m->now_ms;
		node->broker_gauge = node->maintainers + node->dispatchers + node->leaving_brokers;
	}
}

void model_tick(struct model *m, int64_t now_ms)
{
	m->now_ms = now_ms;
	model_draw_events(m);
	for (size_t i = 0; i < m->node_count; i++)
		advance_node(m, (int)i);
	model_elect(m);
	for (size_t i = 0; i < m->changefeed_count; i++) {
		struct model_changefeed *cf = &m->changefeeds[i];

		if (!cf->running)
			continue;
		advance_work(m, &cf->maintainer);
		place_absent(m, &cf->maintainer);
		for (size_t j = 0; j < cf->span_count; j++) {
			advance_work(m, &cf->spans[j]);
			if (cf->maintainer.node != NOWHERE)
				place_absent(m, &cf->spans[j]);
		}
	}
	if (m->family == TD_FAMILY_NATIVE)
		model_native_tick(m);
}

static bool is_moved_off(const struct model_work *work, int node, uint64_t epoch)
{
	return work->move == MOVE_STOPPING && work->node == node && work->moved_by == epoch;
}

int model_moves_off(const struct model *m, int node, uint64_t epoch)
{
	int moves = 0;

	for (size_t i = 0; i < m->changefeed_count; i++) {
		const struct model_changefeed *cf = &m->changefeeds[i];

		moves += is_moved_off(&cf->maintainer, node, epoch);
		for (size_t j = 0; j < cf->span_count; j++)
			moves += is_moved_off(&cf->spans[j], node, epoch);
	}
	return moves;
}

static void add_changefeed(struct model *m, struct model_changefeed *cf, size_t number, int tables_max)
{
	bool redo = rng_chance(&m->rng, 200);
	size_t tables = (size_t)rng_range(&m->rng, 0, tables_max);

	(void)snprintf(cf->name, sizeof(cf->name), "default/cf-%03zu", number);
	cf->running = rng_chance(&m->rng, 900);
	cf->untracked = rng_chance(&m->rng, 100);
	cf->maintainer = (struct model_work){.node = NOWHERE, .shown = NOWHERE};
	cf->spans = calloc(tables * 2 + 1, sizeof(*cf->spans));
	for (size_t i = 0; cf->running && i < tables; i++)
		for (int mode = 0; mode <= (redo ? 1 : 0); mode++)
			cf->spans[cf->span_count++] = (struct model_work){
				.table_id = (int64_t)i + 100, .mode = (uint8_t)mode, .node = NOWHERE, .shown = NOWHERE};
	if (!cf->running)
		return;
	place(m, &cf->maintainer, (int)rng_range(&m->rng, 0, (int64_t)m->node_count - 1));
	cf->maintainer.shown = cf->maintainer.node;
	for (size_t i = 0; i < cf->span_count; i++) {
		place(m, &cf->spans[i], (int)rng_range(&m->rng, 0, (int64_t)m->node_count - 1));
		cf->spans[i].shown = cf->spans[i].node;
	}
}

void model_init(struct model *m, uint64_t seed, const struct model_shape *shape)
{
	static const struct model_faults none = {0};

	*m = (struct model){.rng = {seed}, .faults = shape->faults, .family = shape->family, .now_ms = 1000};
	m->calm = memcmp(&shape->faults, &none, sizeof(none)) == 0;
	m->coordinator = m->completed = m->session.target = NOWHERE;
	for (int i = 0; i < shape->captures; i++)
		add_node(m, i);
	m->changefeed_count = (size_t)shape->changefeeds;
	m->changefeeds = calloc(m->changefeed_count + 1, sizeof(*m->changefeeds));
	for (size_t i = 0; i < m->changefeed_count; i++)
		add_changefeed(m, &m->changefeeds[i], i, shape->tables_max);
	for (size_t i = 0; i < m->node_count; i++)
		m->nodes[i].broker_gauge = m->nodes[i].maintainers + m->nodes[i].dispatchers;
}

void model_done(struct model *m)
{
	model_free_answers(m);
	for (size_t i = 0; i < m->changefeed_count; i++)
		free(m->changefeeds[i].spans);
	free(m->changefeeds);
}
