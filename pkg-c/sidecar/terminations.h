/* When the grace period of a terminating pod really ends, by our own clock.
 *
 * A deletionTimestamp is a moment on the API server's clock. A node whose clock is two minutes fast would take it for long past, end
 * every drain at once and open every gate. So the moment at which we first see that a pod is terminating counts: seen alive before
 * by this very process, it has its whole grace from then on; otherwise the date decides, but never for more than the grace and never
 * for less than nothing. What was decided once for a pod (by uid) stands. */
#ifndef TD_SIDECAR_TERMINATIONS_H
#define TD_SIDECAR_TERMINATIONS_H

#include "sidecar/cluster_view.h"

struct td_terminations;

struct td_terminations *td_terminations_new(void);				    /* NULL: out of memory */
struct td_terminations *td_terminations_free(struct td_terminations *terminations); /* returns NULL */

/* A pod as it stands now, or is gone. now_ms: monotonic; wall_ms: ours. */
void td_terminations_seen(struct td_terminations *terminations, const struct td_pod *pod, int64_t now_ms, int64_t wall_ms);
void td_terminations_gone(struct td_terminations *terminations, const char *uid);

/* Puts the real end, as a date on our own clock, in place of pod->deletion_wall_ms. terminations may be NULL: nothing changes. */
void td_terminations_correct(struct td_terminations *terminations, struct td_pod *pod, int64_t now_ms, int64_t wall_ms);

#endif
