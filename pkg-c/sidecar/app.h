/* The daemon put together: one loop, one API client, two informers, the agent, the election, and while we lead, the shell. */
#ifndef TD_SIDECAR_APP_H
#define TD_SIDECAR_APP_H

#include "sidecar/config.h"

/* Runs until SIGTERM or SIGINT has been obeyed (see agent.h: not before the gate has opened). Returns the exit status; errors at
 * the start are logged and 1. config is borrowed; version is for the log. */
int td_app_run(const struct td_config *config, const char *version);

#endif
