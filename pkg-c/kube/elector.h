/* Leader election over one Lease: client-go's LeaderElector as a pure machine, with a fence. The caller asks for the next
 * action until it says WAIT, performs each, and answers GET, CREATE and UPDATE with exactly one input. */
#ifndef TD_KUBE_ELECTOR_H
#define TD_KUBE_ELECTOR_H

#include "base/error.h"
#include "base/random.h"

#define TD_ELECTOR_IDENTITY_MAX 256 /* with its terminator */

/* spec of a Lease, as read. The times are compared as text and never interpreted: clocks of others do not matter. */
struct td_lease_record {
	char holder[TD_ELECTOR_IDENTITY_MAX]; /* "": nobody */
	int64_t duration_s;		      /* 0 when absent */
	int64_t transitions;
	char acquire_time[40], renew_time[40];
};

struct td_elector_options {
	const char *identity;		      /* borrowed; 1 to TD_ELECTOR_IDENTITY_MAX - 1 bytes */
	int64_t lease_ms, renew_ms, retry_ms; /* 1 s <= lease, lease > renew > 1.2 x retry > 0 */
	uint64_t seed;
};

enum td_elector_state {
	TD_ELECTOR_FOLLOWING,
	TD_ELECTOR_LEADING,
	TD_ELECTOR_RELEASING, /* gives the lease up; the fence is down */
	TD_ELECTOR_RELEASED,  /* the end */
	TD_ELECTOR_STATE_COUNT
};

enum td_elector_action_kind {
	TD_ELECTOR_WAIT, /* until until_ms or an answer */
	TD_ELECTOR_GET,
	TD_ELECTOR_CREATE,
	TD_ELECTOR_UPDATE, /* with the resourceVersion of the object read or written last */
	TD_ELECTOR_GAINED, /* the rest is news, said once, and needs no answer */
	TD_ELECTOR_LOST,
	TD_ELECTOR_DONE, /* released, or given up; said again and again */
	TD_ELECTOR_ACTION_COUNT
};

struct td_elector_action {
	enum td_elector_action_kind kind;
	int64_t until_ms;
	/* For CREATE and UPDATE: what the spec must say. renewTime is the wall clock of the caller. */
	const char *holder;
	int64_t duration_s, transitions;
	bool acquire;	 /* a new rule begins (or ends): acquireTime is set, too */
	const char *why; /* for LOST */
};

struct td_elector {
	struct td_elector_options options;
	enum td_elector_state state;
	struct td_random random;
	enum td_elector_action_kind busy; /* GET, CREATE or UPDATE while one is under way, else WAIT */
	int64_t busy_since_ms;
	enum td_elector_state busy_for;	 /* the state in which it was started */
	enum td_elector_action_kind due; /* what comes at due_ms: GET, CREATE or UPDATE */
	int64_t due_ms;
	enum td_elector_action_kind news; /* GAINED, LOST or WAIT */
	const char *lost_why;
	int64_t valid_until_ms; /* the fence */
	int64_t transitions;	/* of our rule, while leading */
	bool observed;		/* record and observed_ms mean something */
	struct td_lease_record record;
	int64_t observed_ms; /* local time at which the record was first seen as it is */
	bool unsure;	     /* a write of ours may or may not have happened since the record was read */
	int in_a_row;	     /* requests without a pause, so that two rivals cannot spin */
};

/* False when the options break their rules. */
bool td_elector_init(struct td_elector *elector, const struct td_elector_options *options);

struct td_elector_action td_elector_next(struct td_elector *elector, int64_t now_ms);

/* Answers. record: what the server holds now; after a write, what the server answered. */
void td_elector_read(struct td_elector *elector, const struct td_lease_record *record, int64_t now_ms);
void td_elector_written(struct td_elector *elector, const struct td_lease_record *record, int64_t now_ms);
void td_elector_not_found(struct td_elector *elector, int64_t now_ms); /* also for a write answered with 404 */
void td_elector_conflict(struct td_elector *elector, int64_t now_ms);  /* 409: somebody else wrote */
/* Anything else. unsure: the write may have happened. */
void td_elector_failed(struct td_elector *elector, bool unsure, int64_t now_ms);

/* Gives the lease up if it is or may be ours, then says DONE. The fence is down at once. */
void td_elector_release(struct td_elector *elector, int64_t now_ms);

/* The fence: leading, and the last successful write was started less than renew_ms ago. */
bool td_elector_is_valid(const struct td_elector *elector, int64_t now_ms);

#endif
