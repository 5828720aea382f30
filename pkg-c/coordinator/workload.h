/* What the cluster's books say about work, reduced to what a drain of one target needs: each changefeed's maintainer, the
 * dispatchers that are on the target, and what is placed nowhere. Dispatchers elsewhere are only counted into their node's load.
 *
 * Changefeeds are sorted by name. */
#ifndef TD_COORDINATOR_WORKLOAD_H
#define TD_COORDINATOR_WORKLOAD_H

#include "coordinator/nodes.h"

struct td_target_span {
	int64_t table_id;
	uint8_t mode;
};

struct td_changefeed {
	char *name;
	bool running;
	bool seen;	   /* in the list that is being applied */
	int64_t looked_ms; /* when the scheduler last asked to have it read again */
	int64_t asked_ms;  /* when what is known was asked for */
	char maintainer_addr[TD_ADDRESS_MAX];
	struct td_target_span *spans; /* on the target, sorted by table and mode */
	size_t span_count;
	uint32_t unplaced; /* spans and triggers that are nowhere */
};

struct td_workload {
	struct td_changefeed **items;
	size_t count;
	char target[TD_ID_MAX];
	char target_address[TD_ADDRESS_MAX];
	bool known;	  /* a whole list was applied for this target */
	int64_t asked_ms; /* when it was asked for */

	/* Sums over all changefeeds, kept up to date. */
	uint32_t target_maintainers, target_dispatchers;
	uint32_t unplaced_maintainers, unplaced_others;
};

void td_workload_init(struct td_workload *workload);
void td_workload_done(struct td_workload *workload);

/* Forgets everything and looks at another capture from now on. */
void td_workload_set_target(struct td_workload *workload, const char *id, const char *address);

/* A whole reading. Also sets the loads of nodes. False: out of memory; the books are then unknown. */
bool td_workload_apply(struct td_workload *workload, struct td_nodes *nodes, int64_t asked_ms,
		       const struct td_workload_view *view);

/* One changefeed read again. What left the target since is counted into the load of the node where it is now. Unknown names are
 * ignored (the next whole reading brings them). False: out of memory. */
bool td_workload_apply_one(struct td_workload *workload, struct td_nodes *nodes, int64_t asked_ms,
			   const struct td_changefeed_view *view);

struct td_changefeed *td_workload_find(const struct td_workload *workload, const char *name);
bool td_workload_maintainer_on_target(const struct td_workload *workload, const struct td_changefeed *changefeed);
bool td_changefeed_has_span(const struct td_changefeed *changefeed, int64_t table_id, uint8_t mode);

#endif
