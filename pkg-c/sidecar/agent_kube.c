/* The agent's three conversations with the API server: making its request, asking whether its pod is being deleted, and writing
 * down why the gate was opened. */
#include "sidecar/agent_internal.h"

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define RETRY_MS 1000
#define WRITE_TRIES_MAX 3

static int64_t soon(const struct td_agent *agent, const struct td_error *err)
{
	int64_t pause = err->retry_after_ms > RETRY_MS ? err->retry_after_ms : RETRY_MS;

	return td_loop_now_ms(agent->options.loop) + pause;
}

static void on_created(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_agent *agent = userdata;

	(void)object; /* the informer will show it */
	agent->creating = NULL;
	agent->create_not_before_ms = soon(agent, err);
	if (err->code != TD_OK && err->http_status != 409) /* 409: made by a former life of this sidecar */
		td_log(TD_LOG_WARN, "create_drainrequest_failed", "pod", agent->options.pod_name, "error", err->text, NULL);
	td_agent_look_later(agent, 0);
}

void td_agent_create_request(struct td_agent *agent)
{
	const struct td_agent_options *o = &agent->options;
	char name[TD_NAME_MAX];
	struct td_error err;
	json_auto_t *body = NULL;

	if (agent->creating || td_loop_now_ms(o->loop) < agent->create_not_before_ms)
		return;
	td_agent_request_name(agent, name, sizeof(name));
	body = td_drain_for_pod(name, o->namespace_, o->pod_name, o->pod_uid, o->hold);
	if (body)
		agent->creating = td_kube_start(o->kube,
						&(struct td_kube_request){.verb = TD_KUBE_CREATE,
									  .resource = &td_drainrequests,
									  .namespace_ = o->namespace_,
									  .body = body},
						on_created, agent, &err);
}

/* Only a whole answer about this very pod, without a deletionTimestamp, says "not terminating". */
static void on_pod(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_agent *agent = userdata;
	struct td_pod pod;

	agent->asking_pod = NULL;
	agent->ask_not_before_ms = soon(agent, err);
	if (err->code != TD_OK)
		td_log(TD_LOG_WARN, "get_own_pod_failed", "pod", agent->options.pod_name, "error", err->text, NULL);
	else if (td_pod_read(&pod, object) && strcmp(pod.uid, agent->options.pod_uid) == 0)
		agent->alive_known = !pod.terminating;
	td_agent_look_later(agent, 0);
}

void td_agent_ask_pod(struct td_agent *agent)
{
	const struct td_agent_options *o = &agent->options;
	struct td_error err;

	td_gate_progress(agent->gate, 0, "asking the API server whether this pod is being deleted");
	if (agent->asking_pod || td_loop_now_ms(o->loop) < agent->ask_not_before_ms)
		return;
	agent->asking_pod = td_kube_start(
		o->kube,
		&(struct td_kube_request){
			.verb = TD_KUBE_GET, .resource = &td_pods, .namespace_ = o->namespace_, .name = o->pod_name},
		on_pod, agent, &err);
}

static void on_written(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_agent *agent = userdata;

	(void)object;
	agent->writing = NULL;
	if (err->code != TD_OK)
		td_log(TD_LOG_WARN, "write_proof_failed", "pod", agent->options.pod_name, "error", err->text, NULL);
	/* 404: the request went with its pod. Otherwise a few tries: the pod cannot wait for an API server that is away. */
	agent->released_written = err->code == TD_OK || err->http_status == 404 || agent->write_tries >= WRITE_TRIES_MAX;
	td_agent_look_later(agent, agent->released_written ? 0 : RETRY_MS);
}

static void record_release(struct td_agent *agent)
{
	const struct td_agent_options *o = &agent->options;
	const struct td_object_ref pod = {
		.api_version = "v1", .kind = "Pod", .namespace_ = o->namespace_, .name = o->pod_name, .uid = o->pod_uid};
	bool drained = strcmp(agent->outcome, "Drained") == 0;
	char text[TD_TEXT_MAX + 128];

	(void)snprintf(text, sizeof(text), "%s: %s%s%s", agent->outcome, agent->message,
		       agent->last_capture[0] ? "; asked once more, capture " : "",
		       agent->last_capture[0] ? agent->last_capture : "");
	td_record(o->recorder, &pod, drained ? "Normal" : "Warning", "GateOpened", text);
}

void td_agent_write_released(struct td_agent *agent)
{
	const struct td_agent_options *o = &agent->options;
	char name[TD_NAME_MAX];
	struct td_error err;
	json_auto_t *body = NULL;
	bool drained = strcmp(agent->outcome, "Drained") == 0;
	enum td_phase phase = TD_PHASE_RELEASED;

	if (agent->writing)
		return;
	if (agent->write_tries++ == 0)
		record_release(agent);
	td_agent_request_name(agent, name, sizeof(name));
	if (!td_informer_get(o->drains, name)) { /* a container restart, or a request that never was */
		agent->released_written = true;
		td_agent_look_later(agent, 0);
		return;
	}
	if (!drained && !td_phase_from_name(agent->outcome, &phase))
		phase = TD_PHASE_FAILED;
	body = td_drain_released_patch(phase, agent->outcome, agent->message, td_loop_wall_ms(o->loop),
				       agent->last_capture[0] ? &agent->last_look : NULL);
	if (body)
		agent->writing = td_kube_start(o->kube,
					       &(struct td_kube_request){.verb = TD_KUBE_PATCH,
									 .resource = &td_drainrequests,
									 .namespace_ = o->namespace_,
									 .name = name,
									 .subresource = "status",
									 .body = body,
									 .timeout_ms = 2000},
					       on_written, agent, &err);
	if (!agent->writing && agent->write_tries >= WRITE_TRIES_MAX)
		agent->released_written = true;
}
