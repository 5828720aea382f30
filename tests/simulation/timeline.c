/* See timeline.h. */
#include "timeline.h"

#include <stdlib.h>

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->serial < b->serial;
}

void timeline_add(struct timeline *t, int64_t at_ms, event_handler *handler, void *subject, uint64_t number)
{
	struct event event = {at_ms, ++t->serial, handler, subject, number};
	size_t i = t->count++;

	if (t->count > t->capacity) {
		t->capacity = t->capacity ? t->capacity * 2 : 256;
		t->heap = realloc(t->heap, t->capacity * sizeof(*t->heap));
		if (!t->heap)
			abort();
	}
	for (; i > 0 && is_before(&event, &t->heap[(i - 1) / 2]); i = (i - 1) / 2)
		t->heap[i] = t->heap[(i - 1) / 2];
	t->heap[i] = event;
}

bool timeline_take(struct timeline *t, int64_t until_ms, struct event *ret)
{
	struct event last;
	size_t i = 0, child;

	if (t->count == 0 || t->heap[0].at_ms > until_ms)
		return false;
	*ret = t->heap[0];
	last = t->heap[--t->count];
	while ((child = 2 * i + 1) < t->count) {
		if (child + 1 < t->count && is_before(&t->heap[child + 1], &t->heap[child]))
			child++;
		if (!is_before(&t->heap[child], &last))
			break;
		t->heap[i] = t->heap[child];
		i = child;
	}
	t->heap[i] = last;
	return true;
}

void timeline_done(struct timeline *t)
{
	free(t->heap);
	*t = (struct timeline){0};
}
