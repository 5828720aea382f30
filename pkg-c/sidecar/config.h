/* The daemon's configuration: defaults, then a YAML file (--config), then the environment, then flags; the later wins. One table
 * in config.c names every option; unknown keys and bad values are errors that name the source, the key and the value. */
#ifndef TD_SIDECAR_CONFIG_H
#define TD_SIDECAR_CONFIG_H

#include "base/error.h"

#include <stdio.h>

struct td_config {
	char *config_file;

	char *cluster;	  /* names the Lease: ticdc-drain-<cluster> */
	char *namespace_; /* of the pod; from the service account or kubeconfig when not given */
	char *pod_name;
	char *pod_uid;
	char *pod_selector; /* label selector of this TiCDC cluster's pods */
	char *kubeconfig;   /* empty: in-cluster */

	char *ticdc_address; /* this pod's capture */
	char *ticdc_ca, *ticdc_cert, *ticdc_key;
	char *ticdc_user, *ticdc_password_file;

	char *listen;
	char *tls_cert, *tls_key;
	char *gate_socket;
	char *install_hook; /* directory to copy the preStop hook to; empty: not */
	char *on_timeout;   /* "Release" or "Hold": for the requests that this sidecar makes for its own pod */
	char *log_level;
	int64_t batch_size;
	int64_t shutdown_reserve_seconds;
	bool drain_api; /* bearer tokens come in: TLS, or loopback only */
};

/* TD_OK, or TD_ERR_INVALID with a message for people. *ret must be freed with td_config_done in both cases. env: as environ.
 * show_help and show_version are set when those flags were given; nothing else is checked then. */
enum td_error_code td_config_load(struct td_config *ret, int argc, char *const *argv, char *const *env, bool *show_help,
				  bool *show_version, struct td_error *err);
void td_config_done(struct td_config *config);
void td_config_print_help(FILE *out);

#endif
