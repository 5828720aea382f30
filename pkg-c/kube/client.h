/* REST calls to the API server: get, list, create, patch, delete. Bodies are JSON trees, so that nothing unknown is lost.
 * An answer that is not success becomes an error whose text holds the server's own message:
 * "patch drainrequests/status ns/name: 409 Conflict: the object has been modified", with http_status and retry_after_ms. */
#ifndef TD_KUBE_CLIENT_H
#define TD_KUBE_CLIENT_H

#include "kube/config.h"
#include "net/http_client.h"

#include <jansson.h>

/* A kind of object. All strings outlive every use: declare these as static const. */
struct td_kube_resource {
	const char *group;   /* "" for the core group */
	const char *version; /* "v1" */
	const char *plural;  /* "pods" */
};

struct td_kube_client;
struct td_kube_call;

/* On success err->code is TD_OK and object is the parsed answer (borrowed; json_incref to keep). Otherwise object is NULL.
 * May start and cancel other calls and free the client. */
typedef void (*td_kube_done_fn)(json_t *object, const struct td_error *err, void *userdata);

/* config is borrowed and must outlive the client; so must http. user_agent is copied. */
struct td_kube_client *td_kube_client_new(struct td_loop *loop, struct td_http_client *http,
					  const struct td_kube_config *config, const char *user_agent);
struct td_kube_client *td_kube_client_free(struct td_kube_client *client); /* cancels without callbacks; returns NULL */

enum td_kube_verb {
	TD_KUBE_GET,
	TD_KUBE_LIST,
	TD_KUBE_CREATE,
	TD_KUBE_PATCH, /* JSON merge patch */
	TD_KUBE_PUT,
	TD_KUBE_DELETE
};

struct td_kube_request {
	enum td_kube_verb verb;
	const struct td_kube_resource *resource;
	const char *namespace_;	 /* NULL for cluster-scoped */
	const char *name;	 /* NULL for list and create, and only for them */
	const char *subresource; /* "status" or NULL */
	const char *query;	 /* already encoded, without "?", or NULL */
	json_t *body;		 /* borrowed; may be NULL */
	int64_t timeout_ms;	 /* total; 0: 10 s */
};

/* done is called exactly once, later, never from inside. NULL with *err set when it could not be started (no callback). */
struct td_kube_call *td_kube_start(struct td_kube_client *client, const struct td_kube_request *request,
				   td_kube_done_fn done, void *userdata, struct td_error *err);
void td_kube_cancel(struct td_kube_call *call); /* no callback follows */

/* Percent-encodes into a new string (caller frees); NULL: out of memory. */
char *td_kube_encode(const char *text);

#endif
