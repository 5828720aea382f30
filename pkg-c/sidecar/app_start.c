/* Putting the daemon together, in the order in which its parts need each other, and taking it apart in the reverse order. Every
 * part may be missing when it is taken apart: a start can fail anywhere. */
#include "sidecar/app_internal.h"

#include "sidecar/cluster_view.h"
#include "sidecar/drainrequest.h"
#include "sidecar/hook_install.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool start_kube(struct td_app *app, struct td_error *err)
{
	const struct td_config *config = app->config;
	enum td_error_code code = config->kubeconfig[0] ? td_kube_config_load(&app->kube_config, config->kubeconfig, err)
							: td_kube_config_in_cluster(&app->kube_config, NULL, err);

	if (code != TD_OK) {
		if (config->kubeconfig[0])
			td_error_wrap(err, "--kubeconfig");
		return false;
	}
	app->namespace_ = strdup(config->namespace_[0] ? config->namespace_ : app->kube_config.namespace_);
	app->kube = td_kube_client_new(app->loop, app->http, &app->kube_config, "ticdc-drain-sidecar");
	if (app->kube)
		app->recorder =
			td_recorder_new(app->loop, app->kube, "ticdc-drain", config->pod_name, td_app_kube_failed, app);
	(void)snprintf(app->identity, sizeof(app->identity), "%s_%.8s", config->pod_name, config->pod_uid);
	(void)snprintf(app->lease, sizeof(app->lease), "ticdc-drain-%s", config->cluster);
	td_error_set(err, TD_ERR_NOMEM, "out of memory");
	return app->namespace_ && app->kube && app->recorder;
}

static bool start_ticdc(struct td_app *app)
{
	const struct td_config *config = app->config;
	const struct td_ticdc_options options = {
		.tls = {.ca_file = config->ticdc_ca[0] ? config->ticdc_ca : NULL,
			.certificate_file = config->ticdc_cert[0] ? config->ticdc_cert : NULL,
			.key_file = config->ticdc_key[0] ? config->ticdc_key : NULL},
		.user = config->ticdc_user[0] ? config->ticdc_user : NULL,
		.password_file = config->ticdc_password_file[0] ? config->ticdc_password_file : NULL,
	};

	app->ticdc = td_ticdc_client_new(app->loop, app->http, &options);
	return app->ticdc != NULL;
}

static bool start_agent(struct td_app *app, struct td_error *err)
{
	const struct td_agent_options options = {
		.loop = app->loop,
		.kube = app->kube,
		.ticdc = app->ticdc,
		.recorder = app->recorder,
		.pods = app->pods,
		.drains = app->drains,
		.namespace_ = app->namespace_,
		.pod_name = app->config->pod_name,
		.pod_uid = app->config->pod_uid,
		.cluster = app->config->cluster,
		.terminations = app->terminations,
		.ticdc_address = app->config->ticdc_address,
		.gate_socket = app->config->gate_socket,
		.reserve_ms = app->config->shutdown_reserve_seconds * 1000,
		.hold = strcmp(app->config->on_timeout, "Hold") == 0,
	};

	app->agent = td_agent_new(&options, td_app_agent_finished, app, err);
	return app->agent != NULL;
}

static bool start_informers(struct td_app *app)
{
	const struct td_informer_options pods = {.resource = &td_pods,
						 .namespace_ = app->namespace_,
						 .label_selector = app->config->pod_selector,
						 .project = td_pod_project};
	const struct td_informer_options drains = {
		.resource = &td_drainrequests, .namespace_ = app->namespace_, .project = td_drain_project};

	app->pods = td_informer_new(app->loop, app->kube, &pods, &td_app_pod_handlers, app);
	app->drains = td_informer_new(app->loop, app->kube, &drains, &td_app_drain_handlers, app);
	return app->pods && app->drains;
}

#define BODY_MAX                                                                                                            \
	(4 * TD_DRAIN_API_BODY_MAX) /* above it evhttp closes the door itself; the API says why from its own limit on */

static bool start_api(struct td_app *app)
{
	const struct td_drain_api_options options = {
		.loop = app->loop,
		.kube = app->kube,
		.ticdc = app->ticdc,
		.pods = app->pods,
		.drains = app->drains,
		.namespace_ = app->namespace_,
		.cluster = app->config->cluster,
		.ticdc_address = app->config->ticdc_address,
	};

	if (!app->config->drain_api)
		return true;
	app->api = td_drain_api_new(&options);
	return app->api && td_drain_api_register(app->api, app->server);
}

static bool start_server(struct td_app *app, struct td_error *err)
{
	const struct td_http_server_options options = {
		.listen = app->config->listen,
		.certificate_file = app->config->tls_cert[0] ? app->config->tls_cert : NULL,
		.key_file = app->config->tls_key[0] ? app->config->tls_key : NULL,
		.body_max = app->config->drain_api ? BODY_MAX : 0, /* nothing else here reads one */
		.idle_timeout_s = 30,
	};

	app->endpoints = (struct td_endpoints){.look = td_app_look, .userdata = app};
	app->server = td_http_server_new(app->loop, &options, err);
	if (!app->server)
		return false;
	if (td_endpoints_register(&app->endpoints, app->server) && start_api(app))
		return true;
	td_error_set(err, TD_ERR_NOMEM, "endpoints: out of memory");
	return false;
}

bool td_app_start(struct td_app *app, struct td_error *err)
{
	td_error_set(err, TD_ERR_NOMEM, "out of memory");
	app->loop = td_loop_new();
	if (!app->loop)
		return false;
	app->http = td_http_client_new(app->loop);
	app->comeback = td_comeback_new();
	app->terminations = td_terminations_new();
	app->pods_logged = json_object();
	app->rebuild = td_timer_new(app->loop, td_app_build_shell, app);
	app->flush = td_timer_new(app->loop, td_app_flush, app);
	if (!app->http || !app->comeback || !app->terminations || !app->pods_logged || !app->rebuild || !app->flush ||
	    !start_ticdc(app) || !start_kube(app, err) || !start_informers(app) || !start_agent(app, err))
		return false;
	if (!td_loop_on_signal(app->loop, SIGTERM, td_app_signal, app) ||
	    !td_loop_on_signal(app->loop, SIGINT, td_app_signal, app))
		return false;
	if (app->config->install_hook[0] && td_hook_install(app->config->install_hook, err) != TD_OK)
		return false;
	return start_server(app, err);
}

void td_app_stop(struct td_app *app)
{
	td_http_server_free(app->server);
	td_drain_api_free(app->api);
	td_shell_free(app->shell);
	td_leader_free(app->leader);
	td_agent_free(app->agent);
	td_informer_free(app->pods);
	td_informer_free(app->drains);
	td_comeback_free(app->comeback);
	td_terminations_free(app->terminations);
	json_decref(app->pods_logged);
	td_recorder_free(app->recorder);
	td_kube_client_free(app->kube);
	td_ticdc_client_free(app->ticdc);
	td_kube_config_done(&app->kube_config);
	td_timer_free(app->rebuild);
	td_timer_free(app->flush);
	td_http_client_free(app->http);
	td_loop_free(app->loop);
	free(app->namespace_);
}
