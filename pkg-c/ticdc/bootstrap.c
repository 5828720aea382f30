/* See bootstrap.h. A maintainer that was just created, or moved, lists only table 0 and counts 1 until every node has
 * answered its bootstrap request: to the API it looks exactly like the maintainer of a changefeed without tables (row 12;
 * contract 4.2, 4.3). No other endpoint tells them apart, but time does: the bootstrap ends as soon as all nodes answered,
 * and a node that never answers leaves the cluster when its lease (10 s) expires. So a maintainer is believed to be empty
 * only after it was seen alone with its trigger, on the same capture, on reads at most GAP_MS apart, for
 * TD_TICDC_BOOTSTRAP_MS. Until then the read is an error. This only guards W2; W3 sees the dispatchers that an unready
 * maintainer does not know of.
 *
 * Bounded: an entry that is not seen again within GAP_MS is forgotten at the next note. Called by observe_changefeed.c. */
#include "ticdc/bootstrap.h"

#include "base/text.h"
#include "coordinator/types.h"

#include <stdlib.h>
#include <string.h>

#define GAP_MS 60000

struct td_ticdc_suspect {
	char *name;
	char node[TD_ID_MAX];
	int64_t first_ms, last_ms;
};

void td_ticdc_suspects_done(struct td_ticdc_suspects *suspects)
{
	for (size_t i = 0; i < suspects->count; i++)
		free(suspects->list[i].name);
	free(suspects->list);
	*suspects = (struct td_ticdc_suspects){.list = NULL};
}

static void drop(struct td_ticdc_suspects *suspects, size_t index)
{
	free(suspects->list[index].name);
	suspects->list[index] = suspects->list[--suspects->count];
}

static struct td_ticdc_suspect *add(struct td_ticdc_suspects *suspects, const char *name)
{
	struct td_ticdc_suspect *suspect;

	if (suspects->count == suspects->cap) {
		size_t cap = suspects->cap ? suspects->cap * 2 : 8;
		struct td_ticdc_suspect *list = realloc(suspects->list, cap * sizeof(*list));

		if (!list)
			return NULL;
		suspects->list = list;
		suspects->cap = cap;
	}
	suspect = &suspects->list[suspects->count];
	*suspect = (struct td_ticdc_suspect){.name = strdup(name)};
	if (!suspect->name)
		return NULL;
	suspects->count++;
	return suspect;
}

bool td_ticdc_suspects_note(struct td_ticdc_suspects *suspects, const char *name, const char *node, int64_t now_ms)
{
	struct td_ticdc_suspect *found = NULL;

	for (size_t i = suspects->count; i-- > 0;)
		if (now_ms - suspects->list[i].last_ms > GAP_MS)
			drop(suspects, i);
	for (size_t i = 0; i < suspects->count && !found; i++)
		if (strcmp(suspects->list[i].name, name) == 0)
			found = &suspects->list[i];
	if (!found)
		found = add(suspects, name);
	if (!found)
		return false;
	if (strcmp(found->node, node) != 0) {
		(void)td_text_copy(found->node, sizeof(found->node), node);
		found->first_ms = now_ms;
	}
	found->last_ms = now_ms;
	return now_ms - found->first_ms >= TD_TICDC_BOOTSTRAP_MS;
}

void td_ticdc_suspects_clear(struct td_ticdc_suspects *suspects, const char *name)
{
	for (size_t i = 0; i < suspects->count; i++) {
		if (strcmp(suspects->list[i].name, name) == 0) {
			drop(suspects, i);
			return;
		}
	}
}
