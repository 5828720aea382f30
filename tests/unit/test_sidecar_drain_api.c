/* The drain API: who may ask, and what comes of it when that cannot be found out, when too many ask, or when the client goes away. */
#include "drain_api_fixture.h"

#define OPEN                                                                                                                \
	"[{\"metadata\":{\"name\":\"capture-" ID "\",\"uid\":\"u\",\"resourceVersion\":\"1\",\"creationTimestamp\":"        \
	"\"2026-11-23T13:18:38Z\"},\"spec\":{\"captureID\":\"" ID "\"},\"status\":{\"phase\":\"Draining\"}}]"

static void without_a_token_nobody_is_asked(void **state)
{
	static const char *const headers[] = {"", "Authorization: Basic YTpi\r\n", "Authorization: Bearer\r\n",
					      "Authorization: Bearer a b\r\n", "authorization: bearer  \r\n"};
	struct api_test *t = *state;

	api_begin(t, OPEN);
	for (size_t i = 0; i < COUNT(headers); i++) {
		api_send(t, i % 2 ? "PUT" : "GET", ID, headers[i], "");
		assert_int_equal(api_receive(t), 401);
		api_refused(t, "CDC:ErrCredentialNotFound", "credential not found");
		assert_non_null(strstr(td_buf_text(&t->client.got), "\r\nWWW-Authenticate: Bearer\r\n"));
		assert_non_null(
			strstr(td_buf_text(&t->client.got), "\r\nContent-Type: application/json; charset=utf-8\r\n"));
		api_end(t);
	}
	assert_int_equal(t->reviews, 0);
}

static void token_that_is_nobodys_is_401(void **state)
{
	struct api_test *t = *state;

	t->token.body = "{\"user\":{},\"error\":\"invalid bearer token\"}";
	api_begin(t, OPEN);
	api_send(t, "PUT", ID, BEARER, "");
	assert_int_equal(api_receive(t), 401);
	api_refused(t, "CDC:ErrUnauthorized", "does not know the token");
	assert_non_null(strstr(td_buf_text(&t->client.got), "\r\nWWW-Authenticate: Bearer\r\n"));
	api_end(t);
}

static void put_needs_create_and_get_needs_get(void **state)
{
	struct api_test *t = *state;

	api_begin(t, OPEN);
	assert_int_equal(api_put(t, ""), 202);
	assert_string_equal(t->last_verb, "create");
	assert_int_equal(api_get(t), 200);
	assert_string_equal(t->last_verb, "get");
	assert_int_equal(t->reviews, 4);
	assert_int_equal(api_put(t, ""), 202);
	assert_int_equal(api_get(t), 200);
	assert_int_equal(t->reviews, 4); /* remembered */
}

static void who_may_not_is_told_what_is_missing(void **state)
{
	struct api_test *t = *state;

	t->access.body = "{\"allowed\":false}";
	api_begin(t, OPEN);
	assert_int_equal(api_put(t, ""), 403);
	api_refused(t, "CDC:ErrUnauthorized", "user ann may not create drainrequests.drain.ticdc.dev in the namespace ns");
	assert_int_equal(api_get(t), 403);
	api_refused(t, "CDC:ErrUnauthorized", "user ann may not get drainrequests.drain.ticdc.dev in the namespace ns");
}

/* Nothing of what was asked is told to somebody who is not known: not even that it was nonsense. */
static void who_asks_comes_before_what(void **state)
{
	struct api_test *t = *state;

	api_begin(t, OPEN);
	assert_int_equal(api_ask(t, "PUT", "NO-ID", "", "nonsense"), 401);
	t->access.body = "{\"allowed\":false}";
	assert_int_equal(api_ask(t, "PUT", "NO-ID", BEARER, "nonsense"), 403);
}

static void reviews_that_fail_are_503(void **state)
{
	static const struct {
		struct scripted token, access;
		const char *says;
	} cases[] = {
		{{403, "{}"}, {201, "{\"allowed\":true}"}, "may not create tokenreviews.authentication.k8s.io"},
		{{201, ANN}, {403, "{}"}, "may not create subjectaccessreviews.authorization.k8s.io"},
		{{500, "{}"}, {201, "{\"allowed\":true}"}, "could not be found out"},
		{{201, ANN}, {500, "{}"}, "could not be found out"},
		{{201, "7"}, {201, "{\"allowed\":true}"}, "makes no sense"},
		{{201, ANN}, {201, "{}"}, "makes no sense"},
		{{200, "<html>"}, {201, "{\"allowed\":true}"}, "could not be found out"},
		{{401, "{}"}, {201, "{\"allowed\":true}"}, "could not be found out"},
		{{HANGS, ""}, {201, "{\"allowed\":true}"}, "could not be found out"},
		{{201, ANN}, {HANGS, ""}, "could not be found out"},
	};
	struct api_test *t = *state;

	api_begin(t, OPEN);
	for (size_t i = 0; i < COUNT(cases); i++) {
		t->token = cases[i].token;
		t->access = cases[i].access;
		assert_int_equal(api_put(t, ""), 503);
		api_refused(t, "", cases[i].says);
	}
	assert_int_equal(t->asked_captures + t->creates, 0);
}

static void other_methods_are_405_in_the_same_form(void **state)
{
	static const char *const methods[] = {"POST", "DELETE", "PATCH", "OPTIONS", "HEAD"};
	struct api_test *t = *state;

	api_begin(t, OPEN);
	for (size_t i = 0; i < COUNT(methods); i++) {
		api_send(t, methods[i], ID, BEARER, "");
		assert_int_equal(api_receive(t), 405);
		assert_non_null(strstr(td_buf_text(&t->client.got), "\r\nAllow: GET, PUT\r\n"));
		if (strcmp(methods[i], "HEAD") != 0)
			api_refused(t, "", "only GET and PUT");
		api_end(t);
	}
	assert_int_equal(t->reviews, 0);
}

static void too_many_at_once_are_turned_away(void **state)
{
	struct raw_client clients[32];
	struct api_test *t = *state;

	t->token.status = HANGS;
	api_begin(t, OPEN);
	for (size_t i = 0; i < COUNT(clients); i++) {
		api_send(t, "GET", ID, BEARER, "");
		clients[i] = t->client;
	}
	while (t->reviews < (int)COUNT(clients))
		api_run_for(t, 10);
	assert_int_equal(api_get(t), 503);
	api_refused(t, "", "too many");
	assert_int_equal(t->reviews, COUNT(clients));
	for (size_t i = 0; i < COUNT(clients); i++)
		raw_client_done(&clients[i]);
	t->server = td_http_server_free(t->server); /* lets all of them go */
	api_start_server(t);
	t->token.status = 201;
	assert_int_equal(api_get(t), 200);
}

/* In the middle of a review, of asking TiCDC, of making the object: what is under way is given up or finds nobody. */
static void client_may_go_away_in_the_middle(void **state)
{
	struct api_test *t = *state;

	api_begin(t, "[]");
	for (int where = 0; where < 3; where++) {
		for (int freed = 0; freed < 2; freed++) {
			t->token.status = where == 0 ? HANGS : 201;
			t->captures.status = where == 1 ? HANGS : 200;
			t->created.status = where == 2 ? HANGS : 201;
			t->created.body = where == 2 ? "" : NULL;
			api_send(t, "PUT", ID, "Authorization: Bearer another\r\n", "");
			api_run_for(t, 100);
			if (freed)
				t->server = td_http_server_free(t->server);
			api_end(t);
			api_run_for(t, 400); /* longer than TiCDC may take here */
			if (freed)
				api_start_server(t);
		}
	}
	t->created = (struct scripted){201, NULL};
	assert_int_equal(api_put(t, ""), 202);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		api_test(without_a_token_nobody_is_asked),
		api_test(token_that_is_nobodys_is_401),
		api_test(put_needs_create_and_get_needs_get),
		api_test(who_may_not_is_told_what_is_missing),
		api_test(who_asks_comes_before_what),
		api_test(reviews_that_fail_are_503),
		api_test(other_methods_are_405_in_the_same_form),
		api_test(too_many_at_once_are_turned_away),
		api_test(client_may_go_away_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
