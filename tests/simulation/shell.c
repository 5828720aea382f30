/* The coordinator's shell: it feeds the core, performs its effects, and holds the fence. See sidecar.h. */
#include "sidecar.h"

#include "call.h"
#include "check.h"
#include "exhaustive.h"

#include <stdlib.h>
#include <string.h>

static void step(struct world *world, struct sidecar *sidecar, const struct td_input *input);

static struct sim_request *request_of(struct world *w, const char *uid, int *ret_index)
{
	for (int i = 0; i < w->request_count; i++)
		if (strcmp(w->requests[i].uid, uid) == 0) {
			*ret_index = i;
			return &w->requests[i];
		}
	return NULL;
}

/* ---- effects ---- */

uint64_t sidecar_base_version(struct sidecar *s, int request)
{
	struct known_object *known = &s->known[request];

	return known->written_after ? known->written_after : known->written_before;
}

static void publish(struct world *w, struct sidecar *s, const struct td_effect *effect)
{
	const struct td_request_view *view = td_core_view(s->core, effect->uid);
	int index = 0;
	const struct sim_request *request = request_of(w, effect->uid, &index);
	struct known_object *known = &s->known[index];
	uint64_t version;

	if (!view || !request) {
		world_fail(w, "a Publish of \"%s\", which is nobody", effect->uid);
		return;
	}
	world_trace(w, "cdc-%d:   %s: %s %s position %d blocked by \"%s\" left %u+%u: %s", s->index, view->uid,
		    td_phase_name(view->phase), td_reason_name(view->reason), view->queue_position, view->blocked_by,
		    view->remaining.maintainers, view->remaining.dispatchers, view->message);
	world_mix_text(w, view->message);
	check_published(w, s, index, view);
	known->publishes++;
	version = kube_version(&w->kube, index, known->number)->version;
	if (version != known->written_before) {
		known->written_before = version;
		known->written_after = 0;
	}
	kube_publish(w, s, index, effect, view);
}

static void perform(struct world *w, struct sidecar *s, const struct td_effect *effect)
{
	bool fenced = (PUBLISH_IS_FENCED || effect->kind != TD_EFFECT_PUBLISH) && !elector_is_valid(w, s) &&
		      (td_effect_changes_ticdc(effect->kind) || effect->kind == TD_EFFECT_PUBLISH);

	w->effects++;
	w->kinds[effect->kind]++;
	world_trace(w, "cdc-%d: %s #%llu %s node=%s at=%s %s table=%lld/%d epoch=%llu%s", s->index,
		    td_effect_name(effect->kind), (unsigned long long)effect->id, effect->uid, effect->node, effect->address,
		    effect->changefeed ? effect->changefeed : "", (long long)effect->table_id, effect->mode,
		    (unsigned long long)effect->epoch, fenced ? " FENCED" : "");
	world_mix(w, (uint64_t)effect->kind * 31 + effect->id);
	world_mix(w, (uint64_t)effect->table_id + effect->epoch);
	world_mix_text(w, effect->node);
	check_effect(w, s, effect, fenced);
	if (fenced)
		world_count(w, FAULT_FENCED);
	if (effect->kind == TD_EFFECT_PUBLISH && !fenced)
		publish(w, s, effect);
	else
		model_call(w, s, effect, fenced);
}

static void on_wake(struct world *w, const struct event *event)
{
	struct sidecar *s = event->subject;

	if (!s->core || event->number != s->wakes || sidecar_defer(w, s, event))
		return;
	s->wake_ms = INT64_MAX;
	step(w, s, &(struct td_input){.kind = TD_INPUT_TICK});
}

static void arrange_wake(struct world *w, struct sidecar *s)
{
	int64_t deadline = td_core_deadline(s->core), at;

	if (deadline == INT64_MAX) {
		s->wake_ms = INT64_MAX;
		s->wakes++;
		return;
	}
	at = deadline - s->clock_offset_ms;
	if (at < w->now_ms)
		at = w->now_ms;
	if (at == s->wake_ms)
		return;
	s->wake_ms = at;
	world_at(w, at, on_wake, s, ++s->wakes);
}

void shell_wake_again(struct world *w, struct sidecar *s)
{
	s->wake_ms = INT64_MAX;
	if (s->core)
		arrange_wake(w, s);
}

static void step(struct world *w, struct sidecar *s, const struct td_input *input)
{
	struct td_effect effect;
	bool dies = false;

	if (w->failure[0])
		return;
	w->steps++;
	world_mix(w, (uint64_t)input->kind + (uint64_t)w->now_ms);
	if (!td_core_step(s->core, sidecar_clock(w, s), input))
		world_fail(w, "out of memory");
	check_step_begins(w, s);
	while (td_core_next_effect(s->core, &effect)) {
		if (dies)
			continue;
		dies = world_chance(w, FAULT_SIDECAR_DIES_AT_EFFECT);
		if (dies && rng_chance(&w->rng, 500))
			continue; /* before it was performed */
		perform(w, s, &effect);
		dies = dies || points_kill_leader(w);
	}
	if (!dies)
		check_step(w, s);
	if (dies) {
		sidecar_stop(w, s, false, rng_range(&w->rng, 200, 15000));
		return;
	}
	arrange_wake(w, s);
}

/* ---- inputs ---- */

static void feed(struct world *w, struct sidecar *s, int index)
{
	struct sim_request *r = &w->requests[index];
	const struct drain_status *d = kube_version(&w->kube, index, s->known[index].number);
	struct td_acknowledgement *list = NULL;
	bool gone = r->reaped_ms == -1; /* its pod was replaced */
	struct td_request_input input = {
		.uid = r->uid,
		.name = r->uid,
		.pod = r->pod[0] ? r->pod : NULL,
		.capture = r->capture[0] ? r->capture : NULL,
		.pod_exists = strcmp(r->pod, "nobody") != 0,
		.pod_terminating = r->terminating && !gone,
		.pod_gone = gone && r->pod[0] && d->capture[0],
		.dry_run = r->dry_run,
		.batch = r->batch,
		.created_ms = r->arrive_ms,
		.deadline_ms = r->deadline_ms ? sidecar_to_local(w, s, r->deadline_ms) : 0,
		.phase = d->phase,
		.epoch = d->epoch,
		.drained_capture = d->capture,
		.drained_address = d->address,
		.initial = d->initial,
		.started_ms = d->started_wall_ms ? sidecar_to_local(w, s, d->started_wall_ms) : 0,
	};

	if (d->acknowledged_count) {
		list = world_checked(calloc((size_t)d->acknowledged_count, sizeof(*list)));
		for (int i = 0; i < d->acknowledged_count; i++)
			list[i] = (struct td_acknowledgement){w->model.nodes[d->acknowledged[i].capture].id,
							      d->acknowledged[i].epoch};
		input.acknowledgements = list;
		input.acknowledgement_count = (size_t)d->acknowledged_count;
	}
	if (input.deadline_ms < 0)
		input.deadline_ms = 1;
	s->known[index].fed = true;
	s->known[index].fed_number = s->known[index].number;
	s->known[index].fed_pods = s->pods_seen;
	world_trace(w, "cdc-%d: > %s pod=%s capture=%s %s epoch=%llu terminating=%d gone=%d deadline=%lld", s->index, r->uid,
		    r->pod, r->capture, td_phase_name(d->phase), (unsigned long long)d->epoch, input.pod_terminating,
		    input.pod_gone, (long long)r->deadline_ms);
	check_fed(w, s, index, &input);
	step(w, s, &(struct td_input){.kind = TD_INPUT_REQUEST, .request = &input});
	free(list);
}

void shell_object_changed(struct world *w, struct sidecar *s, int index)
{
	struct known_object *known = &s->known[index];

	if (known->listed && (!known->fed || known->fed_number != known->number || known->fed_pods != s->pods_seen)) {
		feed(w, s, index);
	} else if (!known->listed && known->fed) {
		known->fed = false;
		world_trace(w, "cdc-%d: > %s is gone", s->index, w->requests[index].uid);
		step(w, s, &(struct td_input){.kind = TD_INPUT_REQUEST_GONE, .uid = w->requests[index].uid});
	}
}

void shell_balance(struct world *w, struct sidecar *s)
{
	if (!s->core || s->stopped_until_ms > w->now_ms)
		return;
	world_trace(w, "cdc-%d: > balance", s->index);
	step(w, s, &(struct td_input){.kind = TD_INPUT_BALANCE});
}

void sidecar_result(struct world *w, struct sidecar *s, uint64_t term, const struct call *call,
		    const struct td_result *result)
{
	if (!s->core || s->term != term || w->failure[0])
		return;
	if (call->serial < s->last_serial)
		world_count(w, FAULT_REORDERED);
	s->last_serial = call->serial;
	world_trace(w, "cdc-%d: > #%llu %s %s %s %lld", s->index, (unsigned long long)result->effect_id,
		    td_effect_name(call->effect.kind),
		    result->outcome == TD_OUTCOME_DONE	   ? "done"
		    : result->outcome == TD_OUTCOME_FAILED ? "failed"
							   : "unknown",
		    result->outcome == TD_OUTCOME_DONE ? "" : result->why, (long long)result->answer);
	check_told(w, s, call, result);
	step(w, s, &(struct td_input){.kind = TD_INPUT_RESULT, .result = result});
}

void sidecar_written(struct world *w, struct sidecar *s, uint64_t term, int request, const struct drain_status *status,
		     const struct td_result *result)
{
	if (!s->core || s->term != term || w->failure[0])
		return;
	world_trace(w, "cdc-%d: > #%llu Publish %s %s", s->index, (unsigned long long)result->effect_id,
		    w->requests[request].uid, result->outcome == TD_OUTCOME_DONE ? "done" : result->why);
	if (result->outcome == TD_OUTCOME_DONE)
		s->known[request].written_after = status->version;
	check_written(w, s, request, status, result);
	step(w, s, &(struct td_input){.kind = TD_INPUT_RESULT, .result = result});
}

/* ---- leadership ---- */

void shell_lead(struct world *w, struct sidecar *s)
{
	struct td_core_options options = td_core_defaults;

	options.give_up_ms = w->scenario.give_up_ms;
	for (int i = 0; i < w->sidecar_count; i++)
		if (w->sidecars[i].core) {
			world_count(w, FAULT_TWO_LEADERS);
			break;
		}
	s->term++;
	s->core = td_core_new(&options);
	s->led_since_ms = w->now_ms;
	s->wake_ms = INT64_MAX;
	s->last_serial = 0;
	world_trace(w, "! cdc-%d leads, term %llu", s->index, (unsigned long long)s->term);
	for (int i = 0; i < w->request_count;
	     i++) { /* what an earlier shell of this sidecar has written is forgotten with it */
		s->known[i].fed = false;
		s->known[i].written_before = s->known[i].written_after = 0;
	}
	check_new_leader(w, s);
	for (int i = 0; i < w->request_count && s->core; i++)
		shell_object_changed(w, s, i);
}

void shell_depose(struct world *w, struct sidecar *s)
{
	if (!s->core)
		return;
	world_trace(w, "! cdc-%d leads no more", s->index);
	check_leader_gone(w, s);
	s->core = td_core_free(s->core);
	s->term++;
}
