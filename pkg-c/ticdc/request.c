/* See request.h. Why names are encoded: they come from the cluster or from people, and a "&" or "/" in one must not become a
 * second parameter or another path. Called by call.c and by whoever asks about a changefeed. */
#include "ticdc/request.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECRET_MAX 1024
#define PATH_BYTES_MAX ((size_t)8 * 1024)

/* "user:password", the file's last line end cut off. The length, or -1 with *err set. */
static int read_credentials(const char *user, const char *password_file, char *into, size_t size, struct td_error *err)
{
	int used = snprintf(into, size, "%s:", user);
	ssize_t got = 0;
	int fd, failure;

	if (used < 0 || (size_t)used >= size) {
		td_error_set(err, TD_ERR_INVALID, "the user name is too long");
		return -1;
	}
	if (!password_file)
		return used;
	fd = open(password_file, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		got = read(fd, into + used, size - (size_t)used);
	failure = errno;
	if (fd >= 0)
		(void)close(fd);
	if (fd < 0 || got < 0) {
		td_error_set(err, TD_ERR_SYSTEM, "read %s: %s", password_file, strerror(failure));
		err->sys_errno = failure;
		return -1;
	}
	used += (int)got;
	if ((size_t)used >= size) {
		td_error_set(err, TD_ERR_INVALID, "%s is too long", password_file);
		return -1;
	}
	for (; got > 0 && (into[used - 1] == '\n' || into[used - 1] == '\r'); got--)
		used--;
	return used;
}

bool td_ticdc_put_authorization(const char *user, const char *password_file, struct td_buf *into, struct td_error *err)
{
	char plain[SECRET_MAX], coded[SECRET_MAX * 2];
	int len = read_credentials(user, password_file, plain, sizeof(plain), err);
	bool fits = len >= 0;

	if (fits) {
		(void)EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)plain, len);
		fits = td_buf_append_format(into, "Authorization: Basic %s", coded);
		if (!fits)
			td_error_set(err, TD_ERR_NOMEM, "out of memory");
		explicit_bzero(coded, sizeof(coded));
	}
	explicit_bzero(plain, sizeof(plain));
	return fits;
}

static bool append_encoded(struct td_buf *buf, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool plain = c < 128 && (isalnum(c) || strchr("-_.", c));

		if (!(plain ? td_buf_append(buf, &text[i], 1) : td_buf_append_format(buf, "%%%02X", c)))
			return false;
	}
	return true;
}

char *td_ticdc_changefeed_path(const char *name, const char *resource, const char *query)
{
	const char *slash = strchr(name, '/');
	struct td_buf path;
	char *taken;
	bool whole;

	if (!slash)
		return NULL;
	td_buf_init(&path, PATH_BYTES_MAX);
	whole = td_buf_append_text(&path, "/api/v2/changefeeds/") && append_encoded(&path, slash + 1, strlen(slash + 1)) &&
		td_buf_append_format(&path, "%s%s?keyspace=", resource[0] ? "/" : "", resource) &&
		append_encoded(&path, name, (size_t)(slash - name)) && td_buf_append_text(&path, "&namespace=") &&
		append_encoded(&path, name, (size_t)(slash - name)) && td_buf_append_text(&path, query);
	taken = whole ? td_buf_take(&path) : NULL;
	td_buf_done(&path);
	return taken;
}

char *td_ticdc_changefeeds_path(const char *keyspace)
{
	size_t len = strlen(keyspace);
	struct td_buf path;
	char *taken;
	bool whole;

	td_buf_init(&path, PATH_BYTES_MAX);
	whole = td_buf_append_text(&path, "/api/v2/changefeeds?state=all&keyspace=") &&
		append_encoded(&path, keyspace, len) && td_buf_append_text(&path, "&namespace=") &&
		append_encoded(&path, keyspace, len);
	taken = whole ? td_buf_take(&path) : NULL;
	td_buf_done(&path);
	return taken;
}

char *td_ticdc_classic_move_path(const char *name)
{
	static const char namespace_[] = "default/";
	size_t skip = sizeof(namespace_) - 1;
	struct td_buf path;
	char *taken;
	bool whole;

	if (strncmp(name, namespace_, skip) != 0)
		return NULL;
	td_buf_init(&path, PATH_BYTES_MAX);
	whole = td_buf_append_text(&path, "/api/v1/changefeeds/") &&
		append_encoded(&path, name + skip, strlen(name + skip)) && td_buf_append_text(&path, "/tables/move_table");
	taken = whole ? td_buf_take(&path) : NULL;
	td_buf_done(&path);
	return taken;
}

char *td_ticdc_processor_path(const char *name, const char *capture)
{
	const char *slash = strchr(name, '/');
	struct td_buf path;
	char *taken;
	bool whole;

	if (!slash)
		return NULL;
	td_buf_init(&path, PATH_BYTES_MAX);
	whole = td_buf_append_text(&path, "/api/v2/processors/") && append_encoded(&path, slash + 1, strlen(slash + 1)) &&
		td_buf_append_text(&path, "/") && append_encoded(&path, capture, strlen(capture)) &&
		td_buf_append_text(&path, "?namespace=") && append_encoded(&path, name, (size_t)(slash - name));
	taken = whole ? td_buf_take(&path) : NULL;
	td_buf_done(&path);
	return taken;
}
