/* The server side of TLS: one certificate that follows its files. For net/ alone. */
#ifndef TD_NET_TLS_H
#define TD_NET_TLS_H

#include "base/error.h"

#include <openssl/ssl.h>

struct td_tls_server;

/* Reads the certificate chain and the key (PEM). NULL with *err set when they cannot be read or do not fit together. */
struct td_tls_server *td_tls_server_new(const char *certificate_file, const char *key_file, struct td_error *err);
struct td_tls_server *td_tls_server_free(struct td_tls_server *tls); /* NULL is fine; returns NULL */

/* One side of a new connection, by the files as they are now: when one has changed, both are read again first; while they
 * make no sense (half written, not yet a pair) the last good ones serve. NULL: out of memory. The caller owns it. */
SSL *td_tls_server_accept(struct td_tls_server *tls);

#endif
