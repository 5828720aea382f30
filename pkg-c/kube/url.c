/* /api/v1/... for the core group, /apis/<group>/<version>/... for the others. Names are encoded, and those that a URL parser
 * would treat as steps ("." and "..") refused: a name out of an object must not lead a request elsewhere. */
#include "kube/url.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

#define URL_MAX 16384 /* continue tokens and selectors are long; servers take about this much */
#define SEGMENT_MAX 1024

static bool append_encoded(struct td_buf *buf, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
	bool ok = true;

	while (*text && ok) {
		size_t run = strspn(text, plain);

		ok = td_buf_append(buf, text, run);
		text += run;
		if (ok && *text)
			ok = td_buf_append_format(buf, "%%%02X", (unsigned char)*text++);
	}
	return ok;
}

char *td_kube_encode(const char *text)
{
	struct td_buf buf;

	td_buf_init(&buf, strlen(text) * 3);
	if (!append_encoded(&buf, text)) {
		td_buf_done(&buf);
		return NULL;
	}
	return buf.data ? td_buf_take(&buf) : strdup("");
}

static bool is_segment(const char *text)
{
	return *text && strcmp(text, ".") && strcmp(text, "..") && strnlen(text, SEGMENT_MAX + 1) <= SEGMENT_MAX;
}

static bool append_segment(struct td_buf *buf, const char *text)
{
	return td_buf_append(buf, "/", 1) && append_encoded(buf, text);
}

static bool append_path(struct td_buf *buf, const struct td_kube_request *request)
{
	const struct td_kube_resource *resource = request->resource;
	bool ok = resource->group[0] ? td_buf_append_format(buf, "/apis/%s/%s", resource->group, resource->version)
				     : td_buf_append_format(buf, "/api/%s", resource->version);

	if (ok && request->namespace_)
		ok = td_buf_append_text(buf, "/namespaces") && append_segment(buf, request->namespace_);
	ok = ok && append_segment(buf, resource->plural);
	if (ok && request->name)
		ok = append_segment(buf, request->name);
	if (ok && request->subresource)
		ok = append_segment(buf, request->subresource);
	if (ok && request->query && request->query[0])
		ok = td_buf_append(buf, "?", 1) && td_buf_append_text(buf, request->query);
	return ok;
}

char *td_kube_url(const char *server, const struct td_kube_request *request, struct td_error *err)
{
	struct td_buf buf;

	if ((request->namespace_ && !is_segment(request->namespace_)) || (request->name && !is_segment(request->name))) {
		(void)td_error_set(err, TD_ERR_INVALID, "not the name of an object or namespace");
		return NULL;
	}
	td_buf_init(&buf, URL_MAX);
	if (td_buf_append_text(&buf, server) && append_path(&buf, request))
		return td_buf_take(&buf);
	td_buf_done(&buf);
	(void)td_error_set(err, TD_ERR_NOMEM, "no memory for the URL, or it is longer than %d bytes", URL_MAX);
	return NULL;
}
