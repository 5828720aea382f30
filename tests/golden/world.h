/* A small scripted world for golden traces: a TiCDC cluster, the objects, and a shell around the core, on virtual time.
 *
 * Everything takes a fixed time: an answer some tens of milliseconds, a move half a second, acknowledgements a little after the
 * write that they are about. Nothing is random. What it does not simulate: delays that vary, reordered answers, listings that
 * are out of date. That is what tests/simulation is for; this is for reading. */
#ifndef TD_GOLDEN_WORLD_H
#define TD_GOLDEN_WORLD_H

#include "coordinator/core.h"

#define NOWHERE (-1)
#define NODES_MAX 6
#define CHANGEFEEDS_MAX 8
#define SPANS_MAX 6
#define OBJECTS_MAX 4
#define ANSWERS_MAX 128
#define MOVES_MAX 64
#define KEYS_MAX 64
#define TEXT_MAX 1024

struct world_node {
	const char *id, *address, *pod;
	bool running;		/* its process answers */
	bool registered;	/* it is in the captures list */
	bool terminating, mute; /* mute: its agent acknowledges nothing */
	enum td_liveness liveness;
	uint32_t brokers; /* the gauge: refreshed every 5 s only */
};

struct world_changefeed {
	const char *name;
	int maintainer;
	int spans[SPANS_MAX]; /* where table 1, 2, ... is */
	size_t span_count;
};

/* A drain request's object: its spec, and the status that was written last. */
struct world_object {
	struct td_request_input input;
	char capture[TD_ID_MAX], address[TD_ADDRESS_MAX];
	struct td_acknowledgement acknowledgements[NODES_MAX];
	int64_t acknowledge_ms; /* when the agents answer to the last write; 0: nothing to answer */
	/* What the trace has shown of it. */
	enum td_phase phase, written_phase;
	enum td_reason reason;
	uint64_t written_epoch;
	char words[TD_TEXT_MAX]; /* of the message, without its numbers */
};

struct world_answer {
	struct td_effect effect;
	char changefeed[64];
	int64_t due_ms;
	bool shown; /* its question is in the trace */
	enum td_outcome outcome;
	char why[120];
	struct td_request_view written; /* PUBLISH: what was written, */
	char capture[TD_ID_MAX], address[TD_ADDRESS_MAX];
};

/* Work on its way. A maintainer is nowhere from half of the time on. */
struct world_move {
	int64_t leaves_ms, arrives_ms;
	int changefeed, span; /* span NOWHERE: the maintainer */
	int to;
};

/* The next so many effects of a kind go wrong. */
struct world_fault {
	int count;
	enum td_outcome outcome;
	bool happens; /* what was asked for is done all the same: only the answer is lost */
	const char *why;
};

struct world {
	struct td_core *core;
	int64_t now_ms, begin_ms;
	enum td_family family;
	int coordinator, elected; /* NOWHERE while there is none; who is next */
	int64_t elected_ms;
	int drained; /* by a native drain; NOWHERE: none */
	int64_t native_ms;
	struct world_node nodes[NODES_MAX];
	size_t node_count;
	struct world_changefeed changefeeds[CHANGEFEEDS_MAX];
	size_t changefeed_count;
	struct world_object objects[OBJECTS_MAX];
	size_t object_count;
	struct world_answer answers[ANSWERS_MAX];
	size_t answer_count;
	struct world_move moves[MOVES_MAX];
	size_t move_count;
	struct world_fault faults[TD_EFFECT_KIND_COUNT];
	/* The trace: what was read last, by question. */
	struct {
		char question[96], answer[TEXT_MAX];
	} keys[KEYS_MAX];
	size_t key_count;
	int folded;
	enum td_activity activity;
};

/* ---- scripts: behaviours.c ---- */

/* Captures a, b, c, ... in pods pod-a, ...; the last one coordinates. */
void world_init(struct world *w, enum td_family family, size_t nodes);
void world_done(struct world *w);

/* A changefeed; homes: a letter for its maintainer's capture, then one for each table, '-' for nowhere: "aab". */
void world_changefeed(struct world *w, const char *name, const char *homes);

/* Makes a request for a pod; more of its spec by changing the input before world_give. */
struct td_request_input *world_request(struct world *w, const char *uid, const char *pod);
void world_give(struct world *w, const char *uid);
void world_cancel(struct world *w, const char *uid);
void world_acknowledge(struct world *w, const char *uid); /* agents look at it again */
void world_balance(struct world *w);

void world_says(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct world_node *world_node(struct world *w, const char *id);
void world_kill(struct world *w, const char *id);	/* its process ends; it stays listed */
void world_unregister(struct world *w, const char *id); /* and leaves the list, with its work */
void world_add_node(struct world *w, const char *id, const char *address, const char *pod);
void world_new_leader(struct world *w);
void world_fault(struct world *w, enum td_effect_kind kind, struct world_fault fault);

void world_run(struct world *w, int64_t ms);
void world_until(struct world *w, const char *uid, enum td_phase phase); /* that phase or an end; fails after ten minutes */

/* ---- the inside: cluster.c, shell.c ---- */

int world_index(const struct world *w, const char *id); /* NOWHERE: no such node */
int64_t world_next_change(const struct world *w);
void world_change(struct world *w); /* everything in the cluster that is due now */
struct td_counts world_counts(const struct world *w, int node);
void world_perform(struct world *w, struct world_answer *a); /* what a call does to the cluster; may refuse */
void world_move(struct world *w, int changefeed, int span, int to);

void world_answer(struct world *w, struct world_answer *a); /* steps the core with it */
void world_step(struct world *w, const struct td_input *input);

/* ---- trace.c ---- */

void trace_line(struct world *w, char sign, const char *format, ...) __attribute__((format(printf, 3, 4)));
void trace_effect(struct world *w, struct world_answer *a);
void trace_answer(struct world *w, const struct world_answer *a, const struct td_result *result);
void trace_objects(struct world *w); /* what has changed in them */
void trace_end(struct world *w);

#endif
