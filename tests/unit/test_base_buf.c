/* The buffer: its limit is exact, a refused append changes nothing, the content is always a C string. */
#include "base/buf.h"

#include "base_test.h"

static void limit_is_exact_for_every_way_to_append(void **state)
{
	struct td_buf buf;

	(void)state;
	td_buf_init(&buf, 10);
	assert_true(td_buf_append(&buf, "12345", 5));
	assert_true(td_buf_append_text(&buf, "678"));
	assert_true(td_buf_append_format(&buf, "%d", 90));
	assert_false(td_buf_append(&buf, "x", 1));
	assert_false(td_buf_append_text(&buf, "x"));
	assert_false(td_buf_append_format(&buf, "%d", 1));
	assert_false(td_buf_append(&buf, "x", SIZE_MAX));
	assert_string_equal(td_buf_text(&buf), "1234567890");
	assert_int_equal(buf.len, 10);
	assert_true(td_buf_append(&buf, "", 0));
	td_buf_done(&buf);
}

static void buffer_of_nothing_takes_nothing(void **state)
{
	struct td_buf buf;

	(void)state;
	td_buf_init(&buf, 0);
	assert_string_equal(td_buf_text(&buf), "");
	assert_true(td_buf_append(&buf, NULL, 0));
	assert_false(td_buf_append(&buf, "x", 1));
	td_buf_done(&buf);
}

static void growth_keeps_content_and_terminator(void **state)
{
	struct td_buf buf;

	(void)state;
	td_buf_init(&buf, 5000);
	for (int i = 0; i < 5000; i++) {
		const char c = (char)('a' + i % 26);

		assert_true(td_buf_append(&buf, &c, 1));
		assert_int_equal(buf.data[buf.len], 0);
	}
	for (int i = 0; i < 5000; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
	assert_true(buf.cap <= 5001);
	td_buf_done(&buf);
}

static void consume_removes_from_the_front_and_never_too_much(void **state)
{
	struct td_buf buf;

	(void)state;
	td_buf_init(&buf, 100);
	td_buf_consume(&buf, 3);
	assert_true(td_buf_append_text(&buf, "hello world"));
	td_buf_consume(&buf, 6);
	assert_string_equal(td_buf_text(&buf), "world");
	td_buf_consume(&buf, 0);
	assert_int_equal(buf.len, 5);
	td_buf_consume(&buf, 99);
	assert_int_equal(buf.len, 0);
	assert_string_equal(td_buf_text(&buf), "");
	assert_true(td_buf_append_text(&buf, "again"));
	assert_string_equal(td_buf_text(&buf), "again");
	td_buf_done(&buf);
}

static void take_hands_over_and_leaves_an_empty_buffer_with_its_limit(void **state)
{
	struct td_buf buf;
	char *taken;

	(void)state;
	td_buf_init(&buf, 4);
	assert_null(td_buf_take(&buf));
	assert_true(td_buf_append_text(&buf, "1234"));
	taken = td_buf_take(&buf);
	assert_string_equal(taken, "1234");
	assert_int_equal(buf.len, 0);
	assert_true(td_buf_append_text(&buf, "5678"));
	assert_false(td_buf_append_text(&buf, "9"));
	assert_string_equal(taken, "1234");
	free(taken);
	td_buf_done(&buf);
	td_buf_done(&buf);
}

static void clear_keeps_memory_and_forgets_content(void **state)
{
	struct td_buf buf;

	(void)state;
	td_buf_init(&buf, 100);
	td_buf_clear(&buf);
	assert_true(td_buf_append_text(&buf, "something"));
	td_buf_clear(&buf);
	assert_string_equal(td_buf_text(&buf), "");
	assert_true(buf.cap > 0);
	td_buf_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_is_exact_for_every_way_to_append),
		cmocka_unit_test(buffer_of_nothing_takes_nothing),
		cmocka_unit_test(growth_keeps_content_and_terminator),
		cmocka_unit_test(consume_removes_from_the_front_and_never_too_much),
		cmocka_unit_test(take_hands_over_and_leaves_an_empty_buffer_with_its_limit),
		cmocka_unit_test(clear_keeps_memory_and_forgets_content),
	};

	return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
