/* One request of the HTTP server: what its handler is given, and answers that come later than the handler returns. */
#include "net/http_server.h"

#include "net_certificates.h"
#include "net_client.h"

struct host {
	struct rig rig;
	struct td_http_server *server;
	struct td_http_exchange *waiting[4]; /* deferred */
	int deferred, gone;
};

/* Answers with what it was asked: "parameter|header|body". */
static void on_echo(struct td_http_exchange *exchange, void *userdata)
{
	size_t parameter_len, body_len;
	const char *parameter = td_http_parameter(exchange, &parameter_len), *body = td_http_body(exchange, &body_len);
	const char *header = td_http_header(exchange, "x-thing");
	char text[512];

	(void)userdata;
	(void)snprintf(text, sizeof(text), "%.*s|%s|%.*s", (int)parameter_len, parameter, header ? header : "none",
		       (int)body_len, body);
	assert_true(td_http_add_header(exchange, "X-Other", "yes"));
	td_http_reply(exchange, 200, "text/plain", text, strlen(text));
}

static void on_gone(void *userdata)
{
	struct host *host = userdata;

	host->gone++;
	td_loop_stop(host->rig.loop);
}

static void on_later(struct td_http_exchange *exchange, void *userdata)
{
	struct host *host = userdata;

	host->waiting[host->deferred++] = exchange;
	td_http_defer(exchange, on_gone, host);
	td_loop_stop(host->rig.loop);
}

/* Defers, then answers all the same before it returns. */
static void on_now(struct td_http_exchange *exchange, void *userdata)
{
	td_http_defer(exchange, on_gone, userdata);
	td_http_reply(exchange, 200, "text/plain", "now", 3);
}

static struct td_http_server_options plain_options(void)
{
	return (struct td_http_server_options){.listen = "127.0.0.1:0", .body_max = 1024, .idle_timeout_s = 1};
}

static void host_init(struct host *host, const struct td_http_server_options *options)
{
	struct td_error err;

	*host = (struct host){0};
	rig_init(&host->rig);
	host->server = td_http_server_new(host->rig.loop, options, &err);
	assert_non_null(host->server);
	assert_true(td_http_server_on(host->server, "PUT", "/echo/{}/it", on_echo, host));
	assert_true(td_http_server_on(host->server, "GET", "/later", on_later, host));
	assert_true(td_http_server_on(host->server, "GET", "/now", on_now, host));
}

static void host_done(struct host *host)
{
	assert_null(td_http_server_free(host->server));
	rig_done(&host->rig);
}

/* Sends bytes and returns all that comes until the server closes. */
static const char *converse(struct host *host, struct raw_client *client, const void *bytes, size_t len)
{
	raw_client_init_tcp(client, &host->rig, td_http_server_port(host->server));
	raw_client_send(client, bytes, len);
	rig_run(&host->rig);
	return td_buf_text(&client->got);
}

/* ---- what handlers are given ---- */

static void handler_sees_parameter_header_and_body(void **state)
{
	static const struct {
		const char *ask, *answer;
	} cases[] = {
		{"PUT /echo/a-1/it?x=/y HTTP/1.1\r\nHost: x\r\nX-Thing: t\r\nConnection: close\r\nContent-Length: "
		 "2\r\n\r\nhi",
		 "\r\n\r\na-1|t|hi"},
		{"PUT /echo/%2f/it HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "\r\n\r\n%2f|none|"},
		{"PUT /echo/a/it HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
		 "2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n",
		 "\r\n\r\na|none|hi!"},
	};
	struct td_http_server_options options = plain_options();
	struct host host;

	(void)state;
	host_init(&host, &options);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct raw_client client;
		const char *answer = converse(&host, &client, cases[i].ask, strlen(cases[i].ask));

		assert_non_null(strstr(answer, "X-Other: yes\r\n"));
		assert_string_equal(strstr(answer, "\r\n\r\n"), cases[i].answer);
		raw_client_done(&client);
	}
	host_done(&host);
}

/* ---- answers that come later ---- */

#define LATER "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
#define LAST "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void answer_may_come_later_and_in_any_order(void **state)
{
	struct td_http_server_options options = plain_options();
	struct raw_client clients[2];
	struct host host;

	(void)state;
	host_init(&host, &options);
	for (int i = 0; i < 2; i++) {
		raw_client_init_tcp(&clients[i], &host.rig, td_http_server_port(host.server));
		raw_client_send(&clients[i], LAST, strlen(LAST));
		rig_run(&host.rig);
	}
	assert_int_equal(host.deferred, 2);
	rig_run_for(&host.rig, 1500); /* longer than the idle time: that is for clients, not for us */
	for (int i = 1; i >= 0; i--) {
		td_http_reply(host.waiting[i], 202, "text/plain", i ? "second" : "first", i ? 6 : 5);
		rig_run(&host.rig);
		assert_non_null(strstr(td_buf_text(&clients[i].got), i ? "\r\n\r\nsecond" : "\r\n\r\nfirst"));
		raw_client_done(&clients[i]);
	}
	assert_int_equal(host.gone, 0);
	host_done(&host);
}

/* What is sent ahead waits, and the connection goes on after the answer. */
static void requests_behind_a_deferred_one_wait_for_it(void **state)
{
	static const char ask[] = LATER "GET /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct td_http_server_options options = plain_options();
	struct raw_client client;
	struct host host;

	(void)state;
	host_init(&host, &options);
	raw_client_init_tcp(&client, &host.rig, td_http_server_port(host.server));
	raw_client_send(&client, ask, strlen(ask));
	rig_run(&host.rig);
	rig_run_for(&host.rig, 50);
	assert_int_equal(client.got.len, 0);
	td_http_reply(host.waiting[0], 200, "text/plain", "later", 5);
	rig_run(&host.rig);
	assert_non_null(strstr(td_buf_text(&client.got), "\r\n\r\nlaterHTTP/1.1 200"));
	assert_non_null(strstr(td_buf_text(&client.got), "\r\n\r\nnow"));
	assert_int_equal(host.gone, 0);
	raw_client_done(&client);
	host_done(&host);
}

/* By a close or by a reset, noticed or not: the answer finds nobody, and nothing breaks. */
static void client_may_go_away_before_the_answer(void **state)
{
	struct td_http_server_options options = plain_options();

	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		const struct linger now = {.l_onoff = reset};
		struct raw_client client;
		struct host host;

		host_init(&host, &options);
		raw_client_init_tcp(&client, &host.rig, td_http_server_port(host.server));
		raw_client_send(&client, LATER, strlen(LATER));
		rig_run(&host.rig);
		(void)setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		raw_client_done(&client);
		rig_run_for(&host.rig, 50);
		if (!host.gone)
			td_http_reply(host.waiting[0], 200, "text/plain", "nobody", 6);
		rig_run_for(&host.rig, 50);
		host_done(&host);
	}
}

static void tls_client_may_go_away_before_the_answer(void **state)
{
	struct td_http_server_options options = plain_options();
	struct certificates all;

	(void)state;
	certificates_init(&all);
	options.certificate_file = all.server.certificate_file;
	options.key_file = all.server.key_file;
	for (int answered = 0; answered < 2; answered++) {
		struct td_http_request request;
		struct outcome outcome;
		struct td_http_client *client;
		struct td_http_call *call;
		struct host host;
		char url[64];

		host_init(&host, &options);
		client = td_http_client_new(host.rig.loop);
		outcome_init(&outcome, &host.rig);
		(void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/later", td_http_server_port(host.server));
		request = get_request(url);
		request.tls.ca_file = all.authority.certificate_file;
		call = start(client, &request, NULL, &outcome);
		rig_run(&host.rig);
		assert_int_equal(host.deferred, 1);
		if (!answered)
			td_http_cancel(call);
		rig_run_for(&host.rig, 50);
		if (!host.gone)
			td_http_reply(host.waiting[0], 200, "text/plain", "hello", 5);
		rig_run_for(&host.rig, 100);
		assert_int_equal(outcome.status, answered ? 200 : 0);
		td_http_client_free(client);
		outcome_done(&outcome);
		host_done(&host);
	}
	certificates_done(&all);
}

static void freeing_the_server_tells_those_who_wait(void **state)
{
	struct td_http_server_options options = plain_options();
	struct raw_client clients[2];
	struct host host;

	(void)state;
	host_init(&host, &options);
	for (int i = 0; i < 2; i++) {
		raw_client_init_tcp(&clients[i], &host.rig, td_http_server_port(host.server));
		raw_client_send(&clients[i], LATER, strlen(LATER));
		rig_run(&host.rig);
	}
	host.server = td_http_server_free(host.server);
	assert_int_equal(host.gone, 2);
	for (int i = 0; i < 2; i++)
		raw_client_done(&clients[i]);
	host_done(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handler_sees_parameter_header_and_body),
		cmocka_unit_test(answer_may_come_later_and_in_any_order),
		cmocka_unit_test(requests_behind_a_deferred_one_wait_for_it),
		cmocka_unit_test(client_may_go_away_before_the_answer),
		cmocka_unit_test(tls_client_may_go_away_before_the_answer),
		cmocka_unit_test(freeing_the_server_tells_those_who_wait),
	};

	return cmocka_run_group_tests_name("net/http_exchange", tests, NULL, NULL);
}
