/* Cuts a watch stream into its lines: one line, one JSON event. Pure: bytes in at any split, complete lines out. */
#ifndef TD_KUBE_WATCH_FRAMER_H
#define TD_KUBE_WATCH_FRAMER_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

#define TD_WATCH_EVENT_MAX (4u << 20) /* bytes of one event; etcd refuses objects of more than 1.5 MiB */

struct td_watch_framer {
	struct td_buf partial;	    /* the beginning of a line whose end has not come */
	enum td_error_code failure; /* once not TD_OK, the rest of the stream is ignored */
	uint64_t bytes;		    /* received */
	uint64_t scanned;	    /* searched for a line end: equal to bytes unless failed */
	uint64_t copied;	    /* kept because their line was not complete: never more than bytes */
	uint64_t lines;		    /* handed out */
};

/* line is not terminated by 0 and lives for the time of the call. Return false to stop: what follows is ignored. */
typedef bool (*td_watch_line_fn)(const char *line, size_t len, void *userdata);

void td_watch_framer_init(struct td_watch_framer *framer, size_t event_max);
void td_watch_framer_done(struct td_watch_framer *framer);

/* Forgets the partial line and the failure, for a new stream. The counters go on. */
void td_watch_framer_restart(struct td_watch_framer *framer);

/* Takes the next bytes; calls on_line for each line that ends in them. Empty lines are skipped.
 * TD_ERR_TOO_LARGE: a line beyond event_max. TD_ERR_NOMEM. TD_ERR_CANCELLED: on_line said stop. The same ever after. */
enum td_error_code td_watch_framer_feed(struct td_watch_framer *framer, const char *bytes, size_t len,
					td_watch_line_fn on_line, void *userdata);

#endif
