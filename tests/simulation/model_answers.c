/* How the cluster answers: each effect is executed at one seeded moment and answered at a later one, so that answers come late
 * and out of order, are lost, or come twice. What a read shows is what was shown at the moment of execution. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 10000

struct model_answer {
	uint64_t serial;
	struct td_effect effect;
	char changefeed[64];
	int64_t execute_ms, due_ms;
	bool executed, never_executed, lost, orphan, again;
	enum td_outcome outcome;
	const char *why;
	int64_t number;
	struct model_node *read; /* OBSERVE_PROCESS: of whom */
	struct td_nodes_view nodes;
	struct td_workload_view workload;
	struct td_changefeed_view *changefeeds;
	struct td_process_view process;
};

static void free_answer(struct model_answer *a)
{
	for (size_t i = 0; a->changefeeds && i < a->workload.count; i++)
		free((void *)(uintptr_t)a->changefeeds[i].spans);
	free(a->changefeeds);
	free((void *)(uintptr_t)a->nodes.nodes);
	free(a);
}

static void *checked(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

void model_send(struct model *m, const struct td_effect *effect)
{
	struct model_answer *a = checked(calloc(1, sizeof(*a)));
	const struct model_faults *f = &m->faults;
	int64_t delay = rng_range(&m->rng, 2, 60);

	if (rng_chance(&m->rng, f->slow))
		delay = rng_range(&m->rng, 500, 5000);
	a->serial = ++m->answer_serial;
	a->effect = *effect;
	if (effect->changefeed)
		(void)snprintf(a->changefeed, sizeof(a->changefeed), "%s", effect->changefeed);
	a->effect.changefeed = a->changefeed;
	a->execute_ms = m->now_ms + rng_range(&m->rng, 1, delay);
	a->due_ms = m->now_ms + delay;
	if (rng_chance(&m->rng, f->failed)) {
		a->never_executed = true;
		a->why = "500 CDC:ErrInjected";
	} else if (rng_chance(&m->rng, f->lost)) {
		a->lost = true;
		a->never_executed = rng_chance(&m->rng, 500);
		a->due_ms = m->now_ms + TIMEOUT_MS;
		a->execute_ms = m->now_ms + rng_range(&m->rng, 1, TIMEOUT_MS);
	}
	if (m->answer_count == m->answer_capacity) {
		m->answer_capacity = m->answer_capacity ? m->answer_capacity * 2 : 16;
		m->answers = checked(realloc(m->answers, m->answer_capacity * sizeof(struct model_answer *)));
	}
	m->answers[m->answer_count++] = a;
}

static void refuse(struct model_answer *a, const char *why)
{
	a->outcome = TD_OUTCOME_FAILED;
	a->why = why;
}

/* Whom the request reaches: the address asked, else the shell's own capture (the first that runs). NOWHERE: refused. */
static int reach(const struct model *m, const struct model_answer *a)
{
	for (size_t i = 0; i < m->node_count; i++)
		if (m->nodes[i].up && (!a->effect.address[0] || strcmp(m->nodes[i].address, a->effect.address) == 0))
			return (int)i;
	return NOWHERE;
}

/* ---- reads ---- */

static void show_nodes(struct model *m, struct model_answer *a)
{
	struct td_node_view *views = checked(calloc(m->node_count + 1, sizeof(*views)));
	size_t count = 0;

	for (size_t i = 0; i < m->node_count; i++) {
		const struct model_node *node = &m->nodes[i];

		if (!node->registered)
			continue;
		views[count++] = (struct td_node_view){.id = node->id,
						       .address = node->address,
						       .is_coordinator = (int)i == m->coordinator,
						       .reported_liveness = node->up ? node->liveness : -1,
						       .answers = node->up,
						       .pod = node->pod,
						       .pod_terminating = node->pod_terminating};
	}
	a->nodes = (struct td_nodes_view){.coordinator = m->nodes[m->coordinator].id, .nodes = views, .count = count};
	if (rng_chance(&m->rng, m->faults.odd_list)) {
		a->nodes.coordinator = "";
		if (rng_chance(&m->rng, 500))
			a->nodes.count = 0;
	}
}

static const char *shown_at(const struct model *m, const struct model_work *work)
{
	int node = work->shown;

	if (m->now_ms < m->books_lie_until_ms &&
	    node != NOWHERE) /* everything is on one capture that is not being drained */
		for (size_t i = 0; i < m->node_count; i++)
			if (m->nodes[i].registered && m->nodes[i].liveness == 0)
				return m->nodes[i].id;
	return node == NOWHERE || !m->nodes[node].registered ? "" : m->nodes[node].id;
}

static const char *shown_address(const struct model *m, const struct model_work *work)
{
	int node = model_find(m, shown_at(m, work));

	return node == NOWHERE ? "" : m->nodes[node].address;
}

/* False: the books cannot be read (contract 11, row 10). */
static bool show_changefeed(struct model *m, const struct model_changefeed *cf, struct td_changefeed_view *view)
{
	struct td_span *spans = checked(calloc(cf->span_count + 1, sizeof(*spans)));

	*view = (struct td_changefeed_view){.name = cf->name,
					    .running = cf->running,
					    .spans = spans,
					    .maintainer_addr = cf->running ? shown_address(m, &cf->maintainer) : ""};
	if (!cf->running) {
		view->tables_known = true;
		return true;
	}
	if (view->maintainer_addr[0] == '\0') {
		view->triggers_unplaced = 1;
		return true;
	}
	if (cf->maintainer.node == NOWHERE || cf->maintainer.move == MOVE_STARTING || m->now_ms < cf->maintainer.settled_ms)
		return false;
	view->tables_known = true;
	view->span_count = cf->span_count;
	for (size_t i = 0; i < cf->span_count; i++)
		spans[i] = (struct td_span){cf->spans[i].table_id, cf->spans[i].mode, shown_at(m, &cf->spans[i])};
	return true;
}

static void show_workload(struct model *m, struct model_answer *a)
{
	a->changefeeds = checked(calloc(m->changefeed_count + 1, sizeof(*a->changefeeds)));
	a->workload = (struct td_workload_view){m->nodes[m->coordinator].id, a->changefeeds, m->changefeed_count};
	for (size_t i = 0; i < m->changefeed_count; i++)
		if (!show_changefeed(m, &m->changefeeds[i], &a->changefeeds[i]))
			refuse(a, "tables: CDC:ErrMaintainerNotFounded");
}

static struct model_changefeed *find_changefeed(const struct model *m, const char *name)
{
	for (size_t i = 0; i < m->changefeed_count; i++)
		if (strcmp(m->changefeeds[i].name, name) == 0)
			return &m->changefeeds[i];
	return NULL;
}

static void show_one(struct model *m, struct model_answer *a)
{
	const struct model_changefeed *cf = find_changefeed(m, a->changefeed);

	a->changefeeds = checked(calloc(1, sizeof(*a->changefeeds)));
	a->workload.count = 1;
	if (!cf || !show_changefeed(m, cf, &a->changefeeds[0]))
		refuse(a, "tables: CDC:ErrMaintainerNotFounded");
}

static void show_process(struct model *m, struct model_answer *a)
{
	int index = reach(m, a);
	struct model_node *node;

	a->process = (struct td_process_view){.why = "connection refused", .capture = ""};
	if (index == NOWHERE)
		return;
	node = &m->nodes[index];
	a->process = (struct td_process_view){.known = true,
					      .why = "",
					      .capture = node->id,
					      .process_start = node->process_start,
					      .liveness = node->liveness};
	a->process.counts = (struct td_counts){(uint32_t)node->maintainers, (uint32_t)node->dispatchers,
					       (uint32_t)node->maintainers, (uint32_t)node->broker_gauge};
	a->read = node;
	if (rng_chance(&m->rng, m->faults.unreadable)) {
		a->process.known = false;
		a->process.why = "ticdc_changefeed_maintainer_counter is missing";
	}
}

/* ---- calls ---- */

static void drain(struct model *m, struct model_answer *a)
{
	const char *error = NULL;

	if (m->family == TD_FAMILY_FAKE_DRAIN)
		a->number = ++m->fake_counter % 10 == 0 ? 10 : 0;
	else
		a->number = model_native_drain(m, a->effect.node, &error);
	if (error)
		refuse(a, error);
}

static void detect(struct model *m, struct model_answer *a)
{
	a->number = m->family;
	if (m->family == TD_FAMILY_FAKE_DRAIN)
		m->fake_counter++;
}

static void move_maintainer(struct model *m, struct model_answer *a)
{
	struct model_changefeed *cf = find_changefeed(m, a->changefeed);
	int to = model_find(m, a->effect.node);

	if (!model_is_bootstrapped(m))
		refuse(a, "500 coordinator is not fully initialized");
	else if (to == NOWHERE || !m->nodes[to].registered)
		refuse(a, "500 CDC:ErrNodeIsNotFound");
	else if (!cf || !cf->running || cf->maintainer.node == NOWHERE)
		refuse(a, "500 the changefeed has no maintainer");
	else if (!rng_chance(&m->rng, m->faults.ignored))
		(void)model_move(m, &cf->maintainer, to, a->effect.epoch);
}

static void move_dispatcher(struct model *m, struct model_answer *a)
{
	struct model_changefeed *cf = find_changefeed(m, a->changefeed);
	int to = model_find(m, a->effect.node);

	if (!cf || !cf->running || cf->maintainer.node == NOWHERE || cf->maintainer.move == MOVE_STARTING) {
		refuse(a, "500 Can't not find maintainer");
		return;
	}
	if (to == NOWHERE || !m->nodes[to].registered) {
		refuse(a, "500 CDC:ErrNodeIsNotFound");
		return;
	}
	for (size_t i = 0; i < cf->span_count; i++) {
		struct model_work *span = &cf->spans[i];

		if (span->table_id != a->effect.table_id || span->mode != a->effect.mode ||
		    rng_chance(&m->rng, m->faults.ignored))
			continue;
		if (!model_move(m, span, to, a->effect.epoch))
			refuse(a, "500 CDC:ErrOperatorIsNil");
	}
}

static void execute(struct model *m, struct model_answer *a)
{
	a->executed = true;
	if (a->effect.kind == TD_EFFECT_OBSERVE_PROCESS) {
		show_process(m, a);
		return;
	}
	if (reach(m, a) == NOWHERE || m->coordinator == NOWHERE) {
		refuse(a, "500 election: no leader");
		return;
	}
	switch (a->effect.kind) {
	case TD_EFFECT_OBSERVE_NODES:
		show_nodes(m, a);
		break;
	case TD_EFFECT_OBSERVE_WORKLOAD:
		if (model_is_bootstrapped(m))
			show_workload(m, a);
		else
			refuse(a, "500 coordinator is not fully initialized");
		break;
	case TD_EFFECT_OBSERVE_CHANGEFEED:
		show_one(m, a);
		break;
	case TD_EFFECT_DETECT_FAMILY:
		detect(m, a);
		break;
	case TD_EFFECT_RESIGN:
		model_step_down(m, rng_range(&m->rng, 10, 1500));
		break;
	case TD_EFFECT_NATIVE_DRAIN:
		drain(m, a);
		break;
	case TD_EFFECT_MOVE_MAINTAINER:
		move_maintainer(m, a);
		break;
	case TD_EFFECT_MOVE_DISPATCHER:
		move_dispatcher(m, a);
		break;
	case TD_EFFECT_OBSERVE_PROCESS:
	case TD_EFFECT_PUBLISH:
	case TD_EFFECT_KIND_COUNT:
		abort();
	}
}

static void remove_at(struct model *m, size_t index)
{
	free_answer(m->answers[index]);
	m->answers[index] = m->answers[--m->answer_count];
}

/* The first to happen, by time and then by age. What: its execution, or its delivery. */
static size_t first_due(const struct model *m, int64_t *ret_ms)
{
	size_t best = SIZE_MAX;

	*ret_ms = INT64_MAX;
	for (size_t i = 0; i < m->answer_count; i++) {
		const struct model_answer *a = m->answers[i];
		int64_t at = a->executed || a->never_executed ? a->due_ms : a->execute_ms;

		if (at < *ret_ms || (at == *ret_ms && a->serial < m->answers[best]->serial)) {
			*ret_ms = at;
			best = i;
		}
	}
	return best;
}

int64_t model_next_ms(const struct model *m)
{
	int64_t at;

	(void)first_due(m, &at);
	return at;
}

static void deliver(struct model_answer *a, struct td_result *ret)
{
	*ret = (struct td_result){.effect_id = a->effect.id, .outcome = a->outcome, .why = a->why};
	if (a->lost) {
		ret->outcome = TD_OUTCOME_UNKNOWN;
		ret->why = "no answer within 10 s";
		return;
	}
	if (a->never_executed)
		ret->outcome = TD_OUTCOME_FAILED;
	if (ret->outcome != TD_OUTCOME_DONE)
		return;
	ret->answer = a->number;
	ret->family = a->effect.kind == TD_EFFECT_DETECT_FAMILY ? (enum td_family)a->number : TD_FAMILY_UNKNOWN;
	ret->family_why = "the probe said so";
	ret->nodes = &a->nodes;
	ret->workload = &a->workload;
	ret->changefeed = a->changefeeds;
	ret->process = &a->process;
	if (!a->read || !a->process.known)
		return;
	a->read->read_ms = a->execute_ms;
	if (a->process.counts.maintainers || a->process.counts.dispatchers || a->process.counts.brokers)
		a->read->unseen_return = false;
}

bool model_take_answer(struct model *m, struct td_result *ret)
{
	for (;;) {
		int64_t at;
		size_t index = first_due(m, &at);
		struct model_answer *a;

		if (at > m->now_ms)
			return false;
		a = m->answers[index];
		if (!a->executed && !a->never_executed) {
			execute(m, a);
			continue;
		}
		if (a->again ||
		    a->orphan) { /* delivered before, and kept for the caller until now; or nobody waits for it */
			remove_at(m, index);
			continue;
		}
		deliver(a, ret);
		if (rng_chance(&m->rng, m->faults.twice)) {
			a->due_ms = m->now_ms + 7;
			return true;
		}
		a->again = true;
		return true;
	}
}

bool model_owes_answers(const struct model *m)
{
	for (size_t i = 0; i < m->answer_count; i++)
		if (!m->answers[i]->again && !m->answers[i]->orphan)
			return true;
	return false;
}

void model_forget_answers(struct model *m)
{
	for (size_t i = m->answer_count; i-- > 0;) {
		struct model_answer *a = m->answers[i];

		a->orphan = true;
		if (a->executed || a->never_executed)
			remove_at(m, i);
	}
}

void model_free_answers(struct model *m)
{
	while (m->answer_count)
		remove_at(m, m->answer_count - 1);
	free(m->answers);
}
