/* The cluster of a golden trace: who runs, where work is, and what calls do to it. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOVE_MS 500
#define ELECTION_MS 800
#define NATIVE_PIECE_MS 400 /* TiCDC's own drain moves a piece of work each */
#define GAUGE_MS 5000

int world_index(const struct world *w, const char *id)
{
	for (size_t i = 0; i < w->node_count; i++)
		if (strcmp(w->nodes[i].id, id) == 0)
			return (int)i;
	return NOWHERE;
}

struct world_node *world_node(struct world *w, const char *id)
{
	int index = world_index(w, id);

	if (index == NOWHERE)
		abort(); /* the script is wrong */
	return &w->nodes[index];
}

struct td_counts world_counts(const struct world *w, int node)
{
	struct td_counts counts = {.brokers = w->nodes[node].brokers};

	for (size_t i = 0; i < w->changefeed_count; i++) {
		counts.maintainers += w->changefeeds[i].maintainer == node;
		for (size_t j = 0; j < w->changefeeds[i].span_count; j++)
			counts.dispatchers += w->changefeeds[i].spans[j] == node;
	}
	counts.triggers = counts.maintainers;
	return counts;
}

static int *place_of(struct world *w, const struct world_move *move)
{
	struct world_changefeed *changefeed = &w->changefeeds[move->changefeed];

	return move->span == NOWHERE ? &changefeed->maintainer : &changefeed->spans[move->span];
}

void world_move(struct world *w, int changefeed, int span, int to)
{
	if (w->move_count == MOVES_MAX)
		abort();
	w->moves[w->move_count++] = (struct world_move){.leaves_ms = w->now_ms + MOVE_MS / 2,
							.arrives_ms = w->now_ms + MOVE_MS,
							.changefeed = changefeed,
							.span = span,
							.to = to};
}

/* A maintainer in a new place starts what of its changefeed runs nowhere. */
static void adopt(struct world *w, int changefeed)
{
	struct world_changefeed *c = &w->changefeeds[changefeed];

	for (size_t i = 0; i < c->span_count; i++)
		if (c->spans[i] == NOWHERE)
			c->spans[i] = c->maintainer;
}

static bool is_there(const struct world *w, int node)
{
	return w->nodes[node].running && w->nodes[node].registered;
}

/* A destination that is gone before the origin stopped: nothing happens. After: the maintainer is nowhere. */
static void change_moves(struct world *w)
{
	for (size_t i = 0; i < w->move_count;) {
		struct world_move *move = &w->moves[i];
		int *place = place_of(w, move);

		if (move->leaves_ms == w->now_ms && move->span == NOWHERE && is_there(w, move->to))
			*place = NOWHERE;
		if (move->arrives_ms > w->now_ms) {
			i++;
			continue;
		}
		if (is_there(w, move->to)) {
			*place = move->to;
			if (move->span == NOWHERE)
				adopt(w, move->changefeed);
		}
		*move = w->moves[--w->move_count];
	}
}

static int least_loaded(const struct world *w, int except)
{
	int best = NOWHERE;
	uint32_t least = 0;

	for (int i = 0; i < (int)w->node_count; i++) {
		struct td_counts counts = world_counts(w, i);
		uint32_t load = counts.maintainers + counts.dispatchers;

		if (i == except || !is_there(w, i) || (best != NOWHERE && load >= least))
			continue;
		best = i;
		least = load;
	}
	return best;
}

/* One piece of work goes off the native target; when there is none, it stops. */
static void drain_piece(struct world *w)
{
	int to = least_loaded(w, w->drained);

	w->native_ms = w->now_ms + NATIVE_PIECE_MS;
	for (size_t i = 0; i < w->changefeed_count; i++)
		if (w->changefeeds[i].maintainer == w->drained) {
			w->changefeeds[i].maintainer = to;
			return;
		}
	for (size_t i = 0; i < w->changefeed_count; i++)
		for (size_t j = 0; j < w->changefeeds[i].span_count; j++)
			if (w->changefeeds[i].spans[j] == w->drained) {
				w->changefeeds[i].spans[j] = to;
				return;
			}
	w->nodes[w->drained].liveness = TD_STOPPING;
	w->native_ms = INT64_MAX;
}

int64_t world_next_change(const struct world *w)
{
	int64_t next = w->begin_ms + ((w->now_ms - w->begin_ms) / GAUGE_MS + 1) * GAUGE_MS;

	for (size_t i = 0; i < w->move_count; i++) {
		const struct world_move *move = &w->moves[i];
		int64_t at = move->leaves_ms > w->now_ms ? move->leaves_ms : move->arrives_ms;

		next = at < next ? at : next;
	}
	if (w->elected != NOWHERE && w->elected_ms < next)
		next = w->elected_ms;
	if (w->drained != NOWHERE && w->native_ms < next)
		next = w->native_ms;
	return next;
}

void world_change(struct world *w)
{
	change_moves(w);
	if (w->drained != NOWHERE && w->now_ms >= w->native_ms)
		drain_piece(w);
	if (w->elected != NOWHERE && w->now_ms >= w->elected_ms) {
		w->coordinator = w->elected;
		w->elected = NOWHERE;
	}
	for (size_t i = 0; (w->now_ms - w->begin_ms) % GAUGE_MS == 0 && i < w->node_count; i++)
		w->nodes[i].brokers = world_counts(w, (int)i).dispatchers;
}

/* The coordinator steps down or is gone: the first other one that runs follows it. */
static void elect(struct world *w)
{
	int before = w->coordinator;

	w->coordinator = NOWHERE;
	for (int i = (int)w->node_count - 1; i >= 0; i--)
		if (i != before && is_there(w, i) && w->nodes[i].liveness == TD_ALIVE)
			w->elected = i;
	w->elected_ms = w->now_ms + ELECTION_MS;
}

void world_kill(struct world *w, const char *id)
{
	world_node(w, id)->running = false;
	if (w->coordinator == world_index(w, id))
		elect(w);
}

void world_unregister(struct world *w, const char *id)
{
	int node = world_index(w, id);

	world_node(w, id)->running = world_node(w, id)->registered = false;
	if (w->coordinator == node)
		elect(w);
	for (size_t i = 0; i < w->changefeed_count; i++) {
		if (w->changefeeds[i].maintainer == node)
			w->changefeeds[i].maintainer = NOWHERE;
		for (size_t j = 0; j < w->changefeeds[i].span_count; j++)
			if (w->changefeeds[i].spans[j] == node)
				w->changefeeds[i].spans[j] = NOWHERE;
	}
}

static void refuse(struct world_answer *a, const char *why)
{
	a->outcome = TD_OUTCOME_FAILED;
	(void)snprintf(a->why, sizeof(a->why), "%s", why);
}

static void perform_move(struct world *w, struct world_answer *a)
{
	int to = world_index(w, a->effect.node), changefeed = 0;

	while (changefeed < (int)w->changefeed_count && strcmp(w->changefeeds[changefeed].name, a->changefeed) != 0)
		changefeed++;
	if (to == NOWHERE || !is_there(w, to) || changefeed == (int)w->changefeed_count)
		refuse(a, "500 CDC:ErrNodeIsNotFound");
	else if ((a->effect.kind == TD_EFFECT_PLACE_MAINTAINER) != (w->changefeeds[changefeed].maintainer == NOWHERE))
		refuse(a, "500 CDC:ErrMaintainerNotFound"); /* only an absent one is placed, only a present one is moved */
	else
		world_move(w, changefeed,
			   a->effect.kind == TD_EFFECT_MOVE_DISPATCHER ? (int)a->effect.table_id - 1 : NOWHERE, to);
}

void world_perform(struct world *w, struct world_answer *a)
{
	int asked = NOWHERE;

	for (size_t i = 0; i < w->node_count; i++)
		if (a->effect.address[0] && strcmp(w->nodes[i].address, a->effect.address) == 0)
			asked = (int)i;
	if (asked != NOWHERE && !w->nodes[asked].running) {
		refuse(a, "connection refused");
		return;
	}
	if (td_effect_changes_ticdc(a->effect.kind) && w->coordinator == NOWHERE) {
		refuse(a, "500 election: no leader");
		return;
	}
	if (a->effect.kind == TD_EFFECT_MOVE_MAINTAINER || a->effect.kind == TD_EFFECT_MOVE_DISPATCHER ||
	    a->effect.kind == TD_EFFECT_PLACE_MAINTAINER)
		perform_move(w, a);
	else if (a->effect.kind == TD_EFFECT_RESIGN)
		elect(w);
	else if (a->effect.kind == TD_EFFECT_NATIVE_DRAIN && w->drained == NOWHERE) {
		w->drained = world_index(w, a->effect.node);
		w->nodes[w->drained].liveness = TD_DRAINING;
		w->native_ms = w->now_ms + NATIVE_PIECE_MS;
	}
}
