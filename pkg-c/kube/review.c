/* See review.h. */
#include "kube/review.h"

#include "base/json.h"
#include "base/text.h"
#include "kube/review_cache.h"

#include <stdlib.h>
#include <string.h>

#define STEP_MS 4000 /* for each of the two reviews */

#define AUTHENTICATION "authentication.k8s.io"
#define AUTHORIZATION "authorization.k8s.io"

static const struct td_kube_resource token_reviews = {AUTHENTICATION, "v1", "tokenreviews"};
static const struct td_kube_resource access_reviews = {AUTHORIZATION, "v1", "subjectaccessreviews"};

struct td_reviewer {
	struct td_loop *loop;
	struct td_kube_client *kube;
	const struct td_kube_resource *resource;
	const char *namespace_;
	struct td_review_cache cache;
};

struct td_review {
	struct td_reviewer *reviewer;
	const char *verb;
	struct td_review_key key;
	struct td_review_result result;
	struct td_kube_call *call;
	struct td_timer *remembered; /* the answer was in the cache: it is given in the next turn */
	td_review_fn done;
	void *userdata;
};

struct td_reviewer *td_reviewer_new(struct td_loop *loop, struct td_kube_client *kube,
				    const struct td_kube_resource *resource, const char *namespace_)
{
	struct td_reviewer *reviewer = calloc(1, sizeof(*reviewer));

	if (!reviewer)
		return NULL;
	reviewer->loop = loop;
	reviewer->kube = kube;
	reviewer->resource = resource;
	reviewer->namespace_ = namespace_;
	return reviewer;
}

struct td_reviewer *td_reviewer_free(struct td_reviewer *reviewer)
{
	free(reviewer);
	return NULL;
}

void td_review_cancel(struct td_review *review)
{
	if (review->call)
		td_kube_cancel(review->call);
	td_timer_free(review->remembered);
	free(review);
}

/* ---- the end ---- */

static void end(struct td_review *review, const struct td_error *err)
{
	struct td_review_result result = review->result;
	td_review_fn done = review->done;
	void *userdata = review->userdata;

	if (err->code != TD_OK)
		result = (struct td_review_result){.verdict = TD_REVIEW_UNKNOWN};
	td_review_cancel(review);
	done(&result, err, userdata);
}

/* doubtful: the server could not check all that it wanted to. The answer stands, but the next one may be another. */
static void decide(struct td_review *review, enum td_review_verdict verdict, bool doubtful)
{
	struct td_error none;

	td_error_clear(&none);
	review->result.verdict = verdict;
	if (!doubtful)
		td_review_cache_put(&review->reviewer->cache, &review->key, &review->result,
				    td_loop_now_ms(review->reviewer->loop));
	end(review, &none);
}

static void fail(struct td_review *review, const struct td_error *err, const struct td_kube_resource *resource)
{
	struct td_error why = *err;

	if (why.http_status == 403)
		td_error_wrap(&why,
			      "this sidecar's service account may not create %s.%s (cluster role system:auth-delegator is "
			      "missing)",
			      resource->plural, resource->group);
	end(review, &why);
}

static void refuse_answer(struct td_review *review, const char *what)
{
	struct td_error err;

	(void)td_error_set(&err, TD_ERR_PROTOCOL, "the API server's answer makes no sense: %s", what);
	end(review, &err);
}

/* Something between us and the API server may answer with anything. */
static const json_t *status_of(const json_t *object, const char *kind)
{
	return td_text_equal(td_json_text(object, "kind"), kind) ? td_json_at(object, "status") : NULL;
}

static bool has_text(const json_t *status, const char *path)
{
	const char *text = td_json_text(status, path);

	return text && text[0];
}

/* ---- the two reviews ---- */

static struct td_kube_call *create(struct td_review *review, const struct td_kube_resource *resource, json_t *body,
				   td_kube_done_fn done, struct td_error *err)
{
	struct td_kube_call *call = NULL;

	if (body)
		call = td_kube_start(
			review->reviewer->kube,
			&(struct td_kube_request){
				.verb = TD_KUBE_CREATE, .resource = resource, .body = body, .timeout_ms = STEP_MS},
			done, review, err);
	else
		(void)td_error_set(err, TD_ERR_NOMEM, "%s: out of memory", resource->plural);
	json_decref(body);
	return call;
}

static void on_access_review(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_review *review = userdata;
	const json_t *status = status_of(object, "SubjectAccessReview"), *denied = td_json_at(status, "denied");
	bool doubtful = has_text(status, "evaluationError"), allowed;

	review->call = NULL;
	if (err->code != TD_OK)
		fail(review, err, &access_reviews);
	else if (!td_json_bool(status, "allowed", &allowed) || (denied && !json_is_boolean(denied)))
		refuse_answer(review, "subjectaccessreviews: no status.allowed, or an odd status.denied");
	else if (allowed && !json_is_true(denied))
		decide(review, TD_REVIEW_ALLOWED, doubtful);
	else
		decide(review, TD_REVIEW_DENIED, doubtful);
}

/* What the TokenReview says of the user, as it is, for the SubjectAccessReview. NULL: a member that is not what it must be, or out of
 * memory. */
static json_t *access_review_of(const struct td_review *review, const json_t *user)
{
	const struct td_reviewer *reviewer = review->reviewer;
	json_t *groups = td_json_at(user, "groups"), *uid = td_json_at(user, "uid"), *extra = td_json_at(user, "extra"),
	       *value;
	const char *key;
	size_t i, j;

	if ((groups && !json_is_array(groups)) || (uid && !json_is_string(uid)) || (extra && !json_is_object(extra)))
		return NULL;
	json_array_foreach (groups, i, value)
		if (!json_is_string(value))
			return NULL;
	json_object_foreach (extra, key, value) {
		const json_t *one;

		if (!json_is_array(value))
			return NULL;
		json_array_foreach (value, j, one)
			if (!json_is_string(one))
				return NULL;
	}
	return json_pack("{s:s,s:s,s:{s:s,s:O*,s:O*,s:O*,s:{s:s,s:s,s:s,s:s,s:s}}}", "apiVersion", AUTHORIZATION "/v1",
			 "kind", "SubjectAccessReview", "spec", "user", review->result.user, "groups", groups, "uid", uid,
			 "extra", extra, "resourceAttributes", "namespace", reviewer->namespace_, "verb", review->verb,
			 "group", reviewer->resource->group, "version", reviewer->resource->version, "resource",
			 reviewer->resource->plural);
}

/* A name that holds a NUL would be another one as a C string. */
static bool take_name(struct td_review *review, const json_t *name)
{
	const char *text = json_string_value(name);

	return text && text[0] && strlen(text) == json_string_length(name) &&
	       td_text_copy(review->result.user, sizeof(review->result.user), text);
}

/* The token is somebody's. */
static void ask_access(struct td_review *review, const json_t *user)
{
	json_t *body;
	struct td_error err;

	if (!take_name(review, td_json_at(user, "username"))) {
		refuse_answer(review, "tokenreviews: no status.user.username, or an odd one");
		return;
	}
	body = access_review_of(review, user);
	if (!body) {
		refuse_answer(review, "tokenreviews: groups, uid or extra of status.user");
		return;
	}
	review->call = create(review, &access_reviews, body, on_access_review, &err);
	if (!review->call)
		end(review, &err);
}

/* The API server leaves "authenticated" out when it is false, and says then in "error" what it could not check: most often it means
 * that the token is nobody's, but it may be a webhook that is down. Not remembered, then. */
static void on_token_review(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_review *review = userdata;
	const json_t *status = status_of(object, "TokenReview"), *authenticated = td_json_at(status, "authenticated");

	review->call = NULL;
	if (err->code != TD_OK)
		fail(review, err, &token_reviews);
	else if (!json_is_object(status) || (authenticated && !json_is_boolean(authenticated)))
		refuse_answer(review, "tokenreviews: no status, or an odd status.authenticated");
	else if (json_is_true(authenticated))
		ask_access(review, td_json_at(status, "user"));
	else
		decide(review, TD_REVIEW_UNAUTHENTICATED, has_text(status, "error"));
}

/* ---- the beginning ---- */

static void on_remembered(void *userdata)
{
	struct td_error none;

	td_error_clear(&none);
	end(userdata, &none);
}

static bool begin(struct td_review *review, const char *token, struct td_error *err)
{
	const struct td_review_result *known =
		td_review_cache_get(&review->reviewer->cache, &review->key, td_loop_now_ms(review->reviewer->loop));

	if (!known) {
		review->call = create(review, &token_reviews,
				      json_pack("{s:s,s:s,s:{s:s}}", "apiVersion", AUTHENTICATION "/v1", "kind",
						"TokenReview", "spec", "token", token),
				      on_token_review, err);
		return review->call != NULL;
	}
	review->result = *known;
	review->remembered = td_timer_new(review->reviewer->loop, on_remembered, review);
	if (!review->remembered) {
		(void)td_error_set(err, TD_ERR_NOMEM, "review: out of memory");
		return false;
	}
	td_timer_arm(review->remembered, 0);
	return true;
}

struct td_review *td_review_start(struct td_reviewer *reviewer, const char *token, const char *verb, td_review_fn done,
				  void *userdata, struct td_error *err)
{
	struct td_review *review = calloc(1, sizeof(*review));

	if (!review || !td_review_key_of(&review->key, token, verb)) {
		(void)td_error_set(err, TD_ERR_NOMEM, "review: out of memory");
		free(review);
		return NULL;
	}
	review->reviewer = reviewer;
	review->verb = verb;
	review->done = done;
	review->userdata = userdata;
	if (!begin(review, token, err)) {
		td_review_cancel(review);
		return NULL;
	}
	return review;
}
