/* Puts the preStop hook where TiCDC's container can run it: a copy in a volume that both containers mount. TiCDC's own image
 * needs nothing of ours. */
#ifndef TD_SIDECAR_HOOK_INSTALL_H
#define TD_SIDECAR_HOOK_INSTALL_H

#include "base/error.h"

/* Copies ticdc-drain-prestop, which lies beside this very program, into directory (mode 0755), replacing an old one in one step:
 * a hook that runs meanwhile keeps its file. */
enum td_error_code td_hook_install(const char *directory, struct td_error *err);

#endif
