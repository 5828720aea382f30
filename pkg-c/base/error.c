/* See error.h. */
#include "base/error.h"

#include "base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
	[TD_OK] = "ok",
	[TD_ERR_NOMEM] = "out-of-memory",
	[TD_ERR_INVALID] = "invalid",
	[TD_ERR_SYSTEM] = "system",
	[TD_ERR_CONNECT] = "connect",
	[TD_ERR_TIMEOUT] = "timeout",
	[TD_ERR_TRANSPORT] = "transport",
	[TD_ERR_TOO_LARGE] = "too-large",
	[TD_ERR_PROTOCOL] = "protocol",
	[TD_ERR_HTTP] = "http",
	[TD_ERR_CANCELLED] = "cancelled",
};
static_assert(sizeof(names) / sizeof(names[0]) == TD_ERR_COUNT, "a name for every code");

const char *td_error_name(enum td_error_code code)
{
	return (unsigned)code < TD_ERR_COUNT ? names[code] : "unknown";
}

void td_error_clear(struct td_error *err)
{
	*err = (struct td_error){.code = TD_OK, .retry_after_ms = -1};
}

enum td_error_code td_error_set(struct td_error *err, enum td_error_code code, const char *format, ...)
{
	if (err) {
		va_list args;

		td_error_clear(err);
		err->code = code;
		va_start(args, format);
		(void)vsnprintf(err->text, sizeof(err->text), format, args);
		va_end(args);
	}
	return code;
}

static void append(struct td_error *err, const char *text)
{
	size_t used = strlen(err->text);

	(void)td_text_copy(err->text + used, sizeof(err->text) - used, text);
}

void td_error_wrap(struct td_error *err, const char *format, ...)
{
	struct td_error inner;
	va_list args;

	if (!err)
		return;
	inner = *err;
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	append(err, ": ");
	append(err, inner.text);
}

bool td_error_is_definite(const struct td_error *err)
{
	switch (err->code) {
	case TD_ERR_CONNECT:
	case TD_ERR_HTTP:
	case TD_ERR_INVALID:
		return true;
	case TD_OK:
	case TD_ERR_NOMEM:
	case TD_ERR_SYSTEM:
	case TD_ERR_TIMEOUT:
	case TD_ERR_TRANSPORT:
	case TD_ERR_TOO_LARGE:
	case TD_ERR_PROTOCOL:
	case TD_ERR_CANCELLED:
	case TD_ERR_COUNT:
		break;
	}
	return false;
}
