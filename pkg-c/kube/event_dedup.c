/* client-go's event correlator, reduced to what keeps the API server and the reader of `kubectl describe` from noise: the
 * same (object, type, reason, message) within ten minutes of the last time is one Event with a count.
 *
 * Entries form a list by time of last use. An entry that has something to write waits for its turn; while it waits or is
 * being written, more of the same only raise its count, so a burst costs two writes. One write is under way at a time: the
 * recorder takes an entry, writes it and answers.
 *
 * Bounds: 256 entries remembered (the least recently used and idle one is forgotten), 64 waiting (the oldest one is dropped
 * and counted). As 64 and the one being written are less than 256, there is always one to forget.
 *
 * Names are "<object>.<hex of a nanosecond-like number>", the time in milliseconds followed by a running number that starts
 * at a hash of the instance: two processes in one millisecond rarely collide, one process never does. */
#include "kube/event_dedup.h"

#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert(TD_EVENT_WAITING_MAX + 1 < TD_EVENT_REMEMBERED_MAX, "there is always an idle entry to forget");

void td_event_dedup_init(struct td_event_dedup *dedup, const char *instance)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	for (; *instance; instance++)
		hash = (hash ^ (unsigned char)*instance) * 1099511628211u;
	*dedup = (struct td_event_dedup){.salt = hash};
}

static void unlink_entry(struct td_event_dedup *dedup, struct td_event_entry *entry)
{
	*(entry->older ? &entry->older->newer : &dedup->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &dedup->newest) = entry->older;
	dedup->remembered--;
}

static void link_newest(struct td_event_dedup *dedup, struct td_event_entry *entry)
{
	entry->older = dedup->newest;
	entry->newer = NULL;
	*(dedup->newest ? &dedup->newest->newer : &dedup->oldest) = entry;
	dedup->newest = entry;
	dedup->remembered++;
}

static void forget(struct td_event_dedup *dedup, struct td_event_entry *entry)
{
	if (entry->waits && entry != dedup->sending)
		dedup->waiting--;
	unlink_entry(dedup, entry);
	free(entry);
}

void td_event_dedup_done(struct td_event_dedup *dedup)
{
	dedup->sending = NULL;
	while (dedup->oldest)
		forget(dedup, dedup->oldest);
}

static bool is_same(const struct td_event_entry *entry, const struct td_object_ref *about, const char *type,
		    const char *reason, const char *message)
{
	return !strcmp(entry->about.name, about->name) && !strcmp(entry->about.namespace_, about->namespace_) &&
	       !strcmp(entry->about.uid, about->uid) && !strcmp(entry->about.kind, about->kind) &&
	       !strcmp(entry->about.api_version, about->api_version) && !strcmp(entry->type, type) &&
	       !strcmp(entry->reason, reason) && !strcmp(entry->message, message);
}

static struct td_event_entry *find(const struct td_event_dedup *dedup, const struct td_object_ref *about, const char *type,
				   const char *reason, const char *message, int64_t now_ms)
{
	for (struct td_event_entry *entry = dedup->newest; entry; entry = entry->older) {
		if (now_ms - entry->last_ms >= TD_EVENT_SAME_MS)
			return NULL; /* and all the others are older */
		if (is_same(entry, about, type, reason, message))
			return entry;
	}
	return NULL;
}

/* Copies text behind what *at points to, and moves on. */
static const char *put_text(char **at, const char *text)
{
	char *copy = *at;
	size_t size = strlen(text) + 1;

	memcpy(copy, text, size);
	*at += size;
	return copy;
}

static void set_name(struct td_event_dedup *dedup, struct td_event_entry *entry)
{
	uint64_t number = (uint64_t)entry->last_wall_ms * 1000000 + (dedup->salt++ & 0x7ffff);

	(void)snprintf(entry->name, sizeof(entry->name), "%.*s.%016llx", (int)(sizeof(entry->name) - 18), entry->about.name,
		       (unsigned long long)number);
}

static struct td_event_entry *make(const struct td_object_ref *about, const char *type, const char *reason,
				   const char *message)
{
	size_t size = strlen(about->api_version) + strlen(about->kind) + strlen(about->namespace_) + strlen(about->name) +
		      strlen(about->uid) + strlen(type) + strlen(reason) + strlen(message) + 8;
	struct td_event_entry *entry = calloc(1, sizeof(*entry) + size);
	char *at;

	if (!entry)
		return NULL;
	at = (char *)(entry + 1);
	entry->about.api_version = put_text(&at, about->api_version);
	entry->about.kind = put_text(&at, about->kind);
	entry->about.namespace_ = put_text(&at, about->namespace_);
	entry->about.name = put_text(&at, about->name);
	entry->about.uid = put_text(&at, about->uid);
	entry->type = put_text(&at, type);
	entry->reason = put_text(&at, reason);
	entry->message = put_text(&at, message);
	return entry;
}

/* The entry whose turn comes first; NULL: none waits. */
static struct td_event_entry *first_waiting(const struct td_event_dedup *dedup)
{
	struct td_event_entry *first = NULL;

	for (struct td_event_entry *entry = dedup->oldest; entry; entry = entry->newer)
		if (entry->waits && entry != dedup->sending && (!first || entry->waits < first->waits))
			first = entry;
	return first;
}

/* Makes room for one more entry that waits. */
static void drop_waiting(struct td_event_dedup *dedup)
{
	struct td_event_entry *entry = first_waiting(dedup);

	dedup->dropped++;
	if (!entry->created) {
		forget(dedup, entry);
		return;
	}
	entry->waits = 0;
	dedup->waiting--;
}

static void forget_idle(struct td_event_dedup *dedup)
{
	struct td_event_entry *entry = dedup->oldest;

	while (entry->waits || entry == dedup->sending)
		entry = entry->newer;
	forget(dedup, entry);
}

static void wait_turn(struct td_event_dedup *dedup, struct td_event_entry *entry)
{
	if (entry->waits)
		return;
	if (dedup->waiting >= TD_EVENT_WAITING_MAX)
		drop_waiting(dedup);
	dedup->waiting++;
	entry->waits = ++dedup->turn;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

void td_event_dedup_add(struct td_event_dedup *dedup, const struct td_object_ref *about, const char *type,
			const char *reason, const char *message, int64_t now_ms, int64_t wall_ms)
{
	struct td_object_ref ref = {or_empty(about->api_version), or_empty(about->kind), or_empty(about->namespace_),
				    or_empty(about->name), or_empty(about->uid)};
	char text[TD_EVENT_MESSAGE_MAX + 1];
	struct td_event_entry *entry;

	(void)td_text_copy(text, sizeof(text), message);
	entry = find(dedup, &ref, type, reason, text, now_ms);
	if (entry) {
		unlink_entry(dedup, entry);
	} else {
		entry = make(&ref, type, reason, text);
		if (!entry) {
			dedup->dropped++;
			return;
		}
		if (dedup->remembered == TD_EVENT_REMEMBERED_MAX)
			forget_idle(dedup);
		entry->first_wall_ms = wall_ms;
		entry->last_wall_ms = wall_ms;
		set_name(dedup, entry);
	}
	entry->count++;
	entry->last_ms = now_ms;
	entry->last_wall_ms = wall_ms;
	link_newest(dedup, entry);
	wait_turn(dedup, entry);
}

const struct td_event_entry *td_event_dedup_take(struct td_event_dedup *dedup)
{
	struct td_event_entry *entry = dedup->sending ? NULL : first_waiting(dedup);

	if (!entry)
		return NULL;
	dedup->waiting--;
	dedup->sending = entry;
	dedup->sent_count = entry->count;
	return entry;
}

bool td_event_dedup_answer(struct td_event_dedup *dedup, enum td_event_result result)
{
	struct td_event_entry *entry = dedup->sending;
	bool more = entry->count > dedup->sent_count;
	uint64_t turn = entry->waits;

	dedup->sending = NULL;
	entry->waits = 0;
	if (result == TD_EVENT_WRITTEN) {
		entry->created = true;
		entry->tries = 0;
		if (more)
			wait_turn(dedup, entry);
		return more;
	}
	if (result == TD_EVENT_GONE && entry->created) {
		entry->created = false;
		set_name(dedup, entry);
	}
	if (result == TD_EVENT_REFUSED || ++entry->tries >= TD_EVENT_TRIES) {
		forget(dedup, entry);
		return false;
	}
	entry->waits = turn; /* before those that came later; 64 may wait beside it */
	dedup->waiting++;
	return true;
}
