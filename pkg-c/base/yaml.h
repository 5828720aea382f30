/* One YAML document as a JSON tree, for configuration files and kubeconfigs: the subset of YAML 1.2 that means the same to
 * everybody. Refused, with name and line: anchors and aliases, tags, duplicate keys, keys that are no scalars, more than one
 * document, none at all, more than 32 levels, infinities, NUL characters. */
#ifndef TD_BASE_YAML_H
#define TD_BASE_YAML_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>

/* Plain scalars are null, booleans, integers (64 bits) and floats by YAML 1.2's core schema, else strings; quoted and block
 * scalars are strings. Keys are always strings, as written. name stands in front of an error's text. NULL with *err set:
 * TD_ERR_INVALID or TD_ERR_NOMEM. The caller owns the tree. */
json_t *td_yaml_load_text(const char *text, size_t len, const char *name, struct td_error *err);

/* Also TD_ERR_SYSTEM (unreadable) and TD_ERR_TOO_LARGE (over max_bytes). */
json_t *td_yaml_load_file(const char *path, size_t max_bytes, struct td_error *err);

#endif
