/* The two informers that agent and shell share: TiCDC's pods and the DrainRequests of the namespace; and what can be read off a
 * pod. */
#ifndef TD_SIDECAR_CLUSTER_VIEW_H
#define TD_SIDECAR_CLUSTER_VIEW_H

#include "kube/informer.h"

extern const struct td_kube_resource td_pods;

/* Borrowed from the object. */
struct td_pod {
	const char *name, *uid;
	const char *ip; /* "" when none yet */
	bool terminating;
	bool ready;		  /* its condition Ready is True */
	int64_t deletion_wall_ms; /* when the grace period ends; 0 unless terminating */
	int64_t grace_ms;	  /* granted; 0 unless terminating */
};

/* False when the object is no pod (no name, no uid, or a deletionTimestamp that is no time). */
bool td_pod_read(struct td_pod *ret, json_t *object);

/* When the drain of a terminating pod must be over: the end of the grace period less a reserve for TiCDC's own shutdown, of which
 * at most a quarter of the grace is taken. Unix ms; 0 when the pod is not terminating. */
int64_t td_pod_drain_deadline(const struct td_pod *pod, int64_t reserve_ms);

/* True when a capture that advertises address ("host:port") runs in this pod: host is the pod's IP, or its name, or a DNS name
 * that begins with its name ("ticdc-0.ticdc-peer.ns.svc:8300"). */
bool td_pod_has_address(const struct td_pod *pod, const char *address);

/* Smaller copies for the informers. NULL: out of memory. */
json_t *td_pod_project(json_t *object);
json_t *td_drain_project(json_t *object);

#endif
