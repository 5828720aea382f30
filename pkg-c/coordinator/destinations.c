/* The nodes that may receive work, in a binary heap for each kind of load. See nodes.h. */
#include "coordinator/nodes.h"

#include <string.h>

uint64_t td_node_load(const struct td_node *node, enum td_load load)
{
	return (uint64_t)node->load[load] + node->coming[load];
}

/* Total: no two nodes share an id. */
static bool is_before(const struct td_node *a, const struct td_node *b, enum td_load load)
{
	uint64_t x = td_node_load(a, load), y = td_node_load(b, load);

	return x != y ? x < y : strcmp(a->id, b->id) < 0;
}

static void put(struct td_nodes *nodes, enum td_load load, size_t at, struct td_node *node)
{
	nodes->heap[load][at] = node;
	node->heap_at[load] = at + 1;
}

static void sift_up(struct td_nodes *nodes, enum td_load load, size_t at)
{
	struct td_node **heap = nodes->heap[load], *node = heap[at];

	for (; at > 0 && is_before(node, heap[(at - 1) / 2], load); at = (at - 1) / 2)
		put(nodes, load, at, heap[(at - 1) / 2]);
	put(nodes, load, at, node);
}

static void sift_down(struct td_nodes *nodes, enum td_load load, size_t at)
{
	struct td_node **heap = nodes->heap[load], *node = heap[at];

	for (size_t child = 2 * at + 1; child < nodes->heap_count; child = 2 * at + 1) {
		if (child + 1 < nodes->heap_count && is_before(heap[child + 1], heap[child], load))
			child++;
		if (!is_before(heap[child], node, load))
			break;
		put(nodes, load, at, heap[child]);
		at = child;
	}
	put(nodes, load, at, node);
}

void td_destinations_rebuild(struct td_nodes *nodes)
{
	nodes->heap_count = 0;
	for (size_t i = 0; i < nodes->count; i++) {
		struct td_node *node = &nodes->items[i];
		bool in = td_node_is_schedulable(node) && node->informed;

		for (int load = 0; load < TD_LOAD_COUNT; load++) {
			node->heap_at[load] = 0;
			if (in)
				put(nodes, (enum td_load)load, nodes->heap_count, node);
		}
		nodes->heap_count += in;
	}
	for (int load = 0; load < TD_LOAD_COUNT; load++)
		for (size_t at = nodes->heap_count / 2; at-- > 0;)
			sift_down(nodes, (enum td_load)load, at);
}

struct td_node *td_destinations_least_loaded(const struct td_nodes *nodes, enum td_load load)
{
	return nodes->heap_count ? nodes->heap[load][0] : NULL;
}

/* Adds to a number of the node's and puts the node where it belongs now. */
static void add(struct td_nodes *nodes, struct td_node *node, enum td_load load, uint32_t *number, int by)
{
	*number = by < 0 && *number < (uint32_t)-by ? 0 : *number + (uint32_t)by;
	if (!node->heap_at[load])
		return;
	sift_up(nodes, load, node->heap_at[load] - 1);
	sift_down(nodes, load, node->heap_at[load] - 1);
}

void td_node_add_load(struct td_nodes *nodes, struct td_node *node, enum td_load load, int by)
{
	if (node)
		add(nodes, node, load, &node->load[load], by);
}

void td_node_add_coming(struct td_nodes *nodes, struct td_node *node, enum td_load load, int by)
{
	if (node)
		add(nodes, node, load, &node->coming[load], by);
}
