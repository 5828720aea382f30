/* The shell of a golden trace: takes the core's effects, answers each after a fixed time, keeps the objects and the clock. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACKNOWLEDGE_MS 150
#define LONGEST_MS 600000

static int64_t takes_ms(enum td_effect_kind kind)
{
	static const int64_t times[TD_EFFECT_KIND_COUNT] = {
		[TD_EFFECT_PUBLISH] = 15,	   [TD_EFFECT_OBSERVE_NODES] = 20,
		[TD_EFFECT_OBSERVE_WORKLOAD] = 40, [TD_EFFECT_OBSERVE_CHANGEFEED] = 15,
		[TD_EFFECT_OBSERVE_PROCESS] = 10,  [TD_EFFECT_DETECT_FAMILY] = 30,
		[TD_EFFECT_RESIGN] = 20,	   [TD_EFFECT_NATIVE_DRAIN] = 20,
		[TD_EFFECT_MOVE_MAINTAINER] = 30,  [TD_EFFECT_MOVE_DISPATCHER] = 30,
		[TD_EFFECT_PLACE_MAINTAINER] = 30,
	};

	return times[kind];
}

/* ---- effects ---- */

static struct world_object *object_of(struct world *w, const char *uid)
{
	for (size_t i = 0; i < w->object_count; i++)
		if (strcmp(w->objects[i].input.uid, uid) == 0)
			return &w->objects[i];
	return NULL;
}

static void note_written(struct world *w, struct world_answer *a)
{
	const struct td_request_view *view = td_core_view(w->core, a->effect.uid);

	if (!view)
		return;
	a->written = *view;
	(void)snprintf(a->capture, sizeof(a->capture), "%s", view->capture);
	(void)snprintf(a->address, sizeof(a->address), "%s", view->address);
}

static void take(struct world *w, const struct td_effect *effect)
{
	struct world_fault *fault = &w->faults[effect->kind];
	struct world_answer *a = &w->answers[w->answer_count++];

	if (w->answer_count == ANSWERS_MAX)
		abort();
	*a = (struct world_answer){.effect = *effect, .due_ms = w->now_ms + takes_ms(effect->kind)};
	(void)snprintf(a->changefeed, sizeof(a->changefeed), "%s", effect->changefeed ? effect->changefeed : "");
	if (effect->kind == TD_EFFECT_PUBLISH)
		note_written(w, a);
	trace_effect(w, a);
	if (fault->count == 0 || fault->happens)
		world_perform(w, a);
	if (fault->count == 0)
		return;
	fault->count--;
	a->outcome = fault->outcome;
	(void)snprintf(a->why, sizeof(a->why), "%s", fault->why);
	if (fault->outcome == TD_OUTCOME_UNKNOWN)
		a->due_ms = w->now_ms + 2000; /* a timeout */
}

void world_step(struct world *w, const struct td_input *input)
{
	struct td_effect effect;

	if (!td_core_step(w->core, w->now_ms, input))
		abort();
	trace_objects(w);
	while (td_core_next_effect(w->core, &effect))
		take(w, &effect);
}

/* ---- answers ---- */

/* The write reaches the object. Agents acknowledge each epoch that they see for the first time. */
static void store(struct world *w, const struct world_answer *a)
{
	struct world_object *object = object_of(w, a->effect.uid);
	bool open = a->written.phase == TD_PHASE_DRAINING || a->written.phase == TD_PHASE_VERIFYING;

	if (!object || a->outcome != TD_OUTCOME_DONE)
		return;
	if (open && a->written.epoch != object->input.epoch)
		object->acknowledge_ms = w->now_ms + ACKNOWLEDGE_MS;
	(void)snprintf(object->capture, sizeof(object->capture), "%s", a->capture);
	(void)snprintf(object->address, sizeof(object->address), "%s", a->address);
	object->input.phase = a->written.phase;
	object->input.epoch = a->written.epoch;
	object->input.drained_capture = a->written.epoch ? object->capture : "";
	object->input.drained_address = a->written.epoch ? object->address : "";
	object->input.initial = a->written.initial;
	object->input.started_ms = a->written.started_ms;
}

static void acknowledge(struct world *w, struct world_object *object)
{
	char names[64] = "nobody";
	size_t count = 0, used = 0;

	object->acknowledge_ms = 0;
	for (size_t i = 0; i < w->node_count; i++) {
		const struct world_node *node = &w->nodes[i];

		if (!node->running || node->mute || node->terminating || strcmp(node->id, object->capture) == 0)
			continue;
		object->acknowledgements[count++] = (struct td_acknowledgement){node->id, object->input.epoch};
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", node->id);
	}
	object->input.acknowledgements = object->acknowledgements;
	object->input.acknowledgement_count = count;
	trace_line(w, '>', "%s: epoch %llu is acknowledged by %s", object->input.uid,
		   (unsigned long long)object->input.epoch, names);
	world_step(w, &(struct td_input){.kind = TD_INPUT_REQUEST, .request = &object->input});
}

static const char *id_of(const struct world *w, int node)
{
	return node == NOWHERE ? "" : w->nodes[node].id;
}

static void show_nodes(const struct world *w, struct td_node_view *views, struct td_nodes_view *ret)
{
	*ret = (struct td_nodes_view){.coordinator = id_of(w, w->coordinator), .nodes = views};
	for (size_t i = 0; i < w->node_count; i++) {
		const struct world_node *node = &w->nodes[i];

		if (node->registered)
			views[ret->count++] =
				(struct td_node_view){.id = node->id,
						      .address = node->address,
						      .is_coordinator = w->coordinator == (int)i,
						      .reported_liveness = node->running ? (int)node->liveness : -1,
						      .answers = node->running,
						      .pod = node->pod,
						      .pod_terminating = node->terminating};
	}
}

static struct td_changefeed_view show_changefeed(const struct world *w, size_t index, struct td_span *spans)
{
	const struct world_changefeed *c = &w->changefeeds[index];

	for (size_t i = 0; i < c->span_count; i++)
		spans[i] = (struct td_span){(int64_t)i + 1, 0, id_of(w, c->spans[i])};
	return (struct td_changefeed_view){.name = c->name,
					   .running = true,
					   .maintainer_addr =
						   c->maintainer == NOWHERE ? "" : w->nodes[c->maintainer].address,
					   .tables_known = c->maintainer != NOWHERE,
					   .spans = spans,
					   .span_count = c->span_count};
}

static struct td_process_view show_process(const struct world *w, int node)
{
	if (node == NOWHERE || !w->nodes[node].running)
		return (struct td_process_view){.known = false, .why = "connection refused"};
	return (struct td_process_view){.known = true,
					.why = "",
					.capture = w->nodes[node].id,
					.process_start = 1,
					.liveness = (int)w->nodes[node].liveness,
					.counts = world_counts(w, node)};
}

void world_answer(struct world *w, struct world_answer *a)
{
	struct td_node_view node_views[NODES_MAX];
	struct td_nodes_view nodes;
	struct td_span spans[CHANGEFEEDS_MAX][SPANS_MAX];
	struct td_changefeed_view changefeeds[CHANGEFEEDS_MAX], *one = NULL;
	const struct td_workload_view workload = {id_of(w, w->coordinator), changefeeds, w->changefeed_count};
	int target = world_index(w, a->effect.node);
	const struct td_process_view process = show_process(w, target);
	const struct td_counts left = target == NOWHERE ? (struct td_counts){0} : world_counts(w, target);
	struct td_result result = {
		.effect_id = a->effect.id,
		.outcome = a->outcome,
		.why = a->outcome == TD_OUTCOME_DONE ? NULL : a->why,
		.answer = (int64_t)left.maintainers + left.dispatchers,
		.family = w->family,
		.family_why = w->family == TD_FAMILY_FAKE_DRAIN ? "its drain call counts instead of draining" : "",
		.nodes = &nodes,
		.workload = &workload,
		.process = &process};

	show_nodes(w, node_views, &nodes);
	for (size_t i = 0; i < w->changefeed_count; i++) {
		changefeeds[i] = show_changefeed(w, i, spans[i]);
		if (strcmp(changefeeds[i].name, a->changefeed) == 0)
			one = &changefeeds[i];
	}
	result.changefeed = one;
	if (a->effect.kind == TD_EFFECT_PUBLISH)
		store(w, a);
	trace_answer(w, a, &result);
	world_step(w, &(struct td_input){.kind = TD_INPUT_RESULT, .result = &result});
}

/* ---- the clock ---- */

static bool answer_due(struct world *w)
{
	for (size_t i = 0; i < w->answer_count; i++) {
		struct world_answer a = w->answers[i];

		if (a.due_ms > w->now_ms)
			continue;
		memmove(&w->answers[i], &w->answers[i + 1], (--w->answer_count - i) * sizeof(a));
		world_answer(w, &a);
		return true;
	}
	for (size_t i = 0; i < w->object_count; i++)
		if (w->objects[i].acknowledge_ms && w->objects[i].acknowledge_ms <= w->now_ms) {
			acknowledge(w, &w->objects[i]);
			return true;
		}
	return false;
}

static int64_t next_event(const struct world *w)
{
	int64_t next = world_next_change(w), tick = td_core_deadline(w->core);

	for (size_t i = 0; i < w->answer_count; i++)
		next = w->answers[i].due_ms < next ? w->answers[i].due_ms : next;
	for (size_t i = 0; i < w->object_count; i++)
		if (w->objects[i].acknowledge_ms && w->objects[i].acknowledge_ms < next)
			next = w->objects[i].acknowledge_ms;
	return tick < next ? tick : next;
}

/* One event, not later than end. False: there is none. */
static bool advance(struct world *w, int64_t end)
{
	int64_t next = next_event(w);

	if (next > end) {
		w->now_ms = end;
		return false;
	}
	if (next > w->now_ms) {
		w->now_ms = next;
		world_change(w);
	}
	if (!answer_due(w) && td_core_deadline(w->core) <= w->now_ms)
		world_step(w, &(struct td_input){.kind = TD_INPUT_TICK});
	return true;
}

void world_run(struct world *w, int64_t ms)
{
	int64_t end = w->now_ms + ms;

	while (advance(w, end))
		continue;
}

void world_until(struct world *w, const char *uid, enum td_phase phase)
{
	int64_t end = w->now_ms + LONGEST_MS;
	const struct td_request_view *view = td_core_view(w->core, uid);

	while (view && view->phase != phase && !td_phase_is_final(view->phase) && advance(w, end))
		view = td_core_view(w->core, uid);
	if (!view || (view->phase != phase && !td_phase_is_final(view->phase)))
		trace_line(w, '*', "NOT REACHED: %s", td_phase_name(phase));
}
