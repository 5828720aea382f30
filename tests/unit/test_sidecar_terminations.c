/* When a pod's grace period ends, whatever the clocks say. */
#include "sidecar/terminations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW 50000
#define WALL 1800000000000

static struct td_pod alive(const char *uid)
{
	return (struct td_pod){.name = "p", .uid = uid, .ip = ""};
}

static struct td_pod terminating(int64_t in_ms)
{
	return (struct td_pod){
		.name = "p", .uid = "u", .ip = "", .terminating = true, .deletion_wall_ms = WALL + in_ms, .grace_ms = 60000};
}

static int64_t left_of(struct td_terminations *t, struct td_pod pod, int64_t after_ms, int64_t clock_step_ms)
{
	int64_t wall = WALL + after_ms + clock_step_ms;

	td_terminations_correct(t, &pod, NOW + after_ms, wall);
	return pod.deletion_wall_ms - wall;
}

static void pod_that_was_seen_alive_has_its_whole_grace_whatever_the_date_says(void **state)
{
	struct td_terminations *t = td_terminations_new();
	struct td_pod pod = alive("u");

	(void)state;
	td_terminations_seen(t, &pod, NOW - 1000, WALL - 1000);
	pod = terminating(-60000); /* our clock is two minutes fast */
	td_terminations_seen(t, &pod, NOW, WALL);
	assert_int_equal(left_of(t, terminating(-60000), 0, 0), 60000);
	assert_int_equal(left_of(t, terminating(-60000), 10000, 0), 50000);
	assert_int_equal(left_of(t, terminating(-60000), 10000, 3600000), 50000); /* the clock is set while we wait */
	td_terminations_free(t);
}

static void pod_that_was_terminating_when_we_came_has_what_the_date_says_within_its_grace(void **state)
{
	static const int64_t dates[][2] = {{20000, 20000}, {-5000, 0}, {600000, 60000}};

	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		struct td_terminations *t = td_terminations_new();

		assert_int_equal(left_of(t, terminating(dates[i][0]), 0, 0), dates[i][1]);
		assert_int_equal(left_of(t, terminating(dates[i][0]), 5000, -90000), dates[i][1] - 5000); /* once decided */
		td_terminations_free(t);
	}
}

static void pod_that_is_gone_is_forgotten(void **state)
{
	struct td_terminations *t = td_terminations_new();
	struct td_pod pod = alive("u");

	(void)state;
	td_terminations_seen(t, &pod, NOW, WALL);
	td_terminations_gone(t, "u");
	td_terminations_gone(t, NULL);
	assert_int_equal(left_of(t, terminating(20000), 0, 0), 20000);
	td_terminations_free(t);
}

static void pod_that_is_alive_and_no_table_at_all_change_nothing(void **state)
{
	struct td_terminations *t = td_terminations_new();
	struct td_pod pod = alive("u");

	(void)state;
	td_terminations_correct(t, &pod, NOW, WALL);
	assert_int_equal(pod.deletion_wall_ms, 0);
	assert_int_equal(left_of(NULL, terminating(20000), 0, 0), 20000);
	td_terminations_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pod_that_was_seen_alive_has_its_whole_grace_whatever_the_date_says),
		cmocka_unit_test(pod_that_was_terminating_when_we_came_has_what_the_date_says_within_its_grace),
		cmocka_unit_test(pod_that_is_gone_is_forgotten),
		cmocka_unit_test(pod_that_is_alive_and_no_table_at_all_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
