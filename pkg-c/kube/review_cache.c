/* See review_cache.h. Few entries, so they are simply looked through. */
#include "kube/review_cache.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

/* The terminator of the token keeps "ab" + "c" apart from "a" + "bc". */
bool td_review_key_of(struct td_review_key *ret, const char *token, const char *verb)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool ok = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(digest, token, strlen(token) + 1) == 1 &&
		  EVP_DigestUpdate(digest, verb, strlen(verb)) == 1 && EVP_DigestFinal_ex(digest, ret->bytes, NULL) == 1;

	EVP_MD_CTX_free(digest);
	return ok;
}

const struct td_review_result *td_review_cache_get(const struct td_review_cache *cache, const struct td_review_key *key,
						   int64_t now_ms)
{
	for (size_t i = 0; i < TD_REVIEW_CACHE_MAX; i++)
		if (cache->entries[i].until_ms > now_ms &&
		    CRYPTO_memcmp(cache->entries[i].key.bytes, key->bytes, sizeof(key->bytes)) == 0)
			return &cache->entries[i].result;
	return NULL;
}

void td_review_cache_put(struct td_review_cache *cache, const struct td_review_key *key,
			 const struct td_review_result *result, int64_t now_ms)
{
	size_t place = 0;

	for (size_t i = 0; i < TD_REVIEW_CACHE_MAX; i++) {
		if (CRYPTO_memcmp(cache->entries[i].key.bytes, key->bytes, sizeof(key->bytes)) == 0) {
			place = i;
			break;
		}
		if (cache->entries[i].until_ms < cache->entries[place].until_ms)
			place = i;
	}
	cache->entries[place].key = *key;
	cache->entries[place].until_ms = now_ms + TD_REVIEW_CACHE_MS;
	cache->entries[place].result = *result;
}
