/* People and kubelets: requests come and are withdrawn, pods terminate and are replaced, processes are restarted by hand. */
#include "world.h"

#include "check.h"
#include "sidecar.h"

#include <stdlib.h>
#include <string.h>

#define GRACE_MS 30000 /* a kubelet waits this long after the deadline of the drain */

bool people_all_ended(const struct world *w)
{
	for (int i = 0; i < w->request_count; i++)
		if (!w->requests[i].gone && !w->requests[i].ended_ms)
			return false;
	return true;
}

static struct sidecar *sidecar_of(struct world *w, const struct sim_request *r)
{
	return r->pod[0] && strcmp(r->pod, "nobody") != 0 ? &w->sidecars[strtol(r->pod + 4, NULL, 10)] : NULL;
}

/* A drained pod's process stops and another comes; one that failed half way is restarted by hand, or it blocks the others. */
static void reap(struct world *w, const struct event *event)
{
	struct sim_request *r = event->subject;
	struct sidecar *s = sidecar_of(w, r);
	int request = (int)(r - w->requests);
	int node = model_find(&w->model, kube_newest(&w->kube, request)->capture);

	if (r->reaped_ms == -1)
		return;
	if (node == NOWHERE && r->pod[0])
		node = model_of_pod(&w->model, r->pod);
	r->reaped_ms = -1;
	if (node != NOWHERE && w->model.nodes[node].up)
		model_kill(w, node, rng_range(&w->rng, 500, 8000));
	if (s && r->terminating) {
		s->pod_uid++;
		s->pod_terminating = false;
		sidecar_stop(w, s, rng_chance(&w->rng, 800), rng_range(&w->rng, 500, 8000));
	}
	kube_pods_changed(w);
}

static void arrange_reaper(struct world *w, struct sim_request *r)
{
	uint64_t epoch = kube_newest(&w->kube, (int)(r - w->requests))->epoch;

	if (r->reaped_ms || r->dry_run || (!epoch && !r->terminating))
		return;
	r->reaped_ms = w->now_ms + rng_range(&w->rng, 500, r->terminating ? 3000 : 20000);
	world_at(w, r->reaped_ms, reap, r, 0);
}

void people_ended(struct world *w, int request)
{
	struct sim_request *r = &w->requests[request];

	if (!r->ended_ms) {
		r->ended_ms = w->now_ms;
		world_trace(w, "! %s has ended: %s %s", r->uid, td_phase_name(kube_newest(&w->kube, request)->phase),
			    td_reason_name(kube_newest(&w->kube, request)->reason));
	}
	arrange_reaper(w, r);
}

static void withdraw(struct world *w, const struct event *event)
{
	struct sim_request *r = event->subject;

	if (r->gone)
		return;
	world_count(w, FAULT_CANCELLED);
	world_trace(w, "! %s is deleted", r->uid);
	r->gone = true;
	kube_delete(w, (int)(r - w->requests));
	arrange_reaper(w, r);
}

static void arrive(struct world *w, const struct event *event)
{
	struct sim_request *r = event->subject;
	struct sidecar *s = sidecar_of(w, r);

	world_trace(w, "! %s arrives: pod=%s capture=%s%s%s batch=%d", r->uid, r->pod, r->capture,
		    r->terminating ? ", terminating" : "", r->dry_run ? ", dry run" : "", r->batch);
	r->created = true;
	if (s && r->terminating) {
		s->pod_terminating = true;
		kube_pods_changed(w);
		world_at(w, r->deadline_ms + GRACE_MS, reap, r, 0);
	}
	kube_create(w, (int)(r - w->requests));
	if (r->delete_ms)
		world_at(w, r->delete_ms, withdraw, r, 0);
}

static void on_second(struct world *w, const struct event *event)
{
	world_at(w, w->now_ms + 1000, on_second, NULL, 0);
	(void)event;
	if (!w->healed && w->now_ms >= w->scenario.heal_ms) {
		w->healed = true;
		world_trace(w, "! all faults stop");
		memset(&w->scenario.chances, 0, sizeof(w->scenario.chances));
		model_heal(w);
	}
	model_rare_events(w);
	sidecar_rare_events(w);
	for (int i = 0; i < w->sidecar_count; i++)
		sidecar_look_for_drains(w, &w->sidecars[i]);
	for (int i = 0; i < w->sidecar_count; i++)
		if (w->scenario.balance_permille && rng_chance(&w->rng, w->scenario.balance_permille))
			shell_balance(w, &w->sidecars[i]);
	check_second(w);
}

void people_begin(struct world *w)
{
	for (int i = 0; i < w->request_count; i++)
		world_at(w, w->requests[i].arrive_ms, arrive, &w->requests[i], 0);
	world_at(w, w->now_ms + 1000, on_second, NULL, 0);
}
