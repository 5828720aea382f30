/* See tls.h. Certificates are rotated by replacing files (cert-manager, the kubelet's secret volumes, which swap a symbolic
 * link). Nobody tells us, so each new connection compares what stat says with what was read last. The stamps are taken
 * before reading: a change during the reading is seen at the next connection. */
#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct td_tls_server {
	char *certificate_file;
	char *key_file;
	struct stamp stamps[2]; /* of what ctx was made from */
	SSL_CTX *ctx;
};

static bool take_stamp(const char *path, struct stamp *ret)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	*ret = (struct stamp){.device = st.st_dev, .inode = st.st_ino, .size = st.st_size, .changed = st.st_mtim};
	return true;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Empties OpenSSL's queue as well: what stays there is taken for the failure of the next connection. */
static void explain(struct td_error *err, const char *path)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	(void)td_error_set(err, TD_ERR_INVALID, "%s: %s", path, reason ? reason : "not usable");
	ERR_clear_error();
}

static SSL_CTX *make_context(const struct td_tls_server *tls, struct td_error *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
		explain(err, "TLS");
	else if (SSL_CTX_use_certificate_chain_file(ctx, tls->certificate_file) != 1)
		explain(err, tls->certificate_file);
	else if (SSL_CTX_use_PrivateKey_file(ctx, tls->key_file, SSL_FILETYPE_PEM) != 1 ||
		 SSL_CTX_check_private_key(ctx) != 1)
		explain(err, tls->key_file);
	else
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

/* Replaces the context when the files have changed and are good. */
static bool refresh(struct td_tls_server *tls, struct td_error *err)
{
	struct stamp now[2];
	SSL_CTX *ctx;

	for (int i = 0; i < 2; i++) {
		const char *path = i == 0 ? tls->certificate_file : tls->key_file;

		if (!take_stamp(path, &now[i])) {
			(void)td_error_set(err, TD_ERR_INVALID, "%s: %s", path, strerror(errno));
			return false;
		}
	}
	if (tls->ctx && same_stamp(&now[0], &tls->stamps[0]) && same_stamp(&now[1], &tls->stamps[1]))
		return true;
	ctx = make_context(tls, err);
	if (!ctx)
		return false;
	SSL_CTX_free(tls->ctx);
	tls->ctx = ctx;
	memcpy(tls->stamps, now, sizeof(now));
	return true;
}

struct td_tls_server *td_tls_server_new(const char *certificate_file, const char *key_file, struct td_error *err)
{
	struct td_tls_server *tls = calloc(1, sizeof(*tls));

	if (tls) {
		tls->certificate_file = strdup(certificate_file);
		tls->key_file = strdup(key_file);
	}
	if (!tls || !tls->certificate_file || !tls->key_file) {
		(void)td_error_set(err, TD_ERR_NOMEM, "no memory for TLS");
		return td_tls_server_free(tls);
	}
	return refresh(tls, err) ? tls : td_tls_server_free(tls);
}

struct td_tls_server *td_tls_server_free(struct td_tls_server *tls)
{
	if (!tls)
		return NULL;
	SSL_CTX_free(tls->ctx);
	free(tls->certificate_file);
	free(tls->key_file);
	free(tls);
	return NULL;
}

SSL *td_tls_server_accept(struct td_tls_server *tls)
{
	SSL *ssl;

	(void)refresh(tls, NULL);
	ssl = SSL_new(tls->ctx);
	if (!ssl)
		ERR_clear_error();
	return ssl;
}
