/* A small TiCDC cluster on virtual time, for tests of the coordinator core. Written from mission.md and ticdc-contract.md
 * (6.3, 6.4, 7, 9, 11); shares no code with the core.
 *
 * What is true (where a maintainer or dispatcher runs, what a broker has registered) is kept apart from what is shown (the
 * cluster's books, gauges that are refreshed every 5 s, a captures list that lags behind a crash).
 *
 *	model_tick(model, now)          the world goes on to now (call at least each MODEL_TICK_MS)
 *	model_send(model, effect)       an effect leaves the core; it is executed and answered after seeded delays
 *	model_next_ms(model)            when something of it is due
 *	model_take_answer(model, ...)   an answer that is due now */
#ifndef TD_SIMULATION_MODEL_H
#define TD_SIMULATION_MODEL_H

#include "coordinator/core.h"
#include "random.h"

#define MODEL_TICK_MS 50
#define MODEL_NODES_MAX 64 /* captures ever: a restarted process is another one */
#define NOWHERE (-1)

/* Chances are permille, drawn for each answer or (the rare ones) each second. */
struct model_faults {
	int lost;	  /* the answer never comes: unknown after a time-out; the call may have happened */
	int failed;	  /* refused */
	int slow;	  /* takes seconds */
	int twice;	  /* the same result comes again */
	int ignored;	  /* a move is accepted and forgotten */
	int unreadable;	  /* W3: a missing series, an error */
	int odd_list;	  /* captures list: empty, or without coordinator */
	int failover;	  /* each second: TiCDC's coordinator steps down */
	int crash;	  /* each second: a capture dies, and its pod starts another */
	int returning;	  /* each second: work is placed back on a capture that is being drained */
	int lying_books;  /* each second: for a while the books show no work on the target */
	int lying_answer; /* each second: for a while the drain call answers 0 (legacy fallback, row 2) */
};

struct model_node {
	char id[TD_ID_MAX], address[TD_ADDRESS_MAX], pod[TD_NAME_MAX];
	bool registered, up;
	int64_t lease_end_ms; /* of one that is down: leaves the list then */
	int64_t restart_ms;   /* when its pod starts another process; 0: not */
	int liveness;	      /* its own */
	bool pod_terminating;
	int64_t process_start;
	uint64_t elected_as; /* place in the election queue */
	int broker_gauge;    /* what its metrics show, recomputed every 5 s */
	int64_t gauge_ms;
	int leaving_brokers; /* registrations that outlive their dispatchers */
	int64_t brokers_gone_ms;
	int maintainers, dispatchers; /* true; triggers go with maintainers */
	int64_t arrived_ms;	      /* when work last came */
	int64_t read_ms;	      /* W3: the moment that the last answer delivered was about */
	bool unseen_return;	      /* work came and no W3 answer has shown it yet */
};

enum model_move { MOVE_NONE, MOVE_STOPPING, MOVE_STARTING };

struct model_work {	  /* a maintainer, or one span */
	int64_t table_id; /* 0: the maintainer */
	uint8_t mode;
	int node;  /* truth */
	int shown; /* the books */
	enum model_move move;
	int destination;
	int64_t move_ms;    /* the next step of the move */
	int64_t show_ms;    /* when the books catch up; 0: they have */
	int64_t settled_ms; /* not before this is it "replicating" */
	uint64_t moved_by;  /* epoch of the core's call that moves it now; 0: TiCDC itself */
};

struct model_changefeed {
	char name[64];
	bool running;
	bool untracked; /* not replicating when the native session began: its dispatchers are not counted (row 9) */
	struct model_work maintainer;
	struct model_work *spans;
	size_t span_count;
};

struct model_session { /* of the native drain: in the coordinator's memory only */
	int target;
	uint64_t epoch;
	int64_t draining_ms, stopping_ms; /* when the commands arrive; 0: not sent */
	bool complete;
};

struct model_answer;

struct model {
	struct rng rng;
	struct model_faults faults;
	enum td_family family;
	int64_t now_ms;
	struct model_node nodes[MODEL_NODES_MAX];
	size_t node_count;
	struct model_changefeed *changefeeds;
	size_t changefeed_count;
	int coordinator; /* NOWHERE: none at this moment */
	int64_t elect_ms, bootstrapped_ms;
	uint64_t elections;
	struct model_session session;
	int64_t clearing_until_ms;
	int completed; /* the remembered target, gone after a complete drain; NOWHERE */
	int64_t books_lie_until_ms, answer_lies_until_ms;
	int fake_counter;
	int64_t second_ms;
	bool calm; /* nothing ever goes wrong: no lie, no crash, no failover was possible */

	struct model_answer **answers;
	size_t answer_count, answer_capacity;
	uint64_t answer_serial;
};

struct model_shape {
	enum td_family family;
	int captures, changefeeds, tables_max;
	struct model_faults faults;
};

void model_init(struct model *model, uint64_t seed, const struct model_shape *shape);
void model_done(struct model *model);
void model_tick(struct model *model, int64_t now_ms);
int64_t model_next_ms(const struct model *model);

/* Takes over an effect. An answer is due later: see model_take_answer. PUBLISH is not the cluster's business. */
void model_send(struct model *model, const struct td_effect *effect);

/* False when nothing is due. The result is whole and borrowed until the next call. */
bool model_take_answer(struct model *model, struct td_result *ret);
bool model_owes_answers(const struct model *model);
void model_forget_answers(struct model *model); /* the core that asked is gone; what was sent still happens */

int model_find(const struct model *model, const char *id);    /* NOWHERE */
int model_of_pod(const struct model *model, const char *pod); /* the registered, running one */
bool model_is_empty(const struct model *model, int node);     /* truth: no maintainer, dispatcher, trigger, registration */
int model_moves_off(const struct model *model, int node, uint64_t epoch); /* under way, asked for by the core */
void model_kill(struct model *model, int node, int64_t restart_after_ms); /* 0: never */
void model_heal(struct model *model);					  /* no more faults from now on */

/* ---- between the model's own files ---- */

void model_free_answers(struct model *model);
int model_pick_alive(struct model *model, int except); /* least loaded capture with liveness 0; NOWHERE */
bool model_move(struct model *model, struct model_work *work, int destination, uint64_t epoch);
bool model_is_bootstrapped(const struct model *model);
bool model_is_in_session(const struct model *model);
void model_elect(struct model *model);
void model_draw_events(struct model *model);
void model_native_tick(struct model *model);
int64_t model_native_drain(struct model *model, const char *target, const char **ret_error);
void model_drop_session(struct model *model);
void model_step_down(struct model *model, int64_t for_ms);

#endif
