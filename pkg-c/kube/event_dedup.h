/* Which Events to write: the same one again raises a count instead. Pure, bounded. */
#ifndef TD_KUBE_EVENT_DEDUP_H
#define TD_KUBE_EVENT_DEDUP_H

#include "kube/recorder.h"

#define TD_EVENT_REMEMBERED_MAX 256
#define TD_EVENT_WAITING_MAX 64
#define TD_EVENT_SAME_MS (10 * 60 * 1000) /* so long after the last one, the same is a new Event */
#define TD_EVENT_MESSAGE_MAX 1024
#define TD_EVENT_TRIES 3

/* One Event. All strings live in one allocation with the entry. */
struct td_event_entry {
	struct td_event_entry *older, *newer; /* by last_ms */
	struct td_object_ref about;
	const char *type, *reason, *message;
	char name[254]; /* of the Event object */
	uint64_t waits; /* its turn (lowest first); 0: everything is written */
	bool created;	/* the server has it: write the count by a patch */
	int tries;	/* failed ones since the last success */
	int64_t count;
	int64_t first_wall_ms, last_wall_ms;
	int64_t last_ms; /* monotonic */
};

struct td_event_dedup {
	struct td_event_entry *oldest, *newest;
	struct td_event_entry *sending; /* taken and not answered; never dropped */
	int64_t sent_count;		/* of sending, when it was taken */
	size_t remembered, waiting;	/* sending does not count as waiting */
	uint64_t turn;
	uint64_t salt;	  /* makes names of several processes differ */
	uint64_t dropped; /* events lost for want of room or memory */
};

void td_event_dedup_init(struct td_event_dedup *dedup, const char *instance);
void td_event_dedup_done(struct td_event_dedup *dedup);

/* An event happened. What does not fit drops the oldest that waits; nothing fails here, dropped counts. */
void td_event_dedup_add(struct td_event_dedup *dedup, const struct td_object_ref *about, const char *type,
			const char *reason, const char *message, int64_t now_ms, int64_t wall_ms);

/* The next Event to write, borrowed until it is answered; NULL: none waits, or one is under way. */
const struct td_event_entry *td_event_dedup_take(struct td_event_dedup *dedup);

enum td_event_result {
	TD_EVENT_WRITTEN,
	TD_EVENT_GONE,	  /* 404 for a patch: the server forgot it, create it anew */
	TD_EVENT_FAILED,  /* try again, TD_EVENT_TRIES times in all */
	TD_EVENT_REFUSED, /* never try again */
	TD_EVENT_RESULT_COUNT
};

/* Answers the entry taken. True: it waits for another try. False: done with, or given up. */
bool td_event_dedup_answer(struct td_event_dedup *dedup, enum td_event_result result);

#endif
