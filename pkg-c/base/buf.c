/* See buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void td_buf_init(struct td_buf *buf, size_t max)
{
	*buf = (struct td_buf){.max = max};
}

void td_buf_done(struct td_buf *buf)
{
	free(buf->data);
	*buf = (struct td_buf){.max = buf->max};
}

void td_buf_clear(struct td_buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

/* Makes room for extra bytes and the terminator. */
static bool reserve(struct td_buf *buf, size_t extra)
{
	size_t need, cap;
	char *data;

	if (extra > buf->max - buf->len)
		return false;
	need = buf->len + extra + 1;
	if (need <= buf->cap)
		return true;
	cap = buf->cap ? buf->cap * 2 : 64;
	if (cap > buf->max + 1)
		cap = buf->max + 1;
	if (cap < need)
		cap = need;
	data = realloc(buf->data, cap);
	if (!data)
		return false;
	buf->data = data;
	buf->cap = cap;
	return true;
}

bool td_buf_append(struct td_buf *buf, const void *bytes, size_t len)
{
	if (!reserve(buf, len))
		return false;
	if (len)
		memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return true;
}

bool td_buf_append_text(struct td_buf *buf, const char *text)
{
	return td_buf_append(buf, text, strlen(text));
}

bool td_buf_append_format(struct td_buf *buf, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || !reserve(buf, (size_t)len))
		return false;
	va_start(args, format);
	(void)vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
	va_end(args);
	buf->len += (size_t)len;
	return true;
}

void td_buf_consume(struct td_buf *buf, size_t len)
{
	if (!buf->data)
		return;
	if (len > buf->len)
		len = buf->len;
	memmove(buf->data, buf->data + len, buf->len - len + 1);
	buf->len -= len;
}

const char *td_buf_text(const struct td_buf *buf)
{
	return buf->data ? buf->data : "";
}

char *td_buf_take(struct td_buf *buf)
{
	char *data = buf->data;

	*buf = (struct td_buf){.max = buf->max};
	return data;
}
