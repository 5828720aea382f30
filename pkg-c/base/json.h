/* Reading foreign JSON without believing it: a missing member, a wrong type and an out-of-range number are told apart from
 * every value. Thin over jansson; the tree is always borrowed. */
#ifndef TD_BASE_JSON_H
#define TD_BASE_JSON_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* One whole JSON value. flags: jansson's decoding flags. NULL with *err set: TD_ERR_NOMEM, or TD_ERR_PROTOCOL with the place and the
 * reason. Use this and not json_load*: when memory runs out inside jansson's lexer, those return a tree that lacks a byte. */
json_t *td_json_parse(const char *text, size_t len, size_t flags, struct td_error *err);

/* Walks a dotted path of object members ("metadata.deletionTimestamp"). NULL when a step is missing or no object.
 * A JSON null counts as missing. */
json_t *td_json_at(const json_t *root, const char *path);

/* The string at path, or NULL when missing or not a string. Borrowed. */
const char *td_json_text(const json_t *root, const char *path);

/* False, and *ret untouched, when missing or of another type. */
bool td_json_int(const json_t *root, const char *path, int64_t *ret);
bool td_json_bool(const json_t *root, const char *path, bool *ret);

#endif
