/* The inside of the core, shared by its own source files only. */
#ifndef TD_COORDINATOR_CORE_INTERNAL_H
#define TD_COORDINATOR_CORE_INTERNAL_H

#include "base/buf.h"
#include "coordinator/core.h"
#include "coordinator/operators.h"
#include "coordinator/verdict.h"
#include "coordinator/workload.h"

/* How long it has been without progress. See stall.c. */
struct td_stall {
	int64_t progress_ms; /* the last progress; 0: not watched yet */
	int64_t climbed_ms;  /* the last rung; 0: none since */
	int rung;
	uint64_t least_left, confirmed;
	int settled;	     /* the most witnesses that ever were */
	enum td_phase phase; /* the furthest */
	char stuck[200];     /* what, for people; "": nothing is */
};

struct td_acknowledged {
	char capture[TD_ID_MAX];
	uint64_t epoch;
};

/* One drain request: what was asked, where it is, what its object shows. */
struct td_request {
	char uid[TD_ID_MAX];
	char name[TD_NAME_MAX];
	char pod[TD_NAME_MAX];	 /* asked for, or found out; "" */
	char capture[TD_ID_MAX]; /* asked for, or found out; "" */
	char address[TD_ADDRESS_MAX];
	bool by_pod;
	bool pod_exists, pod_terminating, pod_gone, dry_run;
	int batch;
	int64_t created_ms, deadline_ms;

	enum td_phase phase;
	enum td_reason reason;
	char message[TD_TEXT_MAX];
	uint64_t epoch;
	bool recovered; /* found in the middle of a drain by a new leader, not yet active again under an epoch of ours */
	bool durable;	/* phase Draining with our epoch is stored: effects may follow */
	uint64_t object_epoch; /* the one in the object that we go on from: found there, or made durable by us */
	bool epoch_sent;       /* a write of our epoch is under way: seeing it in the object is no news */
	bool started;
	struct td_counts initial, remaining;
	int64_t started_ms, completed_ms, eta_ms;
	int queue_position;
	char blocked_by[TD_NAME_MAX];
	struct td_witness_state witnesses[TD_WITNESS_COUNT];
	char coordinator[TD_ID_MAX];
	enum td_family family;

	bool end_written; /* the object shows that it has ended */
	bool dirty;	  /* what the object shows is older than this */
	bool phase_dirty; /* and the phase or reason changed: publish at once */
	int64_t published_ms;
	int64_t publish_not_before_ms;
	int64_t since_ms; /* when it came to us: older captures lists say nothing about it */
	int absent_reads; /* consecutive captures lists without its capture */
	int last_reads;	  /* consecutive captures lists in which no other node could take work, for a reason that lasts */
	struct td_acknowledged *acknowledged; /* sorted by capture */
	size_t acknowledged_count;
	struct td_stall stall;
	struct td_request_view view;
};

/* An effect that was queued and not yet answered. */
struct td_flight {
	uint64_t id;
	int64_t asked_ms; /* when it was queued: its answer is about some moment since */
	enum td_effect_kind kind;
	char uid[TD_ID_MAX];
	char *changefeed;    /* owned; NULL for none */
	enum td_phase phase; /* PUBLISH: what is being made durable */
	uint64_t epoch;
};

struct td_core {
	struct td_core_options options;
	int64_t now_ms;
	int64_t deadline_ms;
	bool out_of_memory;

	struct td_nodes nodes;
	struct td_workload workload;
	struct td_operators operators;
	struct td_verdict verdict;
	enum td_family family;
	char family_why[200];

	struct td_request **requests; /* sorted by uid */
	size_t request_count;
	char active[TD_ID_MAX]; /* uid of the request being worked on; "" */
	int64_t active_ms;	/* since when */
	uint64_t epoch_max;
	bool marks_stale; /* nodes' liveness, queued and informed are older than what they are made from */

	struct td_flight *flights;
	size_t flight_count, flight_capacity;
	struct td_effect *queue; /* queued, not yet taken by the shell: a ring would save nothing at this size */
	size_t queue_head, queue_count, queue_capacity;
	uint64_t next_id;
	int64_t started_ms
		[TD_EFFECT_KIND_COUNT]; /* last time an effect of the kind was queued; INT64_MIN: never in this drain */
	int nodes_failures;		/* consecutive */

	/* settle.c */
	enum td_activity activity;
	int64_t settle_until_ms; /* 0: not settling */
	int64_t settle_gone_ms;	 /* since when settle_capture is gone; 0: it is not */
	char settle_capture[TD_ID_MAX];
	bool balance_wanted;
	int64_t balance_not_before_ms, balance_until_ms; /* 0: not begun */
	int balance_idle;				 /* readings in a row that showed nothing to move */

	char note[160];	   /* last error of an observation, for the message */
	char refusal[160]; /* why a move was refused last; "" when none was since one was confirmed */
};

/* ---- core.c, effects.c ---- */

/* Asks to be stepped again at a time. */
void td_core_want(struct td_core *core, int64_t at_ms);

/* Queues an effect and remembers that an answer is due. NULL: out of memory (then core->out_of_memory is set). The caller fills
 * in the details of the returned effect. changefeed may be NULL. */
struct td_effect *td_core_emit(struct td_core *core, enum td_effect_kind kind, const char *uid, const char *changefeed);

/* Emits unless one of the kind is under way or the last was queued less than interval_ms ago; then asks for a tick. */
struct td_effect *td_core_emit_paced(struct td_core *core, enum td_effect_kind kind, const char *uid, int64_t interval_ms);
bool td_core_in_flight(const struct td_core *core, enum td_effect_kind kind, const char *changefeed);

/* An address to ask about the cluster: TiCDC's coordinator when it is known and answers; after failures another capture each
 * time; "" for the shell's own. */
const char *td_core_contact(const struct td_core *core);

/* Takes the flight of an answer out of the table; the caller frees its changefeed. False: no such answer is due. */
bool td_core_take_flight(struct td_core *core, uint64_t id, struct td_flight *ret);

/* ---- requests.c ---- */

struct td_request *td_requests_find(const struct td_core *core, const char *uid);
void td_requests_input(struct td_core *core, const struct td_request_input *input);
void td_requests_remove(struct td_core *core, const char *uid);
void td_requests_free_all(struct td_core *core);

/* Whether the agent of a capture has acknowledged the request's present epoch. */
bool td_request_is_acknowledged(const struct td_request *request, const char *capture);

/* The only writers of phase and reason. enter: for the good life (Pending, Draining, Verifying, Drained, Released); finish: for the
 * other ends. The message is composed from the reason unless given. */
void td_request_enter(struct td_core *core, struct td_request *request, enum td_phase phase, enum td_reason reason);
void td_request_finish(struct td_core *core, struct td_request *request, enum td_phase phase, enum td_reason reason,
		       const char *message);

/* Draining, under an epoch above all others. Nothing is done before it is durable. */
void td_request_take_epoch(struct td_core *core, struct td_request *request);

/* Open requests that are not active, in the order in which they will run. Returns the count, at most max. */
size_t td_requests_queue(const struct td_core *core, struct td_request **ret, size_t max);

/* ---- publish.c ---- */

void td_requests_publish(struct td_core *core);
void td_requests_published(struct td_core *core, const struct td_flight *flight, const struct td_result *result);
const struct td_request_view *td_request_view_of(struct td_request *request);

/* ---- queue.c ---- */

/* Chooses the active request and gets everything it needs before it may start. */
void td_queue_advance(struct td_core *core);

/* ---- drain.c ---- */

/* Paced reads of W3 and W2 for a request. */
void td_drain_observe_process(struct td_core *core, const struct td_request *request);
void td_drain_observe_workload(struct td_core *core, const struct td_request *request, int64_t interval_ms);

/* Finds out the family, once for each drain, and begins the verdict for it. False while it is not known. */
bool td_drain_family_is_known(struct td_core *core, struct td_request *request);

/* The evidence as it stands, copied so that the object shows it also after the drain. */
void td_drain_keep_evidence(struct td_core *core, struct td_request *request);

/* TiCDC's coordinator is known, another than the target, and has been so for two lists. */
bool td_drain_ownership_is_elsewhere(const struct td_core *core, const struct td_request *request);

/* Begins again, under an epoch of its own, a drain that another coordinator had begun. */
void td_drain_take_over(struct td_core *core, struct td_request *request);

/* Works on the active request, which is Draining or Verifying. */
void td_drain_advance(struct td_core *core, struct td_request *request);

/* ---- native.c ---- */

void td_native_execute(struct td_core *core, const struct td_request *request);

/* The drain call, paced. */
void td_native_ask(struct td_core *core, const struct td_request *request, int64_t interval_ms);

/* N1 keeps its single drain slot until the last target has left the cluster: then a new drain call is answered 1 for ever (contract
 * 6.4, row 8). The holder is another capture that says it is draining or stopping, whoever drained it. NULL: none is seen. */
const struct td_node *td_native_slot_holder(const struct td_core *core, const struct td_request *request);

/* The drain call has answered 0 for long while the capture stays Alive: some capture does not know the drain protocol (row 12). */
bool td_native_is_fallback(const struct td_core *core);

/* Why TiCDC does not move anything, and by whom it is blocked; TD_REASON_NONE: as far as is seen it does. */
enum td_reason td_native_reason(const struct td_core *core, struct td_request *request);
void td_native_describe(const struct td_core *core, struct td_buf *out);
void td_native_describe_slot(const struct td_core *core, const struct td_request *request, struct td_buf *out);

/* Asks again for drains that are over, but whose capture still runs, after TiCDC's coordinator has changed. True: there are such
 * captures, so captures lists are wanted now and then. */
bool td_native_keep(struct td_core *core);
void td_native_kept(struct td_core *core, const char *uid, const struct td_result *result); /* and its answer */

/* ---- handoff.c ---- */

/* This TiCDC cannot drain, or cannot now. */
bool td_handoff_is_due(const struct td_core *core);
bool td_handoff_is_worth_it(const struct td_request *request);

/* Nothing is left that could be moved, nothing moves, or it has been long enough. */
bool td_handoff_is_over(const struct td_core *core, const struct td_request *request);

/* A step of it. */
void td_handoff_advance(struct td_core *core, struct td_request *request);

/* Ends a request whose TiCDC cannot move its work, saying what is left. */
void td_handoff_end(struct td_core *core, struct td_request *request);

/* ---- moves.c: request is the active one, or NULL while settling or balancing ---- */

size_t td_moves_free_slots(const struct td_core *core, const struct td_request *request);

/* Makes an operator for a piece of work (span: NULL for a maintainer) and sends its call. True as well when it has one already. False:
 * nobody may receive work, or out of memory. */
bool td_moves_start(struct td_core *core, const struct td_request *request, enum td_operator_kind kind,
		    const struct td_changefeed *changefeed, const struct td_target_span *span);

/* Looks after all moves under way: asks again, looks whether they are done. */
void td_moves_follow_up(struct td_core *core, const struct td_request *request);

/* More changefeeds run nowhere than are on their way: whole readings are wanted, to be certain. */
bool td_moves_is_something_absent(const struct td_core *core);

void td_moves_result(struct td_core *core, const struct td_result *result);

/* What a changefeed's books say about its operators. whole: as part of a whole reading, which has set the nodes' loads already. */
void td_moves_observe(struct td_core *core, const struct td_changefeed_view *view, int64_t asked_ms, bool whole);
void td_moves_drop_unlisted(struct td_core *core); /* after a whole reading */
void td_moves_nodes_changed(struct td_core *core); /* after a captures list */
void td_moves_count_coming(struct td_core *core);
void td_moves_abandon(struct td_core *core, struct td_operator *op);

/* Does not wait any longer for answered moves whose work is still where it was: sends them again at once, or forgets them so that
 * the schedulers choose anew. */
void td_moves_send_again(struct td_core *core);
void td_moves_plan_anew(struct td_core *core);

/* ---- scheduler_*.c: each fills free slots with operators; needs known books ---- */

void td_schedule_basic(struct td_core *core, const struct td_request *request);
void td_schedule_drain(struct td_core *core, const struct td_request *request);
void td_schedule_balance(struct td_core *core, const struct td_request *request);

/* Whether one more move (leaving: those under way) from one node to another makes the load more even. */
bool td_balance_is_uneven(const struct td_node *from, const struct td_node *to, enum td_load kind, uint64_t leaving);

/* ---- stall.c ---- */

/* Watches the active request's progress; may end it. */
void td_stall_watch(struct td_core *core, struct td_request *request);
bool td_stall_wants_explicit_moves(const struct td_request *request);

/* ---- settle.c ---- */

/* The active request has ended; the family is still known. */
void td_settle_drain_ended(struct td_core *core, const struct td_request *request);
void td_settle_want_balance(struct td_core *core);

/* What is to be done when no request is active. */
void td_settle_advance(struct td_core *core);

/* ---- describe.c ---- */

/* The sentence for people about an open request: what is happening and what is in the way. */
void td_describe(const struct td_core *core, const struct td_request *request, char *into, size_t size);

/* The last sentence of a request that ends now in phase for reason. */
void td_describe_end(const struct td_core *core, const struct td_request *request, enum td_phase phase,
		     enum td_reason reason, char *into, size_t size);

#endif
