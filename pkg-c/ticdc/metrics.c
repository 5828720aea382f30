/* See metrics.h. Source: section 9 of the contract.
 *
 * When an absent series is a zero. Vector metrics export nothing until they are first used, and some vanish when a
 * changefeed closes, so absence is the normal zero of a capture that never had, or no longer has, that kind of work. It is
 * believed only in a scrape that is proven good: it ended at the end of a line, and both sentinels are there, which every
 * new-architecture process exports from its start. (Exporters write families in the order of their names;
 * ticdc_owner_ownership_counter sorts behind every series read here, so a scrape cut anywhere before it lacks the sentinel.)
 *
 * The broker total is stricter. It is absent until the event service had its first dispatcher, and refreshed every 5 s only.
 * The second sentinel counts the dispatchers that this process has ever registered and never goes down: when it is 0, an
 * absent total is a zero; when it is not, the total has existed or is about to, and its absence is "unknown", not zero (row
 * 7).
 *
 * The classic family has one series, ticdc_processor_num_of_tables, and of the sentinels the first. It is read so only when the
 * process' own status is the classic one, and nothing of the new architecture may be in the scrape. It sorts behind the sentinel: that
 * the scrape is whole is known there by HTTP's own framing alone.
 *
 * Not read, on purpose: ticdc_event_service_dispatcher_count, which drifts below zero (row 8).
 *
 * A value that matters must be a whole number that is not negative; NaN, fractions, infinities and garbage break the
 * reading, because a sum with them proves nothing. Lines longer than the limit are skipped unless they belong to a series
 * that matters. */
#include "ticdc/metrics.h"

#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 64	      /* characters */
#define START_MAX (1LL << 52) /* milliseconds: exact as a double */

static const struct {
	const char *name;
	enum td_ticdc_series series;
	const char *label; /* only samples with this label count; NULL: all */
} known[] = {
	{"ticdc_changefeed_maintainer_counter", TD_SERIES_MAINTAINERS, NULL},
	{"ticdc_dispatchermanager_table_dispatcher_count", TD_SERIES_DISPATCHERS, NULL},
	{"ticdc_dispatchermanager_table_event_dispatcher_count", TD_SERIES_DISPATCHERS, NULL},
	{"ticdc_dispatchermanager_table_trigger_dispatcher_count", TD_SERIES_TRIGGERS, NULL},
	{"ticdc_dispatchermanager_table_trigger_event_dispatcher_count", TD_SERIES_TRIGGERS, NULL},
	{"ticdc_event_service_dispatcher_status_count", TD_SERIES_BROKERS, "status=\"total\""},
	{"ticdc_coordinator_changefeed_state", TD_SERIES_CHANGEFEEDS, "state=\"Total\""},
	{"ticdc_owner_status", TD_SERIES_OWNER_STATUS, NULL},
	{"ticdc_processor_num_of_tables", TD_SERIES_TABLES, NULL},
	{"ticdc_owner_ownership_counter", TD_SERIES_OWNERSHIP, NULL},
	{"ticdc_dispatcher_event_collector_registered_dispatcher_count", TD_SERIES_REGISTERED, NULL},
	{"process_start_time_seconds", TD_SERIES_START, NULL},
};

void td_ticdc_metrics_init(struct td_ticdc_metrics *metrics)
{
	*metrics = (struct td_ticdc_metrics){.at_line_start = true};
	td_buf_init(&metrics->line, TD_TICDC_METRICS_LINE_MAX);
}

void td_ticdc_metrics_done(struct td_ticdc_metrics *metrics)
{
	td_buf_done(&metrics->line);
}

static void __attribute__((format(printf, 2, 3))) break_reading(struct td_ticdc_metrics *metrics, const char *format, ...)
{
	va_list args;

	if (metrics->broken) /* the first reason is the one to tell */
		return;
	metrics->broken = true;
	va_start(args, format);
	(void)vsnprintf(metrics->why, sizeof(metrics->why), format, args);
	va_end(args);
}

/* The length of the metric's name at the beginning of a line. */
static size_t name_length(const char *line, size_t len)
{
	size_t i = 0;

	while (i < len && line[i] != '{' && line[i] != ' ' && line[i] != '\t')
		i++;
	return i;
}

/* The index into known, or -1. Most lines are sent away by their first letter. */
static int find_series(const char *line, size_t len)
{
	size_t length;

	if (len == 0 || (line[0] != 't' && line[0] != 'p'))
		return -1;
	length = name_length(line, len);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == length && memcmp(known[i].name, line, length) == 0)
			return (int)i;
	return -1;
}

/* Steps over {labels} at line[at], noting whether wanted is among them. 0: they do not end. */
static size_t skip_labels(const char *line, size_t len, size_t at, const char *wanted, bool *ret_found)
{
	bool quoted = false;
	size_t start = at + 1;

	for (size_t i = at + 1; i < len; i++) {
		if (quoted && line[i] == '\\') {
			i++;
		} else if (line[i] == '"') {
			quoted = !quoted;
		} else if (!quoted && (line[i] == ',' || line[i] == '}')) {
			if (wanted && i - start == strlen(wanted) && memcmp(line + start, wanted, i - start) == 0)
				*ret_found = true;
			if (line[i] == '}')
				return i + 1;
			start = i + 1;
		}
	}
	return 0;
}

/* One number, after which only a timestamp may come. False: garbage. */
static bool read_value(const char *text, size_t len, double *ret)
{
	char number[NUMBER_MAX], *end;
	size_t from = 0, to, rest;

	while (from < len && (text[from] == ' ' || text[from] == '\t'))
		from++;
	for (to = from; to < len && text[to] != ' ' && text[to] != '\t'; to++)
		;
	for (rest = to; rest < len; rest++)
		if (!strchr("0123456789 \t-", text[rest]))
			return false;
	if (from == 0 || to == from || to - from >= sizeof(number))
		return false;
	memcpy(number, text + from, to - from);
	number[to - from] = '\0';
	if (strspn(number, "0123456789+-.eE") != to - from) /* no NaN, no Inf, no hexadecimal */
		return false;
	*ret = strtod(number, &end);
	return *end == '\0' && isfinite(*ret);
}

static void add_sample(struct td_ticdc_metrics *metrics, int index, double value)
{
	enum td_ticdc_series series = known[index].series;

	metrics->seen[series] = true;
	if (series == TD_SERIES_OWNERSHIP) /* its presence is all that counts; it may grow by fractions */
		return;
	if (series == TD_SERIES_START) {
		value = floor(value * 1000);
		metrics->sum[series] = 0; /* a time, not an amount */
	}
	value += (double)metrics->sum[series];
	if (value < (double)metrics->sum[series] || value != floor(value))
		break_reading(metrics, "%s is not a count", known[index].name);
	else if (value > (series == TD_SERIES_START ? (double)START_MAX : (double)UINT32_MAX))
		break_reading(metrics, "%s is too large to be true", known[index].name);
	else
		metrics->sum[series] = (int64_t)value;
}

static void read_line(struct td_ticdc_metrics *metrics, const char *line, size_t len)
{
	int index = find_series(line, len);
	bool wanted = true;
	double value;
	size_t at;

	if (index < 0)
		return;
	if (known[index].series == TD_SERIES_OWNER_STATUS) { /* its value, which may be -1, is nobody's business */
		if (metrics->keyspaces && !td_ticdc_keyspaces_note(metrics->keyspaces, line, len))
			break_reading(metrics, "the keyspaces in %s cannot be read", known[index].name);
		return;
	}
	if (len > 0 && line[len - 1] == '\r')
		len--;
	at = strlen(known[index].name);
	if (at < len && line[at] == '{') {
		wanted = known[index].label == NULL;
		at = skip_labels(line, len, at, known[index].label, &wanted);
	} else if (known[index].label) {
		at = 0; /* the label that tells its samples apart is missing */
	}
	if (at == 0 || !read_value(line + at, len - at, &value))
		break_reading(metrics, "%s cannot be read", known[index].name);
	else if (wanted)
		add_sample(metrics, index, value);
}

/* A piece of a line whose end has not come. When the line gets too long, its beginning tells whether it may be skipped. */
static void keep(struct td_ticdc_metrics *metrics, const char *bytes, size_t len)
{
	size_t room = metrics->line.max - metrics->line.len;

	if (metrics->skipping)
		return;
	if (!td_buf_append(&metrics->line, bytes, len < room ? len : room)) {
		break_reading(metrics, "out of memory");
	} else if (len > room) {
		if (find_series(metrics->line.data, metrics->line.len) >= 0)
			break_reading(metrics, "a line of a series that matters is too long");
		metrics->skipping = true;
		td_buf_clear(&metrics->line);
	}
}

static void end_line(struct td_ticdc_metrics *metrics, const char *bytes, size_t len)
{
	if (metrics->line.len == 0 && !metrics->skipping && len <= metrics->line.max) {
		read_line(metrics, bytes, len); /* the whole line is in this piece: nothing is copied */
	} else {
		keep(metrics, bytes, len);
		if (!metrics->skipping)
			read_line(metrics, td_buf_text(&metrics->line), metrics->line.len);
	}
	metrics->skipping = false;
	td_buf_clear(&metrics->line);
}

bool td_ticdc_metrics_feed(struct td_ticdc_metrics *metrics, const char *bytes, size_t len)
{
	if (len > TD_TICDC_METRICS_BODY_MAX - metrics->bytes)
		break_reading(metrics, "the metrics are longer than %zu bytes", TD_TICDC_METRICS_BODY_MAX);
	while (len > 0 && !metrics->broken) {
		const char *end = memchr(bytes, '\n', len);
		size_t piece = end ? (size_t)(end - bytes) : len;

		if (end)
			end_line(metrics, bytes, piece);
		else
			keep(metrics, bytes, piece);
		metrics->at_line_start = end != NULL;
		piece += end != NULL;
		metrics->bytes += piece;
		bytes += piece;
		len -= piece;
	}
	return !metrics->broken;
}

static bool is_of_new_architecture(const struct td_ticdc_metrics *metrics)
{
	return metrics->seen[TD_SERIES_REGISTERED] || metrics->seen[TD_SERIES_MAINTAINERS] ||
	       metrics->seen[TD_SERIES_DISPATCHERS] || metrics->seen[TD_SERIES_TRIGGERS] || metrics->seen[TD_SERIES_BROKERS];
}

/* Whatever the family. */
static const char *common_flaw(const struct td_ticdc_metrics *metrics)
{
	if (metrics->broken)
		return metrics->why;
	if (metrics->bytes == 0 || !metrics->at_line_start)
		return "the metrics end in the middle of a line";
	return metrics->seen[TD_SERIES_OWNERSHIP] ? NULL : "ticdc_owner_ownership_counter is missing";
}

bool td_ticdc_metrics_changefeeds(const struct td_ticdc_metrics *metrics, int64_t *ret, char *why, size_t size)
{
	const char *what = common_flaw(metrics);

	if (!what && !metrics->seen[TD_SERIES_CHANGEFEEDS])
		what = "the coordinator does not tell yet how many changefeeds there are";
	if (what)
		(void)td_text_copy(why, size, what);
	else
		*ret = metrics->sum[TD_SERIES_CHANGEFEEDS];
	return !what;
}

static const char *flaw(const struct td_ticdc_metrics *metrics, bool classic)
{
	const char *what = common_flaw(metrics);

	if (what)
		return what;
	if (classic)
		return is_of_new_architecture(metrics) ? "a status of the classic family, metrics of the new architecture"
						       : NULL;
	if (!metrics->seen[TD_SERIES_REGISTERED])
		return "ticdc_dispatcher_event_collector_registered_dispatcher_count is missing";
	if (!metrics->seen[TD_SERIES_BROKERS] && metrics->sum[TD_SERIES_REGISTERED] > 0)
		return "dispatchers were registered, but the event broker's total is missing";
	return NULL;
}

bool td_ticdc_metrics_finish(const struct td_ticdc_metrics *metrics, bool classic, struct td_ticdc_reading *ret, char *why,
			     size_t size)
{
	const char *what = flaw(metrics, classic);
	enum td_ticdc_series dispatchers = classic ? TD_SERIES_TABLES : TD_SERIES_DISPATCHERS;

	if (what) {
		(void)td_text_copy(why, size, what);
		return false;
	}
	*ret = (struct td_ticdc_reading){
		.counts = {.maintainers = (uint32_t)metrics->sum[TD_SERIES_MAINTAINERS],
			   .dispatchers = (uint32_t)metrics->sum[dispatchers],
			   .triggers = (uint32_t)metrics->sum[TD_SERIES_TRIGGERS],
			   .brokers = (uint32_t)metrics->sum[TD_SERIES_BROKERS]},
		.start_ms = metrics->sum[TD_SERIES_START],
	};
	return true;
}
