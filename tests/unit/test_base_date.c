/* The times of Kubernetes. */
#include "base/date.h"

#include "base_test.h"

static void times_are_written_as_kubernetes_does(void **state)
{
	static const struct {
		int64_t ms;
		const char *plain, *micro;
	} cases[] = {
		{0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"},
		{1795439918123, "2026-11-23T13:18:38Z", "2026-11-23T13:18:38.123000Z"},
		{951782400000, "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000Z"},
		{-1, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999000Z"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[TD_TIME_TEXT_MAX];

		td_time_format(cases[i].ms, text);
		assert_string_equal(text, cases[i].plain);
		td_time_format_micro(cases[i].ms, text);
		assert_string_equal(text, cases[i].micro);
	}
}

static void extreme_times_stay_within_their_buffer(void **state)
{
	static const int64_t extremes[] = {INT64_MAX, INT64_MIN, 253402300800000, -62198755200000};

	(void)state;
	for (size_t i = 0; i < COUNT(extremes); i++) {
		char text[TD_TIME_TEXT_MAX];

		td_time_format(extremes[i], text);
		assert_true(strlen(text) < sizeof(text));
		td_time_format_micro(extremes[i], text);
		assert_true(strlen(text) < sizeof(text));
	}
}

static void times_are_read_in_every_form_of_rfc_3339_that_kubernetes_writes(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2026-11-23T13:18:38Z", 1795439918000},
		{"2026-11-23T13:18:38.123456Z", 1795439918123},
		{"2026-11-23T13:18:38.1Z", 1795439918100},
		{"2026-11-23T13:18:38.123456789Z", 1795439918123},
		{"2026-11-23T15:18:38+02:00", 1795439918000},
		{"2026-11-23T07:48:38.5-05:30", 1795439918500},
		{"2024-02-29T00:00:00Z", 1709164800000},
		{"1969-12-31T23:59:59.5Z", -500},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ms = 1;

		assert_true(td_time_parse(cases[i].text, &ms));
		assert_true(ms == cases[i].ms);
	}
}

static void other_times_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"2026-11-23",
		"2026-11-23T13:18:38",
		"2026-11-23 13:18:38Z",
		"2026-11-23T13:18:38z",
		"2026-11-23T13:18:38.Z",
		"2026-11-23T13:18:38,5Z",
		"2026-11-23T13:18:38Z ",
		"2026-11-23T13:18:38+0200",
		"2026-11-23T13:18:38+24:00",
		"2026-11-23T13:18:38+02:60",
		"2026-11-23T13:18:38+-2:00",
		"2026-13-23T13:18:38Z",
		"2026-00-23T13:18:38Z",
		"2026-11-31T13:18:38Z",
		"2025-02-29T13:18:38Z",
		"2026-11-00T13:18:38Z",
		"2026-11-23T24:00:00Z",
		"2026-11-23T13:60:38Z",
		"2026-11-23T13:18:60Z",
		"26-11-23T13:18:38Z",
		"+026-11-23T13:18:38Z",
		" 026-11-23T13:18:38Z",
		"2026-1-23T13:18:38Z",
		NULL,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		int64_t ms = 7;

		assert_false(td_time_parse(texts[i], &ms));
		assert_int_equal(ms, 7);
	}
}

static void what_is_written_is_read_back(void **state)
{
	(void)state;
	for (int64_t ms = -100000000000; ms < 4000000000000; ms += 7919999983) {
		char text[TD_TIME_TEXT_MAX];
		int64_t back;

		td_time_format_micro(ms, text);
		assert_true(td_time_parse(text, &back));
		assert_true(back == ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_as_kubernetes_does),
		cmocka_unit_test(extreme_times_stay_within_their_buffer),
		cmocka_unit_test(times_are_read_in_every_form_of_rfc_3339_that_kubernetes_writes),
		cmocka_unit_test(other_times_are_refused),
		cmocka_unit_test(what_is_written_is_read_back),
	};

	return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
