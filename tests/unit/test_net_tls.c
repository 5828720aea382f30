/* TLS on both sides: whom the client trusts and shows itself to, and how a server's certificate follows its files. */
#include "net/tls.h"

#include "net/http_server.h"
#include "net_certificates.h"
#include "net_client.h"

#include <event2/bufferevent_ssl.h>
#include <event2/http.h>

static struct certificates all;

static int make_all(void **state)
{
	(void)state;
	certificates_init(&all);
	return 0;
}

static int remove_all(void **state)
{
	(void)state;
	certificates_done(&all);
	return 0;
}

/* ---- a server of ours, whose files a test may replace ---- */

struct secure {
	struct bench bench;
	struct td_http_server *server;
	struct identity files; /* copies: paths only */
	char url[64];
};

static void copy_file(const char *from, const char *to)
{
	char bytes[8192], temporary[160];
	FILE *file = fopen(from, "r");
	size_t len;

	assert_non_null(file);
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	snprintf(temporary, sizeof(temporary), "%s.new", to);
	file = fopen(temporary, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
	assert_return_code(rename(temporary, to), errno);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void install(struct secure *secure, const struct identity *identity)
{
	copy_file(identity->certificate_file, secure->files.certificate_file);
	copy_file(identity->key_file, secure->files.key_file);
}

static void on_hello(struct td_http_exchange *exchange, void *userdata)
{
	(void)userdata;
	td_http_reply(exchange, 200, "text/plain", "hello", 5);
}

static void secure_init(struct secure *secure)
{
	static const struct script unused = {.bytes = ""};
	struct td_http_server_options options = {.listen = "127.0.0.1:0", .body_max = 1024, .idle_timeout_s = 5};
	struct td_error err;

	bench_init(&secure->bench, &unused, 1);
	snprintf(secure->files.certificate_file, sizeof(secure->files.certificate_file), "%s/live.pem", all.dir);
	snprintf(secure->files.key_file, sizeof(secure->files.key_file), "%s/live.key", all.dir);
	install(secure, &all.server);
	options.certificate_file = secure->files.certificate_file;
	options.key_file = secure->files.key_file;
	secure->server = td_http_server_new(secure->bench.rig.loop, &options, &err);
	assert_non_null(secure->server);
	assert_true(td_http_server_on(secure->server, "GET", "/", on_hello, NULL));
	snprintf(secure->url, sizeof(secure->url), "https://127.0.0.1:%d/", td_http_server_port(secure->server));
}

static void secure_done(struct secure *secure)
{
	td_http_server_free(secure->server);
	bench_done(&secure->bench);
	unlink(secure->files.certificate_file);
	unlink(secure->files.key_file);
}

/* A call on a connection of its own, trusting one authority. */
static const struct outcome *ask(struct secure *secure, const char *url, const char *ca_file)
{
	static const char *const headers[] = {"Connection: close", NULL};
	struct td_http_request request = get_request(url);
	char target[32];

	snprintf(target, sizeof(target), "127.0.0.1:%d", td_http_server_port(secure->server));
	request.connect_to = target;
	request.headers = headers;
	request.tls.ca_file = ca_file;
	return perform(&secure->bench, &request, NULL);
}

static void assert_not_trusted(const struct outcome *outcome)
{
	assert_int_equal(outcome->err.code, TD_ERR_CONNECT);
	assert_true(td_error_is_definite(&outcome->err));
	assert_non_null(strstr(outcome->err.text, "SSL"));
}

static void server_signed_by_the_given_authority_is_trusted(void **state)
{
	const struct outcome *outcome;
	struct secure secure;

	(void)state;
	secure_init(&secure);
	outcome = ask(&secure, secure.url, all.authority.certificate_file);
	assert_int_equal(outcome->err.code, TD_OK);
	assert_string_equal(td_buf_text(&outcome->body), "hello");
	secure_done(&secure);
}

static void server_of_another_authority_is_refused(void **state)
{
	struct secure secure;

	(void)state;
	secure_init(&secure);
	assert_not_trusted(ask(&secure, secure.url, all.stranger.certificate_file));
	assert_not_trusted(ask(&secure, secure.url, NULL)); /* the system's store */
	secure_done(&secure);
}

static void name_in_the_certificate_must_be_the_url_s_also_with_connect_to(void **state)
{
	struct secure secure;

	(void)state;
	secure_init(&secure);
	assert_int_equal(ask(&secure, "https://td.test/", all.authority.certificate_file)->status, 200);
	assert_not_trusted(ask(&secure, "https://other.test/", all.authority.certificate_file));
	secure_done(&secure);
}

static void missing_authority_file_is_a_connect_error(void **state)
{
	struct secure secure;

	(void)state;
	secure_init(&secure);
	assert_int_equal(ask(&secure, secure.url, "/nowhere/ca.pem")->err.code, TD_ERR_CONNECT);
	secure_done(&secure);
}

static void replaced_authority_file_counts_from_the_next_connection(void **state)
{
	struct secure secure;
	char ca_file[128];

	(void)state;
	secure_init(&secure);
	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", all.dir);
	copy_file(all.authority.certificate_file, ca_file);
	assert_int_equal(ask(&secure, secure.url, ca_file)->status, 200);
	copy_file(all.stranger.certificate_file, ca_file);
	assert_not_trusted(ask(&secure, secure.url, ca_file));
	copy_file(all.authority.certificate_file, ca_file);
	assert_int_equal(ask(&secure, secure.url, ca_file)->status, 200);
	unlink(ca_file);
	secure_done(&secure);
}

static void replaced_certificate_is_served_without_a_restart(void **state)
{
	struct secure secure;

	(void)state;
	secure_init(&secure);
	assert_int_equal(ask(&secure, secure.url, all.authority.certificate_file)->status, 200);
	install(&secure, &all.foreign);
	assert_int_equal(ask(&secure, secure.url, all.stranger.certificate_file)->status, 200);
	assert_not_trusted(ask(&secure, secure.url, all.authority.certificate_file));
	secure_done(&secure);
}

static void unusable_new_certificate_leaves_the_old_one_in_service(void **state)
{
	struct secure secure;

	(void)state;
	secure_init(&secure);
	write_text(secure.files.certificate_file, "-----BEGIN CERTIFICATE-----\nhalf");
	assert_int_equal(ask(&secure, secure.url, all.authority.certificate_file)->status, 200);
	copy_file(all.foreign.certificate_file, secure.files.certificate_file); /* new certificate, old key: no pair yet */
	assert_int_equal(ask(&secure, secure.url, all.authority.certificate_file)->status, 200);
	unlink(secure.files.key_file);
	assert_int_equal(ask(&secure, secure.url, all.authority.certificate_file)->status, 200);
	copy_file(all.foreign.key_file, secure.files.key_file);
	assert_int_equal(ask(&secure, secure.url, all.stranger.certificate_file)->status, 200);
	secure_done(&secure);
}

static void unusable_certificate_at_the_start_is_an_error_that_names_the_file(void **state)
{
	const struct {
		const char *certificate_file, *key_file, *named;
	} cases[] = {
		{"/nowhere/tls.pem", all.server.key_file, "/nowhere/tls.pem"},
		{all.server.certificate_file, "/nowhere/tls.key", "/nowhere/tls.key"},
		{all.server.key_file, all.server.key_file, all.server.key_file},
		{all.server.certificate_file, all.client.key_file, all.client.key_file},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct td_error err;

		assert_null(td_tls_server_new(cases[i].certificate_file, cases[i].key_file, &err));
		assert_int_equal(err.code, TD_ERR_INVALID);
		assert_non_null(strstr(err.text, cases[i].named));
	}
	assert_null(td_tls_server_free(NULL));
}

static void silent_handshake_is_a_connect_error(void **state)
{
	static const struct script silent = {.bytes = ""};
	struct td_http_request request;
	const struct outcome *outcome;
	struct bench bench;

	(void)state;
	bench_init(&bench, &silent, 1);
	snprintf(bench.url, sizeof(bench.url), "https://127.0.0.1:%d/", bench.peer.port);
	request = get_request(bench.url);
	request.connect_timeout_ms = 100;
	outcome = perform(&bench, &request, NULL);
	assert_int_equal(outcome->err.code, TD_ERR_CONNECT);
	assert_int_equal(bench.peer.accepted, 1);
	bench_done(&bench);
}

/* ---- a server that asks the client for a certificate ---- */

struct mutual {
	struct bench bench;
	struct evhttp *http;
	SSL_CTX *ctx;
	char url[64];
};

static struct bufferevent *on_mutual_connection(struct event_base *base, void *userdata)
{
	struct mutual *mutual = userdata;

	return bufferevent_openssl_socket_new(base, -1, SSL_new(mutual->ctx), BUFFEREVENT_SSL_ACCEPTING,
					      BEV_OPT_CLOSE_ON_FREE);
}

static void on_mutual_request(struct evhttp_request *request, void *userdata)
{
	(void)userdata;
	evhttp_send_reply(request, 204, NULL, NULL);
}

static void mutual_init(struct mutual *mutual, int version)
{
	static const struct script unused = {.bytes = ""};
	struct evhttp_bound_socket *bound;
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	bench_init(&mutual->bench, &unused, 1);
	mutual->ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_max_proto_version(mutual->ctx, version);
	assert_int_equal(SSL_CTX_use_certificate_file(mutual->ctx, all.server.certificate_file, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(mutual->ctx, all.server.key_file, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_load_verify_locations(mutual->ctx, all.authority.certificate_file, NULL), 1);
	SSL_CTX_set_verify(mutual->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	mutual->http = evhttp_new(td_loop_event_base(mutual->bench.rig.loop));
	evhttp_set_bevcb(mutual->http, on_mutual_connection, mutual);
	evhttp_set_gencb(mutual->http, on_mutual_request, NULL);
	bound = evhttp_bind_socket_with_handle(mutual->http, "127.0.0.1", 0);
	assert_non_null(bound);
	getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &len);
	snprintf(mutual->url, sizeof(mutual->url), "https://127.0.0.1:%d/", ntohs(address.sin_port));
}

static void mutual_done(struct mutual *mutual)
{
	evhttp_free(mutual->http);
	SSL_CTX_free(mutual->ctx);
	bench_done(&mutual->bench);
}

static const struct outcome *ask_as(struct mutual *mutual, const struct identity *identity)
{
	struct td_http_request request = get_request(mutual->url);

	request.tls.ca_file = all.authority.certificate_file;
	if (identity) {
		request.tls.certificate_file = identity->certificate_file;
		request.tls.key_file = identity->key_file;
	}
	return perform(&mutual->bench, &request, NULL);
}

static void client_shows_its_certificate(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct mutual mutual;

		mutual_init(&mutual, versions[i]);
		assert_int_equal(ask_as(&mutual, &all.client)->status, 204);
		mutual_done(&mutual);
	}
}

/* In TLS 1.3 the client's handshake ends before the server has judged its certificate: the request may have been read by
 * then, as far as the client can tell. In TLS 1.2 it was certainly not. */
static void client_without_the_right_certificate_is_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct mutual mutual;
		enum td_error_code expected = i == 0 ? TD_ERR_CONNECT : TD_ERR_TRANSPORT;

		mutual_init(&mutual, i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
		assert_int_equal(ask_as(&mutual, NULL)->err.code, expected);
		assert_int_equal(ask_as(&mutual, &all.foreign)->err.code, expected);
		mutual_done(&mutual);
	}
}

static void kept_connection_is_not_shared_between_identities(void **state)
{
	struct mutual mutual;

	(void)state;
	mutual_init(&mutual, TLS1_2_VERSION);
	assert_int_equal(ask_as(&mutual, &all.client)->status, 204);
	assert_int_equal(ask_as(&mutual, NULL)->err.code, TD_ERR_CONNECT);
	assert_int_equal(ask_as(&mutual, &all.client)->status, 204);
	mutual_done(&mutual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_signed_by_the_given_authority_is_trusted),
		cmocka_unit_test(server_of_another_authority_is_refused),
		cmocka_unit_test(name_in_the_certificate_must_be_the_url_s_also_with_connect_to),
		cmocka_unit_test(missing_authority_file_is_a_connect_error),
		cmocka_unit_test(replaced_authority_file_counts_from_the_next_connection),
		cmocka_unit_test(replaced_certificate_is_served_without_a_restart),
		cmocka_unit_test(unusable_new_certificate_leaves_the_old_one_in_service),
		cmocka_unit_test(unusable_certificate_at_the_start_is_an_error_that_names_the_file),
		cmocka_unit_test(silent_handshake_is_a_connect_error),
		cmocka_unit_test(client_shows_its_certificate),
		cmocka_unit_test(client_without_the_right_certificate_is_refused),
		cmocka_unit_test(kept_connection_is_not_shared_between_identities),
	};

	return cmocka_run_group_tests_name("net/tls", tests, make_all, remove_all);
}
