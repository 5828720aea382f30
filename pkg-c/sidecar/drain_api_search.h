/* What the DrainRequests of the namespace say of one capture: the request that is its drain, and whether another capture is being
 * drained. Pure: fed with the objects that the informer holds. */
#ifndef TD_SIDECAR_DRAIN_API_SEARCH_H
#define TD_SIDECAR_DRAIN_API_SEARCH_H

#include "sidecar/drainrequest.h"

struct td_drain_search {
	/* the question; borrowed */
	const char *cluster, *capture;
	const char *pod;  /* the capture's pod; "": not known */
	bool no_dry_runs; /* a dry run is no answer */

	/* the answer */
	json_t *object;		/* borrowed; NULL: there is none */
	bool settled;		/* it is open, or has ended with a proof: nothing new need be made */
	char busy[TD_NAME_MAX]; /* pod, or else capture, of another drain that is Draining or Verifying; "": none */

	int rank; /* of object: internal */
	int64_t created_wall_ms;
};

/* For td_informer_each, userdata: a struct td_drain_search whose answer began empty. Of several requests for the capture an open one
 * counts most, then one with a proof, then the newest. Requests of other clusters and such that cannot be read count for nothing. */
void td_drain_search_look(const char *name, json_t *object, void *userdata);

/* True when this object, of the right name, is a request for that capture that answers the question (a dry run may not). */
bool td_drain_search_fits(const struct td_drain_search *search, json_t *object);

/* A new JSON answer: what the object says of the drain. Counts are null unless the object holds both. NULL: out of memory. */
json_t *td_drain_search_answer(const struct td_drain_search *search, json_t *object);

#endif
