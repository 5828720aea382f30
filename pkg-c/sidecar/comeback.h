/* Which pods come back after a drain: the moment to even the load, because the process that was emptied takes work again.
 *
 * The rule: a pod turns Ready, and a DrainRequest for a pod of its name has ended in family M. A terminating pod's own request is
 * owned by it and goes with it, most often before its successor is Ready: one that was deleted still counts, once.
 *
 * Every sidecar keeps this, whether it coordinates or not: the pod that comes back may be that of the former coordinator. It is fed
 * with what the informers tell, has no sockets and no clock, and asks nobody anything. */
#ifndef TD_SIDECAR_COMEBACK_H
#define TD_SIDECAR_COMEBACK_H

#include "kube/store.h"

#include <stdbool.h>

struct td_comeback;

struct td_comeback *td_comeback_new(void); /* NULL: out of memory */
struct td_comeback *td_comeback_free(struct td_comeback *comeback);

void td_comeback_drain_changed(struct td_comeback *comeback, enum td_informer_change change, json_t *object);

/* True when with this change a pod has come back. listing: told by the very first list: a pod that is Ready already did not just
 * become so. Out of memory means false: the load stays as it is. */
bool td_comeback_pod_changed(struct td_comeback *comeback, enum td_informer_change change, json_t *object, bool listing);

#endif
