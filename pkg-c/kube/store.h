/* Objects of one kind by name, in order of name, with the differences that each step makes. Pure. */
#ifndef TD_KUBE_STORE_H
#define TD_KUBE_STORE_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>

enum td_informer_change { TD_INFORMER_ADDED, TD_INFORMER_MODIFIED, TD_INFORMER_DELETED };

struct td_store_entry {
	const char *name; /* inside object */
	json_t *object;	  /* owned */
};

/* A list of objects. As the store: in order of name, each name once. While a fresh list is put together: in any order. */
struct td_store {
	struct td_store_entry *entries;
	size_t count, cap;
};

struct td_store_difference {
	enum td_informer_change change;
	const char *name; /* inside object */
	json_t *object;	  /* owned: outlives what is done to the store meanwhile */
};

struct td_store_differences {
	struct td_store_difference *items;
	size_t count, cap;
};

/* Both start as {0}. The done functions leave them empty and usable. */
void td_store_done(struct td_store *store);
void td_store_differences_done(struct td_store_differences *differences);

/* All of the following either happen completely or, with an error, not at all. They add what changed to *differences.
 * Objects are borrowed and counted up. TD_ERR_NOMEM; TD_ERR_PROTOCOL: the object has no metadata.name. */

/* An ADDED or MODIFIED event. An object of the same name with another uid is a deletion and an addition. */
enum td_error_code td_store_put(struct td_store *store, json_t *object, struct td_store_differences *differences);

/* A DELETED event. The difference holds the last object known. A name not there is no difference. */
enum td_error_code td_store_remove(struct td_store *store, const json_t *object, struct td_store_differences *differences);

/* Adds to a list that is being put together. */
enum td_error_code td_store_collect(struct td_store *fresh, json_t *object);

/* A complete list: what is missing is deleted, what is new is added, what has another resourceVersion is modified; in order
 * of name. Of two with the same name one counts. *fresh is empty afterwards; on an error it is as before (but sorted). */
enum td_error_code td_store_replace(struct td_store *store, struct td_store *fresh,
				    struct td_store_differences *differences);

json_t *td_store_get(const struct td_store *store, const char *name); /* borrowed; NULL: not there */

#endif
