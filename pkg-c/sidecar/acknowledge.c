/* See acknowledge.h. Every event leads to the same look at everything; what was written or has failed is remembered for each drain,
 * so that one that cannot be written does not hold up another, and a slow informer does not make us write twice. */
#include "sidecar/acknowledge.h"

#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "sidecar/cluster_view.h"
#include "sidecar/drainrequest.h"

#include <stdlib.h>
#include <string.h>

#define ASK_AGAIN_MS 5000 /* our capture's id may be another one by now */
#define SHOWN_MS 5000	  /* what we wrote must show in the informer by then, or is written again */
#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 10000
#define RETRY_AFTER_MAX_MS 60000 /* no server's wish holds up a drain for longer */
#define WRITE_TIMEOUT_MS 5000
#define MEMORY 16 /* drains remembered; more than one is open at a time only after a coordinator died */

struct memory {
	char uid[TD_ID_MAX]; /* "": free */
	uint64_t epoch;
	int tries;
	int64_t not_before_ms;
};

struct td_acknowledger {
	struct td_acknowledger_options options;
	struct td_timer *timer; /* the next look */
	struct td_ticdc_call *asking;
	struct td_kube_call *writing;
	struct td_random random; /* all agents hear of a drain at once: they must not retry at once */
	char capture[TD_ID_MAX]; /* as it said last */
	bool known;		 /* and it is believed */
	int64_t asked_ms;	 /* when it was asked last */
	int ask_tries;
	int64_t not_before_ms; /* nothing is sent earlier */
	struct memory memory[MEMORY];
	char uid[TD_ID_MAX], name[TD_NAME_MAX]; /* of the drain being written */
	uint64_t epoch;
	bool stopping;
};

static int64_t now_of(const struct td_acknowledger *a)
{
	return td_loop_now_ms(a->options.loop);
}

static int64_t pause_of(struct td_acknowledger *a, int tries, int64_t wanted_ms)
{
	int64_t pause = RETRY_MIN_MS;

	while (tries-- > 1 && pause < RETRY_MAX_MS)
		pause *= 2;
	if (pause > RETRY_MAX_MS)
		pause = RETRY_MAX_MS;
	if (wanted_ms > pause)
		pause = wanted_ms < RETRY_AFTER_MAX_MS ? wanted_ms : RETRY_AFTER_MAX_MS;
	return pause + td_random_between(&a->random, 0, pause / 2);
}

/* ---- memory ---- */

/* Of this drain under this epoch; NULL: none. */
static struct memory *remembered(struct td_acknowledger *a, const char *uid, uint64_t epoch)
{
	for (int i = 0; i < MEMORY; i++)
		if (a->memory[i].epoch == epoch && strcmp(a->memory[i].uid, uid) == 0)
			return &a->memory[i];
	return NULL;
}

/* The same, in place of the one that matters least if there was none. */
static struct memory *remember(struct td_acknowledger *a, const char *uid, uint64_t epoch)
{
	struct memory *memory = remembered(a, uid, epoch);

	if (memory)
		return memory;
	memory = &a->memory[0];
	for (int i = 1; i < MEMORY; i++)
		if (a->memory[i].not_before_ms < memory->not_before_ms)
			memory = &a->memory[i];
	*memory = (struct memory){.epoch = epoch};
	(void)td_text_copy(memory->uid, sizeof(memory->uid), uid);
	return memory;
}

/* ---- which drain ---- */

struct search {
	struct td_acknowledger *a;
	bool any;		      /* a drain is on */
	bool found;		      /* drain is one to acknowledge now */
	struct td_drain_object drain; /* borrowed from the informer */
	int64_t wake_ms;	      /* when another one may be tried again */
};

static bool is_on(enum td_phase phase)
{
	return phase == TD_PHASE_DRAINING || phase == TD_PHASE_VERIFYING;
}

static bool is_wanted(const struct search *search, const struct td_drain_object *drain)
{
	const char *own = search->a->capture;

	return search->a->known && drain->epoch > 0 && strcmp(drain->status_capture, own) != 0 &&
	       td_drain_acknowledged_by(drain, own) != drain->epoch &&
	       (td_drain_acknowledged_by(drain, own) || json_object_size(drain->acknowledged) < TD_ACKNOWLEDGED_MAX);
}

static void consider(const char *name, json_t *object, void *userdata)
{
	struct search *search = userdata;
	const char *text = td_json_text(object, "status.phase");
	enum td_phase phase;
	struct td_drain_object drain;
	struct td_error err;
	const struct memory *memory;

	(void)name;
	if (search->a->options.cluster && strcmp(td_drain_cluster(object), search->a->options.cluster) != 0)
		return; /* another cluster's drain */
	if (!text || !td_phase_from_name(text, &phase) || !is_on(phase) || !td_drain_read(&drain, object, &err))
		return; /* most are over; one that cannot be read is the coordinator's to complain about */
	search->any = true;
	if (search->found || !is_wanted(search, &drain))
		return;
	memory = remembered(search->a, drain.uid, drain.epoch);
	if (memory && now_of(search->a) < memory->not_before_ms) {
		if (memory->not_before_ms < search->wake_ms)
			search->wake_ms = memory->not_before_ms;
		return;
	}
	search->found = true;
	search->drain = drain;
}

/* ---- asking our capture who it is ---- */

static void look_at(struct td_acknowledger *a, int64_t when_ms)
{
	td_timer_arm(a->timer, when_ms - now_of(a));
}

static void on_status(const struct td_ticdc_status *status, const struct td_error *err, void *userdata)
{
	struct td_acknowledger *a = userdata;

	a->asking = NULL;
	a->asked_ms = now_of(a);
	a->known = err->code == TD_OK && status->id[0]; /* very early in its life it has none */
	a->ask_tries = a->known ? 0 : a->ask_tries + 1;
	if (!a->known)
		a->not_before_ms = now_of(a) + pause_of(a, a->ask_tries, 0);
	if (a->known && strcmp(a->capture, status->id) != 0) {
		(void)td_text_copy(a->capture, sizeof(a->capture), status->id);
		memset(a->memory, 0, sizeof(a->memory)); /* another capture has acknowledged nothing */
	}
	look_at(a, a->not_before_ms);
}

static void ask(struct td_acknowledger *a)
{
	a->asking = td_ticdc_get_status(a->options.ticdc, a->options.ticdc_address, NULL, on_status, a);
	if (!a->asking)
		a->not_before_ms = now_of(a) + RETRY_MAX_MS; /* out of memory */
}

/* ---- writing ---- */

static void on_written(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_acknowledger *a = userdata;
	struct memory *memory = remember(a, a->uid, a->epoch);

	(void)object;
	a->writing = NULL;
	if (err->code == TD_OK) {
		memory->tries = 0;
		memory->not_before_ms = now_of(a) + SHOWN_MS;
	} else if (err->http_status == 404) {
		memory->not_before_ms = INT64_MAX; /* the drain is gone, the informer will say so */
	} else {
		td_log(TD_LOG_WARN, "acknowledge_failed", "request", a->name, "request_uid", a->uid, "capture", a->capture,
		       "error", err->text, NULL);
		memory->tries++;
		memory->not_before_ms = now_of(a) + pause_of(a, memory->tries, err->retry_after_ms);
		a->not_before_ms = now_of(a) + RETRY_MIN_MS;
	}
	look_at(a, a->not_before_ms);
}

static void write_acknowledgement(struct td_acknowledger *a, const struct td_drain_object *drain)
{
	json_auto_t *body = json_pack("{s:{s:{s:I}}}", "status", "acknowledged", a->capture, (json_int_t)drain->epoch);
	struct td_error err;

	(void)td_text_copy(a->uid, sizeof(a->uid), drain->uid);
	(void)td_text_copy(a->name, sizeof(a->name), drain->name);
	a->epoch = drain->epoch;
	if (body)
		a->writing = td_kube_start(a->options.kube,
					   &(struct td_kube_request){.verb = TD_KUBE_PATCH,
								     .resource = &td_drainrequests,
								     .namespace_ = a->options.namespace_,
								     .name = drain->name,
								     .subresource = "status",
								     .body = body,
								     .timeout_ms = WRITE_TIMEOUT_MS},
					   on_written, a, &err);
	if (!a->writing)
		a->not_before_ms = now_of(a) + RETRY_MAX_MS; /* out of memory */
	else
		td_log(TD_LOG_DEBUG, "acknowledge", "request", drain->name, "capture", a->capture, NULL);
}

/* ---- looking ---- */

/* Our pod is there, and nothing says that it is leaving. */
static bool is_staying(const struct td_acknowledger *a)
{
	json_t *object = td_informer_get(a->options.pods, a->options.pod_name);
	struct td_pod pod;

	return !a->stopping && object && td_pod_read(&pod, object) && strcmp(pod.uid, a->options.pod_uid) == 0 &&
	       !pod.terminating;
}

static void look(void *userdata)
{
	struct td_acknowledger *a = userdata;
	struct search search = {.a = a, .wake_ms = INT64_MAX};
	int64_t now = now_of(a), again;

	if (a->asking || a->writing)
		return; /* its end leads back here */
	if (is_staying(a))
		td_informer_each(a->options.drains, consider, &search);
	if (!search.any) {
		a->known = false; /* by the next drain it may be another one */
		return;
	}
	if (now < a->not_before_ms) {
		look_at(a, a->not_before_ms);
		return;
	}
	if (!a->known || now >= a->asked_ms + ASK_AGAIN_MS)
		ask(a);
	else if (search.found)
		write_acknowledgement(a, &search.drain);
	if (a->asking || a->writing)
		return;
	again = a->asked_ms + ASK_AGAIN_MS < search.wake_ms ? a->asked_ms + ASK_AGAIN_MS : search.wake_ms;
	look_at(a, again > a->not_before_ms ? again : a->not_before_ms);
}

void td_acknowledger_changed(struct td_acknowledger *a)
{
	td_timer_arm(a->timer, 0);
}

void td_acknowledger_stop(struct td_acknowledger *a)
{
	a->stopping = true;
}

static uint64_t seed_of(const char *text)
{
	uint64_t seed = 0;

	while (*text)
		seed = seed * 131 + (unsigned char)*text++;
	return seed;
}

struct td_acknowledger *td_acknowledger_new(const struct td_acknowledger_options *options)
{
	struct td_acknowledger *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->options = *options;
	td_random_init(&a->random, seed_of(options->pod_uid));
	a->timer = td_timer_new(options->loop, look, a);
	return a->timer ? a : td_acknowledger_free(a);
}

struct td_acknowledger *td_acknowledger_free(struct td_acknowledger *a)
{
	if (!a)
		return NULL;
	if (a->asking)
		td_ticdc_cancel(a->asking);
	if (a->writing)
		td_kube_cancel(a->writing);
	td_timer_free(a->timer);
	free(a);
	return NULL;
}
