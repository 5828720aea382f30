/* Writes what event_dedup.h decides, one Event at a time: a create the first time, then patches of count and lastTimestamp.
 *
 * td_record only takes note and arms a timer, so it may be called from anywhere. A create whose answer was lost is repeated
 * under the same name, and 409 then means that it had worked. What the server refuses (403: no right, 422: not valid) is not
 * tried again; what may pass is tried TD_EVENT_TRIES times. Each Event given up is reported once. */
#include "kube/recorder.h"

#include "base/date.h"
#include "base/text.h"
#include "kube/event_dedup.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_MS 2000

static const struct td_kube_resource events = {"", "v1", "events"};

struct td_recorder {
	struct td_loop *loop;
	struct td_kube_client *client;
	char *component, *instance;
	void (*failed)(const struct td_error *err, void *userdata);
	void *userdata;

	struct td_event_dedup dedup;
	struct td_kube_call *call;
	struct td_timer *timer;
	int64_t next_ms; /* not before: the pause before another try */
	uint64_t dropped_told;
	bool patching; /* what the call does */
	bool running, freed;
};

static struct td_recorder *destroy(struct td_recorder *recorder)
{
	td_event_dedup_done(&recorder->dedup);
	free(recorder->component);
	free(recorder->instance);
	free(recorder);
	return NULL;
}

struct td_recorder *td_recorder_free(struct td_recorder *recorder)
{
	if (!recorder)
		return NULL;
	if (recorder->call)
		td_kube_cancel(recorder->call);
	recorder->call = NULL;
	recorder->timer = td_timer_free(recorder->timer);
	recorder->freed = true;
	return recorder->running ? NULL : destroy(recorder);
}

static void tell_failed(struct td_recorder *recorder, const struct td_error *err)
{
	if (!recorder->freed && recorder->failed)
		recorder->failed(err, recorder->userdata);
}

static void tell_dropped(struct td_recorder *recorder)
{
	struct td_error err;

	if (recorder->dedup.dropped == recorder->dropped_told)
		return;
	recorder->dropped_told = recorder->dedup.dropped;
	(void)td_error_set(&err, TD_ERR_TOO_LARGE, "events: more than %d waiting or no memory: %llu dropped so far",
			   TD_EVENT_WAITING_MAX, (unsigned long long)recorder->dropped_told);
	tell_failed(recorder, &err);
}

/* Text that was never promised to be UTF-8. NULL: out of memory. */
static json_t *text_of(const char *text)
{
	char plain[TD_EVENT_MESSAGE_MAX + 1];
	json_t *value = json_string(text);

	if (value)
		return value;
	(void)td_text_copy(plain, sizeof(plain), text);
	for (char *c = plain; *c; c++)
		if (*c & 0x80)
			*c = '?';
	return json_string(plain);
}

static const char *namespace_of(const struct td_event_entry *entry)
{
	return entry->about.namespace_[0] ? entry->about.namespace_ : "default";
}

static json_t *make_patch(const struct td_event_entry *entry)
{
	char last[TD_TIME_TEXT_MAX];

	td_time_format(entry->last_wall_ms, last);
	return json_pack("{s:I, s:s}", "count", (json_int_t)entry->count, "lastTimestamp", last);
}

static json_t *make_event(const struct td_recorder *recorder, const struct td_event_entry *entry)
{
	const struct td_object_ref *about = &entry->about;
	char first[TD_TIME_TEXT_MAX], last[TD_TIME_TEXT_MAX];

	td_time_format(entry->first_wall_ms, first);
	td_time_format(entry->last_wall_ms, last);
	return json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s, s:s, s:s, s:s},"
			 " s:s, s:o, s:o, s:{s:s}, s:s, s:s, s:s, s:s, s:I}",
			 "apiVersion", "v1", "kind", "Event", "metadata", "name", entry->name, "namespace",
			 namespace_of(entry), "involvedObject", "apiVersion", about->api_version, "kind", about->kind,
			 "namespace", about->namespace_, "name", about->name, "uid", about->uid, "type", entry->type,
			 "reason", text_of(entry->reason), "message", text_of(entry->message), "source", "component",
			 recorder->component, "reportingComponent", recorder->component, "reportingInstance",
			 recorder->instance, "firstTimestamp", first, "lastTimestamp", last, "count",
			 (json_int_t)entry->count);
}

static enum td_event_result result_of(const struct td_recorder *recorder, const struct td_error *err)
{
	int status = err->http_status;

	if (err->code == TD_OK || (status == 409 && !recorder->patching))
		return TD_EVENT_WRITTEN;
	if (status == 404 && recorder->patching)
		return TD_EVENT_GONE;
	/* A 401 is worth another try: the token is read again for it. */
	if (status >= 400 && status < 500 && status != 401 && status != 408 && status != 429)
		return TD_EVENT_REFUSED;
	return TD_EVENT_FAILED;
}

static void settle(struct td_recorder *recorder, const struct td_error *err)
{
	enum td_event_result result = result_of(recorder, err);
	int64_t pause_ms = err->retry_after_ms > RETRY_MS ? err->retry_after_ms : RETRY_MS;
	bool again = td_event_dedup_answer(&recorder->dedup, result);

	if (result == TD_EVENT_FAILED && again)
		recorder->next_ms = td_loop_now_ms(recorder->loop) + pause_ms;
	if (result != TD_EVENT_WRITTEN && !again)
		tell_failed(recorder, err);
}

static void arm(struct td_recorder *recorder)
{
	if (!recorder->call && recorder->dedup.waiting)
		td_timer_arm(recorder->timer, recorder->next_ms - td_loop_now_ms(recorder->loop));
}

/* The end of every callback. */
static void leave(struct td_recorder *recorder)
{
	recorder->running = false;
	if (recorder->freed)
		(void)destroy(recorder);
	else
		arm(recorder);
}

static void on_written(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_recorder *recorder = userdata;

	(void)object;
	recorder->call = NULL;
	recorder->running = true;
	settle(recorder, err);
	leave(recorder);
}

static void write_entry(struct td_recorder *recorder, const struct td_event_entry *entry)
{
	struct td_kube_request request = {.verb = entry->created ? TD_KUBE_PATCH : TD_KUBE_CREATE,
					  .resource = &events,
					  .namespace_ = namespace_of(entry),
					  .name = entry->created ? entry->name : NULL};
	struct td_error err;

	recorder->patching = entry->created;
	request.body = entry->created ? make_patch(entry) : make_event(recorder, entry);
	if (request.body)
		recorder->call = td_kube_start(recorder->client, &request, on_written, recorder, &err);
	else
		(void)td_error_set(&err, TD_ERR_NOMEM, "event about %s: out of memory", entry->about.name);
	json_decref(request.body);
	if (!recorder->call)
		settle(recorder, &err);
}

static void on_timer(void *userdata)
{
	struct td_recorder *recorder = userdata;
	const struct td_event_entry *entry;

	recorder->running = true;
	tell_dropped(recorder);
	entry = recorder->freed ? NULL : td_event_dedup_take(&recorder->dedup);
	if (entry)
		write_entry(recorder, entry);
	leave(recorder);
}

struct td_recorder *td_recorder_new(struct td_loop *loop, struct td_kube_client *client, const char *component,
				    const char *instance, void (*failed)(const struct td_error *err, void *userdata),
				    void *userdata)
{
	struct td_recorder *recorder = calloc(1, sizeof(*recorder));

	if (!recorder)
		return NULL;
	recorder->loop = loop;
	recorder->client = client;
	recorder->failed = failed;
	recorder->userdata = userdata;
	td_event_dedup_init(&recorder->dedup, instance);
	recorder->next_ms = INT64_MIN / 2;
	recorder->component = strdup(component);
	recorder->instance = strdup(instance);
	recorder->timer = td_timer_new(loop, on_timer, recorder);
	if (!recorder->component || !recorder->instance || !recorder->timer)
		return td_recorder_free(recorder);
	return recorder;
}

void td_record(struct td_recorder *recorder, const struct td_object_ref *about, const char *type, const char *reason,
	       const char *message)
{
	if (recorder->freed)
		return;
	td_event_dedup_add(&recorder->dedup, about, type, reason, message, td_loop_now_ms(recorder->loop),
			   td_loop_wall_ms(recorder->loop));
	arm(recorder);
}

bool td_recorder_is_idle(const struct td_recorder *recorder)
{
	return !recorder->call && !recorder->dedup.waiting && !recorder->dedup.sending;
}
