/* The node manager: which captures are registered, how alive each is, how much work it carries, and who may receive more.
 *
 * A node enters with the first captures list that names it and leaves with the first that does not, together with its liveness: the table
 * never grows beyond the list. Sorted by id. */
#ifndef TD_COORDINATOR_NODES_H
#define TD_COORDINATOR_NODES_H

#include "coordinator/liveness.h"

struct td_node {
	char id[TD_ID_MAX];
	char address[TD_ADDRESS_MAX];
	char pod[TD_NAME_MAX];
	struct td_liveness_state liveness; /* ours */
	int reported_liveness;		   /* its own word; -1 unknown */
	bool is_coordinator;
	bool answers;
	bool pod_terminating;
	bool leaving; /* being drained, or was: never a destination; kept by the core, like the next */
	bool queued; /* to be drained later: a destination only when there is no other, for it has to give up again what it gets */

	/* Load by the cluster's books, plus moves of ours that are on their way there. */
	uint32_t maintainers, dispatchers;
	uint32_t maintainers_coming, dispatchers_coming;
};

struct td_nodes {
	struct td_node *items;
	size_t count;
	char coordinator[TD_ID_MAX]; /* "" when not exactly one node claims it */
	int coordinator_reads;	     /* consecutive lists that named this coordinator */
	int reads;		     /* lists applied so far */
	int64_t read_ms;
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

/* May receive work: Alive by us and by its own word, answering, not leaving, its pod not terminating. */
bool td_node_is_schedulable(const struct td_node *node);

enum td_load { TD_LOAD_MAINTAINERS, TD_LOAD_DISPATCHERS };

/* The schedulable node with the lowest load, counting what is on its way; ties go to the lower id; those that are queued to be
 * drained come last. except: an id, or NULL. NULL: nobody may receive work. */
struct td_node *td_nodes_least_loaded(const struct td_nodes *nodes, enum td_load load, const char *except);

/* True when no node but id can ever receive work as things stand: none is registered, or all others' pods are terminating. */
bool td_nodes_is_last(const struct td_nodes *nodes, const char *id);

#endif
