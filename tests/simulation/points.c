/* Putting the planned faults of an exhaustive run where they belong. See exhaustive.h. */
#include "exhaustive.h"

#include "call.h"
#include "sidecar.h"

#include <stdio.h>

const char *const point_kinds[KIND_COUNT] = {"refused",	    "lost-executed", "lost-unexecuted", "twice",
					     "target-dies", "other-dies",    "failover",	"leader-dies"};

static bool is_poll(enum td_effect_kind kind)
{
	return kind == TD_EFFECT_OBSERVE_NODES || kind == TD_EFFECT_OBSERVE_WORKLOAD ||
	       kind == TD_EFFECT_OBSERVE_CHANGEFEED || kind == TD_EFFECT_OBSERVE_PROCESS || kind == TD_EFFECT_NATIVE_DRAIN;
}

static int draw_other(const struct world *w, const struct points *p)
{
	for (int i = 0; i < w->model.node_count; i++)
		if (w->model.nodes[i].up && w->model.nodes[i].pod_number != p->target)
			return i;
	return NOWHERE;
}

static void strike(struct world *w, struct points *p, enum kind kind)
{
	char pod[32];
	int node;

	(void)snprintf(pod, sizeof(pod), "cdc-%d", p->target);
	node = kind == KIND_TARGET_DIES ? model_of_pod(&w->model, pod) : draw_other(w, p);
	world_trace(w, "! point %d: %s", p->reached - 1, point_kinds[kind]);
	if ((kind == KIND_TARGET_DIES || kind == KIND_OTHER_DIES) && node != NOWHERE)
		model_kill(w, node, 8000);
	if (kind == KIND_FAILOVER && w->model.coordinator != NOWHERE)
		model_step_down(w, 500);
	if (kind == KIND_LEADER_DIES)
		p->leader_dies = true;
}

/* A fault of the call itself comes back as its kind, else KIND_COUNT. */
static enum kind reach(struct world *w, enum td_effect_kind effect, bool polls)
{
	struct points *p = w->points;
	enum kind of_call = KIND_COUNT;
	uint32_t bit = 1u << (unsigned)effect;

	if (!p || (polls && (p->polled & bit)))
		return KIND_COUNT;
	p->polled = polls ? p->polled | bit : 0;
	if (p->reached < POINTS_MAX)
		p->is_poll[p->reached] = polls;
	p->reached++;
	for (int i = 0; i < p->fault_count; i++) {
		if (p->faults[i].point != p->reached - 1)
			continue;
		if (p->faults[i].kind < KIND_TARGET_DIES)
			of_call = p->faults[i].kind;
		strike(w, p, p->faults[i].kind);
	}
	return of_call;
}

void points_call(struct world *w, struct call *call)
{
	enum kind kind = reach(w, call->effect.kind, is_poll(call->effect.kind));

	if (kind == KIND_REFUSED) {
		call->executes = false;
		call_refuse(call, "500 CDC:ErrInjected");
	}
	call->lost = call->lost || kind == KIND_LOST_EXECUTED || kind == KIND_LOST_UNEXECUTED;
	if (kind == KIND_LOST_UNEXECUTED)
		call->executes = false;
	if (kind == KIND_TWICE)
		call->twice = call->executed_twice = true;
}

void points_write(struct world *w, bool progress, bool *executes, bool *lost, bool *twice, enum td_outcome *outcome,
		  const char **why)
{
	enum kind kind = reach(w, TD_EFFECT_PUBLISH, progress);

	if (kind == KIND_REFUSED) {
		*executes = false;
		*outcome = TD_OUTCOME_FAILED;
		*why = "500 etcdserver: no leader";
	}
	*lost = *lost || kind == KIND_LOST_EXECUTED || kind == KIND_LOST_UNEXECUTED;
	if (kind == KIND_LOST_UNEXECUTED)
		*executes = false;
	*twice = *twice || kind == KIND_TWICE;
}

bool points_kill_leader(struct world *w)
{
	bool dies = w->points && w->points->leader_dies;

	if (dies)
		w->points->leader_dies = false;
	return dies;
}
