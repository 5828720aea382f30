/* The informer against a scripted API server: list, watch, bookmarks, the three cases of 410, broken streams. */
#include "kube_peer.h"

#include "base/json.h"
#include "kube/informer.h"

static const struct td_kube_resource pods = {"", "v1", "pods"};

/* A step of the script: what the next request must be and what it is answered. */
struct step {
	const char *list; /* what the URI must hold */
	int status;	  /* -1: a stream of body that stays open; -2: one that ends well */
	const char *body;
};

struct test {
	struct peer peer;
	const struct step *steps;
	struct td_informer *informer;
	struct td_buf told; /* "+a@1 ~a@2 -a@2 !synced (410) " */
	const char *until;  /* stop as soon as told ends with this */
	const char *cut;    /* cut the open stream as soon as told is this */
	struct evhttp_request *open;
	size_t piece; /* bytes of a piece of a stream; 0: whole */
	bool free_in_handler;
};

static void told(struct test *test)
{
	const char *text = td_buf_text(&test->told);
	size_t len = strlen(text), end = strlen(test->until);

	if (len >= end && !strcmp(text + len - end, test->until))
		td_loop_stop(test->peer.loop);
	if (test->cut && !strcmp(text, test->cut))
		peer_hang_up(&test->peer, test->open);
	if (test->free_in_handler)
		test->informer = td_informer_free(test->informer);
}

static void changed(enum td_informer_change change, const char *name, json_t *object, void *userdata)
{
	struct test *test = userdata;

	assert_string_equal(name, td_json_text(object, "metadata.name"));
	assert_true(td_buf_append_format(&test->told, "%c%s@%s ", "+~-"[change], name,
					 td_json_text(object, "metadata.resourceVersion")));
	told(test);
}

static void synced(void *userdata)
{
	struct test *test = userdata;

	assert_true(td_informer_is_synced(test->informer));
	assert_true(td_buf_append_text(&test->told, "!synced "));
	told(test);
}

static void failed(const struct td_error *err, void *userdata)
{
	struct test *test = userdata;

	if (err->code == TD_ERR_HTTP)
		assert_true(td_buf_append_format(&test->told, "(%d) ", err->http_status));
	else
		assert_true(td_buf_append_format(&test->told, "(%s) ", td_error_name(err->code)));
	assert_true(!strncmp(err->text, "watch pods in ns: ", 18) || !strncmp(err->text, "list pods in ns: ", 17));
	told(test);
}

static void stream(struct peer *peer, const struct peer_request *request, const struct test *test, const char *body)
{
	size_t len = strlen(body), piece = test->piece ? test->piece : len;

	peer_stream_begin(peer, request);
	for (size_t at = 0; at < len; at += piece)
		peer_stream_send(request->http, body + at, len - at < piece ? len - at : piece);
}

static void on_request(struct peer *peer, const struct peer_request *request)
{
	struct test *test = peer->test;
	const struct step *step = test->steps;

	if (!step->list)
		fail_msg("told %s, but more requests than expected:\n%s", td_buf_text(&test->told), td_buf_text(&peer->log));
	if (!strstr(request->uri, step->list))
		fail_msg("%s: not %s", request->uri, step->list);
	test->steps++;
	switch (step->status) {
	case -1:
		stream(peer, request, test, step->body);
		test->open = request->http;
		break;
	case -2:
		stream(peer, request, test, step->body);
		peer_stream_end(peer, request->http);
		break;
	default:
		peer_reply(request, step->status, step->body);
	}
}

static void start(struct test *test, const struct step *steps, const struct td_informer_options *options, const char *until)
{
	static const struct td_informer_handlers handlers = {changed, synced, failed};
	struct td_informer_options defaults = {.resource = &pods, .namespace_ = "ns"};

	test->steps = steps;
	test->until = until;
	td_buf_init(&test->told, 10000);
	peer_start(&test->peer, on_request, test);
	test->informer = td_informer_new(test->peer.loop, test->peer.client, options ? options : &defaults, &handlers, test);
	assert_non_null(test->informer);
	assert_int_equal(td_informer_staleness_ms(test->informer), -1);
	assert_false(td_informer_is_synced(test->informer));
}

static void stop(struct test *test)
{
	test->informer = td_informer_free(test->informer);
	td_buf_done(&test->told);
	peer_stop(&test->peer);
}

static void play(const struct step *steps, const char *expected)
{
	struct test test = {0};

	start(&test, steps, NULL, expected);
	peer_run(&test.peer);
	assert_string_equal(td_buf_text(&test.told), expected);
	stop(&test);
}

#define OBJECT(name, version) "{\"metadata\":{\"name\":\"" name "\",\"uid\":\"u\",\"resourceVersion\":\"" version "\"}}"
#define LIST(version, items) "{\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"
#define PAGE(version, more, items)                                                                                          \
	"{\"metadata\":{\"resourceVersion\":\"" version "\",\"continue\":\"" more "\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define BOOKMARK(version) EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"" version "\"}}")
#define FIRST_PAGE "/api/v1/namespaces/ns/pods?limit=250"
#define WATCH(version) "&resourceVersion=" version
#define STATUS(code, reason) "{\"kind\":\"Status\",\"code\":" code ",\"reason\":\"" reason "\",\"message\":\"m\"}"

static void informer_lists_then_watches(void **state)
{
	static const struct step steps[] = {
		{FIRST_PAGE, 200, LIST("10", OBJECT("b", "2") "," OBJECT("a", "1"))},
		{"pods?watch=1&allowWatchBookmarks=true&timeoutSeconds=", -1,
		 EVENT("ADDED", OBJECT("c", "11")) EVENT("MODIFIED", OBJECT("a", "12")) BOOKMARK("15")
			 EVENT("DELETED", OBJECT("b", "16"))},
		{0},
	};
	struct test test = {0};

	(void)state;
	start(&test, steps, NULL, "-b@2 ");
	peer_run(&test.peer);
	assert_string_equal(td_buf_text(&test.told), "+a@1 +b@2 !synced +c@11 ~a@12 -b@2 ");
	assert_int_equal(td_informer_count(test.informer), 2);
	assert_non_null(td_informer_get(test.informer, "a"));
	assert_null(td_informer_get(test.informer, "b"));
	assert_in_range(td_informer_staleness_ms(test.informer), 0, 5000);
	stop(&test);
}

static void informer_reads_events_cut_anywhere(void **state)
{
	static const struct step steps[] = {
		{FIRST_PAGE, 200, LIST("10", "")},
		{WATCH("10"), -1, EVENT("ADDED", OBJECT("a", "11")) EVENT("ADDED", OBJECT("b", "12"))},
		{0},
	};

	(void)state;
	for (size_t piece = 1; piece < 40; piece += 3) {
		struct test test = {.piece = piece};

		start(&test, steps, NULL, "+b@12 ");
		peer_run(&test.peer);
		assert_string_equal(td_buf_text(&test.told), "!synced +a@11 +b@12 ");
		stop(&test);
	}
}

static void informer_lists_in_pages(void **state)
{
	static const struct step steps[] = {
		{FIRST_PAGE, 200, PAGE("10", "t&1", OBJECT("b", "2"))},
		{"?limit=250&continue=t%261", 200, PAGE("10", "t2", OBJECT("a", "1"))},
		{"?limit=250&continue=t2", 200, LIST("10", OBJECT("c", "3"))},
		{WATCH("10"), -1, ""},
		{0},
	};

	(void)state;
	play(steps, "+a@1 +b@2 +c@3 !synced ");
}

static void informer_lists_whole_when_the_continue_token_expired(void **state)
{
	static const struct step steps[] = {
		{FIRST_PAGE, 200, PAGE("10", "t", OBJECT("b", "2"))},
		{"continue=t", 410, STATUS("410", "Expired")},
		{"/api/v1/namespaces/ns/pods", 200, LIST("12", OBJECT("a", "1"))},
		{WATCH("12"), -1, ""},
		{0},
	};

	(void)state;
	play(steps, "(410) +a@1 !synced ");
}

static void informer_lists_again_after_410_as_status(void **state)
{
	static const struct step steps[] = {
		{FIRST_PAGE, 200, LIST("10", OBJECT("a", "1") "," OBJECT("b", "2"))},
		{WATCH("10"), 410, STATUS("410", "Expired")},
		{FIRST_PAGE, 200, LIST("20", OBJECT("b", "3") "," OBJECT("c", "4"))},
		{WATCH("20"), -1, ""},
		{0},
	};

	(void)state;
	play(steps, "+a@1 +b@2 !synced (410) -a@1 ~b@3 +c@4 ");
}

static void informer_lists_again_after_410_as_event(void **state)
{
	static const struct step steps[] = {
		{FIRST_PAGE, 200, LIST("10", OBJECT("a", "1"))},
		{WATCH("10"), -1,
		 EVENT("ADDED", OBJECT("b", "2")) EVENT("ERROR", STATUS("410", "Expired")) EVENT("ADDED", OBJECT("x", "9"))},
		{FIRST_PAGE, 200, LIST("20", OBJECT("b", "2"))},
		{WATCH("20"), -1, ""},
		{0},
	};

	(void)state;
	play(steps, "+a@1 !synced +b@2 (410) -a@1 ");
}

static void informer_watches_again_from_the_last_version(void **state)
{
	static const struct step steps[] = {
		{FIRST_PAGE, 200, LIST("10", "")},
		{WATCH("10"), -2, EVENT("ADDED", OBJECT("a", "11")) BOOKMARK("77")},
		{WATCH("77"), 429, STATUS("429", "TooManyRequests")},
		{WATCH("77"), -1, EVENT("ADDED", OBJECT("b", "78"))},
		{0},
	};

	(void)state;
	play(steps, "!synced +a@11 (429) +b@78 ");
}

static void informer_watches_again_after_a_cut_stream(void **state)
{
	static const struct step steps[] = {
		{FIRST_PAGE, 200, LIST("10", "")},
		{WATCH("10"), -1, EVENT("ADDED", OBJECT("a", "11")) "{\"type\":\"ADDED\",\"obj"},
		{WATCH("11"), -1, EVENT("ADDED", OBJECT("b", "12"))},
		{0},
	};
	struct test test = {.cut = "!synced +a@11 "};

	(void)state;
	start(&test, steps, NULL, "+b@12 ");
	peer_run(&test.peer);
	assert_string_equal(td_buf_text(&test.told), "!synced +a@11 (transport) +b@12 ");
	stop(&test);
}

static void informer_calls_an_empty_short_watch_an_error(void **state)
{
	static const struct step steps[] = {
		{FIRST_PAGE, 200, LIST("10", "")},
		{WATCH("10"), -2, ""},
		{FIRST_PAGE, 200, LIST("11", OBJECT("a", "1"))},
		{WATCH("11"), -1, ""},
		{0},
	};

	(void)state;
	play(steps, "!synced (protocol) +a@1 ");
}

static void informer_lists_again_after_nonsense(void **state)
{
	static const char *const bad[] = {
		"{\"type\":\"ADDED\"\n",
		EVENT("ADDED", "{}"),
		EVENT("ADDED", "7"),
		EVENT("WHAT", OBJECT("a", "1")),
		"[]\n",
		EVENT("BOOKMARK", "{}"),
		EVENT("ADDED", "{\"metadata\":{\"name\":\"\"}}"),
		"\xff\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct step steps[] = {
			{FIRST_PAGE, 200, LIST("10", "")},
			{WATCH("10"), -1, bad[i]},
			{0},
		};

		play(steps, "!synced (protocol) ");
	}
}

static void informer_tries_a_failed_list_again(void **state)
{
	static const char *const bad[] = {"{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":7}", "{\"items\":[]}",
					  "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{}]}", "[", "[]"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct step steps[] = {
			{FIRST_PAGE, 200, bad[i]},
			{0},
		};

		play(steps, "(protocol) ");
	}
	{
		static const struct step steps[] = {
			{FIRST_PAGE, 403, STATUS("403", "Forbidden")},
			{FIRST_PAGE, 200, LIST("10", "")},
			{WATCH("10"), -1, ""},
			{0},
		};

		play(steps, "(403) !synced ");
	}
}

static void informer_reads_null_items_as_none(void **state)
{
	static const struct step steps[] = {
		{FIRST_PAGE, 200, "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":null}"},
		{WATCH("10"), -1, EVENT("ADDED", OBJECT("a", "11"))},
		{0},
	};

	(void)state;
	play(steps, "!synced +a@11 ");
}

static json_t *keep_metadata(json_t *object)
{
	return json_pack("{s:O}", "metadata", json_object_get(object, "metadata"));
}

static json_t *keep_nothing(json_t *object)
{
	(void)object;
	return NULL;
}

static void informer_keeps_the_projection_and_sends_the_selector(void **state)
{
	static const struct td_informer_options options = {&pods, "ns", "app=ticdc,x in (a)", keep_metadata};
	static const struct step steps[] = {
		{"?limit=250&labelSelector=app%3Dticdc%2Cx%20in%20%28a%29", 200,
		 LIST("10", "{\"spec\":{\"x\":1},\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"}}")},
		{"&resourceVersion=10&labelSelector=app%3Dticdc%2Cx%20in%20%28a%29", -1, ""},
		{0},
	};
	struct test test = {0};

	(void)state;
	start(&test, steps, &options, "!synced ");
	peer_run(&test.peer);
	assert_null(json_object_get(td_informer_get(test.informer, "a"), "spec"));
	stop(&test);
}

static void informer_says_when_the_projection_has_no_memory(void **state)
{
	static const struct td_informer_options options = {&pods, "ns", NULL, keep_nothing};
	static const struct step steps[] = {{FIRST_PAGE, 200, LIST("10", OBJECT("a", "1"))}, {0}};
	struct test test = {0};

	(void)state;
	start(&test, steps, &options, "(out-of-memory) ");
	peer_run(&test.peer);
	assert_int_equal(td_informer_count(test.informer), 0);
	assert_false(td_informer_is_synced(test.informer));
	stop(&test);
}

/* The handler frees the informer: in a list, in an event, in synced, in failed. */
static void informer_may_be_freed_by_its_handlers(void **state)
{
	static const struct step in_list[] = {{FIRST_PAGE, 200, LIST("10", OBJECT("a", "1") "," OBJECT("b", "2"))}, {0}};
	static const struct step in_synced[] = {{FIRST_PAGE, 200, LIST("10", "")}, {0}};
	static const struct step in_failed[] = {{FIRST_PAGE, 500, ""}, {0}};
	static const struct {
		const struct step *steps;
		const char *expected;
	} cases[] = {{in_list, "+a@1 "}, {in_synced, "!synced "}, {in_failed, "(500) "}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test test = {.free_in_handler = true};

		start(&test, cases[i].steps, NULL, cases[i].expected);
		peer_run(&test.peer);
		assert_null(test.informer);
		assert_string_equal(td_buf_text(&test.told), cases[i].expected);
		stop(&test);
	}
}

static void informer_may_be_freed_by_an_event(void **state)
{
	static const struct step steps[] = {
		{FIRST_PAGE, 200, LIST("10", "")},
		{WATCH("10"), -1, EVENT("ADDED", OBJECT("a", "11")) EVENT("ADDED", OBJECT("b", "12"))},
		{0},
	};
	struct test test = {0};

	(void)state;
	start(&test, steps, NULL, "!synced ");
	peer_run(&test.peer);
	test.free_in_handler = true;
	test.until = "+a@11 ";
	peer_run(&test.peer);
	assert_null(test.informer);
	assert_string_equal(td_buf_text(&test.told), "!synced +a@11 ");
	stop(&test);
}

static void informer_waits_while_the_server_is_not_there(void **state)
{
	static const struct step steps[] = {{0}};
	struct test test = {0};
	char nowhere[] = "http://127.0.0.1:1";

	(void)state;
	start(&test, steps, NULL, "(connect) (connect) ");
	test.peer.config.server = nowhere;
	peer_run(&test.peer);
	assert_string_equal(td_buf_text(&test.told), "(connect) (connect) ");
	stop(&test);
}

static void count(const char *name, json_t *object, void *userdata)
{
	(void)object;
	assert_true(td_buf_append_text(userdata, name));
}

static void informer_goes_through_its_objects_in_order(void **state)
{
	static const struct step steps[] = {
		{FIRST_PAGE, 200, LIST("10", OBJECT("c", "1") "," OBJECT("a", "1") "," OBJECT("b", "1"))},
		{WATCH("10"), -1, ""},
		{0},
	};
	struct test test = {0};
	struct td_buf names;

	(void)state;
	td_buf_init(&names, 100);
	start(&test, steps, NULL, "!synced ");
	peer_run(&test.peer);
	td_informer_each(test.informer, count, &names);
	assert_string_equal(td_buf_text(&names), "abc");
	td_buf_done(&names);
	stop(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(informer_lists_then_watches),
		cmocka_unit_test(informer_reads_events_cut_anywhere),
		cmocka_unit_test(informer_lists_in_pages),
		cmocka_unit_test(informer_lists_whole_when_the_continue_token_expired),
		cmocka_unit_test(informer_lists_again_after_410_as_status),
		cmocka_unit_test(informer_lists_again_after_410_as_event),
		cmocka_unit_test(informer_watches_again_from_the_last_version),
		cmocka_unit_test(informer_watches_again_after_a_cut_stream),
		cmocka_unit_test(informer_calls_an_empty_short_watch_an_error),
		cmocka_unit_test(informer_lists_again_after_nonsense),
		cmocka_unit_test(informer_tries_a_failed_list_again),
		cmocka_unit_test(informer_reads_null_items_as_none),
		cmocka_unit_test(informer_keeps_the_projection_and_sends_the_selector),
		cmocka_unit_test(informer_says_when_the_projection_has_no_memory),
		cmocka_unit_test(informer_may_be_freed_by_its_handlers),
		cmocka_unit_test(informer_may_be_freed_by_an_event),
		cmocka_unit_test(informer_waits_while_the_server_is_not_there),
		cmocka_unit_test(informer_goes_through_its_objects_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
