/* The agent: guards this sidecar's own pod. Every sidecar has one, whether it coordinates or not.
 *
 *  - While other captures are drained it acknowledges that it knows (acknowledge.h).
 *  - While its pod is terminating it keeps a DrainRequest for it in existence, owned by the pod.
 *  - When that request is Drained, for the very capture that runs here, it asks the process once more for its own word (W3, on
 *    localhost) and only then opens the gate. If the process has work again, it makes a next request: the proof was void.
 *  - When the request ends otherwise (TimedOut, Unsupported, Failed), or nobody coordinates and the deadline passes, policy
 *    decides: Release opens the gate and says what was left; Hold keeps it shut.
 *  - A hook that waits while the pod is not terminating is a container restart (a liveness probe): nothing is drained, and that
 *    hook may go once the API server has said so. While it cannot be asked, the gate stays shut: uncertainty never opens it. */
#ifndef TD_SIDECAR_AGENT_H
#define TD_SIDECAR_AGENT_H

#include "kube/informer.h"
#include "kube/recorder.h"
#include "sidecar/gate.h"
#include "sidecar/terminations.h"
#include "ticdc/client.h"

struct td_agent;

/* All borrowed; they outlive the agent. */
struct td_agent_options {
	struct td_loop *loop;
	struct td_kube_client *kube;
	struct td_ticdc_client *ticdc;
	struct td_recorder *recorder;
	const struct td_informer *pods, *drains;
	const char *namespace_, *pod_name, *pod_uid;
	const char *cluster;		      /* for the label of its requests */
	struct td_terminations *terminations; /* NULL: deletionTimestamps are taken as they are */
	const char *ticdc_address;
	const char *gate_socket;
	int64_t reserve_ms;
	bool hold; /* onTimeout of the requests it makes */
};

/* finished: the agent has nothing left to guard or to write, after td_agent_stop. */
struct td_agent *td_agent_new(const struct td_agent_options *options, void (*finished)(void *userdata), void *userdata,
			      struct td_error *err);
struct td_agent *td_agent_free(struct td_agent *agent); /* returns NULL */

/* Something that the informers hold has changed. */
void td_agent_changed(struct td_agent *agent);

/* SIGTERM came. An ordinary sidecar container gets it at the start of its pod's termination: the agent goes on until its gate has
 * opened, or nobody needs it, and then calls finished. */
void td_agent_stop(struct td_agent *agent);

struct td_agent_summary {
	bool selected; /* our pod is among those that the pods informer selects */
	bool terminating, waited_at, open;
};
struct td_agent_summary td_agent_summary(const struct td_agent *agent);

#endif
