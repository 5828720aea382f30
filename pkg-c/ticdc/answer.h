/* What all decoders share: is this answer the documented success, and if not, what did TiCDC say? Pure.
 * err is never NULL. */
#ifndef TD_TICDC_ANSWER_H
#define TD_TICDC_ANSWER_H

#include "ticdc/client.h"

#include <jansson.h>

/* The body's object if the answer has the wanted status, a JSON content type and one whole object without repeated keys;
 * the caller drops it. Else NULL with *err set. flags: of jansson's, besides the ones that are always on. */
json_t *td_ticdc_answer_object(const struct td_http_response *response, int status, size_t flags, struct td_error *err);

/* "items" of a list, checked against "total". Borrowed. NULL with *err set. */
json_t *td_ticdc_answer_items(const struct td_http_response *response, const json_t *root, struct td_error *err);

/* As td_ticdc_answer_object, but the content type may also be text/plain. */
json_t *td_ticdc_answer_loose_object(const struct td_http_response *response, struct td_error *err);

/* Sets *err to what an answer with another status than the documented one says. */
void td_ticdc_answer_refused(const struct td_http_response *response, struct td_error *err);

/* Sets *err to "the answer has the right status but makes no sense". Returns TD_ERR_PROTOCOL. */
enum td_error_code td_ticdc_answer_odd(const struct td_http_response *response, struct td_error *err, const char *what);

/* For a request that changes something: turns the error of an answer that may come from after the change into one that is
 * not definite. */
void td_ticdc_answer_doubt(const struct td_http_response *response, struct td_error *err);

/* Of an error answer: its code ("" when it has none), and true when the body has TiCDC's two-string form. False, and an
 * empty code, for everything else. */
bool td_ticdc_answer_fault(const struct td_http_response *response, struct td_ticdc_fault *ret);

/* 404 with gin's page: this build does not know the route. Any other 404 is not this. */
bool td_ticdc_answer_is_unknown_route(const struct td_http_response *response);

/* "host:port" and nothing else: it is put into a URL. */
bool td_ticdc_is_address(const char *text);

/* A capture id: not empty, fits, plain characters. */
bool td_ticdc_is_id(const char *text);

#endif
