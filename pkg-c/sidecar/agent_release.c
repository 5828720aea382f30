/* The end of a wait: opening the gate, on proof or by policy, and telling why in the log, an event and the object. */
#include "sidecar/agent_internal.h"

#include "base/date.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define RETRY_MS 1000
#define WRITE_TRIES_MAX 3
#define LOG_AGAIN_MS 30000 /* so that the log of a long wait does not fall silent */

static bool is_drained(const struct td_agent *agent)
{
	return strcmp(agent->outcome, "Drained") == 0;
}

static int64_t waited_ms(const struct td_agent *agent)
{
	return agent->guarded_since_ms ? td_loop_now_ms(agent->options.loop) - agent->guarded_since_ms : 0;
}

/* What was not moved is said to be unknown rather than left out. */
static void log_opened(const struct td_agent *agent, const struct td_drain_object *request)
{
	char maintainers[16] = "unknown", dispatchers[16] = "unknown", waited[24];

	if (request && request->remaining_known) {
		(void)snprintf(maintainers, sizeof(maintainers), "%u", request->remaining.maintainers);
		(void)snprintf(dispatchers, sizeof(dispatchers), "%u", request->remaining.dispatchers);
	}
	(void)snprintf(waited, sizeof(waited), "%lld", (long long)waited_ms(agent));
	td_log(is_drained(agent) ? TD_LOG_INFO : TD_LOG_WARN, "gate_opened", "pod", agent->options.pod_name, "outcome",
	       agent->outcome, "remaining_maintainers", maintainers, "remaining_dispatchers", dispatchers, "waited_ms",
	       waited, "policy", agent->options.hold ? "Hold" : "Release", "message", agent->message, NULL);
}

static void release(struct td_agent *agent, const char *outcome, const char *message, const struct td_drain_object *request)
{
	if (td_gate_is_open(agent->gate))
		return;
	(void)td_text_copy(agent->outcome, sizeof(agent->outcome), outcome);
	(void)td_text_copy(agent->message, sizeof(agent->message), message);
	if (request)
		td_release_evidence_text(request, agent->evidence, sizeof(agent->evidence));
	td_gate_open(agent->gate, outcome, message);
	log_opened(agent, request);
}

void td_agent_release_drained(struct td_agent *agent, const struct td_drain_object *request)
{
	release(agent, "Drained", request->message, request);
}

void td_agent_give_up(struct td_agent *agent, const char *outcome, const struct td_drain_object *request, const char *why)
{
	char text[TD_RELEASE_TEXT_MAX];

	if (agent->options.hold) {
		(void)snprintf(text, sizeof(text), "held by onTimeout Hold: %s: %s", outcome, why);
		td_gate_progress(agent->gate, 0, text);
		td_agent_log_waiting(agent, outcome, "Hold", text, 0);
		return;
	}
	td_release_by_policy_text(request, waited_ms(agent), why, text, sizeof(text));
	release(agent, outcome, text, request);
}

void td_agent_log_waiting(struct td_agent *agent, const char *phase, const char *reason, const char *message,
			  int64_t deadline_wall_ms)
{
	int64_t now = td_loop_now_ms(agent->options.loop);
	char deadline[TD_TIME_TEXT_MAX] = "none";

	if (strcmp(agent->told_phase, phase) == 0 && strcmp(agent->told_reason, reason) == 0 &&
	    now < agent->told_ms + LOG_AGAIN_MS)
		return;
	(void)td_text_copy(agent->told_phase, sizeof(agent->told_phase), phase);
	(void)td_text_copy(agent->told_reason, sizeof(agent->told_reason), reason);
	agent->told_ms = now;
	if (deadline_wall_ms)
		td_time_format(deadline_wall_ms, deadline);
	td_log(TD_LOG_INFO, "gate_waits", "pod", agent->options.pod_name, "phase", phase, "reason", reason, "message",
	       message, "deadline", deadline, NULL);
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
	char text[2 * TD_RELEASE_TEXT_MAX + TD_TEXT_MAX + 96];

	(void)snprintf(text, sizeof(text), "%s: %s%s%s%s%s", agent->outcome, agent->message,
		       agent->last_answer[0] ? "; asked once more: " : "", agent->last_answer,
		       agent->evidence[0] ? "; evidence: " : "", agent->evidence);
	td_record(o->recorder, &pod, is_drained(agent) ? "Normal" : "Warning", "GateOpened", text);
}

void td_agent_write_released(struct td_agent *agent)
{
	const struct td_agent_options *o = &agent->options;
	char name[TD_NAME_MAX];
	struct td_error err;
	json_auto_t *body = NULL;
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
	if (!is_drained(agent) && !td_phase_from_name(agent->outcome, &phase))
		phase = TD_PHASE_FAILED;
	body = td_drain_released_patch(phase, agent->outcome, agent->message, agent->evidence, td_loop_wall_ms(o->loop),
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
