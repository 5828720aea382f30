/* The metrics reader: the same reading at every cut, and no reading from anything that is not whole and good. */
#include "ticdc/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SENTINELS                                                                                                           \
	"ticdc_dispatcher_event_collector_registered_dispatcher_count 0\n"                                                  \
	"ticdc_owner_ownership_counter 0\n"

/* Old and new names side by side, both event types, escapes, comments, neighbours with like names. */
static const char scrape[] =
	"# HELP process_start_time_seconds Start time\n"
	"# TYPE process_start_time_seconds gauge\n"
	"process_start_time_seconds 1.76388123012e+09\n"
	"ticdc_changefeed_maintainer_counter{changefeed=\"a\",namespace=\"default\"} 1\n"
	"ticdc_changefeed_maintainer_counter{changefeed=\"b\",namespace=\"default\"} 0\n"
	"ticdc_changefeed_maintainer_counter{changefeed=\"c\",keyspace_name=\"ks\"} 1 1763881230120\n"
	"ticdc_dispatcher_event_collector_registered_dispatcher_count 4.2e+01\n"
	"ticdc_dispatchermanager_table_dispatcher_count{changefeed=\"a\",event_type=\"eventDispatcher\"} 10\n"
	"ticdc_dispatchermanager_table_dispatcher_count{changefeed=\"a\",event_type=\"redoDispatcher\"} 3\n"
	"ticdc_dispatchermanager_table_event_dispatcher_count{changefeed=\"}\\\" 9\",event_type=\"eventDispatcher\"} 5\n"
	"ticdc_dispatchermanager_table_trigger_dispatcher_count{changefeed=\"a\",event_type=\"eventDispatcher\"} 1\n"
	"ticdc_dispatchermanager_table_trigger_event_dispatcher_count{changefeed=\"c\"} 2\n"
	"ticdc_dispatchermanager_table_dispatcher_count_total 999\n"
	"ticdc_event_service_dispatcher_count{cluster=\"1\"} -7\n"
	"ticdc_event_service_dispatcher_status_count{status=\"normal\"} 100\n"
	"ticdc_event_service_dispatcher_status_count{status=\"total\"} 17\n"
	"go_memstats_nan NaN\n"
	"ticdc_owner_ownership_counter 3.5\n"
	"ticdc_zzz{a=\"x\",b=\"\n"; /* garbage in a series that does not matter */

static bool read_pieces(const char *text, size_t len, size_t piece, struct td_ticdc_reading *ret, char *why, size_t size)
{
	struct td_ticdc_metrics metrics;
	bool known;

	td_ticdc_metrics_init(&metrics);
	for (size_t at = 0; at < len; at += piece)
		(void)td_ticdc_metrics_feed(&metrics, text + at, len - at < piece ? len - at : piece);
	known = td_ticdc_metrics_finish(&metrics, false, ret, why, size);
	td_ticdc_metrics_done(&metrics);
	return known;
}

static bool read_text(const char *text, struct td_ticdc_reading *ret, char *why, size_t size)
{
	return read_pieces(text, strlen(text), strlen(text) + 1, ret, why, size);
}

static void assert_scrape(const struct td_ticdc_reading *reading)
{
	assert_int_equal(reading->counts.maintainers, 2);
	assert_int_equal(reading->counts.dispatchers, 18);
	assert_int_equal(reading->counts.triggers, 3);
	assert_int_equal(reading->counts.brokers, 17);
	assert_true(reading->start_ms == 1763881230120);
}

static void metrics_read_the_same_at_every_cut(void **state)
{
	size_t len = strlen(scrape);
	struct td_ticdc_reading reading;
	char why[200];

	(void)state;
	for (size_t piece = 1; piece <= len; piece++) {
		assert_true(read_pieces(scrape, len, piece, &reading, why, sizeof(why)));
		assert_scrape(&reading);
	}
	for (size_t cut = 0; cut <= len; cut++) {
		struct td_ticdc_metrics metrics;

		td_ticdc_metrics_init(&metrics);
		assert_true(td_ticdc_metrics_feed(&metrics, scrape, cut));
		assert_true(td_ticdc_metrics_feed(&metrics, "", 0));
		assert_true(td_ticdc_metrics_feed(&metrics, scrape + cut, len - cut));
		assert_true(td_ticdc_metrics_finish(&metrics, false, &reading, why, sizeof(why)));
		assert_scrape(&reading);
		td_ticdc_metrics_done(&metrics);
	}
}

static void metrics_cut_short_never_show_less_than_there_is(void **state)
{
	struct td_ticdc_reading reading;
	char why[200];

	(void)state;
	for (size_t len = 0; len < strlen(scrape); len++) {
		char *cut = strndup(scrape, len);

		if (read_pieces(cut, len, 7, &reading, why, sizeof(why))) /* only behind the last line that matters */
			assert_scrape(&reading);
		free(cut);
	}
}

static void metrics_absent_is_zero_in_a_good_scrape(void **state)
{
	struct td_ticdc_reading reading;
	char why[200];

	(void)state;
	assert_true(read_text(SENTINELS, &reading, why, sizeof(why)));
	assert_true(!reading.counts.maintainers && !reading.counts.dispatchers && !reading.counts.triggers);
	assert_true(reading.counts.brokers == 0 && reading.start_ms == 0);
}

static void metrics_that_prove_nothing_are_unknown(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"<html>not found</html>\n",
		"404 page not found",
		/* one sentinel only, or not at the end of a line */
		"ticdc_owner_ownership_counter 0\n",
		"ticdc_dispatcher_event_collector_registered_dispatcher_count 0\n",
		"ticdc_dispatcher_event_collector_registered_dispatcher_count 0\nticdc_owner_ownership_counter 0",
		SENTINELS "x",
		/* sentinels in comments, with like names, without a value */
		"# ticdc_owner_ownership_counter 0\nticdc_dispatcher_event_collector_registered_dispatcher_count 0\n",
		"ticdc_owner_ownership_counter_total 0\nticdc_dispatcher_event_collector_registered_dispatcher_count 0\n",
		"ticdc_owner_ownership_counter\nticdc_dispatcher_event_collector_registered_dispatcher_count 0\n",
		/* the broker's total was there once, or will be */
		"ticdc_dispatcher_event_collector_registered_dispatcher_count 1\nticdc_owner_ownership_counter 0\n",
		"ticdc_dispatcher_event_collector_registered_dispatcher_count 1\nticdc_owner_ownership_counter 0\n"
		"ticdc_event_service_dispatcher_status_count{status=\"normal\"} 0\n",
	};
	struct td_ticdc_reading reading;
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		why[0] = '\0';
		if (read_text(texts[i], &reading, why, sizeof(why)) || !why[0])
			fail_msg("took \"%s\" (%s)", texts[i], why);
	}
}

static void metrics_with_a_bad_value_are_unknown(void **state)
{
	static const char *const names[] = {
		"ticdc_changefeed_maintainer_counter{changefeed=\"a\"}",
		"ticdc_dispatchermanager_table_dispatcher_count{event_type=\"eventDispatcher\"}",
		"ticdc_dispatchermanager_table_event_dispatcher_count{event_type=\"redoDispatcher\"}",
		"ticdc_dispatchermanager_table_trigger_dispatcher_count{a=\"\"}",
		"ticdc_dispatchermanager_table_trigger_event_dispatcher_count{}",
		"ticdc_event_service_dispatcher_status_count{status=\"total\"}",
		"ticdc_dispatcher_event_collector_registered_dispatcher_count",
	};
	static const char *const values[] = {" NaN",  " +Inf", " -Inf", " -1",	  " 0.5",  " 1e300", " 4294967296",
					     " 0x10", " 1_0",  " ",	"",	  " x",	   " 1 x",   " 1 2 x",
					     " 1,0",  " --1",  "1",	" \"1\"", " 0 NaN"};
	struct td_ticdc_reading reading;
	char text[512], why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
			if (strcmp(values[j], "1") == 0 && strchr(names[i], '{'))
				continue; /* a value right behind the brace can be read */
			(void)snprintf(text, sizeof(text), "%s%s\n" SENTINELS, names[i], values[j]);
			if (read_text(text, &reading, why, sizeof(why)) && strcmp(values[j], "1") != 0)
				fail_msg("took %s", text);
		}
	}
}

static void metrics_with_bad_labels_are_unknown(void **state)
{
	static const char *const lines[] = {
		"ticdc_changefeed_maintainer_counter{changefeed=\"a\" 0",
		"ticdc_changefeed_maintainer_counter{changefeed=\"a} 0",
		"ticdc_changefeed_maintainer_counter{",
		"ticdc_event_service_dispatcher_status_count 0", /* which status? */
		"ticdc_event_service_dispatcher_status_count{status=\"total} 0",
	};
	struct td_ticdc_reading reading;
	char text[512], why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s\n" SENTINELS, lines[i]);
		assert_false(read_text(text, &reading, why, sizeof(why)));
	}
}

static void metrics_sums_stay_in_range(void **state)
{
	struct td_ticdc_reading reading;
	char why[200];

	(void)state;
	assert_false(read_text("ticdc_changefeed_maintainer_counter{a=\"1\"} 4294967295\n"
			       "ticdc_changefeed_maintainer_counter{a=\"2\"} 1\n" SENTINELS,
			       &reading, why, sizeof(why)));
	assert_true(read_text("ticdc_changefeed_maintainer_counter{a=\"1\"} 4294967295\n" SENTINELS, &reading, why,
			      sizeof(why)));
	assert_true(reading.counts.maintainers == UINT32_MAX);
}

static void metrics_carriage_returns_do_no_harm(void **state)
{
	struct td_ticdc_reading reading;
	char why[200];

	(void)state;
	assert_true(read_text("ticdc_changefeed_maintainer_counter{a=\"1\"} 2\r\n" SENTINELS, &reading, why, sizeof(why)));
	assert_int_equal(reading.counts.maintainers, 2);
}

/* A line of the given name that is longer than the limit, then a good scrape. */
static bool read_long_line(const char *name, size_t piece)
{
	size_t size = TD_TICDC_METRICS_LINE_MAX + 1000;
	char *text = malloc(size + 512), why[200];
	struct td_ticdc_reading reading;
	bool known;

	assert_non_null(text);
	memset(text, 'x', size);
	memcpy(text, name, strlen(name));
	(void)snprintf(text + size, 512, "\"} 0\nticdc_changefeed_maintainer_counter{a=\"1\"} 2\n" SENTINELS);
	known = read_pieces(text, strlen(text), piece, &reading, why, sizeof(why));
	if (known)
		assert_int_equal(reading.counts.maintainers, 2);
	free(text);
	return known;
}

static void metrics_skip_long_lines_unless_they_matter(void **state)
{
	static const size_t pieces[] = {
		1,	5, 17, 4096, TD_TICDC_METRICS_LINE_MAX - 1, TD_TICDC_METRICS_LINE_MAX, TD_TICDC_METRICS_LINE_MAX + 1,
		1 << 20};

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		assert_true(read_long_line("some_histogram{le=\"", pieces[i]));
		assert_true(read_long_line("# HELP ticdc_changefeed_maintainer_counter ", pieces[i]));
		assert_false(read_long_line("ticdc_changefeed_maintainer_counter{changefeed=\"", pieces[i]));
	}
}

/* The classic family counts tables, and exports but one sentinel; where both architectures speak nobody is believed. */
static void metrics_of_the_classic_family_count_tables(void **state)
{
	static const struct {
		const char *text;
		bool classic, known;
		uint32_t tables;
	} cases[] = {
		{"ticdc_owner_ownership_counter 0\n", true, true, 0},
		{"ticdc_owner_ownership_counter 7\nticdc_processor_num_of_tables{namespace=\"default\",changefeed=\"x\"} 3\n"
		 "ticdc_processor_num_of_tables{namespace=\"other\",changefeed=\"y\"} 4\n",
		 true, true, 7},
		{"ticdc_processor_num_of_tables{changefeed=\"x\"} 0\n", true, false, 0},
		{"ticdc_owner_ownership_counter 7\nticdc_processor_num_of_tables{changefeed=\"x\"} NaN\n", true, false, 0},
		{"ticdc_owner_ownership_counter 7\nticdc_processor_num_of_tables{changefeed=\"x\"} -1\n", true, false, 0},
		{"ticdc_owner_ownership_counter 7\nticdc_dispatcher_event_collector_registered_dispatcher_count 0\n", true,
		 false, 0},
		{"ticdc_owner_ownership_counter 7\nticdc_changefeed_maintainer_counter{changefeed=\"x\"} 0\n", true, false,
		 0},
		{"ticdc_owner_ownership_counter 7\n", false, false, 0},
	};
	struct td_ticdc_metrics metrics;
	struct td_ticdc_reading reading;
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool known;

		td_ticdc_metrics_init(&metrics);
		(void)td_ticdc_metrics_feed(&metrics, cases[i].text, strlen(cases[i].text));
		known = td_ticdc_metrics_finish(&metrics, cases[i].classic, &reading, why, sizeof(why));
		if (known != cases[i].known || (known && reading.counts.dispatchers != cases[i].tables))
			fail_msg("case %zu: %s", i, known ? "another count" : why);
		td_ticdc_metrics_done(&metrics);
	}
}

static void metrics_stop_at_the_body_limit(void **state)
{
	static char piece[1 << 20];
	struct td_ticdc_metrics metrics;
	struct td_ticdc_reading reading;
	size_t fed = 0;
	char why[200];

	(void)state;
	memset(piece, '\n', sizeof(piece));
	td_ticdc_metrics_init(&metrics);
	while (td_ticdc_metrics_feed(&metrics, piece, sizeof(piece)))
		fed += sizeof(piece);
	assert_true(fed == TD_TICDC_METRICS_BODY_MAX);
	assert_false(td_ticdc_metrics_feed(&metrics, "\n", 1));
	assert_false(td_ticdc_metrics_finish(&metrics, false, &reading, why, sizeof(why)));
	td_ticdc_metrics_done(&metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_read_the_same_at_every_cut),
		cmocka_unit_test(metrics_cut_short_never_show_less_than_there_is),
		cmocka_unit_test(metrics_absent_is_zero_in_a_good_scrape),
		cmocka_unit_test(metrics_that_prove_nothing_are_unknown),
		cmocka_unit_test(metrics_with_a_bad_value_are_unknown),
		cmocka_unit_test(metrics_with_bad_labels_are_unknown),
		cmocka_unit_test(metrics_sums_stay_in_range),
		cmocka_unit_test(metrics_carriage_returns_do_no_harm),
		cmocka_unit_test(metrics_skip_long_lines_unless_they_matter),
		cmocka_unit_test(metrics_of_the_classic_family_count_tables),
		cmocka_unit_test(metrics_stop_at_the_body_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
