/* A TiCDC cluster on virtual time. Written from mission.md and ticdc-contract.md (6.3, 6.4, 7, 9, 10, 11); shares no code with
 * the core.
 *
 * What is true (where a maintainer or dispatcher runs, what a broker has registered) is kept apart from what is shown (the
 * cluster's books, gauges that are refreshed every 5 s, a captures list that lags behind a crash). Everything is driven by
 * events; nothing is scanned as time passes, so that big clusters cost what happens in them. */
#ifndef TD_SIMULATION_MODEL_H
#define TD_SIMULATION_MODEL_H

#include "coordinator/core.h"

#define NOWHERE (-1)

struct world;
struct sidecar;
struct call;

enum load { LOAD_MAINTAINERS, LOAD_DISPATCHERS, LOAD_COUNT };

struct work;

struct model_node {
	char id[TD_ID_MAX], address[48], pod[32];
	int pod_number;
	bool registered, up;
	int64_t joined_ms, left_ms;
	int liveness; /* its own */
	bool pod_terminating;
	int64_t process_start;
	uint64_t elected_as; /* place in the election queue */
	struct work *works;  /* true; triggers go with maintainers */
	int load[LOAD_COUNT];
	int leaving[LOAD_COUNT]; /* on their way from here, not arrived yet */
	int leaving_brokers;	 /* registrations that outlive their dispatchers */
	int64_t brokers_gone_ms;
	int broker_gauge; /* what its metrics show, as of gauge_ms: recomputed every 5 s */
	int64_t gauge_ms, gauge_phase_ms;
	uint64_t arrivals; /* of work, ever */
	int64_t arrived_ms;
};

enum move { MOVE_NONE, MOVE_STOPPING, MOVE_STARTING };

struct work { /* a maintainer, or one span */
	int changefeed;
	size_t serial;	  /* among all work */
	int64_t table_id; /* 0: the maintainer */
	uint8_t mode;
	int node;		   /* truth */
	struct work *next, **link; /* on its node, or among the absent */
	int shown, shows;	   /* the books: before and since show_ms */
	int64_t show_ms;
	enum move move;
	int origin, destination;
	uint64_t moved_by; /* epoch of the core's call that moves it now; 0: TiCDC itself */
	struct work *moving_next, **moving_link;
	uint64_t timer;
	int64_t settled_ms; /* not before this is it "replicating" */
	int64_t absent_since_ms;
};

struct model_changefeed {
	char name[32];
	bool running;
	bool untracked; /* not replicating when the native session began: its dispatchers are not counted (row 9) */
	struct work maintainer;
	int trigger; /* where its table trigger runs */
	struct work *spans;
	size_t span_count;
};

struct model_session { /* of the native drain: in the coordinator's memory only */
	int target;
	uint64_t number;
	int64_t draining_ms, stopping_ms; /* when the commands arrive; 0: not sent */
	bool complete;
};

struct model {
	enum td_family family;
	struct model_node *nodes; /* captures ever: a restarted process is another one */
	int node_count, node_capacity;
	struct model_changefeed *changefeeds;
	size_t changefeed_count, work_count;
	struct work *absent, *moving;
	int moving_maintainers;
	int coordinator; /* NOWHERE: none at this moment */
	int64_t bootstrapped_ms;
	uint64_t elections, term, timers, calls;
	struct model_session session;
	int64_t clearing_until_ms;
	int completed; /* the remembered target, gone after a complete drain; NOWHERE */
	int64_t books_lie_until_ms, answer_lies_until_ms;
	int fake_counter;
	struct call *first_call;
};

/* ---- model.c: captures and placement ---- */

void model_init(struct world *world);
void model_done(struct model *model);
int model_add_node(struct world *world, int pod_number);
int model_find(const struct model *model, const char *id);		/* NOWHERE */
int model_find_address(const struct model *model, const char *address); /* the one that runs, else a registered one */
int model_of_pod(const struct model *model, const char *pod);		/* the registered, running one */
bool model_is_empty(const struct world *world, int node); /* truth: no maintainer, dispatcher, trigger, registration */
void model_kill(struct world *world, int node, int64_t restart_after_ms); /* 0: never */
struct model_changefeed *model_changefeed(const struct model *model, const char *name);
struct work *model_span(struct model_changefeed *changefeed, int64_t table_id, int mode);
void model_place(struct world *world, struct work *work, int node); /* the one place where truth about placement changes */
int model_pick_alive(const struct model *model, int except);	    /* least loaded capture with liveness 0; NOWHERE */
int model_broker_gauge(struct world *world, int node);
void model_heal(struct world *world);

/* ---- model_moves.c ---- */

/* False: it cannot be moved. One that is under way is adopted, whereto it ever goes (contract 4.4). */
bool model_move(struct world *world, struct work *work, int destination, uint64_t epoch);
bool model_start(struct world *world, struct work *work, int destination, uint64_t epoch); /* what is absent */
void model_lose(struct world *world, struct work *work);				   /* its node has left */
void model_absent(struct world *world, struct work *work); /* TiCDC itself will place it in its own time */
int model_shown(const struct world *world, const struct work *work);
int model_moves_off(const struct model *model, int node, uint64_t epoch); /* under way, asked for by the core */

/* ---- model_rare.c: elections, and what is drawn each second ---- */

void model_step_down(struct world *world, int64_t for_ms);
bool model_is_bootstrapped(const struct world *world);
void model_rare_events(struct world *world);

/* ---- model_native.c ---- */

bool model_is_in_session(const struct model *model);
bool model_is_frozen(const struct model *model); /* placement is (6.4, failover) */
void model_drop_session(struct model *model);
int64_t model_native_drain(struct world *world, const char *target, const char **ret_error);

/* ---- model_calls.c ---- */

/* Takes over an effect; its answer comes to the sidecar later, if it is still the same leader. fenced: it is not sent. */
void model_call(struct world *world, struct sidecar *sidecar, const struct td_effect *effect, bool fenced);
void model_free_calls(struct model *model);

#endif
