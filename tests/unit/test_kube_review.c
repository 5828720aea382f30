/* TokenReview and SubjectAccessReview against a scripted API server: what is asked, what each answer means, what is remembered. */
#include "kube/review.h"

#include "kube_peer.h"

static const struct td_kube_resource requests = {"drain.example.dev", "v1alpha1", "drainrequests"};

#define TOKEN_REVIEW(status) "{\"kind\":\"TokenReview\",\"apiVersion\":\"authentication.k8s.io/v1\",\"status\":" status "}"
#define ACCESS_REVIEW(status)                                                                                               \
	"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"status\":" status "}"
#define ANN TOKEN_REVIEW("{\"authenticated\":true,\"user\":{\"username\":\"ann\"}}")
#define YES ACCESS_REVIEW("{\"allowed\":true}")

/* What the server answers to each of the two, and what came of it. */
struct fixture {
	struct peer peer;
	struct td_reviewer *reviewer;
	int token_status, access_status; /* 0: never answers; -1: hangs up */
	const char *token_answer, *access_answer;
	int done;
	struct td_review_result result;
	struct td_error err;
};

static void answer(struct peer *peer, const struct peer_request *request)
{
	const struct fixture *f = peer->test;
	bool token = strstr(request->uri, "tokenreviews") != NULL;
	int status = token ? f->token_status : f->access_status;

	assert_string_equal(request->method, "POST");
	if (status > 0)
		peer_reply(request, status, token ? f->token_answer : f->access_answer);
	else if (status < 0)
		peer_hang_up(peer, request->http);
	else
		peer_stream_begin(peer, request);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->token_status = f->access_status = 201;
	f->token_answer = ANN;
	f->access_answer = YES;
	peer_start(&f->peer, answer, f);
	f->reviewer = td_reviewer_new(f->peer.loop, f->peer.client, &requests, "ns");
	assert_non_null(f->reviewer);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	peer_stop(&f->peer);
	assert_null(td_reviewer_free(f->reviewer));
	free(f);
	return 0;
}

static void on_done(const struct td_review_result *result, const struct td_error *err, void *userdata)
{
	struct fixture *f = userdata;

	f->done++;
	f->result = *result;
	f->err = *err;
	assert_int_equal(result->verdict == TD_REVIEW_UNKNOWN, err->code != TD_OK);
	td_loop_stop(f->peer.loop);
}

static enum td_review_verdict ask(struct fixture *f, const char *token, const char *verb)
{
	struct td_error err;

	f->done = 0;
	assert_non_null(td_review_start(f->reviewer, token, verb, on_done, f, &err));
	assert_int_equal(f->done, 0);
	peer_run(&f->peer);
	assert_int_equal(f->done, 1);
	return f->result.verdict;
}

static void both_are_asked_with_all_that_is_known_of_the_user(void **state)
{
	struct fixture *f = *state;

	f->token_answer = TOKEN_REVIEW(
		"{\"authenticated\":true,\"user\":{\"username\":\"ann\",\"uid\":\"u-1\",\"groups\":[\"g\",\"h\"],"
		"\"extra\":{\"scopes\":[\"a\",\"b\"]}}}");
	assert_int_equal(ask(f, "secret", "create"), TD_REVIEW_ALLOWED);
	assert_string_equal(f->result.user, "ann");
	assert_string_equal(
		td_buf_text(&f->peer.log),
		"POST /apis/authentication.k8s.io/v1/tokenreviews "
		"{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenReview\",\"spec\":{\"token\":\"secret\"}}\n"
		"POST /apis/authorization.k8s.io/v1/subjectaccessreviews "
		"{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SubjectAccessReview\",\"spec\":{\"user\":\"ann\","
		"\"groups\":[\"g\",\"h\"],\"uid\":\"u-1\",\"extra\":{\"scopes\":[\"a\",\"b\"]},\"resourceAttributes\":{"
		"\"namespace\":\"ns\",\"verb\":\"create\",\"group\":\"drain.example.dev\",\"version\":\"v1alpha1\","
		"\"resource\":\"drainrequests\"}}}\n");
}

static void what_is_not_known_of_the_user_is_left_out(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "secret", "get"), TD_REVIEW_ALLOWED);
	assert_non_null(strstr(td_buf_text(&f->peer.log), "\"spec\":{\"user\":\"ann\",\"resourceAttributes\":{"));
	assert_non_null(strstr(td_buf_text(&f->peer.log), "\"verb\":\"get\""));
}

static void each_whole_answer_has_its_meaning(void **state)
{
	static const struct {
		const char *token, *access;
		enum td_review_verdict verdict;
		int asked_twice; /* requests for two questions: what was doubtful is asked again */
	} cases[] = {
		{ANN, YES, TD_REVIEW_ALLOWED, 2},
		{ANN, ACCESS_REVIEW("{\"allowed\":true,\"evaluationError\":\"webhook\"}"), TD_REVIEW_ALLOWED, 4},
		{ANN, ACCESS_REVIEW("{\"allowed\":false}"), TD_REVIEW_DENIED, 2},
		{ANN, ACCESS_REVIEW("{\"allowed\":false,\"evaluationError\":\"webhook\"}"), TD_REVIEW_DENIED, 4},
		{ANN, ACCESS_REVIEW("{\"allowed\":true,\"denied\":true}"), TD_REVIEW_DENIED, 2},
		{TOKEN_REVIEW("{\"authenticated\":false}"), YES, TD_REVIEW_UNAUTHENTICATED, 1},
		{TOKEN_REVIEW("{\"user\":{}}"), YES, TD_REVIEW_UNAUTHENTICATED, 1},
		{TOKEN_REVIEW("{\"user\":{},\"error\":\"invalid bearer token\"}"), YES, TD_REVIEW_UNAUTHENTICATED, 2},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char token[16];
		int before = f->peer.requests;

		(void)snprintf(token, sizeof(token), "t%zu", i);
		f->token_answer = cases[i].token;
		f->access_answer = cases[i].access;
		for (int j = 0; j < 2; j++)
			if (ask(f, token, "get") != cases[i].verdict)
				fail_msg("%s, %s: %d %s", cases[i].token, cases[i].access, (int)f->result.verdict,
					 f->err.text);
		assert_int_equal(f->peer.requests - before, cases[i].asked_twice);
		assert_string_equal(f->result.user, cases[i].verdict == TD_REVIEW_UNAUTHENTICATED ? "" : "ann");
	}
}

#define LONG "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void anything_else_is_unknown_and_not_remembered(void **state)
{
	static const struct {
		int token_status;
		const char *token;
		int access_status;
		const char *access;
		const char *says;
	} cases[] = {
		{201, "", 201, YES, "tokenreviews"},
		{201, "<html>", 201, YES, "tokenreviews"},
		{201, "[]", 201, YES, "tokenreviews"},
		{201, "{}", 201, YES, "tokenreviews"},
		{201, "{\"status\":{\"authenticated\":true,\"user\":{\"username\":\"ann\"}}}", 201, YES, "tokenreviews"},
		{201, YES, 201, YES, "tokenreviews"},
		{201, TOKEN_REVIEW("[]"), 201, YES, "tokenreviews"},
		{201, TOKEN_REVIEW("{\"authenticated\":\"true\",\"user\":{\"username\":\"ann\"}}"), 201, YES,
		 "authenticated"},
		{201, TOKEN_REVIEW("{\"authenticated\":true}"), 201, YES, "username"},
		{201, TOKEN_REVIEW("{\"authenticated\":true,\"user\":{\"username\":\"\"}}"), 201, YES, "username"},
		{201, TOKEN_REVIEW("{\"authenticated\":true,\"user\":{\"username\":7}}"), 201, YES, "username"},
		{201, TOKEN_REVIEW("{\"authenticated\":true,\"user\":{\"username\":\"root\\u0000x\"}}"), 201, YES,
		 "username"},
		{201,
		 TOKEN_REVIEW("{\"authenticated\":true,\"user\":{\"username\":\"" LONG LONG LONG LONG LONG LONG LONG LONG
			      "\"}}"),
		 201, YES, "username"},
		{201, TOKEN_REVIEW("{\"authenticated\":true,\"user\":{\"username\":\"ann\",\"groups\":\"g\"}}"), 201, YES,
		 "groups"},
		{201, TOKEN_REVIEW("{\"authenticated\":true,\"user\":{\"username\":\"ann\",\"groups\":[1]}}"), 201, YES,
		 "groups"},
		{201, TOKEN_REVIEW("{\"authenticated\":true,\"user\":{\"username\":\"ann\",\"uid\":1}}"), 201, YES, "uid"},
		{201, TOKEN_REVIEW("{\"authenticated\":true,\"user\":{\"username\":\"ann\",\"extra\":[]}}"), 201, YES,
		 "extra"},
		{201, TOKEN_REVIEW("{\"authenticated\":true,\"user\":{\"username\":\"ann\",\"extra\":{\"a\":\"b\"}}}"), 201,
		 YES, "extra"},
		{201, TOKEN_REVIEW("{\"authenticated\":true,\"user\":{\"username\":\"ann\",\"extra\":{\"a\":[1]}}}"), 201,
		 YES, "extra"},
		{500, "", 201, YES, "500"},
		{401, "{}", 201, YES, "401"},
		{403, "{}", 201, YES, "may not create tokenreviews.authentication.k8s.io"},
		{-1, "", 201, YES, "tokenreviews"},
		{0, "", 201, YES, "tokenreviews"},
		{201, ANN, 201, "", "subjectaccessreviews"},
		{201, ANN, 201, "{}", "subjectaccessreviews"},
		{201, ANN, 201, "{\"status\":{\"allowed\":true}}", "subjectaccessreviews"},
		{201, ANN, 201, ANN, "subjectaccessreviews"},
		{201, ANN, 201, ACCESS_REVIEW("{}"), "allowed"},
		{201, ANN, 201, ACCESS_REVIEW("{\"allowed\":\"true\"}"), "allowed"},
		{201, ANN, 201, ACCESS_REVIEW("{\"allowed\":1}"), "allowed"},
		{201, ANN, 201, ACCESS_REVIEW("{\"allowed\":true,\"denied\":\"no\"}"), "denied"},
		{201, ANN, 500, YES, "500"},
		{201, ANN, 403, YES, "may not create subjectaccessreviews.authorization.k8s.io"},
		{201, ANN, -1, YES, "subjectaccessreviews"},
		{201, ANN, 0, YES, "subjectaccessreviews"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->token_status = cases[i].token_status;
		f->token_answer = cases[i].token;
		f->access_status = cases[i].access_status;
		f->access_answer = cases[i].access;
		if (ask(f, "secret-token", "create") != TD_REVIEW_UNKNOWN)
			fail_msg("%zu: verdict %d", i, (int)f->result.verdict);
		if (!strstr(f->err.text, cases[i].says))
			fail_msg("%zu: no \"%s\" in \"%s\"", i, cases[i].says, f->err.text);
		assert_null(strstr(f->err.text, "secret-token"));
		assert_string_equal(f->result.user, "");
	}
	f->token_status = f->access_status = 201;
	f->token_answer = ANN;
	f->access_answer = YES;
	assert_int_equal(ask(f, "secret-token", "create"), TD_REVIEW_ALLOWED);
}

static void an_answer_is_remembered_for_that_token_and_verb(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "a", "create"), TD_REVIEW_ALLOWED);
	f->access_answer = ACCESS_REVIEW("{\"allowed\":false}");
	assert_int_equal(ask(f, "a", "create"), TD_REVIEW_ALLOWED);
	assert_string_equal(f->result.user, "ann");
	assert_int_equal(f->peer.requests, 2);
	assert_int_equal(ask(f, "a", "get"), TD_REVIEW_DENIED);
	assert_int_equal(ask(f, "b", "create"), TD_REVIEW_DENIED);
	assert_int_equal(f->peer.requests, 6);
}

static void stop(void *userdata)
{
	td_loop_stop(((struct peer *)userdata)->loop);
}

static void a_cancelled_review_says_nothing(void **state)
{
	struct fixture *f = *state;
	struct td_timer *pause = td_timer_new(f->peer.loop, stop, &f->peer);
	struct td_error err;

	assert_int_equal(ask(f, "known", "get"), TD_REVIEW_ALLOWED);
	f->done = 0;
	td_review_cancel(td_review_start(f->reviewer, "known", "get", on_done, f, &err)); /* would come from memory */
	td_review_cancel(td_review_start(f->reviewer, "new", "get", on_done, f, &err));
	td_timer_arm(pause, 100);
	peer_run(&f->peer);
	assert_int_equal(f->done, 0);
	td_timer_free(pause);
}

#define review_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		review_test(both_are_asked_with_all_that_is_known_of_the_user),
		review_test(what_is_not_known_of_the_user_is_left_out),
		review_test(each_whole_answer_has_its_meaning),
		review_test(anything_else_is_unknown_and_not_remembered),
		review_test(an_answer_is_remembered_for_that_token_and_verb),
		review_test(a_cancelled_review_says_nothing),
	};

	return cmocka_run_group_tests_name("kube/review", tests, NULL, NULL);
}
