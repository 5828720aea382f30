/* The elector with an API server and a clock. pump() performs what the elector says until it says WAIT, after every answer
 * and whenever its time has come.
 *
 * The Lease is kept as the tree last read or written, with its resourceVersion, and written back changed (kube/lease.h).
 *
 * A request may take half the renew deadline, so that one that hangs leaves time for a second (client-go does the same).
 * Handlers may free the leader: running and freed keep the memory until the callback returns. */
#include "kube/leader.h"

#include "base/text.h"
#include "kube/lease.h"

#include <stdlib.h>
#include <string.h>

#define LEASE_MS 15000
#define RENEW_MS 10000
#define RETRY_MS 2000
#define RELEASE_MS 2000

static const struct td_kube_resource leases = {"coordination.k8s.io", "v1", "leases"};

struct td_leader {
	struct td_loop *loop;
	struct td_kube_client *client;
	char *namespace_, *lease, *identity;
	struct td_leader_handlers handlers;
	void *userdata;

	struct td_elector elector;
	json_t *object; /* the Lease; NULL: not known */
	struct td_kube_call *call;
	enum td_elector_action_kind calling;
	struct td_timer *timer;
	struct td_timer *release_timer;
	char told_holder[TD_ELECTOR_IDENTITY_MAX];
	bool told;
	bool releasing;
	void (*released)(void *userdata); /* NULL: already called */
	void *released_userdata;
	bool running, freed;
};

static void pump(struct td_leader *leader);

static struct td_leader *destroy(struct td_leader *leader)
{
	json_decref(leader->object);
	free(leader->namespace_);
	free(leader->lease);
	free(leader->identity);
	free(leader);
	return NULL;
}

static void stop(struct td_leader *leader)
{
	if (leader->call)
		td_kube_cancel(leader->call);
	leader->call = NULL;
	leader->timer = td_timer_free(leader->timer);
	leader->release_timer = td_timer_free(leader->release_timer);
}

struct td_leader *td_leader_free(struct td_leader *leader)
{
	if (!leader)
		return NULL;
	stop(leader);
	leader->freed = true;
	return leader->running ? NULL : destroy(leader);
}

/* --- answers --- */

static void tell_failed(struct td_leader *leader, const struct td_error *err)
{
	if (!leader->freed && !leader->releasing && leader->handlers.failed)
		leader->handlers.failed(err, leader->userdata);
}

static void tell_holder(struct td_leader *leader)
{
	const struct td_elector *elector = &leader->elector;

	if (!elector->observed || (leader->told && !strcmp(leader->told_holder, elector->record.holder)))
		return;
	leader->told = true;
	(void)td_text_copy(leader->told_holder, sizeof(leader->told_holder), elector->record.holder);
	if (!leader->freed && !leader->releasing && leader->handlers.observed)
		leader->handlers.observed(leader->told_holder, leader->userdata);
}

static void take_failure(struct td_leader *leader, const struct td_error *err, int64_t now_ms)
{
	enum td_elector_action_kind kind = leader->calling;

	if (err->http_status == 404 && kind != TD_ELECTOR_CREATE) {
		td_elector_not_found(&leader->elector, now_ms);
		return;
	}
	if (err->http_status == 409 && kind != TD_ELECTOR_GET) {
		td_elector_conflict(&leader->elector, now_ms);
		return;
	}
	/* A 5xx to a write can come after etcd took it. */
	td_elector_failed(&leader->elector,
			  kind != TD_ELECTOR_GET && (!td_error_is_definite(err) || err->http_status >= 500), now_ms);
	tell_failed(leader, err);
}

static void on_answer(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_leader *leader = userdata;
	int64_t now_ms = td_loop_now_ms(leader->loop);
	struct td_error why = *err;
	struct td_lease_record record;

	leader->call = NULL;
	leader->running = true;
	if (why.code == TD_OK && td_lease_read(object, &record, &why) == TD_OK) {
		json_decref(leader->object);
		leader->object = json_incref(object);
	}
	if (why.code != TD_OK)
		take_failure(leader, &why, now_ms);
	else if (leader->calling == TD_ELECTOR_GET)
		td_elector_read(&leader->elector, &record, now_ms);
	else
		td_elector_written(&leader->elector, &record, now_ms);
	tell_holder(leader);
	pump(leader);
}

/* --- actions --- */

/* The Lease to write: a new tree. NULL: out of memory. */
static json_t *make_lease(const struct td_leader *leader, const struct td_elector_action *action)
{
	int64_t wall_ms = td_loop_wall_ms(leader->loop);
	json_t *lease, *old = leader->object;

	if (action->kind == TD_ELECTOR_UPDATE)
		return td_lease_change(old, action, wall_ms);
	old = td_lease_new(leader->namespace_, leader->lease);
	lease = old ? td_lease_change(old, action, wall_ms) : NULL;
	json_decref(old);
	return lease;
}

static void perform(struct td_leader *leader, const struct td_elector_action *action, int64_t now_ms)
{
	static const enum td_kube_verb verbs[] = {
		[TD_ELECTOR_GET] = TD_KUBE_GET, [TD_ELECTOR_CREATE] = TD_KUBE_CREATE, [TD_ELECTOR_UPDATE] = TD_KUBE_PUT};
	struct td_kube_request request = {.verb = verbs[action->kind],
					  .resource = &leases,
					  .namespace_ = leader->namespace_,
					  .name = action->kind == TD_ELECTOR_CREATE ? NULL : leader->lease,
					  .timeout_ms = leader->elector.options.renew_ms / 2};
	struct td_error err;

	td_error_clear(&err);
	leader->calling = action->kind;
	if (action->kind != TD_ELECTOR_GET)
		request.body = make_lease(leader, action);
	if (action->kind == TD_ELECTOR_GET || request.body)
		leader->call = td_kube_start(leader->client, &request, on_answer, leader, &err);
	else
		(void)td_error_set(&err, TD_ERR_NOMEM, "lease %s/%s: out of memory", leader->namespace_, leader->lease);
	json_decref(request.body);
	if (leader->call)
		return;
	td_elector_failed(&leader->elector, false, now_ms);
	tell_failed(leader, &err);
}

/* Released, or given up: nothing moves any more. */
static void finish(struct td_leader *leader)
{
	void (*released)(void *userdata) = leader->released;

	stop(leader);
	leader->released = NULL;
	if (released)
		released(leader->released_userdata);
}

/* True: go on. */
static bool step(struct td_leader *leader)
{
	int64_t now_ms = td_loop_now_ms(leader->loop);
	struct td_elector_action action = td_elector_next(&leader->elector, now_ms);

	switch (action.kind) {
	case TD_ELECTOR_WAIT:
		if (action.until_ms == INT64_MAX)
			td_timer_disarm(leader->timer);
		else
			td_timer_arm(leader->timer, action.until_ms - now_ms);
		return false;
	case TD_ELECTOR_GET:
	case TD_ELECTOR_CREATE:
	case TD_ELECTOR_UPDATE:
		perform(leader, &action, now_ms);
		return true;
	case TD_ELECTOR_GAINED:
		leader->handlers.gained(action.transitions, leader->userdata);
		return true;
	case TD_ELECTOR_LOST:
		leader->handlers.lost(action.why, leader->userdata);
		return true;
	case TD_ELECTOR_DONE:
		finish(leader);
		return false;
	case TD_ELECTOR_ACTION_COUNT:
		break;
	}
	return false;
}

static void pump(struct td_leader *leader)
{
	leader->running = true;
	while (!leader->freed && step(leader))
		;
	leader->running = false;
	if (leader->freed)
		(void)destroy(leader);
}

static void on_timer(void *userdata)
{
	pump(userdata);
}

static void on_release_timeout(void *userdata)
{
	struct td_leader *leader = userdata;

	leader->running = true;
	finish(leader);
	leader->running = false;
	if (leader->freed)
		(void)destroy(leader);
}

static bool init(struct td_leader *leader, const struct td_leader_options *options)
{
	leader->namespace_ = strdup(options->namespace_);
	leader->lease = strdup(options->lease);
	leader->identity = strdup(options->identity);
	leader->timer = td_timer_new(leader->loop, on_timer, leader);
	leader->release_timer = td_timer_new(leader->loop, on_release_timeout, leader);
	return leader->namespace_ && leader->lease && leader->identity && leader->timer && leader->release_timer;
}

struct td_leader *td_leader_new(struct td_loop *loop, struct td_kube_client *client, const struct td_leader_options *options,
				const struct td_leader_handlers *handlers, void *userdata, struct td_error *err)
{
	struct td_leader *leader = calloc(1, sizeof(*leader));
	struct td_elector_options rules = {.lease_ms = options->lease_ms ? options->lease_ms : LEASE_MS,
					   .renew_ms = options->renew_ms ? options->renew_ms : RENEW_MS,
					   .retry_ms = options->retry_ms ? options->retry_ms : RETRY_MS,
					   .seed = options->seed};

	if (leader)
		leader->loop = loop;
	if (!leader || !init(leader, options)) {
		(void)td_error_set(err, TD_ERR_NOMEM, "lease %s: out of memory", options->lease);
		return td_leader_free(leader);
	}
	leader->client = client;
	leader->handlers = *handlers;
	leader->userdata = userdata;
	rules.identity = leader->identity;
	if (!td_elector_init(&leader->elector, &rules)) {
		(void)td_error_set(err, TD_ERR_INVALID,
				   "lease %s: an identity of 1 to %d bytes and lease > renew > 1.2 x "
				   "retry with a lease of a second or more are needed",
				   options->lease, TD_ELECTOR_IDENTITY_MAX - 1);
		return td_leader_free(leader);
	}
	td_timer_arm(leader->timer, 0);
	return leader;
}

void td_leader_release(struct td_leader *leader, void (*done)(void *userdata), void *userdata)
{
	if (leader->releasing)
		return;
	leader->releasing = true;
	leader->released = done;
	leader->released_userdata = userdata;
	td_elector_release(&leader->elector, td_loop_now_ms(leader->loop));
	td_timer_arm(leader->timer, 0);
	td_timer_arm(leader->release_timer, RELEASE_MS);
}

bool td_leader_is_valid(const struct td_leader *leader)
{
	return td_elector_is_valid(&leader->elector, td_loop_now_ms(leader->loop));
}

const char *td_leader_holder(const struct td_leader *leader)
{
	return leader->elector.observed ? leader->elector.record.holder : "";
}
