/* The DrainRequest object (drain.ticdc.dev/v1alpha1): its spec and status as C values, and its status as JSON. The field names
 * stand in this file's .c alone; a test holds them against manifests/crd.yaml. */
#ifndef TD_SIDECAR_DRAINREQUEST_H
#define TD_SIDECAR_DRAINREQUEST_H

#include "coordinator/core.h"
#include "kube/client.h"

#include <jansson.h>

#define TD_DRAIN_GROUP "drain.ticdc.dev"
#define TD_DRAIN_VERSION "v1alpha1"

/* How many captures status.acknowledged may name, as in the CRD: every process that was there during a drain. */
#define TD_ACKNOWLEDGED_MAX 1024

/* The largest batchSize and timeoutSeconds, as in the CRD. */
#define TD_DRAIN_BATCH_MAX 1000
#define TD_DRAIN_TIMEOUT_MAX_S 604800

extern const struct td_kube_resource td_drainrequests;

/* Property names, ended by NULL: what spec may hold, what status holds. */
extern const char *const td_drain_spec_fields[];
extern const char *const td_drain_status_fields[];

/* Strings are borrowed from the object. */
struct td_drain_object {
	const char *name, *uid, *resource_version;
	int64_t created_wall_ms;
	int64_t generation;

	/* spec */
	const char *pod, *capture; /* NULL when absent */
	int64_t batch_size;	   /* 0 when absent */
	int64_t timeout_seconds;   /* 0 when absent */
	bool hold;		   /* onTimeout: Hold */
	bool dry_run;
	char invalid[TD_TEXT_MAX]; /* what is wrong with the spec, naming field and value; "" when it is fine */

	/* status */
	enum td_phase phase;					      /* Pending when absent */
	const char *reason;					      /* "" when absent */
	const char *message;					      /* "" when absent */
	const char *status_capture, *status_address, *status_pod_uid; /* "" when absent */
	enum td_family family;					      /* UNKNOWN when absent, or of a later version */
	uint64_t epoch;
	struct td_counts initial;
	bool remaining_known; /* false: never read, or not readable */
	struct td_counts remaining;
	const char *last_read;	 /* the date of remaining; "" when the process' last read failed, or when absent */
	int64_t started_wall_ms; /* 0 when absent */
	json_t *witnesses;	 /* NULL when absent; not checked */
	json_t *acknowledged;	 /* NULL when absent; checked: read it with the two functions below */
};

/* False when the object is no DrainRequest at all (no name or uid, a status that makes no sense): *err says so. */
bool td_drain_read(struct td_drain_object *ret, json_t *object, struct td_error *err);

/* The captures whose agents have acknowledged this drain, each with the epoch that it acknowledged. Returns how many; strings are
 * borrowed from the object. */
size_t td_drain_acknowledgements(const struct td_drain_object *object, struct td_acknowledgement ret[TD_ACKNOWLEDGED_MAX]);

/* The epoch that this capture's agent has acknowledged; 0: none. */
uint64_t td_drain_acknowledged_by(const struct td_drain_object *object, const char *capture);

/* What the shell knows beyond the core's view. */
struct td_drain_context {
	const char *worker;		   /* identity of the sidecar that coordinates */
	const char *pod_uid;		   /* of the pod being drained; "" when unknown */
	int64_t generation;		   /* that was acted upon */
	int64_t now_ms, now_wall_ms;	   /* to turn the view's clock into dates */
	json_t *conditions;		   /* as they stand in the object, so that transition times are kept; may be NULL */
	const char *start_time, *deadline; /* the same for these two dates */
};

/* A new merge patch {"status": {...}} for the view; the caller adds metadata.resourceVersion. NULL: out of memory. */
json_t *td_drain_status_patch(const struct td_request_view *view, const struct td_drain_context *context);

/* A new DrainRequest for a terminating pod, owned by it. NULL: out of memory. */
json_t *td_drain_for_pod(const char *name, const char *namespace_, const char *cluster, const char *pod, const char *pod_uid,
			 bool hold);

/* What somebody asked for through the API. */
struct td_drain_wish {
	const char *name, *namespace_, *cluster, *capture;
	const char *user;		     /* who */
	int64_t batch_size, timeout_seconds; /* 0: not given */
	bool dry_run;
};

/* A new DrainRequest for it; its reason names the user. NULL: out of memory. */
json_t *td_drain_for_capture(const struct td_drain_wish *wish);

/* Of two TiCDC clusters in one namespace each coordinator works on its own requests: those whose label drain.ticdc.dev/cluster is its
 * --cluster. Without the label a request is one of the default cluster, "ticdc". Never NULL. */
#define TD_DRAIN_CLUSTER_LABEL TD_DRAIN_GROUP "/cluster"
#define TD_DRAIN_CLUSTER_DEFAULT "ticdc"
const char *td_drain_cluster(const json_t *object);

/* A new merge patch that says that the gate was opened: phase and the proof. evidence: what each witness said, in words. process may be
 * NULL. NULL: out of memory. */
json_t *td_drain_released_patch(enum td_phase phase, const char *outcome, const char *message, const char *evidence,
				int64_t now_wall_ms, const struct td_process_view *process);

#endif
