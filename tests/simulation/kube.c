/* See kube.h. */
#include "world.h"

#include "check.h"
#include "exhaustive.h"
#include "sidecar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 10000

/* A status write under way. */
struct write {
	struct write *next, **link;
	struct sidecar *sidecar;
	uint64_t term, effect_id, base;
	int request;
	struct drain_status status;
	bool executes, lost, twice;
	enum td_outcome outcome;
	const char *why;
};

void kube_init(struct world *w)
{
	struct kube *kube = &w->kube;

	kube->lease.holder = NOBODY;
	kube->acknowledged_max = w->model.node_capacity;
	for (int i = 0; i < w->request_count; i++)
		for (int j = 0; j < KUBE_VERSIONS; j++)
			kube->objects[i].versions[j].acknowledged =
				world_checked(calloc((size_t)kube->acknowledged_max, sizeof(struct acknowledged)));
}

static void free_write(struct write *write)
{
	*write->link = write->next;
	if (write->next)
		write->next->link = write->link;
	free(write);
}

void kube_done(struct kube *kube)
{
	while (kube->first_write)
		free_write(kube->first_write);
	for (int i = 0; i < REQUESTS_MAX; i++)
		for (int j = 0; j < KUBE_VERSIONS; j++)
			free(kube->objects[i].versions[j].acknowledged);
}

const struct drain_status *kube_version(const struct kube *kube, int request, uint64_t number)
{
	const struct kube_object *object = &kube->objects[request];

	return &object->versions[(number < object->first ? object->first : number) % KUBE_VERSIONS];
}

const struct drain_status *kube_newest(const struct kube *kube, int request)
{
	return kube_version(kube, request, kube->objects[request].newest);
}

static void tell_everybody(struct world *w)
{
	for (int i = 0; i < w->sidecar_count; i++)
		sidecar_notify(w, &w->sidecars[i]);
}

struct drain_status *kube_write(struct world *w, int request)
{
	struct kube_object *object = &w->kube.objects[request];
	const struct drain_status *old = kube_newest(&w->kube, request);
	struct drain_status *new = &object->versions[++object->newest % KUBE_VERSIONS];
	struct acknowledged *acknowledged = new->acknowledged;

	if (object->newest - object->first >= KUBE_VERSIONS)
		object->first = object->newest - KUBE_VERSIONS + 1;
	*new = *old;
	new->acknowledged = acknowledged;
	memcpy(acknowledged, old->acknowledged, (size_t)old->acknowledged_count * sizeof(*acknowledged));
	new->version = ++w->kube.version;
	tell_everybody(w);
	return new;
}

void kube_create(struct world *w, int request)
{
	w->kube.objects[request].exists = true;
	w->kube.objects[request].versions[0].publisher = NOBODY;
	(void)kube_write(w, request);
}

void kube_delete(struct world *w, int request)
{
	w->kube.objects[request].exists = false;
	w->kube.version++;
	tell_everybody(w);
}

void kube_pods_changed(struct world *w)
{
	w->kube.pods_version++;
	tell_everybody(w);
}

void kube_acknowledge(struct world *w, int request, int capture, uint64_t epoch)
{
	struct drain_status *status;
	int i = 0;

	if (!w->kube.objects[request].exists)
		return;
	status = kube_write(w, request);
	while (i < status->acknowledged_count && status->acknowledged[i].capture != capture)
		i++;
	if (i == status->acknowledged_count)
		status->acknowledged_count++;
	status->acknowledged[i] = (struct acknowledged){capture, epoch};
}

/* ---- status writes ---- */

static void execute(struct world *w, const struct event *event)
{
	struct write *write = event->subject;
	struct kube_object *object = &w->kube.objects[write->request];
	struct drain_status *status;

	if (!object->exists || kube_newest(&w->kube, write->request)->version != write->base) {
		write->outcome = TD_OUTCOME_FAILED;
		write->why = object->exists ? "409 Conflict" : "404 Not Found";
		if (object->exists)
			world_count(w, FAULT_CONFLICT);
		return;
	}
	status = kube_write(w, write->request);
	write->status.version = status->version;
	write->status.acknowledged = status->acknowledged;
	write->status.acknowledged_count = status->acknowledged_count;
	*status = write->status;
	check_durable(w, write->request, status);
	if (td_phase_is_final(status->phase))
		people_ended(w, write->request);
}

static void answer(struct world *w, const struct event *event)
{
	struct write *write = event->subject;
	struct td_result result = {.effect_id = write->effect_id, .outcome = write->outcome, .why = write->why};

	if (sidecar_defer(w, write->sidecar, event))
		return;
	if (write->lost) {
		result.outcome = TD_OUTCOME_UNKNOWN;
		result.why = "no answer within 10 s";
	}
	sidecar_written(w, write->sidecar, write->term, write->request, &write->status, &result);
	if (write->twice) {
		write->twice = false;
		world_at(w, w->now_ms + 3, answer, write, 0);
		return;
	}
	free_write(write);
}

static struct drain_status status_of(const struct world *w, const struct sidecar *s, const struct td_request_view *view)
{
	struct drain_status status = {.phase = view->phase,
				      .reason = view->reason,
				      .epoch = view->epoch,
				      .initial = view->initial,
				      .publisher = s->index,
				      .publisher_term = s->term};

	status.started_wall_ms = view->started_ms ? sidecar_to_wall(w, s, view->started_ms) : 0;
	(void)snprintf(status.capture, sizeof(status.capture), "%s", view->capture);
	(void)snprintf(status.address, sizeof(status.address), "%s", view->address);
	return status;
}

static bool is_progress(const struct world *w, int request, const struct td_request_view *view)
{
	const struct drain_status *newest = kube_newest(&w->kube, request);

	return newest->phase == view->phase && newest->epoch == view->epoch;
}

void kube_publish(struct world *w, struct sidecar *s, int request, const struct td_effect *effect,
		  const struct td_request_view *view)
{
	struct write *write = world_checked(calloc(1, sizeof(*write)));
	int64_t delay = world_chance(w, FAULT_WRITE_SLOW) ? rng_range(&w->rng, 500, 4000) : rng_range(&w->rng, 2, 30);
	int64_t execute_ms = w->now_ms + rng_range(&w->rng, 1, delay);
	bool executed = world_chance(w, FAULT_WRITE_LOST_EXECUTED);

	*write = (struct write){.next = w->kube.first_write,
				.link = &w->kube.first_write,
				.sidecar = s,
				.term = s->term,
				.effect_id = effect->id,
				.base = sidecar_base_version(s, request),
				.request = request,
				.executes = true};
	if (write->next)
		write->next->link = &write->next;
	w->kube.first_write = write;
	write->status = status_of(w, s, view);
	if (s->partitioned_until_ms > w->now_ms || world_chance(w, FAULT_WRITE_REFUSED)) {
		write->executes = false;
		write->outcome = TD_OUTCOME_FAILED;
		write->why = s->partitioned_until_ms > w->now_ms ? "connect: no route to host" : "500 etcdserver: no leader";
	} else if (executed || world_chance(w, FAULT_WRITE_LOST_UNEXECUTED)) {
		write->executes = executed;
		write->lost = true;
		delay = TIMEOUT_MS;
	}
	points_write(w, is_progress(w, request, view), &write->executes, &write->lost, &write->twice, &write->outcome,
		     &write->why);
	if (write->lost)
		delay = TIMEOUT_MS;
	if (write->executes)
		world_at(w, execute_ms, execute, write, 0);
	world_at(w, w->now_ms + delay, answer, write, 0);
}
