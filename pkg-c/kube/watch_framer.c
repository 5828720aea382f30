/* The framer is what stands between the socket and the JSON parser of a watch.
 *
 * The API server ends each watch event with a newline and writes no newline inside one (JSON escapes them), so lines are
 * events. A line that lies whole inside one piece of the stream is handed out in place, without a copy; only the head of a
 * line that a later piece will finish is kept. Every byte is searched for a newline once, whatever the split: a piece is
 * never searched again together with what came before it (the quadratic mistake of parsers that retry from the start).
 *
 * The informer calls it from its data callback. It does not parse, and knows nothing of events. */
#include "kube/watch_framer.h"

#include <assert.h>
#include <string.h>

#define KEEP_MAX (64u << 10) /* a buffer grown beyond this by one big event is given back */

void td_watch_framer_init(struct td_watch_framer *framer, size_t event_max)
{
	assert(event_max > 0);
	*framer = (struct td_watch_framer){.failure = TD_OK};
	td_buf_init(&framer->partial, event_max);
}

void td_watch_framer_done(struct td_watch_framer *framer)
{
	td_buf_done(&framer->partial);
}

void td_watch_framer_restart(struct td_watch_framer *framer)
{
	td_buf_done(&framer->partial);
	framer->failure = TD_OK;
}

static enum td_error_code fail(struct td_watch_framer *framer, enum td_error_code code)
{
	td_buf_done(&framer->partial);
	framer->failure = code;
	return code;
}

/* Adds to the unfinished line. */
static enum td_error_code keep(struct td_watch_framer *framer, const char *bytes, size_t len)
{
	if (len > framer->partial.max - framer->partial.len)
		return fail(framer, TD_ERR_TOO_LARGE);
	if (!td_buf_append(&framer->partial, bytes, len))
		return fail(framer, TD_ERR_NOMEM);
	framer->copied += len;
	return TD_OK;
}

static enum td_error_code hand_out(struct td_watch_framer *framer, const char *line, size_t len, td_watch_line_fn on_line,
				   void *userdata)
{
	if (len && line[len - 1] == '\r')
		len--;
	if (!len)
		return TD_OK;
	if (len > framer->partial.max)
		return fail(framer, TD_ERR_TOO_LARGE);
	framer->lines++;
	return on_line(line, len, userdata) ? TD_OK : fail(framer, TD_ERR_CANCELLED);
}

/* The rest of a line that began in an earlier piece. */
static enum td_error_code finish_partial(struct td_watch_framer *framer, const char *bytes, size_t len,
					 td_watch_line_fn on_line, void *userdata)
{
	enum td_error_code code = keep(framer, bytes, len);

	if (code == TD_OK)
		code = hand_out(framer, framer->partial.data, framer->partial.len, on_line, userdata);
	if (framer->partial.cap > KEEP_MAX)
		td_buf_done(&framer->partial);
	else
		td_buf_clear(&framer->partial);
	return code;
}

enum td_error_code td_watch_framer_feed(struct td_watch_framer *framer, const char *bytes, size_t len,
					td_watch_line_fn on_line, void *userdata)
{
	const char *end = bytes + len;

	framer->bytes += len;
	while (framer->failure == TD_OK && bytes < end) {
		size_t left = (size_t)(end - bytes);
		const char *newline = memchr(bytes, '\n', left);
		size_t piece = newline ? (size_t)(newline - bytes) : left;

		framer->scanned += newline ? piece + 1 : piece;
		if (!newline)
			return keep(framer, bytes, piece);
		if (framer->partial.len)
			(void)finish_partial(framer, bytes, piece, on_line, userdata);
		else
			(void)hand_out(framer, bytes, piece, on_line, userdata);
		bytes = newline + 1;
	}
	return framer->failure;
}
