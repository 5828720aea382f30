/* What has to come true in the end: everything accepted ends, nothing is lost. See check.h. */
#include "check.h"

#include <string.h>

#define ABSENT_MAX_MS 60000 /* a maintainer that nobody runs, while the core looks after such */
#define ABSENT_EACH_MS 2000 /* one at a time, at a batch of one: all of them may be absent at once */
#define QUIET_MS 20000	    /* a run goes on for this long after everything has ended */

static struct sidecar *leader(struct world *w)
{
	for (int i = 0; i < w->sidecar_count; i++)
		if (w->sidecars[i].core)
			return &w->sidecars[i];
	return NULL;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Property 10, the second half: with no fault any more, and a leader that drains, settles or balances, it is not TiCDC that has
 * to place what is absent. */
static void check_placed_again(struct world *w)
{
	struct sidecar *s = leader(w);
	bool idle = !s || td_core_summary(s->core).activity == TD_ACTIVITY_IDLE;
	int64_t since;

	if (s && (idle || !s->busy_since_ms))
		s->busy_since_ms = idle ? 0 : w->now_ms;
	if (!WITH_NEW_CORE || idle || w->model.family != TD_FAMILY_MANAGED || !w->healed)
		return;
	since = later(w->scenario.heal_ms + 15000, later(s->led_since_ms, s->busy_since_ms));
	for (const struct work *work = w->model.absent; work; work = work->next)
		if (work->table_id == 0 && w->model.changefeeds[work->changefeed].running &&
		    w->now_ms - later(since, work->absent_since_ms) >
			    ABSENT_MAX_MS + (int64_t)w->model.changefeed_count * ABSENT_EACH_MS)
			world_fail(w, "property 10: %s has been without maintainer since %lld",
				   w->model.changefeeds[work->changefeed].name, (long long)work->absent_since_ms);
}

static bool something_is_lost(const struct world *w)
{
	return w->model.absent != NULL || w->model.moving != NULL;
}

void check_second(struct world *w)
{
	bool all = w->healed && people_all_ended(w) && leader(w) && !something_is_lost(w);

	check_placed_again(w);
	for (int i = 0; i < w->request_count; i++)
		all = all && w->requests[i].created;
	if (!all)
		w->quiet_since_ms = 0;
	else if (!w->quiet_since_ms)
		w->quiet_since_ms = w->now_ms;
	w->finished = w->quiet_since_ms && w->now_ms - w->quiet_since_ms >= QUIET_MS;
}

static void check_work(struct world *w, const struct model_changefeed *cf)
{
	if (!cf->running)
		return;
	if (cf->maintainer.node == NOWHERE || !w->model.nodes[cf->maintainer.node].registered)
		world_fail(w, "%s is lost: no maintainer on a live node", cf->name);
	if (cf->trigger != cf->maintainer.node)
		world_fail(w, "property 3: the table trigger of %s is not with its maintainer", cf->name);
	for (size_t i = 0; i < cf->span_count; i++)
		if (cf->spans[i].node == NOWHERE)
			world_fail(w, "table %lld of %s is lost", (long long)cf->spans[i].table_id, cf->name);
}

void check_end(struct world *w)
{
	const struct sidecar *s = leader(w);
	const struct scenario *scenario = &w->scenario;

	if (!w->finished && !s)
		world_fail(w, "there is no leader long after all faults have stopped");
	for (int i = 0; i < w->request_count; i++) {
		const struct sim_request *r = &w->requests[i];
		const struct drain_status *d = kube_newest(&w->kube, i);

		if (!r->gone && !td_phase_is_final(d->phase))
			world_fail(w, "%s never ended: %s, %s", r->uid, td_phase_name(d->phase), td_reason_name(d->reason));
		if (scenario->calm && w->request_count == 1 && !r->gone && !r->dry_run && r->pod[0] &&
		    scenario->family != TD_FAMILY_FAKE_DRAIN && scenario->captures > 1 && !r->deadline_ms &&
		    d->reason != TD_REASON_POD_NOT_FOUND && d->phase != TD_PHASE_DRAINED && d->phase != TD_PHASE_RELEASED)
			world_fail(w, "%s of a calm cluster ended as %s: %s", r->uid, td_phase_name(d->phase),
				   td_reason_name(d->reason));
	}
	for (size_t i = 0; i < w->model.changefeed_count; i++)
		check_work(w, &w->model.changefeeds[i]);
}
