/* The node manager: which captures are registered, how alive each is, how much work it carries, and who may receive more.
 *
 * A node enters with the first captures list that names it and leaves with the first that does not. Its liveness is remembered for one
 * list more, because one list may be odd or old: a capture that is named again is the same process, as drained as it was. So nothing
 * grows beyond two lists. Sorted by id.
 *
 * Destinations (destinations.c) are the nodes that may receive work, in two heaps: by maintainers and by dispatchers. The least loaded
 * one is on top; a change of load moves its node in O(log nodes). */
#ifndef TD_COORDINATOR_NODES_H
#define TD_COORDINATOR_NODES_H

#include "coordinator/liveness.h"

enum td_load { TD_LOAD_MAINTAINERS, TD_LOAD_DISPATCHERS, TD_LOAD_COUNT };

struct td_node {
	char id[TD_ID_MAX];
	char address[TD_ADDRESS_MAX];
	char pod[TD_NAME_MAX];
	struct td_liveness_state liveness; /* ours */
	int reported_liveness;		   /* its own word; -1 unknown */
	bool is_coordinator;
	bool answers;
	bool pod_terminating;
	int64_t since_ms; /* when a list named it first; INT64_MIN: it was in the first list of all */

	/* Kept by the core, from its requests. */
	bool queued;   /* to be drained later */
	bool informed; /* its agent knows of the drain that is on, or none is on */

	/* By the cluster's books, and moves of ours that are on their way here. Changed by td_node_add_load and whole readings only. */
	uint32_t load[TD_LOAD_COUNT], coming[TD_LOAD_COUNT];
	size_t heap_at[TD_LOAD_COUNT]; /* place in the heap + 1; 0: no destination */
};

/* A node that the last list did not name. */
struct td_departed {
	char id[TD_ID_MAX];
	struct td_liveness_state liveness;
	uint32_t load[TD_LOAD_COUNT];
};

struct td_nodes {
	struct td_node *items;
	size_t count;
	char coordinator[TD_ID_MAX];  /* "" when not exactly one node claims it */
	int coordinator_reads;	      /* consecutive lists that named this coordinator */
	int64_t coordinator_ms;	      /* when the first of them came; INT64_MIN: with the first list of all */
	char left_drained[TD_ID_MAX]; /* the last one that left while it was Draining or Stopping by its own word; "" */
	int64_t left_ms;
	int reads; /* lists applied so far */
	int64_t read_ms;
	struct td_departed *departed;
	size_t departed_count;
	struct td_node **heap[TD_LOAD_COUNT]; /* destinations; room for all nodes */
	size_t heap_count;
};

void td_nodes_init(struct td_nodes *nodes);
void td_nodes_done(struct td_nodes *nodes);

/* Applies a whole captures list. False: out of memory, nothing changed. */
bool td_nodes_apply(struct td_nodes *nodes, int64_t now_ms, const struct td_nodes_view *view);

struct td_node *td_nodes_find(const struct td_nodes *nodes, const char *id); /* NULL: not registered */

/* The node at an advertise address. Two entries can share one (a stale twin after a restart): the one that answers is meant. */
struct td_node *td_nodes_at_address(const struct td_nodes *nodes, const char *address);

/* The node of a pod; as above, the one that answers. NULL: none. */
struct td_node *td_nodes_of_pod(const struct td_nodes *nodes, const char *pod);

/* May receive work: Alive by us and by its own word, answering, not to be drained, its pod not terminating. informed is
 * asked for separately: it is the one thing that a moment's patience may change. */
bool td_node_is_schedulable(const struct td_node *node);
bool td_nodes_has_schedulable(const struct td_nodes *nodes);

/* May become TiCDC's coordinator: Alive and answering, or the only node left. Source: mission.md, property 9. */
bool td_node_is_candidate(const struct td_nodes *nodes, const struct td_node *node);
bool td_nodes_has_candidate(const struct td_nodes *nodes, const char *except);

/* True when no node but id can take work as things stand: none is registered, or all others' pods are terminating. With ours, when
 * it is we who place: or are to be drained themselves, or are not Alive any more. */
bool td_nodes_is_last(const struct td_nodes *nodes, const char *id, bool ours);

/* ---- destinations.c ---- */

/* Makes both heaps anew: after a captures list, a whole reading of the books, or a change of the flags above. O(nodes). */
void td_destinations_rebuild(struct td_nodes *nodes);

/* The destination with the lowest load, counting what is on its way; ties go to the lower id. NULL: nobody may receive work. */
struct td_node *td_destinations_least_loaded(const struct td_nodes *nodes, enum td_load load);

/* load plus coming. */
uint64_t td_node_load(const struct td_node *node, enum td_load load);

/* Adds to (or with a negative number takes from) the books' load or what is coming; never below 0. node may be NULL. */
void td_node_add_load(struct td_nodes *nodes, struct td_node *node, enum td_load load, int by);
void td_node_add_coming(struct td_nodes *nodes, struct td_node *node, enum td_load load, int by);

#endif
