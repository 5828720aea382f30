/* For tests with td_http_client: what became of a call, copied out of its callbacks. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "net/http_client.h"
#include "net_fixture.h"

struct outcome {
	struct rig *rig;
	int *open; /* calls not done yet; the last one stops the loop. NULL: every call stops it */
	int done;
	int status;
	char type[64];
	int64_t retry_after_ms;
	struct td_buf body;
	struct td_buf streamed;
	int pieces;
	size_t stop_after; /* bytes after which on_data ends the stream; 0: never */
	struct td_error err;
};

struct bench {
	struct rig rig;
	struct td_http_client *client;
	struct raw_peer peer;
	char url[96]; /* of the peer, "/path" */
	struct outcome outcome;
};

static inline void outcome_init(struct outcome *outcome, struct rig *rig)
{
	*outcome = (struct outcome){.rig = rig};
	td_buf_init(&outcome->body, 1 << 22);
	td_buf_init(&outcome->streamed, 1 << 22);
}

static inline void outcome_done(struct outcome *outcome)
{
	td_buf_done(&outcome->body);
	td_buf_done(&outcome->streamed);
}

static inline void outcome_on_done(const struct td_http_response *response, const struct td_error *err, void *userdata)
{
	struct outcome *outcome = userdata;

	assert_int_equal(outcome->done++, 0);
	outcome->status = response->status;
	snprintf(outcome->type, sizeof(outcome->type), "%s", response->content_type);
	outcome->retry_after_ms = response->retry_after_ms;
	assert_int_equal(response->body[response->body_len], 0);
	assert_true(td_buf_append(&outcome->body, response->body, response->body_len));
	outcome->err = *err;
	if (err->code != TD_OK) {
		assert_int_equal(response->status, 0);
		assert_int_equal(response->body_len, 0);
		assert_true(err->text[0] != '\0');
	}
	if (!outcome->open || --*outcome->open == 0)
		td_loop_stop(outcome->rig->loop);
}

static inline bool outcome_on_data(const char *bytes, size_t len, void *userdata)
{
	struct outcome *outcome = userdata;

	assert_int_equal(outcome->done, 0);
	outcome->pieces++;
	assert_true(td_buf_append(&outcome->streamed, bytes, len));
	return outcome->stop_after == 0 || outcome->streamed.len < outcome->stop_after;
}

static inline void bench_init(struct bench *bench, const struct script *scripts, int count)
{
	rig_init(&bench->rig);
	bench->client = td_http_client_new(bench->rig.loop);
	assert_non_null(bench->client);
	raw_peer_init(&bench->peer, &bench->rig, scripts, count);
	snprintf(bench->url, sizeof(bench->url), "http://127.0.0.1:%d/path", bench->peer.port);
	outcome_init(&bench->outcome, &bench->rig);
}

static inline void bench_done(struct bench *bench)
{
	assert_null(td_http_client_free(bench->client));
	raw_peer_done(&bench->peer);
	outcome_done(&bench->outcome);
	rig_done(&bench->rig);
}

static inline struct td_http_request get_request(const char *url)
{
	return (struct td_http_request){.method = "GET",
					.url = url,
					.connect_timeout_ms = 2000,
					.total_timeout_ms = 10000,
					.idle_timeout_ms = 5000,
					.body_max = 65536};
}

/* Starts a call that writes into outcome. */
static inline struct td_http_call *start(struct td_http_client *client, const struct td_http_request *request,
					 td_http_data_fn on_data, struct outcome *outcome)
{
	struct td_error err;
	struct td_http_call *call = td_http_start(client, request, on_data, outcome_on_done, outcome, &err);

	assert_non_null(call);
	assert_int_equal(outcome->done, 0);
	return call;
}

/* One call from start to end, into a fresh bench->outcome. */
static inline const struct outcome *perform(struct bench *bench, const struct td_http_request *request,
					    td_http_data_fn on_data)
{
	outcome_done(&bench->outcome);
	outcome_init(&bench->outcome, &bench->rig);
	(void)start(bench->client, request, on_data, &bench->outcome);
	rig_run(&bench->rig);
	return &bench->outcome;
}

static inline const struct outcome *get(struct bench *bench)
{
	struct td_http_request request = get_request(bench->url);

	return perform(bench, &request, NULL);
}

#endif
