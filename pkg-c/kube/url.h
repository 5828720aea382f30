/* The URL of a request, with everything that comes from outside encoded. */
#ifndef TD_KUBE_URL_H
#define TD_KUBE_URL_H

#include "kube/client.h"

/* NULL with *err set: out of memory, or a namespace or name that is no path segment ("", "..", too long). Caller frees. */
char *td_kube_url(const char *server, const struct td_kube_request *request, struct td_error *err);

#endif
