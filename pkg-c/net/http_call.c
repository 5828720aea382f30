/* One HTTP call, see http_call.h.
 *
 * The line between "certainly not acted on" and "unknown" is on_before_send, which libcurl calls when a connection stands
 * (TLS included), before the first byte of a request: what fails earlier is TD_ERR_CONNECT. libcurl would also silently send
 * a request again when a kept connection turns out dead: that is refused for everything but GET and HEAD, because the first
 * copy may have been acted on. */
#include "net/http_call.h"

#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES_MAX 65536
#define RETRY_AFTER_S_MAX 86400
#define DNS_CACHE_S 5L	      /* a restarted pod keeps its name and changes its address */
#define CONNECTION_S_MAX 300L /* then a new one is made: rotated certificates come into use also when never idle */

/* ---- what libcurl calls back ---- */

static int status_of(CURL *easy)
{
	long status = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

static int on_before_send(void *userdata, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct td_http_call *call = userdata;

	(void)remote_ip;
	(void)local_ip;
	(void)remote_port;
	(void)local_port;
	if (call->state != TD_CALL_RUNNING)
		return CURL_PREREQFUNC_ABORT;
	if (call->sent && !call->may_resend) {
		(void)td_error_set(&call->stop, TD_ERR_TRANSPORT, "the connection closed before an answer");
		return CURL_PREREQFUNC_ABORT;
	}
	call->sent = true;
	td_timer_arm(call->timer, call->idle_timeout_ms);
	return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *userdata)
{
	struct td_http_call *call = userdata;
	size_t len = size * count;

	if (call->state != TD_CALL_RUNNING)
		return 0;
	if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
		call->headers_whole = false; /* of the next answer: the one before was a 100 */
	else if (len > 0 && (bytes[0] == '\r' || bytes[0] == '\n'))
		call->headers_whole = true;
	td_timer_arm(call->timer, call->idle_timeout_ms);
	call->header_bytes += len;
	if (call->header_bytes > HEADER_BYTES_MAX) {
		(void)td_error_set(&call->stop, TD_ERR_TOO_LARGE, "headers of over %d bytes", HEADER_BYTES_MAX);
		return 0;
	}
	return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *userdata)
{
	struct td_http_call *call = userdata;
	size_t len = size * count;

	if (call->state != TD_CALL_RUNNING)
		return 0;
	td_timer_arm(call->timer, call->idle_timeout_ms);
	if (call->on_data && status_of(call->easy) / 100 == 2) {
		if (!call->on_data(bytes, len, call->userdata))
			(void)td_error_set(&call->stop, TD_ERR_CANCELLED, "ended by the receiver");
		return call->state == TD_CALL_RUNNING && call->stop.code == TD_OK ? len : 0;
	}
	if (len > call->body.max - call->body.len)
		(void)td_error_set(&call->stop, TD_ERR_TOO_LARGE, "an answer of over %zu bytes", call->body.max);
	else if (!td_buf_append(&call->body, bytes, len))
		(void)td_error_set(&call->stop, TD_ERR_NOMEM, "no memory for the answer");
	return call->stop.code == TD_OK ? len : 0;
}

/* ---- what came of it ---- */

void td_http_call_explain(const struct td_http_call *call, CURLcode code, struct td_error *err)
{
	const char *reason = call->reason[0] != '\0' ? call->reason : curl_easy_strerror(code);
	long sys_errno = 0;

	if (call->stop.code != TD_OK) {
		*err = call->stop;
		return;
	}
	td_error_clear(err);
	if (code == CURLE_OK) {
		/* To libcurl, a connection closed between two header lines ends the headers. */
		if (!call->headers_whole)
			(void)td_error_set(err, TD_ERR_TRANSPORT, "the connection closed within the headers");
		return;
	}
	if (code == CURLE_OUT_OF_MEMORY)
		(void)td_error_set(err, TD_ERR_NOMEM, "%s", reason);
	else if (!call->sent)
		(void)td_error_set(err, TD_ERR_CONNECT, "%s", reason);
	else if (code == CURLE_OPERATION_TIMEDOUT)
		(void)td_error_set(err, TD_ERR_TIMEOUT, "%s", reason);
	else
		(void)td_error_set(err, TD_ERR_TRANSPORT, "%s", reason);
	if (!call->sent && curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &sys_errno) == CURLE_OK && sys_errno != 0) {
		size_t used = strlen(err->text);

		err->sys_errno = (int)sys_errno;
		(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(err->sys_errno));
	}
}

static int64_t retry_after_ms(CURL *easy)
{
	struct curl_header *header;
	int64_t seconds;

	if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return -1;
	return td_text_to_int64(header->value, 0, RETRY_AFTER_S_MAX, &seconds) ? seconds * 1000 : -1;
}

struct td_http_response td_http_call_response(const struct td_http_call *call)
{
	const char *type = NULL;

	(void)curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
	return (struct td_http_response){.status = status_of(call->easy),
					 .content_type = type ? type : "",
					 .retry_after_ms = retry_after_ms(call->easy),
					 .body = td_buf_text(&call->body),
					 .body_len = call->body.len};
}

/* ---- what is asked for ---- */

static bool add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer)
		*list = longer;
	return longer != NULL;
}

/* libcurl writes method and headers as they are: a line break inside would start a header, or a request, of its own. */
static bool is_one_line(const char *text)
{
	return text[strcspn(text, "\r\n")] == '\0';
}

static enum td_error_code check(const struct td_http_request *request, struct td_error *err)
{
	assert(request->connect_timeout_ms > 0 && request->total_timeout_ms > 0 && request->idle_timeout_ms > 0);
	if (strncasecmp(request->url, "http://", 7) != 0 && strncasecmp(request->url, "https://", 8) != 0)
		return td_error_set(err, TD_ERR_INVALID, "not an http or https URL: %s", request->url);
	if (!is_one_line(request->method))
		return td_error_set(err, TD_ERR_INVALID, "a line break in the method");
	for (const char *const *header = request->headers; header && *header; header++) {
		if (!is_one_line(*header)) /* the header may be a token: not shown */
			return td_error_set(err, TD_ERR_INVALID, "a line break in header %d",
					    (int)(header - request->headers));
	}
	return TD_OK;
}

static bool set_headers(struct td_http_call *call, const struct td_http_request *request)
{
	/* "Name:" without a value keeps libcurl from sending its own: no wait for 100-continue, no form type. */
	bool ok = add_line(&call->headers, "Expect:"), typed = false;

	for (const char *const *header = request->headers; ok && header && *header; header++) {
		typed = typed || strncasecmp(*header, "Content-Type:", 13) == 0;
		ok = add_line(&call->headers, *header);
	}
	return ok && (typed || add_line(&call->headers, "Content-Type:"));
}

#define SET(option, value) (curl_easy_setopt(call->easy, (option), (value)) == CURLE_OK)

static bool set_request(struct td_http_call *call, const struct td_http_request *request)
{
	bool is_head = strcmp(request->method, "HEAD") == 0;
	bool is_get = strcmp(request->method, "GET") == 0;
	bool wants_length = request->body || !strcmp(request->method, "POST") || !strcmp(request->method, "PUT");

	call->may_resend = is_get || is_head;
	if (wants_length && !(SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len) &&
			      SET(CURLOPT_COPYPOSTFIELDS, request->body ? request->body : "")))
		return false;
	if (is_head ? !SET(CURLOPT_NOBODY, 1L) : !SET(CURLOPT_CUSTOMREQUEST, request->method))
		return false;
	return SET(CURLOPT_URL, request->url) && SET(CURLOPT_HTTPHEADER, call->headers);
}

static bool set_connection(struct td_http_call *call, const struct td_http_request *request)
{
	char *target = NULL;
	bool ok = true;

	if (request->connect_to) {
		ok = asprintf(&target, "::%s", request->connect_to) >= 0 && add_line(&call->connect_to, target) &&
		     SET(CURLOPT_CONNECT_TO, call->connect_to);
		free(target);
	}
	return ok && SET(CURLOPT_PROXY, "") && SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
	       SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       SET(CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms) &&
	       SET(CURLOPT_TIMEOUT_MS, (long)request->total_timeout_ms) && SET(CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_S) &&
	       SET(CURLOPT_MAXLIFETIME_CONN, CONNECTION_S_MAX) &&
	       /* Else giving up a request whose name is being resolved blocks the loop until the resolver answers. */
	       SET(CURLOPT_QUICK_EXIT, 1L);
}

static bool set_tls(struct td_http_call *call, const struct td_http_tls *tls)
{
	/* No stored sessions and no cached store: a resumed or cached one would outlive the files it was checked with. */
	bool ok = SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(CURLOPT_SSL_SESSIONID_CACHE, 0L) &&
		  SET(CURLOPT_CA_CACHE_TIMEOUT, 0L);

	/* With a CA of its own the request must trust nothing else: libcurl's default directory goes. */
	if (ok && tls->ca_file)
		ok = SET(CURLOPT_CAINFO, tls->ca_file) && SET(CURLOPT_CAPATH, NULL);
	if (ok && tls->certificate_file)
		ok = SET(CURLOPT_SSLCERT, tls->certificate_file);
	if (ok && tls->key_file)
		ok = SET(CURLOPT_SSLKEY, tls->key_file);
	return ok;
}

static bool set_callbacks(struct td_http_call *call)
{
	return SET(CURLOPT_PRIVATE, call) && SET(CURLOPT_ERRORBUFFER, call->reason) &&
	       SET(CURLOPT_PREREQFUNCTION, on_before_send) && SET(CURLOPT_PREREQDATA, call) &&
	       SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, call) &&
	       SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, call);
}

struct td_http_call *td_http_call_new(struct td_loop *loop, const struct td_http_request *request, td_timer_fn on_timer,
				      struct td_error *err)
{
	struct td_http_call *call;

	if (check(request, err) != TD_OK)
		return NULL;
	call = calloc(1, sizeof(*call));
	if (!call)
		goto fail;
	call->idle_timeout_ms = request->idle_timeout_ms;
	td_buf_init(&call->body, request->body_max);
	td_error_clear(&call->stop);
	call->easy = curl_easy_init();
	call->timer = td_timer_new(loop, on_timer, call);
	if (call->easy && call->timer && set_callbacks(call) && set_headers(call, request) && set_request(call, request) &&
	    set_connection(call, request) && set_tls(call, &request->tls))
		return call;

fail:
	td_http_call_free(call);
	(void)td_error_set(err, TD_ERR_NOMEM, "no memory for a request");
	return NULL;
}

void td_http_call_free(struct td_http_call *call)
{
	if (!call)
		return;
	td_timer_free(call->timer);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	curl_slist_free_all(call->connect_to);
	td_buf_done(&call->body);
	free(call);
}
