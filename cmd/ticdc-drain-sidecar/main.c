/* ticdc-drain-sidecar: reads the configuration and runs the daemon (pkg-c/sidecar/app.h). */
#include "base/log.h"
#include "sidecar/app.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#ifndef TD_VERSION
#define TD_VERSION "unknown"
#endif

int main(int argc, char **argv)
{
	struct td_config config;
	struct td_error err;
	bool show_help, show_version;
	int status = 2;

	(void)signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error of the write, not our end */
	if (td_config_load(&config, argc, argv, environ, &show_help, &show_version, &err) != TD_OK) {
		(void)fprintf(stderr, "ticdc-drain-sidecar: %s\n", err.text);
	} else if (show_help) {
		td_config_print_help(stdout);
		status = 0;
	} else if (show_version) {
		puts("ticdc-drain-sidecar " TD_VERSION);
		status = 0;
	} else {
		td_log_set_level((enum td_log_level)td_log_level_from_text(config.log_level)); /* checked by then */
		status = td_app_run(&config, TD_VERSION);
	}
	td_config_done(&config);
	return status;
}
