/* See hook_install.h. */
#include "sidecar/hook_install.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOOK "ticdc-drain-prestop"

static enum td_error_code fail(struct td_error *err, const char *what, const char *path)
{
	int saved = errno;
	enum td_error_code code =
		td_error_set(err, TD_ERR_SYSTEM, "install the preStop hook: %s %s: %s", what, path, strerror(saved));

	err->sys_errno = saved;
	return code;
}

static bool copy_all(int from, int to)
{
	ssize_t copied;

	do {
		copied = sendfile(to, from, NULL, 1 << 20);
	} while (copied > 0 || (copied < 0 && errno == EINTR));
	return copied == 0 && fchmod(to, 0755) == 0;
}

/* The path of the hook beside /proc/self/exe. */
static bool source_path(char *into, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", into, size - 1);
	char *slash;

	if (len < 0)
		return false;
	into[len] = '\0';
	slash = strrchr(into, '/');
	return slash &&
	       (size_t)snprintf(slash + 1, size - (size_t)(slash + 1 - into), HOOK) < size - (size_t)(slash + 1 - into);
}

enum td_error_code td_hook_install(const char *directory, struct td_error *err)
{
	char source[PATH_MAX], target[PATH_MAX], temporary[PATH_MAX];
	enum td_error_code code = TD_OK;
	int from, to;

	if (!source_path(source, sizeof(source)))
		return fail(err, "find", HOOK);
	if ((size_t)snprintf(target, sizeof(target), "%s/" HOOK, directory) >= sizeof(target) ||
	    (size_t)snprintf(temporary, sizeof(temporary), "%s/." HOOK ".%d", directory, (int)getpid()) >= sizeof(temporary))
		return td_error_set(err, TD_ERR_INVALID, "install the preStop hook: the path %.64s... is too long",
				    directory);
	from = open(source, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return fail(err, "open", source);
	to = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (to < 0) {
		code = fail(err, "create", temporary);
		(void)close(from);
		return code;
	}
	if (!copy_all(from, to))
		code = fail(err, "write", temporary);
	if (close(to) != 0 && code == TD_OK)
		code = fail(err, "write", temporary);
	(void)close(from);
	if (code == TD_OK && rename(temporary, target) != 0)
		code = fail(err, "rename to", target);
	if (code != TD_OK)
		(void)unlink(temporary);
	return code;
}
