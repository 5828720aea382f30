/* Acknowledgements: "the sidecar beside this capture has seen that the drain is on, under this epoch."
 *
 * The rule: whenever a DrainRequest is Draining or Verifying under an epoch that our own capture has not acknowledged, write
 * status.acknowledged = {<our capture id>: <epoch>}. Not when our own pod is terminating, or not known not to be; not when our
 * capture's id is unknown; not when our capture is the one being drained. The coordinator gives work only to captures that have
 * acknowledged: what does not know that it is leaving, or cannot be asked, gets none.
 *
 * The write is a merge patch of that one entry without a resourceVersion: agents do not conflict with each other or with the
 * coordinator. It is idempotent, and at most one is under way.
 *
 * The id is asked of the capture itself while a drain is on, and again every few seconds, because its process may restart under a
 * sidecar that stays. While no drain is on nothing is asked at all. */
#ifndef TD_SIDECAR_ACKNOWLEDGE_H
#define TD_SIDECAR_ACKNOWLEDGE_H

#include "kube/informer.h"
#include "ticdc/client.h"

struct td_acknowledger;

/* All borrowed; they outlive the acknowledger. */
struct td_acknowledger_options {
	struct td_loop *loop;
	struct td_kube_client *kube;
	struct td_ticdc_client *ticdc;
	const struct td_informer *pods, *drains;
	const char *namespace_, *pod_name, *pod_uid;
	const char *cluster;	   /* only this one's drains are acknowledged; NULL: all */
	const char *ticdc_address; /* our capture */
};

/* NULL: out of memory. */
struct td_acknowledger *td_acknowledger_new(const struct td_acknowledger_options *options);
struct td_acknowledger *td_acknowledger_free(struct td_acknowledger *acknowledger); /* gives up what is under way; NULL */

/* Something that the informers hold has changed. */
void td_acknowledger_changed(struct td_acknowledger *acknowledger);

/* SIGTERM came: our pod may be leaving although nobody has told us. Nothing is acknowledged from here on. */
void td_acknowledger_stop(struct td_acknowledger *acknowledger);

#endif
