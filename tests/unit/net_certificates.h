/* Certificates for the tests of TLS, made anew in a directory of their own: two authorities that do not know each other, and
 * what they sign. */
#ifndef NET_CERTIFICATES_H
#define NET_CERTIFICATES_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
	char certificate_file[128];
	char key_file[128];
};

static inline void add_extension(X509 *certificate, int id, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, id, value);

	assert_non_null(extension);
	assert_true(X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

static inline void identity_write(const struct identity *identity)
{
	FILE *file = fopen(identity->certificate_file, "w");

	assert_non_null(file);
	assert_true(PEM_write_X509(file, identity->certificate));
	fclose(file);
	file = fopen(identity->key_file, "w");
	assert_non_null(file);
	assert_true(PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL));
	fclose(file);
}

/* Writes DIR/NAME.pem and DIR/NAME.key. issuer NULL: an authority. names: "IP:127.0.0.1,DNS:td.test". */
static inline struct identity identity_make(const char *dir, const char *name, const struct identity *issuer,
					    const char *names)
{
	static long serial;
	struct identity identity = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
	X509_NAME *subject = X509_get_subject_name(identity.certificate);

	snprintf(identity.certificate_file, sizeof(identity.certificate_file), "%s/%s.pem", dir, name);
	snprintf(identity.key_file, sizeof(identity.key_file), "%s/%s.key", dir, name);
	X509_set_version(identity.certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(identity.certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(identity.certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(identity.certificate), 3600);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(identity.certificate, issuer ? X509_get_subject_name(issuer->certificate) : subject);
	X509_set_pubkey(identity.certificate, identity.key);
	if (issuer)
		add_extension(identity.certificate, NID_subject_alt_name, names);
	else
		add_extension(identity.certificate, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(identity.certificate, issuer ? issuer->key : identity.key, EVP_sha256()) > 0);
	identity_write(&identity);
	return identity;
}

static inline void identity_done(struct identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->certificate);
	unlink(identity->certificate_file);
	unlink(identity->key_file);
}

struct certificates {
	char dir[64];
	struct identity authority, stranger; /* the stranger: an authority nobody trusts */
	struct identity server;		     /* 127.0.0.1 and td.test, signed by the authority */
	struct identity client;		     /* signed by the authority */
	struct identity foreign;	     /* 127.0.0.1 and td.test, signed by the stranger */
};

static inline void certificates_init(struct certificates *all)
{
	strcpy(all->dir, "/tmp/td-certificates-XXXXXX");
	assert_non_null(mkdtemp(all->dir));
	all->authority = identity_make(all->dir, "authority", NULL, NULL);
	all->stranger = identity_make(all->dir, "stranger", NULL, NULL);
	all->server = identity_make(all->dir, "server", &all->authority, "IP:127.0.0.1,DNS:td.test");
	all->client = identity_make(all->dir, "client", &all->authority, "DNS:client");
	all->foreign = identity_make(all->dir, "foreign", &all->stranger, "IP:127.0.0.1,DNS:td.test");
}

static inline void certificates_done(struct certificates *all)
{
	identity_done(&all->authority);
	identity_done(&all->stranger);
	identity_done(&all->server);
	identity_done(&all->client);
	identity_done(&all->foreign);
	rmdir(all->dir);
}

#endif
