/* What is said when the gate of a terminating pod opens: the same sentence for the hook, the object, the event and the log. Whoever
 * reads only that one must not take a release by policy for a drain, so it says first what was not moved. Pure. */
#ifndef TD_SIDECAR_RELEASE_H
#define TD_SIDECAR_RELEASE_H

#include "sidecar/drainrequest.h"

#define TD_RELEASE_TEXT_MAX (2 * TD_TEXT_MAX)

/* Without a proof. request: NULL when there is none. why: a sentence, why there is no proof. */
void td_release_by_policy_text(const struct td_drain_object *request, int64_t waited_ms, const char *why, char *into,
			       size_t size);

/* What each witness said last, how often and when, of which capture and under which of TiCDC's coordinators and epoch. */
void td_release_evidence_text(const struct td_drain_object *request, char *into, size_t size);

/* What the process answered when it was asked once more: "capture X answers 0 maintainers, ...", or why it did not. */
void td_release_last_look_text(const struct td_process_view *process, char *into, size_t size);

#endif
