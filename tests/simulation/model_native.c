/* Family N1: the drain that TiCDC does itself (contract 6.4). */
#include "model.h"

#include <string.h>

#define DISPATCHERS_AT_ONCE 10
#define MAINTAINERS_AT_ONCE 10

bool model_is_in_session(const struct model *m)
{
	return m->session.target != NOWHERE;
}

void model_drop_session(struct model *m)
{
	m->session = (struct model_session){.target = NOWHERE};
	m->completed = NOWHERE;
	m->clearing_until_ms = 0;
}

static bool counts_spans(const struct model_changefeed *cf)
{
	return cf->running && !cf->untracked;
}

/* What remains, as TiCDC counts: the greatest of several numbers, not their sum, and not all dispatchers. */
static int remaining(const struct model *m)
{
	int target = m->session.target, maintainers = 0, dispatchers = 0, moving = 0;

	for (size_t i = 0; i < m->changefeed_count; i++) {
		const struct model_changefeed *cf = &m->changefeeds[i];

		maintainers += cf->running && (cf->maintainer.shown == target || cf->maintainer.node == target);
		moving += cf->maintainer.move != MOVE_NONE;
		for (size_t j = 0; counts_spans(cf) && j < cf->span_count; j++) {
			dispatchers += cf->spans[j].shown == target || cf->spans[j].node == target;
			moving += cf->spans[j].move != MOVE_NONE;
		}
	}
	if (maintainers < dispatchers)
		maintainers = dispatchers;
	return maintainers < moving ? moving : maintainers;
}

static void move_off(struct model *m, struct model_work *work, int *budget)
{
	int destination;

	if (work->node != m->session.target || work->move != MOVE_NONE || *budget <= 0)
		return;
	destination = model_pick_alive(m, m->session.target);
	if (destination != NOWHERE && model_move(m, work, destination, 0))
		(*budget)--;
}

static void schedule(struct model *m)
{
	int maintainers = MAINTAINERS_AT_ONCE;

	for (size_t i = 0; i < m->changefeed_count; i++)
		maintainers -= m->changefeeds[i].maintainer.move != MOVE_NONE;
	for (size_t i = 0; i < m->changefeed_count; i++) {
		struct model_changefeed *cf = &m->changefeeds[i];
		int dispatchers = DISPATCHERS_AT_ONCE;

		if (!cf->running)
			continue;
		move_off(m, &cf->maintainer, &maintainers);
		if (!counts_spans(cf) || cf->maintainer.node == m->session.target || cf->maintainer.node == NOWHERE)
			continue;
		for (size_t j = 0; j < cf->span_count; j++)
			dispatchers -= cf->spans[j].move != MOVE_NONE;
		for (size_t j = 0; j < cf->span_count; j++)
			move_off(m, &cf->spans[j], &dispatchers);
	}
}

void model_native_tick(struct model *m)
{
	struct model_session *s = &m->session;
	struct model_node *target;

	if (s->target == NOWHERE || !model_is_bootstrapped(m))
		return;
	target = &m->nodes[s->target];
	if (!target->registered) {
		m->completed = s->complete ? s->target : NOWHERE;
		s->target = NOWHERE;
		m->clearing_until_ms = m->now_ms + rng_range(&m->rng, 500, 2000);
		return;
	}
	if (target->up && target->liveness == 0 && m->now_ms >= s->draining_ms)
		target->liveness = 1;
	if (!target->up || target->liveness == 0)
		return;
	schedule(m);
	s->complete = target->liveness == 2 && remaining(m) == 0;
	if (target->liveness != 1 || remaining(m) > 0)
		s->stopping_ms = 0;
	else if (s->stopping_ms == 0)
		s->stopping_ms = m->now_ms + rng_range(&m->rng, 50, 500);
	else if (m->now_ms >= s->stopping_ms)
		target->liveness = 2;
}

static void begin_session(struct model *m, int target)
{
	m->session = (struct model_session){.target = target, .draining_ms = m->now_ms + rng_range(&m->rng, 50, 1500)};
	m->completed = NOWHERE;
}

int64_t model_native_drain(struct model *m, const char *id, const char **ret_error)
{
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
	if (m->now_ms < m->answer_lies_until_ms && s->target == NOWHERE)
		return 0; /* some peer lacks the protocol: the legacy fallback, nothing is done */
	if ((s->target != NOWHERE && s->target != target) || m->now_ms < m->clearing_until_ms || !model_is_bootstrapped(m))
		return 1;
	if (s->target == NOWHERE)
		begin_session(m, target);
	if (s->complete && remaining(m) == 0)
		return 0;
	return remaining(m) > 1 ? remaining(m) : 1;
}
