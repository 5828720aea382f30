/* The log: what arrives on standard error is always one line of valid JSON. */
#include "base/date.h"
#include "base/log.h"

#include "base/text.h"
#include "base_test.h"

#include <jansson.h>
#include <unistd.h>

static char line[32768];

/* Standard error goes into a file while fn runs; what was written is in line afterwards. */
static void capture(void (*fn)(void))
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t len;

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	len = fread(line, 1, sizeof(line) - 1, file);
	line[len] = '\0';
	fclose(file);
}

/* The captured line, parsed; it must be exactly one. */
static json_t *parsed(void)
{
	json_error_t error;
	json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		print_error("%s in: %s\n", error.text, line);
	assert_non_null(root);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	return root;
}

static const char *text_at(const json_t *root, const char *key)
{
	return json_string_value(json_object_get(root, key));
}

static void log_started(void)
{
	td_log(TD_LOG_INFO, "drain_started", "request", "uid-1", "reason", NULL, "empty", "", NULL);
}

static void line_holds_time_level_event_and_pairs_in_order(void **state)
{
	json_t *root;
	int64_t ms;

	(void)state;
	capture(log_started);
	root = parsed();
	assert_string_equal(text_at(root, "level"), "info");
	assert_string_equal(text_at(root, "event"), "drain_started");
	assert_string_equal(text_at(root, "request"), "uid-1");
	assert_true(json_is_null(json_object_get(root, "reason")));
	assert_string_equal(text_at(root, "empty"), "");
	assert_true(td_time_parse(text_at(root, "ts"), &ms));
	assert_memory_equal(line, "{\"ts\":\"", 7);
	assert_non_null(strstr(
		line,
		"\"level\":\"info\",\"event\":\"drain_started\",\"request\":\"uid-1\",\"reason\":null,\"empty\":\"\"}\n"));
	json_decref(root);
}

static void log_odd(void)
{
	td_log(TD_LOG_ERROR, "odd", "controls", "a\"b\\c\n\t\x01\x7f", "utf8", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
	       "latin1", "caf\xe9!", "overlong", "\xc0\xaf", "surrogate", "\xed\xa0\x80", "beyond", "\xf4\x90\x80\x80",
	       "half", "x\xe2\x82", NULL);
}

static void any_bytes_become_valid_json(void **state)
{
	json_t *root;

	(void)state;
	capture(log_odd);
	root = parsed();
	assert_string_equal(text_at(root, "controls"), "a\"b\\c\n\t\x01\x7f");
	assert_string_equal(text_at(root, "utf8"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_string_equal(text_at(root, "latin1"), "caf\xef\xbf\xbd!");
	assert_string_equal(text_at(root, "overlong"), "\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(text_at(root, "surrogate"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(text_at(root, "half"), "x\xef\xbf\xbd\xef\xbf\xbd");
	json_decref(root);
}

static size_t big_len;

static void log_big(void)
{
	static char big[20000];

	memset(big, '\n', sizeof(big)); /* six bytes each in JSON */
	big[big_len] = '\0';
	td_log(TD_LOG_WARN, "big", "before", "1", "big", big, "after", "2", NULL);
}

static void pair_that_does_not_fit_is_left_out_whole_and_the_line_says_so(void **state)
{
	(void)state;
	for (big_len = 0; big_len < 2000; big_len += big_len < 1300 ? 50 : 1) {
		json_t *root;

		capture(log_big);
		root = parsed();
		assert_string_equal(text_at(root, "before"), "1");
		if (json_is_true(json_object_get(root, "cut")))
			assert_true(!json_object_get(root, "big") || !json_object_get(root, "after"));
		else
			assert_string_equal(text_at(root, "after"), "2");
		assert_true(strlen(line) < 8300);
		json_decref(root);
	}
}

static void log_low(void)
{
	td_log(TD_LOG_DEBUG, "low", NULL);
}

static void lines_below_the_level_are_dropped(void **state)
{
	(void)state;
	capture(log_low);
	assert_string_equal(line, "");
	td_log_set_level(TD_LOG_DEBUG);
	capture(log_low);
	json_decref(parsed());
	td_log_set_level(TD_LOG_WARN);
	capture(log_started);
	assert_string_equal(line, "");
	capture(log_odd);
	json_decref(parsed());
	td_log_set_level(TD_LOG_INFO);
}

static void levels_are_known_by_name(void **state)
{
	(void)state;
	assert_int_equal(td_log_level_from_text("debug"), TD_LOG_DEBUG);
	assert_int_equal(td_log_level_from_text("error"), TD_LOG_ERROR);
	assert_int_equal(td_log_level_from_text("ERROR"), -1);
	assert_int_equal(td_log_level_from_text(""), -1);
	assert_int_equal(td_log_level_from_text(NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_holds_time_level_event_and_pairs_in_order),
		cmocka_unit_test(any_bytes_become_valid_json),
		cmocka_unit_test(pair_that_does_not_fit_is_left_out_whole_and_the_line_says_so),
		cmocka_unit_test(lines_below_the_level_are_dropped),
		cmocka_unit_test(levels_are_known_by_name),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
