/* For the informer: a watch is a request whose answer is a stream. */
#ifndef TD_KUBE_CLIENT_INTERNAL_H
#define TD_KUBE_CLIENT_INTERNAL_H

#include "kube/client.h"

/* request: verb TD_KUBE_LIST, a query with watch=1, timeout_ms above 0. on_data gets the pieces of a 2xx answer and may
 * return false to end it (then done gets TD_ERR_CANCELLED). done: object is always NULL; TD_OK when the stream ended as it
 * should. */
struct td_kube_call *td_kube_watch(struct td_kube_client *client, const struct td_kube_request *request, int64_t idle_ms,
				   td_http_data_fn on_data, td_kube_done_fn done, void *userdata, struct td_error *err);

#endif
