/* Whether the values of a configuration make sense, before anything is started with them. */
#ifndef TD_SIDECAR_CONFIG_CHECK_H
#define TD_SIDECAR_CONFIG_CHECK_H

#include "sidecar/config.h"

/* TD_OK, or TD_ERR_INVALID: names the flag and the value, and what is wrong. Empty values are left to who needs them. */
enum td_error_code td_config_check(const struct td_config *config, struct td_error *err);

#endif
