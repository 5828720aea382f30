/* Lines of text over a unix stream socket: what the preStop hook speaks with the sidecar. The socket's directory is the
 * authentication. A line is at most 4096 bytes; a longer one, or one with a 0 inside, closes the connection. At most 16
 * connections; one more is closed unheard. What a peer sent after its last newline is dropped when it closes. */
#ifndef TD_NET_LINE_SERVER_H
#define TD_NET_LINE_SERVER_H

#include "base/error.h"
#include "net/loop.h"

struct td_line_server;
struct td_line_peer;

struct td_line_handlers {
	/* All three must be set. A peer may be sent to and finished in each; in closed both do nothing. */
	void (*opened)(struct td_line_peer *peer, void *userdata);
	void (*line)(struct td_line_peer *peer, const char *line, void *userdata); /* without the newline */
	void (*closed)(struct td_line_peer *peer, void *userdata);		   /* the peer is gone after this */
};

/* Removes a stale socket at path, binds with mode 0660. NULL on failure with *err set (path too long, no directory, another
 * process listens there). */
struct td_line_server *td_line_server_new(struct td_loop *loop, const char *path, const struct td_line_handlers *handlers,
					  void *userdata, struct td_error *err);
/* Closes everything without callbacks and removes the socket. Not from inside a handler. NULL is fine; returns NULL. */
struct td_line_server *td_line_server_free(struct td_line_server *server);

/* Queues one line (the newline is added). A peer that does not read (more than 64 KiB waiting) is closed later. */
void td_line_send(struct td_line_peer *peer, const char *line);

/* Closes after what is queued has been written. closed is still called, later. */
void td_line_finish(struct td_line_peer *peer);

#endif
