/* What the core does for family M when no drain is on. It gives way to a request at once.
 *
 * Settling: a drain ended without a proof, so its capture may die with work on it. Until that capture is gone and nothing is absent
 * any more (settle_ms at the most), absent work is placed: property 10 of mission.md.
 *
 * Balancing: somebody asked, or a capture joined. The most loaded node is the source of the balance scheduler, then the next, until
 * no two nodes differ by too much. Not before a cooldown after the last drain: in a rolling upgrade the next one comes soon. */
#include "coordinator/core_internal.h"

#include "base/text.h"

#include <string.h>

#define IDLE_READS_MAX 3

static void observe_nodes(struct td_core *core)
{
	struct td_effect *effect = td_core_emit_paced(core, TD_EFFECT_OBSERVE_NODES, "", core->options.nodes_poll_ms);

	if (effect)
		(void)td_text_copy(effect->address, sizeof(effect->address), td_core_contact(core));
}

static void observe_workload(struct td_core *core)
{
	struct td_effect *effect = td_core_emit_paced(core, TD_EFFECT_OBSERVE_WORKLOAD, "", core->options.workload_poll_ms);

	if (effect)
		(void)td_text_copy(effect->address, sizeof(effect->address), td_core_contact(core));
}

static void stop(struct td_core *core)
{
	td_operators_clear(&core->operators);
	td_moves_count_coming(core);
	td_workload_set_target(&core->workload, "", "");
	core->family = TD_FAMILY_UNKNOWN;
	core->activity = TD_ACTIVITY_IDLE;
}

void td_settle_drain_ended(struct td_core *core, const struct td_request *request)
{
	if (!request->epoch || !request->started)
		return;
	core->balance_not_before_ms = core->now_ms + core->options.balance_cooldown_ms;
	if (core->family != TD_FAMILY_MANAGED || request->phase == TD_PHASE_DRAINED)
		return;
	core->settle_until_ms = core->now_ms + core->options.settle_ms;
	core->settle_gone_ms = 0;
	(void)td_text_copy(core->settle_capture, sizeof(core->settle_capture), request->capture);
}

/* ---- settling ---- */

/* The capture is gone, and a reading that was asked for after that found nothing absent. */
static bool is_settled(struct td_core *core)
{
	const struct td_workload *w = &core->workload;

	if (td_nodes_find(&core->nodes, core->settle_capture))
		core->settle_gone_ms = 0;
	else if (!core->settle_gone_ms)
		core->settle_gone_ms = core->now_ms;
	return core->settle_gone_ms && w->known && w->asked_ms > core->settle_gone_ms && w->unplaced_maintainers == 0 &&
	       core->operators.count == 0;
}

static void settle(struct td_core *core)
{
	if (core->now_ms >= core->settle_until_ms || is_settled(core)) {
		core->settle_until_ms = 0;
		stop(core);
		return;
	}
	core->activity = TD_ACTIVITY_SETTLING;
	td_core_want(core, core->settle_until_ms);
	observe_nodes(core);
	observe_workload(core);
	td_moves_follow_up(core, NULL);
	if (core->workload.known)
		td_schedule_basic(core, NULL);
}

/* ---- balancing ---- */

void td_settle_want_balance(struct td_core *core)
{
	core->balance_wanted = true;
}

/* The most loaded node that has too much of something, or NULL. */
static const struct td_node *find_source(const struct td_core *core)
{
	for (int kind = 0; kind < TD_LOAD_COUNT; kind++) {
		const struct td_node *least = td_destinations_least_loaded(&core->nodes, (enum td_load)kind), *most = NULL;

		for (size_t i = 0; least && i < core->nodes.count; i++) {
			const struct td_node *node = &core->nodes.items[i];

			if (td_node_is_schedulable(node) &&
			    (!most || td_node_load(node, (enum td_load)kind) > td_node_load(most, (enum td_load)kind)))
				most = node;
		}
		if (most && td_balance_is_uneven(most, least, (enum td_load)kind, 0))
			return most;
	}
	return NULL;
}

static void end_balance(struct td_core *core)
{
	core->balance_wanted = false;
	core->balance_until_ms = 0;
	core->balance_idle = 0;
	stop(core);
}

/* By the books there is something to do, but nothing that could be done: they are old, or it cannot be helped. */
static void read_once_more(struct td_core *core)
{
	core->workload.known = false;
	if (++core->balance_idle >= IDLE_READS_MAX)
		end_balance(core);
	else
		observe_workload(core);
}

/* True when the books are read and their target is a node that has too much. Ends the balance when there is none. */
static bool has_source(struct td_core *core)
{
	const struct td_node *source;

	if (!core->workload.known || td_moves_is_something_absent(core))
		observe_workload(core);
	if (!core->workload.known)
		return false;
	if (core->operators.count > 0)
		return true;
	source = find_source(core);
	if (!source && core->workload.unplaced_maintainers > 0)
		return false; /* first what runs nowhere */
	if (!source) {
		end_balance(core);
		return false;
	}
	if (strcmp(source->id, core->workload.target) == 0)
		return true;
	td_workload_set_target(&core->workload, source->id, source->address);
	core->started_ms[TD_EFFECT_OBSERVE_WORKLOAD] = INT64_MIN;
	observe_workload(core);
	return false;
}

static bool is_managed(struct td_core *core)
{
	struct td_effect *effect;

	if (core->family != TD_FAMILY_UNKNOWN)
		return core->family == TD_FAMILY_MANAGED;
	effect = td_core_emit_paced(core, TD_EFFECT_DETECT_FAMILY, "", core->options.workload_poll_ms);
	if (effect)
		(void)td_text_copy(effect->address, sizeof(effect->address), td_core_contact(core));
	return false;
}

static void balance(struct td_core *core)
{
	if (!core->balance_until_ms)
		core->balance_until_ms = core->now_ms + core->options.give_up_ms;
	core->activity = TD_ACTIVITY_BALANCING;
	td_core_want(core, core->balance_until_ms);
	observe_nodes(core);
	if (core->now_ms >= core->balance_until_ms || (core->family != TD_FAMILY_UNKNOWN && !is_managed(core))) {
		end_balance(core);
		return;
	}
	if (core->nodes.reads == 0 || !is_managed(core))
		return;
	td_moves_follow_up(core, NULL);
	if (core->workload.known)
		td_schedule_basic(core, NULL);
	if (has_source(core))
		td_schedule_balance(core, NULL);
	if (core->operators.count > 0)
		core->balance_idle = 0;
	else if (core->balance_wanted && core->workload.known)
		read_once_more(core);
}

void td_settle_advance(struct td_core *core)
{
	if (core->settle_until_ms)
		settle(core);
	if (core->settle_until_ms)
		return;
	if (core->balance_wanted && core->now_ms >= core->balance_not_before_ms) {
		balance(core);
		return;
	}
	if (core->balance_wanted)
		td_core_want(core, core->balance_not_before_ms);
	if (core->operators.count > 0)
		stop(core); /* what a native drain has left under way is TiCDC's again */
}
