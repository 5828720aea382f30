/* Family N1: the drain that TiCDC does itself (contract 6.4). */
#include "world.h"

#define DISPATCHERS_AT_ONCE 10
#define MAINTAINERS_AT_ONCE 10
#define PERIOD_MS 200

bool model_is_in_session(const struct model *m)
{
	return m->session.target != NOWHERE;
}

bool model_is_frozen(const struct model *m)
{
	for (int i = 0; i < m->node_count && m->family == TD_FAMILY_NATIVE && m->session.target == NOWHERE; i++)
		if (m->nodes[i].registered && m->nodes[i].liveness > 0)
			return true;
	return false;
}

void model_drop_session(struct model *m)
{
	m->session = (struct model_session){.target = NOWHERE, .number = m->session.number + 1};
	m->completed = NOWHERE;
	m->clearing_until_ms = 0;
}

/* What remains, as TiCDC counts: the greatest of several numbers, not their sum, and not all dispatchers. */
static int remaining(const struct model *m)
{
	const struct model_node *target = &m->nodes[m->session.target];
	int maintainers = target->load[LOAD_MAINTAINERS] + target->leaving[LOAD_MAINTAINERS];
	int dispatchers = target->leaving[LOAD_DISPATCHERS];

	for (const struct work *work = target->works; work; work = work->next)
		dispatchers += work->table_id && !m->changefeeds[work->changefeed].untracked;
	if (maintainers < m->moving_maintainers)
		maintainers = m->moving_maintainers;
	return maintainers > dispatchers ? maintainers : dispatchers;
}

static void move_off(struct world *w, struct work *work, int *budget)
{
	int destination;

	if (work->move != MOVE_NONE || *budget <= 0)
		return;
	destination = model_pick_alive(&w->model, w->model.session.target);
	if (destination != NOWHERE && model_move(w, work, destination, 0))
		(*budget)--;
}

static int moving_of(const struct model *m, int changefeed)
{
	int count = 0;

	for (const struct work *work = m->moving; work; work = work->moving_next)
		count += work->changefeed == changefeed && work->table_id;
	return count;
}

static void schedule(struct world *w)
{
	struct model *m = &w->model;
	int maintainers = MAINTAINERS_AT_ONCE - m->moving_maintainers, of = NOWHERE, dispatchers = 0;

	for (struct work *work = m->nodes[m->session.target].works; work; work = work->next) {
		const struct model_changefeed *cf = &m->changefeeds[work->changefeed];

		if (work->table_id == 0) {
			move_off(w, work, &maintainers);
			continue;
		}
		if (cf->untracked || cf->maintainer.node == m->session.target || cf->maintainer.node == NOWHERE)
			continue;
		if (of != work->changefeed)
			dispatchers = DISPATCHERS_AT_ONCE - moving_of(m, work->changefeed);
		of = work->changefeed;
		move_off(w, work, &dispatchers);
	}
}

static void advance_liveness(struct world *w, struct model_node *target)
{
	struct model_session *s = &w->model.session;
	int left = remaining(&w->model);

	s->complete = target->liveness == 2 && left == 0;
	if (target->liveness != 1 || left > 0)
		s->stopping_ms = 0;
	else if (s->stopping_ms == 0)
		s->stopping_ms = w->now_ms + rng_range(&w->rng, 50, 500);
	else if (w->now_ms >= s->stopping_ms)
		target->liveness = 2;
}

static void on_period(struct world *w, const struct event *event)
{
	struct model *m = &w->model;
	struct model_session *s = &m->session;
	struct model_node *target;

	if (s->target == NOWHERE || event->number != s->number)
		return;
	target = &m->nodes[s->target];
	if (!target->registered) {
		m->completed = s->complete ? s->target : NOWHERE;
		s->target = NOWHERE;
		m->clearing_until_ms = w->now_ms + rng_range(&w->rng, 500, 2000);
		return;
	}
	world_at(w, w->now_ms + PERIOD_MS, on_period, NULL, s->number);
	if (!model_is_bootstrapped(w))
		return;
	if (target->up && target->liveness == 0 && w->now_ms >= s->draining_ms)
		target->liveness = 1;
	if (!target->up || target->liveness == 0)
		return;
	schedule(w);
	advance_liveness(w, target);
}

static void begin_session(struct world *w, int target)
{
	struct model *m = &w->model;

	m->session = (struct model_session){
		.target = target, .number = m->session.number + 1, .draining_ms = w->now_ms + rng_range(&w->rng, 50, 1500)};
	m->completed = NOWHERE;
	world_at(w, w->now_ms + PERIOD_MS, on_period, NULL, m->session.number);
}

int64_t model_native_drain(struct world *w, const char *id, const char **ret_error)
{
	struct model *m = &w->model;
	struct model_session *s = &m->session;
	int target = model_find(m, id);

	if (target == m->coordinator) {
		*ret_error = "CDC:ErrSchedulerRequestFailed cannot drain the owner";
		return -1;
	}
	if (target == NOWHERE || !m->nodes[target].registered) {
		if (target != NOWHERE && target == m->completed)
			return 0;
		*ret_error = "CDC:ErrCaptureNotExist";
		return -1;
	}
	if (w->now_ms < m->answer_lies_until_ms && s->target == NOWHERE)
		return 0; /* some peer lacks the protocol: the legacy fallback, nothing is done */
	if ((s->target != NOWHERE && s->target != target) || w->now_ms < m->clearing_until_ms || !model_is_bootstrapped(w))
		return 1;
	if (s->target == NOWHERE)
		begin_session(w, target);
	if (s->complete && remaining(m) == 0)
		return 0;
	return remaining(m) > 1 ? remaining(m) : 1;
}
