/* See workload.h. */
#include "coordinator/workload.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

void td_workload_init(struct td_workload *workload)
{
	*workload = (struct td_workload){0};
}

static void changefeed_free(struct td_changefeed *changefeed)
{
	free(changefeed->name);
	free(changefeed->spans);
	free(changefeed);
}

static void forget(struct td_workload *workload)
{
	for (size_t i = 0; i < workload->count; i++)
		changefeed_free(workload->items[i]);
	free(workload->items);
	workload->items = NULL;
	workload->count = 0;
	workload->known = false;
	workload->target_maintainers = workload->target_dispatchers = 0;
	workload->unplaced_maintainers = workload->unplaced_others = 0;
	memset(workload->cursors, 0, sizeof(workload->cursors));
}

void td_workload_done(struct td_workload *workload)
{
	forget(workload);
	td_workload_init(workload);
}

void td_workload_set_target(struct td_workload *workload, const char *id, const char *address)
{
	forget(workload);
	(void)td_text_copy(workload->target, sizeof(workload->target), id);
	(void)td_text_copy(workload->target_address, sizeof(workload->target_address), address);
}

static int by_span(const void *a, const void *b)
{
	const struct td_target_span *x = a, *y = b;

	if (x->table_id != y->table_id)
		return x->table_id < y->table_id ? -1 : 1;
	return (int)x->mode - (int)y->mode;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct td_changefeed *const *)a)->name, (*(struct td_changefeed *const *)b)->name);
}

/* Index of a name; workload->count when it is not there. */
static size_t index_of(const struct td_workload *workload, const char *name)
{
	size_t low = 0, high = workload->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(workload->items[middle]->name, name);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return workload->count;
}

struct td_changefeed *td_workload_find(const struct td_workload *workload, const char *name)
{
	size_t index = index_of(workload, name);

	return index < workload->count ? workload->items[index] : NULL;
}

bool td_workload_maintainer_on_target(const struct td_workload *workload, const struct td_changefeed *changefeed)
{
	return changefeed->running && changefeed->maintainer_addr[0] &&
	       strcmp(changefeed->maintainer_addr, workload->target_address) == 0;
}

bool td_changefeed_has_span(const struct td_changefeed *changefeed, int64_t table_id, uint8_t mode)
{
	struct td_target_span key = {.table_id = table_id, .mode = mode};

	return changefeed->span_count &&
	       bsearch(&key, changefeed->spans, changefeed->span_count, sizeof(key), by_span) != NULL;
}

#define CERTAIN_READS 2 /* an empty address can be the middle of a move: twice is absent */

static bool wants(const struct td_workload *workload, const struct td_changefeed *changefeed, enum td_want want)
{
	if (!changefeed->running)
		return false;
	if (want == TD_WANT_DISPATCHERS) /* it is their maintainer that moves them */
		return changefeed->maintainer_addr[0] && changefeed->span_cursor < changefeed->span_count;
	if (want == TD_WANT_PLACE)
		return !changefeed->maintainer_addr[0] && changefeed->absent_reads >= CERTAIN_READS;
	return td_workload_maintainer_on_target(workload, changefeed);
}

struct td_changefeed *td_workload_next(struct td_workload *workload, enum td_want want)
{
	size_t *cursor = &workload->cursors[want];

	while (*cursor < workload->count && !wants(workload, workload->items[*cursor], want))
		(*cursor)++;
	return *cursor < workload->count ? workload->items[*cursor] : NULL;
}

void td_workload_skip(struct td_workload *workload, enum td_want want)
{
	workload->cursors[want]++;
}

void td_workload_revisit(struct td_workload *workload, const char *name, enum td_want want)
{
	size_t index = index_of(workload, name);

	if (index == workload->count)
		return;
	if (want == TD_WANT_DISPATCHERS)
		workload->items[index]->span_cursor = 0;
	if (index < workload->cursors[want] && wants(workload, workload->items[index], want))
		workload->cursors[want] = index;
}

void td_workload_rewind(struct td_workload *workload, enum td_want want)
{
	workload->cursors[want] = 0;
	for (size_t i = 0; want == TD_WANT_DISPATCHERS && i < workload->count; i++)
		workload->items[i]->span_cursor = 0;
}

/* Adds (sign 1) or takes away (sign -1) a changefeed's share of the sums. */
static void account(struct td_workload *workload, const struct td_changefeed *changefeed, int sign)
{
	uint32_t step = (uint32_t)sign;

	if (!changefeed->running)
		return;
	if (td_workload_maintainer_on_target(workload, changefeed))
		workload->target_maintainers += step;
	if (!changefeed->maintainer_addr[0])
		workload->unplaced_maintainers += step;
	workload->target_dispatchers += step * (uint32_t)changefeed->span_count;
	workload->unplaced_others += step * changefeed->unplaced;
}

/* Copies the view's spans that matter. False: out of memory, nothing changed. */
static bool take_spans(const struct td_workload *workload, struct td_changefeed *changefeed,
		       const struct td_changefeed_view *view)
{
	struct td_target_span *spans = NULL;
	size_t count = 0;
	uint32_t unplaced = view->triggers_unplaced;

	if (view->span_count) {
		spans = malloc(view->span_count * sizeof(*spans));
		if (!spans)
			return false;
	}
	for (size_t i = 0; i < view->span_count; i++) {
		if (!view->spans[i].node[0])
			unplaced++;
		else if (strcmp(view->spans[i].node, workload->target) == 0)
			spans[count++] = (struct td_target_span){view->spans[i].table_id, view->spans[i].mode};
	}
	if (count)
		qsort(spans, count, sizeof(*spans), by_span);
	free(changefeed->spans);
	changefeed->spans = spans;
	changefeed->span_count = count;
	changefeed->span_cursor = 0;
	changefeed->unplaced = unplaced;
	return true;
}

/* The one place where a changefeed's books change. */
static bool update(struct td_workload *workload, struct td_changefeed *changefeed, int64_t asked_ms,
		   const struct td_changefeed_view *view)
{
	if (asked_ms < changefeed->asked_ms)
		return true;
	account(workload, changefeed, -1);
	if (view->tables_known && !take_spans(workload, changefeed, view)) {
		account(workload, changefeed, 1);
		return false;
	}
	changefeed->asked_ms = asked_ms;
	changefeed->running = view->running;
	(void)td_text_copy(changefeed->maintainer_addr, sizeof(changefeed->maintainer_addr), view->maintainer_addr);
	if (!view->running || view->maintainer_addr[0])
		changefeed->absent_reads = 0;
	account(workload, changefeed, 1);
	return true;
}

/* Carries the loads of nodes over to what the view shows and the books do not yet, until a whole reading sets them anew. */
static void shift_loads(const struct td_workload *workload, struct td_nodes *nodes, const struct td_changefeed *changefeed,
			const struct td_changefeed_view *view)
{
	struct td_node *from = td_nodes_at_address(nodes, changefeed->maintainer_addr);
	struct td_node *to = td_nodes_at_address(nodes, view->maintainer_addr);

	if (from != to) {
		td_node_add_load(nodes, from, TD_LOAD_MAINTAINERS, -1);
		td_node_add_load(nodes, to, TD_LOAD_MAINTAINERS, 1);
	}
	from = td_nodes_find(nodes, workload->target);
	for (size_t i = 0; view->tables_known && i < view->span_count; i++) {
		const struct td_span *span = &view->spans[i];

		to = td_nodes_find(nodes, span->node);
		if (to == from || !td_changefeed_has_span(changefeed, span->table_id, span->mode))
			continue;
		td_node_add_load(nodes, from, TD_LOAD_DISPATCHERS, -1);
		td_node_add_load(nodes, to, TD_LOAD_DISPATCHERS, 1);
	}
}

bool td_workload_apply_one(struct td_workload *workload, struct td_nodes *nodes, int64_t asked_ms,
			   const struct td_changefeed_view *view)
{
	struct td_changefeed *changefeed = td_workload_find(workload, view->name);

	if (!changefeed || asked_ms < changefeed->asked_ms)
		return true;
	shift_loads(workload, nodes, changefeed, view);
	return update(workload, changefeed, asked_ms, view);
}

/* Appends at the end: the caller sorts. */
static struct td_changefeed *add(struct td_workload *workload, const char *name)
{
	struct td_changefeed *changefeed = calloc(1, sizeof(*changefeed));
	struct td_changefeed **items;

	if (!changefeed)
		return NULL;
	changefeed->name = strdup(name);
	items = realloc(workload->items, (workload->count + 1) * sizeof(*items));
	if (items)
		workload->items = items;
	if (!items || !changefeed->name) {
		changefeed_free(changefeed);
		return NULL;
	}
	workload->items[workload->count++] = changefeed;
	return changefeed;
}

static void drop_unseen(struct td_workload *workload)
{
	size_t kept = 0;

	for (size_t i = 0; i < workload->count; i++) {
		if (workload->items[i]->seen) {
			workload->items[kept++] = workload->items[i];
			continue;
		}
		account(workload, workload->items[i], -1);
		changefeed_free(workload->items[i]);
	}
	workload->count = kept;
}

static void set_loads(struct td_nodes *nodes, const struct td_workload_view *view)
{
	for (size_t i = 0; i < nodes->count; i++)
		memset(nodes->items[i].load, 0, sizeof(nodes->items[i].load));
	for (size_t i = 0; i < view->count; i++) {
		const struct td_changefeed_view *changefeed = &view->changefeeds[i];
		struct td_node *node = changefeed->running ? td_nodes_at_address(nodes, changefeed->maintainer_addr) : NULL;

		if (node)
			node->load[TD_LOAD_MAINTAINERS]++;
		for (size_t j = 0; changefeed->running && j < changefeed->span_count; j++) {
			node = td_nodes_find(nodes, changefeed->spans[j].node);
			if (node)
				node->load[TD_LOAD_DISPATCHERS]++;
		}
	}
	td_destinations_rebuild(nodes);
}

/* A new coordinator's books are empty until it has heard of everybody: what is absent there is not for that reason absent. */
static void count_absent(struct td_changefeed *changefeed, bool same_coordinator)
{
	if (!same_coordinator)
		changefeed->absent_reads = 0;
	if (changefeed->running && !changefeed->maintainer_addr[0])
		changefeed->absent_reads++;
}

bool td_workload_apply(struct td_workload *workload, struct td_nodes *nodes, int64_t asked_ms,
		       const struct td_workload_view *view)
{
	size_t known = workload->count;
	bool same = strcmp(workload->coordinator, view->coordinator) == 0;

	for (size_t i = 0; i < known; i++)
		workload->items[i]->seen = false;
	workload->known = false;
	for (size_t i = 0; i < view->count; i++) {
		struct td_changefeed *changefeed = NULL;
		struct td_workload sorted = *workload;

		sorted.count = known; /* what add() appended is not sorted yet */
		changefeed = td_workload_find(&sorted, view->changefeeds[i].name);
		if (!changefeed)
			changefeed = add(workload, view->changefeeds[i].name);
		if (!changefeed || !update(workload, changefeed, asked_ms, &view->changefeeds[i]))
			return false;
		changefeed->seen = true;
		count_absent(changefeed, same);
	}
	drop_unseen(workload);
	if (workload->count)
		qsort(workload->items, workload->count, sizeof(struct td_changefeed *), by_name);
	set_loads(nodes, view);
	memset(workload->cursors, 0, sizeof(workload->cursors));
	(void)td_text_copy(workload->coordinator, sizeof(workload->coordinator), view->coordinator);
	workload->known = true;
	workload->asked_ms = asked_ms;
	return true;
}
