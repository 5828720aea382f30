/* What the core itself costs in a large cluster, next to a small one: CPU time inside td_core_step for each move of a whole drain in
 * family M. Moves are done the moment they are asked for; everything is read from a table in memory. Printed as ratios of one run. */
#include "coordinator/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUE_MAX 4096

struct world {
	size_t nodes, changefeeds, spans_each;
	struct td_node_view *node_views;
	struct td_changefeed_view *changefeed_views;
	struct td_span *spans; /* of all changefeeds */
	char (*node_ids)[16], (*addresses)[24], (*names)[24];
	struct td_counts on_target;
};

struct cost {
	int64_t ns, readings_ns;
	uint64_t steps, moves, readings;
};

static void *checked(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* Work lies evenly: all of changefeed i on node i % nodes. The target is node 0. */
static void world_init(struct world *w, size_t nodes, size_t changefeeds, size_t spans_each)
{
	*w = (struct world){.nodes = nodes, .changefeeds = changefeeds, .spans_each = spans_each};
	w->node_views = checked(calloc(nodes, sizeof(*w->node_views)));
	w->node_ids = checked(calloc(nodes, sizeof(*w->node_ids)));
	w->addresses = checked(calloc(nodes, sizeof(*w->addresses)));
	w->changefeed_views = checked(calloc(changefeeds, sizeof(*w->changefeed_views)));
	w->names = checked(calloc(changefeeds, sizeof(*w->names)));
	w->spans = checked(calloc(changefeeds * spans_each, sizeof(*w->spans)));
	for (size_t i = 0; i < nodes; i++) {
		(void)snprintf(w->node_ids[i], sizeof(w->node_ids[i]), "node-%03zu", i);
		(void)snprintf(w->addresses[i], sizeof(w->addresses[i]), "cdc-%zu:8300", i);
		w->node_views[i] = (struct td_node_view){.id = w->node_ids[i],
							 .address = w->addresses[i],
							 .is_coordinator = i == 1,
							 .answers = true,
							 .pod = w->addresses[i]};
	}
	for (size_t i = 0; i < changefeeds; i++) {
		struct td_span *spans = &w->spans[i * spans_each];

		(void)snprintf(w->names[i], sizeof(w->names[i]), "default/cf-%06zu", i);
		for (size_t j = 0; j < spans_each; j++) {
			spans[j] = (struct td_span){(int64_t)j + 1, 0, w->node_ids[i % nodes]};
			w->on_target.dispatchers += i % nodes == 0;
		}
		w->changefeed_views[i] = (struct td_changefeed_view){.name = w->names[i],
								     .running = true,
								     .maintainer_addr = w->addresses[i % nodes],
								     .tables_known = true,
								     .spans = spans,
								     .span_count = spans_each};
		w->on_target.maintainers += i % nodes == 0;
	}
}

static void world_done(struct world *w)
{
	free(w->node_views);
	free(w->node_ids);
	free(w->addresses);
	free(w->changefeed_views);
	free(w->names);
	free(w->spans);
}

static size_t index_of(const char *text)
{
	return (size_t)strtoull(strrchr(text, '-') + 1, NULL, 10);
}

static void perform(struct world *w, const struct td_effect *e)
{
	struct td_changefeed_view *changefeed = &w->changefeed_views[index_of(e->changefeed)];
	size_t to = index_of(e->node);

	if (e->kind == TD_EFFECT_MOVE_MAINTAINER) {
		changefeed->maintainer_addr = w->addresses[to];
		w->on_target.maintainers--;
		return;
	}
	w->spans[(size_t)(changefeed - w->changefeed_views) * w->spans_each + (size_t)e->table_id - 1].node =
		w->node_ids[to];
	w->on_target.dispatchers--;
}

static int64_t cpu_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void step(struct td_core *core, int64_t now_ms, const struct td_input *input, struct cost *cost, bool reading)
{
	int64_t before = cpu_ns(), spent;

	if (!td_core_step(core, now_ms, input))
		abort();
	spent = cpu_ns() - before;
	*(reading ? &cost->readings_ns : &cost->ns) += spent;
	*(reading ? &cost->readings : &cost->steps) += 1;
}

static struct td_request_input request_of(const struct td_acknowledgement *acknowledgements, size_t count)
{
	return (struct td_request_input){.uid = "u",
					 .name = "u",
					 .capture = "node-000",
					 .pod_exists = true,
					 .batch = 10,
					 .drained_capture = "",
					 .drained_address = "",
					 .acknowledgements = acknowledgements,
					 .acknowledgement_count = count};
}

static void acknowledge(struct td_core *core, const struct world *w, int64_t now_ms, uint64_t epoch, struct cost *cost)
{
	struct td_acknowledgement *said = checked(calloc(w->nodes, sizeof(*said)));
	struct td_request_input request = request_of(said, w->nodes);

	for (size_t i = 0; i < w->nodes; i++)
		said[i] = (struct td_acknowledgement){w->node_ids[i], epoch};
	step(core, now_ms, &(struct td_input){.kind = TD_INPUT_REQUEST, .request = &request}, cost, true);
	free(said);
}

static void answer(struct td_core *core, struct world *w, int64_t now_ms, const struct td_effect *e, struct cost *cost)
{
	const struct td_nodes_view nodes = {w->node_ids[1], w->node_views, w->nodes};
	const struct td_workload_view workload = {w->node_ids[1], w->changefeed_views, w->changefeeds};
	struct td_process_view process = {.known = true, .why = "", .capture = "node-000", .process_start = 1};
	struct td_result result = {
		.effect_id = e->id, .family = TD_FAMILY_MANAGED, .family_why = "", .nodes = &nodes, .workload = &workload};

	process.counts = w->on_target;
	result.process = &process;
	if (e->kind == TD_EFFECT_OBSERVE_CHANGEFEED)
		result.changefeed = &w->changefeed_views[index_of(e->changefeed)];
	if (e->kind >= TD_EFFECT_MOVE_MAINTAINER) {
		perform(w, e);
		cost->moves++;
	}
	step(core, now_ms, &(struct td_input){.kind = TD_INPUT_RESULT, .result = &result}, cost,
	     e->kind == TD_EFFECT_OBSERVE_WORKLOAD || e->kind == TD_EFFECT_OBSERVE_NODES);
	if (e->kind == TD_EFFECT_PUBLISH && e->epoch)
		acknowledge(core, w, now_ms, e->epoch, cost);
}

static struct cost drain(size_t nodes, size_t changefeeds, size_t spans_each)
{
	static struct td_effect queue[QUEUE_MAX];
	struct td_request_input request = request_of(NULL, 0);
	struct td_core *core = checked(td_core_new(&td_core_defaults));
	struct cost cost = {0};
	struct world w;
	int64_t now_ms = 1000;

	world_init(&w, nodes, changefeeds, spans_each);
	step(core, now_ms, &(struct td_input){.kind = TD_INPUT_REQUEST, .request = &request}, &cost, false);
	for (size_t head = 0, tail = 0; td_core_view(core, "u")->phase < TD_PHASE_DRAINED;) {
		while (td_core_next_effect(core, &queue[tail % QUEUE_MAX]))
			tail++;
		if (head < tail) {
			answer(core, &w, now_ms, &queue[head++ % QUEUE_MAX], &cost);
			continue;
		}
		now_ms = td_core_deadline(core);
		step(core, now_ms, &(struct td_input){.kind = TD_INPUT_TICK}, &cost, false);
	}
	(void)printf("%5zu nodes %7zu changefeeds %9zu dispatchers: %6llu moves, %4.1f steps a move, %6.1f us a move; "
		     "%3llu lists and whole readings, %7.1f ms each; %s\n",
		     nodes, changefeeds, changefeeds * spans_each, (unsigned long long)cost.moves,
		     (double)cost.steps / (double)cost.moves, (double)cost.ns / 1000 / (double)cost.moves,
		     (unsigned long long)cost.readings, (double)cost.readings_ns / 1e6 / (double)cost.readings,
		     td_phase_name(td_core_view(core, "u")->phase));
	td_core_free(core);
	world_done(&w);
	return cost;
}

int main(void)
{
	struct cost small = drain(10, 100, 100), large = drain(100, 10000, 100);

	(void)printf("ratio large / small, CPU of a move: %.1f (the table is 100 times as large)\n",
		     ((double)large.ns / (double)large.moves) / ((double)small.ns / (double)small.moves));
	return 0;
}
