/* The line server, see line_server.h.
 *
 * Who may be told what, and when: a peer is made in on_accept (opened), lives through line callbacks, and ends in hang_up
 * (closed), which is the only place that frees it. hang_up runs from the loop alone, never from inside td_line_send or
 * td_line_finish: those mark the peer as ending and let its timer do it in the next turn. So a handler may send and finish
 * as it likes, and its peer stays valid until closed. After the mark nothing is read, sent or queued any more.
 *
 * The socket's path belongs to one process. Whether another one lives there is asked by connecting: a file left behind by a
 * crash refuses, and only then is it removed. */
#include "net/line_server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_BYTES_MAX 4096
#define QUEUED_BYTES_MAX 65536
#define PEERS_MAX 16
#define FINISH_S_MAX 10 /* a finished peer that does not take its last lines is not waited for longer */

struct td_line_server {
	struct td_loop *loop;
	struct evconnlistener *listener;
	struct sockaddr_un address;
	bool bound; /* the file at the path is ours to remove */
	struct td_line_handlers handlers;
	void *userdata;
	struct td_line_peer *peers;
	int count;
};

struct td_line_peer {
	struct td_line_peer *prev, *next;
	struct td_line_server *server;
	struct bufferevent *stream;
	struct td_timer *end; /* armed: hang_up in the next turn */
	bool finishing;	      /* hang up once everything is written */
	bool ending;	      /* hang up, whatever is left */
};

/* ---- one peer ---- */

static void peer_free(struct td_line_peer *peer)
{
	if (peer->stream)
		bufferevent_free(peer->stream);
	td_timer_free(peer->end);
	free(peer);
}

static void hang_up(void *userdata)
{
	struct td_line_peer *peer = userdata;
	struct td_line_server *server = peer->server;

	peer->ending = true;
	server->handlers.closed(peer, server->userdata);
	if (peer->prev)
		peer->prev->next = peer->next;
	else
		server->peers = peer->next;
	if (peer->next)
		peer->next->prev = peer->prev;
	server->count--;
	peer_free(peer);
}

static void hang_up_later(struct td_line_peer *peer)
{
	if (peer->ending)
		return;
	peer->ending = true;
	(void)bufferevent_disable(peer->stream, EV_READ | EV_WRITE);
	td_timer_arm(peer->end, 0);
}

/* Takes one line out of input. NULL: no whole line is there, or what comes cannot become one (*ret_bad). */
static char *take_line(struct evbuffer *input, bool *ret_bad)
{
	size_t len = 0;
	char *line = evbuffer_readln(input, &len, EVBUFFER_EOL_LF);

	*ret_bad = line ? len > LINE_BYTES_MAX || strlen(line) != len : evbuffer_get_length(input) > LINE_BYTES_MAX;
	if (line && *ret_bad) {
		free(line);
		line = NULL;
	}
	return line;
}

static void on_readable(struct bufferevent *stream, void *userdata)
{
	struct td_line_peer *peer = userdata;

	while (!peer->finishing && !peer->ending) {
		bool bad;
		char *line = take_line(bufferevent_get_input(stream), &bad);

		if (bad)
			hang_up_later(peer);
		if (!line)
			return;
		peer->server->handlers.line(peer, line, peer->server->userdata);
		free(line);
	}
}

static void on_written(struct bufferevent *stream, void *userdata)
{
	struct td_line_peer *peer = userdata;

	(void)stream;
	if (peer->finishing)
		hang_up_later(peer);
}

static void on_broken(struct bufferevent *stream, short what, void *userdata)
{
	(void)stream;
	(void)what; /* end of stream, error or the time of FINISH_S_MAX: the same to everybody */
	hang_up_later(userdata);
}

void td_line_send(struct td_line_peer *peer, const char *line)
{
	struct evbuffer *output = bufferevent_get_output(peer->stream);
	size_t len = strlen(line);

	if (peer->finishing || peer->ending)
		return;
	if (evbuffer_get_length(output) + len + 1 > QUEUED_BYTES_MAX || evbuffer_expand(output, len + 1) < 0 ||
	    evbuffer_add(output, line, len) < 0 || evbuffer_add(output, "\n", 1) < 0)
		hang_up_later(peer);
}

void td_line_finish(struct td_line_peer *peer)
{
	const struct timeval patience = {.tv_sec = FINISH_S_MAX};

	if (peer->finishing || peer->ending)
		return;
	peer->finishing = true;
	(void)bufferevent_disable(peer->stream, EV_READ);
	(void)bufferevent_set_timeouts(peer->stream, NULL, &patience);
	if (evbuffer_get_length(bufferevent_get_output(peer->stream)) == 0)
		hang_up_later(peer);
}

static struct td_line_peer *peer_new(struct td_line_server *server, evutil_socket_t fd)
{
	struct td_line_peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->server = server;
	peer->end = td_timer_new(server->loop, hang_up, peer);
	if (peer->end)
		peer->stream = bufferevent_socket_new(td_loop_event_base(server->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	if (!peer->stream) {
		peer_free(peer);
		return NULL;
	}
	bufferevent_setcb(peer->stream, on_readable, on_written, on_broken, peer);
	bufferevent_setwatermark(peer->stream, EV_READ, 0, LINE_BYTES_MAX + 1);
	(void)bufferevent_enable(peer->stream, EV_READ | EV_WRITE);
	return peer;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int len, void *userdata)
{
	struct td_line_server *server = userdata;
	struct td_line_peer *peer = server->count < PEERS_MAX ? peer_new(server, fd) : NULL;

	(void)listener;
	(void)address;
	(void)len;
	if (!peer) {
		(void)close(fd);
		return;
	}
	peer->next = server->peers;
	if (peer->next)
		peer->next->prev = peer;
	server->peers = peer;
	server->count++;
	server->handlers.opened(peer, server->userdata);
}

/* ---- the socket ---- */

static bool fail(struct td_error *err, const char *what, const char *path, int sys_errno)
{
	(void)td_error_set(err, TD_ERR_SYSTEM, "%s %s: %s", what, path, strerror(sys_errno));
	if (err)
		err->sys_errno = sys_errno;
	return false;
}

/* Removes what a dead process left at the path. True when the path is free afterwards. */
static bool clear_path(const struct sockaddr_un *address, struct td_error *err)
{
	struct stat st;
	int fd, failure;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? true : fail(err, "look at", address->sun_path, errno);
	if (!S_ISSOCK(st.st_mode)) {
		(void)td_error_set(err, TD_ERR_INVALID, "%s is there and is no socket", address->sun_path);
		return false;
	}
	/* Not blocking: a full backlog would hold us, and is a sign of life, too. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(err, "socket", address->sun_path, errno);
	failure = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
	(void)close(fd);
	if (failure != ECONNREFUSED) {
		(void)td_error_set(err, TD_ERR_INVALID, "%s is in use by another process", address->sun_path);
		return false;
	}
	if (unlink(address->sun_path) < 0 && errno != ENOENT)
		return fail(err, "remove", address->sun_path, errno);
	return true;
}

/* Nobody can connect before listen, so the mode between bind and chmod does not matter. */
static bool listen_at(struct td_line_server *server, struct td_error *err)
{
	const char *path = server->address.sun_path;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int failure;

	if (fd < 0)
		return fail(err, "socket", path, errno);
	server->bound = bind(fd, (const struct sockaddr *)&server->address, sizeof(server->address)) == 0;
	if (server->bound && chmod(path, 0660) == 0)
		server->listener = evconnlistener_new(td_loop_event_base(server->loop), on_accept, server,
						      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, PEERS_MAX, fd);
	if (server->listener)
		return true;
	failure = errno;
	(void)close(fd);
	return fail(err, "listen on", path, failure);
}

struct td_line_server *td_line_server_new(struct td_loop *loop, const char *path, const struct td_line_handlers *handlers,
					  void *userdata, struct td_error *err)
{
	struct td_line_server *server;

	if (strlen(path) >= sizeof(server->address.sun_path)) {
		(void)td_error_set(err, TD_ERR_INVALID, "%s: longer than %zu bytes", path,
				   sizeof(server->address.sun_path) - 1);
		return NULL;
	}
	server = calloc(1, sizeof(*server));
	if (!server) {
		(void)td_error_set(err, TD_ERR_NOMEM, "no memory for a line server");
		return NULL;
	}
	server->loop = loop;
	server->handlers = *handlers;
	server->userdata = userdata;
	server->address.sun_family = AF_UNIX;
	memcpy(server->address.sun_path, path, strlen(path));
	if (!clear_path(&server->address, err) || !listen_at(server, err))
		return td_line_server_free(server);
	return server;
}

struct td_line_server *td_line_server_free(struct td_line_server *server)
{
	if (!server)
		return NULL;
	if (server->bound)
		(void)unlink(server->address.sun_path);
	if (server->listener)
		evconnlistener_free(server->listener);
	while (server->peers) {
		struct td_line_peer *peer = server->peers;

		server->peers = peer->next;
		peer_free(peer);
	}
	free(server);
	return NULL;
}
