/* A shell for tests of the coordinator core: one world that the test writes down, virtual time, answers that the test can hold
 * back or refuse by kind of effect. */
#ifndef TD_TEST_COORDINATOR_FIXTURE_H
#define TD_TEST_COORDINATOR_FIXTURE_H

#include "coordinator/core_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BIT(kind) (1u << (kind))
#define FIXTURE_MAX 256

struct fixture {
	struct td_core *core;
	int64_t now_ms;
	struct td_effect waiting[FIXTURE_MAX]; /* taken, not answered */
	size_t waiting_count;
	int emitted[TD_EFFECT_KIND_COUNT];
	unsigned held, refused, unknown; /* bits of kinds */
	struct {
		struct td_request_input input; /* as given last: given again with acknowledgements */
		uint64_t acknowledged;	       /* by every capture; 0: by none */
	} objects[16];
	size_t object_count;
	bool mute;     /* no agent acknowledges anything */
	bool performs; /* moves and placements happen the moment they are answered */

	/* The world. */
	enum td_family family;
	struct td_node_view nodes[8];
	size_t node_count;
	const char *coordinator;
	struct td_changefeed_view changefeeds[16];
	size_t changefeed_count;
	struct td_process_view process;
	int64_t answer;
};

static inline void fixture_collect(struct fixture *f)
{
	struct td_effect effect;

	while (td_core_next_effect(f->core, &effect)) {
		assert_true(f->waiting_count < FIXTURE_MAX);
		f->waiting[f->waiting_count++] = effect;
		f->emitted[effect.kind]++;
	}
}

static inline void fixture_step(struct fixture *f, const struct td_input *input)
{
	assert_true(td_core_step(f->core, f->now_ms, input));
	fixture_collect(f);
}

static inline void fixture_tick(struct fixture *f)
{
	fixture_step(f, &(struct td_input){.kind = TD_INPUT_TICK});
}

/* Index of an object, new if need be. */
static inline size_t fixture_object(struct fixture *f, const char *uid)
{
	size_t i = 0;

	while (i < f->object_count && strcmp(f->objects[i].input.uid, uid) != 0)
		i++;
	if (i == f->object_count) {
		assert_true(f->object_count < sizeof(f->objects) / sizeof(f->objects[0]));
		f->object_count++;
	}
	return i;
}

static inline void fixture_request(struct fixture *f, const struct td_request_input *request)
{
	size_t at = fixture_object(f, request->uid);
	struct td_acknowledgement acknowledgements[8];
	struct td_request_input input = *request;

	f->objects[at].input = *request;
	for (size_t i = 0; i < f->node_count; i++)
		acknowledgements[i] = (struct td_acknowledgement){f->nodes[i].id, f->objects[at].acknowledged};
	if (f->objects[at].acknowledged && !input.acknowledgements) {
		input.acknowledgements = acknowledgements;
		input.acknowledgement_count = f->node_count;
	}
	fixture_step(f, &(struct td_input){.kind = TD_INPUT_REQUEST, .request = &input});
}

static inline void fixture_delete(struct fixture *f, const char *uid)
{
	fixture_step(f, &(struct td_input){.kind = TD_INPUT_REQUEST_GONE, .uid = uid});
}

/* The first waiting effect of a kind, taken out: the test answers it. */
static inline struct td_effect fixture_take(struct fixture *f, enum td_effect_kind kind)
{
	struct td_effect effect = {0};
	size_t i = 0;

	while (i < f->waiting_count && f->waiting[i].kind != kind)
		i++;
	if (i == f->waiting_count)
		fail_msg("no %s is waiting", td_effect_name(kind));
	effect = f->waiting[i];
	memmove(&f->waiting[i], &f->waiting[i + 1], (--f->waiting_count - i) * sizeof(f->waiting[0]));
	return effect;
}

static inline size_t fixture_waiting(const struct fixture *f, enum td_effect_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < f->waiting_count; i++)
		count += f->waiting[i].kind == kind;
	return count;
}

static inline const struct td_changefeed_view *fixture_changefeed(const struct fixture *f, const char *name)
{
	for (size_t i = 0; i < f->changefeed_count; i++)
		if (strcmp(f->changefeeds[i].name, name) == 0)
			return &f->changefeeds[i];
	fail_msg("no changefeed %s", name);
	return NULL;
}

/* Every agent sees a drain that has become durable, and says so in the object. */
static inline void fixture_acknowledge(struct fixture *f, const struct td_effect *published)
{
	const struct td_request_view *view = td_core_view(f->core, published->uid);
	size_t at = fixture_object(f, published->uid);

	if (f->mute || !view || !published->epoch || f->objects[at].acknowledged == published->epoch ||
	    td_phase_is_final(view->phase))
		return;
	f->objects[at].acknowledged = published->epoch;
	fixture_request(f, &f->objects[at].input);
}

/* Does what a move or placement asks for. The spans that the test has given are written to. */
static inline void fixture_perform(struct fixture *f, const struct td_effect *effect)
{
	struct td_changefeed_view *changefeed;
	size_t to = 0;

	if (effect->kind < TD_EFFECT_MOVE_MAINTAINER)
		return;
	changefeed = &f->changefeeds[fixture_changefeed(f, effect->changefeed) - f->changefeeds];
	while (to < f->node_count && strcmp(f->nodes[to].id, effect->node) != 0)
		to++;
	assert_true(to < f->node_count);
	if (effect->kind != TD_EFFECT_MOVE_DISPATCHER)
		changefeed->maintainer_addr = f->nodes[to].address;
	for (size_t i = 0; effect->kind == TD_EFFECT_MOVE_DISPATCHER && i < changefeed->span_count; i++)
		if (changefeed->spans[i].table_id == effect->table_id && changefeed->spans[i].mode == effect->mode)
			((struct td_span *)(uintptr_t)changefeed->spans)[i].node = f->nodes[to].id;
}

static inline void fixture_answer(struct fixture *f, const struct td_effect *effect, enum td_outcome outcome)
{
	const struct td_nodes_view nodes = {f->coordinator, f->nodes, f->node_count};
	const struct td_workload_view workload = {f->coordinator, f->changefeeds, f->changefeed_count};
	const struct td_result result = {
		.effect_id = effect->id,
		.outcome = outcome,
		.why = outcome == TD_OUTCOME_DONE ? NULL : "injected",
		.answer = f->answer,
		.family = f->family,
		.family_why = "says the test",
		.nodes = &nodes,
		.workload = &workload,
		.changefeed =
			effect->kind == TD_EFFECT_OBSERVE_CHANGEFEED ? fixture_changefeed(f, effect->changefeed) : NULL,
		.process = &f->process,
	};

	if (f->performs && outcome != TD_OUTCOME_FAILED)
		fixture_perform(f, effect);
	fixture_step(f, &(struct td_input){.kind = TD_INPUT_RESULT, .result = &result});
	if (effect->kind == TD_EFFECT_PUBLISH && outcome == TD_OUTCOME_DONE)
		fixture_acknowledge(f, effect);
}

/* Answers everything that is not held back, again and again, for this long. */
static inline void fixture_run(struct fixture *f, int64_t ms)
{
	int64_t end = f->now_ms + ms;

	for (int turns = 0; turns < 100000; turns++) {
		size_t i = 0;
		struct td_effect effect;

		while (i < f->waiting_count && (f->held & BIT(f->waiting[i].kind)))
			i++;
		if (i < f->waiting_count) {
			effect = f->waiting[i];
			memmove(&f->waiting[i], &f->waiting[i + 1], (--f->waiting_count - i) * sizeof(f->waiting[0]));
			fixture_answer(f, &effect,
				       f->refused & BIT(effect.kind)   ? TD_OUTCOME_FAILED
				       : f->unknown & BIT(effect.kind) ? TD_OUTCOME_UNKNOWN
								       : TD_OUTCOME_DONE);
			continue;
		}
		if (td_core_deadline(f->core) > end) {
			f->now_ms = end;
			return;
		}
		f->now_ms = td_core_deadline(f->core) > f->now_ms ? td_core_deadline(f->core) : f->now_ms;
		fixture_tick(f);
	}
	fail_msg("the core spins");
}

static inline const struct td_request_view *fixture_view(struct fixture *f, const char *uid)
{
	const struct td_request_view *view = td_core_view(f->core, uid);

	assert_non_null(view);
	return view;
}

static inline void assert_phase(struct fixture *f, const char *uid, enum td_phase phase, enum td_reason reason)
{
	const struct td_request_view *view = fixture_view(f, uid);

	if (view->phase != phase || view->reason != reason)
		fail_msg("%s is %s, %s (%s), not %s, %s", uid, td_phase_name(view->phase), td_reason_name(view->reason),
			 view->message, td_phase_name(phase), td_reason_name(reason));
}

/* Three captures a, b, c in pods pod-a, pod-b, pod-c; c coordinates. One changefeed on b. The target of
 * most tests is a, which is empty. */
static inline void fixture_init(struct fixture *f, enum td_family family)
{
	static const char *const names[] = {"a", "b", "c"};
	static const char *const addresses[] = {"a:1", "b:1", "c:1"};
	static const char *const pods[] = {"pod-a", "pod-b", "pod-c"};

	*f = (struct fixture){.now_ms = 100000, .family = family, .node_count = 3, .coordinator = "c"};
	for (size_t i = 0; i < 3; i++)
		f->nodes[i] = (struct td_node_view){
			.id = names[i], .address = addresses[i], .is_coordinator = i == 2, .answers = true, .pod = pods[i]};
	f->changefeeds[0] = (struct td_changefeed_view){
		.name = "default/one", .running = true, .maintainer_addr = "b:1", .tables_known = true};
	f->changefeed_count = 1;
	f->process = (struct td_process_view){.known = true,
					      .why = "",
					      .capture = "a",
					      .process_start = 1,
					      .liveness = family == TD_FAMILY_NATIVE ? TD_STOPPING : TD_ALIVE};
	f->core = td_core_new(&td_core_defaults);
	assert_non_null(f->core);
}

/* One more capture, without a pod that anybody drains. */
static inline void fixture_add_node(struct fixture *f, const char *id, const char *address)
{
	f->nodes[f->node_count++] = (struct td_node_view){.id = id, .address = address, .answers = true, .pod = ""};
}

static inline void fixture_done(struct fixture *f)
{
	f->core = td_core_free(f->core);
}

/* Another leader: nothing but the objects survives. */
static inline void fixture_new_leader(struct fixture *f)
{
	td_core_free(f->core);
	f->core = td_core_new(&td_core_defaults);
	assert_non_null(f->core);
	f->waiting_count = 0;
	memset(f->emitted, 0, sizeof(f->emitted));
}

static inline struct td_request_input fixture_pod_request(const char *uid, const char *pod)
{
	return (struct td_request_input){
		.uid = uid, .name = uid, .pod = pod, .pod_exists = true, .drained_capture = "", .drained_address = ""};
}

#endif
