/* The Lease object of the API server and what the elector knows of it. Pure. */
#ifndef TD_KUBE_LEASE_H
#define TD_KUBE_LEASE_H

#include "kube/elector.h"

#include <jansson.h>

/* A missing spec is an empty record. TD_ERR_PROTOCOL: no metadata.resourceVersion (writing that back would be blind). */
enum td_error_code td_lease_read(const json_t *lease, struct td_lease_record *ret, struct td_error *err);

/* A Lease without a spec. A new tree; NULL: out of memory. */
json_t *td_lease_new(const char *namespace_, const char *name);

/* A copy of lease that says what action (CREATE or UPDATE) wants: only our fields of spec differ, so that labels, owner
 * references and fields of later Kubernetes versions stay. A new tree; NULL: out of memory. */
json_t *td_lease_change(const json_t *lease, const struct td_elector_action *action, int64_t wall_ms);

#endif
