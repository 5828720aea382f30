/* The API server on virtual time: the Lease, and DrainRequests with their status, each with a resourceVersion. */
#ifndef TD_SIMULATION_KUBE_H
#define TD_SIMULATION_KUBE_H

#include "run.h"

#include <stdbool.h>
#include <stdint.h>

#define KUBE_VERSIONS 8 /* that are remembered of each object, for those whose lists are stale */
#define NOBODY (-1)
#define STRANGER (-2) /* holds the Lease and is no sidecar of ours */

struct world;
struct sidecar;
struct event;

struct lease {
	int holder; /* sidecar, NOBODY, STRANGER */
	uint64_t version;
};

struct acknowledged {
	int capture;
	uint64_t epoch;
};

/* One version of an object: what its status holds. */
struct drain_status {
	uint64_t version;
	enum td_phase phase;
	enum td_reason reason;
	uint64_t epoch;
	char capture[TD_ID_MAX], address[48];
	struct td_counts initial;
	int64_t started_wall_ms;
	int publisher; /* the sidecar that wrote phase and epoch */
	uint64_t publisher_term;
	struct acknowledged *acknowledged;
	int acknowledged_count;
};

struct kube_object {
	bool exists;
	uint64_t first, newest; /* numbers of the versions that are remembered */
	struct drain_status versions[KUBE_VERSIONS];
};

struct write;

struct kube {
	struct lease lease;
	uint64_t version; /* the cluster's resourceVersion */
	uint64_t pods_version;
	struct kube_object objects[REQUESTS_MAX];
	int acknowledged_max;
	struct write *first_write; /* of those under way */
};

void kube_init(struct world *world);
void kube_done(struct kube *kube);

const struct drain_status *kube_newest(const struct kube *kube, int request);
const struct drain_status *kube_version(const struct kube *kube, int request, uint64_t number); /* or the oldest known */

void kube_create(struct world *world, int request);
void kube_delete(struct world *world, int request);

/* Adds a version that starts as a copy of the newest; the caller changes it. Everybody who watches is told soon. */
struct drain_status *kube_write(struct world *world, int request);
void kube_acknowledge(struct world *world, int request, int capture, uint64_t epoch);

/* Something about pods changed. */
void kube_pods_changed(struct world *world);

/* A status write of a leader: executed and answered later, refused when base is not the newest version by then. */
void kube_publish(struct world *world, struct sidecar *sidecar, int request, const struct td_effect *effect,
		  const struct td_request_view *view);

#endif
