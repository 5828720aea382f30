/* How loaded each node is by what a leader was told. What it may see in more than one way (a move that was refused and will be
 * tried again, work that somebody else moved, an answer that was overtaken) makes the load of a node a range, not a number.
 *
 * Each piece of work adds to nodes: where the books show it, and where a move of this leader takes it. */
#include "call.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum sent { SENT_NOT, SENT_SURELY, SENT_PERHAPS };

struct told_work {
	int whole;    /* where the last whole reading has it */
	int seen;     /* where the last look at its changefeed has it */
	int wandered; /* how often it was seen somewhere else since the last whole reading: a leader that knows the work of its
			 target only cannot tell whence something came there, and counts it twice when it leaves again */
	bool ours;    /* it went there by a move of ours, or we cannot know */
	enum sent sent;
	int origin, destination;
	uint64_t effect_id;
	bool answered;
};

struct told_loads {
	size_t work_count;
	struct told_work *works;
	int *surely, *perhaps; /* by node and load */
	int64_t *asked_ms;     /* by changefeed */
};

struct told_loads *told_loads_new(struct world *w)
{
	struct told_loads *loads = world_checked(calloc(1, sizeof(*loads)));
	size_t nodes = (size_t)w->model.node_capacity * LOAD_COUNT;

	loads->work_count = w->model.work_count;
	loads->works = world_checked(calloc(loads->work_count + 1, sizeof(*loads->works)));
	loads->surely = world_checked(calloc(nodes * 2, sizeof(int)));
	loads->perhaps = loads->surely + nodes;
	loads->asked_ms = world_checked(calloc(w->model.changefeed_count + 1, sizeof(int64_t)));
	for (size_t i = 0; i < loads->work_count; i++)
		loads->works[i] = (struct told_work){.whole = NOWHERE, .seen = NOWHERE};
	return loads;
}

void told_loads_free(struct told_loads *loads)
{
	free(loads->works);
	free(loads->surely);
	free(loads->asked_ms);
	free(loads);
}

static void add(int *loads, int node, enum load load, int by)
{
	if (node != NOWHERE)
		loads[node * LOAD_COUNT + (int)load] += by;
}

static void account(struct told_loads *l, const struct told_work *work, enum load load, int by)
{
	if (work->wandered == 0 || (work->wandered == 1 && work->ours)) {
		add(l->surely, work->seen, load, by);
	} else { /* here, or there, or counted in both */
		add(l->perhaps, work->seen, load, 2 * by);
		add(l->perhaps, work->whole, load, 2 * by);
	}
	if (work->sent)
		add(work->sent == SENT_SURELY ? l->surely : l->perhaps, work->destination, load, by);
}

static enum load load_of(const struct work *work)
{
	return work->table_id == 0 ? LOAD_MAINTAINERS : LOAD_DISPATCHERS;
}

static void update(struct told_loads *l, const struct work *work, struct told_work new)
{
	account(l, &l->works[work->serial], load_of(work), -1);
	l->works[work->serial] = new;
	account(l, &l->works[work->serial], load_of(work), 1);
}

/* The books show this work at a node. */
static void look(struct told_loads *l, const struct work *work, int node, bool whole)
{
	struct told_work new = l->works[work->serial];
	bool moved = node != new.seen;

	new.wandered = whole ? 0 : new.wandered + moved;
	if (whole)
		new.whole = node;
	if (moved)
		new.ours = new.sent != SENT_NOT &&new.seen == new.origin &&new.whole == new.origin;
	new.seen = node;
	if (new.sent && (moved || node == new.destination))
		new.sent = new.answered &&node != NOWHERE ? SENT_NOT : SENT_PERHAPS;
	else if (new.sent &&new.answered)
		new.sent = SENT_PERHAPS; /* it stays where it was: the leader may give the move up any time */
	update(l, work, new);
}

static void look_at_changefeed(struct world *w, struct told_loads *l, const struct td_changefeed_view *view, bool whole)
{
	const struct model *m = &w->model;
	struct model_changefeed *cf = model_changefeed(m, view->name);

	if (!view->running)
		return;
	look(l, &cf->maintainer, model_find_address(m, view->maintainer_addr), whole);
	for (size_t i = 0; i < cf->span_count && (view->tables_known || whole); i++)
		look(l, &cf->spans[i], view->tables_known ? model_find(m, view->spans[i].node) : NOWHERE, whole);
}

void told_loads_workload(struct world *w, struct told_loads *l, const struct call *call)
{
	for (size_t i = 0; i < call->workload.count; i++) {
		l->asked_ms[i] = call->asked_ms > l->asked_ms[i] ? call->asked_ms : l->asked_ms[i];
		look_at_changefeed(w, l, &call->workload.changefeeds[i], true);
	}
}

void told_loads_one(struct world *w, struct told_loads *l, const struct call *call)
{
	const struct model_changefeed *cf = model_changefeed(&w->model, call->changefeed);
	size_t index = (size_t)(cf - w->model.changefeeds);

	if (call->asked_ms < l->asked_ms[index])
		return;
	l->asked_ms[index] = call->asked_ms;
	look_at_changefeed(w, l, call->changefeeds, false);
}

static const struct work *work_of(struct world *w, const struct td_effect *effect)
{
	struct model_changefeed *cf = effect->changefeed ? model_changefeed(&w->model, effect->changefeed) : NULL;

	if (!cf)
		return NULL;
	return effect->kind == TD_EFFECT_MOVE_DISPATCHER ? model_span(cf, effect->table_id, effect->mode) : &cf->maintainer;
}

void told_loads_answer(struct world *w, struct told_loads *l, const struct call *call, enum td_outcome outcome)
{
	const struct work *work;
	struct told_work new;

	if (call->effect.kind != TD_EFFECT_MOVE_MAINTAINER && call->effect.kind != TD_EFFECT_MOVE_DISPATCHER &&
	    call->effect.kind != TD_EFFECT_PLACE_MAINTAINER)
		return;
	work = work_of(w, &call->effect);
	if (!work || l->works[work->serial].effect_id != call->effect.id)
		return;
	new = l->works[work->serial];
	new.answered = true;
	(void)outcome;
	if (new.sent)
		new.sent = SENT_PERHAPS; /* from now on the leader may give it up and send it anew at any moment */
	update(l, work, new);
}

void told_loads_sent_anew(struct world *w, struct told_loads *l, const struct td_effect *effect)
{
	const struct work *work = work_of(w, effect);
	struct told_work new;

	if (!work)
		return;
	new = l->works[work->serial];
	new.sent = SENT_NOT;
	update(l, work, new);
}

void told_loads_sent(struct world *w, struct told_loads *l, const struct td_effect *effect, int destination)
{
	const struct work *work = work_of(w, effect);
	struct told_work new;

	if (!work)
		return;
	new = l->works[work->serial];
	new.sent = SENT_SURELY;
	new.origin = new.seen;
	new.destination = destination;
	new.effect_id = effect->id;
	new.answered = false;
	update(l, work, new);
}

void told_loads_range(const struct told_loads *l, enum load load, int node, int *ret_min, int *ret_max)
{
	*ret_min = l->surely[node * LOAD_COUNT + (int)load];
	*ret_max = *ret_min + l->perhaps[node * LOAD_COUNT + (int)load];
}
