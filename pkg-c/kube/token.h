/* The bearer token as it is now. */
#ifndef TD_KUBE_TOKEN_H
#define TD_KUBE_TOKEN_H

#include "kube/config.h"

#define TD_KUBE_TOKEN_AGE_MS 50000 /* read again from then on: before it is a minute old, as in client-go */

struct td_kube_token {
	char *header;	 /* "Authorization: Bearer ..."; NULL: none */
	int64_t read_ms; /* when the file was read */
	bool stale;	 /* refused by the server: read again before the next request */
};

/* Reads the file again when it is time. The old token stays in use when that fails and there is one: the file is missing for
 * a moment in some rotations. header NULL with TD_OK: the configuration has no token. */
enum td_error_code td_kube_token_refresh(struct td_kube_token *token, const struct td_kube_config *config, int64_t now_ms,
					 struct td_error *err);

void td_kube_token_done(struct td_kube_token *token); /* zeroes */

#endif
