/* The inside of the agent, shared by its own source files only. */
#ifndef TD_SIDECAR_AGENT_INTERNAL_H
#define TD_SIDECAR_AGENT_INTERNAL_H

#include "coordinator/types.h"
#include "sidecar/acknowledge.h"
#include "sidecar/agent.h"
#include "sidecar/cluster_view.h"
#include "sidecar/drainrequest.h"

struct td_agent {
	struct td_agent_options options;
	struct td_gate *gate;
	struct td_acknowledger *acknowledger;
	struct td_timer *timer; /* the next look, see td_agent_look */
	void (*finished)(void *userdata);
	void *userdata;

	bool stopping;
	bool done;	  /* finished was called */
	int attempt;	  /* the proof of earlier requests was void */
	int absences;	  /* consecutive refused connections to our capture while stopping */
	bool alive_known; /* the API server said: this pod is not being deleted */

	struct td_kube_call *creating, *asking_pod, *writing;
	struct td_ticdc_call *looking;
	int64_t create_not_before_ms, look_not_before_ms, ask_not_before_ms;
	struct td_process_view last_look; /* of the moment before opening; capture points to last_capture */
	char last_capture[TD_ID_MAX];
	bool released_written;
	int write_tries;
	char outcome[32], message[TD_TEXT_MAX]; /* why the gate is open */
};

/* ---- agent.c ---- */

/* Looks at everything and does what is due. */
void td_agent_look(struct td_agent *agent);
void td_agent_look_later(struct td_agent *agent, int64_t delay_ms);

/* The name of this pod's request: stable, so that making it twice is harmless. */
void td_agent_request_name(const struct td_agent *agent, char *into, size_t size);

/* Opens the gate for good. */
void td_agent_release(struct td_agent *agent, const char *outcome, const char *message);

/* ---- agent_kube.c ---- */

void td_agent_create_request(struct td_agent *agent);
void td_agent_ask_pod(struct td_agent *agent);
void td_agent_write_released(struct td_agent *agent);

#endif
