/* Reading small files: tokens, names, certificates given by reference. */
#ifndef TD_KUBE_FILE_H
#define TD_KUBE_FILE_H

#include "base/error.h"

#include <stddef.h>

/* The whole file without white space at its end, as text the caller frees with td_kube_secret_free. NULL with *err set:
 * unreadable, empty, larger than max bytes, or with a 0 inside. */
char *td_kube_read_file(const char *path, size_t max, struct td_error *err);

/* Zeroes, then frees. NULL is fine. */
void td_kube_secret_free(char *secret);

#endif
