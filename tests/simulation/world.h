/* One seed's life: a whole cluster on virtual time.
 *
 *	timeline   what is still to happen; the only thing that makes time pass
 *	model      TiCDC: truth, books, metrics, elections, moves (model.h)
 *	kube       the API server: the Lease, DrainRequests, watches (kube.h)
 *	sidecars   one beside each capture: elector, agent, and the core while it believes to lead (sidecar.h)
 *	people     requests, kubelets, cancels (people.c)
 *	check_*    the properties, at every step (check.h)
 *
 * All chance comes from the seed. The same seed gives the same life, down to the hash of everything that happened. */
#ifndef TD_SIMULATION_WORLD_H
#define TD_SIMULATION_WORLD_H

#include "kube.h"
#include "model.h"
#include "random.h"
#include "run.h"
#include "timeline.h"

/* What the seed decides. */
struct scenario {
	enum td_family family;
	int captures, changefeeds, tables_max;
	int requests;
	struct chances chances;
	int64_t heal_ms;	  /* all faults stop */
	int64_t own_placement_ms; /* family M: TiCDC itself places an absent maintainer no earlier */
	int balance_permille;	  /* each second somebody asks for even load */
	int64_t give_up_ms;
	bool calm; /* nothing ever goes wrong */
};

/* One drain request as its author meant it. */
struct sim_request {
	char uid[TD_ID_MAX];
	char pod[TD_NAME_MAX], capture[TD_ID_MAX]; /* one of them is "" */
	bool dry_run, terminating, created, gone;
	int batch;
	int64_t arrive_ms, deadline_ms, delete_ms; /* 0: none, never */
	int64_t reaped_ms; /* when the process ends after the request has: 0: not arranged; -1: done */
	int64_t ended_ms;  /* a final phase is in the object since */
};

/* A fault of an exhaustive run: it happens at the n-th point (exhaustive.h). */
struct planned_fault;

struct world {
	uint64_t seed, hash;
	bool verbose;
	struct rng rng;
	int64_t now_ms;
	struct scenario scenario;
	struct timeline timeline;
	struct model model;
	struct kube kube;
	struct sidecar *sidecars;
	int sidecar_count;
	struct sim_request requests[REQUESTS_MAX];
	int request_count;
	bool healed, finished;
	int processes_stopped;	/* by people: restarted after a drain, whatever its end */
	int64_t quiet_since_ms; /* everything has ended since; 0: it has not */
	uint64_t steps, effects, fault_counts[FAULT_COUNT], kinds[TD_EFFECT_KIND_COUNT], activities[TD_ACTIVITY_COUNT];
	struct {
		uint64_t epoch;
		int request, sidecar;
		uint64_t term;
	} epochs[EPOCHS_MAX]; /* who acted on which request under which epoch */
	int epoch_count;
	struct points *points; /* NULL but in exhaustive runs */
	char failure[512];     /* "": none */
};

void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_trace(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_mix(struct world *world, uint64_t value); /* into the hash */
void world_mix_text(struct world *world, const char *text);
void world_at(struct world *world, int64_t at_ms, event_handler *handler, void *subject, uint64_t number);
bool world_chance(struct world *world, enum fault fault); /* draws; counts when it is to happen */
void world_count(struct world *world, enum fault fault);
void *world_checked(void *memory);    /* never NULL: gives up instead */
void world_live(struct world *world); /* to its end, or the first failure */
void world_done(struct world *world);

void draw_scenario(struct world *world, enum size size);
void draw_requests(struct world *world); /* needs the model */

/* ---- people.c ---- */
void people_begin(struct world *world);
void people_ended(struct world *world, int request); /* its object shows a final phase */
bool people_all_ended(const struct world *world);

#endif
