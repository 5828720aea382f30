/* The properties of single effects, and of what becomes durable. See check.h. */
#include "check.h"

#include <string.h>

#define HEARTBEAT_MS 5000

static int request_of(const struct world *w, const char *uid)
{
	for (int i = 0; i < w->request_count; i++)
		if (strcmp(w->requests[i].uid, uid) == 0)
			return i;
	return NOWHERE;
}

/* Two leaders never act on a request under the same epoch. */
static void check_epoch_owner(struct world *w, const struct sidecar *s, int request, uint64_t epoch)
{
	for (int i = 0; WITH_NEW_CORE && i < w->epoch_count; i++) {
		if (w->epochs[i].epoch != epoch || w->epochs[i].request != request)
			continue;
		if (w->epochs[i].sidecar != s->index || w->epochs[i].term != s->term)
			world_fail(w, "cdc-%d in term %llu and cdc-%d in term %llu both act under epoch %llu",
				   w->epochs[i].sidecar, (unsigned long long)w->epochs[i].term, s->index,
				   (unsigned long long)s->term, (unsigned long long)epoch);
		return;
	}
	if (w->epoch_count < EPOCHS_MAX) {
		w->epochs[w->epoch_count].epoch = epoch;
		w->epochs[w->epoch_count].request = request;
		w->epochs[w->epoch_count].sidecar = s->index;
		w->epochs[w->epoch_count++].term = s->term;
	}
}

/* A drain that is over is asked for again when TiCDC's coordinator has changed, while no other one has begun. */
static bool is_kept(const struct sidecar *s, const struct td_effect *effect)
{
	const struct td_request_view *view = td_core_view(s->core, effect->uid);
	const char *active = td_core_summary(s->core).active_uid;
	bool drained = effect->kind == TD_EFFECT_NATIVE_DRAIN && view && view->phase == TD_PHASE_DRAINED;

	return drained && (!active[0] || td_core_view(s->core, active)->phase == TD_PHASE_PENDING);
}

/* Durable state before the first effect. */
static void check_durability(struct world *w, const struct sidecar *s, const struct td_effect *effect)
{
	int index = request_of(w, effect->uid);
	uint64_t durable = index == NOWHERE ? 0 : s->told->requests[index].durable_epoch;

	if (index == NOWHERE)
		world_fail(w, "%s for the unknown request \"%s\"", td_effect_name(effect->kind), effect->uid);
	else if (effect->epoch == 0 || durable != effect->epoch)
		world_fail(w, "%s for %s under epoch %llu, which is not durable (that is %llu)",
			   td_effect_name(effect->kind), effect->uid, (unsigned long long)effect->epoch,
			   (unsigned long long)durable);
	else if (strcmp(td_core_summary(s->core).active_uid, effect->uid) != 0 && !is_kept(s, effect))
		world_fail(w, "property 2: %s for %s, which is not the active request", td_effect_name(effect->kind),
			   effect->uid);
}

/* Property 9, in both directions: whoever is asked to resign leaves somebody who can take over. */
static void check_resign(struct world *w, const struct sidecar *s, const struct td_effect *effect)
{
	int resigning = model_find(&w->model, effect->node);

	for (int i = 0; i < w->model.node_count; i++) {
		const struct told_node *node = &s->told->nodes[i];

		if (i != resigning && node->listed && node->answers && node->reported == TD_ALIVE &&
		    node->liveness == TD_ALIVE)
			return;
	}
	if (WITH_NEW_CORE)
		world_fail(w, "property 9: %s is asked to resign, and nobody else is a candidate", effect->node);
}

static bool is_move(const struct td_effect *effect)
{
	return effect->kind == TD_EFFECT_MOVE_MAINTAINER || effect->kind == TD_EFFECT_MOVE_DISPATCHER ||
	       effect->kind == TD_EFFECT_PLACE_MAINTAINER;
}

static void note_publish(struct world *w, struct sidecar *s, const struct td_effect *effect)
{
	int index = request_of(w, effect->uid);

	if (index == NOWHERE)
		return;
	s->told->requests[index].published_now = true;
	s->told->requests[index].publishing = effect->id;
}

void check_effect(struct world *w, struct sidecar *s, const struct td_effect *effect, bool fenced)
{
	enum td_activity activity = td_core_summary(s->core).activity;

	if (effect->kind == TD_EFFECT_PUBLISH)
		note_publish(w, s, effect);
	if (!td_effect_changes_ticdc(effect->kind) || effect->kind == TD_EFFECT_DETECT_FAMILY)
		return;
	if (effect->kind == TD_EFFECT_MOVE_DISPATCHER && effect->table_id == 0)
		world_fail(w, "property 3: the table trigger of %s is moved by itself", effect->changefeed);
	if (effect->uid[0] || activity == TD_ACTIVITY_DRAINING)
		check_durability(w, s, effect);
	if (!fenced && effect->epoch)
		check_epoch_owner(w, s, request_of(w, effect->uid), effect->epoch);
	if (effect->kind == TD_EFFECT_RESIGN)
		check_resign(w, s, effect);
	if (is_move(effect))
		check_destination(w, s, effect);
}

/* Property 6, the promise. Work that came after the last look, or came and went between two looks, nobody can know of. */
void check_published(struct world *w, struct sidecar *s, int request, const struct td_request_view *view)
{
	int index = model_find(&w->model, view->capture);
	const struct model_node *node = &w->model.nodes[index < 0 ? 0 : index];
	const struct told_node *told = &s->told->nodes[index < 0 ? 0 : index];

	if (!WITH_NEW_CORE && s->told->requests[request].phase == TD_PHASE_DRAINED)
		return; /* today's core writes an old proof again and again until it is written */
	if (view->phase != TD_PHASE_DRAINED || kube_newest(&w->kube, request)->phase == TD_PHASE_DRAINED ||
	    index == NOWHERE || !node->up || model_is_empty(w, index) || node->arrived_ms > told->read_ms)
		return;
	if (node->load[LOAD_MAINTAINERS] == 0 && node->load[LOAD_DISPATCHERS] == 0 && node->arrivals > told->arrivals_shown)
		return;
	world_fail(
		w,
		"property 6: %s is published as Drained, and %s holds %d maintainers, %d dispatchers, %d more registrations",
		view->uid, node->id, node->load[LOAD_MAINTAINERS], node->load[LOAD_DISPATCHERS], node->leaving_brokers);
}

/* Property 7, the way to the agents. */
static void told_within_heartbeat(struct world *w, const struct event *event)
{
	const struct kube_object *object = event->subject;
	int request = (int)(object - w->kube.objects);
	int64_t written_ms = w->now_ms - HEARTBEAT_MS;

	for (int i = 0; i < w->sidecar_count && object->exists; i++) {
		const struct sidecar *s = &w->sidecars[i];

		if (s->running && s->healthy_since_ms <= written_ms && s->known[request].number < event->number)
			world_fail(w, "property 7: %s has not heard of %s within a heartbeat", s->pod,
				   w->requests[request].uid);
	}
}

void check_durable(struct world *w, int request, const struct drain_status *status)
{
	struct kube_object *object = &w->kube.objects[request];

	if (status->phase == TD_PHASE_DRAINING)
		world_at(w, w->now_ms + HEARTBEAT_MS, told_within_heartbeat, object, object->newest);
}

/* Somebody else has moved work too, or the books were wrong: what a leader was told allows more than one reading. */
bool check_is_ambiguous(const struct world *w)
{
	static const enum fault faults[] = {FAULT_RETURNING,
					    FAULT_LYING_BOOKS,
					    FAULT_CRASH,
					    FAULT_TARGET_DIES,
					    FAULT_DESTINATION_DIES_BEFORE,
					    FAULT_DESTINATION_DIES_AFTER,
					    FAULT_FAILOVER};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (w->fault_counts[faults[i]] > 0)
			return true;
	return w->processes_stopped > 0; /* its maintainers come back elsewhere, and with them moves that were given up */
}

/* Property 5, in truth. A book that lies makes a move look confirmed that is not. */
void check_true_batch(struct world *w, int node, uint64_t epoch)
{
	const struct sim_request *request = NULL;
	int batch, moves = model_moves_off(&w->model, node, epoch);

	for (int i = 0; i < w->request_count; i++)
		if (strcmp(kube_newest(&w->kube, i)->capture, w->model.nodes[node].id) == 0 &&
		    kube_newest(&w->kube, i)->epoch == epoch)
			request = &w->requests[i];
	if (!request || check_is_ambiguous(w))
		return; /* a move that was given up can go on when its maintainer is back */
	batch = request->batch ? request->batch : check_default_batch(w);
	if (moves > batch)
		world_fail(w, "property 5: %d moves under way in truth, batch %d", moves, batch);
}
