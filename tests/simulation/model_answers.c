/* How the cluster answers: each effect is executed at one seeded moment and answered at a later one, so that answers come late
 * and out of order, are lost, or come twice. What a read shows is what was shown at the moment of execution. */
#include "model_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 10000

static void free_answer(struct model_answer *a)
{
	for (size_t i = 0; a->changefeeds && i < a->workload.count; i++)
		free((void *)(uintptr_t)a->changefeeds[i].spans);
	free(a->changefeeds);
	free((void *)(uintptr_t)a->nodes.nodes);
	free(a);
}

void model_send(struct model *m, const struct td_effect *effect)
{
	struct model_answer *a = model_checked(calloc(1, sizeof(*a)));
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
		m->answers = model_checked(realloc(m->answers, m->answer_capacity * sizeof(struct model_answer *)));
	}
	m->answers[m->answer_count++] = a;
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
		model_refuse(a, error);
}

static void detect(struct model *m, struct model_answer *a)
{
	a->number = m->family;
	if (m->family == TD_FAMILY_FAKE_DRAIN)
		m->fake_counter++;
}

static void move_maintainer(struct model *m, struct model_answer *a)
{
	struct model_changefeed *cf = model_find_changefeed(m, a->changefeed);
	int to = model_find(m, a->effect.node);

	if (!model_is_bootstrapped(m))
		model_refuse(a, "500 coordinator is not fully initialized");
	else if (to == NOWHERE || !m->nodes[to].registered)
		model_refuse(a, "500 CDC:ErrNodeIsNotFound");
	else if (!cf || !cf->running || cf->maintainer.node == NOWHERE)
		model_refuse(a, "500 the changefeed has no maintainer");
	else if (!rng_chance(&m->rng, m->faults.ignored))
		(void)model_move(m, &cf->maintainer, to, a->effect.epoch);
}

static void move_dispatcher(struct model *m, struct model_answer *a)
{
	struct model_changefeed *cf = model_find_changefeed(m, a->changefeed);
	int to = model_find(m, a->effect.node);

	if (!cf || !cf->running || cf->maintainer.node == NOWHERE || cf->maintainer.move == MOVE_STARTING) {
		model_refuse(a, "500 Can't not find maintainer");
		return;
	}
	if (to == NOWHERE || !m->nodes[to].registered) {
		model_refuse(a, "500 CDC:ErrNodeIsNotFound");
		return;
	}
	for (size_t i = 0; i < cf->span_count; i++) {
		struct model_work *span = &cf->spans[i];

		if (span->table_id != a->effect.table_id || span->mode != a->effect.mode ||
		    rng_chance(&m->rng, m->faults.ignored))
			continue;
		if (!model_move(m, span, to, a->effect.epoch))
			model_refuse(a, "500 CDC:ErrOperatorIsNil");
	}
}

static void execute(struct model *m, struct model_answer *a)
{
	a->executed = true;
	if (a->effect.kind == TD_EFFECT_OBSERVE_PROCESS) {
		model_show_process(m, a);
		return;
	}
	if (model_reach(m, a) == NOWHERE || m->coordinator == NOWHERE) {
		model_refuse(a, "500 election: no leader");
		return;
	}
	switch (a->effect.kind) {
	case TD_EFFECT_OBSERVE_NODES:
		model_show_nodes(m, a);
		break;
	case TD_EFFECT_OBSERVE_WORKLOAD:
		if (model_is_bootstrapped(m))
			model_show_workload(m, a);
		else
			model_refuse(a, "500 coordinator is not fully initialized");
		break;
	case TD_EFFECT_OBSERVE_CHANGEFEED:
		model_show_one(m, a);
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
