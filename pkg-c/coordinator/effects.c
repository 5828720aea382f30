/* Effects: what the core wants done, and the table of those whose answer is still due.
 *
 * An effect is queued, taken by the shell, and answered once. Until then it is a flight: that is how the core knows what not to ask
 * for twice, and which request an answer belongs to. An answer without a flight is dropped. */
#include "coordinator/core_internal.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	bool changes_ticdc;
} effect_kinds[] = {
	[TD_EFFECT_PUBLISH] = {"Publish", false},
	[TD_EFFECT_OBSERVE_NODES] = {"ObserveNodes", false},
	[TD_EFFECT_OBSERVE_WORKLOAD] = {"ObserveWorkload", false},
	[TD_EFFECT_OBSERVE_CHANGEFEED] = {"ObserveChangefeed", false},
	[TD_EFFECT_OBSERVE_PROCESS] = {"ObserveProcess", false},
	[TD_EFFECT_DETECT_FAMILY] = {"DetectFamily", true}, /* its probe of N0 is a PUT that raises a counter */
	[TD_EFFECT_RESIGN] = {"Resign", true},
	[TD_EFFECT_NATIVE_DRAIN] = {"NativeDrain", true},
	[TD_EFFECT_MOVE_MAINTAINER] = {"MoveMaintainer", true},
	[TD_EFFECT_MOVE_DISPATCHER] = {"MoveDispatcher", true},
	[TD_EFFECT_PLACE_MAINTAINER] = {"PlaceMaintainer", true},
};
static_assert(sizeof(effect_kinds) / sizeof(effect_kinds[0]) == TD_EFFECT_KIND_COUNT, "an entry for every kind");

const char *td_effect_name(enum td_effect_kind kind)
{
	return (unsigned)kind < TD_EFFECT_KIND_COUNT ? effect_kinds[kind].name : "?";
}

bool td_effect_changes_ticdc(enum td_effect_kind kind)
{
	return effect_kinds[kind].changes_ticdc;
}

bool td_core_in_flight(const struct td_core *core, enum td_effect_kind kind, const char *changefeed)
{
	for (size_t i = 0; i < core->flight_count; i++)
		if (core->flights[i].kind == kind &&
		    (!changefeed || (core->flights[i].changefeed && strcmp(core->flights[i].changefeed, changefeed) == 0)))
			return true;
	return false;
}

/* Doubles an array of items when it is full. */
static bool reserve_one(void **items, size_t count, size_t *capacity, size_t item_size)
{
	size_t wanted = *capacity ? *capacity * 2 : 32;
	void *grown;

	if (count < *capacity)
		return true;
	grown = realloc(*items, wanted * item_size);
	if (!grown)
		return false;
	*items = grown;
	*capacity = wanted;
	return true;
}

struct td_effect *td_core_emit(struct td_core *core, enum td_effect_kind kind, const char *uid, const char *changefeed)
{
	char *name = changefeed ? strdup(changefeed) : NULL;
	struct td_flight *flight;
	struct td_effect *effect;

	if ((changefeed && !name) ||
	    !reserve_one((void **)&core->flights, core->flight_count, &core->flight_capacity, sizeof(*core->flights)) ||
	    !reserve_one((void **)&core->queue, core->queue_count, &core->queue_capacity, sizeof(*core->queue))) {
		free(name);
		core->out_of_memory = true;
		return NULL;
	}
	flight = &core->flights[core->flight_count++];
	*flight = (struct td_flight){.id = core->next_id++, .asked_ms = core->now_ms, .kind = kind, .changefeed = name};
	(void)td_text_copy(flight->uid, sizeof(flight->uid), uid);
	effect = &core->queue[core->queue_count++];
	*effect = (struct td_effect){.id = flight->id, .kind = kind, .changefeed = name, .family = core->family};
	(void)td_text_copy(effect->uid, sizeof(effect->uid), uid);
	core->started_ms[kind] = core->now_ms;
	return effect;
}

struct td_effect *td_core_emit_paced(struct td_core *core, enum td_effect_kind kind, const char *uid, int64_t interval_ms)
{
	if (td_core_in_flight(core, kind, NULL))
		return NULL; /* its answer will step us */
	if (core->started_ms[kind] != INT64_MIN && core->now_ms - core->started_ms[kind] < interval_ms) {
		td_core_want(core, core->started_ms[kind] + interval_ms);
		return NULL;
	}
	return td_core_emit(core, kind, uid, NULL);
}

const char *td_core_contact(const struct td_core *core)
{
	const struct td_nodes *nodes = &core->nodes;
	const struct td_node *coordinator = td_nodes_find(nodes, nodes->coordinator);
	size_t turn = (size_t)core->nodes_failures % (nodes->count + 1);

	if (core->nodes_failures == 0)
		return coordinator && coordinator->answers ? coordinator->address : "";
	return turn < nodes->count ? nodes->items[turn].address : "";
}

/* Takes the flight of an answer out of the table. False: we wait for no such answer (a second one, or one for a former life). */
bool td_core_take_flight(struct td_core *core, uint64_t id, struct td_flight *ret)
{
	for (size_t i = 0; i < core->flight_count; i++) {
		if (core->flights[i].id != id)
			continue;
		*ret = core->flights[i];
		core->flights[i] = core->flights[--core->flight_count];
		return true;
	}
	return false;
}

bool td_core_next_effect(struct td_core *core, struct td_effect *ret)
{
	if (core->queue_head == core->queue_count)
		return false;
	*ret = core->queue[core->queue_head++];
	return true;
}
