/* See nodes.h. A list of captures is small (1 to 100): a sorted array. */
#include "coordinator/nodes.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

void td_nodes_init(struct td_nodes *nodes)
{
	*nodes = (struct td_nodes){0};
}

void td_nodes_done(struct td_nodes *nodes)
{
	free(nodes->items);
	free(nodes->departed);
	for (int i = 0; i < TD_LOAD_COUNT; i++)
		free(nodes->heap[i]);
	td_nodes_init(nodes);
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct td_node *)a)->id, ((const struct td_node *)b)->id);
}

static int id_to_node(const void *id, const void *node)
{
	return strcmp(id, ((const struct td_node *)node)->id);
}

struct td_node *td_nodes_find(const struct td_nodes *nodes, const char *id)
{
	return nodes->count ? bsearch(id, nodes->items, nodes->count, sizeof(*nodes->items), id_to_node) : NULL;
}

/* A node that was Alive and says that it is not (a drain of somebody else's, a fence, a shutdown) is not Alive for us either. */
static void take_reported_liveness(struct td_node *node, int reported)
{
	node->reported_liveness = reported;
	if (reported >= TD_STOPPING)
		(void)td_liveness_shut_down(&node->liveness);
}

static void fill(struct td_node *node, const struct td_node_view *view)
{
	(void)td_text_copy(node->id, sizeof(node->id), view->id);
	(void)td_text_copy(node->address, sizeof(node->address), view->address);
	(void)td_text_copy(node->pod, sizeof(node->pod), view->pod);
	node->is_coordinator = view->is_coordinator;
	node->answers = view->answers;
	node->pod_terminating = view->pod_terminating;
	take_reported_liveness(node, view->reported_liveness);
}

/* Room for a table of that many nodes. False: out of memory, nothing changed but room. */
static bool reserve(struct td_nodes *nodes, size_t count, struct td_node **ret, struct td_departed **ret_departed)
{
	for (int i = 0; i < TD_LOAD_COUNT; i++) {
		struct td_node **heap = realloc(nodes->heap[i], (count + 1) * sizeof(struct td_node *));

		if (!heap)
			return false;
		nodes->heap[i] = heap;
	}
	*ret = calloc(count + 1, sizeof(**ret));
	*ret_departed = *ret ? calloc(count + 1, sizeof(**ret_departed)) : NULL;
	if (!*ret_departed)
		free(*ret);
	return *ret_departed != NULL;
}

/* A node as it was, if it was there in one of the last two lists. */
static struct td_node remembered(const struct td_nodes *nodes, int64_t now_ms, const char *id)
{
	const struct td_node *known = td_nodes_find(nodes, id);
	struct td_node node = {.informed = true, .since_ms = nodes->reads ? now_ms : INT64_MIN};

	if (known)
		return *known;
	for (size_t i = 0; i < nodes->departed_count; i++) {
		if (strcmp(nodes->departed[i].id, id) != 0)
			continue;
		node.liveness = nodes->departed[i].liveness;
		memcpy(node.load, nodes->departed[i].load, sizeof(node.load));
	}
	return node;
}

/* Those of the present table that are not in the next one. */
static size_t list_departed(const struct td_nodes *nodes, const struct td_nodes *next, struct td_departed *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < nodes->count; i++) {
		const struct td_node *node = &nodes->items[i];

		if (td_nodes_find(next, node->id))
			continue;
		(void)td_text_copy(ret[count].id, sizeof(ret[count].id), node->id);
		memcpy(ret[count].load, node->load, sizeof(node->load));
		ret[count++].liveness = node->liveness;
	}
	return count;
}

/* TiCDC is busy for a moment after a drained capture has left (contract 6.4, clear phase): whom it was is kept to say so. */
static void remember_drained(struct td_nodes *nodes, int64_t now_ms, const struct td_departed *departed)
{
	for (size_t i = 0; i < nodes->departed_count; i++) {
		const struct td_node *node = td_nodes_find(nodes, departed[i].id);

		if (!node || node->reported_liveness < TD_DRAINING)
			continue;
		(void)td_text_copy(nodes->left_drained, sizeof(nodes->left_drained), node->id);
		nodes->left_ms = now_ms;
	}
}

bool td_nodes_apply(struct td_nodes *nodes, int64_t now_ms, const struct td_nodes_view *view)
{
	size_t room = view->count > nodes->count ? view->count : nodes->count;
	struct td_node *items;
	struct td_departed *departed;

	if (!reserve(nodes, room, &items, &departed))
		return false;
	for (size_t i = 0; i < view->count; i++) {
		items[i] = remembered(nodes, now_ms, view->nodes[i].id);
		fill(&items[i], &view->nodes[i]);
	}
	qsort(items, view->count, sizeof(*items), by_id);
	nodes->departed_count = list_departed(nodes, &(struct td_nodes){.items = items, .count = view->count}, departed);
	remember_drained(nodes, now_ms, departed);
	free(nodes->departed);
	nodes->departed = departed;
	free(nodes->items);
	nodes->items = items;
	nodes->count = view->count;
	if (view->coordinator[0] && strcmp(nodes->coordinator, view->coordinator) == 0) {
		nodes->coordinator_reads++;
	} else {
		nodes->coordinator_reads = view->coordinator[0] ? 1 : 0;
		nodes->coordinator_ms = nodes->reads ? now_ms : INT64_MIN;
	}
	(void)td_text_copy(nodes->coordinator, sizeof(nodes->coordinator), view->coordinator);
	nodes->reads++;
	nodes->read_ms = now_ms;
	td_destinations_rebuild(nodes);
	return true;
}

struct td_node *td_nodes_at_address(const struct td_nodes *nodes, const char *address)
{
	struct td_node *found = NULL;

	for (size_t i = 0; address[0] && i < nodes->count; i++)
		if (strcmp(nodes->items[i].address, address) == 0 && (!found || nodes->items[i].answers))
			found = &nodes->items[i];
	return found;
}

struct td_node *td_nodes_of_pod(const struct td_nodes *nodes, const char *pod)
{
	struct td_node *found = NULL;

	for (size_t i = 0; pod[0] && i < nodes->count; i++)
		if (strcmp(nodes->items[i].pod, pod) == 0 && (!found || nodes->items[i].answers))
			found = &nodes->items[i];
	return found;
}

static bool is_alive(const struct td_node *node)
{
	return td_liveness_of(&node->liveness) == TD_ALIVE && node->reported_liveness == TD_ALIVE && node->answers;
}

bool td_node_is_schedulable(const struct td_node *node)
{
	return is_alive(node) && !node->queued && !node->pod_terminating;
}

bool td_nodes_has_schedulable(const struct td_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (td_node_is_schedulable(&nodes->items[i]))
			return true;
	return false;
}

bool td_node_is_candidate(const struct td_nodes *nodes, const struct td_node *node)
{
	return is_alive(node) || nodes->count == 1;
}

bool td_nodes_has_candidate(const struct td_nodes *nodes, const char *except)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (strcmp(nodes->items[i].id, except) != 0 && is_alive(&nodes->items[i]))
			return true; /* an old list that names but one node is no reason to make that one the only one left */
	return false;
}

/* That a node does not answer, or has not said how it is, may pass. */
static bool is_lost_to_us(const struct td_node *node)
{
	return node->queued || td_liveness_of(&node->liveness) != TD_ALIVE || node->reported_liveness >= TD_DRAINING;
}

bool td_nodes_is_last(const struct td_nodes *nodes, const char *id, bool ours)
{
	for (size_t i = 0; i < nodes->count; i++) {
		const struct td_node *node = &nodes->items[i];

		if (strcmp(node->id, id) != 0 && !node->pod_terminating && !(ours && is_lost_to_us(node)))
			return false;
	}
	return true;
}
