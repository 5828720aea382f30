/* The daemon's HTTP endpoints: /healthz, /readyz, /metrics. What each metric means stands in docs/metrics.md; a test holds the
 * two together. */
#ifndef TD_SIDECAR_ENDPOINTS_H
#define TD_SIDECAR_ENDPOINTS_H

#include "base/buf.h"
#include "coordinator/core.h"
#include "net/http_server.h"
#include "sidecar/agent.h"

/* A picture of the daemon, taken when somebody asks. */
struct td_endpoints_state {
	bool synced;	      /* both informers have their first list */
	int64_t staleness_ms; /* of the older of the two; -1 before the first list */
	bool leading;
	uint64_t kube_failures;
	struct td_agent_summary agent;
	struct td_core_summary core;	 /* zeros unless leading */
	uint32_t phases[TD_PHASE_COUNT]; /* DrainRequests by phase */
	const struct td_ticdc_client *ticdc;
};

/* Embedded by its owner; look fills in the picture. */
struct td_endpoints {
	void (*look)(struct td_endpoints_state *ret, void *userdata);
	void *userdata;
};

/* Registers the three routes; endpoints must outlive the server. False: out of memory. */
bool td_endpoints_register(struct td_endpoints *endpoints, struct td_http_server *server);

/* The text of /metrics. False: out of memory. */
bool td_endpoints_metrics(const struct td_endpoints_state *state, struct td_buf *out);

/* NULL when ready, else why not. */
const char *td_endpoints_not_ready(const struct td_endpoints_state *state);

#endif
