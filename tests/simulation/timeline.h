/* What is still to happen, in order of time; at one moment in the order in which it was arranged. A binary heap. */
#ifndef TD_SIMULATION_TIMELINE_H
#define TD_SIMULATION_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;
struct event;

typedef void event_handler(struct world *world, const struct event *event);

struct event {
	int64_t at_ms;
	uint64_t serial;
	event_handler *handler;
	void *subject;
	uint64_t number; /* often a generation: the handler ignores an event of an older one */
};

struct timeline {
	struct event *heap;
	size_t count, capacity;
	uint64_t serial;
};

void timeline_add(struct timeline *timeline, int64_t at_ms, event_handler *handler, void *subject, uint64_t number);
bool timeline_take(struct timeline *timeline, int64_t until_ms, struct event *ret); /* false: nothing until then */
void timeline_done(struct timeline *timeline);

#endif
