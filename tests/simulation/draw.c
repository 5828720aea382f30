/* What a seed stands for: the cluster, its faults, the requests. */
#include "world.h"

#include <stdio.h>
#include <string.h>

static void draw_request(struct world *w, int number)
{
	struct rng *rng = &w->rng;
	struct sim_request *r = &w->requests[number];
	int node = (int)rng_range(rng, 0, w->scenario.captures - 1);

	*r = (struct sim_request){.arrive_ms = w->now_ms + rng_range(rng, 0, number ? 20000 : 5000)};
	(void)snprintf(r->uid, sizeof(r->uid), "u%d", number);
	if (rng_chance(rng, 250)) /* the ids of the first captures are known: nobody has died yet */
		(void)snprintf(r->capture, sizeof(r->capture), "%s",
			       rng_chance(rng, 900) ? w->model.nodes[node].id : "no-id");
	else
		(void)snprintf(r->pod, sizeof(r->pod), "cdc-%d", node);
	if (r->pod[0] && rng_chance(rng, 30))
		(void)snprintf(r->pod, sizeof(r->pod), "nobody");
	r->dry_run = rng_chance(rng, 60);
	r->terminating = r->pod[0] && strcmp(r->pod, "nobody") != 0 && !r->dry_run && rng_chance(rng, 500);
	r->batch = rng_chance(rng, 300) ? 0 : (int)rng_range(rng, 1, 20);
	if (r->terminating || rng_chance(rng, 400))
		r->deadline_ms = r->arrive_ms + rng_range(rng, rng_chance(rng, 50) ? -1000 : 20000, 120000);
	if (rng_chance(rng, 50))
		r->delete_ms = r->arrive_ms + rng_range(rng, 100, 60000);
}

/* Each kind is on in some runs only: where everything goes wrong at once, nothing gets far enough to go wrong in earnest. */
static void draw_chances(struct rng *rng, struct chances *c)
{
	for (int i = 0; i < FAULT_CONFLICT; i++)
		c->permille[i] = rng_chance(rng, 300) ? (int)rng_range(rng, 1, 60) : 0;
	c->permille[FAULT_SIDECAR_DIES_AT_EFFECT] = rng_chance(rng, 300) ? (int)rng_range(rng, 1, 15) : 0;
	c->permille[FAULT_STALE_SNAPSHOT] = rng_chance(rng, 500) ? 300 : 0;
	c->permille[FAULT_WALL_SKEW] = rng_chance(rng, 200) ? 500 : 0;
	c->permille[FAULT_LEASE_LOST] /= 3;
	c->permille[FAULT_CANCELLED] = 0;
}

static void draw_size(struct rng *rng, struct scenario *s, enum size size)
{
	int big = size == SIZE_SMALL ? 0 : (int)rng_range(rng, 0, 999);

	s->captures = (int)rng_range(rng, rng_chance(rng, 100) ? 1 : 2, 4);
	s->changefeeds = (int)rng_range(rng, 0, 6);
	s->tables_max = (int)rng_range(rng, 0, 4);
	if (big >= 300) {
		s->captures = (int)rng_range(rng, 1, 12);
		s->changefeeds = (int)rng_range(rng, 0, 60);
		s->tables_max = (int)rng_range(rng, 0, 20);
	}
	if (big >= 960) {
		s->captures = (int)rng_range(rng, 10, 100);
		s->changefeeds = (int)rng_range(rng, 0, 1000);
		s->tables_max = (int)rng_range(rng, 0, 10);
	}
	if (big >= 997) {
		s->changefeeds = (int)rng_range(rng, 1000, 10000);
		s->tables_max = (int)rng_range(rng, 0, 4);
	}
}

void draw_scenario(struct world *w, enum size size)
{
	static const enum td_family families[] = {TD_FAMILY_NATIVE, TD_FAMILY_MANAGED, TD_FAMILY_MANAGED,
						  TD_FAMILY_NATIVE, TD_FAMILY_MANAGED, TD_FAMILY_MANAGED,
						  TD_FAMILY_NATIVE, TD_FAMILY_MANAGED, TD_FAMILY_FAKE_DRAIN};
	struct scenario *s = &w->scenario;
	struct rng *rng = &w->rng;

	s->family = families[rng_range(rng, 0, 8)];
	draw_size(rng, s, size);
	s->calm = rng_chance(rng, 200);
	if (!s->calm)
		draw_chances(rng, &s->chances);
	s->heal_ms = w->now_ms + (s->calm ? 1000 : rng_range(rng, 5000, size == SIZE_SMALL ? 40000 : 90000));
	s->own_placement_ms = rng_range(rng, 20000, WITH_NEW_CORE && rng_chance(rng, 500) ? 240000 : 40000);
	s->balance_permille = rng_chance(rng, 300) ? (int)rng_range(rng, 1, 30) : 0;
	s->give_up_ms = 120000;
	w->request_count = (int)rng_range(rng, 1, rng_chance(rng, 500) ? 1 : 5);
}

void draw_requests(struct world *w)
{
	for (int i = 0; i < w->request_count; i++)
		draw_request(w, i);
}
