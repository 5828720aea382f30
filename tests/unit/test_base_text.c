/* Bounded texts and strict numbers. */
#include "base/text.h"

#include "base_test.h"

static void copy_tells_when_it_cut(void **state)
{
	char into[6];

	(void)state;
	assert_true(td_text_copy(into, sizeof(into), "hello"));
	assert_string_equal(into, "hello");
	assert_false(td_text_copy(into, sizeof(into), "hello!"));
	assert_string_equal(into, "hello");
	assert_true(td_text_copy(into, sizeof(into), NULL));
	assert_string_equal(into, "");
	assert_false(td_text_copy(into, 1, "x"));
	assert_string_equal(into, "");
}

static void copy_never_cuts_a_character_in_half(void **state)
{
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"; /* 1, 2, 3 and 4 bytes */
	static const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};

	(void)state;
	for (size_t size = 1; size <= 11; size++) {
		char into[16];

		assert_int_equal(td_text_copy(into, size, text), size == 11);
		assert_int_equal(strlen(into), kept[size - 1]);
	}
}

static void equal_knows_null(void **state)
{
	(void)state;
	assert_true(td_text_equal("a", "a"));
	assert_false(td_text_equal("a", "b"));
	assert_false(td_text_equal("a", NULL));
	assert_false(td_text_equal(NULL, ""));
	assert_true(td_text_equal(NULL, NULL));
}

static void numbers_are_read_strictly(void **state)
{
	static const struct {
		const char *text;
		int64_t min, max;
		bool ok;
		int64_t value;
	} cases[] = {
		{"0", 0, 10, true, 0},
		{"10", 0, 10, true, 10},
		{"11", 0, 10, false, 0},
		{"-1", 0, 10, false, 0},
		{"-1", -1, 10, true, -1},
		{"007", 0, 10, true, 7},
		{"9223372036854775807", INT64_MIN, INT64_MAX, true, INT64_MAX},
		{"-9223372036854775808", INT64_MIN, INT64_MAX, true, INT64_MIN},
		{"9223372036854775808", INT64_MIN, INT64_MAX, false, 0},
		{"", 0, 10, false, 0},
		{"-", -9, 9, false, 0},
		{"+1", 0, 10, false, 0},
		{" 1", 0, 10, false, 0},
		{"1 ", 0, 10, false, 0},
		{"1.0", 0, 10, false, 0},
		{"0x1", 0, 10, false, 0},
		{"- 1", -9, 9, false, 0},
		{"1\n", 0, 10, false, 0},
		{NULL, 0, 10, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t value = 99;

		assert_int_equal(td_text_to_int64(cases[i].text, cases[i].min, cases[i].max, &value), cases[i].ok);
		assert_true(value == (cases[i].ok ? cases[i].value : 99));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_tells_when_it_cut),
		cmocka_unit_test(copy_never_cuts_a_character_in_half),
		cmocka_unit_test(equal_knows_null),
		cmocka_unit_test(numbers_are_read_strictly),
	};

	return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
