/* A scripted TiCDC for the tests of pkg-c/ticdc: a few HTTP servers ("nodes") on loopback, in the loop of the test. Each
 * node answers by the first rule that fits; without one it answers gin's 404 page. "@0" to "@3" in bodies become the nodes'
 * addresses. Every request is written to the log as "NODE METHOD URI[ BODY]\n". Nothing sleeps; a watchdog ends a test that
 * hangs. */
#ifndef TICDC_PEER_H
#define TICDC_PEER_H

#include "base/buf.h"
#include "ticdc/client.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODES 4
#define ANY (-1)
#define JSON "application/json; charset=utf-8"
#define TEXT "text/plain; version=0.0.4; charset=utf-8"
#define WATCHDOG_MS 20000
#define DEADLINE_MS 300 /* of a request in these tests */

struct rule {
	int node;	     /* or ANY */
	const char *request; /* "GET /status"; a trailing * fits any rest */
	int times;	     /* 0: always */
	int status;	     /* 0: never answers; -1: closes the connection */
	const char *type, *body;
};

struct peer;

struct node {
	struct peer *peer;
	struct evhttp *http;
	char address[64];
};

struct peer {
	struct td_loop *loop;
	struct td_http_client *http;
	struct td_ticdc_client *client;
	struct td_timer *watchdog;
	struct node nodes[NODES];
	const struct rule *rules;
	int used[64]; /* by rule */
	struct td_buf log;
	int delay_ms;	  /* of every answer */
	int active, most; /* delayed answers under way */
	int wrong_hosts;
	bool hung;
};

struct delayed {
	struct peer *peer;
	struct evhttp_request *request;
	const struct rule *rule;
};

static inline void send_reply(struct peer *peer, struct evhttp_request *request, const struct rule *rule)
{
	struct evbuffer *body = evbuffer_new();

	if (rule->type && rule->type[0])
		evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", rule->type);
	for (const char *p = rule->body ? rule->body : ""; *p; p++) {
		if (*p == '@' && p[1] >= '0' && p[1] < '0' + NODES)
			evbuffer_add_printf(body, "%s", peer->nodes[*++p - '0'].address);
		else
			evbuffer_add(body, p, 1);
	}
	evhttp_send_reply(request, rule->status, "Scripted", body);
	evbuffer_free(body);
}

static inline void on_delay(evutil_socket_t fd, short what, void *userdata)
{
	struct delayed *delayed = userdata;

	(void)fd, (void)what;
	delayed->peer->active--;
	send_reply(delayed->peer, delayed->request, delayed->rule);
	free(delayed);
}

static inline void delay_reply(struct peer *peer, struct evhttp_request *request, const struct rule *rule)
{
	struct timeval tv = {.tv_usec = peer->delay_ms * 1000L};
	struct delayed *delayed = malloc(sizeof(*delayed));

	*delayed = (struct delayed){peer, request, rule};
	if (++peer->active > peer->most)
		peer->most = peer->active;
	event_base_once(td_loop_event_base(peer->loop), -1, EV_TIMEOUT, on_delay, delayed, &tv);
}

static inline bool fits(const struct rule *rule, const char *request)
{
	size_t len = strlen(rule->request);

	return rule->request[len - 1] == '*' ? strncmp(rule->request, request, len - 1) == 0
					     : strcmp(rule->request, request) == 0;
}

/* The question whether keyspaces have to be asked for. Without a rule of its own it is answered as a classic kernel does, and not
 * logged. */
static inline bool is_kernel_probe(const char *request)
{
	return strstr(request, "keyspace=ticdc-drain-probe&") != NULL;
}

static inline const struct rule *find_rule(struct peer *peer, int node, const char *request)
{
	static const struct rule unknown = {.status = 404, .type = "text/plain", .body = "404 page not found"};
	static const struct rule classic_kernel = {.status = 200, .type = JSON, .body = "{\"total\":0,\"items\":[]}"};

	for (int i = 0; peer->rules && peer->rules[i].request; i++) {
		const struct rule *rule = &peer->rules[i];

		if ((rule->node == ANY || rule->node == node) && fits(rule, request) &&
		    (rule->times == 0 || peer->used[i] < rule->times)) {
			peer->used[i]++;
			return rule;
		}
	}
	return is_kernel_probe(request) ? &classic_kernel : &unknown;
}

static inline void on_request(struct evhttp_request *request, void *userdata)
{
	struct node *node = userdata;
	struct peer *peer = node->peer;
	const char *method = evhttp_request_get_command(request) == EVHTTP_REQ_GET    ? "GET"
			     : evhttp_request_get_command(request) == EVHTTP_REQ_PUT  ? "PUT"
			     : evhttp_request_get_command(request) == EVHTTP_REQ_POST ? "POST"
										      : "?";
	const char *host = evhttp_find_header(evhttp_request_get_input_headers(request), "Host");
	struct evbuffer *input = evhttp_request_get_input_buffer(request);
	const struct rule *rule;
	char line[1024];

	(void)snprintf(line, sizeof(line), "%s %s", method, evhttp_request_get_uri(request));
	if (!is_kernel_probe(line)) {
		(void)td_buf_append_format(&peer->log, "%d %s%s", (int)(node - peer->nodes), line,
					   evbuffer_get_length(input) ? " " : "");
		(void)td_buf_append(&peer->log, evbuffer_pullup(input, -1), evbuffer_get_length(input));
		(void)td_buf_append_text(&peer->log, "\n");
	}
	if (!host || strcmp(host, node->address) != 0)
		peer->wrong_hosts++;
	rule = find_rule(peer, (int)(node - peer->nodes), line);
	if (rule->status == -1)
		evhttp_connection_free(evhttp_request_get_connection(request));
	else if (rule->status != 0 && peer->delay_ms)
		delay_reply(peer, request, rule);
	else if (rule->status != 0)
		send_reply(peer, request, rule);
}

static inline void on_watchdog(void *userdata)
{
	struct peer *peer = userdata;

	peer->hung = true;
	td_loop_stop(peer->loop);
}

static inline void peer_client(struct peer *peer, const char *user, const char *password_file)
{
	td_ticdc_client_free(peer->client);
	peer->client = td_ticdc_client_new(peer->loop, peer->http,
					   &(struct td_ticdc_options){.user = user,
								      .password_file = password_file,
								      .connect_timeout_ms = DEADLINE_MS,
								      .total_timeout_ms = DEADLINE_MS});
	assert_non_null(peer->client);
}

static inline int peer_setup(void **state)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	peer->loop = td_loop_new();
	peer->http = td_http_client_new(peer->loop);
	peer_client(peer, NULL, NULL);
	peer->watchdog = td_timer_new(peer->loop, on_watchdog, peer);
	td_buf_init(&peer->log, 1 << 20);
	for (int i = 0; i < NODES; i++) {
		struct evhttp_bound_socket *bound;
		struct sockaddr_storage name;
		socklen_t len = sizeof(name);
		struct node *node = &peer->nodes[i];

		node->peer = peer;
		node->http = evhttp_new(td_loop_event_base(peer->loop));
		bound = evhttp_bind_socket_with_handle(node->http, "127.0.0.1", 0);
		assert_non_null(bound);
		assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&name, &len), 0);
		(void)snprintf(node->address, sizeof(node->address), "127.0.0.1:%d",
			       ntohs(((struct sockaddr_in *)&name)->sin_port));
		evhttp_set_gencb(node->http, on_request, node);
	}
	*state = peer;
	return 0;
}

static inline int peer_teardown(void **state)
{
	struct peer *peer = *state;

	td_ticdc_client_free(peer->client);
	td_http_client_free(peer->http);
	td_timer_free(peer->watchdog);
	for (int i = 0; i < NODES; i++)
		evhttp_free(peer->nodes[i].http);
	td_loop_free(peer->loop);
	td_buf_done(&peer->log);
	free(peer);
	return 0;
}

static inline void peer_script(struct peer *peer, const struct rule *rules)
{
	peer->rules = rules;
	memset(peer->used, 0, sizeof(peer->used));
	td_buf_clear(&peer->log);
}

/* Until a callback stops the loop. */
static inline void peer_run(struct peer *peer)
{
	td_timer_arm(peer->watchdog, WATCHDOG_MS);
	td_loop_run(peer->loop);
	td_timer_disarm(peer->watchdog);
	assert_false(peer->hung);
	assert_int_equal(peer->wrong_hosts, 0);
}

/* Runs for a while in which nothing may happen any more: what was cancelled stays silent. */
static inline void on_quiet(void *userdata)
{
	td_loop_stop(((struct peer *)userdata)->loop);
}

static inline void peer_run_quiet(struct peer *peer)
{
	struct td_timer *timer = td_timer_new(peer->loop, on_quiet, peer);

	assert_non_null(timer);
	td_timer_arm(timer, 2 * DEADLINE_MS);
	peer_run(peer);
	td_timer_free(timer);
}

#define peer_test(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

#endif
