/* How the cluster answers an effect. See call.h. */
#include "call.h"

#include "exhaustive.h"
#include "sidecar.h"

#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 10000

static void free_call(struct call *call)
{
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	for (size_t i = 0; call->changefeeds && i < call->workload.count; i++)
		free((void *)(uintptr_t)call->changefeeds[i].spans);
	free(call->changefeeds);
	free((void *)(uintptr_t)call->nodes.nodes);
	free(call);
}

/* ---- calls ---- */

static void drain(struct world *w, struct call *call)
{
	const char *error = NULL;

	if (w->model.family == TD_FAMILY_FAKE_DRAIN)
		call->number = ++w->model.fake_counter % 10 == 0 ? 10 : 0;
	else
		call->number = model_native_drain(w, call->effect.node, &error);
	if (error)
		call_refuse(call, error);
}

static void detect(struct world *w, struct call *call)
{
	call->number = w->model.family;
	if (w->model.family == TD_FAMILY_FAKE_DRAIN)
		w->model.fake_counter++;
}

static int destination_of(struct world *w, struct call *call)
{
	int to = model_find(&w->model, call->effect.node);

	if (to != NOWHERE && w->model.nodes[to].registered)
		return to;
	call_refuse(call, "500 CDC:ErrNodeIsNotFound");
	return NOWHERE;
}

static void move_maintainer(struct world *w, struct call *call)
{
	struct model_changefeed *cf = model_changefeed(&w->model, call->changefeed);
	int to = destination_of(w, call);

	if (to == NOWHERE)
		return;
	if (!model_is_bootstrapped(w))
		call_refuse(call, "500 coordinator is not fully initialized");
	else if (!cf || !cf->running || (cf->maintainer.node == NOWHERE && call->effect.kind == TD_EFFECT_MOVE_MAINTAINER))
		call_refuse(call, "500 the changefeed has no maintainer");
	else if (!world_chance(w, FAULT_IGNORED))
		(void)model_move(w, &cf->maintainer, to, call->effect.epoch);
}

static void move_dispatcher(struct world *w, struct call *call)
{
	struct model_changefeed *cf = model_changefeed(&w->model, call->changefeed);
	int to = destination_of(w, call);
	struct work *span;

	if (to == NOWHERE)
		return;
	if (!cf || !cf->running || cf->maintainer.node == NOWHERE || !w->model.nodes[cf->maintainer.node].up) {
		call_refuse(call, "500 Can't not find maintainer");
		return;
	}
	if (call->effect.table_id == 0) { /* TiCDC lets you (contract 4.4): the trigger goes astray */
		cf->trigger = to;
		return;
	}
	span = model_span(cf, call->effect.table_id, call->effect.mode);
	if (span && !world_chance(w, FAULT_IGNORED) && !model_move(w, span, to, call->effect.epoch))
		call_refuse(call, "500 CDC:ErrOperatorIsNil");
}

static void perform(struct world *w, struct call *call)
{
	switch (call->effect.kind) {
	case TD_EFFECT_OBSERVE_NODES:
		call_show_nodes(w, call);
		break;
	case TD_EFFECT_OBSERVE_WORKLOAD:
		if (model_is_bootstrapped(w))
			call_show_workload(w, call);
		else
			call_refuse(call, "500 coordinator is not fully initialized");
		break;
	case TD_EFFECT_OBSERVE_CHANGEFEED:
		call_show_one(w, call);
		break;
	case TD_EFFECT_DETECT_FAMILY:
		detect(w, call);
		break;
	case TD_EFFECT_RESIGN:
		model_step_down(w, rng_range(&w->rng, 10, 1500));
		break;
	case TD_EFFECT_NATIVE_DRAIN:
		drain(w, call);
		break;
	case TD_EFFECT_MOVE_MAINTAINER:
	case TD_EFFECT_PLACE_MAINTAINER:
		move_maintainer(w, call);
		break;
	case TD_EFFECT_MOVE_DISPATCHER:
		move_dispatcher(w, call);
		break;
	case TD_EFFECT_OBSERVE_PROCESS:
	case TD_EFFECT_PUBLISH:
	case TD_EFFECT_KIND_COUNT:
		break;
	}
}

static void execute(struct world *w, const struct event *event)
{
	struct call *call = event->subject;

	call->executed_ms = w->now_ms;
	if (call->effect.kind == TD_EFFECT_OBSERVE_PROCESS) {
		call_show_process(w, call);
		return;
	}
	if (call_reach(w, call) == NOWHERE || w->model.coordinator == NOWHERE) {
		call_refuse(call, "500 election: no leader");
		return;
	}
	perform(w, call);
	if (call->executed_twice && td_effect_changes_ticdc(call->effect.kind) && w->model.coordinator != NOWHERE)
		perform(w, call);
}

/* ---- answers ---- */

static void make_result(const struct call *call, struct td_result *ret)
{
	*ret = (struct td_result){.effect_id = call->effect.id, .outcome = call->outcome, .why = call->why};
	if (call->lost) {
		ret->outcome = TD_OUTCOME_UNKNOWN;
		ret->why = "no answer within 10 s";
	}
	if (ret->outcome != TD_OUTCOME_DONE)
		return;
	ret->answer = call->number;
	ret->family = call->effect.kind == TD_EFFECT_DETECT_FAMILY ? (enum td_family)call->number : TD_FAMILY_UNKNOWN;
	ret->family_why = "the probe said so";
	ret->nodes = &call->nodes;
	ret->workload = &call->workload;
	ret->changefeed = call->changefeeds;
	ret->process = &call->process;
}

static void answer(struct world *w, const struct event *event)
{
	struct call *call = event->subject;
	struct td_result result;

	if (sidecar_defer(w, call->sidecar, event))
		return;
	make_result(call, &result);
	sidecar_result(w, call->sidecar, call->term, call, &result);
	if (call->twice) {
		call->twice = false;
		call->delivered = true;
		world_at(w, w->now_ms + 7, answer, call, 0);
		return;
	}
	free_call(call);
}

static void draw_fate(struct world *w, struct call *call)
{
	int64_t delay = world_chance(w, FAULT_SLOW) ? rng_range(&w->rng, 500, 5000) : rng_range(&w->rng, 2, 60);
	bool executed = world_chance(w, FAULT_LOST_EXECUTED);

	call->executes = true;
	call->executed_ms = w->now_ms + rng_range(&w->rng, 1, delay);
	call->answered_ms = w->now_ms + delay;
	call->twice = world_chance(w, FAULT_ANSWERED_TWICE);
	if (world_chance(w, FAULT_REFUSED)) {
		call->executes = false;
		call_refuse(call, "500 CDC:ErrInjected");
	} else if (executed || world_chance(w, FAULT_LOST_UNEXECUTED)) {
		call->executes = executed;
		call->lost = true;
	} else if (td_effect_changes_ticdc(call->effect.kind)) {
		call->executed_twice = world_chance(w, FAULT_EXECUTED_TWICE);
	}
}

void model_call(struct world *w, struct sidecar *sidecar, const struct td_effect *effect, bool fenced)
{
	struct call *call = world_checked(calloc(1, sizeof(*call)));

	call->next = w->model.first_call;
	call->link = &w->model.first_call;
	if (call->next)
		call->next->link = &call->next;
	w->model.first_call = call;
	call->serial = ++w->model.calls;
	call->sidecar = sidecar;
	call->term = sidecar->term;
	call->effect = *effect;
	call->asked_ms = w->now_ms;
	call->read = NOWHERE;
	if (effect->changefeed)
		(void)snprintf(call->changefeed, sizeof(call->changefeed), "%s", effect->changefeed);
	call->effect.changefeed = call->changefeed;
	call->fenced = fenced;
	if (fenced) {
		call_refuse(call, "not sent: the Lease is not valid");
		call->executed_ms = call->answered_ms = w->now_ms;
	} else {
		draw_fate(w, call);
		points_call(w, call);
	}
	if (call->lost)
		call->answered_ms = w->now_ms + TIMEOUT_MS;
	if (call->executes)
		world_at(w, call->executed_ms, execute, call, 0);
	world_at(w, call->answered_ms, answer, call, 0);
}

void model_free_calls(struct model *m)
{
	while (m->first_call)
		free_call(m->first_call);
}
