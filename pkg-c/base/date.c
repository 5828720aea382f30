/* See date.h. Everything here is total: any input gives a defined answer, nothing is allocated. */
#include "base/date.h"

#include <stdio.h>
#include <time.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The wall second that contains wall_ms, also before 1970. Returns the milliseconds within it. */
static int split_ms(int64_t wall_ms, struct tm *tm)
{
	int64_t ms = wall_ms % 1000;
	time_t second = (time_t)(wall_ms / 1000);

	if (ms < 0) {
		ms += 1000;
		second--;
	}
	if (!gmtime_r(&second, tm))
		*tm = (struct tm){.tm_year = 70, .tm_mday = 1}; /* a year that does not fit an int */
	return (int)ms;
}

void td_time_format(int64_t wall_ms, char into[TD_TIME_TEXT_MAX])
{
	struct tm tm;

	(void)split_ms(wall_ms, &tm);
	(void)strftime(into, TD_TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void td_time_format_micro(int64_t wall_ms, char into[TD_TIME_TEXT_MAX])
{
	struct tm tm;
	int ms = split_ms(wall_ms, &tm);
	size_t used = strftime(into, TD_TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);

	(void)snprintf(into + used, TD_TIME_TEXT_MAX - used, ".%03d000Z", ms);
}

/* Reads exactly count digits and moves *text behind them; -1 when they are not there. */
static int digits(const char **text, int count)
{
	int value = 0;

	for (; count > 0; count--, ++*text) {
		if (!is_digit(**text))
			return -1;
		value = value * 10 + (**text - '0');
	}
	return value;
}

static bool expect(const char **text, char c)
{
	if (**text != c)
		return false;
	++*text;
	return true;
}

/* ".123456789": as milliseconds, the rest is cut off. An absent fraction is 0. */
static bool parse_fraction(const char **text, int *ret_ms)
{
	int scale = 100;

	*ret_ms = 0;
	if (!expect(text, '.'))
		return true;
	if (!is_digit(**text))
		return false;
	for (; is_digit(**text); ++*text, scale /= 10)
		*ret_ms += (**text - '0') * scale;
	return true;
}

/* "Z" or "+05:30", to the end of the text. */
static bool parse_offset(const char *text, int *ret_minutes)
{
	int sign = *text == '-' ? -1 : 1;
	int hours, minutes;

	*ret_minutes = 0;
	if (expect(&text, 'Z'))
		return *text == '\0';
	if (!expect(&text, '+') && !expect(&text, '-'))
		return false;
	hours = digits(&text, 2);
	if (hours < 0 || hours > 23 || !expect(&text, ':'))
		return false;
	minutes = digits(&text, 2);
	if (minutes < 0 || minutes > 59 || *text != '\0')
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

static bool parse_date_time(const char **text, struct tm *tm)
{
	*tm = (struct tm){0};
	if ((tm->tm_year = digits(text, 4)) < 0 || !expect(text, '-'))
		return false;
	if ((tm->tm_mon = digits(text, 2)) < 1 || tm->tm_mon > 12 || !expect(text, '-'))
		return false;
	if ((tm->tm_mday = digits(text, 2)) < 1 || tm->tm_mday > 31 || !expect(text, 'T'))
		return false;
	if ((tm->tm_hour = digits(text, 2)) < 0 || tm->tm_hour > 23 || !expect(text, ':'))
		return false;
	if ((tm->tm_min = digits(text, 2)) < 0 || tm->tm_min > 59 || !expect(text, ':'))
		return false;
	if ((tm->tm_sec = digits(text, 2)) < 0 || tm->tm_sec > 59)
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	return true;
}

bool td_time_parse(const char *text, int64_t *ret_wall_ms)
{
	struct tm tm;
	int ms, offset_minutes, day;
	int64_t second;

	if (!text || !parse_date_time(&text, &tm) || !parse_fraction(&text, &ms) || !parse_offset(text, &offset_minutes))
		return false;
	day = tm.tm_mday;
	second = timegm(&tm);
	if (tm.tm_mday != day)
		return false; /* the 30th of February: timegm made a day of March of it */
	*ret_wall_ms = (second - (int64_t)offset_minutes * 60) * 1000 + ms;
	return true;
}
