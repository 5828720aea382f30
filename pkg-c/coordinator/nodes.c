/* See nodes.h. A list of captures is small (1 to 100): a sorted array and linear choices are the simplest thing that is
 * fast enough, and their order is total by construction. */
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

bool td_nodes_apply(struct td_nodes *nodes, int64_t now_ms, const struct td_nodes_view *view)
{
	struct td_node *items = calloc(view->count ? view->count : 1, sizeof(*items));

	if (!items)
		return false;
	for (size_t i = 0; i < view->count; i++) {
		const struct td_node *known = td_nodes_find(nodes, view->nodes[i].id);

		if (known)
			items[i] = *known;
		fill(&items[i], &view->nodes[i]);
	}
	qsort(items, view->count, sizeof(*items), by_id);
	free(nodes->items);
	nodes->items = items;
	nodes->count = view->count;
	if (view->coordinator[0] && strcmp(nodes->coordinator, view->coordinator) == 0)
		nodes->coordinator_reads++;
	else
		nodes->coordinator_reads = view->coordinator[0] ? 1 : 0;
	(void)td_text_copy(nodes->coordinator, sizeof(nodes->coordinator), view->coordinator);
	nodes->reads++;
	nodes->read_ms = now_ms;
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

bool td_node_is_schedulable(const struct td_node *node)
{
	return td_liveness_of(&node->liveness) == TD_ALIVE && node->reported_liveness == TD_ALIVE && node->answers &&
	       !node->leaving && !node->pod_terminating;
}

static uint64_t load_of(const struct td_node *node, enum td_load load)
{
	return load == TD_LOAD_MAINTAINERS ? (uint64_t)node->maintainers + node->maintainers_coming
					   : (uint64_t)node->dispatchers + node->dispatchers_coming;
}

static bool is_better(const struct td_node *node, const struct td_node *best, enum td_load load)
{
	return node->queued != best->queued ? best->queued : load_of(node, load) < load_of(best, load);
}

struct td_node *td_nodes_least_loaded(const struct td_nodes *nodes, enum td_load load, const char *except)
{
	struct td_node *best = NULL;

	for (size_t i = 0; i < nodes->count; i++) {
		struct td_node *node = &nodes->items[i];

		if (!td_node_is_schedulable(node) || (except && strcmp(node->id, except) == 0))
			continue;
		if (!best || is_better(node, best, load))
			best = node;
	}
	return best;
}

bool td_nodes_is_last(const struct td_nodes *nodes, const char *id)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (strcmp(nodes->items[i].id, id) != 0 && !nodes->items[i].pod_terminating)
			return false;
	return true;
}
