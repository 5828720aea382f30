/* What an unquoted YAML scalar means. For base/yaml.c. */
#ifndef TD_BASE_YAML_SCALAR_H
#define TD_BASE_YAML_SCALAR_H

#include <jansson.h>

/* By the core schema of YAML 1.2 (10.3.2). The caller owns the value. NULL: *ret_problem says what JSON cannot hold, or is
 * NULL when memory ran out. */
json_t *td_yaml_plain(const char *text, const char **ret_problem);

#endif
