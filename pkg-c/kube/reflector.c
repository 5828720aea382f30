/* client-go's reflector (tools/cache/reflector.go) without its goroutines.
 *
 *   LIST_DUE -> LISTING -> (next page: LIST_DUE) ... -> WATCH_DUE -> WATCHING -> WATCH_DUE or LIST_DUE
 *
 * How a watch ends decides what follows:
 *   regular end, or the connection broke  -> watch again from the last version, at once (after a wait if it was short)
 *   never reached the server, or 429      -> watch again from the last version after a wait
 *   410 as status or in an ERROR event    -> list after a wait
 *   anything else                         -> list after a wait
 *   regular end within 1 s, nothing came  -> an error, list after a wait (a broken proxy would otherwise spin us)
 * The third case of 410, a continue token that expired between two pages, lists at once, in one piece.
 *
 * Where we differ from client-go, on purpose: every list is a consistent read (no resourceVersion) in pages. client-go
 * lists at version "0" from the watch cache, which can be older than what this process saw before and which ignores limit:
 * 10,000 pods would come as one body of some 60 MiB. The price is a quorum read per relist, for a handful of sidecars.
 *
 * Waits: 0.8 s doubling, each stretched by up to 100 % at random, 30 s at most; from the start again when the last wait
 * began more than 2 minutes ago. Retry-After prolongs a wait.
 *
 * Invariants: set_state alone writes the state; version moves only forward through what the caller has applied; a failed
 * list never touches version. Wrong order of calls is a bug of the caller and asserts. */
#include "kube/reflector.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_WATCH_MS 1000

static void set_state(struct td_reflector *reflector, enum td_reflector_state state, int64_t due_ms)
{
	reflector->state = state;
	reflector->due_ms = due_ms;
}

static void forget_pages(struct td_reflector *reflector)
{
	free(reflector->continue_token);
	reflector->continue_token = NULL;
}

void td_reflector_init(struct td_reflector *reflector, uint64_t seed)
{
	*reflector = (struct td_reflector){.confirmed_ms = -1, .backoff_ms = TD_REFLECTOR_BACKOFF_MIN_MS};
	td_random_init(&reflector->random, seed);
	set_state(reflector, TD_REFLECTOR_LIST_DUE, INT64_MIN);
}

void td_reflector_done(struct td_reflector *reflector)
{
	forget_pages(reflector);
}

/* When the wait that starts now ends. */
static int64_t back_off(struct td_reflector *reflector, int64_t retry_after_ms, int64_t now_ms)
{
	int64_t base, wait;

	if (now_ms - reflector->backed_off_ms > TD_REFLECTOR_BACKOFF_RESET_MS)
		reflector->backoff_ms = TD_REFLECTOR_BACKOFF_MIN_MS;
	reflector->backed_off_ms = now_ms;
	base = reflector->backoff_ms;
	/* Doubling stops at half the maximum, so that the jitter never vanishes. */
	reflector->backoff_ms = base * 2 < TD_REFLECTOR_BACKOFF_MAX_MS / 2 ? base * 2 : TD_REFLECTOR_BACKOFF_MAX_MS / 2;
	wait = base + (int64_t)td_random_below(&reflector->random, (uint64_t)base + 1);
	if (retry_after_ms > TD_REFLECTOR_RETRY_AFTER_MAX_MS)
		retry_after_ms = TD_REFLECTOR_RETRY_AFTER_MAX_MS;
	return now_ms + (wait > retry_after_ms ? wait : retry_after_ms);
}

static struct td_reflector_action begin_list(struct td_reflector *reflector, int64_t now_ms)
{
	if (!reflector->continue_token)
		reflector->list_started_ms = now_ms;
	set_state(reflector, TD_REFLECTOR_LISTING, INT64_MAX);
	return (struct td_reflector_action){.kind = TD_REFLECT_LIST,
					    .limit = reflector->whole ? 0 : TD_REFLECTOR_PAGE,
					    .continue_token = reflector->continue_token};
}

static struct td_reflector_action begin_watch(struct td_reflector *reflector, int64_t now_ms)
{
	uint64_t spread = TD_REFLECTOR_WATCH_MAX_S - TD_REFLECTOR_WATCH_MIN_S;

	reflector->watch_started_ms = now_ms;
	reflector->watch_events = 0;
	set_state(reflector, TD_REFLECTOR_WATCHING, INT64_MAX);
	return (struct td_reflector_action){.kind = TD_REFLECT_WATCH,
					    .version = reflector->version,
					    .timeout_s = TD_REFLECTOR_WATCH_MIN_S +
							 (int)td_random_below(&reflector->random, spread)};
}

struct td_reflector_action td_reflector_next(struct td_reflector *reflector, int64_t now_ms)
{
	if (now_ms >= reflector->due_ms) {
		if (reflector->state == TD_REFLECTOR_LIST_DUE)
			return begin_list(reflector, now_ms);
		if (reflector->state == TD_REFLECTOR_WATCH_DUE)
			return begin_watch(reflector, now_ms);
	}
	return (struct td_reflector_action){.kind = TD_REFLECT_WAIT, .until_ms = reflector->due_ms};
}

/* From the first page, after a wait. */
static void list_anew(struct td_reflector *reflector, int64_t retry_after_ms, int64_t now_ms)
{
	forget_pages(reflector);
	reflector->whole = false;
	set_state(reflector, TD_REFLECTOR_LIST_DUE, back_off(reflector, retry_after_ms, now_ms));
}

static bool is_version(const char *version)
{
	return version && *version && strlen(version) < TD_REFLECTOR_VERSION_MAX;
}

enum td_error_code td_reflector_listed(struct td_reflector *reflector, const char *version, const char *continue_token,
				       int64_t now_ms, bool *ret_complete)
{
	assert(reflector->state == TD_REFLECTOR_LISTING);
	if (!is_version(version)) {
		list_anew(reflector, -1, now_ms);
		return TD_ERR_PROTOCOL;
	}
	forget_pages(reflector);
	if (continue_token && *continue_token) {
		reflector->continue_token = strdup(continue_token);
		if (!reflector->continue_token) {
			list_anew(reflector, -1, now_ms);
			return TD_ERR_NOMEM;
		}
		set_state(reflector, TD_REFLECTOR_LIST_DUE, now_ms);
		*ret_complete = false;
		return TD_OK;
	}
	(void)td_text_copy(reflector->version, sizeof(reflector->version), version);
	reflector->whole = false;
	reflector->confirmed_ms = reflector->list_started_ms;
	set_state(reflector, TD_REFLECTOR_WATCH_DUE, now_ms);
	*ret_complete = true;
	return TD_OK;
}

void td_reflector_list_failed(struct td_reflector *reflector, const struct td_error *err, int64_t now_ms)
{
	assert(reflector->state == TD_REFLECTOR_LISTING);
	if (err->http_status == 410 && reflector->continue_token) {
		forget_pages(reflector);
		reflector->whole = true;
		set_state(reflector, TD_REFLECTOR_LIST_DUE, now_ms);
		return;
	}
	list_anew(reflector, err->retry_after_ms, now_ms);
}

enum td_error_code td_reflector_event(struct td_reflector *reflector, const char *version, int64_t now_ms)
{
	assert(reflector->state == TD_REFLECTOR_WATCHING);
	if (!is_version(version))
		return TD_ERR_PROTOCOL;
	(void)td_text_copy(reflector->version, sizeof(reflector->version), version);
	reflector->watch_events++;
	reflector->confirmed_ms = now_ms;
	return TD_OK;
}

/* True when the server kept nothing against our version: go on from it. */
static bool may_watch_again(const struct td_error *how)
{
	return how->code == TD_OK || how->code == TD_ERR_TRANSPORT || how->code == TD_ERR_TIMEOUT ||
	       how->code == TD_ERR_CONNECT || how->http_status == 429;
}

void td_reflector_watch_ended(struct td_reflector *reflector, struct td_error *how, int64_t now_ms)
{
	bool is_short = now_ms - reflector->watch_started_ms < SHORT_WATCH_MS;
	bool is_stream = how->code == TD_OK || how->code == TD_ERR_TRANSPORT || how->code == TD_ERR_TIMEOUT;

	assert(reflector->state == TD_REFLECTOR_WATCHING);
	if (how->code == TD_OK) {
		reflector->confirmed_ms = now_ms;
		if (is_short && !reflector->watch_events)
			(void)td_error_set(how, TD_ERR_PROTOCOL, "the watch ended within a second without an event");
	}
	if (!may_watch_again(how))
		list_anew(reflector, how->retry_after_ms, now_ms);
	else if (is_stream && !is_short)
		set_state(reflector, TD_REFLECTOR_WATCH_DUE, now_ms);
	else
		set_state(reflector, TD_REFLECTOR_WATCH_DUE, back_off(reflector, how->retry_after_ms, now_ms));
}
