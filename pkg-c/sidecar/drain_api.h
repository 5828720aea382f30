/* The drain API: PUT and GET /api/v2/captures/{capture_id}/drain, for those who speak to TiCDC and not to Kubernetes. docs/openapi.json
 * describes it; a test holds the two together.
 *
 * It stands on the DrainRequest objects alone: PUT makes one, both tell what it says. Hence every sidecar may be asked, nothing is
 * forwarded, and asking twice makes one object. Who asks is found out by TokenReview and SubjectAccessReview: whoever may create (get)
 * drainrequests in the namespace may PUT (GET) here. What could not be found out, of the client, of TiCDC or of the objects, is 502 or
 * 503, never "no such capture", "allowed" or 0. */
#ifndef TD_SIDECAR_DRAIN_API_H
#define TD_SIDECAR_DRAIN_API_H

#include "kube/informer.h"
#include "net/http_server.h"
#include "ticdc/client.h"

/* The longest body that is read; more is answered 413. The server's own limit must be above it. */
#define TD_DRAIN_API_BODY_MAX 4096

struct td_drain_api;

/* All borrowed. */
struct td_drain_api_options {
	struct td_loop *loop;
	struct td_kube_client *kube;
	struct td_ticdc_client *ticdc;
	struct td_informer *pods, *drains;
	const char *namespace_, *cluster;
	const char *ticdc_address; /* of this pod's capture: it is asked which captures there are */
};

struct td_drain_api *td_drain_api_new(const struct td_drain_api_options *options); /* NULL: out of memory */
struct td_drain_api *td_drain_api_free(struct td_drain_api *api); /* after the server. NULL is fine; returns NULL */
bool td_drain_api_register(struct td_drain_api *api, struct td_http_server *server); /* false: out of memory */

#endif
