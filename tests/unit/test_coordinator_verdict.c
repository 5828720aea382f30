/* What makes a capture empty, and the many things that do not. */
#include "coordinator_fixture.h"

static const struct td_counts nothing;

static void process_read(struct td_verdict *v, int64_t asked, int64_t at, struct td_counts counts, int liveness)
{
	const struct td_process_view view = {
		.known = true, .capture = "a", .process_start = 1, .liveness = liveness, .counts = counts};

	td_verdict_process(v, asked, at, &view);
}

static void read_process(struct td_verdict *v, int64_t at)
{
	process_read(v, at, at, nothing, TD_STOPPING);
}

static void read_cluster(struct td_verdict *v, int64_t at)
{
	td_verdict_cluster(v, at, at, "c", nothing, 0, 0);
}

static void read_answer(struct td_verdict *v, int64_t at)
{
	td_verdict_answer(v, at, at, true, 0, NULL);
}

static void read_list(struct td_verdict *v, int64_t at)
{
	td_verdict_coordinator(v, at, at, "c");
}

static void begin(struct td_verdict *v, enum td_family family)
{
	td_verdict_begin(v, family, "a", &td_core_defaults);
	read_list(v, 0);
}

/* A whole good run that ends at 6000 and lacks only the captures list. */
static void settle(struct td_verdict *v, enum td_family family)
{
	begin(v, family);
	for (int64_t at = 0; at <= 6000; at += 500) {
		read_process(v, at);
		if (at % 1000 == 0)
			read_answer(v, at);
		if (at == 0 || at == 6000)
			read_cluster(v, at);
	}
}

static void all_witnesses_and_a_list_after_them_are_proof(void **state)
{
	static const enum td_family families[] = {TD_FAMILY_NATIVE, TD_FAMILY_MANAGED};
	struct td_verdict v;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		settle(&v, families[i]);
		assert_true(td_verdict_is_settled(&v));
		assert_false(td_verdict_is_proven(&v));
		read_list(&v, 6001);
		assert_true(td_verdict_is_proven(&v));
	}
}

static void no_witness_alone_and_no_two_make_a_zero(void **state)
{
	(void)state;
	for (int mask = 0; mask < 7; mask++) {
		struct td_verdict v;

		begin(&v, TD_FAMILY_NATIVE);
		process_read(&v, 0, 0, (struct td_counts){.brokers = 1}, TD_STOPPING);
		for (int64_t at = 500; at <= 20000; at += 500) {
			if (mask & 1)
				read_process(&v, at);
			else
				process_read(&v, at, at, (struct td_counts){.brokers = 1}, TD_STOPPING);
			if (mask & 2)
				read_cluster(&v, at);
			if (mask & 4)
				read_answer(&v, at);
			read_list(&v, at);
		}
		assert_false(td_verdict_is_proven(&v));
		assert_false(td_verdict_is_settled(&v));
	}
}

static void each_number_alone_is_enough_to_dissent(void **state)
{
	static const struct td_counts counts[] = {
		{.maintainers = 1}, {.dispatchers = 1}, {.triggers = 1}, {.brokers = 1}, {.maintainers = UINT32_MAX}};
	struct td_verdict v;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		settle(&v, TD_FAMILY_NATIVE);
		process_read(&v, 6100, 6100, counts[i], TD_STOPPING);
		assert_false(td_verdict_is_settled(&v));
		assert_int_equal(td_verdict_dissenter(&v), TD_WITNESS_PROCESS);
		assert_true(v.witnesses[TD_WITNESS_PROCESS].note[0] != '\0');
	}
	for (int what = 0; what < 4; what++) {
		settle(&v, TD_FAMILY_MANAGED);
		td_verdict_cluster(&v, 6100, 6100, "c",
				   (struct td_counts){.maintainers = what == 0, .dispatchers = what == 1}, what == 2,
				   what == 3);
		assert_false(td_verdict_is_settled(&v));
		assert_int_equal(td_verdict_dissenter(&v), TD_WITNESS_CLUSTER);
	}
}

static void whatever_is_unknown_ends_a_run(void **state)
{
	const struct td_process_view unknown = {.known = false, .why = "a series is missing"};
	struct td_verdict v;

	(void)state;
	settle(&v, TD_FAMILY_NATIVE);
	td_verdict_process(&v, 6100, 6100, &unknown);
	assert_false(td_verdict_is_settled(&v));
	settle(&v, TD_FAMILY_NATIVE);
	td_verdict_cluster_unknown(&v, 6100, "timeout");
	assert_false(td_verdict_is_settled(&v));
	settle(&v, TD_FAMILY_NATIVE);
	td_verdict_answer(&v, 6100, 6100, false, 0, "500");
	assert_false(td_verdict_is_settled(&v));
}

static void another_coordinator_or_none_voids_everything(void **state)
{
	static const char *const names[] = {"b", ""};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct td_verdict v;

		settle(&v, TD_FAMILY_NATIVE);
		td_verdict_coordinator(&v, 6100, 6100, names[i]);
		assert_false(td_verdict_is_settled(&v));
		for (int w = 0; w < TD_WITNESS_COUNT; w++)
			assert_int_equal(v.witnesses[w].reads, 0);
	}
}

static void books_read_under_another_coordinator_are_not_known(void **state)
{
	struct td_verdict v;

	(void)state;
	settle(&v, TD_FAMILY_MANAGED);
	td_verdict_cluster(&v, 6100, 6100, "b", nothing, 0, 0);
	assert_false(v.witnesses[TD_WITNESS_CLUSTER].known);
	assert_false(td_verdict_is_settled(&v));
}

static void another_process_voids_everything(void **state)
{
	const struct td_process_view restarted = {
		.known = true, .capture = "a", .process_start = 2, .liveness = TD_STOPPING};
	const struct td_process_view stranger = {.known = true, .capture = "z", .process_start = 1, .liveness = TD_STOPPING};
	struct td_verdict v;

	(void)state;
	settle(&v, TD_FAMILY_NATIVE);
	td_verdict_process(&v, 6100, 6100, &restarted);
	assert_int_equal(v.witnesses[TD_WITNESS_CLUSTER].reads, 0);
	assert_int_equal(v.witnesses[TD_WITNESS_ANSWER].reads, 0);
	assert_false(td_verdict_is_settled(&v));
	settle(&v, TD_FAMILY_NATIVE);
	td_verdict_process(&v, 6100, 6100, &stranger);
	assert_false(v.witnesses[TD_WITNESS_PROCESS].known);
	assert_false(td_verdict_is_settled(&v));
}

static void the_process_must_be_zero_for_longer_than_its_broker_gauge_is_old(void **state)
{
	struct td_verdict v;

	(void)state;
	begin(&v, TD_FAMILY_MANAGED);
	for (int64_t at = 1000; at < 1000 + td_core_defaults.broker_refresh_ms; at += 100) {
		read_process(&v, at);
		assert_false(v.witnesses[TD_WITNESS_PROCESS].settled);
	}
	read_process(&v, 1000 + td_core_defaults.broker_refresh_ms);
	assert_true(v.witnesses[TD_WITNESS_PROCESS].settled);
}

/* Two slow answers: the first heard at 1000, the second asked at 1100 and heard at 6500, when it is 5.4 s old. */
static void a_run_lasts_from_the_first_answer_heard_to_the_last_question_asked(void **state)
{
	struct td_verdict v;

	(void)state;
	begin(&v, TD_FAMILY_MANAGED);
	process_read(&v, 900, 1000, nothing, TD_STOPPING);
	process_read(&v, 1100, 6500, nothing, TD_STOPPING);
	assert_false(v.witnesses[TD_WITNESS_PROCESS].settled);
	process_read(&v, 6500, 6600, nothing, TD_STOPPING);
	assert_true(v.witnesses[TD_WITNESS_PROCESS].settled);
}

static void a_zero_asked_for_before_the_runs_were_voided_does_not_count(void **state)
{
	struct td_verdict v;

	(void)state;
	begin(&v, TD_FAMILY_MANAGED);
	td_verdict_coordinator(&v, 900, 1000, "b");
	td_verdict_coordinator(&v, 1100, 1200, "c");
	process_read(&v, 1100, 1300, nothing, TD_STOPPING);
	assert_int_equal(v.witnesses[TD_WITNESS_PROCESS].reads, 0);
	process_read(&v, 1300, 1400, nothing, TD_STOPPING);
	assert_int_equal(v.witnesses[TD_WITNESS_PROCESS].reads, 1);
}

static void an_answer_of_zero_is_believed_only_from_a_stopping_capture(void **state)
{
	static const int livenesses[] = {-1, TD_ALIVE, TD_DRAINING};
	struct td_verdict v;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin(&v, TD_FAMILY_NATIVE);
		process_read(&v, 0, 0, nothing, livenesses[i]);
		read_answer(&v, 10);
		read_answer(&v, 2000);
		assert_false(v.witnesses[TD_WITNESS_ANSWER].zero);
		assert_non_null(strstr(v.witnesses[TD_WITNESS_ANSWER].note, "not believed"));
	}
	begin(&v, TD_FAMILY_NATIVE);
	read_answer(&v, 10); /* nothing is known of the process */
	assert_false(v.witnesses[TD_WITNESS_ANSWER].zero);
	read_process(&v, 20);
	read_answer(&v, 30);
	assert_true(v.witnesses[TD_WITNESS_ANSWER].zero);
}

static void an_answer_of_one_is_not_zero(void **state)
{
	static const int64_t answers[] = {1, 10, -1, INT64_MAX};
	struct td_verdict v;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		settle(&v, TD_FAMILY_NATIVE);
		td_verdict_answer(&v, 6100, 6100, true, answers[i], NULL);
		assert_false(td_verdict_is_settled(&v));
	}
}

/* The books were read twice before the process said zero for the first time. */
static void a_last_read_from_before_the_common_start_does_not_count(void **state)
{
	struct td_verdict v;

	(void)state;
	begin(&v, TD_FAMILY_MANAGED);
	process_read(&v, 0, 0, (struct td_counts){.dispatchers = 1}, TD_ALIVE);
	read_cluster(&v, 0);
	read_cluster(&v, 500);
	for (int64_t at = 1000; at <= 7000; at += 500)
		read_process(&v, at);
	assert_true(v.witnesses[TD_WITNESS_CLUSTER].settled);
	assert_false(td_verdict_is_settled(&v));
	assert_true(td_verdict_wants_cluster(&v));
	read_cluster(&v, 7100);
	assert_true(td_verdict_is_settled(&v));
	assert_false(td_verdict_wants_cluster(&v));
}

static void the_list_that_confirms_is_asked_for_after_all_are_settled(void **state)
{
	struct td_verdict v;

	(void)state;
	settle(&v, TD_FAMILY_NATIVE);
	td_verdict_coordinator(&v, 5999, 6100, "c");
	assert_false(td_verdict_is_proven(&v));
	read_process(&v, 6150); /* one zero more changes nothing about that */
	td_verdict_coordinator(&v, 6100, 6200, "c");
	assert_true(td_verdict_is_proven(&v));
	read_process(&v, 6300);
	assert_true(td_verdict_is_proven(&v));
	process_read(&v, 6400, 6400, (struct td_counts){.dispatchers = 1}, TD_STOPPING);
	assert_false(td_verdict_is_proven(&v));
	read_process(&v, 6500);
	assert_false(td_verdict_is_proven(&v));
}

static void two_reads_at_one_moment_are_one(void **state)
{
	struct td_verdict v;

	(void)state;
	begin(&v, TD_FAMILY_MANAGED);
	read_cluster(&v, 100);
	read_cluster(&v, 100);
	assert_false(v.witnesses[TD_WITNESS_CLUSTER].settled);
}

static void the_first_witness_that_does_not_say_zero_is_named(void **state)
{
	struct td_verdict v;

	(void)state;
	begin(&v, TD_FAMILY_NATIVE);
	assert_int_equal(td_verdict_dissenter(&v), TD_WITNESS_COUNT);
	read_process(&v, 100);
	assert_int_equal(td_verdict_dissenter(&v), TD_WITNESS_COUNT);
	td_verdict_cluster_unknown(&v, 100, "timeout");
	assert_int_equal(td_verdict_dissenter(&v), TD_WITNESS_CLUSTER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_witnesses_and_a_list_after_them_are_proof),
		cmocka_unit_test(no_witness_alone_and_no_two_make_a_zero),
		cmocka_unit_test(each_number_alone_is_enough_to_dissent),
		cmocka_unit_test(whatever_is_unknown_ends_a_run),
		cmocka_unit_test(another_coordinator_or_none_voids_everything),
		cmocka_unit_test(books_read_under_another_coordinator_are_not_known),
		cmocka_unit_test(another_process_voids_everything),
		cmocka_unit_test(the_process_must_be_zero_for_longer_than_its_broker_gauge_is_old),
		cmocka_unit_test(a_run_lasts_from_the_first_answer_heard_to_the_last_question_asked),
		cmocka_unit_test(a_zero_asked_for_before_the_runs_were_voided_does_not_count),
		cmocka_unit_test(an_answer_of_zero_is_believed_only_from_a_stopping_capture),
		cmocka_unit_test(an_answer_of_one_is_not_zero),
		cmocka_unit_test(a_last_read_from_before_the_common_start_does_not_count),
		cmocka_unit_test(the_list_that_confirms_is_asked_for_after_all_are_settled),
		cmocka_unit_test(two_reads_at_one_moment_are_one),
		cmocka_unit_test(the_first_witness_that_does_not_say_zero_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
