/* When to list and when to watch: client-go's reflector as a pure machine. The caller asks for the next action, performs it,
 * and answers each LIST and each WATCH with what came of it. */
#ifndef TD_KUBE_REFLECTOR_H
#define TD_KUBE_REFLECTOR_H

#include "base/error.h"
#include "base/random.h"

#define TD_REFLECTOR_VERSION_MAX 64	/* bytes of a resourceVersion with its terminator (etcd's have 20 digits at most) */
#define TD_REFLECTOR_PAGE 250		/* objects of a page: bounds the memory of a list, not its size */
#define TD_REFLECTOR_BACKOFF_MIN_MS 800 /* waits lie between these two; Retry-After can ask for more */
#define TD_REFLECTOR_BACKOFF_MAX_MS 30000
#define TD_REFLECTOR_BACKOFF_RESET_MS 120000
#define TD_REFLECTOR_RETRY_AFTER_MAX_MS 300000
#define TD_REFLECTOR_WATCH_MIN_S 300
#define TD_REFLECTOR_WATCH_MAX_S 600

enum td_reflector_state {
	TD_REFLECTOR_LIST_DUE,	/* to list as soon as due_ms is reached */
	TD_REFLECTOR_LISTING,	/* a page is on its way */
	TD_REFLECTOR_WATCH_DUE, /* to watch as soon as due_ms is reached */
	TD_REFLECTOR_WATCHING,	/* a watch is on its way or open */
	TD_REFLECTOR_STATE_COUNT
};

struct td_reflector {
	enum td_reflector_state state;
	int64_t due_ms;
	char version[TD_REFLECTOR_VERSION_MAX]; /* seen last; "" before the first list is complete */
	char *continue_token;			/* NULL: the first page */
	bool whole;				/* the continue token expired: the list once more, in one piece */
	int64_t list_started_ms;
	int64_t watch_started_ms;
	uint64_t watch_events; /* in this watch, bookmarks included */
	int64_t confirmed_ms;  /* when the server last confirmed the copy; -1: never */
	int64_t backoff_ms;    /* the next wait, before jitter */
	int64_t backed_off_ms; /* when the last wait began */
	struct td_random random;
};

enum td_reflector_action_kind {
	TD_REFLECT_WAIT,  /* until until_ms or an answer, whichever is first */
	TD_REFLECT_LIST,  /* answer: td_reflector_listed or _list_failed */
	TD_REFLECT_WATCH, /* answer: any number of td_reflector_event, then one _watch_ended */
	TD_REFLECT_COUNT
};

struct td_reflector_action {
	enum td_reflector_action_kind kind;
	int64_t until_ms;	    /* WAIT; INT64_MAX: only for an answer */
	int limit;		    /* LIST: objects of a page; 0: all */
	const char *continue_token; /* LIST: NULL for the first page, which also means: forget the pages before. Borrowed */
	const char *version;	    /* WATCH: borrowed until the next call */
	int timeout_s;		    /* WATCH */
};

void td_reflector_init(struct td_reflector *reflector, uint64_t seed);
void td_reflector_done(struct td_reflector *reflector);

/* What to do now. LIST and WATCH are said once. */
struct td_reflector_action td_reflector_next(struct td_reflector *reflector, int64_t now_ms);

/* A page came. continue_token: NULL or "" on the last one. Returns true when the list is complete, for *ret_complete.
 * An error (TD_ERR_NOMEM, TD_ERR_PROTOCOL: no usable version) is an answer, too: the list then begins anew after a wait. */
enum td_error_code td_reflector_listed(struct td_reflector *reflector, const char *version, const char *continue_token,
				       int64_t now_ms, bool *ret_complete);

void td_reflector_list_failed(struct td_reflector *reflector, const struct td_error *err, int64_t now_ms);

/* An event or bookmark came and was applied. TD_ERR_PROTOCOL: no usable version; nothing changed, end the watch. */
enum td_error_code td_reflector_event(struct td_reflector *reflector, const char *version, int64_t now_ms);

/* The watch is over. how->code: TD_OK for a regular end of the stream; an ERROR event or a refusal as TD_ERR_HTTP with its
 * status; else what happened. A regular end that came too soon becomes an error in *how. */
void td_reflector_watch_ended(struct td_reflector *reflector, struct td_error *how, int64_t now_ms);

#endif
