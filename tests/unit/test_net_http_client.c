/* The client: what callbacks may do, kept connections, streams, and what is left after a cancel or a free. */
#include "net_client.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define STREAM "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n4\r\ntwo\n\r\n"
#define MANY 50

static void done_comes_later_and_once(void **state)
{
	const struct script script = {.bytes = OK_ANSWER};
	struct td_http_request refused = get_request("http://127.0.0.1:1/");
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	start(bench.client, &refused, NULL, &bench.outcome); /* asserts that done was not called */
	rig_run(&bench.rig);
	rig_run_for(&bench.rig, 20);
	assert_int_equal(bench.outcome.done, 1); /* and outcome_on_done that it was not called twice */
	bench_done(&bench);
}

static void many_calls_at_once_all_end(void **state)
{
	const struct script script = {.bytes = OK_ANSWER, .split = 20};
	static struct outcome outcomes[MANY];
	struct td_http_request request;
	struct bench bench;
	int open = MANY;

	(void)state;
	bench_init(&bench, &script, 1);
	request = get_request(bench.url);
	for (int i = 0; i < MANY; i++) {
		outcome_init(&outcomes[i], &bench.rig);
		outcomes[i].open = &open;
		start(bench.client, &request, NULL, &outcomes[i]);
	}
	rig_run(&bench.rig);
	for (int i = 0; i < MANY; i++) {
		assert_string_equal(td_buf_text(&outcomes[i].body), "hello");
		outcome_done(&outcomes[i]);
	}
	bench_done(&bench);
}

static void connection_is_kept_for_the_next_call(void **state)
{
	const struct script script = {.bytes = OK_ANSWER};
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(get(&bench)->status, 200);
	assert_int_equal(bench.peer.requests, 5);
	assert_int_equal(bench.peer.accepted, 1);
	bench_done(&bench);
}

static void connection_closed_while_idle_is_replaced(void **state)
{
	const struct script script = {.bytes = OK_ANSWER, .end = CLOSE};
	struct td_http_request request;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	request = get_request(bench.url);
	request.method = "POST";
	for (int i = 0; i < 3; i++) {
		assert_int_equal(perform(&bench, &request, NULL)->status, 200);
		rig_run_for(&bench.rig, 5);
	}
	assert_int_equal(bench.peer.accepted, 3);
	bench_done(&bench);
}

/* A kept connection on which the server closes instead of answering: it may have acted on the request. */
static const struct script closes_on_second[] = {{.bytes = OK_ANSWER}, {.bytes = "", .end = CLOSE}, {.bytes = OK_ANSWER}};

static void get_is_sent_again_when_a_kept_connection_was_dead(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, closes_on_second, 3);
	assert_int_equal(get(&bench)->status, 200);
	assert_int_equal(get(&bench)->status, 200);
	assert_int_equal(bench.peer.requests, 3);
	bench_done(&bench);
}

static void request_that_changes_something_is_never_sent_twice(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct td_http_request request;
		const struct outcome *outcome;
		struct bench bench;

		bench_init(&bench, closes_on_second, 3);
		assert_int_equal(get(&bench)->status, 200);
		request = get_request(bench.url);
		request.method = methods[i];
		outcome = perform(&bench, &request, NULL);
		assert_int_equal(outcome->err.code, TD_ERR_TRANSPORT);
		assert_false(td_error_is_definite(&outcome->err));
		assert_int_equal(bench.peer.requests, 2);
		/* and the client is as good as new */
		assert_int_equal(perform(&bench, &request, NULL)->status, 200);
		bench_done(&bench);
	}
}

static void stream_comes_in_pieces_while_it_lasts(void **state)
{
	const struct script script = {.bytes = STREAM "0\r\n\r\n", .split = 55, .piece = 3, .pause_ms = 2};
	struct td_http_request request;
	const struct outcome *outcome;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	request = get_request(bench.url);
	request.body_max = 4; /* of one piece; a stream has no end that could be too far */
	outcome = perform(&bench, &request, outcome_on_data);
	assert_int_equal(outcome->err.code, TD_OK);
	assert_int_equal(outcome->status, 200);
	assert_string_equal(td_buf_text(&outcome->streamed), "one\ntwo\n");
	assert_true(outcome->pieces >= 2);
	assert_int_equal(outcome->body.len, 0);
	bench_done(&bench);
}

static void refused_stream_has_its_body_in_done(void **state)
{
	const struct script script = {.bytes = "HTTP/1.1 410 Gone\r\nContent-Length: 7\r\n\r\nexpired"};
	struct td_http_request request;
	const struct outcome *outcome;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	request = get_request(bench.url);
	outcome = perform(&bench, &request, outcome_on_data);
	assert_int_equal(outcome->status, 410);
	assert_int_equal(outcome->pieces, 0);
	assert_string_equal(td_buf_text(&outcome->body), "expired");
	bench_done(&bench);
}

static void silent_stream_ends_by_its_idle_time(void **state)
{
	const struct script script = {.bytes = STREAM};
	struct td_http_request request;
	const struct outcome *outcome;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	request = get_request(bench.url);
	request.idle_timeout_ms = 60;
	outcome = perform(&bench, &request, outcome_on_data);
	assert_int_equal(outcome->err.code, TD_ERR_TIMEOUT);
	assert_string_equal(td_buf_text(&outcome->streamed), "one\ntwo\n");
	bench_done(&bench);
}

static void receiver_ends_a_stream(void **state)
{
	const struct script script = {.bytes = STREAM, .split = 55, .piece = 3};
	struct td_http_request request;
	const struct outcome *outcome;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	request = get_request(bench.url);
	bench.outcome.stop_after = 1;
	start(bench.client, &request, outcome_on_data, &bench.outcome);
	rig_run(&bench.rig);
	outcome = &bench.outcome;
	assert_int_equal(outcome->err.code, TD_ERR_CANCELLED);
	assert_int_equal(outcome->pieces, 1);
	bench_done(&bench);
}

static void cancelled_call_is_silent(void **state)
{
	const struct script script = {.bytes = OK_ANSWER};
	struct td_http_request request;
	struct bench bench;

	(void)state;
	for (int turns = 0; turns < 2; turns++) { /* before anything was sent, and on the way */
		const struct script silent = {.bytes = "HTTP/1.1 200 OK\r\n"};
		struct td_http_call *call;

		bench_init(&bench, turns ? &silent : &script, 1);
		request = get_request(bench.url);
		call = start(bench.client, &request, NULL, &bench.outcome);
		if (turns)
			rig_run_for(&bench.rig, 20);
		td_http_cancel(call);
		rig_run_for(&bench.rig, 20);
		assert_int_equal(bench.outcome.done, 0);
		assert_int_equal(bench.peer.requests, turns);
		bench_done(&bench);
	}
}

/* ---- callbacks that start and cancel ---- */

struct meddler {
	struct bench *bench;
	struct td_http_call *own, *other;
	struct outcome next; /* of the call that it starts */
	int done, pieces;
};

static void meddler_init(struct meddler *meddler, struct bench *bench)
{
	*meddler = (struct meddler){.bench = bench};
	outcome_init(&meddler->next, &bench->rig);
}

static void meddle(struct meddler *meddler)
{
	struct td_http_request request = get_request(meddler->bench->url);

	if (meddler->other)
		td_http_cancel(meddler->other);
	meddler->other = NULL;
	start(meddler->bench->client, &request, NULL, &meddler->next);
}

static void on_done_meddle(const struct td_http_response *response, const struct td_error *err, void *userdata)
{
	struct meddler *meddler = userdata;

	(void)response;
	(void)err;
	meddler->done++;
	meddle(meddler);
}

static bool on_data_meddle(const char *bytes, size_t len, void *userdata)
{
	struct meddler *meddler = userdata;

	(void)bytes;
	(void)len;
	if (meddler->pieces++ == 0)
		meddle(meddler);
	return true;
}

static bool on_data_cancel_own(const char *bytes, size_t len, void *userdata)
{
	struct meddler *meddler = userdata;

	(void)bytes;
	(void)len;
	meddler->pieces++;
	td_http_cancel(meddler->own);
	meddle(meddler);
	return true;
}

static void done_may_start_and_cancel(void **state)
{
	const struct script scripts[] = {{.bytes = "HTTP/1.1 200 OK\r\n"}, {.bytes = OK_ANSWER}};
	struct td_http_request request;
	struct meddler meddler;
	struct bench bench;

	(void)state;
	bench_init(&bench, scripts, 2);
	meddler_init(&meddler, &bench);
	request = get_request(bench.url);
	meddler.other = start(bench.client, &request, NULL, &bench.outcome);
	rig_run_for(&bench.rig, 20);
	assert_non_null(td_http_start(bench.client, &request, NULL, on_done_meddle, &meddler, NULL));
	rig_run(&bench.rig);
	assert_int_equal(meddler.done, 1);
	assert_int_equal(meddler.next.status, 200);
	assert_int_equal(bench.outcome.done, 0);
	outcome_done(&meddler.next);
	bench_done(&bench);
}

static void one_of_two_that_fail_together_may_cancel_the_other(void **state)
{
	const struct script script = {.bytes = OK_ANSWER};
	struct td_http_request refused = get_request("http://127.0.0.1:1/");
	struct meddler first, second;
	struct bench bench;

	(void)state;
	bench_init(&bench, &script, 1);
	meddler_init(&first, &bench);
	meddler_init(&second, &bench);
	first.own = td_http_start(bench.client, &refused, NULL, on_done_meddle, &first, NULL);
	second.own = td_http_start(bench.client, &refused, NULL, on_done_meddle, &second, NULL);
	first.other = second.own;
	second.other = first.own;
	rig_run(&bench.rig);
	rig_run_for(&bench.rig, 20);
	assert_int_equal(first.done + second.done, 1);
	assert_int_equal(first.next.done + second.next.done, 1);
	outcome_done(&first.next);
	outcome_done(&second.next);
	bench_done(&bench);
}

static void data_callback_may_start_and_cancel_others(void **state)
{
	const struct script scripts[] = {{.bytes = "HTTP/1.1 200 OK\r\n"}, {.bytes = STREAM}, {.bytes = OK_ANSWER}};
	struct td_http_request request;
	struct meddler meddler;
	struct bench bench;

	(void)state;
	bench_init(&bench, scripts, 3);
	meddler_init(&meddler, &bench);
	request = get_request(bench.url);
	meddler.other = start(bench.client, &request, NULL, &bench.outcome);
	rig_run_for(&bench.rig, 20);
	meddler.own = td_http_start(bench.client, &request, on_data_meddle, on_done_meddle, &meddler, NULL);
	rig_run(&bench.rig);
	assert_int_equal(meddler.next.status, 200);
	assert_int_equal(meddler.done, 0); /* its stream goes on */
	assert_int_equal(bench.outcome.done, 0);
	td_http_cancel(meddler.own);
	outcome_done(&meddler.next);
	bench_done(&bench);
}

static void data_callback_may_cancel_its_own_call(void **state)
{
	const struct script scripts[] = {{.bytes = STREAM}, {.bytes = OK_ANSWER}};
	struct td_http_request request;
	struct meddler meddler;
	struct bench bench;

	(void)state;
	bench_init(&bench, scripts, 2);
	meddler_init(&meddler, &bench);
	request = get_request(bench.url);
	meddler.own = td_http_start(bench.client, &request, on_data_cancel_own, on_done_meddle, &meddler, NULL);
	rig_run(&bench.rig);
	assert_int_equal(meddler.pieces, 1);
	assert_int_equal(meddler.done, 0);
	assert_int_equal(meddler.next.status, 200);
	outcome_done(&meddler.next);
	bench_done(&bench);
}

static void free_ends_what_is_under_way_without_callbacks(void **state)
{
	const struct script script = {.bytes = STREAM};
	struct td_http_request request, refused = get_request("http://127.0.0.1:1/");
	struct bench bench;
	struct outcome other;

	(void)state;
	bench_init(&bench, &script, 1);
	outcome_init(&other, &bench.rig);
	request = get_request(bench.url);
	start(bench.client, &request, outcome_on_data, &bench.outcome);
	rig_run_for(&bench.rig, 20);
	assert_true(bench.outcome.pieces > 0);
	start(bench.client, &refused, NULL, &other);
	bench.client = td_http_client_free(bench.client);
	rig_run_for(&bench.rig, 20);
	assert_int_equal(bench.outcome.done + other.done, 0);
	assert_null(td_http_client_free(NULL));
	outcome_done(&other);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(done_comes_later_and_once),
		cmocka_unit_test(many_calls_at_once_all_end),
		cmocka_unit_test(connection_is_kept_for_the_next_call),
		cmocka_unit_test(connection_closed_while_idle_is_replaced),
		cmocka_unit_test(get_is_sent_again_when_a_kept_connection_was_dead),
		cmocka_unit_test(request_that_changes_something_is_never_sent_twice),
		cmocka_unit_test(stream_comes_in_pieces_while_it_lasts),
		cmocka_unit_test(refused_stream_has_its_body_in_done),
		cmocka_unit_test(silent_stream_ends_by_its_idle_time),
		cmocka_unit_test(receiver_ends_a_stream),
		cmocka_unit_test(cancelled_call_is_silent),
		cmocka_unit_test(done_may_start_and_cancel),
		cmocka_unit_test(one_of_two_that_fail_together_may_cancel_the_other),
		cmocka_unit_test(data_callback_may_start_and_cancel_others),
		cmocka_unit_test(data_callback_may_cancel_its_own_call),
		cmocka_unit_test(free_ends_what_is_under_way_without_callbacks),
	};

	return cmocka_run_group_tests_name("net/http_client", tests, NULL, NULL);
}
