/* The agent's conversations with the API server while the gate is shut: making its request, and asking whether its pod is being
 * deleted. */
#include "sidecar/agent_internal.h"

#include "base/log.h"

#include <string.h>

#define RETRY_MS 1000
#define ASK_PAUSE_MAX_MS 15000

static int64_t soon(const struct td_agent *agent, const struct td_error *err, int64_t pause_ms)
{
	int64_t pause = err->retry_after_ms > pause_ms ? err->retry_after_ms : pause_ms;

	return td_loop_now_ms(agent->options.loop) + pause;
}

static void on_created(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_agent *agent = userdata;

	(void)object; /* the informer will show it */
	agent->creating = NULL;
	agent->create_not_before_ms = soon(agent, err, RETRY_MS);
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
	body = td_drain_for_pod(name, o->namespace_, o->cluster, o->pod_name, o->pod_uid, o->hold);
	if (body)
		agent->creating = td_kube_start(o->kube,
						&(struct td_kube_request){.verb = TD_KUBE_CREATE,
									  .resource = &td_drainrequests,
									  .namespace_ = o->namespace_,
									  .body = body},
						on_created, agent, &err);
}

/* An API server that stays away is neither asked nor complained about every second for ever. */
static int64_t ask_pause_ms(struct td_agent *agent, bool failed)
{
	int64_t pause = RETRY_MS;

	agent->ask_tries = failed ? agent->ask_tries + 1 : 0;
	for (int i = 1; i < agent->ask_tries && pause < ASK_PAUSE_MAX_MS; i++)
		pause *= 2;
	return pause < ASK_PAUSE_MAX_MS ? pause : ASK_PAUSE_MAX_MS;
}

/* That it is terminating counts although the informer may never show it: a wrong selector, a watch that is down. */
static void heard_of_pod(struct td_agent *agent, json_t *object, bool terminating)
{
	agent->alive_known = !terminating;
	if (!terminating || agent->terminating_pod)
		return;
	agent->terminating_pod = json_incref(object);
}

/* Only a whole answer about this very pod, without a deletionTimestamp, says "not terminating". */
static void on_pod(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_agent *agent = userdata;
	struct td_pod pod;

	agent->asking_pod = NULL;
	agent->ask_not_before_ms = soon(agent, err, ask_pause_ms(agent, err->code != TD_OK));
	if (err->code != TD_OK)
		td_log(TD_LOG_WARN, "get_own_pod_failed", "pod", agent->options.pod_name, "error", err->text, NULL);
	else if (td_pod_read(&pod, object) && strcmp(pod.uid, agent->options.pod_uid) == 0)
		heard_of_pod(agent, object, pod.terminating);
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
