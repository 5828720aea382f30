/* The trace of a golden behaviour, one line for each thing that is news:
 *
 *	* what happens in the world   > what the core is told   < what it wants done   = what the object says now
 *
 * A question is shown when it is asked for the first time, its answer whenever it differs from the one before. Everything else
 * is counted and folded into one line. */
#include "world.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLD_LEAST 4 /* fewer are counted into the next fold */

static void print(struct world *w, char sign, const char *format, va_list args)
{
	if (w->folded >= FOLD_LEAST) {
		(void)printf("          ... %d more reads and writes\n", w->folded);
		w->folded = 0;
	}
	(void)printf("%8.3f %c ", (double)(w->now_ms - w->begin_ms) / 1000, sign);
	(void)vprintf(format, args);
	(void)printf("\n");
}

void trace_line(struct world *w, char sign, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(w, sign, format, args);
	va_end(args);
}

void world_says(struct world *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(w, '*', format, args);
	va_end(args);
}

void trace_end(struct world *w)
{
	trace_line(w, '*', "the end");
}

/* ---- questions ---- */

static void ask(const struct td_effect *effect, const char *changefeed, char *into, size_t size)
{
	const char *name = td_effect_name(effect->kind);

	if (effect->kind == TD_EFFECT_PUBLISH)
		(void)snprintf(into, size, "%s %s", name, effect->uid);
	else if (effect->kind == TD_EFFECT_MOVE_DISPATCHER)
		(void)snprintf(into, size, "%s %s table %lld", name, changefeed, (long long)effect->table_id);
	else if (changefeed[0])
		(void)snprintf(into, size, "%s %s", name, changefeed);
	else if (effect->node[0])
		(void)snprintf(into, size, "%s %s", name, effect->node);
	else
		(void)snprintf(into, size, "%s", name);
}

/* Remembers an answer to a question. True: it is news. */
static bool learn(struct world *w, const char *question, const char *answer)
{
	size_t i = 0;

	while (i < w->key_count && strcmp(w->keys[i].question, question) != 0)
		i++;
	if (i < w->key_count && strcmp(w->keys[i].answer, answer) == 0)
		return false;
	if (i == KEYS_MAX)
		abort();
	w->key_count += i == w->key_count;
	(void)snprintf(w->keys[i].question, sizeof(w->keys[i].question), "%s", question);
	(void)snprintf(w->keys[i].answer, sizeof(w->keys[i].answer), "%s", answer);
	return true;
}

static struct world_object *object_of(struct world *w, const char *uid)
{
	for (size_t i = 0; i < w->object_count; i++)
		if (strcmp(w->objects[i].input.uid, uid) == 0)
			return &w->objects[i];
	return NULL;
}

static bool is_move(enum td_effect_kind kind)
{
	return kind == TD_EFFECT_MOVE_MAINTAINER || kind == TD_EFFECT_MOVE_DISPATCHER || kind == TD_EFFECT_PLACE_MAINTAINER;
}

static void trace_publish(struct world *w, struct world_answer *a)
{
	struct world_object *object = object_of(w, a->effect.uid);

	a->shown = object && (object->written_phase != a->written.phase || object->written_epoch != a->written.epoch);
	if (!a->shown) {
		w->folded++;
		return;
	}
	object->written_phase = a->written.phase;
	object->written_epoch = a->written.epoch;
	trace_line(w, '<', "Publish %s: %s, epoch %llu", a->effect.uid, td_phase_name(a->written.phase),
		   (unsigned long long)a->written.epoch);
}

void trace_effect(struct world *w, struct world_answer *a)
{
	char question[96], asked[96];

	if (a->effect.kind == TD_EFFECT_PUBLISH) {
		trace_publish(w, a);
		return;
	}
	ask(&a->effect, a->changefeed, question, sizeof(question));
	(void)snprintf(asked, sizeof(asked), "asked %s", td_effect_name(a->effect.kind));
	if (is_move(a->effect.kind))
		trace_line(w, '<', "%s to %s", question, a->effect.node);
	else if (a->effect.kind == TD_EFFECT_RESIGN || learn(w, asked, "yes"))
		trace_line(w, '<', "%s", question);
}

/* ---- answers ---- */

static void say_nodes(const struct td_nodes_view *view, char *into, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < view->count && used < size; i++) {
		const struct td_node_view *node = &view->nodes[i];

		used += (size_t)snprintf(into + used, size - used, "%s%s%s%s%s", i ? ", " : "", node->id,
					 node->answers ? "" : " (silent)", node->pod_terminating ? " (terminating)" : "",
					 node->reported_liveness == TD_DRAINING	  ? " (Draining)"
					 : node->reported_liveness == TD_STOPPING ? " (Stopping)"
										  : "");
	}
	if (used < size)
		(void)snprintf(into + used, size - used, "; coordinator %s",
			       view->coordinator[0] ? view->coordinator : "none");
}

static size_t say_changefeed(const struct td_changefeed_view *view, char *into, size_t size)
{
	size_t used = (size_t)snprintf(into, size, "%s %s%.1s", view->name, view->maintainer_addr[0] ? "at " : "nowhere",
				       view->maintainer_addr);

	for (size_t i = 0; view->tables_known && i < view->span_count && used < size; i++)
		used += (size_t)snprintf(into + used, size - used, "%s%s", i ? " " : ", tables at ",
					 view->spans[i].node[0] ? view->spans[i].node : "-");
	return used;
}

static void say_workload(const struct td_workload_view *view, char *into, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < view->count && used + 3 < size; i++) {
		if (i)
			used += (size_t)snprintf(into + used, size - used, "; ");
		used += say_changefeed(&view->changefeeds[i], into + used, size - used);
	}
}

static void say_process(const struct td_process_view *view, char *into, size_t size)
{
	if (view->known)
		(void)snprintf(into, size, "%u maintainers, %u dispatchers, %u triggers, %u brokers, %s",
			       view->counts.maintainers, view->counts.dispatchers, view->counts.triggers,
			       view->counts.brokers, td_liveness_name((enum td_liveness)view->liveness));
	else
		(void)snprintf(into, size, "unknown: %s", view->why);
}

static void say(const struct world_answer *a, const struct td_result *result, char *into, size_t size)
{
	if (result->outcome != TD_OUTCOME_DONE)
		(void)snprintf(into, size, "%s: %s", result->outcome == TD_OUTCOME_FAILED ? "failed" : "unknown",
			       result->why);
	else if (a->effect.kind == TD_EFFECT_OBSERVE_NODES)
		say_nodes(result->nodes, into, size);
	else if (a->effect.kind == TD_EFFECT_OBSERVE_WORKLOAD)
		say_workload(result->workload, into, size);
	else if (a->effect.kind == TD_EFFECT_OBSERVE_CHANGEFEED)
		(void)say_changefeed(result->changefeed, into, size);
	else if (a->effect.kind == TD_EFFECT_OBSERVE_PROCESS)
		say_process(result->process, into, size);
	else if (a->effect.kind == TD_EFFECT_DETECT_FAMILY)
		(void)snprintf(into, size, "family %s", td_family_name(result->family));
	else if (a->effect.kind == TD_EFFECT_NATIVE_DRAIN)
		(void)snprintf(into, size, "%lld remain", (long long)result->answer);
	else
		(void)snprintf(into, size, "%s", a->effect.kind == TD_EFFECT_PUBLISH ? "durable" : "accepted");
}

static bool learn_changefeed(struct world *w, const struct td_changefeed_view *view)
{
	char question[96], text[TEXT_MAX];

	(void)snprintf(question, sizeof(question), "where is %s", view->name);
	(void)say_changefeed(view, text, sizeof(text));
	return learn(w, question, text);
}

/* Of work it does not matter which reading told. Of moves, the first that is accepted stands for all. */
static bool is_news(struct world *w, const struct world_answer *a, const struct td_result *result, const char *question,
		    const char *text)
{
	bool news = false;

	if (a->effect.kind == TD_EFFECT_PUBLISH)
		return a->shown && (result->outcome != TD_OUTCOME_DONE || a->written.phase == TD_PHASE_DRAINING);
	if (is_move(a->effect.kind))
		return result->outcome != TD_OUTCOME_DONE || learn(w, "moves", text);
	if (result->outcome != TD_OUTCOME_DONE)
		return learn(w, question, text);
	news = learn(w, question, text);
	if (a->effect.kind == TD_EFFECT_OBSERVE_CHANGEFEED)
		return learn_changefeed(w, result->changefeed);
	if (a->effect.kind != TD_EFFECT_OBSERVE_WORKLOAD)
		return news;
	news = false;
	for (size_t i = 0; i < result->workload->count; i++)
		news = learn_changefeed(w, &result->workload->changefeeds[i]) || news;
	return news;
}

void trace_answer(struct world *w, const struct world_answer *a, const struct td_result *result)
{
	char question[96], text[TEXT_MAX];

	ask(&a->effect, a->changefeed, question, sizeof(question));
	say(a, result, text, sizeof(text));
	if (is_news(w, a, result, question, text))
		trace_line(w, '>', "%s: %s",
			   a->effect.kind == TD_EFFECT_OBSERVE_CHANGEFEED ? td_effect_name(a->effect.kind) : question, text);
	else if (a->effect.kind != TD_EFFECT_PUBLISH || a->shown)
		w->folded++; /* of a write the question was counted */
}

/* ---- objects ---- */

static void without_numbers(const char *text, char *into, size_t size)
{
	size_t used = 0;

	for (; *text && used + 1 < size; text++)
		if (!isdigit((unsigned char)*text))
			into[used++] = *text;
	into[used] = '\0';
}

static void trace_activity(struct world *w)
{
	enum td_activity activity = td_core_summary(w->core).activity;

	if (activity != w->activity && (activity == TD_ACTIVITY_SETTLING || activity == TD_ACTIVITY_BALANCING ||
					w->activity == TD_ACTIVITY_SETTLING || w->activity == TD_ACTIVITY_BALANCING))
		trace_line(w, '=', "the core is %s", td_activity_name(activity));
	w->activity = activity;
}

void trace_objects(struct world *w)
{
	trace_activity(w);
	for (size_t i = 0; i < w->object_count; i++) {
		struct world_object *object = &w->objects[i];
		const struct td_request_view *view = td_core_view(w->core, object->input.uid);
		char words[TD_TEXT_MAX];

		if (!view)
			continue;
		without_numbers(view->message, words, sizeof(words));
		if (view->phase == object->phase && view->reason == object->reason && strcmp(words, object->words) == 0)
			continue;
		object->phase = view->phase;
		object->reason = view->reason;
		(void)snprintf(object->words, sizeof(object->words), "%s", words);
		trace_line(w, '=', "%s %s, %s: %s", view->uid, td_phase_name(view->phase), td_reason_name(view->reason),
			   view->message);
	}
}
