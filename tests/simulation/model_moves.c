/* Moves, starts and losses of work, as TiCDC goes about them. See model.h. */
#include "world.h"

#include "check.h"

static void on_move(struct world *world, const struct event *event);

static bool is_maintainer(const struct work *work)
{
	return work->table_id == 0;
}

int model_shown(const struct world *w, const struct work *work)
{
	return w->now_ms >= work->show_ms ? work->shows : work->shown;
}

static void show(struct world *w, struct work *work, int node, int64_t delay_ms)
{
	work->shown = model_shown(w, work);
	work->shows = node;
	work->show_ms = w->now_ms + delay_ms;
}

static void arrange(struct world *w, struct work *work, int64_t low_ms, int64_t high_ms)
{
	work->timer = ++w->model.timers;
	world_at(w, w->now_ms + rng_range(&w->rng, low_ms, high_ms), on_move, work, work->timer);
}

static void begin_move(struct world *w, struct work *work, enum move move, int destination, uint64_t epoch)
{
	struct model *m = &w->model;

	work->move = move;
	work->destination = destination;
	work->moved_by = epoch;
	work->origin = work->node;
	if (work->origin != NOWHERE)
		m->nodes[work->origin].leaving[is_maintainer(work) ? LOAD_MAINTAINERS : LOAD_DISPATCHERS]++;
	m->moving_maintainers += is_maintainer(work);
	work->moving_next = m->moving;
	work->moving_link = &m->moving;
	if (m->moving)
		m->moving->moving_link = &work->moving_next;
	m->moving = work;
}

static void end_move(struct world *w, struct work *work)
{
	struct model *m = &w->model;

	work->move = MOVE_NONE;
	work->moved_by = 0;
	if (work->origin != NOWHERE)
		m->nodes[work->origin].leaving[is_maintainer(work) ? LOAD_MAINTAINERS : LOAD_DISPATCHERS]--;
	m->moving_maintainers -= is_maintainer(work);
	*work->moving_link = work->moving_next;
	if (work->moving_next)
		work->moving_next->moving_link = work->moving_link;
}

bool model_move(struct world *w, struct work *work, int destination, uint64_t epoch)
{
	if (work->move != MOVE_NONE || work->node == destination)
		return true;
	if (work->node == NOWHERE)
		return is_maintainer(work) && model_start(w, work, destination, epoch);
	begin_move(w, work, MOVE_STOPPING, destination, epoch);
	arrange(w, work, 50, 500);
	if (epoch)
		check_true_batch(w, work->node, epoch);
	if (epoch && world_chance(w, FAULT_DESTINATION_DIES_BEFORE) && w->model.nodes[destination].up)
		model_kill(w, destination, rng_range(&w->rng, 500, 20000));
	return true;
}

bool model_start(struct world *w, struct work *work, int destination, uint64_t epoch)
{
	if (work->move != MOVE_NONE)
		return true;
	begin_move(w, work, MOVE_STARTING, destination, epoch);
	show(w, work, destination, 0); /* before it works there */
	arrange(w, work, 50, is_maintainer(work) ? 800 : 300);
	return true;
}

static bool can_host(const struct model *m, int node)
{
	return node != NOWHERE && m->nodes[node].up && m->nodes[node].registered;
}

static void stop_at_origin(struct world *w, struct work *work)
{
	uint64_t epoch = work->moved_by;

	if (!can_host(&w->model, work->destination)) { /* turns back: nothing was stopped yet */
		end_move(w, work);
		return;
	}
	model_place(w, work, NOWHERE);
	work->move = MOVE_STARTING;
	show(w, work, work->destination, 0);
	arrange(w, work, 50, is_maintainer(work) ? 800 : 300);
	if (epoch && world_chance(w, FAULT_DESTINATION_DIES_AFTER))
		model_kill(w, work->destination, rng_range(&w->rng, 500, 20000));
}

static void start_at_destination(struct world *w, struct work *work)
{
	bool possible = can_host(&w->model, work->destination);

	end_move(w, work);
	if (!possible) {
		show(w, work, NOWHERE, 0);
		model_absent(w, work);
		return;
	}
	model_place(w, work, work->destination);
	show(w, work, work->node, rng_range(&w->rng, 0, 800));
	work->settled_ms = w->now_ms + rng_range(&w->rng, 0, 1000);
}

static void on_move(struct world *w, const struct event *event)
{
	struct work *work = event->subject;

	if (event->number != work->timer)
		return;
	if (work->move == MOVE_STOPPING)
		stop_at_origin(w, work);
	else if (work->move == MOVE_STARTING)
		start_at_destination(w, work);
}

/* TiCDC's basic scheduler: what runs nowhere is started somewhere, unless placement is frozen (6.4, failover). A dispatcher is
 * placed by its maintainer. */
static void try_to_place(struct world *w, const struct event *event)
{
	struct model *m = &w->model;
	struct work *work = event->subject;
	int node = NOWHERE;

	if (event->number != work->timer || work->node != NOWHERE || work->move != MOVE_NONE)
		return;
	if (model_is_bootstrapped(w) &&
	    (is_maintainer(work) ? !model_is_frozen(m) : m->changefeeds[work->changefeed].maintainer.node != NOWHERE))
		node = model_pick_alive(m, m->session.target);
	if (node == NOWHERE) {
		world_at(w, w->now_ms + rng_range(&w->rng, 300, 1000), try_to_place, work, work->timer);
		return;
	}
	model_place(w, work, node);
	show(w, work, node, rng_range(&w->rng, 0, 800));
}

void model_absent(struct world *w, struct work *work)
{
	bool slowly = w->model.family == TD_FAMILY_MANAGED && is_maintainer(work);
	int64_t after_ms = rng_range(&w->rng, 50, 1500);

	work->timer = ++w->model.timers;
	if (slowly)
		after_ms += w->scenario.own_placement_ms;
	world_at(w, w->now_ms + after_ms, try_to_place, work, work->timer);
}

void model_lose(struct world *w, struct work *work)
{
	if (work->move != MOVE_NONE)
		end_move(w, work);
	model_place(w, work, NOWHERE);
	show(w, work, NOWHERE, rng_range(&w->rng, 0, 300));
	model_absent(w, work);
}

int model_moves_off(const struct model *m, int node, uint64_t epoch)
{
	int moves = 0;

	for (const struct work *work = m->moving; work; work = work->moving_next)
		moves += work->move == MOVE_STOPPING && work->node == node && work->moved_by == epoch;
	return moves;
}
