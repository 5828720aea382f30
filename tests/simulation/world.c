/* The loop on virtual time. See world.h. */
#include "world.h"

#include "check.h"
#include "sidecar.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BEYOND_MS 900000 /* after the faults stop, everything has ended by then */

void world_fail(struct world *w, const char *format, ...)
{
	int used;
	va_list args;

	if (w->failure[0])
		return;
	used = snprintf(w->failure, sizeof(w->failure), "at %lld ms: ", (long long)w->now_ms);
	va_start(args, format);
	(void)vsnprintf(w->failure + used, sizeof(w->failure) - (size_t)used, format, args);
	va_end(args);
	world_trace(w, "FAILED %s", w->failure);
}

void world_trace(struct world *w, const char *format, ...)
{
	va_list args;

	if (!w->verbose)
		return;
	(void)printf("%9lld  ", (long long)w->now_ms);
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)putchar('\n');
}

void world_mix(struct world *w, uint64_t value)
{
	w->hash = (w->hash ^ value) * 1099511628211u;
	w->hash ^= w->hash >> 29;
}

void world_mix_text(struct world *w, const char *text)
{
	for (; *text; text++)
		w->hash = (w->hash ^ (unsigned char)*text) * 1099511628211u;
}

void world_at(struct world *w, int64_t at_ms, event_handler *handler, void *subject, uint64_t number)
{
	timeline_add(&w->timeline, at_ms < w->now_ms ? w->now_ms : at_ms, handler, subject, number);
}

void world_count(struct world *w, enum fault fault)
{
	w->fault_counts[fault]++;
}

bool world_chance(struct world *w, enum fault fault)
{
	if (!rng_chance(&w->rng, w->scenario.chances.permille[fault]))
		return false;
	world_count(w, fault);
	return true;
}

void *world_checked(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static void set_up(struct world *w, enum size size)
{
	draw_scenario(w, size);
	model_init(w);
	draw_requests(w);
	kube_init(w);
	sidecars_init(w);
	people_begin(w);
	world_trace(w, "seed %llu: family %s, %d captures, %d changefeeds, up to %d tables, %d requests, faults until %lld",
		    (unsigned long long)w->seed, td_family_name(w->scenario.family), w->scenario.captures,
		    w->scenario.changefeeds, w->scenario.tables_max, w->request_count, (long long)w->scenario.heal_ms);
	for (int i = 0; i < FAULT_COUNT; i++)
		if (w->scenario.chances.permille[i])
			world_trace(w, "  %d permille: %s", w->scenario.chances.permille[i], fault_name((enum fault)i));
}

void world_live(struct world *w)
{
	int64_t until_ms = w->scenario.heal_ms + BEYOND_MS;
	struct event event;

	while (!w->failure[0] && !w->finished && timeline_take(&w->timeline, until_ms, &event)) {
		w->now_ms = event.at_ms;
		event.handler(w, &event);
	}
	if (!w->failure[0])
		check_end(w);
}

void world_done(struct world *w)
{
	sidecars_done(w);
	model_free_calls(&w->model);
	kube_done(&w->kube);
	model_done(&w->model);
	timeline_done(&w->timeline);
}

static void count(const struct world *w, struct outcomes *o)
{
	o->seeds++;
	o->calm += w->scenario.calm;
	o->requests += (uint64_t)w->request_count;
	o->steps += w->steps;
	o->effects += w->effects;
	for (int i = 0; i < TD_EFFECT_KIND_COUNT; i++)
		o->kinds[i] += w->kinds[i];
	for (int i = 0; i < TD_ACTIVITY_COUNT; i++)
		o->activities[i] += w->activities[i];
	for (int i = 0; i < FAULT_COUNT; i++)
		o->faults[i] += w->fault_counts[i];
	for (int i = 0; i < w->request_count; i++) {
		o->phases[kube_newest(&w->kube, i)->phase]++;
		o->reasons[kube_newest(&w->kube, i)->reason]++;
	}
	for (int i = 0; i < w->sidecar_count; i++)
		o->leaders += w->sidecars[i].term / 2 + (w->sidecars[i].core != NULL);
}

bool run_seed(uint64_t seed, enum size size, bool verbose, struct outcomes *outcomes, uint64_t *ret_hash)
{
	struct world *w = world_checked(calloc(1, sizeof(*w)));
	bool good;

	w->seed = seed;
	w->hash = 14695981039346656037u;
	w->verbose = verbose;
	w->rng.state = seed * 0x9e3779b97f4a7c15u + 1;
	w->now_ms = 1000;
	set_up(w, size);
	world_live(w);
	count(w, outcomes);
	good = w->failure[0] == '\0';
	if (!good)
		(void)printf("seed %llu failed %s\nreplay: simulate %s--seed %llu -v\n", (unsigned long long)seed,
			     w->failure, size == SIZE_SMALL ? "--small " : "", (unsigned long long)seed);
	*ret_hash = w->hash;
	world_done(w);
	free(w);
	return good;
}
