/* See agent.h. Every event leads to the same look at everything (td_agent_look): nothing depends on which event came first. */
#include "sidecar/agent_internal.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_LOOK_MS 1000	/* while a hook waits: deadlines, and retries of whatever failed */
#define LOOK_AGAIN_MS 500	/* between two reads of our own process */
#define POLICY_DELAY_MAX_MS 500 /* after the deadline: the coordinator's own word is better than ours, if it comes */
#define HOOK_DELAY_MAX_MS 3000	/* after the deadline: the hook waits for us this much longer before it goes by itself */
#define ABSENCES_CERTAIN 3

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

/* Our pod as the informer has it. False: not there, or another pod of the same name. */
static bool own_pod(const struct td_agent *agent, struct td_pod *ret)
{
	json_t *object = td_informer_get(agent->options.pods, agent->options.pod_name);

	return object && td_pod_read(ret, object) && strcmp(ret->uid, agent->options.pod_uid) == 0;
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

void td_agent_release(struct td_agent *agent, const char *outcome, const char *message)
{
	if (td_gate_is_open(agent->gate))
		return;
	(void)td_text_copy(agent->outcome, sizeof(agent->outcome), outcome);
	(void)td_text_copy(agent->message, sizeof(agent->message), message);
	td_gate_open(agent->gate, outcome, message);
	td_log(TD_LOG_INFO, "gate_opened", "pod", agent->options.pod_name, "outcome", outcome, "message", message, NULL);
}

/* Our own word of the process, right before the gate opens. */
static void on_process(const struct td_process_view *process, void *userdata)
{
	struct td_agent *agent = userdata;
	const struct td_counts *counts = &process->counts;
	bool empty = process->known && !counts->maintainers && !counts->dispatchers && !counts->triggers && !counts->brokers;
	struct td_drain_object request;
	char text[TD_TEXT_MAX];

	agent->looking = NULL;
	agent->look_not_before_ms = td_loop_now_ms(agent->options.loop) + LOOK_AGAIN_MS;
	if (!own_request(agent, &request) || request.phase != TD_PHASE_DRAINED) {
		td_agent_look_later(agent, 0);
		return;
	}
	if (empty && strcmp(process->capture, request.status_capture) == 0) {
		agent->last_look = *process;
		(void)td_text_copy(agent->last_capture, sizeof(agent->last_capture), process->capture);
		agent->last_look.capture = agent->last_capture;
		agent->last_look.why = "";
		td_agent_release(agent, "Drained", request.message);
	} else if (process->known) { /* work came back, or another process runs here now: the proof is void */
		(void)snprintf(text, sizeof(text),
			       "capture %s has %u maintainers and %u dispatchers after capture %s was drained: again",
			       process->capture, counts->maintainers, counts->dispatchers, request.status_capture);
		td_log(TD_LOG_WARN, "proof_void", "pod", agent->options.pod_name, "message", text, NULL);
		agent->attempt++;
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

/* The deadline passed, or the request ended without a proof: policy. */
static void give_up(struct td_agent *agent, const char *outcome, const char *message)
{
	char text[TD_TEXT_MAX];

	if (agent->options.hold) {
		(void)snprintf(text, sizeof(text), "held by onTimeout Hold: %s: %s", outcome, message);
		td_gate_progress(agent->gate, 0, text);
		return;
	}
	td_agent_release(agent, outcome, message);
}

static int64_t at_most(int64_t ms, int64_t max_ms)
{
	return ms < max_ms ? ms : max_ms;
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
	char text[TD_TEXT_MAX + 32];

	if (!exists)
		td_agent_create_request(agent);
	if (drained)
		take_last_look(agent);
	if (exists && !drained && td_phase_is_final(request.phase)) {
		give_up(agent, td_phase_name(request.phase), request.message);
	} else if (left <= 0) {
		give_up(agent, "TimedOut",
			exists && request.message[0] ? request.message : "the deadline passed and no coordinator answered");
	} else {
		(void)snprintf(text, sizeof(text), "%s: %s", exists ? td_phase_name(request.phase) : "Pending",
			       drained	? "asking this process once more"
			       : exists ? request.message
					: "asking for a drain of this pod");
		td_gate_progress(agent->gate, hook_deadline, text);
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

/* After SIGTERM: is anybody left who needs us? */
static bool is_needed(struct td_agent *agent, bool terminating)
{
	if (td_gate_is_open(agent->gate))
		return agent->outcome[0] && !agent->released_written;
	if (td_gate_is_waited_at(agent->gate))
		return true;
	if (!terminating && agent->alive_known)
		return false;
	return agent->absences < ABSENCES_CERTAIN; /* the process that we guard still runs, its hook may yet come */
}

/* While stopping without a hook: the process may have ended without one (a crash, a container without a hook). */
static void on_own_status(const struct td_ticdc_status *status, const struct td_error *err, void *userdata)
{
	struct td_agent *agent = userdata;

	(void)status;
	agent->looking = NULL;
	agent->absences = err->code == TD_ERR_CONNECT ? agent->absences + 1 : 0;
	agent->look_not_before_ms = td_loop_now_ms(agent->options.loop) + LOOK_AGAIN_MS;
	td_agent_look_later(agent, 0);
}

static void check_stop(struct td_agent *agent, bool terminating)
{
	if (!is_needed(agent, terminating)) {
		agent->done = true;
		agent->finished(agent->userdata);
		return;
	}
	if (td_gate_is_open(agent->gate) || td_gate_is_waited_at(agent->gate))
		return;
	if (!terminating)
		td_agent_ask_pod(agent);
	if (!agent->looking && td_loop_now_ms(agent->options.loop) >= agent->look_not_before_ms)
		agent->looking =
			td_ticdc_get_status(agent->options.ticdc, agent->options.ticdc_address, NULL, on_own_status, agent);
}

void td_agent_look(struct td_agent *agent)
{
	struct td_pod pod;
	bool terminating = own_pod(agent, &pod) && pod.terminating;

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
		check_stop(agent, terminating);
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

	bool selected = own_pod(agent, &pod);

	return (struct td_agent_summary){.selected = selected,
					 .terminating = selected && pod.terminating,
					 .waited_at = td_gate_is_waited_at(agent->gate),
					 .open = td_gate_is_open(agent->gate)};
}
