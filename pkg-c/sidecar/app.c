/* See app.h. What the daemon does when something happens: the election, the informers, signals, somebody asking for metrics. */
#include "sidecar/app_internal.h"

#include "base/json.h"
#include "base/log.h"
#include "sidecar/cluster_view.h"

#include <signal.h>
#include <stdio.h>

#define REBUILD_MS 1000
#define FLUSH_MS 3000 /* for the last events, before exit */
#define FLUSH_LOOK_MS 20

/* ---- the shell, while we lead ---- */

static void on_shell_broken(void *userdata)
{
	struct td_app *app = userdata;

	td_log(TD_LOG_ERROR, "coordinator_out_of_memory", NULL);
	app->shell = td_shell_free(app->shell);
	td_timer_arm(app->rebuild, REBUILD_MS);
}

void td_app_build_shell(void *userdata)
{
	struct td_app *app = userdata;
	const struct td_shell_options options = {
		.loop = app->loop,
		.kube = app->kube,
		.ticdc = app->ticdc,
		.leader = app->leader,
		.recorder = app->recorder,
		.pods = app->pods,
		.drains = app->drains,
		.namespace_ = app->namespace_,
		.identity = app->config->pod_name,
		.cluster = app->config->cluster,
		.terminations = app->terminations,
		.ticdc_address = app->config->ticdc_address,
		.reserve_ms = app->config->shutdown_reserve_seconds * 1000,
		.batch = (int)app->config->batch_size,
		.broken = on_shell_broken,
		.userdata = app,
	};

	if (!app->leading || app->shell)
		return;
	app->shell = td_shell_new(&options);
	if (!app->shell)
		td_timer_arm(app->rebuild, REBUILD_MS);
}

static void on_gained(int64_t transitions, void *userdata)
{
	struct td_app *app = userdata;
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)transitions);
	td_log(TD_LOG_INFO, "leadership_gained", "lease", app->lease, "identity", app->identity, "transitions", text, NULL);
	app->leading = true;
	td_app_build_shell(app);
}

static void on_lost(const char *why, void *userdata)
{
	struct td_app *app = userdata;

	td_log(TD_LOG_WARN, "leadership_lost", "lease", app->lease, "why", why, NULL);
	app->leading = false;
	td_timer_disarm(app->rebuild);
	app->shell = td_shell_free(app->shell);
}

static void on_holder(const char *holder, void *userdata)
{
	(void)userdata;
	td_log(TD_LOG_INFO, "leader", "holder", holder[0] ? holder : "none", NULL);
}

void td_app_kube_failed(const struct td_error *err, void *userdata)
{
	struct td_app *app = userdata;

	app->kube_failures++;
	td_log(TD_LOG_WARN, "kube_failed", "code", td_error_name(err->code), "error", err->text, NULL);
}

static bool start_election(struct td_app *app)
{
	static const struct td_leader_handlers handlers = {
		.gained = on_gained, .lost = on_lost, .observed = on_holder, .failed = td_app_kube_failed};
	struct td_leader_options options = {.namespace_ = app->namespace_, .lease = app->lease, .identity = app->identity};
	struct td_error err;

	for (const char *c = app->identity; *c; c++)
		options.seed = options.seed * 131 + (unsigned char)*c;
	app->leader = td_leader_new(app->loop, app->kube, &options, &handlers, app, &err);
	if (!app->leader)
		td_log(TD_LOG_ERROR, "election_failed", "error", err.text, NULL);
	return app->leader != NULL;
}

/* ---- informers ---- */

static void on_synced(void *userdata)
{
	struct td_app *app = userdata;

	if (!td_informer_is_synced(app->pods) || !td_informer_is_synced(app->drains))
		return;
	td_log(TD_LOG_INFO, "synced", NULL);
	if (!td_agent_summary(app->agent).selected)
		td_log(TD_LOG_ERROR, "own_pod_not_selected", "pod", app->config->pod_name, "selector",
		       app->config->pod_selector, "message",
		       "no pod of this name and uid has these labels: its termination would not be seen", NULL);
	if (!app->leader && !start_election(app))
		td_loop_stop(app->loop);
	td_agent_changed(app->agent);
}

/* A pod's object changes all the time (probes, kubelet's heartbeats); the log hears of what matters here. */
static void log_pod(struct td_app *app, enum td_informer_change change, const char *name, json_t *object)
{
	static const char *const changes[] = {
		[TD_INFORMER_ADDED] = "added", [TD_INFORMER_MODIFIED] = "modified", [TD_INFORMER_DELETED] = "deleted"};
	json_auto_t *last = json_incref(json_object_get(app->pods_logged, name));
	struct td_pod pod;
	json_t *now;

	if (!td_pod_read(&pod, object))
		return;
	now = json_sprintf("uid %s, ip %s, %s%s", pod.uid, pod.ip[0] ? pod.ip : "none", pod.ready ? "ready" : "not ready",
			   pod.terminating ? ", terminating" : "");
	if (change == TD_INFORMER_DELETED) {
		(void)json_object_del(app->pods_logged, name); /* -1: it had never been logged */
	} else if (!now || json_equal(now, last)) {
		json_decref(now);
		return;
	} else {
		(void)json_object_set(app->pods_logged, name, now); /* out of memory: logged once more */
	}
	td_log(TD_LOG_DEBUG, "pod_changed", "pod", name, "change", changes[change], "now", json_string_value(now), NULL);
	json_decref(now);
}

static void see_termination(struct td_app *app, enum td_informer_change change, json_t *object)
{
	struct td_pod pod;

	if (change == TD_INFORMER_DELETED)
		td_terminations_gone(app->terminations, td_json_text(object, "metadata.uid"));
	else if (td_pod_read(&pod, object))
		td_terminations_seen(app->terminations, &pod, td_loop_now_ms(app->loop), td_loop_wall_ms(app->loop));
}

static void on_pod(enum td_informer_change change, const char *name, json_t *object, void *userdata)
{
	struct td_app *app = userdata;
	bool back = td_comeback_pod_changed(app->comeback, change, object, !td_informer_is_synced(app->pods));

	log_pod(app, change, name, object);
	see_termination(app, change, object);
	if (app->shell)
		td_shell_pods_changed(app->shell);
	if (app->shell && back) {
		td_log(TD_LOG_INFO, "pod_came_back", "pod", name, NULL);
		td_shell_balance(app->shell);
	}
	td_agent_changed(app->agent);
}

static void on_drain(enum td_informer_change change, const char *name, json_t *object, void *userdata)
{
	struct td_app *app = userdata;

	(void)name;
	td_comeback_drain_changed(app->comeback, change, object);
	if (app->shell)
		td_shell_drain_changed(app->shell, change, object);
	td_agent_changed(app->agent);
}

const struct td_informer_handlers td_app_pod_handlers = {
	.changed = on_pod, .synced = on_synced, .failed = td_app_kube_failed};
const struct td_informer_handlers td_app_drain_handlers = {
	.changed = on_drain, .synced = on_synced, .failed = td_app_kube_failed};

/* ---- shutdown: agent first, then the Lease, then the last events ---- */

void td_app_flush(void *userdata)
{
	struct td_app *app = userdata;

	if (td_recorder_is_idle(app->recorder) || td_loop_now_ms(app->loop) >= app->flush_until_ms)
		td_loop_stop(app->loop);
	else
		td_timer_arm(app->flush, FLUSH_LOOK_MS);
}

static void on_released(void *userdata)
{
	struct td_app *app = userdata;

	app->flush_until_ms = td_loop_now_ms(app->loop) + FLUSH_MS;
	td_timer_arm(app->flush, 0);
}

void td_app_agent_finished(void *userdata)
{
	struct td_app *app = userdata;

	td_log(TD_LOG_INFO, "shutting_down", NULL);
	app->leading = false;
	app->shell = td_shell_free(app->shell);
	if (app->leader)
		td_leader_release(app->leader, on_released, app);
	else
		on_released(app);
}

void td_app_signal(int signo, void *userdata)
{
	struct td_app *app = userdata;

	td_log(TD_LOG_INFO, "signal", "name", signo == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
	td_agent_stop(app->agent);
}

/* ---- endpoints ---- */

static void count_phase(const char *name, json_t *object, void *userdata)
{
	struct td_endpoints_state *state = userdata;
	enum td_phase phase = TD_PHASE_PENDING;

	(void)name;
	(void)td_phase_from_name(td_json_text(object, "status.phase"), &phase);
	state->phases[phase]++;
}

void td_app_look(struct td_endpoints_state *ret, void *userdata)
{
	const struct td_app *app = userdata;
	int64_t pods = td_informer_staleness_ms(app->pods), drains = td_informer_staleness_ms(app->drains);

	*ret = (struct td_endpoints_state){.synced = td_informer_is_synced(app->pods) && td_informer_is_synced(app->drains),
					   .staleness_ms = pods > drains ? pods : drains,
					   .leading = app->leading,
					   .kube_failures = app->kube_failures,
					   .agent = td_agent_summary(app->agent),
					   .ticdc = app->ticdc};
	if (app->shell)
		ret->core = td_shell_summary(app->shell);
	td_informer_each(app->drains, count_phase, ret);
}

int td_app_run(const struct td_config *config, const char *version)
{
	struct td_app app = {.config = config};
	struct td_error err;
	bool started = td_app_start(&app, &err);

	if (started) {
		td_log(TD_LOG_INFO, "started", "version", version, "pod", config->pod_name, "namespace", app.namespace_,
		       "cluster", config->cluster, "ticdc", config->ticdc_address, NULL);
		td_loop_run(app.loop);
	} else {
		td_log(TD_LOG_ERROR, "start_failed", "error", err.text, NULL);
	}
	td_app_stop(&app);
	return started ? 0 : 1;
}
