/* Elections, and what rarely happens: failovers, crashes, work that comes back, lies. */
#include "world.h"

/* ---- TiCDC's coordinator ---- */

static void elect(struct world *w, const struct event *event)
{
	struct model *m = &w->model;
	int best = NOWHERE;

	if (m->coordinator != NOWHERE || event->number != m->term)
		return;
	for (int i = 0; i < m->node_count; i++)
		if (m->nodes[i].registered && m->nodes[i].up && m->nodes[i].liveness == 0 &&
		    (best == NOWHERE || m->nodes[i].elected_as < m->nodes[best].elected_as))
			best = i;
	if (best == NOWHERE) {
		world_at(w, w->now_ms + 200, elect, NULL, m->term);
		return;
	}
	world_trace(w, "! %s is TiCDC's coordinator", m->nodes[best].id);
	m->coordinator = best;
	m->fake_counter = 0;
	m->bootstrapped_ms = w->now_ms + rng_range(&w->rng, 100, 1500);
}

void model_step_down(struct world *w, int64_t for_ms)
{
	struct model *m = &w->model;

	m->term++;
	if (m->coordinator != NOWHERE)
		m->nodes[m->coordinator].elected_as = ++m->elections;
	m->coordinator = NOWHERE;
	model_drop_session(m);
	if (for_ms == 0)
		elect(w, &(struct event){.number = m->term});
	else
		world_at(w, w->now_ms + for_ms, elect, NULL, m->term);
}

bool model_is_bootstrapped(const struct world *w)
{
	return w->model.coordinator != NOWHERE && w->now_ms >= w->model.bootstrapped_ms;
}

/* ---- drawn once a second ---- */

static int random_up(struct world *w)
{
	int node = (int)rng_range(&w->rng, 0, w->model.node_count - 1);

	return w->model.nodes[node].up && w->model.nodes[node].registered ? node : NOWHERE;
}

/* A balance scheduler or a cleared drain target puts a few spans, or a maintainer, where they should not be. */
static void return_work(struct world *w)
{
	struct model *m = &w->model;
	int node = random_up(w);

	for (int n = 0; node != NOWHERE && m->changefeed_count && n < 3; n++) {
		struct model_changefeed *cf = &m->changefeeds[rng_range(&w->rng, 0, (int64_t)m->changefeed_count - 1)];
		struct work *work = &cf->maintainer;

		if (cf->span_count && rng_chance(&w->rng, 700))
			work = &cf->spans[rng_range(&w->rng, 0, (int64_t)cf->span_count - 1)];
		if (cf->running && work->move == MOVE_NONE && work->node != NOWHERE &&
		    (m->nodes[node].liveness == 0 || work->table_id != 0))
			(void)model_move(w, work, node, 0);
	}
}

static int draining_capture(struct world *w)
{
	for (int i = 0; i < w->request_count; i++) {
		const struct drain_status *status = kube_newest(&w->kube, i);

		if (status->phase == TD_PHASE_DRAINING || status->phase == TD_PHASE_VERIFYING)
			return model_find(&w->model, status->capture);
	}
	return NOWHERE;
}

static void crash(struct world *w, int node)
{
	if (node != NOWHERE && w->model.nodes[node].up)
		model_kill(w, node, rng_chance(&w->rng, 800) ? rng_range(&w->rng, 1000, 20000) : 0);
}

void model_rare_events(struct world *w)
{
	struct model *m = &w->model;

	if (m->coordinator != NOWHERE && world_chance(w, FAULT_FAILOVER))
		model_step_down(w, rng_range(&w->rng, 10, 2000));
	if (world_chance(w, FAULT_CRASH))
		crash(w, random_up(w));
	if (draining_capture(w) != NOWHERE && world_chance(w, FAULT_TARGET_DIES))
		crash(w, draining_capture(w));
	if (world_chance(w, FAULT_RETURNING))
		return_work(w);
	if (world_chance(w, FAULT_LYING_BOOKS))
		m->books_lie_until_ms = w->now_ms + rng_range(&w->rng, 500, 10000);
	if (m->family == TD_FAMILY_NATIVE && world_chance(w, FAULT_LYING_ANSWER))
		m->answer_lies_until_ms = w->now_ms + rng_range(&w->rng, 500, 10000);
}
