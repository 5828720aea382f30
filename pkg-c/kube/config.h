/* Where the API server is and who we are: in-cluster, or a kubeconfig file (current-context; cluster server,
 * certificate-authority[-data], insecure-skip-tls-verify is refused; user token, tokenFile, client-certificate[-data],
 * client-key[-data]; context namespace). exec and auth-provider plugins are refused by name. */
#ifndef TD_KUBE_CONFIG_H
#define TD_KUBE_CONFIG_H

#include "base/error.h"

struct td_kube_config {
	char *server;		/* "https://10.0.0.1:443", no slash at the end */
	char *namespace_;	/* from the service account or the context; "default" when absent */
	char *ca_file;		/* may be NULL; inline data is written to a private temporary file, see temporary_files */
	char *certificate_file; /* may be NULL */
	char *key_file;		/* may be NULL */
	char *token_file;	/* may be NULL: read again before it is a minute old, so that rotation needs no restart */
	char *token;		/* static token of a kubeconfig; zeroed when freed */
	char *temporary_files[3];
};

/* KUBERNETES_SERVICE_HOST/PORT and /var/run/secrets/kubernetes.io/serviceaccount (directory: NULL for that default). */
enum td_error_code td_kube_config_in_cluster(struct td_kube_config *ret, const char *directory, struct td_error *err);

/* Errors name the file and the field. */
enum td_error_code td_kube_config_load(struct td_kube_config *ret, const char *path, struct td_error *err);

void td_kube_config_done(struct td_kube_config *config); /* frees, zeroes secrets, unlinks temporary files */

#endif
