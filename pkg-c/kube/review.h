/* Who is behind a bearer token, and may they do this? Asked of the API server: a TokenReview, then a SubjectAccessReview for the user
 * that it names, with groups, uid and extra. Only a whole answer that makes sense is one; whatever else comes is "unknown", never
 * "allowed" and never "denied". Definite answers are remembered for a few seconds (review_cache.h).
 *
 * Tokens are neither kept nor put into errors. The sidecar needs the right to create both reviews, which is cluster-wide: the cluster
 * role system:auth-delegator. */
#ifndef TD_KUBE_REVIEW_H
#define TD_KUBE_REVIEW_H

#include "kube/client.h"
#include "net/loop.h"

#define TD_REVIEW_USER_MAX 512 /* with its terminator; a longer name is unknown, not cut */

enum td_review_verdict {
	TD_REVIEW_UNKNOWN,	   /* could not be found out: the error says why */
	TD_REVIEW_UNAUTHENTICATED, /* the token is nobody's */
	TD_REVIEW_DENIED,
	TD_REVIEW_ALLOWED,
};

struct td_review_result {
	enum td_review_verdict verdict;
	char user[TD_REVIEW_USER_MAX]; /* "" unless denied or allowed */
};

struct td_reviewer;
struct td_review; /* one under way */

/* The question: may the user do a verb on resource in namespace_? kube and both strings are borrowed. NULL: out of memory. */
struct td_reviewer *td_reviewer_new(struct td_loop *loop, struct td_kube_client *kube,
				    const struct td_kube_resource *resource, const char *namespace_);
struct td_reviewer *
td_reviewer_free(struct td_reviewer *reviewer); /* no review may be under way; NULL is fine; returns NULL */

/* err->code is TD_OK unless the verdict is TD_REVIEW_UNKNOWN. Both borrowed. The review is over, also when this frees things. */
typedef void (*td_review_fn)(const struct td_review_result *result, const struct td_error *err, void *userdata);

/* token: not empty. verb: a constant ("create"). done is called once, later, never from inside, after 8 s at the latest. NULL: it could
 * not be started (*err says why) and no callback follows. */
struct td_review *td_review_start(struct td_reviewer *reviewer, const char *token, const char *verb, td_review_fn done,
				  void *userdata, struct td_error *err);
void td_review_cancel(struct td_review *review); /* no callback follows */

#endif
