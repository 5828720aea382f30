/* The HTTP server: routes, limits, addresses. What goes over the wire is checked with a raw client. */
#include "net/http_server.h"

#include "net_certificates.h"
#include "net_client.h"

struct host {
	struct rig rig;
	struct td_http_server *server;
	int calls; /* of handlers */
};

static void on_hello(struct td_http_exchange *exchange, void *userdata)
{
	((struct host *)userdata)->calls++;
	td_http_reply(exchange, 200, "text/plain", "hello", 5);
}

static void on_created(struct td_http_exchange *exchange, void *userdata)
{
	((struct host *)userdata)->calls++;
	td_http_reply(exchange, 201, "application/json", "{\"a\":\"\0\"}", 9);
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
	assert_true(td_http_server_on(host->server, "GET", "/hello", on_hello, host));
	assert_true(td_http_server_on(host->server, "GET", "/thing", on_hello, host));
	assert_true(td_http_server_on(host->server, "PUT", "/thing", on_created, host));
	assert_true(td_http_server_on(host->server, "PUT", "/any/{}/it", on_created, host));
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

static void answer_has_status_type_and_body(void **state)
{
	struct td_http_server_options options = plain_options();
	struct host host;
	struct raw_client client;
	const char *answer, *ask = "PUT /thing HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";

	(void)state;
	host_init(&host, &options);
	answer = converse(&host, &client, ask, strlen(ask));
	assert_memory_equal(answer, "HTTP/1.1 201 ", 13);
	assert_non_null(strstr(answer, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(answer, "Content-Length: 9\r\n"));
	assert_memory_equal(answer + client.got.len - 9, "{\"a\":\"\0\"}", 9);
	assert_int_equal(host.calls, 1);
	raw_client_done(&client);
	host_done(&host);
}

static void route_is_chosen_by_exact_method_and_path(void **state)
{
	static const struct {
		const char *line;
		int status;
		const char *allow;
	} cases[] = {
		{"GET /hello", 200, NULL},
		{"GET /hello?verbose=1", 200, NULL},
		{"GET /hello/", 404, NULL},
		{"GET /hell", 404, NULL},
		{"GET /", 404, NULL},
		{"GET /%68ello", 404, NULL},
		{"POST /hello", 405, "Allow: GET\r\n"},
		{"DELETE /thing", 405, "Allow: PUT, GET\r\n"},
		{"HEAD /hello", 405, "Allow: GET\r\n"},
		{"PATCH /nowhere", 404, NULL},
		{"BREW /hello", 501, NULL},
		{"PUT /any//it", 404, NULL},
		{"PUT /any/a/b/it", 404, NULL},
		{"PUT /any/it", 404, NULL},
		{"PUT /any/a/i", 404, NULL},
		{"PUT /any/a/it/", 404, NULL},
		{"PUT /any/a-%2F1/it", 201, NULL},
		{"GET /any/a/it", 405, "Allow: PUT\r\n"},
	};
	struct td_http_server_options options = plain_options();
	struct host host;

	(void)state;
	host_init(&host, &options);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct raw_client client;
		char ask[128];
		const char *answer;

		snprintf(ask, sizeof(ask), "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
			 cases[i].line);
		answer = converse(&host, &client, ask, strlen(ask));
		if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || atoi(answer + 9) != cases[i].status)
			print_error("%s: %s\n", cases[i].line, answer);
		assert_int_equal(atoi(answer + 9), cases[i].status);
		if (cases[i].allow)
			assert_non_null(strstr(answer, cases[i].allow));
		raw_client_done(&client);
	}
	assert_int_equal(host.calls, 3);
	host_done(&host);
}

static void bodies_and_headers_over_the_limit_never_reach_a_handler(void **state)
{
	struct td_http_server_options options = plain_options();
	struct host host;

	(void)state;
	host_init(&host, &options);
	for (int i = 0; i < 3; i++) {
		struct raw_client client;
		struct td_buf ask;

		td_buf_init(&ask, 1 << 20);
		if (i == 0)
			td_buf_append_text(&ask, "PUT /thing HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n");
		else if (i == 1)
			td_buf_append_format(&ask, "PUT /thing HTTP/1.1\r\nHost: x\r\nX: %020000d\r\n\r\n", 0);
		else
			td_buf_append_format(
				&ask, "PUT /thing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n%02048d",
				0);
		(void)converse(&host, &client, ask.data, ask.len);
		assert_null(strstr(td_buf_text(&client.got), " 201 "));
		td_buf_done(&ask);
		raw_client_done(&client);
	}
	assert_int_equal(host.calls, 0);
	host_done(&host);
}

static void garbage_is_answered_by_400_or_closed(void **state)
{
	static const char *const asks[] = {"\x16\x03\x01\x02\n\n", "GET\r\n\r\n", "GET /hello HTTP/9.9\r\n\r\n", "\r\n\r\n",
					   "GET /hello HTTP/1.1\r\nno colon\r\n\r\n"};
	struct td_http_server_options options = plain_options();
	struct host host;

	(void)state;
	host_init(&host, &options);
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		struct raw_client client;
		const char *answer = converse(&host, &client, asks[i], strlen(asks[i]));

		assert_null(strstr(answer, " 200 "));
		raw_client_done(&client);
	}
	assert_int_equal(host.calls, 0);
	host_done(&host);
}

static void silent_connections_are_closed(void **state)
{
	struct td_http_server_options options = plain_options();
	struct certificates all;
	struct raw_client client;

	(void)state;
	certificates_init(&all);
	for (int secure = 0; secure < 2; secure++) {
		struct host host;

		options.certificate_file = secure ? all.server.certificate_file : NULL;
		options.key_file = secure ? all.server.key_file : NULL;
		host_init(&host, &options);
		(void)converse(&host, &client, "\x16", 1); /* returns when the server has closed; else the watchdog barks */
		raw_client_done(&client);
		host_done(&host);
	}
	certificates_done(&all);
}

static void plain_request_gets_nothing_from_a_tls_port(void **state)
{
	static const char ask[] = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct td_http_server_options options = plain_options();
	struct certificates all;
	struct raw_client client;
	struct host host;

	(void)state;
	certificates_init(&all);
	options.certificate_file = all.server.certificate_file;
	options.key_file = all.server.key_file;
	host_init(&host, &options);
	assert_null(strstr(converse(&host, &client, ask, strlen(ask)), "HTTP/1.1 200"));
	assert_int_equal(host.calls, 0);
	raw_client_done(&client);
	host_done(&host);
	certificates_done(&all);
}

static void keep_alive_serves_several_requests_on_one_connection(void **state)
{
	static const char ask[] =
		"GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct td_http_server_options options = plain_options();
	struct raw_client client;
	struct host host;

	(void)state;
	host_init(&host, &options);
	(void)converse(&host, &client, ask, strlen(ask));
	assert_int_equal(host.calls, 2);
	raw_client_done(&client);
	host_done(&host);
}

static void free_closes_open_connections(void **state)
{
	struct td_http_server_options options = plain_options();
	struct raw_client client;
	struct host host;

	(void)state;
	host_init(&host, &options);
	raw_client_init_tcp(&client, &host.rig, td_http_server_port(host.server));
	raw_client_send(&client, "GET /hel", 8);
	rig_run_for(&host.rig, 20);
	host.server = td_http_server_free(host.server);
	rig_run(&host.rig);
	assert_true(client.closed);
	raw_client_done(&client);
	host_done(&host);
}

static void bad_addresses_are_invalid(void **state)
{
	static const char *const addresses[] = {
		"",	 "8320",      "127.0.0.1",	 "127.0.0.1:",	 ":8320",	 "localhost:80",   "::1:8320",
		"[::1]", "[::1]8320", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8x", "300.0.0.1:8320", "[127.0.0.1:80"};
	struct rig rig;

	(void)state;
	rig_init(&rig);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct td_http_server_options options = plain_options();
		struct td_error err;

		options.listen = addresses[i];
		assert_null(td_http_server_new(rig.loop, &options, &err));
		assert_int_equal(err.code, TD_ERR_INVALID);
	}
	rig_done(&rig);
}

static void taken_port_is_a_system_error(void **state)
{
	struct td_http_server_options options = plain_options();
	struct td_error err;
	struct host host;
	char listen[32];

	(void)state;
	host_init(&host, &options);
	snprintf(listen, sizeof(listen), "127.0.0.1:%d", td_http_server_port(host.server));
	options.listen = listen;
	assert_null(td_http_server_new(host.rig.loop, &options, &err));
	assert_int_equal(err.code, TD_ERR_SYSTEM);
	assert_int_equal(err.sys_errno, EADDRINUSE);
	host_done(&host);
}

static void ipv6_address_is_served(void **state)
{
	struct td_http_server_options options = plain_options();
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	static const char ask[] = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	int probe = socket(AF_INET6, SOCK_STREAM, 0);
	struct raw_client client;
	struct host host;

	(void)state;
	if (probe < 0 || bind(probe, (struct sockaddr *)&address, sizeof(address)) < 0)
		skip(); /* a machine without IPv6 */
	close(probe);
	options.listen = "[::1]:0";
	host_init(&host, &options);
	address.sin6_port = htons((uint16_t)td_http_server_port(host.server));
	raw_client_init(&client, &host.rig, (struct sockaddr *)&address, sizeof(address));
	raw_client_send(&client, ask, strlen(ask));
	rig_run(&host.rig);
	assert_memory_equal(td_buf_text(&client.got), "HTTP/1.1 200 ", 13);
	raw_client_done(&client);
	host_done(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_has_status_type_and_body),
		cmocka_unit_test(route_is_chosen_by_exact_method_and_path),
		cmocka_unit_test(bodies_and_headers_over_the_limit_never_reach_a_handler),
		cmocka_unit_test(garbage_is_answered_by_400_or_closed),
		cmocka_unit_test(silent_connections_are_closed),
		cmocka_unit_test(plain_request_gets_nothing_from_a_tls_port),
		cmocka_unit_test(keep_alive_serves_several_requests_on_one_connection),
		cmocka_unit_test(free_closes_open_connections),
		cmocka_unit_test(bad_addresses_are_invalid),
		cmocka_unit_test(taken_port_is_a_system_error),
		cmocka_unit_test(ipv6_address_is_served),
	};

	return cmocka_run_group_tests_name("net/http_server", tests, NULL, NULL);
}
