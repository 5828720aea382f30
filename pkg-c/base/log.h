/* One JSON line per event on standard error: {"ts":...,"level":...,"event":...,key:value...}. Only the daemon's top
 * (sidecar/ and cmd/) logs; every layer below returns what happened. Never pass a token or a body. */
#ifndef TD_BASE_LOG_H
#define TD_BASE_LOG_H

#include <stdint.h>

enum td_log_level { TD_LOG_DEBUG, TD_LOG_INFO, TD_LOG_WARN, TD_LOG_ERROR, TD_LOG_LEVEL_COUNT };

/* Lines below level are dropped. Default: info. */
void td_log_set_level(enum td_log_level level);

/* "debug", "info", "warn", "error". -1 when text is none of them. */
int td_log_level_from_text(const char *text);

/* event is a constant name in snake_case. Then pairs of (const char *key, const char *value), ended by NULL. A NULL value
 * is written as null. Example: td_log(TD_LOG_INFO, "drain_started", "request", name, "capture", id, NULL). A key means the same
 * everywhere: "request" is the DrainRequest's name, "request_uid" its uid, "pod" a name. */
void td_log(enum td_log_level level, const char *event, ...) __attribute__((sentinel));

#endif
