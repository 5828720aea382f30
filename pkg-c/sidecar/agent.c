/* See agent.h. Every event leads to the same look at everything (td_agent_look): nothing depends on which event came first. */
#include "sidecar/agent_internal.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_LOOK_MS 1000	/* while a hook waits: deadlines, and retries of whatever failed */
#define POLICY_DELAY_MAX_MS 500 /* after the deadline: the coordinator's own word is better than ours, if it comes */
#define GONE_LOOKS_MAX 3	/* reads of our process, before it is believed that no other capture runs in it */
#define HOOK_DELAY_MAX_MS 3000	/* after the deadline: the hook waits for us this much longer before it goes by itself */

void td_agent_look_later(struct td_agent *agent, int64_t delay_ms)
{
	td_timer_arm(agent->timer, delay_ms);
}

static void on_timer(void *userdata)
{
	td_agent_look(userdata);
}

/* Each new hook, and SIGTERM, is a new question: what was asked before it came does not answer it. */
static void forget_alive(struct td_agent *agent)
{
	if (agent->asking_pod)
		td_kube_cancel(agent->asking_pod);
	agent->asking_pod = NULL;
	agent->alive_known = false;
	agent->ask_tries = 0;
}

static void on_waiting(bool anybody, void *userdata)
{
	struct td_agent *agent = userdata;

	td_log(TD_LOG_INFO, anybody ? "hook_waits" : "hook_gone", "pod", agent->options.pod_name, NULL);
	forget_alive(agent);
	td_agent_look_later(agent, 0);
}

struct td_agent *td_agent_new(const struct td_agent_options *options, void (*finished)(void *userdata), void *userdata,
			      struct td_error *err)
{
	struct td_agent *agent = calloc(1, sizeof(*agent));

	if (!agent) {
		td_error_set(err, TD_ERR_NOMEM, "agent: out of memory");
		return NULL;
	}
	agent->options = *options;
	agent->finished = finished;
	agent->userdata = userdata;
	agent->timer = td_timer_new(options->loop, on_timer, agent);
	agent->acknowledger =
		td_acknowledger_new(&(struct td_acknowledger_options){.loop = options->loop,
								      .kube = options->kube,
								      .ticdc = options->ticdc,
								      .pods = options->pods,
								      .drains = options->drains,
								      .namespace_ = options->namespace_,
								      .pod_name = options->pod_name,
								      .pod_uid = options->pod_uid,
								      .cluster = options->cluster,
								      .ticdc_address = options->ticdc_address});
	if (!agent->timer || !agent->acknowledger) {
		td_error_set(err, TD_ERR_NOMEM, "agent: out of memory");
		return td_agent_free(agent);
	}
	agent->gate = td_gate_new(options->loop, options->gate_socket, on_waiting, agent, err);
	return agent->gate ? agent : td_agent_free(agent);
}

struct td_agent *td_agent_free(struct td_agent *agent)
{
	if (!agent)
		return NULL;
	if (agent->creating)
		td_kube_cancel(agent->creating);
	if (agent->asking_pod)
		td_kube_cancel(agent->asking_pod);
	if (agent->writing)
		td_kube_cancel(agent->writing);
	if (agent->looking)
		td_ticdc_cancel(agent->looking);
	json_decref(agent->terminating_pod);
	td_acknowledger_free(agent->acknowledger);
	td_gate_free(agent->gate);
	td_timer_free(agent->timer);
	free(agent);
	return NULL;
}

void td_agent_request_name(const struct td_agent *agent, char *into, size_t size)
{
	if (agent->attempt == 0)
		(void)snprintf(into, size, "%s-%.8s", agent->options.pod_name, agent->options.pod_uid);
	else
		(void)snprintf(into, size, "%s-%.8s-%d", agent->options.pod_name, agent->options.pod_uid,
			       agent->attempt + 1);
}

static bool is_own(const struct td_agent *agent, json_t *object, struct td_pod *ret)
{
	return object && td_pod_read(ret, object) && strcmp(ret->uid, agent->options.pod_uid) == 0;
}

/* Our pod as the informer has it. False: not there, or another pod of the same name. */
static bool listed_pod(const struct td_agent *agent, struct td_pod *ret)
{
	return is_own(agent, td_informer_get(agent->options.pods, agent->options.pod_name), ret);
}

/* Whether our pod is known to be terminating, and until when: by the informer, or by the API server's answer to our own question. */
static bool is_terminating(const struct td_agent *agent, struct td_pod *ret)
{
	const struct td_agent_options *o = &agent->options;

	if (!(listed_pod(agent, ret) && ret->terminating) && !is_own(agent, agent->terminating_pod, ret))
		return false;
	td_terminations_correct(o->terminations, ret, td_loop_now_ms(o->loop), td_loop_wall_ms(o->loop));
	return true;
}

static bool own_request(const struct td_agent *agent, struct td_drain_object *ret)
{
	char name[TD_NAME_MAX];
	struct td_error err;
	json_t *object;

	td_agent_request_name(agent, name, sizeof(name));
	object = td_informer_get(agent->options.drains, name);
	return object && td_drain_read(ret, object, &err) && ret->pod && strcmp(ret->pod, agent->options.pod_name) == 0;
}

/* The capture that was drained has left, but this process may go on as another one: the classic family takes a new id when it loses
 * its etcd session. */
static bool is_gone(const struct td_drain_object *request)
{
	return request->phase == TD_PHASE_FAILED && strcmp(request->reason, td_reason_name(TD_REASON_CAPTURE_GONE)) == 0;
}

static void ask_for_another(struct td_agent *agent, const struct td_process_view *process,
			    const struct td_drain_object *request)
{
	char text[TD_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "capture %s has %u maintainers and %u dispatchers after capture %s %s: again",
		       process->capture, process->counts.maintainers, process->counts.dispatchers, request->status_capture,
		       is_gone(request) ? "left" : "was drained");
	td_log(TD_LOG_WARN, "proof_void", "pod", agent->options.pod_name, "message", text, NULL);
	agent->attempt++;
	agent->gone_looks = 0;
	agent->last_answer[0] = '\0'; /* it was about that proof */
}

/* Our own word of the process, right before the gate opens. */
static void on_process(const struct td_process_view *process, void *userdata)
{
	struct td_agent *agent = userdata;
	const struct td_counts *counts = &process->counts;
	bool empty = process->known && !counts->maintainers && !counts->dispatchers && !counts->triggers && !counts->brokers;
	struct td_drain_object request;

	agent->looking = NULL;
	agent->look_not_before_ms = td_loop_now_ms(agent->options.loop) + TD_AGENT_LOOK_AGAIN_MS;
	if (!own_request(agent, &request) || (request.phase != TD_PHASE_DRAINED && !is_gone(&request))) {
		td_agent_look_later(agent, 0);
		return;
	}
	td_release_last_look_text(process, agent->last_answer, sizeof(agent->last_answer));
	if (is_gone(&request)) {
		agent->gone_looks++;
		if (process->known && strcmp(process->capture, request.status_capture) != 0)
			ask_for_another(agent, process, &request);
		else if (process->known)
			agent->gone_looks = GONE_LOOKS_MAX;
	} else if (empty && strcmp(process->capture, request.status_capture) == 0) {
		agent->last_look = *process;
		(void)td_text_copy(agent->last_capture, sizeof(agent->last_capture), process->capture);
		agent->last_look.capture = agent->last_capture;
		agent->last_look.why = "";
		td_agent_release_drained(agent, &request);
	} else if (process->known) { /* work came back, or another process runs here now: the proof is void */
		ask_for_another(agent, process, &request);
	} else {
		td_log(TD_LOG_WARN, "last_look_failed", "pod", agent->options.pod_name, "error", process->why, NULL);
	}
	td_agent_look_later(agent, 0);
}

static void take_last_look(struct td_agent *agent)
{
	if (agent->looking || td_loop_now_ms(agent->options.loop) < agent->look_not_before_ms)
		return;
	agent->looking =
		td_ticdc_observe_process(agent->options.ticdc, agent->options.ticdc_address, NULL, on_process, agent);
}

static int64_t at_most(int64_t ms, int64_t max_ms)
{
	return ms < max_ms ? ms : max_ms;
}

static const char *why_too_late(const struct td_agent *agent, const struct td_drain_object *request)
{
	if (request && request->phase == TD_PHASE_DRAINED)
		return agent->last_answer[0] ? agent->last_answer : "the process could not be asked once more in time";
	return request && request->message[0] ? request->message : "the deadline passed and no coordinator answered";
}

/* What the drain is at, for the hook and the log. request: NULL while there is none. */
static void tell_progress(struct td_agent *agent, const struct td_drain_object *request, int64_t deadline,
			  int64_t hook_deadline)
{
	const char *phase = td_phase_name(request ? request->phase : TD_PHASE_PENDING);
	const char *message = "asking for a drain of this pod";
	char text[TD_TEXT_MAX + 32];

	if (request && request->phase == TD_PHASE_DRAINED)
		message = "asking this process once more";
	else if (request) /* a new object has no words yet */
		message = request->message[0] ? request->message : "waiting for a coordinator to take up the request";
	(void)snprintf(text, sizeof(text), "%s: %s", phase, message);
	td_gate_progress(agent->gate, hook_deadline, text);
	td_agent_log_waiting(agent, phase, request ? request->reason : "", message, deadline);
}

/* Ends that we do not believe while we have time left: that the deadline has passed (the coordinator's clock may be fast), that there
 * is no such pod (we run in it), and that the capture is gone, before we have looked for another one here. */
static bool has_ended(const struct td_agent *agent, const struct td_drain_object *request, int64_t left_ms)
{
	bool doubtful = request->phase == TD_PHASE_TIMED_OUT || (is_gone(request) && agent->gone_looks < GONE_LOOKS_MAX) ||
			strcmp(request->reason, td_reason_name(TD_REASON_POD_NOT_FOUND)) == 0;

	return td_phase_is_final(request->phase) && request->phase != TD_PHASE_DRAINED && !(doubtful && left_ms > 0);
}

/* Our pod is terminating: see the drain through to the gate. A hook obeys the deadline that it heard last, so each look says one
 * thing only: how far the drain is, or that the gate is held. */
static void guard(struct td_agent *agent, const struct td_pod *pod)
{
	int64_t deadline = td_pod_drain_deadline(pod, agent->options.reserve_ms);
	int64_t reserve = pod->deletion_wall_ms - deadline;
	int64_t left = deadline + at_most(reserve / 4, POLICY_DELAY_MAX_MS) - td_loop_wall_ms(agent->options.loop);
	int64_t hook_deadline = deadline + at_most(reserve / 2, HOOK_DELAY_MAX_MS);
	struct td_drain_object request;
	bool exists = own_request(agent, &request);
	bool drained = exists && request.phase == TD_PHASE_DRAINED;

	if (!agent->guarded_since_ms)
		agent->guarded_since_ms = td_loop_now_ms(agent->options.loop);
	if (!exists)
		td_agent_create_request(agent);
	if (drained || (exists && is_gone(&request)))
		take_last_look(agent);
	if (exists && has_ended(agent, &request, left)) {
		td_agent_give_up(agent, td_phase_name(request.phase), &request, request.message);
	} else if (left <= 0) {
		td_agent_give_up(agent, "TimedOut", exists ? &request : NULL, why_too_late(agent, exists ? &request : NULL));
	} else {
		tell_progress(agent, exists ? &request : NULL, deadline, hook_deadline);
		td_agent_look_later(agent, at_most(left, IDLE_LOOK_MS));
	}
}

/* A hook waits and our pod is not known to be terminating. Only the API server's own word of now tells a container restart from a
 * deletion that the informer has not seen yet. */
static void question_hook(struct td_agent *agent)
{
	if (!agent->alive_known) {
		td_agent_ask_pod(agent);
		return;
	}
	td_gate_dismiss(agent->gate, "NotTerminating",
			"the pod is not being deleted: a container restart moves no work; nothing was drained");
	td_log(TD_LOG_WARN, "container_restart", "pod", agent->options.pod_name, NULL);
}

void td_agent_look(struct td_agent *agent)
{
	struct td_pod pod;
	bool terminating = is_terminating(agent, &pod);

	if (agent->done)
		return;
	td_agent_look_later(agent, IDLE_LOOK_MS);
	if (!td_gate_is_open(agent->gate)) {
		if (terminating)
			guard(agent, &pod);
		else if (td_gate_is_waited_at(agent->gate))
			question_hook(agent);
	}
	if (td_gate_is_open(agent->gate) && !agent->released_written)
		td_agent_write_released(agent);
	if (agent->stopping)
		td_agent_check_stop(agent, terminating);
	else if (!terminating && !td_gate_is_waited_at(agent->gate))
		td_timer_disarm(agent->timer); /* idle: the next event wakes us */
}

void td_agent_changed(struct td_agent *agent)
{
	td_agent_look_later(agent, 0);
	td_acknowledger_changed(agent->acknowledger);
}

void td_agent_stop(struct td_agent *agent)
{
	agent->stopping = true;
	td_acknowledger_stop(agent->acknowledger);
	forget_alive(agent);
	td_agent_look_later(agent, 0);
}

struct td_agent_summary td_agent_summary(const struct td_agent *agent)
{
	struct td_pod pod;

	bool selected = listed_pod(agent, &pod);

	return (struct td_agent_summary){.selected = selected,
					 .terminating = selected && pod.terminating,
					 .waited_at = td_gate_is_waited_at(agent->gate),
					 .open = td_gate_is_open(agent->gate)};
}
