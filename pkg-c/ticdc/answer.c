/* See answer.h. The rule: an answer is a success only if the status code is the documented one, the content type is JSON and
 * the body is one whole JSON object without repeated keys. Why so strict: many of the false finishes in the contract (rows
 * 3, 4, 16, 30) are a client that read a zero out of an error body, a missing field or an empty list.
 *
 * Everything else is an error. It carries error_code and error_msg when the body has TiCDC's two-string form, whatever its
 * content type says (2.4: a 503 of the classic family and a 400 from binding come as text/plain; a panic comes empty).
 *
 * Called by the decoders, and by family.c for the two questions that an error answers. Knows no endpoint. */
#include "ticdc/answer.h"

#include "base/json.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

static const char alphanumeric[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static bool has_media_type(const struct td_http_response *response, const char *media_type)
{
	size_t len = strlen(media_type);
	const char *type = response->content_type;

	return strncasecmp(type, media_type, len) == 0 && (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

enum td_error_code td_ticdc_answer_odd(const struct td_http_response *response, struct td_error *err, const char *what)
{
	td_error_set(err, TD_ERR_PROTOCOL, "%d: %s", response->status, what);
	err->http_status = response->status;
	return err->code;
}

static json_t *parse(const struct td_http_response *response, size_t flags, struct td_error *err)
{
	json_t *root = td_json_parse(response->body, response->body_len, JSON_REJECT_DUPLICATES | flags, err);

	if (!root && err->code != TD_ERR_NOMEM)
		(void)td_ticdc_answer_odd(response, err, "the body is not one whole JSON object");
	return root;
}

/* The two strings of an error body. text may be NULL. True only when both are there. */
static bool read_fault(const struct td_http_response *response, struct td_ticdc_fault *ret, char *text, size_t size)
{
	struct td_error ignored;
	json_t *root = response->body_len > 0 ? parse(response, 0, &ignored) : NULL;
	const char *code = root ? td_json_text(root, "error_code") : NULL;
	const char *message = root ? td_json_text(root, "error_msg") : NULL;
	bool whole = code && message && td_text_copy(ret->error_code, sizeof(ret->error_code), code);

	if (!whole)
		ret->error_code[0] = '\0';
	else if (text)
		(void)td_text_copy(text, size, message);
	json_decref(root);
	return whole;
}

bool td_ticdc_answer_fault(const struct td_http_response *response, struct td_ticdc_fault *ret)
{
	return read_fault(response, ret, NULL, 0);
}

bool td_ticdc_answer_is_unknown_route(const struct td_http_response *response)
{
	static const char page[] = "404 page not found";
	size_t len = strlen(page);

	return response->status == 404 && (response->body_len == len || response->body_len == len + 1) &&
	       memcmp(response->body, page, len) == 0;
}

/* An answer with another status than the documented one. Below 400 nobody refused anything: it makes no sense. */
void td_ticdc_answer_refused(const struct td_http_response *response, struct td_error *err)
{
	enum td_error_code code = response->status >= 400 ? TD_ERR_HTTP : TD_ERR_PROTOCOL;
	struct td_ticdc_fault fault;
	const char *name = fault.error_code;
	char text[256];

	if (read_fault(response, &fault, text, sizeof(text)))
		td_error_set(err, code, "%d %s: %s", response->status, name[0] ? name : "uncoded", text);
	else if (td_ticdc_answer_is_unknown_route(response))
		td_error_set(err, code, "404: this build does not know the route");
	else
		td_error_set(err, code, "%d without an explanation", response->status);
	err->http_status = response->status;
	err->retry_after_ms = response->retry_after_ms;
}

/* A 500 without a code comes from a broken forward or a panic, 502 to 504 from something in between, ErrTimeout from a move
 * that goes on (4.4): each of them may have taken effect. An answer below 400 is TD_ERR_PROTOCOL, which is not definite. */
void td_ticdc_answer_doubt(const struct td_http_response *response, struct td_error *err)
{
	struct td_ticdc_fault fault;

	if (err->code != TD_ERR_HTTP || response->status < 500)
		return;
	(void)read_fault(response, &fault, NULL, 0);
	if (strcmp(fault.error_code, "CDC:ErrTimeout") == 0)
		err->code = TD_ERR_TIMEOUT;
	else if (fault.error_code[0] == '\0')
		err->code = TD_ERR_TRANSPORT;
}

static json_t *object(const struct td_http_response *response, size_t flags, struct td_error *err)
{
	json_t *root = parse(response, flags, err);

	if (root && !json_is_object(root)) {
		json_decref(root);
		(void)td_ticdc_answer_odd(response, err, "the body is not an object");
		return NULL;
	}
	return root;
}

json_t *td_ticdc_answer_object(const struct td_http_response *response, int status, size_t flags, struct td_error *err)
{
	if (response->status != status) {
		td_ticdc_answer_refused(response, err);
		return NULL;
	}
	if (!has_media_type(response, "application/json")) {
		(void)td_ticdc_answer_odd(response, err, "the content type is not JSON");
		return NULL;
	}
	return object(response, flags, err);
}

json_t *td_ticdc_answer_loose_object(const struct td_http_response *response, struct td_error *err)
{
	if (response->status == 200 && has_media_type(response, "text/plain"))
		return object(response, 0, err);
	return td_ticdc_answer_object(response, 200, 0, err);
}

json_t *td_ticdc_answer_items(const struct td_http_response *response, const json_t *root, struct td_error *err)
{
	json_t *items = json_object_get(root, "items");
	json_t *total = json_object_get(root, "total");

	if (!json_is_array(items) || !json_is_number(total)) {
		(void)td_ticdc_answer_odd(response, err, "no list: total or items is missing");
		return NULL;
	}
	if (json_number_value(total) != (double)json_array_size(items)) {
		(void)td_ticdc_answer_odd(response, err, "total is not the number of items");
		return NULL;
	}
	return items;
}

static bool is_plain(const char *text, const char *also)
{
	for (; *text; text++)
		if (!strchr(alphanumeric, *text) && !strchr(also, *text))
			return false;
	return true;
}

bool td_ticdc_is_address(const char *text)
{
	const char *colon = strrchr(text, ':');
	int64_t port;

	return colon && colon != text && strlen(text) < TD_ADDRESS_MAX && is_plain(text, "-_.:[]") &&
	       td_text_to_int64(colon + 1, 1, 65535, &port);
}

bool td_ticdc_is_id(const char *text)
{
	return text[0] != '\0' && strlen(text) < TD_ID_MAX && is_plain(text, "-_.");
}
