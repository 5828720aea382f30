/* The coordinator core: a deterministic state machine without sockets, clock, randomness or logging.
 *
 *	td_core_step(core, now, input)    changes state and queues effects
 *	td_core_next_effect(core, &e)     the shell takes each effect, performs it, and answers with exactly one RESULT input
 *	td_core_deadline(core)            when the core wants a TICK at the latest
 *
 * The loop of a shell: step with what happened; take effects until there are none; publish the views that changed (they come
 * as PUBLISH effects); set one timer to the deadline. Nothing else drives the core.
 *
 * What it holds to, at every step:
 *  - at most one drain is active; its capture is Draining, never a destination, and never Alive again;
 *  - no effect that changes TiCDC is queued for a request before its PUBLISH of phase Draining was answered "done":
 *    durable state comes first. But for DETECT_FAMILY, whose probe changes at most N0's counter and has to come first;
 *  - the durable status is also the notification: agents see it and acknowledge its epoch in the status. While a drain is on, a
 *    node is a destination only when its agent has acknowledged this very epoch;
 *  - at most batch moves are in flight; destinations are the least loaded nodes, counting work in flight;
 *  - a move counts when a later observation shows it, never because a call returned;
 *  - Drained is reached only by the verdict (verdict.h): every witness that the family offers, on consecutive reads, under one
 *    coordinator, one capture id, one process;
 *  - same inputs, same effects: all order is total, ties break by id.
 *
 * The fence is the shell's: it asks the Lease right before it performs a PUBLISH, or an effect for which td_effect_changes_ticdc is
 * true, and answers FAILED without sending when the Lease is not valid. When leadership is lost the shell frees the core; the next leader
 * feeds a new one with the requests and their durable state.
 *
 * Times are milliseconds on the shell's monotonic clock. */
#ifndef TD_COORDINATOR_CORE_H
#define TD_COORDINATOR_CORE_H

#include "coordinator/types.h"

struct td_core;

struct td_core_options {
	int batch_default; /* moves at once when the request names no batchSize */
	int batch_handoff; /* the same for what is moved in the last moment (handoff.c): TiCDC moves it back before long */
	int64_t process_poll_ms;     /* W3 while draining: the cheap progress meter */
	int64_t nodes_poll_ms;	     /* captures list while a request is open */
	int64_t workload_poll_ms;    /* W2 while work remains that the plan does not explain */
	int64_t native_poll_ms;	     /* the native drain call */
	int64_t confirm_poll_ms;     /* looking whether an accepted move is done */
	int64_t resend_ms;	     /* an unconfirmed move is asked for again after this */
	int64_t broker_refresh_ms;   /* TiCDC recomputes its event broker gauge this often: W3 zeros must span more */
	int64_t publish_interval_ms; /* progress is published no more often than this; phase changes at once */
	int64_t stall_ms;	     /* without progress for this long: name what is stuck, climb a rung (stall.c) */
	int64_t give_up_ms;	     /* without progress for this long: Failed, Stalled */
	int64_t settle_ms;	     /* after a drain without a proof, absent work is looked for at most this long */
	int64_t balance_cooldown_ms; /* load is not evened earlier than this after a drain */
};

extern const struct td_core_options td_core_defaults;

/* ---- input ---- */

/* An agent (the sidecar in a capture's pod) has seen that the drain is on, under this epoch. */
struct td_acknowledgement {
	const char *capture;
	uint64_t epoch;
};

/* A DrainRequest as it stands: given when it appears and whenever it or its pod changes. Strings are copied. */
struct td_request_input {
	const char *uid;  /* of the object */
	const char *name; /* of the object, for people */
	const char *pod;  /* one of pod and capture is set, the other NULL */
	const char *capture;
	const char *invalid;  /* not NULL: what is wrong with the spec; nothing else is read */
	bool pod_exists;      /* meaningless without pod */
	bool pod_terminating; /* has a deletionTimestamp: it goes before requests without a deadline */
	bool pod_gone;	      /* the pod that was drained is not there any more (by uid) */
	bool dry_run;
	int batch;	     /* 0: default */
	int64_t created_ms;  /* order among equals; any scale that grows */
	int64_t deadline_ms; /* 0: none */

	/* The durable state found in its status, for a new leader. */
	enum td_phase phase;
	uint64_t epoch;
	const char *drained_capture; /* "" before Draining */
	const char *drained_address;
	enum td_family family; /* UNKNOWN: not there */
	struct td_counts initial;
	int64_t started_ms; /* 0 before Draining */

	const struct td_acknowledgement *acknowledgements; /* found in its status */
	size_t acknowledgement_count;
};

enum td_outcome {
	TD_OUTCOME_DONE,    /* accepted, or the view below is whole */
	TD_OUTCOME_FAILED,  /* certainly did not happen */
	TD_OUTCOME_UNKNOWN, /* may have happened: a timeout, a broken connection */
};

struct td_result {
	uint64_t effect_id;
	enum td_outcome outcome;
	const char *why;       /* for failed and unknown: error text */
	int64_t answer;	       /* NATIVE_DRAIN done: what TiCDC says remains */
	enum td_family family; /* DETECT_FAMILY done */
	const char *family_why;
	const struct td_nodes_view *nodes;	     /* OBSERVE_NODES done */
	const struct td_workload_view *workload;     /* OBSERVE_WORKLOAD done */
	const struct td_changefeed_view *changefeed; /* OBSERVE_CHANGEFEED done */
	const struct td_process_view *process;	     /* OBSERVE_PROCESS done (its own "known" may be false) */
};

enum td_input_kind {
	TD_INPUT_TICK,
	TD_INPUT_REQUEST,
	TD_INPUT_REQUEST_GONE,
	TD_INPUT_BALANCE, /* somebody asks for even load, or a capture has joined: done in family M when no drain is on */
	TD_INPUT_RESULT,
	TD_INPUT_KIND_COUNT
};

struct td_input {
	enum td_input_kind kind;
	const struct td_request_input *request; /* REQUEST */
	const char *uid;			/* REQUEST_GONE */
	const struct td_result *result;		/* RESULT */
};

/* ---- effects ---- */

enum td_effect_kind {
	TD_EFFECT_PUBLISH, /* write the view of uid to its object; done means it is durable */
	TD_EFFECT_OBSERVE_NODES,
	TD_EFFECT_OBSERVE_WORKLOAD,
	TD_EFFECT_OBSERVE_CHANGEFEED, /* changefeed */
	TD_EFFECT_OBSERVE_PROCESS,    /* of node at address */
	TD_EFFECT_DETECT_FAMILY,
	TD_EFFECT_RESIGN,	    /* ask node at address to give up being TiCDC's coordinator */
	TD_EFFECT_NATIVE_DRAIN,	    /* ask the coordinator at address to drain node; repeated, idempotent */
	TD_EFFECT_MOVE_MAINTAINER,  /* changefeed to node, asked of address */
	TD_EFFECT_MOVE_DISPATCHER,  /* table_id, mode of changefeed to node */
	TD_EFFECT_PLACE_MAINTAINER, /* a changefeed that has no maintainer gets one at node */
	TD_EFFECT_KIND_COUNT
};

struct td_effect {
	uint64_t id;
	enum td_effect_kind kind;
	char uid[TD_ID_MAX];	      /* the request it serves; "" for none */
	char address[TD_ADDRESS_MAX]; /* capture to talk to; "" : any (the shell's own) */
	char node[TD_ID_MAX];	      /* capture id: target of a drain, destination of a move */
	const char *changefeed;	      /* borrowed: valid until the next step */
	int64_t table_id;
	int mode;
	uint64_t epoch;
	enum td_family family; /* of this TiCDC, as far as known: some are asked in another way */
};

const char *td_effect_name(enum td_effect_kind kind); /* "MoveMaintainer" */
bool td_effect_changes_ticdc(enum td_effect_kind kind);

/* ---- what a request looks like from outside: the source of its object's status ---- */

struct td_witness_state {
	bool offered;		 /* this family has this witness */
	bool zero;		 /* its last read said zero */
	bool known;		 /* its last read said anything */
	bool settled;		 /* zero on enough consecutive reads */
	int reads;		 /* consecutive zeros */
	int64_t last_ms;	 /* time of the last read; 0: never */
	struct td_counts counts; /* what it saw last */
	char note[160];		 /* why it is not zero or not known; "" otherwise */
};

struct td_request_view {
	const char *uid, *name;
	enum td_phase phase;
	enum td_reason reason;
	const char *message;
	enum td_family family;
	const char *pod; /* "" when unknown */
	const char *capture, *address;
	uint64_t epoch;
	int queue_position;	/* 1: next; 0: not queued */
	const char *blocked_by; /* pod or capture; "" */
	bool started;		/* initial and remaining mean something */
	struct td_counts initial, remaining, moved;
	int progress_percent;
	int64_t started_ms, completed_ms, deadline_ms, eta_ms; /* 0: none */
	const struct td_witness_state *witnesses;	       /* TD_WITNESS_COUNT of them */
	const char *coordinator;			       /* TiCDC's, under which the witnesses were read */
	int64_t stalled_ms;				       /* since when nothing moves any more; 0: it does */
};

/* ---- the machine ---- */

/* NULL: out of memory. Every epoch given out is above all that were found in requests. */
struct td_core *td_core_new(const struct td_core_options *options);
struct td_core *td_core_free(struct td_core *core); /* returns NULL */

/* False: out of memory; the core is then of no more use: free it and build another from the durable state. */
bool td_core_step(struct td_core *core, int64_t now_ms, const struct td_input *input);

/* False when there is none. */
bool td_core_next_effect(struct td_core *core, struct td_effect *ret);

/* Time of the next wanted TICK; INT64_MAX: none. */
int64_t td_core_deadline(const struct td_core *core);

/* NULL when there is no such request. Borrowed until the next step. */
const struct td_request_view *td_core_view(struct td_core *core, const char *uid);

/* What the core is at. Settling and balancing happen in family M only, and give way to a request at once. */
enum td_activity { TD_ACTIVITY_IDLE, TD_ACTIVITY_DRAINING, TD_ACTIVITY_SETTLING, TD_ACTIVITY_BALANCING, TD_ACTIVITY_COUNT };
const char *td_activity_name(enum td_activity activity); /* "Balancing" */

struct td_core_summary {
	enum td_activity activity;
	size_t requests, queued;
	const char *active_uid; /* "" */
	size_t moves_in_flight;
	uint64_t moves_confirmed, moves_failed;
};
struct td_core_summary td_core_summary(const struct td_core *core);

#endif
