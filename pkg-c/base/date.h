/* Dates as Kubernetes writes them. */
#ifndef TD_BASE_DATE_H
#define TD_BASE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#define TD_TIME_TEXT_MAX 32

/* Wall clock in unix milliseconds to metav1.Time ("2026-11-23T13:18:38Z") or MicroTime ("...:38.123000Z"). */
void td_time_format(int64_t wall_ms, char into[TD_TIME_TEXT_MAX]);
void td_time_format_micro(int64_t wall_ms, char into[TD_TIME_TEXT_MAX]);

/* Reads RFC 3339 as Kubernetes writes it: UTC with Z or a numeric offset, fraction of any length optional. */
bool td_time_parse(const char *text, int64_t *ret_wall_ms);

#endif
