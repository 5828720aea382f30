/* What the cluster's books say about work, reduced to what a drain of one target needs: each changefeed's maintainer, the
 * dispatchers that are on the target, and what is placed nowhere. Dispatchers elsewhere are only counted into their node's load.
 *
 * Changefeeds are sorted by name. Three cursors find those that want something done without looking at all of them: what is before a
 * cursor wants nothing. It moves forward when the scheduler has looked (or made an operator), and back to a changefeed whose books
 * changed or whose operator ended. */
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
	bool seen; /* in the list that is being applied */
	char maintainer_addr[TD_ADDRESS_MAX];
	struct td_target_span *spans; /* on the target, sorted by table and mode */
	size_t span_count;
	size_t span_cursor; /* spans before it have been looked at */
	uint32_t unplaced;  /* spans and triggers that are nowhere */
	int absent_reads;   /* consecutive whole readings, under one coordinator, in which it runs without maintainer */
};

enum td_want {
	TD_WANT_MAINTAINER,  /* its maintainer is on the target */
	TD_WANT_DISPATCHERS, /* dispatchers of it are on the target */
	TD_WANT_PLACE,	     /* it has certainly no maintainer */
	TD_WANT_COUNT
};

struct td_workload {
	struct td_changefeed **items;
	size_t count;
	char target[TD_ID_MAX];
	char target_address[TD_ADDRESS_MAX];
	bool known;		     /* a whole list was applied for this target */
	int64_t asked_ms;	     /* when it was asked for */
	char coordinator[TD_ID_MAX]; /* under whom */
	size_t cursors[TD_WANT_COUNT];

	/* Sums over all changefeeds, kept up to date. */
	uint32_t target_maintainers, target_dispatchers;
	uint32_t unplaced_maintainers, unplaced_others;
};

void td_workload_init(struct td_workload *workload);
void td_workload_done(struct td_workload *workload);

/* Forgets everything and looks at another capture from now on. */
void td_workload_set_target(struct td_workload *workload, const char *id, const char *address);

/* A whole reading. Also sets the loads of nodes and moves every cursor to the start. False: out of memory; the books are then unknown. */
bool td_workload_apply(struct td_workload *workload, struct td_nodes *nodes, int64_t asked_ms,
		       const struct td_workload_view *view);

/* One changefeed read again. What left the target since is counted into the load of the node where it is now. Unknown names are
 * ignored (the next whole reading brings them). False: out of memory. */
bool td_workload_apply_one(struct td_workload *workload, struct td_nodes *nodes, const struct td_changefeed_view *view);

struct td_changefeed *td_workload_find(const struct td_workload *workload, const char *name);
bool td_workload_maintainer_on_target(const struct td_workload *workload, const struct td_changefeed *changefeed);

/* The changefeed at the cursor, which goes past those that want nothing. NULL: none is left. */
struct td_changefeed *td_workload_next(struct td_workload *workload, enum td_want want);

/* Goes past the changefeed at the cursor. */
void td_workload_skip(struct td_workload *workload, enum td_want want);

/* Goes back to a changefeed, and to its first span. Unknown names are ignored. */
void td_workload_revisit(struct td_workload *workload, const char *name, enum td_want want);

/* Looks at everything again. */
void td_workload_rewind(struct td_workload *workload, enum td_want want);

bool td_changefeed_has_span(const struct td_changefeed *changefeed, int64_t table_id, uint8_t mode);

#endif
