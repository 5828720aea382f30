/* Properties 1 and 8: where work is sent, by what this leader was told. Slow, simple and independent of the core's own books. */
#include "check.h"

#include <string.h>

/* Being drained, drained and still there, or queued to be drained. */
static bool is_leaving(struct world *w, struct sidecar *s, int node, bool queued_too)
{
	const struct model_node *n = &w->model.nodes[node];

	for (int i = 0; i < w->request_count; i++) {
		const struct sim_request *r = &w->requests[i];
		const struct td_request_view *view = s->known[i].fed ? td_core_view(s->core, r->uid) : NULL;

		if (!view || r->dry_run ||
		    (strcmp(view->capture, n->id) != 0 && (view->capture[0] || strcmp(r->pod, n->pod) != 0)))
			continue;
		if (view->phase == TD_PHASE_PENDING && queued_too)
			return true;
		if (view->epoch && (view->phase == TD_PHASE_TIMED_OUT ||
				    (view->phase >= TD_PHASE_DRAINING && view->phase <= TD_PHASE_RELEASED)))
			return true;
	}
	return false;
}

/* While a drain is on, only those whose agents know of it. */
static bool has_acknowledged(struct world *w, struct sidecar *s, int node)
{
	const char *active = td_core_summary(s->core).active_uid;

	for (int i = 0; i < w->request_count; i++) {
		const struct told_request *told = &s->told->requests[i];
		const struct td_request_view *view;

		if (!s->known[i].fed || strcmp(w->requests[i].uid, active) != 0)
			continue;
		view = td_core_view(s->core, active);
		if (view && (view->phase == TD_PHASE_DRAINING || view->phase == TD_PHASE_VERIFYING))
			return told->acknowledged[node] == view->epoch;
	}
	return true;
}

/* NULL: it may receive work. */
static const char *why_not(struct world *w, struct sidecar *s, int node, bool queued_too)
{
	const struct told_node *told = &s->told->nodes[node];

	if (!told->listed || !told->answers)
		return "is not listed, or does not answer";
	if (told->terminating)
		return "is in a terminating pod";
	if (told->reported != TD_ALIVE)
		return "is not alive by its own word";
	if (told->liveness != TD_ALIVE && s->told->listed_count != 1)
		return "is not Alive any more";
	if (WITH_NEW_CORE && !has_acknowledged(w, s, node))
		return "has not acknowledged the drain";
	return is_leaving(w, s, node, queued_too) ? "is being drained, was, or is queued to be" : NULL;
}

static bool may_receive(struct world *w, struct sidecar *s, int node, bool queued_too)
{
	return why_not(w, s, node, queued_too) == NULL;
}

/* What a leader counts as on its way is its own affair once an answer was lost, a capture died, or somebody else moved work: then more
 * than one choice is right. (tests/unit/test_coordinator_nodes.c compares every choice with a slow and obvious planner.) */
static bool is_anything_uncertain(const struct world *w)
{
	for (int i = 0; i < FAULT_COUNT; i++)
		if (w->fault_counts[i] > 0 && i != FAULT_SLOW && i != FAULT_REORDERED && i != FAULT_WALL_SKEW &&
		    i != FAULT_CONFLICT && i != FAULT_ANSWERED_TWICE)
			return true;
	return false;
}

/* The books name maintainers by address. */
static bool some_share_an_address(const struct world *w, const struct sidecar *s)
{
	for (int i = 0; i < w->model.node_count; i++)
		for (int j = 0; s->told->nodes[i].listed && j < i; j++)
			if (s->told->nodes[j].listed && strcmp(w->model.nodes[i].address, w->model.nodes[j].address) == 0)
				return true;
	return false;
}

static void check_lowest(struct world *w, struct sidecar *s, const struct td_effect *effect, int chosen)
{
	enum load load = effect->kind == TD_EFFECT_MOVE_DISPATCHER ? LOAD_DISPATCHERS : LOAD_MAINTAINERS;
	int chosen_min, chosen_max, min, max;

	if (some_share_an_address(w, s) || is_anything_uncertain(w))
		return;
	told_loads_range(s->told->loads, load, chosen, &chosen_min, &chosen_max);
	for (int i = 0; i < w->model.node_count; i++) {
		bool lower_id = strcmp(w->model.nodes[i].id, effect->node) < 0;

		if (i == chosen || !may_receive(w, s, i, true))
			continue;
		told_loads_range(s->told->loads, load, i, &min, &max);
		if (max < chosen_min || (lower_id && min == max && chosen_min == chosen_max && max == chosen_min))
			world_fail(w, "property 8: %s of %s to %s, which carries %d to %d, and %s carries %d to %d",
				   td_effect_name(effect->kind), effect->changefeed, effect->node, chosen_min, chosen_max,
				   w->model.nodes[i].id, min, max);
	}
}

void check_destination(struct world *w, struct sidecar *s, const struct td_effect *effect)
{
	int node = model_find(&w->model, effect->node);
	bool may = node != NOWHERE && may_receive(w, s, node, true);

	if (node == NOWHERE || !may_receive(w, s, node, WITH_NEW_CORE))
		world_fail(w, "property 1: %s of %s to %s, which %s", td_effect_name(effect->kind), effect->changefeed,
			   effect->node, node == NOWHERE ? "does not exist" : why_not(w, s, node, WITH_NEW_CORE));
	for (int i = 0; !may && i < w->model.node_count; i++)
		if (may_receive(w, s, i, true))
			world_fail(w, "%s was chosen, which is to be drained next, although %s is free", effect->node,
				   w->model.nodes[i].id);
	told_loads_sent_anew(w, s->told->loads, effect); /* where it was sent before is no load any more */
	if (WITH_NEW_CORE && may)
		check_lowest(w, s, effect, node);
	if (node != NOWHERE)
		told_loads_sent(w, s->told->loads, effect, node);
}
