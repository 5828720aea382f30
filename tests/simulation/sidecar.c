/* The sidecar as a process: starts, stops, clocks, watching, and the agent. See sidecar.h. */
#include "sidecar.h"

#include <stdio.h>
#include <stdlib.h>

int64_t sidecar_clock(const struct world *w, const struct sidecar *s)
{
	if (s->clock_stands && s->stopped_until_ms > w->now_ms)
		return s->stopped_since_ms + s->clock_offset_ms;
	return w->now_ms + s->clock_offset_ms;
}

int64_t sidecar_to_wall(const struct world *w, const struct sidecar *s, int64_t local_ms)
{
	return w->now_ms + s->wall_skew_ms + (local_ms - sidecar_clock(w, s));
}

int64_t sidecar_to_local(const struct world *w, const struct sidecar *s, int64_t wall_ms)
{
	return sidecar_clock(w, s) + (wall_ms - w->now_ms - s->wall_skew_ms);
}

bool sidecar_defer(struct world *w, const struct sidecar *s, const struct event *event)
{
	if (s->stopped_until_ms <= w->now_ms)
		return false;
	world_at(w, s->stopped_until_ms, event->handler, event->subject, event->number);
	return true;
}

static void not_healthy_until(struct sidecar *s, int64_t at_ms)
{
	if (s->healthy_since_ms < at_ms)
		s->healthy_since_ms = at_ms;
}

/* ---- watching ---- */

static bool is_connected(const struct world *w, const struct sidecar *s)
{
	return s->running && s->partitioned_until_ms <= w->now_ms;
}

static void acknowledge(struct world *w, const struct event *event)
{
	int index = (int)(event->number % REQUESTS_MAX);
	struct sidecar *s = event->subject;
	int capture = model_of_pod(&w->model, s->pod);

	if (event->number / REQUESTS_MAX != s->life || sidecar_defer(w, s, event))
		return;
	if (!is_connected(w, s) || s->pod_terminating || capture == NOWHERE || !s->known[index].acknowledged) {
		s->known[index].acknowledged = 0; /* again when something changes */
		return;
	}
	world_trace(w, "cdc-%d: acknowledges u%d under epoch %llu", s->index, index,
		    (unsigned long long)s->known[index].acknowledged);
	kube_acknowledge(w, index, capture, s->known[index].acknowledged);
}

/* The agent: it has seen that a drain is on, and looks now and then whether its capture is still the same. */
void sidecar_look_for_drains(struct world *w, struct sidecar *s)
{
	int capture = model_of_pod(&w->model, s->pod);

	if (!is_connected(w, s) || s->pod_terminating || capture == NOWHERE)
		return;
	for (int i = 0; i < w->request_count; i++) {
		struct known_object *known = &s->known[i];
		const struct drain_status *status = kube_version(&w->kube, i, known->number);

		if (!known->listed || !status->epoch ||
		    (known->acknowledged == status->epoch && known->acknowledged_for == capture) ||
		    (status->phase != TD_PHASE_DRAINING && status->phase != TD_PHASE_VERIFYING))
			continue;
		known->acknowledged = status->epoch;
		known->acknowledged_for = capture;
		world_at(w, w->now_ms + rng_range(&w->rng, 5, 300), acknowledge, s, s->life * REQUESTS_MAX + (uint64_t)i);
	}
}

static void take_object(struct world *w, struct sidecar *s, int index, bool stale)
{
	const struct kube_object *object = &w->kube.objects[index];
	uint64_t number = object->newest;

	if (stale && number > object->first)
		number -= (uint64_t)rng_range(&w->rng, 0, (int64_t)(number - object->first));
	s->known[index].listed = object->exists && number > 0;
	s->known[index].number = number;
	if (s->core)
		shell_object_changed(w, s, index);
}

/* One after the other, as an informer goes about a list: the core hears of an object when the shell does. */
static void take_objects(struct world *w, struct sidecar *s, bool stale)
{
	uint64_t life = s->life;

	s->pods_seen = w->kube.pods_version;
	for (int i = 0; i < w->request_count && s->running && s->life == life; i++)
		take_object(w, s, i, stale);
	if (s->running && s->life == life)
		sidecar_look_for_drains(w, s);
}

static void on_watch(struct world *w, const struct event *event)
{
	struct sidecar *s = event->subject;

	if (event->number != s->life || sidecar_defer(w, s, event))
		return;
	s->watch_pending = false;
	if (is_connected(w, s))
		take_objects(w, s, false);
}

void sidecar_notify(struct world *w, struct sidecar *s)
{
	if (!is_connected(w, s) || s->watch_pending)
		return;
	s->watch_pending = true;
	world_at(w, w->now_ms + rng_range(&w->rng, 1, rng_chance(&w->rng, 50) ? 1000 : 60), on_watch, s, s->life);
}

/* A list after a start or a partition; an older snapshot, sometimes, and what has happened since comes a while later. */
static void reconnect(struct world *w, const struct event *event)
{
	struct sidecar *s = event->subject;
	bool stale;

	if (event->number != s->life || !is_connected(w, s) || sidecar_defer(w, s, event))
		return;
	stale = world_chance(w, FAULT_STALE_SNAPSHOT);
	not_healthy_until(s, w->now_ms + (stale ? 3000 : 0));
	take_objects(w, s, stale);
	if (stale) {
		s->watch_pending = true;
		world_at(w, w->now_ms + rng_range(&w->rng, 300, 3000), on_watch, s, s->life);
	}
}

/* ---- life ---- */

void sidecar_start(struct world *w, struct sidecar *s)
{
	s->running = true;
	s->life++;
	s->dying = s->watch_pending = false;
	s->stopped_until_ms = s->partitioned_until_ms = 0;
	s->clock_stands = false;
	s->healthy_since_ms = w->now_ms;
	for (int i = 0; i < w->request_count; i++)
		s->known[i] = (struct known_object){0};
	reconnect(w, &(struct event){.subject = s, .number = s->life});
	elector_start(w, s);
}

static void restart(struct world *w, const struct event *event)
{
	struct sidecar *s = event->subject;

	if (!s->running && event->number == s->life)
		sidecar_start(w, s);
}

void sidecar_stop(struct world *w, struct sidecar *s, bool graceful, int64_t restart_after_ms)
{
	if (!s->running)
		return;
	world_trace(w, "! the sidecar of %s %s", s->pod, graceful ? "shuts down" : "dies");
	shell_depose(w, s);
	if (graceful && is_connected(w, s))
		elector_release(w, s);
	s->running = false;
	world_at(w, w->now_ms + restart_after_ms, restart, s, s->life);
}

static void wake_up(struct world *w, const struct event *event)
{
	struct sidecar *s = event->subject;

	if (s->stopped_until_ms > w->now_ms || event->number != s->life)
		return;
	if (s->clock_stands)
		s->clock_offset_ms -= w->now_ms - s->stopped_since_ms;
	s->clock_stands = false;
	shell_wake_again(w, s);
}

void sidecar_stop_for(struct world *w, struct sidecar *s, int64_t for_ms, bool clock_stands)
{
	if (s->stopped_until_ms > w->now_ms || !s->running)
		return;
	world_trace(w, "! the sidecar of %s stands still for %lld ms%s", s->pod, (long long)for_ms,
		    clock_stands ? ", with its clock" : "");
	s->stopped_since_ms = w->now_ms;
	s->stopped_until_ms = w->now_ms + for_ms;
	s->clock_stands = clock_stands;
	not_healthy_until(s, s->stopped_until_ms);
	world_at(w, s->stopped_until_ms, wake_up, s, s->life);
}

static void cut_off(struct world *w, struct sidecar *s, int64_t for_ms)
{
	world_trace(w, "! %s cannot reach the API server for %lld ms", s->pod, (long long)for_ms);
	s->partitioned_until_ms = w->now_ms + for_ms;
	not_healthy_until(s, s->partitioned_until_ms);
	world_at(w, s->partitioned_until_ms, reconnect, s, s->life);
}

static void jump(struct world *w, struct sidecar *s)
{
	int64_t by_ms = rng_range(&w->rng, 1000, 60000);

	world_trace(w, "! the clock of %s jumps %lld ms", s->pod, (long long)by_ms);
	s->clock_offset_ms += by_ms;
	shell_wake_again(w, s);
}

/* A fault among sidecars hits a leader half of the time: that is where it hurts. */
static struct sidecar *draw_sidecar(struct world *w)
{
	struct sidecar *s = &w->sidecars[rng_range(&w->rng, 0, w->sidecar_count - 1)];

	if (rng_chance(&w->rng, 500))
		for (int i = 0; i < w->sidecar_count; i++)
			if (w->sidecars[i].core)
				return &w->sidecars[i];
	return s;
}

static void steal_lease(struct world *w, int holder)
{
	world_trace(w, "! the Lease is stolen by %d", holder);
	w->kube.lease = (struct lease){.holder = holder, .version = ++w->kube.version};
}

void sidecar_rare_events(struct world *w)
{
	struct sidecar *s = draw_sidecar(w);

	for (int i = 0; i < w->sidecar_count; i++)
		for (int j = 0; j < w->request_count; j++)
			w->sidecars[i].known[j].publishes = 0;
	if (!s->running)
		return;
	if (world_chance(w, FAULT_SIDECAR_DIES)) {
		sidecar_stop(w, s, rng_chance(&w->rng, 300), rng_range(&w->rng, 200, 15000));
		return;
	}
	if (s->partitioned_until_ms <= w->now_ms && world_chance(w, FAULT_PARTITION))
		cut_off(w, s, rng_range(&w->rng, 500, 30000));
	if (world_chance(w, FAULT_SIDECAR_STOPPED))
		sidecar_stop_for(w, s, rng_range(&w->rng, 500, 30000), false);
	if (world_chance(w, FAULT_SIDECAR_SUSPENDED))
		sidecar_stop_for(w, s, rng_range(&w->rng, 500, 30000), true);
	if (s->stopped_until_ms <= w->now_ms && world_chance(w, FAULT_CLOCK_JUMP))
		jump(w, s);
	if (world_chance(w, FAULT_LEASE_LOST))
		steal_lease(w, STRANGER);
	if (world_chance(w, FAULT_LEASE_STOLEN))
		steal_lease(w, (int)rng_range(&w->rng, 0, w->sidecar_count - 1));
}

void sidecars_init(struct world *w)
{
	w->sidecar_count = w->scenario.captures;
	w->sidecars = world_checked(calloc((size_t)w->sidecar_count, sizeof(*w->sidecars)));
	for (int i = 0; i < w->sidecar_count; i++) {
		struct sidecar *s = &w->sidecars[i];

		s->index = i;
		s->pod_uid = 1;
		(void)snprintf(s->pod, sizeof(s->pod), "cdc-%d", i);
		s->clock_offset_ms = w->rng.fixed ? 0 : rng_range(&w->rng, 0, 100000000);
		if (world_chance(w, FAULT_WALL_SKEW))
			s->wall_skew_ms = rng_range(&w->rng, -3000, 3000);
		sidecar_start(w, s);
	}
}

void sidecars_done(struct world *w)
{
	for (int i = 0; i < w->sidecar_count; i++)
		shell_depose(w, &w->sidecars[i]);
	free(w->sidecars);
}
