/* The one error type. An error is a value: it is copied, wrapped once per level on the way up, and logged once at the top.
 * Reporting an error cannot fail: the text is bounded and cut, never allocated. */
#ifndef TD_BASE_ERROR_H
#define TD_BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

enum td_error_code {
	TD_OK = 0,
	TD_ERR_NOMEM,	  /* an allocation failed */
	TD_ERR_INVALID,	  /* bad input: a flag, a file, an object of a user */
	TD_ERR_SYSTEM,	  /* a system call failed; see sys_errno */
	TD_ERR_CONNECT,	  /* the request never reached the other side */
	TD_ERR_TIMEOUT,	  /* a deadline passed: the request may or may not have taken effect */
	TD_ERR_TRANSPORT, /* the connection broke half way: the request may or may not have taken effect */
	TD_ERR_TOO_LARGE, /* a limit of ours was reached */
	TD_ERR_PROTOCOL,  /* the answer makes no sense: bad JSON, wrong type, missing field */
	TD_ERR_HTTP,	  /* an answer with a status that is not success; see http_status */
	TD_ERR_CANCELLED, /* given up by ourselves */
	TD_ERR_COUNT
};

struct td_error {
	enum td_error_code code;
	int http_status;	/* 0 when there was no HTTP answer */
	int sys_errno;		/* 0 when no system call failed */
	int64_t retry_after_ms; /* -1 when the other side did not ask for a pause */
	char text[320];		/* for people; always terminated */
};

/* The name of a code in logs and metrics, for example "timeout". */
const char *td_error_name(enum td_error_code code);

void td_error_clear(struct td_error *err);

/* Sets *err and returns its code. err may be NULL: then only the code is returned. */
enum td_error_code td_error_set(struct td_error *err, enum td_error_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts context in front of the text: "get pod a/b: connection refused". Keeps everything else. NULL is fine. */
void td_error_wrap(struct td_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* True when the other side certainly did not act on the request, so that it is safe to say "failed"
 * (refused connection, or a complete HTTP answer with an error status). False means "unknown". */
bool td_error_is_definite(const struct td_error *err);

#endif
