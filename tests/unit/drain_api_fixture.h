/* For the tests of the drain API: the API behind a real HTTP server, with real informers and clients, against one scripted peer that
 * plays the Kubernetes API and this pod's own TiCDC. Everything runs in one process and one loop. */
#ifndef DRAIN_API_FIXTURE_H
#define DRAIN_API_FIXTURE_H

#include "base/json.h"
#include "base/log.h"
#include "base_test.h"
#include "kube_peer.h"
#include "net_fixture.h"
#include "sidecar/cluster_view.h"
#include "sidecar/drain_api.h"
#include "sidecar/drainrequest.h"

#define DRAINS "/apis/drain.ticdc.dev/v1alpha1/namespaces/ns/drainrequests"
#define PODS "/api/v1/namespaces/ns/pods"
#define ID "3f2b9a3e-7c1d-4b63-9d5e-2f1c0a7b8e90"
#define OTHER_ID "11111111-2222-4333-8444-555555555555"
#define CAPTURES                                                                                                            \
	"{\"total\":2,\"items\":[{\"id\":\"" ID                                                                             \
	"\",\"is_owner\":false,\"address\":\"10.0.0.7:8300\",\"cluster_id\":\"d\"},"                                        \
	"{\"id\":\"" OTHER_ID "\",\"is_owner\":true,\"address\":\"10.0.0.8:8300\",\"cluster_id\":\"d\"}]}"
#define ANN "{\"authenticated\":true,\"user\":{\"username\":\"ann\"}}"
#define HANGS 0 /* as a status: never answers */

struct scripted {
	int status;
	const char *body;
};

struct api_test {
	struct peer peer;
	struct rig rig; /* for the raw client */
	struct td_timer *pause;
	struct td_ticdc_client *ticdc;
	struct td_informer *pods, *drains;
	struct td_drain_api *api;
	struct td_http_server *server;
	char ticdc_address[64];
	const char *list;				       /* JSON array of DrainRequests; NULL: never told */
	struct scripted token, access, captures, created, got; /* created.body NULL: as it was sent, with a uid */
	int reviews, asked_captures, creates, gets;
	char last_verb[16]; /* in a SubjectAccessReview */
	json_t *sent;	    /* the last DrainRequest to be created */

	struct raw_client client;
	json_t *answer; /* the body of the last one */
};

static inline void api_script(struct api_test *t, const struct peer_request *request, const struct scripted *script)
{
	if (script->status == HANGS)
		peer_replace_stream(&t->peer, NULL, request->http);
	else
		peer_reply(request, script->status, script->body);
}

static inline void api_answer_review(struct api_test *t, const struct peer_request *request)
{
	bool token = strstr(request->uri, "tokenreviews") != NULL;
	const struct scripted *script = token ? &t->token : &t->access;
	json_t *asked = json_loads(request->body, 0, NULL);
	const char *verb = td_json_text(asked, "spec.resourceAttributes.verb");
	char text[1024];

	t->reviews++;
	if (verb)
		(void)snprintf(t->last_verb, sizeof(t->last_verb), "%s", verb);
	json_decref(asked);
	(void)snprintf(text, sizeof(text), "{\"kind\":\"%s\",\"status\":%s}", token ? "TokenReview" : "SubjectAccessReview",
		       script->body);
	api_script(t, request, &(struct scripted){script->status, script->status == 201 ? text : script->body});
}

static inline void api_answer_create(struct api_test *t, const struct peer_request *request)
{
	t->creates++;
	json_decref(t->sent);
	t->sent = json_loads(request->body, 0, NULL);
	assert_non_null(t->sent);
	if (t->created.status != 201 || t->created.body) {
		api_script(t, request, &t->created);
		return;
	}
	assert_int_equal(
		json_object_update_new(json_object_get(t->sent, "metadata"),
				       json_pack("{s:s,s:s}", "uid", "u", "creationTimestamp", "2026-11-23T13:18:38Z")),
		0);
	peer_reply_json(request, 201, json_incref(t->sent));
}

static inline void api_on_request(struct peer *peer, const struct peer_request *request)
{
	struct api_test *t = peer->test;
	char text[8192];

	if (strstr(request->uri, "reviews")) {
		api_answer_review(t, request);
	} else if (strstr(request->uri, "watch=")) {
		peer_stream_begin(peer, request);
	} else if (strcmp(request->method, "POST") == 0) {
		api_answer_create(t, request);
	} else if (strncmp(request->uri, DRAINS "/", strlen(DRAINS "/")) == 0) {
		t->gets++;
		api_script(t, request, &t->got);
	} else if (strncmp(request->uri, "/apis/", 6) == 0 && !t->list) {
		peer_replace_stream(peer, NULL, request->http);
	} else if (strncmp(request->uri, "/apis/", 6) == 0 || strncmp(request->uri, PODS, strlen(PODS)) == 0) {
		(void)snprintf(text, sizeof(text), "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":%s}",
			       strncmp(request->uri, PODS, strlen(PODS)) == 0
				       ? "[{\"metadata\":{\"name\":\"ticdc-0\",\"uid\":\"p\",\"resourceVersion\":\"1\"},"
					 "\"status\":{\"podIP\":\"10.0.0.7\"}}]"
				       : t->list);
		peer_reply(request, 200, text);
	} else {
		assert_string_equal(request->uri, "/api/v2/captures");
		t->asked_captures++;
		peer_set_header(request, "Content-Type", "application/json; charset=utf-8");
		api_script(t, request, &t->captures);
	}
}

static inline void api_on_pause(void *userdata)
{
	td_loop_stop(((struct api_test *)userdata)->peer.loop);
}

/* Lets the loop turn for a while. */
static inline void api_run_for(struct api_test *t, int ms)
{
	td_timer_arm(t->pause, ms);
	peer_run(&t->peer);
	td_timer_disarm(t->pause);
}

static inline void api_start_server(struct api_test *t)
{
	static const struct td_http_server_options options = {
		.listen = "127.0.0.1:0", .body_max = 4 * TD_DRAIN_API_BODY_MAX, .idle_timeout_s = 30};
	struct td_error err;

	t->server = td_http_server_new(t->peer.loop, &options, &err);
	assert_non_null(t->server);
	assert_true(td_drain_api_register(t->api, t->server));
}

static inline void api_on_changed(enum td_informer_change change, const char *name, json_t *object, void *userdata)
{
	(void)change, (void)name, (void)object, (void)userdata;
}

static inline void api_on_synced(void *userdata)
{
	struct api_test *t = userdata;

	if (td_informer_is_synced(t->pods) && td_informer_is_synced(t->drains))
		td_loop_stop(t->peer.loop);
}

/* The objects that there are, then everything that stands on them. Until both informers have their lists. */
static inline void api_begin(struct api_test *t, const char *drains)
{
	static const struct td_informer_handlers handlers = {.changed = api_on_changed, .synced = api_on_synced};
	const struct td_informer_options pods = {.resource = &td_pods, .namespace_ = "ns", .project = td_pod_project};
	const struct td_informer_options requests = {
		.resource = &td_drainrequests, .namespace_ = "ns", .project = td_drain_project};

	t->list = drains;
	t->pods = td_informer_new(t->peer.loop, t->peer.client, &pods, &handlers, t);
	t->drains = td_informer_new(t->peer.loop, t->peer.client, &requests, &handlers, t);
	t->api = td_drain_api_new(&(struct td_drain_api_options){.loop = t->peer.loop,
								 .kube = t->peer.client,
								 .ticdc = t->ticdc,
								 .pods = t->pods,
								 .drains = t->drains,
								 .namespace_ = "ns",
								 .cluster = "ticdc",
								 .ticdc_address = t->ticdc_address});
	assert_non_null(t->api);
	api_start_server(t);
	if (drains)
		peer_run(&t->peer);
}

static inline int api_setup(void **state)
{
	struct api_test *t = calloc(1, sizeof(*t));

	*state = t;
	td_log_set_level(TD_LOG_ERROR);
	peer_start(&t->peer, api_on_request, t);
	t->rig.loop = t->peer.loop;
	t->pause = td_timer_new(t->peer.loop, api_on_pause, t);
	(void)snprintf(t->ticdc_address, sizeof(t->ticdc_address), "%s", t->peer.server + strlen("http://"));
	t->ticdc = td_ticdc_client_new(t->peer.loop, t->peer.http,
				       &(struct td_ticdc_options){.connect_timeout_ms = 300, .total_timeout_ms = 300});
	t->token = (struct scripted){201, ANN};
	t->access = (struct scripted){201, "{\"allowed\":true}"};
	t->captures = (struct scripted){200, CAPTURES};
	t->created = (struct scripted){201, NULL};
	t->got = (struct scripted){404, "{}"};
	return 0;
}

static inline int api_teardown(void **state)
{
	struct api_test *t = *state;

	td_http_server_free(t->server);
	td_drain_api_free(t->api);
	td_informer_free(t->pods);
	td_informer_free(t->drains);
	td_ticdc_client_free(t->ticdc);
	td_timer_free(t->pause);
	json_decref(t->sent);
	json_decref(t->answer);
	peer_stop(&t->peer);
	free(t);
	return 0;
}

/* ---- a client ---- */

static inline void api_send(struct api_test *t, const char *method, const char *id, const char *headers, const char *body)
{
	char *text = NULL;
	int len = asprintf(&text,
			   "%s /api/v2/captures/%s/drain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s"
			   "Content-Length: %zu\r\n\r\n%s",
			   method, id, headers, strlen(body), body);

	assert_true(len > 0);
	raw_client_init_tcp(&t->client, &t->rig, td_http_server_port(t->server));
	raw_client_send(&t->client, text, (size_t)len);
	free(text);
}

/* Until the server closes: the status; the JSON body stands in t->answer, the whole answer in t->client.got until api_end. */
static inline int api_receive(struct api_test *t)
{
	const char *text, *body;

	peer_run(&t->peer);
	text = td_buf_text(&t->client.got);
	if (strncmp(text, "HTTP/1.1 ", 9) != 0)
		fail_msg("no answer: \"%s\"", text);
	body = strstr(text, "\r\n\r\n");
	assert_non_null(body);
	json_decref(t->answer);
	t->answer = json_loads(body + 4, 0, NULL);
	return atoi(text + 9);
}

static inline void api_end(struct api_test *t)
{
	raw_client_done(&t->client);
}

static inline int api_ask(struct api_test *t, const char *method, const char *id, const char *headers, const char *body)
{
	int status;

	api_send(t, method, id, headers, body);
	status = api_receive(t);
	api_end(t);
	return status;
}

#define BEARER "Authorization: Bearer secret\r\n"

static inline int api_put(struct api_test *t, const char *body)
{
	return api_ask(t, "PUT", ID, BEARER, body);
}

static inline int api_get(struct api_test *t)
{
	return api_ask(t, "GET", ID, BEARER, "");
}

/* An error in TiCDC's form: exactly two texts, the code in front of the message. says: part of the message. */
static inline void api_refused(const struct api_test *t, const char *code, const char *says)
{
	const char *message = td_json_text(t->answer, "error_msg"), *got = td_json_text(t->answer, "error_code");
	char prefix[64];

	assert_int_equal(json_object_size(t->answer), 2);
	assert_non_null(message);
	assert_string_equal(got, code);
	(void)snprintf(prefix, sizeof(prefix), "[%s]", code);
	if (code[0])
		assert_memory_equal(message, prefix, strlen(prefix));
	if (!strstr(message, says))
		fail_msg("no \"%s\" in \"%s\"", says, message);
	assert_null(strstr(message, "secret")); /* the token */
}

static inline void api_says(const struct api_test *t, const char *field, const char *json)
{
	char *text = json_dumps(json_object_get(t->answer, field), JSON_ENCODE_ANY | JSON_COMPACT);

	if (!text || strcmp(text, json) != 0)
		fail_msg("%s is %s, not %s", field, text ? text : "missing", json);
	free(text);
}

#define api_test(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)

#endif
