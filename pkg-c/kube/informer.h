/* A live copy of the objects of one kind in one namespace: list, then watch from there, for ever. The reflector behind it is
 * a pure machine (kube/reflector.h); this file gives it sockets and time. client-go's rules: bookmarks, a random 5 to 10
 * minute watch timeout, a normal end re-watches from the last version, 410 lists again, refused and 429 back off 0.8 to 30 s
 * (Retry-After respected) without a new list, a watch that ends within a second without an event counts as an error.
 * Unlike client-go lists are consistent reads in pages: memory for one page, and never older than what was seen before. */
#ifndef TD_KUBE_INFORMER_H
#define TD_KUBE_INFORMER_H

#include "kube/client.h"
#include "kube/store.h"

struct td_informer;

struct td_informer_options {
	const struct td_kube_resource *resource;
	const char *namespace_;
	const char *label_selector; /* NULL or "": all */

	/* Called on each object before it is stored: returns a new, smaller tree with what is needed (a new reference), or
	 * NULL when out of memory. NULL keeps the whole object. metadata.{name,uid,resourceVersion} must survive. */
	json_t *(*project)(json_t *object);
};

/* enum td_informer_change { TD_INFORMER_ADDED, TD_INFORMER_MODIFIED, TD_INFORMER_DELETED }: see kube/store.h. An object that
 * was deleted and made again under its name (another uid) is told as DELETED, then ADDED. Handlers may free the informer. */
struct td_informer_handlers {
	/* object: the stored (projected) tree, for DELETED the last known one. Borrowed. A relist tells the differences. */
	void (*changed)(enum td_informer_change change, const char *name, json_t *object, void *userdata);
	void (*synced)(void *userdata);				    /* the first list is complete; once */
	void (*failed)(const struct td_error *err, void *userdata); /* each failed list or watch, for the log; may be NULL */
};

struct td_informer *td_informer_new(struct td_loop *loop, struct td_kube_client *client,
				    const struct td_informer_options *options, const struct td_informer_handlers *handlers,
				    void *userdata); /* starts by itself. NULL: out of memory. options are copied */
struct td_informer *td_informer_free(struct td_informer *informer); /* returns NULL */

bool td_informer_is_synced(const struct td_informer *informer);

/* Milliseconds since the server last confirmed the copy (the start of a list, an event, a bookmark, the regular end of a
 * watch); -1 before the first list is complete. Healthy, it stays below about 75 s: bookmarks come every minute. */
int64_t td_informer_staleness_ms(const struct td_informer *informer);

json_t *td_informer_get(const struct td_informer *informer, const char *name); /* borrowed; NULL: not there */
size_t td_informer_count(const struct td_informer *informer);

/* In order of name. fn must not change the informer. */
void td_informer_each(const struct td_informer *informer, void (*fn)(const char *name, json_t *object, void *userdata),
		      void *userdata);

#endif
