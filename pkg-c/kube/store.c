/* The informer's copy of the objects: a sorted array, searched by halves. 10,000 pods are 160 KB of pointers, and an insert
 * moves at most that; a tree would cost more memory than it saves time.
 *
 * Invariants: sorted by name, names unique, every name points into its own object. Differences are collected, not called
 * back: the store is already in its new state when the first of them is told, so a handler that looks around sees one
 * consistent copy, and an allocation that fails leaves everything as it was.
 *
 * resourceVersions are opaque and never ordered: events are applied as they come, which is the order of the server. */
#include "kube/store.h"

#include "base/json.h"
#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void entries_clear(struct td_store *store)
{
	for (size_t i = 0; i < store->count; i++)
		json_decref(store->entries[i].object);
	store->count = 0;
}

void td_store_done(struct td_store *store)
{
	entries_clear(store);
	free(store->entries);
	*store = (struct td_store){0};
}

void td_store_differences_done(struct td_store_differences *differences)
{
	for (size_t i = 0; i < differences->count; i++)
		json_decref(differences->items[i].object);
	free(differences->items);
	*differences = (struct td_store_differences){0};
}

/* Room for extra more elements of size bytes each in an array that doubles. */
static bool reserve(void **array, size_t count, size_t *cap, size_t extra, size_t size)
{
	size_t need = count + extra, next = *cap ? *cap : 8;
	void *grown;

	if (need <= *cap)
		return true;
	while (next < need)
		next *= 2;
	if (next > SIZE_MAX / size)
		return false;
	grown = realloc(*array, next * size);
	if (!grown)
		return false;
	*array = grown;
	*cap = next;
	return true;
}

static bool reserve_entry(struct td_store *store)
{
	void *entries = store->entries;
	bool ok = reserve(&entries, store->count, &store->cap, 1, sizeof(store->entries[0]));

	store->entries = entries;
	return ok;
}

static bool reserve_differences(struct td_store_differences *differences, size_t extra)
{
	void *items = differences->items;
	bool ok = reserve(&items, differences->count, &differences->cap, extra, sizeof(differences->items[0]));

	differences->items = items;
	return ok;
}

/* The room is there already. */
static void tell(struct td_store_differences *differences, enum td_informer_change change,
		 const struct td_store_entry *entry)
{
	differences->items[differences->count++] =
		(struct td_store_difference){change, entry->name, json_incref(entry->object)};
}

/* The index of name, or of where it belongs. */
static size_t position(const struct td_store *store, const char *name, bool *ret_found)
{
	size_t low = 0, high = store->count;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(store->entries[middle].name, name);

		if (!order) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool same_text(const json_t *a, const json_t *b, const char *path)
{
	return td_text_equal(td_json_text(a, path), td_json_text(b, path));
}

static const char *name_of(const json_t *object)
{
	const char *name = td_json_text(object, "metadata.name");

	return name && *name ? name : NULL;
}

enum td_error_code td_store_put(struct td_store *store, json_t *object, struct td_store_differences *differences)
{
	struct td_store_entry fresh = {name_of(object), object}, *entry;
	bool found, same;
	size_t at;

	if (!fresh.name)
		return TD_ERR_PROTOCOL;
	if (!reserve_entry(store) || !reserve_differences(differences, 2))
		return TD_ERR_NOMEM;
	at = position(store, fresh.name, &found);
	entry = &store->entries[at];
	same = found && same_text(entry->object, object, "metadata.uid");
	json_incref(object);
	if (!found) {
		memmove(entry + 1, entry, (store->count - at) * sizeof(*entry));
		store->count++;
	} else {
		if (!same)
			tell(differences, TD_INFORMER_DELETED, entry);
		json_decref(entry->object);
	}
	*entry = fresh;
	tell(differences, same ? TD_INFORMER_MODIFIED : TD_INFORMER_ADDED, entry);
	return TD_OK;
}

enum td_error_code td_store_remove(struct td_store *store, const json_t *object, struct td_store_differences *differences)
{
	const char *name = name_of(object);
	struct td_store_entry *entry;
	bool found;
	size_t at;

	if (!name)
		return TD_ERR_PROTOCOL;
	at = position(store, name, &found);
	if (!found)
		return TD_OK;
	if (!reserve_differences(differences, 1))
		return TD_ERR_NOMEM;
	entry = &store->entries[at];
	tell(differences, TD_INFORMER_DELETED, entry);
	json_decref(entry->object);
	store->count--;
	memmove(entry, entry + 1, (store->count - at) * sizeof(*entry));
	return TD_OK;
}

enum td_error_code td_store_collect(struct td_store *fresh, json_t *object)
{
	struct td_store_entry entry = {name_of(object), object};

	if (!entry.name)
		return TD_ERR_PROTOCOL;
	if (!reserve_entry(fresh))
		return TD_ERR_NOMEM;
	json_incref(object);
	fresh->entries[fresh->count++] = entry;
	return TD_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct td_store_entry *left = a, *right = b;

	return strcmp(left->name, right->name);
}

/* Sorts, and of equal names keeps one: a server repeats a name only across pages that contradict each other, and then the
 * events that follow settle it. */
static void sort_unique(struct td_store *fresh)
{
	size_t kept = 0;

	if (fresh->count < 2)
		return;
	qsort(fresh->entries, fresh->count, sizeof(fresh->entries[0]), by_name);
	for (size_t i = 1; i < fresh->count; i++) {
		if (!strcmp(fresh->entries[kept].name, fresh->entries[i].name))
			json_decref(fresh->entries[kept].object);
		else
			kept++;
		fresh->entries[kept] = fresh->entries[i];
	}
	fresh->count = kept + 1;
}

/* The same name in the old and the new list. */
static void compare(const struct td_store_entry *old, const struct td_store_entry *fresh,
		    struct td_store_differences *differences)
{
	if (!same_text(old->object, fresh->object, "metadata.uid")) {
		tell(differences, TD_INFORMER_DELETED, old);
		tell(differences, TD_INFORMER_ADDED, fresh);
	} else if (!same_text(old->object, fresh->object, "metadata.resourceVersion")) {
		tell(differences, TD_INFORMER_MODIFIED, fresh);
	}
}

enum td_error_code td_store_replace(struct td_store *store, struct td_store *fresh, struct td_store_differences *differences)
{
	size_t old = 0, new = 0;

	sort_unique(fresh);
	if (!reserve_differences(differences, store->count + fresh->count))
		return TD_ERR_NOMEM;
	while (old < store->count || new < fresh->count) {
		int order = old == store->count	  ? 1
			    : new == fresh->count ? -1
						  : strcmp(store->entries[old].name, fresh->entries[new].name);

		if (order < 0)
			tell(differences, TD_INFORMER_DELETED, &store->entries[old++]);
		else if (order > 0)
			tell(differences, TD_INFORMER_ADDED, &fresh->entries[new ++]);
		else
			compare(&store->entries[old++], &fresh->entries[new ++], differences);
	}
	td_store_done(store);
	*store = *fresh;
	*fresh = (struct td_store){0};
	return TD_OK;
}

json_t *td_store_get(const struct td_store *store, const char *name)
{
	bool found;
	size_t at = position(store, name, &found);

	return found ? store->entries[at].object : NULL;
}
