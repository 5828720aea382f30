/* A growable byte buffer that cannot be made without a limit. */
#ifndef TD_BASE_BUF_H
#define TD_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct td_buf {
	char *data; /* always terminated by a 0 that len does not count; NULL while empty and never used */
	size_t len;
	size_t cap;
	size_t max; /* bytes of content; an append beyond it fails and changes nothing */
};

void td_buf_init(struct td_buf *buf, size_t max);
void td_buf_done(struct td_buf *buf); /* frees; NULL-safe fields; the buffer may be initialised again */
void td_buf_clear(struct td_buf *buf);

/* Each append returns false when the limit or memory is exhausted. */
bool td_buf_append(struct td_buf *buf, const void *bytes, size_t len);
bool td_buf_append_text(struct td_buf *buf, const char *text);
bool td_buf_append_format(struct td_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Removes the first len bytes. */
void td_buf_consume(struct td_buf *buf, size_t len);

/* The content as a C string, never NULL. Borrowed: valid until the next change. */
const char *td_buf_text(const struct td_buf *buf);

/* Hands the content to the caller, who frees it; the buffer is empty afterwards. NULL when nothing was ever added. */
char *td_buf_take(struct td_buf *buf);

#endif
