/* client-go's rules for listing and watching, by tables and virtual time. */
#include "kube/reflector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define START 1000000

static struct td_error error_of(enum td_error_code code, int status, int64_t retry_after_ms)
{
	struct td_error err;

	(void)td_error_set(&err, code, "x");
	err.http_status = status;
	err.retry_after_ms = retry_after_ms;
	return err;
}

static void list_whole(struct td_reflector *reflector, const char *version, int64_t now_ms)
{
	struct td_reflector_action action = td_reflector_next(reflector, now_ms);
	bool complete = false;

	assert_int_equal(action.kind, TD_REFLECT_LIST);
	assert_int_equal(td_reflector_listed(reflector, version, NULL, now_ms, &complete), TD_OK);
	assert_true(complete);
}

/* Listed at version 7 and watching. */
static void init_watching(struct td_reflector *reflector, uint64_t seed)
{
	struct td_reflector_action action;

	td_reflector_init(reflector, seed);
	list_whole(reflector, "7", START);
	action = td_reflector_next(reflector, START);
	assert_int_equal(action.kind, TD_REFLECT_WATCH);
	assert_string_equal(action.version, "7");
}

static void reflector_lists_pages_then_watches_from_the_last_version(void **state)
{
	struct td_reflector reflector;
	struct td_reflector_action action;
	bool complete = true;

	(void)state;
	td_reflector_init(&reflector, 1);
	assert_int_equal(reflector.confirmed_ms, -1);
	action = td_reflector_next(&reflector, START);
	assert_int_equal(action.kind, TD_REFLECT_LIST);
	assert_null(action.continue_token);
	assert_int_equal(action.limit, TD_REFLECTOR_PAGE);
	action = td_reflector_next(&reflector, START + 1);
	assert_int_equal(action.kind, TD_REFLECT_WAIT);
	assert_true(action.until_ms == INT64_MAX);
	assert_int_equal(td_reflector_listed(&reflector, "40", "more", START + 5, &complete), TD_OK);
	assert_false(complete);
	assert_int_equal(reflector.confirmed_ms, -1);
	action = td_reflector_next(&reflector, START + 5);
	assert_int_equal(action.kind, TD_REFLECT_LIST);
	assert_string_equal(action.continue_token, "more");
	assert_int_equal(td_reflector_listed(&reflector, "41", "", START + 9, &complete), TD_OK);
	assert_true(complete);
	assert_int_equal(reflector.confirmed_ms, START); /* true as of its first page */
	action = td_reflector_next(&reflector, START + 9);
	assert_int_equal(action.kind, TD_REFLECT_WATCH);
	assert_string_equal(action.version, "41");
	assert_in_range(action.timeout_s, TD_REFLECTOR_WATCH_MIN_S, TD_REFLECTOR_WATCH_MAX_S);
	td_reflector_done(&reflector);
}

static void reflector_follows_a_watch_end_with_the_right_thing(void **state)
{
	static const struct {
		const char *what;
		enum td_error_code code;
		int status;
		int64_t retry_after_ms, lasted_ms;
		int events;
		enum td_reflector_action_kind expected;
		int64_t wait_min_ms, wait_max_ms;
	} cases[] = {
		{"regular end after minutes", TD_OK, 0, -1, 300000, 9, TD_REFLECT_WATCH, 0, 0},
		{"regular end after minutes, silent", TD_OK, 0, -1, 300000, 0, TD_REFLECT_WATCH, 0, 0},
		{"regular end, short but something came", TD_OK, 0, -1, 500, 1, TD_REFLECT_WATCH, 800, 1600},
		{"regular end, too short", TD_OK, 0, -1, 999, 0, TD_REFLECT_LIST, 800, 1600},
		{"regular end, just long enough", TD_OK, 0, -1, 1000, 0, TD_REFLECT_WATCH, 0, 0},
		{"connection broke", TD_ERR_TRANSPORT, 0, -1, 60000, 3, TD_REFLECT_WATCH, 0, 0},
		{"connection broke at once", TD_ERR_TRANSPORT, 0, -1, 10, 0, TD_REFLECT_WATCH, 800, 1600},
		{"silence", TD_ERR_TIMEOUT, 0, -1, 180000, 0, TD_REFLECT_WATCH, 0, 0},
		{"refused", TD_ERR_CONNECT, 0, -1, 1, 0, TD_REFLECT_WATCH, 800, 1600},
		{"refused slowly", TD_ERR_CONNECT, 0, -1, 3000, 0, TD_REFLECT_WATCH, 800, 1600},
		{"429", TD_ERR_HTTP, 429, -1, 5, 0, TD_REFLECT_WATCH, 800, 1600},
		{"429 with Retry-After", TD_ERR_HTTP, 429, 7000, 5, 0, TD_REFLECT_WATCH, 7000, 7000},
		{"429 with a mad Retry-After", TD_ERR_HTTP, 429, 86400000, 5, 0, TD_REFLECT_WATCH, 300000, 300000},
		{"410 as status or ERROR event", TD_ERR_HTTP, 410, -1, 5, 0, TD_REFLECT_LIST, 800, 1600},
		{"410 as ERROR event after minutes", TD_ERR_HTTP, 410, -1, 200000, 5, TD_REFLECT_LIST, 800, 1600},
		{"500", TD_ERR_HTTP, 500, -1, 5, 0, TD_REFLECT_LIST, 800, 1600},
		{"503 with Retry-After", TD_ERR_HTTP, 503, 5000, 5, 0, TD_REFLECT_LIST, 5000, 5000},
		{"403", TD_ERR_HTTP, 403, -1, 5, 0, TD_REFLECT_LIST, 800, 1600},
		{"bad JSON", TD_ERR_PROTOCOL, 0, -1, 5000, 5, TD_REFLECT_LIST, 800, 1600},
		{"event too large", TD_ERR_TOO_LARGE, 0, -1, 5000, 5, TD_REFLECT_LIST, 800, 1600},
		{"no memory", TD_ERR_NOMEM, 0, -1, 5000, 5, TD_REFLECT_LIST, 800, 1600},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct td_error how = error_of(cases[i].code, cases[i].status, cases[i].retry_after_ms);
		int64_t now_ms = START + cases[i].lasted_ms, wait_ms = 0;
		struct td_reflector reflector;
		struct td_reflector_action action;

		init_watching(&reflector, i);
		for (int event = 0; event < cases[i].events; event++)
			assert_int_equal(td_reflector_event(&reflector, "9", START), TD_OK);
		td_reflector_watch_ended(&reflector, &how, now_ms);
		action = td_reflector_next(&reflector, now_ms);
		if (action.kind == TD_REFLECT_WAIT) {
			wait_ms = action.until_ms - now_ms;
			assert_int_equal(td_reflector_next(&reflector, action.until_ms - 1).kind, TD_REFLECT_WAIT);
			action = td_reflector_next(&reflector, action.until_ms);
		}
		if (action.kind != cases[i].expected || wait_ms < cases[i].wait_min_ms || wait_ms > cases[i].wait_max_ms)
			fail_msg("%s: action %d after %lld ms", cases[i].what, action.kind, (long long)wait_ms);
		if (action.kind == TD_REFLECT_WATCH)
			assert_string_equal(action.version, cases[i].events ? "9" : "7");
		td_reflector_done(&reflector);
	}
}

static void reflector_calls_a_watch_too_short_an_error(void **state)
{
	struct td_error how = error_of(TD_OK, 0, -1);
	struct td_reflector reflector;

	(void)state;
	init_watching(&reflector, 3);
	td_reflector_watch_ended(&reflector, &how, START + 999);
	assert_int_equal(how.code, TD_ERR_PROTOCOL);
	td_reflector_done(&reflector);
}

static void reflector_lists_in_one_piece_when_the_continue_token_expired(void **state)
{
	struct td_error gone = error_of(TD_ERR_HTTP, 410, -1);
	struct td_reflector reflector;
	struct td_reflector_action action;
	bool complete;

	(void)state;
	td_reflector_init(&reflector, 1);
	(void)td_reflector_next(&reflector, START);
	assert_int_equal(td_reflector_listed(&reflector, "40", "more", START, &complete), TD_OK);
	(void)td_reflector_next(&reflector, START);
	td_reflector_list_failed(&reflector, &gone, START + 9);
	action = td_reflector_next(&reflector, START + 9);
	assert_int_equal(action.kind, TD_REFLECT_LIST);
	assert_null(action.continue_token);
	assert_int_equal(action.limit, 0);
	/* And when that fails, too, from the first page after a wait. */
	td_reflector_list_failed(&reflector, &gone, START + 10);
	action = td_reflector_next(&reflector, START + 10);
	assert_int_equal(action.kind, TD_REFLECT_WAIT);
	action = td_reflector_next(&reflector, action.until_ms);
	assert_int_equal(action.kind, TD_REFLECT_LIST);
	assert_int_equal(action.limit, TD_REFLECTOR_PAGE);
	td_reflector_done(&reflector);
}

static void reflector_starts_at_the_first_page_after_a_failed_one(void **state)
{
	struct td_error failure = error_of(TD_ERR_TIMEOUT, 0, -1);
	struct td_reflector reflector;
	struct td_reflector_action action;
	bool complete;

	(void)state;
	td_reflector_init(&reflector, 1);
	(void)td_reflector_next(&reflector, START);
	assert_int_equal(td_reflector_listed(&reflector, "40", "more", START, &complete), TD_OK);
	(void)td_reflector_next(&reflector, START);
	td_reflector_list_failed(&reflector, &failure, START);
	action = td_reflector_next(&reflector, START + 1600);
	assert_int_equal(action.kind, TD_REFLECT_LIST);
	assert_null(action.continue_token);
	td_reflector_done(&reflector);
}

static void reflector_backs_off_between_its_bounds(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 500; seed++) {
		int64_t now_ms = START, base = TD_REFLECTOR_BACKOFF_MIN_MS;
		struct td_reflector reflector;

		td_reflector_init(&reflector, seed);
		for (int try = 0; try < 12; try++) {
			struct td_error failure = error_of(TD_ERR_CONNECT, 0, -1);
			struct td_reflector_action action = td_reflector_next(&reflector, now_ms);
			int64_t wait_ms;

			assert_int_equal(action.kind, TD_REFLECT_LIST);
			td_reflector_list_failed(&reflector, &failure, now_ms);
			action = td_reflector_next(&reflector, now_ms);
			assert_int_equal(action.kind, TD_REFLECT_WAIT);
			wait_ms = action.until_ms - now_ms;
			assert_in_range(wait_ms, base, 2 * base);
			assert_in_range(wait_ms, TD_REFLECTOR_BACKOFF_MIN_MS, TD_REFLECTOR_BACKOFF_MAX_MS);
			base = base * 2 < 15000 ? base * 2 : 15000;
			now_ms = action.until_ms;
		}
		td_reflector_done(&reflector);
	}
}

static void reflector_backs_off_from_the_start_after_two_healthy_minutes(void **state)
{
	struct td_error failure = error_of(TD_ERR_CONNECT, 0, -1);
	int64_t now_ms = START;
	struct td_reflector reflector;
	struct td_reflector_action action;

	(void)state;
	init_watching(&reflector, 5);
	for (int try = 0; try < 8; try++) {
		td_reflector_watch_ended(&reflector, &failure, now_ms);
		now_ms = td_reflector_next(&reflector, now_ms).until_ms;
		assert_int_equal(td_reflector_next(&reflector, now_ms).kind, TD_REFLECT_WATCH);
	}
	now_ms += TD_REFLECTOR_BACKOFF_RESET_MS;
	td_reflector_watch_ended(&reflector, &failure, now_ms);
	action = td_reflector_next(&reflector, now_ms);
	assert_in_range(action.until_ms - now_ms, 800, 1600);
	td_reflector_done(&reflector);
}

static void reflector_is_confirmed_by_events_and_regular_ends_only(void **state)
{
	struct td_error end = error_of(TD_OK, 0, -1), broken = error_of(TD_ERR_TRANSPORT, 0, -1);
	struct td_reflector reflector;

	(void)state;
	init_watching(&reflector, 5);
	assert_int_equal(td_reflector_event(&reflector, "8", START + 10), TD_OK);
	assert_int_equal(reflector.confirmed_ms, START + 10);
	td_reflector_watch_ended(&reflector, &end, START + 5000);
	assert_int_equal(reflector.confirmed_ms, START + 5000);
	(void)td_reflector_next(&reflector, START + 5000);
	td_reflector_watch_ended(&reflector, &broken, START + 9000);
	assert_int_equal(reflector.confirmed_ms, START + 5000);
	td_reflector_done(&reflector);
}

static void reflector_refuses_unusable_versions(void **state)
{
	static const char *const bad[] = {NULL, "",
					  "0123456789012345678901234567890123456789012345678901234567890123456789"};
	struct td_reflector reflector;
	bool complete;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		td_reflector_init(&reflector, 1);
		(void)td_reflector_next(&reflector, START);
		assert_int_equal(td_reflector_listed(&reflector, bad[i], NULL, START, &complete), TD_ERR_PROTOCOL);
		assert_int_equal(td_reflector_next(&reflector, START).kind, TD_REFLECT_WAIT);
		td_reflector_done(&reflector);
		init_watching(&reflector, 1);
		assert_int_equal(td_reflector_event(&reflector, bad[i], START), TD_ERR_PROTOCOL);
		assert_string_equal(reflector.version, "7");
		td_reflector_done(&reflector);
	}
}

static void reflector_spreads_its_watch_timeouts(void **state)
{
	int lowest = 100000, highest = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct td_reflector reflector;
		int timeout_s;

		td_reflector_init(&reflector, seed);
		list_whole(&reflector, "1", START);
		timeout_s = td_reflector_next(&reflector, START).timeout_s;
		assert_in_range(timeout_s, 300, 600);
		lowest = timeout_s < lowest ? timeout_s : lowest;
		highest = timeout_s > highest ? timeout_s : highest;
		td_reflector_done(&reflector);
	}
	assert_true(lowest < 320 && highest > 580);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reflector_lists_pages_then_watches_from_the_last_version),
		cmocka_unit_test(reflector_follows_a_watch_end_with_the_right_thing),
		cmocka_unit_test(reflector_calls_a_watch_too_short_an_error),
		cmocka_unit_test(reflector_lists_in_one_piece_when_the_continue_token_expired),
		cmocka_unit_test(reflector_starts_at_the_first_page_after_a_failed_one),
		cmocka_unit_test(reflector_backs_off_between_its_bounds),
		cmocka_unit_test(reflector_backs_off_from_the_start_after_two_healthy_minutes),
		cmocka_unit_test(reflector_is_confirmed_by_events_and_regular_ends_only),
		cmocka_unit_test(reflector_refuses_unusable_versions),
		cmocka_unit_test(reflector_spreads_its_watch_timeouts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
