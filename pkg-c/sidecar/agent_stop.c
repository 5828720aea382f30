/* After SIGTERM: when the sidecar may end. It stays while its pod is or may be terminating and the process that it guards may still
 * come to the gate; what it stays for is logged once, because a sidecar that does not end looks broken. */
#include "sidecar/agent_internal.h"

#include "base/log.h"

#include <errno.h>

#define ABSENCES_CERTAIN 3

/* Who still needs us; NULL: nobody. */
static const char *who_needs(const struct td_agent *agent, bool terminating)
{
	if (td_gate_is_open(agent->gate))
		return agent->outcome[0] && !agent->released_written ? "the outcome is not written yet" : NULL;
	if (td_gate_is_waited_at(agent->gate))
		return "a preStop hook waits at the gate";
	if (!terminating && agent->alive_known)
		return NULL;
	if (agent->absences >= ABSENCES_CERTAIN)
		return NULL;
	/* the process that we guard still runs, its hook may yet come */
	return terminating ? "the pod is terminating and TiCDC's process may still run: its preStop hook may yet come"
			   : "the API server has not said yet whether the pod is being deleted, and TiCDC's process may "
			     "still run";
}

/* While stopping without a hook: the process may have ended without one (a crash, a container without a hook). */
static void on_own_status(const struct td_ticdc_status *status, const struct td_error *err, void *userdata)
{
	struct td_agent *agent = userdata;

	(void)status;
	agent->looking = NULL;
	agent->absences = err->code == TD_ERR_CONNECT && err->sys_errno == ECONNREFUSED ? agent->absences + 1 : 0;
	agent->look_not_before_ms = td_loop_now_ms(agent->options.loop) + TD_AGENT_LOOK_AGAIN_MS;
	td_agent_look_later(agent, 0);
}

static void log_staying(struct td_agent *agent, const char *why)
{
	if (agent->told_staying)
		return;
	agent->told_staying = true;
	td_log(TD_LOG_INFO, "stays_after_signal", "pod", agent->options.pod_name, "why", why, "ticdc",
	       agent->options.ticdc_address, "until",
	       "the gate has opened, or TiCDC could not be connected to three times in a row", NULL);
}

void td_agent_check_stop(struct td_agent *agent, bool terminating)
{
	const char *why = who_needs(agent, terminating);

	if (!why) {
		agent->done = true;
		agent->finished(agent->userdata);
		return;
	}
	log_staying(agent, why);
	if (td_gate_is_open(agent->gate) || td_gate_is_waited_at(agent->gate))
		return;
	if (!terminating)
		td_agent_ask_pod(agent);
	if (!agent->looking && td_loop_now_ms(agent->options.loop) >= agent->look_not_before_ms)
		agent->looking =
			td_ticdc_get_status(agent->options.ticdc, agent->options.ticdc_address, NULL, on_own_status, agent);
}
