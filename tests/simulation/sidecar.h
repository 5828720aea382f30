/* The sidecar beside each capture: a clock of its own, an elector (elector.c), a view of the objects that lags, the agent's
 * acknowledgement, and, while it believes to lead, a core with its shell (shell.c). */
#ifndef TD_SIMULATION_SIDECAR_H
#define TD_SIMULATION_SIDECAR_H

#include "world.h"

struct told;
struct call;

/* What a sidecar knows of an object. */
struct known_object {
	bool listed;
	uint64_t number; /* of the version */
	bool fed;	 /* to the core that it has now */
	uint64_t fed_number, fed_pods;
	uint64_t written_before, written_after; /* our own last write, while the watch has not shown it: resourceVersions */
	uint64_t acknowledged;			/* epoch that the agent has acknowledged, or is about to */
	int acknowledged_for;			/* the capture it said so for */
	int publishes;				/* in this second */
};

struct sidecar {
	int index;
	char pod[32];
	uint64_t pod_uid;
	bool pod_terminating;

	bool running;
	uint64_t life; /* counts starts */
	int64_t clock_offset_ms, wall_skew_ms;
	int64_t stopped_until_ms, stopped_since_ms;
	bool clock_stands; /* while it is stopped */
	int64_t partitioned_until_ms;
	int64_t healthy_since_ms; /* running, connected and awake since */
	bool dying;

	/* The elector, in its own clock's time. */
	bool asking, answered_won;
	int64_t asked_local_ms, valid_until_ms, observed_local_ms;
	uint64_t answered_version, observed_version;

	/* The watch. */
	bool watch_pending;
	struct known_object known[REQUESTS_MAX];
	uint64_t pods_seen;

	/* The shell. */
	struct td_core *core;
	uint64_t term;	       /* counts cores; answers to an earlier one are dropped */
	int64_t busy_since_ms; /* when its core was last seen to begin to drain, settle or balance; 0: it is idle */
	int64_t led_since_ms;
	int64_t wake_ms;
	uint64_t wakes;
	int64_t stepped_ms;
	int steps_now;
	uint64_t last_serial; /* of the last answered call */
	struct told *told;
};

void sidecars_init(struct world *world);
void sidecars_done(struct world *world);
void sidecar_rare_events(struct world *world);

void sidecar_start(struct world *world, struct sidecar *sidecar);
void sidecar_stop(struct world *world, struct sidecar *sidecar, bool graceful, int64_t restart_after_ms);
void sidecar_stop_for(struct world *world, struct sidecar *sidecar, int64_t for_ms, bool clock_stands);
void sidecar_notify(struct world *world, struct sidecar *sidecar); /* something it watches has changed */
bool sidecar_defer(struct world *world, const struct sidecar *sidecar, const struct event *event); /* while it is stopped */

int64_t sidecar_clock(const struct world *world, const struct sidecar *sidecar);
int64_t sidecar_to_wall(const struct world *world, const struct sidecar *sidecar, int64_t local_ms);
/* Acknowledges what is on and has not been acknowledged for the capture that runs beside it now. */
void sidecar_look_for_drains(struct world *world, struct sidecar *sidecar);
int64_t sidecar_to_local(const struct world *world, const struct sidecar *sidecar, int64_t wall_ms);

/* ---- elector.c ---- */
void elector_start(struct world *world, struct sidecar *sidecar);
bool elector_is_valid(const struct world *world, const struct sidecar *sidecar);
void elector_release(struct world *world, struct sidecar *sidecar);

/* ---- shell.c ---- */
void shell_lead(struct world *world, struct sidecar *sidecar);
void shell_depose(struct world *world, struct sidecar *sidecar);
void shell_object_changed(struct world *world, struct sidecar *sidecar, int request);
void shell_balance(struct world *world, struct sidecar *sidecar);
void shell_wake_again(struct world *world, struct sidecar *sidecar); /* its clock has jumped */
uint64_t sidecar_base_version(struct sidecar *sidecar, int request);
void sidecar_result(struct world *world, struct sidecar *sidecar, uint64_t term, const struct call *call,
		    const struct td_result *result);
void sidecar_written(struct world *world, struct sidecar *sidecar, uint64_t term, int request,
		     const struct drain_status *status, const struct td_result *result);

#endif
