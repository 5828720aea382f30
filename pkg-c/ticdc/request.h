/* Inside the layer: the text of a request. */
#ifndef TD_TICDC_REQUEST_H
#define TD_TICDC_REQUEST_H

#include "base/buf.h"
#include "base/error.h"

/* The path of a changefeed's resource: "/api/v2/changefeeds/ID/RESOURCE?keyspace=K&namespace=K" + query ("&mode=1"). Both
 * spellings of the parameter, because each family ignores the other (3.4). resource may be "". NULL, which td_ticdc_ask
 * takes: no "keyspace/id", too long, or out of memory. The caller frees. */
char *td_ticdc_changefeed_path(const char *name, const char *resource, const char *query);

/* The path of a keyspace's changefeeds, in all states. NULL: out of memory. */
char *td_ticdc_changefeeds_path(const char *keyspace);

/* The path of the classic family's move_table (contract 5). NULL as above, and when the namespace is not "default", which it
 * does not know. */
char *td_ticdc_classic_move_path(const char *name);

/* The path of what a capture's processor of a changefeed does (classic family). NULL as above. */
char *td_ticdc_processor_path(const char *name, const char *capture);

/* Appends the header "Authorization: Basic ...". The password is the file's text up to its last line ends; NULL: empty. It
 * is read here, each time. The caller wipes what was appended. False with *err set. */
bool td_ticdc_put_authorization(const char *user, const char *password_file, struct td_buf *into, struct td_error *err);

#endif
