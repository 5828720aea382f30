/* Bounded strings. */
#ifndef TD_BASE_TEXT_H
#define TD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies text into into[size]. False when it did not fit: then into holds the cut text, always terminated. NULL copies "".
 */
bool td_text_copy(char *into, size_t size, const char *text);

bool td_text_equal(const char *a, const char *b); /* NULL equals only NULL */

/* A whole decimal number from min to max, nothing around it. False otherwise, and *ret is untouched. */
bool td_text_to_int64(const char *text, int64_t min, int64_t max, int64_t *ret);

#endif
