/* Bound service account tokens live an hour or less and the kubelet replaces the file at 80 % of that, so a token read once
 * is a process that dies in the night. The file wins over a static token, as in client-go. A token goes into a header, so
 * one with anything but visible ASCII is refused rather than sent. The time is an argument. */
#include "kube/token.h"

#include "kube/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX (64u << 10)

void td_kube_token_done(struct td_kube_token *token)
{
	td_kube_secret_free(token->header);
	*token = (struct td_kube_token){0};
}

static enum td_error_code set_header(struct td_kube_token *token, const char *text, struct td_error *err)
{
	static const char prefix[] = "Authorization: Bearer ";
	size_t size = sizeof(prefix) + strlen(text);
	char *header;

	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~')
			return td_error_set(err, TD_ERR_INVALID, "the token holds a character that no token has");
	header = malloc(size);
	if (!header)
		return td_error_set(err, TD_ERR_NOMEM, "out of memory");
	(void)snprintf(header, size, "%s%s", prefix, text);
	td_kube_secret_free(token->header);
	token->header = header;
	return TD_OK;
}

static enum td_error_code read_file(struct td_kube_token *token, const char *path, struct td_error *err)
{
	struct td_error why;
	char *text = td_kube_read_file(path, TOKEN_MAX, &why);
	enum td_error_code code;

	if (!text) {
		if (err)
			*err = why;
		return why.code;
	}
	code = set_header(token, text, err);
	td_kube_secret_free(text);
	return code;
}

enum td_error_code td_kube_token_refresh(struct td_kube_token *token, const struct td_kube_config *config, int64_t now_ms,
					 struct td_error *err)
{
	enum td_error_code code;

	if (!config->token_file)
		return token->header || !config->token ? TD_OK : set_header(token, config->token, err);
	if (token->header && !token->stale && now_ms - token->read_ms < TD_KUBE_TOKEN_AGE_MS)
		return TD_OK;
	code = read_file(token, config->token_file, err);
	if (code != TD_OK)
		return token->header ? TD_OK : code;
	token->read_ms = now_ms;
	token->stale = false;
	return TD_OK;
}
