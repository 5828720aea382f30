/* See log.h. A line is put together in one fixed buffer and written with one write, so that reporting needs no memory, never
 * fails half way, and lines of the process never mix. What does not fit is left out by whole pairs, and the line then says
 * "cut":true. The bytes of a value may be anything: what is not UTF-8 is replaced. */
#include "base/date.h"
#include "base/log.h"

#include "base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192
#define TAIL ",\"cut\":true}\n"

struct line {
	char text[LINE_MAX_BYTES + sizeof(TAIL)];
	size_t len;
	bool full;
};

static const char *const level_names[] = {
	[TD_LOG_DEBUG] = "debug",
	[TD_LOG_INFO] = "info",
	[TD_LOG_WARN] = "warn",
	[TD_LOG_ERROR] = "error",
};
static_assert(sizeof(level_names) / sizeof(level_names[0]) == TD_LOG_LEVEL_COUNT, "a name for every level");

static enum td_log_level lowest = TD_LOG_INFO;

void td_log_set_level(enum td_log_level level)
{
	lowest = level;
}

int td_log_level_from_text(const char *text)
{
	for (int level = 0; level < TD_LOG_LEVEL_COUNT; level++) {
		if (td_text_equal(level_names[level], text))
			return level;
	}
	return -1;
}

static void put(struct line *line, const char *bytes, size_t len)
{
	if (line->full || len > LINE_MAX_BYTES - line->len) {
		line->full = true;
		return;
	}
	memcpy(line->text + line->len, bytes, len);
	line->len += len;
}

static void put_text(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

/* The length of the valid UTF-8 character at text, 0 when there is none (overlong forms and surrogates are none). */
static size_t utf8_len(const unsigned char *text)
{
	unsigned lead = text[0];
	unsigned low = 0x80, high = 0xBF; /* what the second byte may be */
	size_t len;

	if (lead < 0x80)
		return 1;
	len = lead >= 0xC2 && lead <= 0xDF ? 2 : (lead & 0xF0) == 0xE0 ? 3 : lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
	if (lead == 0xE0)
		low = 0xA0;
	else if (lead == 0xED)
		high = 0x9F;
	else if (lead == 0xF0)
		low = 0x90;
	else if (lead == 0xF4)
		high = 0x8F;
	for (size_t i = 1; i < len; i++, low = 0x80, high = 0xBF) {
		if (text[i] < low || text[i] > high)
			return 0; /* also at the final 0: nothing is read beyond it */
	}
	return len;
}

static void put_string(struct line *line, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	char escape[8];

	put_text(line, "\"");
	while (*at != '\0' && !line->full) {
		size_t len = utf8_len(at);

		if (len == 0) {
			put_text(line, "\\ufffd");
			len = 1;
		} else if (*at == '"' || *at == '\\') {
			put(line, (const char[]){'\\', (char)*at}, 2);
		} else if (*at < 0x20 || *at == 0x7F) {
			(void)snprintf(escape, sizeof(escape), "\\u%04x", *at);
			put_text(line, escape);
		} else {
			put(line, (const char *)at, len);
		}
		at += len;
	}
	put_text(line, "\"");
}

/* Writes ,"key":value, or nothing at all when it does not fit. */
static void put_pair(struct line *line, const char *key, const char *value)
{
	size_t start = line->len;

	put_text(line, start > 1 ? "," : "");
	put_string(line, key);
	put_text(line, ":");
	if (value)
		put_string(line, value);
	else
		put_text(line, "null");
	if (line->full)
		line->len = start;
}

static void put_now(struct line *line)
{
	char now[TD_TIME_TEXT_MAX];
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	td_time_format_micro((int64_t)ts.tv_sec * 1000 + (int64_t)ts.tv_nsec / 1000000, now);
	put_pair(line, "ts", now);
}

void td_log(enum td_log_level level, const char *event, ...)
{
	struct line line = {.len = 0};
	const char *tail, *key;
	va_list args;

	if (level < lowest)
		return;
	put_text(&line, "{");
	put_now(&line);
	put_pair(&line, "level", level_names[level]);
	put_pair(&line, "event", event);
	va_start(args, event);
	while ((key = va_arg(args, const char *)) != NULL)
		put_pair(&line, key, va_arg(args, const char *));
	va_end(args);
	tail = line.full ? TAIL : "}\n";
	memcpy(line.text + line.len, tail, strlen(tail));
	/* When standard error is gone there is nowhere left to complain. */
	if (write(STDERR_FILENO, line.text, line.len + strlen(tail)) < 0)
		return;
}
