/* The gate: what the preStop hook waits at. Lines over a unix socket in a directory that only this pod's containers share.
 *
 *	hook:     wait
 *	sidecar:  progress <deadline> <text>     any number; deadline in unix ms, 0 while unknown
 *	sidecar:  open <Outcome> <text>          the last line; then the sidecar closes
 *
 * A hook that connects again, or a second one, is told the same. Once opened the gate never shuts again. The hook must not
 * take a closed connection for "open": it reconnects until the last deadline it was told. */
#ifndef TD_SIDECAR_GATE_H
#define TD_SIDECAR_GATE_H

#include "net/line_server.h"

struct td_gate;

/* waiting: called with true when a hook begins to wait, with false when the last one is gone without the gate having opened. */
struct td_gate *td_gate_new(struct td_loop *loop, const char *path, void (*waiting)(bool anybody, void *userdata),
			    void *userdata, struct td_error *err);
struct td_gate *td_gate_free(struct td_gate *gate); /* returns NULL */

bool td_gate_is_waited_at(const struct td_gate *gate);
bool td_gate_is_open(const struct td_gate *gate);

/* Tells every hook, and those that come later, unless it is what they heard last. */
void td_gate_progress(struct td_gate *gate, int64_t deadline_wall_ms, const char *text);

/* outcome: one word ("Drained", "TimedOut", ...). Only the first call counts. */
void td_gate_open(struct td_gate *gate, const char *outcome, const char *text);

/* Lets the hooks that wait now go, and stays shut for those that come later: the container restarts, the pod does not stop. */
void td_gate_dismiss(struct td_gate *gate, const char *outcome, const char *text);

#endif
