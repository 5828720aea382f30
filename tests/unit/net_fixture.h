/* For the tests of pkg-c/net: a loop with a watchdog, a raw TCP peer that follows a script, a raw client, and certificates.
 * Everything runs in one process and one loop, over real loopback sockets. Nothing sleeps: waiting is the loop's business.
 */
#ifndef NET_FIXTURE_H
#define NET_FIXTURE_H

#include "base/buf.h"
#include "net/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WATCHDOG_MS 20000

/* ---- the loop ---- */

struct rig {
	struct td_loop *loop;
	struct td_timer *watchdog;
	struct td_timer *pause;
	bool hung;
};

static inline void rig_on_watchdog(void *userdata)
{
	struct rig *rig = userdata;

	rig->hung = true;
	td_loop_stop(rig->loop);
}

static inline void rig_on_pause(void *userdata)
{
	td_loop_stop(((struct rig *)userdata)->loop);
}

static inline void rig_init(struct rig *rig)
{
	*rig = (struct rig){.loop = td_loop_new()};
	rig->watchdog = td_timer_new(rig->loop, rig_on_watchdog, rig);
	rig->pause = td_timer_new(rig->loop, rig_on_pause, rig);
	assert_non_null(rig->watchdog);
	assert_non_null(rig->pause);
}

static inline void rig_done(struct rig *rig)
{
	td_timer_free(rig->watchdog);
	td_timer_free(rig->pause);
	td_loop_free(rig->loop);
}

/* Until a callback stops the loop. */
static inline void rig_run(struct rig *rig)
{
	td_timer_arm(rig->watchdog, WATCHDOG_MS);
	td_loop_run(rig->loop);
	td_timer_disarm(rig->watchdog);
	assert_false(rig->hung);
}

/* To see that nothing (more) happens. */
static inline void rig_run_for(struct rig *rig, int ms)
{
	td_timer_arm(rig->pause, ms);
	td_loop_run(rig->loop);
}

/* ---- a TCP peer that answers the n-th request by the n-th script (the last one for all that follow) ---- */

enum script_end { KEEP_OPEN, CLOSE, RESET };

struct script {
	const char *bytes;
	size_t len;   /* 0: of the text */
	size_t split; /* the first piece; 0: no split */
	size_t piece; /* all further pieces; 0: all that is left */
	int pause_ms; /* between pieces; 0: the next turn */
	enum script_end end;
};

#define PEER_CONNECTIONS 64

struct raw_peer;

struct raw_connection {
	struct raw_peer *peer;
	int fd;
	struct event *readable;
	struct td_timer *turn;
	const struct script *script; /* being sent; NULL: none */
	size_t sent;
	struct td_buf request;
};

struct raw_peer {
	struct rig *rig;
	int fd, port;
	struct event *acceptable;
	const struct script *scripts;
	int script_count;
	int requests;
	int accepted;
	struct td_buf seen; /* all requests, as they came */
	struct raw_connection connections[PEER_CONNECTIONS];
};

static inline void raw_close(struct raw_connection *connection, enum script_end how)
{
	const struct linger now = {.l_onoff = 1};

	if (connection->fd < 0)
		return;
	if (how == RESET)
		(void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	event_free(connection->readable);
	td_timer_free(connection->turn);
	td_buf_done(&connection->request);
	close(connection->fd);
	connection->fd = -1;
}

static inline void raw_send_piece(void *userdata)
{
	struct raw_connection *connection = userdata;
	const struct script *script = connection->script;
	size_t len = script->len ? script->len : strlen(script->bytes);
	size_t piece = connection->sent == 0 && script->split ? script->split : script->piece;
	ssize_t sent;

	if (piece == 0 || piece > len - connection->sent)
		piece = len - connection->sent;
	sent = send(connection->fd, script->bytes + connection->sent, piece, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN) {
		raw_close(connection, CLOSE);
		return;
	}
	connection->sent += sent > 0 ? (size_t)sent : 0;
	if (connection->sent < len) {
		td_timer_arm(connection->turn, script->pause_ms);
		return;
	}
	connection->script = NULL;
	if (script->end != KEEP_OPEN)
		raw_close(connection, script->end);
}

static inline void raw_on_readable(evutil_socket_t fd, short what, void *userdata)
{
	struct raw_connection *connection = userdata;
	struct raw_peer *peer = connection->peer;
	char bytes[4096];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

	(void)what;
	if (got <= 0) {
		raw_close(connection, CLOSE);
		return;
	}
	assert_true(td_buf_append(&peer->seen, bytes, (size_t)got));
	assert_true(td_buf_append(&connection->request, bytes, (size_t)got));
	if (strstr(td_buf_text(&connection->request), "\r\n\r\n") && !connection->script) {
		int n = peer->requests++;

		td_buf_clear(&connection->request);
		connection->script = &peer->scripts[n < peer->script_count ? n : peer->script_count - 1];
		connection->sent = 0;
		raw_send_piece(connection);
	}
}

static inline void raw_on_acceptable(evutil_socket_t fd, short what, void *userdata)
{
	struct raw_peer *peer = userdata;
	struct raw_connection *connection = &peer->connections[peer->accepted++];
	int on = 1;

	(void)what;
	assert_true(peer->accepted <= PEER_CONNECTIONS);
	*connection = (struct raw_connection){.peer = peer};
	connection->fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(connection->fd >= 0);
	(void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	td_buf_init(&connection->request, 1 << 22);
	connection->turn = td_timer_new(peer->rig->loop, raw_send_piece, connection);
	connection->readable = event_new(td_loop_event_base(peer->rig->loop), connection->fd, EV_READ | EV_PERSIST,
					 raw_on_readable, connection);
	event_add(connection->readable, NULL);
}

static inline void raw_peer_init(struct raw_peer *peer, struct rig *rig, const struct script *scripts, int count)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	*peer = (struct raw_peer){.rig = rig, .scripts = scripts, .script_count = count};
	for (int i = 0; i < PEER_CONNECTIONS; i++)
		peer->connections[i].fd = -1;
	td_buf_init(&peer->seen, 1 << 22);
	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_return_code(bind(peer->fd, (struct sockaddr *)&address, sizeof(address)), errno);
	assert_return_code(listen(peer->fd, 64), errno);
	assert_return_code(getsockname(peer->fd, (struct sockaddr *)&address, &len), errno);
	peer->port = ntohs(address.sin_port);
	peer->acceptable = event_new(td_loop_event_base(rig->loop), peer->fd, EV_READ | EV_PERSIST, raw_on_acceptable, peer);
	event_add(peer->acceptable, NULL);
}

static inline void raw_peer_done(struct raw_peer *peer)
{
	for (int i = 0; i < PEER_CONNECTIONS; i++)
		raw_close(&peer->connections[i], CLOSE);
	event_free(peer->acceptable);
	close(peer->fd);
	td_buf_done(&peer->seen);
}

/* ---- a raw client: sends bytes, collects what comes until the other side closes, then stops the loop ---- */

struct raw_client {
	struct rig *rig;
	int fd;
	struct event *readable;
	struct td_buf got;
	bool closed;
};

static inline void raw_client_on_readable(evutil_socket_t fd, short what, void *userdata)
{
	struct raw_client *client = userdata;
	char bytes[4096];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

	(void)what;
	if (got > 0) {
		assert_true(td_buf_append(&client->got, bytes, (size_t)got));
		return;
	}
	client->closed = true;
	event_del(client->readable);
	td_loop_stop(client->rig->loop);
}

static inline void raw_client_init(struct raw_client *client, struct rig *rig, const struct sockaddr *address, socklen_t len)
{
	*client = (struct raw_client){.rig = rig};
	td_buf_init(&client->got, 1 << 22);
	client->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(connect(client->fd, address, len), errno);
	evutil_make_socket_nonblocking(client->fd);
	client->readable =
		event_new(td_loop_event_base(rig->loop), client->fd, EV_READ | EV_PERSIST, raw_client_on_readable, client);
	event_add(client->readable, NULL);
}

static inline void raw_client_init_tcp(struct raw_client *client, struct rig *rig, int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};

	raw_client_init(client, rig, (struct sockaddr *)&address, sizeof(address));
}

static inline void raw_client_send(struct raw_client *client, const void *bytes, size_t len)
{
	assert_int_equal(send(client->fd, bytes, len, MSG_NOSIGNAL), len);
}

static inline void raw_client_done(struct raw_client *client)
{
	event_free(client->readable);
	close(client->fd);
	td_buf_done(&client->got);
}

#endif
