/* What a seed stands for: the cluster, its faults, the requests. */
#include "run.h"

#include <stdio.h>
#include <string.h>

#define HEAL_MS 90000

static void draw_request(struct run *run, int number)
{
	struct sim_request *r = &run->requests[number];
	int64_t node = rng_range(&run->rng, 0, run->shape.captures - 1);

	*r = (struct sim_request){.arrive_ms = run->now_ms + rng_range(&run->rng, 0, number ? 30000 : 3000)};
	(void)snprintf(r->uid, sizeof(r->uid), "u%d", number);
	if (rng_chance(&run->rng, 250))
		(void)snprintf(r->capture, sizeof(r->capture), "%s",
			       rng_chance(&run->rng, 900) ? run->model.nodes[node].id : "no-id");
	else
		(void)snprintf(r->pod, sizeof(r->pod), "cdc-%d", (int)node);
	if (r->pod[0] && rng_chance(&run->rng, 30))
		(void)snprintf(r->pod, sizeof(r->pod), "nobody");
	r->dry_run = rng_chance(&run->rng, 60);
	r->terminating = r->pod[0] && strcmp(r->pod, "nobody") != 0 && !r->dry_run && rng_chance(&run->rng, 500);
	r->batch = rng_chance(&run->rng, 300) ? 0 : (int)rng_range(&run->rng, 1, 20);
	if (r->terminating || rng_chance(&run->rng, 400))
		r->deadline_ms = r->arrive_ms + rng_range(&run->rng, rng_chance(&run->rng, 50) ? -1000 : 20000, 200000);
	if (rng_chance(&run->rng, 50))
		r->delete_ms = r->arrive_ms + rng_range(&run->rng, 100, 60000);
}

static void draw_faults(struct rng *rng, struct model_faults *f)
{
	int *each[] = {&f->lost, &f->failed, &f->slow, &f->twice, &f->ignored, &f->unreadable, &f->odd_list};
	int *rare[] = {&f->failover, &f->crash, &f->returning, &f->lying_books, &f->lying_answer};

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		*each[i] = rng_chance(rng, 500) ? (int)rng_range(rng, 1, 100) : 0;
	for (size_t i = 0; i < sizeof(rare) / sizeof(rare[0]); i++)
		*rare[i] = rng_chance(rng, 400) ? (int)rng_range(rng, 1, 80) : 0;
}

void draw_run(struct run *run)
{
	static const enum td_family families[] = {TD_FAMILY_NATIVE,  TD_FAMILY_MANAGED, TD_FAMILY_NATIVE,
						  TD_FAMILY_MANAGED, TD_FAMILY_NATIVE,	TD_FAMILY_MANAGED,
						  TD_FAMILY_NATIVE,  TD_FAMILY_MANAGED, TD_FAMILY_FAKE_DRAIN};
	struct rng *rng = &run->rng;

	run->shape = (struct model_shape){.family = families[rng_range(rng, 0, 8)],
					  .captures = (int)rng_range(rng, rng_chance(rng, 100) ? 1 : 2, 8),
					  .changefeeds = (int)rng_range(rng, 0, 30),
					  .tables_max = (int)rng_range(rng, 0, 20)};
	if (rng_chance(rng, 750))
		draw_faults(rng, &run->shape.faults);
	model_init(&run->model, rng_next(rng), &run->shape);
	run->now_ms = run->model.now_ms;
	run->heal_ms = run->now_ms + HEAL_MS;
	run->request_count = (int)rng_range(rng, 1, rng_chance(rng, 500) ? 1 : 5);
	for (int i = 0; i < run->request_count; i++)
		draw_request(run, i);
	if (!run->model.calm && rng_chance(rng, 400))
		run->leader_dies_ms = run->now_ms + rng_range(rng, 500, 60000);
}
