/* Small files of the kubelet's making: service account token and namespace, and what a kubeconfig names. They are replaced
 * by rename, so that one open sees one version whole. What is read may be a secret: every copy made here is zeroed. */
#include "kube/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void td_kube_secret_free(char *secret)
{
	if (!secret)
		return;
	explicit_bzero(secret, strlen(secret));
	free(secret);
}

/* Reads up to size bytes, without stdio's own buffer, which nobody would zero. False with *err set. */
static bool read_into(const char *path, char *into, size_t size, size_t *ret_len, struct td_error *err)
{
	FILE *file = fopen(path, "re");
	bool ok;

	if (!file) {
		int saved = errno;

		(void)td_error_set(err, TD_ERR_SYSTEM, "%s: %s", path, strerror(saved));
		if (err)
			err->sys_errno = saved;
		return false;
	}
	(void)setvbuf(file, NULL, _IONBF, 0);
	*ret_len = fread(into, 1, size, file);
	ok = !ferror(file);
	(void)fclose(file);
	if (!ok)
		(void)td_error_set(err, TD_ERR_SYSTEM, "%s: cannot be read", path);
	return ok;
}

/* into holds len bytes and has room for one more. Returns a copy of just the text. */
static char *accept_text(const char *path, char *into, size_t len, size_t max, struct td_error *err)
{
	char *text;

	if (len > max) {
		(void)td_error_set(err, TD_ERR_TOO_LARGE, "%s: larger than %zu bytes", path, max);
		return NULL;
	}
	while (len && strchr(" \t\r\n", into[len - 1]) && into[len - 1])
		len--;
	if (!len || memchr(into, '\0', len)) {
		(void)td_error_set(err, TD_ERR_INVALID, "%s: %s", path, len ? "not a text" : "empty");
		return NULL;
	}
	text = strndup(into, len);
	if (!text)
		(void)td_error_set(err, TD_ERR_NOMEM, "%s: out of memory", path);
	return text;
}

char *td_kube_read_file(const char *path, size_t max, struct td_error *err)
{
	char *text = NULL, *into = malloc(max + 1);
	size_t len = 0;

	if (!into) {
		(void)td_error_set(err, TD_ERR_NOMEM, "%s: out of memory", path);
		return NULL;
	}
	if (read_into(path, into, max + 1, &len, err))
		text = accept_text(path, into, len, max, err);
	explicit_bzero(into, max + 1);
	free(into);
	return text;
}
