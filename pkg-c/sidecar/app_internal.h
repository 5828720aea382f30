/* The inside of the daemon, shared by its two source files only: app.c (what happens while it runs) and app_start.c (putting it
 * together and taking it apart). */
#ifndef TD_SIDECAR_APP_INTERNAL_H
#define TD_SIDECAR_APP_INTERNAL_H

#include "sidecar/agent.h"
#include "sidecar/app.h"
#include "sidecar/comeback.h"
#include "sidecar/drain_api.h"
#include "sidecar/endpoints.h"
#include "sidecar/shell.h"

struct td_app {
	const struct td_config *config;
	char *namespace_;
	char identity[TD_NAME_MAX + TD_ID_MAX];
	char lease[TD_NAME_MAX];
	struct td_loop *loop;
	struct td_http_client *http;
	struct td_kube_config kube_config;
	struct td_kube_client *kube;
	struct td_ticdc_client *ticdc;
	struct td_recorder *recorder;
	struct td_informer *pods, *drains;
	struct td_comeback *comeback;
	struct td_terminations *terminations;
	struct td_agent *agent;
	struct td_leader *leader;
	struct td_shell *shell;
	struct td_http_server *server;
	struct td_endpoints endpoints;
	struct td_drain_api *api; /* NULL: --drain-api is not given */
	struct td_timer *rebuild; /* a shell that broke down */
	struct td_timer *flush;
	json_t *pods_logged; /* name -> what the log said of it last */
	bool leading;
	int64_t flush_until_ms;
	uint64_t kube_failures;
};

/* ---- app.c: what the parts call when something happens ---- */

extern const struct td_informer_handlers td_app_pod_handlers, td_app_drain_handlers;

void td_app_build_shell(void *userdata); /* timer: a shell broke down */
void td_app_flush(void *userdata);	 /* timer: are the last events written? */
void td_app_agent_finished(void *userdata);
void td_app_signal(int signo, void *userdata);
void td_app_kube_failed(const struct td_error *err, void *userdata);
void td_app_look(struct td_endpoints_state *ret, void *userdata);

/* ---- app_start.c ---- */

bool td_app_start(struct td_app *app, struct td_error *err);
void td_app_stop(struct td_app *app);

#endif
