/* W3 stands only for one process that answered before and after its scrape. */
#include "ticdc/witness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SENTINELS                                                                                                           \
	"ticdc_dispatcher_event_collector_registered_dispatcher_count 0\n"                                                  \
	"ticdc_owner_ownership_counter 0\n"

static struct td_process_view witness(struct td_ticdc_witness *into, const struct td_ticdc_status *before, const char *text,
				      const struct td_ticdc_status *after)
{
	struct td_ticdc_metrics metrics;

	td_ticdc_metrics_init(&metrics);
	(void)td_ticdc_metrics_feed(&metrics, text, strlen(text));
	td_ticdc_witness_read(into, before, &metrics, after);
	td_ticdc_metrics_done(&metrics);
	assert_non_null(into->view.why);
	assert_true(into->view.known == (into->view.why[0] == '\0'));
	return into->view;
}

static void witness_takes_the_later_liveness(void **state)
{
	struct td_ticdc_status before = {.id = "a", .pid = 1, .has_liveness = true, .liveness = 1};
	struct td_ticdc_status after = {.id = "a", .pid = 1, .has_liveness = true, .liveness = 2};
	struct td_ticdc_witness into;
	struct td_process_view view = witness(&into, &before, SENTINELS, &after);

	(void)state;
	assert_true(view.known && view.liveness == 2);
	assert_string_equal(view.capture, "a");
}

static void witness_of_another_process_is_unknown(void **state)
{
	struct td_ticdc_status status = {.id = "a", .pid = 1, .has_liveness = true};
	struct td_ticdc_status other_id = {.id = "b", .pid = 1, .has_liveness = true};
	struct td_ticdc_status other_pid = {.id = "a", .pid = 2, .has_liveness = true};
	struct td_ticdc_status nameless = {.id = "", .pid = 1, .has_liveness = true};
	struct td_ticdc_witness into;

	(void)state;
	assert_true(witness(&into, &status, SENTINELS, &status).known);
	assert_false(witness(&into, &status, SENTINELS, &other_id).known);
	assert_false(witness(&into, &status, SENTINELS, &other_pid).known);
	assert_false(witness(&into, &nameless, SENTINELS, &nameless).known);
	assert_false(witness(&into, &status, "", &status).known);
	assert_int_equal(into.view.liveness, -1);
}

static void witness_folds_pid_and_start_into_one_number(void **state)
{
	static const char early[] = "process_start_time_seconds 1763881230.12\n" SENTINELS;
	static const char late[] = "process_start_time_seconds 1763881230.13\n" SENTINELS;
	struct td_ticdc_status one = {.id = "a", .pid = 1, .has_liveness = true};
	struct td_ticdc_status two = {.id = "a", .pid = 2, .has_liveness = true};
	struct td_ticdc_witness into;
	int64_t first = witness(&into, &one, early, &one).process_start;

	(void)state;
	assert_true(first > 0);
	assert_true(witness(&into, &one, early, &one).process_start == first);
	assert_true(witness(&into, &one, late, &one).process_start != first);
	assert_true(witness(&into, &two, early, &two).process_start != first);
	assert_true(witness(&into, &two, SENTINELS, &two).process_start == 2); /* no start time: the pid alone */
}

/* The classic family's status has none, and its metrics no second sentinel. */
static void witness_of_the_classic_family_has_no_liveness(void **state)
{
	static const char classic[] = "ticdc_owner_ownership_counter 0\nticdc_processor_num_of_tables{changefeed=\"x\"} 3\n";
	struct td_ticdc_status status = {.id = "a", .pid = 1};
	struct td_ticdc_status other = {.id = "a", .pid = 1, .has_liveness = true};
	struct td_ticdc_witness into;

	(void)state;
	assert_true(witness(&into, &status, classic, &status).known);
	assert_int_equal(into.view.liveness, -1);
	assert_int_equal(into.view.counts.dispatchers, 3);
	assert_false(witness(&into, &status, SENTINELS, &status).known);
	assert_false(witness(&into, &status, classic, &other).known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(witness_takes_the_later_liveness),
		cmocka_unit_test(witness_of_another_process_is_unknown),
		cmocka_unit_test(witness_folds_pid_and_start_into_one_number),
		cmocka_unit_test(witness_of_the_classic_family_has_no_liveness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
