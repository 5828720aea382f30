/* What the coordinating sidecar is at, as /metrics shows it. */
#include "sidecar/endpoints.h"

#include "base_test.h"

static int count_of(const char *text, const char *needle)
{
	int count = 0;

	for (const char *at = text; (at = strstr(at, needle)); at++)
		count++;
	return count;
}

static void assert_shows(bool leading, enum td_activity activity, const char *line, int ones)
{
	struct td_loop *loop = td_loop_new();
	struct td_http_client *http = td_http_client_new(loop);
	struct td_ticdc_client *ticdc = td_ticdc_client_new(loop, http, &(struct td_ticdc_options){.user = NULL});
	const struct td_endpoints_state state = {.leading = leading, .core = {.activity = activity}, .ticdc = ticdc};
	struct td_buf out;

	td_buf_init(&out, 65536);
	assert_true(td_endpoints_metrics(&state, &out));
	assert_non_null(strstr(td_buf_text(&out), "\n# TYPE ticdc_drain_activity gauge\n"));
	assert_int_equal(count_of(td_buf_text(&out), "\nticdc_drain_activity{"), TD_ACTIVITY_COUNT);
	assert_non_null(strstr(td_buf_text(&out), line));
	assert_int_equal(count_of(strstr(td_buf_text(&out), "\nticdc_drain_activity{"), "\"} 1\n"), ones);
	td_buf_done(&out);
	td_ticdc_client_free(ticdc);
	td_http_client_free(http);
	td_loop_free(loop);
}

static void coordinating_sidecar_shows_the_one_thing_it_is_at(void **state)
{
	(void)state;
	assert_shows(true, TD_ACTIVITY_IDLE, "\nticdc_drain_activity{activity=\"Idle\"} 1\n", 1);
	assert_shows(true, TD_ACTIVITY_BALANCING, "\nticdc_drain_activity{activity=\"Balancing\"} 1\n", 1);
}

static void other_sidecars_are_not_idle_but_nothing_at_all(void **state)
{
	(void)state;
	assert_shows(false, TD_ACTIVITY_IDLE, "\nticdc_drain_activity{activity=\"Idle\"} 0\n", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(coordinating_sidecar_shows_the_one_thing_it_is_at),
		cmocka_unit_test(other_sidecars_are_not_idle_but_nothing_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
