/* Who leads, by client-go's rules: a Lease is judged by the local time since it was last seen to change; every write carries
 * the version that was seen. And the fence: a Lease is valid from when its last good write was begun, for the renew deadline. */
#include "sidecar.h"

#define DURATION_MS 15000
#define RENEW_MS 10000
#define RETRY_MS 2000

static void ask(struct world *world, const struct event *event);

bool elector_is_valid(const struct world *w, const struct sidecar *s)
{
	return s->core && sidecar_clock(w, s) < s->valid_until_ms;
}

static void on_expired(struct world *w, const struct event *event)
{
	struct sidecar *s = event->subject;

	if (s->core && event->number == s->term && !sidecar_defer(w, s, event) && !elector_is_valid(w, s))
		shell_depose(w, s);
}

static void won(struct world *w, struct sidecar *s)
{
	int64_t left_ms;

	s->valid_until_ms = s->asked_local_ms + RENEW_MS;
	left_ms = s->valid_until_ms - sidecar_clock(w, s);
	if (left_ms <= 0) {
		shell_depose(w, s);
		return;
	}
	if (!s->core)
		shell_lead(w, s);
	world_at(w, w->now_ms + left_ms, on_expired, s, s->term);
}

static void on_answer(struct world *w, const struct event *event)
{
	struct sidecar *s = event->subject;

	if (event->number != s->life || !s->running || sidecar_defer(w, s, event))
		return;
	s->asking = false;
	if (s->observed_version != s->answered_version)
		s->observed_local_ms = sidecar_clock(w, s);
	s->observed_version = s->answered_version;
	if (s->answered_won)
		won(w, s);
	else
		shell_depose(w, s);
}

/* At the API server: a read, and a write when the rules allow one. */
static void on_request(struct world *w, const struct event *event)
{
	struct sidecar *s = event->subject;
	struct lease *lease = &w->kube.lease;
	bool free;

	if (event->number != s->life || !s->running)
		return;
	free = lease->holder == NOBODY ||
	       (lease->version == s->observed_version && s->asked_local_ms >= s->observed_local_ms + DURATION_MS);
	s->answered_won = lease->holder == s->index || (free && !s->core);
	if (s->answered_won)
		*lease = (struct lease){.holder = s->index, .version = ++w->kube.version};
	s->answered_version = lease->version;
	world_at(w, w->now_ms + rng_range(&w->rng, 1, 10), on_answer, s, s->life);
}

static void ask(struct world *w, const struct event *event)
{
	struct sidecar *s = event->subject;
	int64_t latency_ms;

	if (event->number != s->life || !s->running || sidecar_defer(w, s, event))
		return;
	world_at(w, w->now_ms + RETRY_MS + rng_range(&w->rng, 0, 200), ask, s, s->life);
	if (s->partitioned_until_ms > w->now_ms || (s->asking && sidecar_clock(w, s) < s->asked_local_ms + RENEW_MS))
		return;
	latency_ms = world_chance(w, FAULT_WRITE_SLOW) ? rng_range(&w->rng, 500, 4000) : rng_range(&w->rng, 1, 20);
	s->asking = true;
	s->asked_local_ms = sidecar_clock(w, s);
	world_at(w, w->now_ms + latency_ms, on_request, s, s->life);
}

void elector_start(struct world *w, struct sidecar *s)
{
	s->asking = false;
	s->observed_version = 0;
	s->observed_local_ms = sidecar_clock(w, s);
	world_at(w, w->now_ms + rng_range(&w->rng, s->index, 500 + s->index), ask, s, s->life);
}

void elector_release(struct world *w, struct sidecar *s)
{
	if (w->kube.lease.holder == s->index)
		w->kube.lease = (struct lease){.holder = NOBODY, .version = ++w->kube.version};
}
