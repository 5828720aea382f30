/* See text.h. Everything here is total: any input gives a defined answer, nothing is allocated. */
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool td_text_copy(char *into, size_t size, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	bool fits = len < size;

	assert(size > 0);
	if (!fits) {
		len = size - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
			len--; /* half a UTF-8 character would make the whole text invalid JSON later */
	}
	if (len)
		memcpy(into, text, len);
	into[len] = '\0';
	return fits;
}

bool td_text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool td_text_to_int64(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	long long value;
	char *end;

	/* strtoll alone would take leading spaces and a plus. */
	if (!text || !is_digit(text[text[0] == '-']))
		return false;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || value < min || value > max)
		return false;
	*ret = value;
	return true;
}
