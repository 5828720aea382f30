/* Label selectors, as the API server reads them: checked where they are configured, because a wrong one would only show as a list
 * that fails for ever. */
#ifndef TD_KUBE_SELECTOR_H
#define TD_KUBE_SELECTOR_H

#include "base/error.h"

#include <stddef.h>

/* "a=b,c!=d,e in (f,g),h notin (i),j,!k" with the API's rules for keys and values. TD_OK, or TD_ERR_INVALID that says what is wrong
 * at which part. An empty selector is one: it selects everything. */
enum td_error_code td_kube_selector_check(const char *text, struct td_error *err);

/* A DNS label (RFC 1123): lower case letters, digits and '-' inside, 1 to 63 of them. */
bool td_kube_is_dns_label(const char *text, size_t len);

#endif
