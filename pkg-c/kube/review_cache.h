/* What a reviewer heard lately: a short memory, so that a client that polls does not cost the API server two requests each time.
 * Keys are SHA-256 of what was asked: a token itself is never kept. Pure: the time is an argument. */
#ifndef TD_KUBE_REVIEW_CACHE_H
#define TD_KUBE_REVIEW_CACHE_H

#include "kube/review.h"

#define TD_REVIEW_CACHE_MAX 64
#define TD_REVIEW_CACHE_MS 10000 /* a right that is taken away works this much longer */
#define TD_REVIEW_KEY_BYTES 32

struct td_review_key {
	unsigned char bytes[TD_REVIEW_KEY_BYTES];
};

struct td_review_cache {
	struct {
		struct td_review_key key;
		int64_t until_ms; /* 0: never used */
		struct td_review_result result;
	} entries[TD_REVIEW_CACHE_MAX]; /* starts as {0} */
};

/* False: the digest could not be made; then there is no key and nothing can be remembered. */
bool td_review_key_of(struct td_review_key *ret, const char *token, const char *verb);

/* NULL: not known, or not any more. Borrowed until the next put. */
const struct td_review_result *td_review_cache_get(const struct td_review_cache *cache, const struct td_review_key *key,
						   int64_t now_ms);

/* When all places are taken, the one that would be forgotten first is. */
void td_review_cache_put(struct td_review_cache *cache, const struct td_review_key *key,
			 const struct td_review_result *result, int64_t now_ms);

#endif
