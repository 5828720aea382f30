/* Lines come out whole at any split, each byte is searched once, and after an error nothing comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static long fail_in = -1; /* so many more allocations of the buffer succeed; -1: all */

static void *flaky_realloc(void *old, size_t size)
{
	return fail_in >= 0 && fail_in-- == 0 ? NULL : realloc(old, size);
}

/* The buffer under the framer, with its allocations under our control. */
#define realloc flaky_realloc
#include "base/buf.c"
#undef realloc

#include "base/random.h"
#include "kube/watch_framer.h"

struct lines {
	struct td_buf text; /* each line in < > */
	int stop_after;
	int count;
};

static bool take(const char *line, size_t len, void *userdata)
{
	struct lines *lines = userdata;

	assert_true(td_buf_append(&lines->text, "<", 1));
	assert_true(td_buf_append(&lines->text, line, len));
	assert_true(td_buf_append(&lines->text, ">", 1));
	return ++lines->count != lines->stop_after;
}

static const char stream[] = "{\"a\":1}\n\n{\"bb\":22}\r\n{}\nrest";

static void framer_gives_the_same_lines_at_every_split(void **state)
{
	size_t len = sizeof(stream) - 1;

	(void)state;
	for (size_t first = 0; first <= len; first++)
		for (size_t second = first; second <= len; second++) {
			struct td_watch_framer framer;
			struct lines lines = {.count = 0};

			td_buf_init(&lines.text, 1000);
			td_watch_framer_init(&framer, 64);
			assert_int_equal(td_watch_framer_feed(&framer, stream, first, take, &lines), TD_OK);
			assert_int_equal(td_watch_framer_feed(&framer, stream + first, second - first, take, &lines), TD_OK);
			assert_int_equal(td_watch_framer_feed(&framer, stream + second, len - second, take, &lines), TD_OK);
			assert_string_equal(td_buf_text(&lines.text), "<{\"a\":1}><{\"bb\":22}><{}>");
			assert_int_equal(framer.lines, 3);
			assert_int_equal(framer.bytes, len);
			assert_int_equal(framer.scanned, len);
			assert_true(framer.copied <= len);
			td_watch_framer_done(&framer);
			td_buf_done(&lines.text);
		}
}

static void framer_copies_nothing_of_lines_that_come_whole(void **state)
{
	struct td_watch_framer framer;
	struct lines lines = {.count = 0};

	(void)state;
	td_buf_init(&lines.text, 1000);
	td_watch_framer_init(&framer, 64);
	for (int i = 0; i < 10; i++)
		assert_int_equal(td_watch_framer_feed(&framer, "{\"a\":1}\n{}\n", 11, take, &lines), TD_OK);
	assert_int_equal(framer.lines, 20);
	assert_int_equal(framer.copied, 0);
	assert_null(framer.partial.data);
	td_watch_framer_done(&framer);
	td_buf_done(&lines.text);
}

static void framer_keeps_the_limit_to_the_byte(void **state)
{
	static const struct {
		size_t line, piece;
		enum td_error_code expected;
	} cases[] = {{16, 100, TD_OK},		{17, 100, TD_ERR_TOO_LARGE}, {16, 1, TD_OK},
		     {17, 1, TD_ERR_TOO_LARGE}, {17, 16, TD_ERR_TOO_LARGE},  {16, 15, TD_OK}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct td_watch_framer framer;
		struct lines lines = {.count = 0};
		char text[32];
		enum td_error_code code = TD_OK;

		memset(text, 'x', sizeof(text));
		text[cases[i].line] = '\n';
		td_buf_init(&lines.text, 1000);
		td_watch_framer_init(&framer, 16);
		for (size_t at = 0; at <= cases[i].line && code == TD_OK; at += cases[i].piece) {
			size_t left = cases[i].line + 1 - at;

			code = td_watch_framer_feed(&framer, text + at, left < cases[i].piece ? left : cases[i].piece, take,
						    &lines);
		}
		assert_int_equal(code, cases[i].expected);
		assert_int_equal(lines.count, code == TD_OK);
		td_watch_framer_done(&framer);
		td_buf_done(&lines.text);
	}
}

static void framer_ignores_what_follows_an_error_until_restarted(void **state)
{
	struct td_watch_framer framer;
	struct lines lines = {.stop_after = 2};

	(void)state;
	td_buf_init(&lines.text, 1000);
	td_watch_framer_init(&framer, 16);
	assert_int_equal(td_watch_framer_feed(&framer, "a\nb\nc\nd", 7, take, &lines), TD_ERR_CANCELLED);
	assert_int_equal(td_watch_framer_feed(&framer, "e\nf\n", 4, take, &lines), TD_ERR_CANCELLED);
	assert_string_equal(td_buf_text(&lines.text), "<a><b>");
	assert_int_equal(framer.bytes, 11);
	td_watch_framer_restart(&framer);
	assert_int_equal(td_watch_framer_feed(&framer, "g\n", 2, take, &lines), TD_OK);
	assert_string_equal(td_buf_text(&lines.text), "<a><b><g>");
	td_watch_framer_done(&framer);
	td_buf_done(&lines.text);
}

static void framer_forgets_half_a_line_on_restart(void **state)
{
	struct td_watch_framer framer;
	struct lines lines = {.count = 0};

	(void)state;
	td_buf_init(&lines.text, 1000);
	td_watch_framer_init(&framer, 16);
	assert_int_equal(td_watch_framer_feed(&framer, "half", 4, take, &lines), TD_OK);
	td_watch_framer_restart(&framer);
	assert_int_equal(td_watch_framer_feed(&framer, "whole\n", 6, take, &lines), TD_OK);
	assert_string_equal(td_buf_text(&lines.text), "<whole>");
	td_watch_framer_done(&framer);
	td_buf_done(&lines.text);
}

static void framer_gives_back_the_memory_of_a_big_event(void **state)
{
	struct td_watch_framer framer;
	struct lines lines = {.count = 0};
	size_t len = 1u << 20;
	char *text = malloc(len);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', len);
	td_buf_init(&lines.text, len + 100);
	td_watch_framer_init(&framer, 2u << 20);
	assert_int_equal(td_watch_framer_feed(&framer, text, len, take, &lines), TD_OK);
	assert_int_equal(td_watch_framer_feed(&framer, "\n", 1, take, &lines), TD_OK);
	assert_int_equal(lines.count, 1);
	assert_null(framer.partial.data);
	td_watch_framer_done(&framer);
	td_buf_done(&lines.text);
	free(text);
}

/* Against the dumbest splitter there is. */
static void framer_agrees_with_a_dumb_splitter_on_garbage(void **state)
{
	struct td_random random;
	uint64_t seed = 20260724;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	td_random_init(&random, seed);
	for (int round = 0; round < 3000; round++) {
		static const char alphabet[] = "\n\n\r{}\"a\\";
		char text[200], expected[600];
		size_t len = td_random_below(&random, sizeof(text)), at = 0, out = 0, line = 0;
		struct td_watch_framer framer;
		struct lines lines = {.count = 0};

		for (size_t i = 0; i < len; i++) {
			text[i] = alphabet[td_random_below(&random, sizeof(alphabet))]; /* the 0 too */
			if (text[i] != '\n')
				continue;
			if (i > line && !(i == line + 1 && text[line] == '\r')) {
				size_t size = i - line - (text[i - 1] == '\r');

				expected[out++] = '<';
				memcpy(expected + out, text + line, size);
				out += size;
				expected[out++] = '>';
			}
			line = i + 1;
		}
		td_buf_init(&lines.text, 1000);
		td_watch_framer_init(&framer, 200);
		while (at < len) {
			size_t piece = 1 + td_random_below(&random, len - at);

			assert_int_equal(td_watch_framer_feed(&framer, text + at, piece, take, &lines), TD_OK);
			at += piece;
		}
		assert_int_equal(lines.text.len, out);
		assert_memory_equal(td_buf_text(&lines.text), expected, out);
		assert_int_equal(framer.scanned, len);
		td_watch_framer_done(&framer);
		td_buf_done(&lines.text);
	}
}

static void framer_says_when_memory_ran_out(void **state)
{
	(void)state;
	for (long nth = 0; nth < 3; nth++) {
		struct td_watch_framer framer;
		struct lines lines = {.count = 0};
		enum td_error_code code = TD_OK;

		td_buf_init(&lines.text, 1000);
		td_watch_framer_init(&framer, 1000);
		fail_in = nth; /* 64, 128 and 256 bytes */
		for (int i = 0; i < 200; i++)
			code = td_watch_framer_feed(&framer, "x", 1, take, &lines);
		fail_in = -1;
		assert_int_equal(code, TD_ERR_NOMEM);
		assert_int_equal(td_watch_framer_feed(&framer, "\n", 1, take, &lines), TD_ERR_NOMEM);
		assert_int_equal(lines.count, 0);
		td_watch_framer_done(&framer);
		td_buf_done(&lines.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(framer_gives_the_same_lines_at_every_split),
		cmocka_unit_test(framer_copies_nothing_of_lines_that_come_whole),
		cmocka_unit_test(framer_keeps_the_limit_to_the_byte),
		cmocka_unit_test(framer_ignores_what_follows_an_error_until_restarted),
		cmocka_unit_test(framer_forgets_half_a_line_on_restart),
		cmocka_unit_test(framer_gives_back_the_memory_of_a_big_event),
		cmocka_unit_test(framer_agrees_with_a_dumb_splitter_on_garbage),
		cmocka_unit_test(framer_says_when_memory_ran_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
