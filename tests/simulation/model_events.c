/* Elections, and what rarely happens: failovers, crashes, work that comes back, lies. */
#include "model.h"

#include <string.h>

/* ---- TiCDC's coordinator ---- */

void model_step_down(struct model *m, int64_t for_ms)
{
	if (m->coordinator != NOWHERE)
		m->nodes[m->coordinator].elected_as = ++m->elections;
	m->coordinator = NOWHERE;
	m->elect_ms = m->now_ms + for_ms;
	model_drop_session(m);
}

void model_elect(struct model *m)
{
	int best = NOWHERE;

	if (m->coordinator != NOWHERE || m->now_ms < m->elect_ms)
		return;
	for (size_t i = 0; i < m->node_count; i++)
		if (m->nodes[i].registered && m->nodes[i].up && m->nodes[i].liveness == 0 &&
		    (best == NOWHERE || m->nodes[i].elected_as < m->nodes[best].elected_as))
			best = (int)i;
	m->coordinator = best;
	m->fake_counter = 0;
	m->bootstrapped_ms = m->now_ms + rng_range(&m->rng, 100, 1500);
}

bool model_is_bootstrapped(const struct model *m)
{
	return m->coordinator != NOWHERE && m->now_ms >= m->bootstrapped_ms;
}

/* ---- rare events, drawn once a second ---- */

static int random_up(struct model *m)
{
	int node = (int)rng_range(&m->rng, 0, (int64_t)m->node_count - 1);

	return m->nodes[node].up && m->nodes[node].registered ? node : NOWHERE;
}

/* A balance scheduler or a cleared drain target puts a few spans, or a maintainer, where they should not be. */
static void return_work(struct model *m)
{
	int node = random_up(m);

	for (int n = 0; node != NOWHERE && m->changefeed_count && n < 3; n++) {
		struct model_changefeed *cf = &m->changefeeds[rng_range(&m->rng, 0, (int64_t)m->changefeed_count - 1)];
		struct model_work *work = &cf->maintainer;

		if (cf->span_count && rng_chance(&m->rng, 700))
			work = &cf->spans[rng_range(&m->rng, 0, (int64_t)cf->span_count - 1)];
		if (cf->running && work->move == MOVE_NONE && work->node != NOWHERE &&
		    (m->nodes[node].liveness == 0 || work->table_id != 0))
			(void)model_move(m, work, node, 0);
	}
}

void model_draw_events(struct model *m)
{
	const struct model_faults *f = &m->faults;
	int node;

	if (m->now_ms - m->second_ms < 1000)
		return;
	m->second_ms = m->now_ms;
	if (rng_chance(&m->rng, f->failover) && m->coordinator != NOWHERE)
		model_step_down(m, rng_range(&m->rng, 10, 2000));
	if (rng_chance(&m->rng, f->crash) && (node = random_up(m)) != NOWHERE)
		model_kill(m, node, rng_chance(&m->rng, 800) ? rng_range(&m->rng, 1000, 20000) : 0);
	if (rng_chance(&m->rng, f->returning))
		return_work(m);
	if (rng_chance(&m->rng, f->lying_books))
		m->books_lie_until_ms = m->now_ms + rng_range(&m->rng, 500, 10000);
	if (rng_chance(&m->rng, f->lying_answer))
		m->answer_lies_until_ms = m->now_ms + rng_range(&m->rng, 500, 10000);
}

static bool is_last_of_pod(const struct model *m, size_t index)
{
	for (size_t i = index + 1; i < m->node_count; i++)
		if (strcmp(m->nodes[i].pod, m->nodes[index].pod) == 0)
			return false;
	return true;
}

void model_heal(struct model *m)
{
	m->faults = (struct model_faults){0};
	m->books_lie_until_ms = m->answer_lies_until_ms = 0;
	for (size_t i = 0; i < m->node_count; i++)
		if (is_last_of_pod(m, i) && !m->nodes[i].up && !m->nodes[i].restart_ms)
			m->nodes[i].restart_ms = m->now_ms + 5000;
}
