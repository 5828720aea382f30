/* What a client of the drain API sends: its token, the capture id in the path, the body of a PUT. Everything is foreign: checked here,
 * and refused by name and value. */
#ifndef TD_SIDECAR_DRAIN_API_INPUT_H
#define TD_SIDECAR_DRAIN_API_INPUT_H

#include "base/error.h"
#include "coordinator/types.h"

#include <stddef.h>

/* The body of a PUT. */
struct td_drain_input {
	int64_t batch_size, timeout_seconds; /* 0: not given */
	bool dry_run;
};

/* The token inside the value of an Authorization header ("Bearer x"). NULL: it is none; header may be NULL. */
const char *td_drain_input_token(const char *header);

/* An id that TiCDC could have given and that can be part of an object's name: a DNS label. TD_OK or TD_ERR_INVALID. */
enum td_error_code td_drain_input_capture(char ret[TD_ID_MAX], const char *text, size_t len, struct td_error *err);

/* Empty, or a JSON object with some of batch_size, timeout_seconds and dry_run. TD_OK, TD_ERR_INVALID or TD_ERR_NOMEM. */
enum td_error_code td_drain_input_body(struct td_drain_input *ret, const char *text, size_t len, struct td_error *err);

#endif
