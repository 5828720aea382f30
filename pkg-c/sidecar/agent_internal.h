/* The inside of the agent, shared by its own source files only. */
#ifndef TD_SIDECAR_AGENT_INTERNAL_H
#define TD_SIDECAR_AGENT_INTERNAL_H

#include "coordinator/types.h"
#include "sidecar/acknowledge.h"
#include "sidecar/agent.h"
#include "sidecar/cluster_view.h"
#include "sidecar/drainrequest.h"
#include "sidecar/release.h"

#define TD_AGENT_LOOK_AGAIN_MS 500 /* between two reads of our own process */

struct td_agent {
	struct td_agent_options options;
	struct td_gate *gate;
	struct td_acknowledger *acknowledger;
	struct td_timer *timer; /* the next look, see td_agent_look */
	void (*finished)(void *userdata);
	void *userdata;

	bool stopping;
	bool done;		 /* finished was called */
	int attempt;		 /* the proof of earlier requests was void */
	int gone_looks;		 /* after the drained capture has left: reads that showed no other one here */
	int absences;		 /* consecutive refused connections to our capture while stopping */
	bool alive_known;	 /* the API server said: this pod is not being deleted */
	json_t *terminating_pod; /* or that it is: our pod's object; NULL: it did not */

	struct td_kube_call *creating, *asking_pod, *writing;
	struct td_ticdc_call *looking;
	int64_t create_not_before_ms, look_not_before_ms, ask_not_before_ms;
	struct td_process_view last_look; /* of the moment before opening; capture points to last_capture */
	char last_capture[TD_ID_MAX];
	char last_answer[TD_TEXT_MAX]; /* what the process said when it was asked once more; "": it was not */
	bool released_written;
	int write_tries;
	int ask_tries;					/* failed in a row: the pause grows */
	int64_t guarded_since_ms;			/* when our pod was first seen to be terminating; 0: it is not */
	char outcome[32], message[TD_RELEASE_TEXT_MAX]; /* why the gate is open */
	char evidence[TD_RELEASE_TEXT_MAX];		/* what the witnesses said then; "": there was no request */

	char told_phase[32], told_reason[64]; /* gate_waits, as logged last */
	int64_t told_ms;
	bool told_staying; /* why we stay after SIGTERM */
};

/* ---- agent.c ---- */

/* Looks at everything and does what is due. */
void td_agent_look(struct td_agent *agent);
void td_agent_look_later(struct td_agent *agent, int64_t delay_ms);

/* The name of this pod's request: stable, so that making it twice is harmless. */
void td_agent_request_name(const struct td_agent *agent, char *into, size_t size);

/* ---- agent_kube.c ---- */

void td_agent_create_request(struct td_agent *agent);
void td_agent_ask_pod(struct td_agent *agent);

/* ---- agent_stop.c ---- */

/* SIGTERM came: ends the agent if nobody needs it any more. terminating: our pod is known to be. */
void td_agent_check_stop(struct td_agent *agent, bool terminating);

/* ---- agent_release.c ---- */

/* Opens the gate for good, with the proof that the request holds. */
void td_agent_release_drained(struct td_agent *agent, const struct td_drain_object *request);

/* The request ended without a proof, or the deadline passed: policy opens the gate for good, or holds it. request: NULL when there
 * is none. */
void td_agent_give_up(struct td_agent *agent, const char *outcome, const struct td_drain_object *request, const char *why);

/* Writes the outcome to the object and to an event. */
void td_agent_write_released(struct td_agent *agent);

/* Logs what the hook waits for: each change, and now and then without one. */
void td_agent_log_waiting(struct td_agent *agent, const char *phase, const char *reason, const char *message,
			  int64_t deadline_wall_ms);

#endif
