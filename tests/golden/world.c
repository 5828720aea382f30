/* What scripts do to the world: make it, ask for drains, break things. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *id, *address, *pod;
} names[] = {{"a", "a:1", "pod-a"}, {"b", "b:1", "pod-b"}, {"c", "c:1", "pod-c"}, {"d", "d:1", "pod-d"}};

void world_add_node(struct world *w, const char *id, const char *address, const char *pod)
{
	if (w->node_count == NODES_MAX)
		abort();
	w->nodes[w->node_count++] =
		(struct world_node){.id = id, .address = address, .pod = pod, .running = true, .registered = true};
}

static void new_core(struct world *w)
{
	w->core = td_core_new(&td_core_defaults);
	if (!w->core)
		abort();
}

void world_init(struct world *w, enum td_family family, size_t nodes)
{
	*w = (struct world){.now_ms = 1000000, .begin_ms = 1000000, .family = family};
	w->coordinator = (int)nodes - 1;
	w->elected = w->drained = NOWHERE;
	for (size_t i = 0; i < nodes; i++)
		world_add_node(w, names[i].id, names[i].address, names[i].pod);
	new_core(w);
}

void world_done(struct world *w)
{
	trace_end(w);
	w->core = td_core_free(w->core);
}

void world_changefeed(struct world *w, const char *name, const char *homes)
{
	struct world_changefeed *changefeed = &w->changefeeds[w->changefeed_count++];

	if (w->changefeed_count == CHANGEFEEDS_MAX || strlen(homes) > SPANS_MAX)
		abort();
	*changefeed = (struct world_changefeed){.name = name, .span_count = strlen(homes) - 1};
	changefeed->maintainer = homes[0] == '-' ? NOWHERE : homes[0] - 'a';
	for (size_t i = 0; i < changefeed->span_count; i++)
		changefeed->spans[i] = homes[i + 1] == '-' ? NOWHERE : homes[i + 1] - 'a';
	for (size_t i = 0; i < w->node_count; i++)
		w->nodes[i].brokers = world_counts(w, (int)i).dispatchers;
}

static struct world_object *find(struct world *w, const char *uid)
{
	for (size_t i = 0; i < w->object_count; i++)
		if (strcmp(w->objects[i].input.uid, uid) == 0)
			return &w->objects[i];
	abort();
}

struct td_request_input *world_request(struct world *w, const char *uid, const char *pod)
{
	struct world_object *object = &w->objects[w->object_count++];

	if (w->object_count == OBJECTS_MAX)
		abort();
	*object = (struct world_object){.phase = TD_PHASE_COUNT, .written_phase = TD_PHASE_COUNT};
	object->input = (struct td_request_input){.uid = uid,
						  .name = uid,
						  .pod = pod,
						  .pod_exists = true,
						  .drained_capture = "",
						  .drained_address = "",
						  .created_ms = w->now_ms + (int64_t)w->object_count};
	return &object->input;
}

void world_give(struct world *w, const char *uid)
{
	const struct world_object *object = find(w, uid);
	const struct td_request_input *input = &object->input;
	char extra[96] = "";

	if (input->deadline_ms)
		(void)snprintf(extra, sizeof(extra), ", %sdeadline in %lld s", input->pod_terminating ? "terminating, " : "",
			       (long long)(input->deadline_ms - w->now_ms) / 1000);
	trace_line(w, '>', "request %s: drain %s%s%s", uid, input->pod, input->dry_run ? ", dry run" : "", extra);
	world_step(w, &(struct td_input){.kind = TD_INPUT_REQUEST, .request = input});
}

void world_cancel(struct world *w, const char *uid)
{
	struct world_object *object = find(w, uid);

	trace_line(w, '>', "request %s is deleted", uid);
	*object = w->objects[--w->object_count];
	world_step(w, &(struct td_input){.kind = TD_INPUT_REQUEST_GONE, .uid = uid});
}

void world_acknowledge(struct world *w, const char *uid)
{
	find(w, uid)->acknowledge_ms = w->now_ms;
}

void world_balance(struct world *w)
{
	trace_line(w, '>', "somebody asks for even load");
	world_step(w, &(struct td_input){.kind = TD_INPUT_BALANCE});
}

/* Nothing survives but the objects and what TiCDC is doing. */
void world_new_leader(struct world *w)
{
	td_core_free(w->core);
	new_core(w);
	w->answer_count = 0;
	for (size_t i = 0; i < w->object_count; i++) {
		struct world_object *object = &w->objects[i];

		object->phase = TD_PHASE_COUNT;
		trace_line(w, '>', "request %s: as found, %s, epoch %llu", object->input.uid,
			   td_phase_name(object->input.phase), (unsigned long long)object->input.epoch);
		world_step(w, &(struct td_input){.kind = TD_INPUT_REQUEST, .request = &object->input});
	}
}

void world_fault(struct world *w, enum td_effect_kind kind, struct world_fault fault)
{
	w->faults[kind] = fault;
}
