/* Bounded strings and the two time formats of Kubernetes. */
#ifndef TD_BASE_TEXT_H
#define TD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TD_TIME_TEXT_MAX 32

/* Copies text into into[size]. False when it did not fit: then into holds the cut text, always terminated. NULL copies "".
 */
bool td_text_copy(char *into, size_t size, const char *text);

bool td_text_equal(const char *a, const char *b); /* NULL equals only NULL */

/* A whole decimal number from min to max, nothing around it. False otherwise, and *ret is untouched. */
bool td_text_to_int64(const char *text, int64_t min, int64_t max, int64_t *ret);

/* Wall clock in unix milliseconds to metav1.Time ("2026-11-23T13:18:38Z") or MicroTime ("...:38.123000Z"). */
void td_time_format(int64_t wall_ms, char into[TD_TIME_TEXT_MAX]);
void td_time_format_micro(int64_t wall_ms, char into[TD_TIME_TEXT_MAX]);

/* Reads RFC 3339 as Kubernetes writes it: UTC with Z or a numeric offset, fraction of any length optional. */
bool td_time_parse(const char *text, int64_t *ret_wall_ms);

#endif
