/* See verdict.h. */
#include "coordinator/verdict.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static void end_run(struct td_verdict *verdict, enum td_witness witness)
{
	verdict->witnesses[witness].reads = 0;
	verdict->witnesses[witness].settled = false;
}

/* Zeros asked for before at_ms count no more. */
static void void_all(struct td_verdict *verdict, int64_t at_ms)
{
	if (at_ms > verdict->voided_ms)
		verdict->voided_ms = at_ms;
	verdict->settled_ms = INT64_MAX;
	for (int i = 0; i < TD_WITNESS_COUNT; i++)
		end_run(verdict, (enum td_witness)i);
}

void td_verdict_begin(struct td_verdict *verdict, enum td_family family, const char *capture,
		      const struct td_core_options *options)
{
	*verdict = (struct td_verdict){.liveness = -1,
				       .process_start = -1,
				       .ends_stopping = family == TD_FAMILY_NATIVE,
				       .answer = -1,
				       .voided_ms = INT64_MIN,
				       .renewed_ms = INT64_MIN,
				       .settled_ms = INT64_MAX};
	verdict->witnesses[TD_WITNESS_ANSWER].offered = family == TD_FAMILY_NATIVE || family == TD_FAMILY_CLASSIC;
	verdict->witnesses[TD_WITNESS_CLUSTER].offered = true;
	verdict->witnesses[TD_WITNESS_PROCESS].offered = true;
	verdict->span_ms[TD_WITNESS_ANSWER] = options->native_poll_ms / 2;
	verdict->span_ms[TD_WITNESS_CLUSTER] = options->process_poll_ms / 2;
	verdict->span_ms[TD_WITNESS_PROCESS] = options->broker_refresh_ms;
	(void)td_text_copy(verdict->capture, sizeof(verdict->capture), capture);
}

void td_verdict_coordinator(struct td_verdict *verdict, int64_t asked_ms, int64_t now_ms, const char *coordinator)
{
	if (!coordinator[0] || strcmp(verdict->coordinator, coordinator) != 0) {
		void_all(verdict, now_ms);
		(void)td_text_copy(verdict->coordinator, sizeof(verdict->coordinator), coordinator);
	}
	verdict->confirmed_ms = asked_ms;
}

/* The moment from which on all of them have been saying zero, or must say so again. */
static int64_t common_start(const struct td_verdict *verdict)
{
	int64_t start = verdict->renewed_ms;

	for (int i = 0; i < TD_WITNESS_COUNT; i++)
		if (verdict->witnesses[i].offered && verdict->first_ms[i] > start)
			start = verdict->first_ms[i];
	return start;
}

static bool is_settled_but(const struct td_verdict *verdict, enum td_witness except)
{
	for (int i = 0; i < TD_WITNESS_COUNT; i++)
		if ((enum td_witness)i != except && verdict->witnesses[i].offered &&
		    (!verdict->witnesses[i].settled || verdict->asked_ms[i] < common_start(verdict)))
			return false;
	return verdict->coordinator[0] != '\0';
}

/* One zero more. It does not count when it was asked for before the runs were voided. */
static void extend_run(struct td_verdict *verdict, enum td_witness witness, int64_t asked_ms, int64_t now_ms)
{
	struct td_witness_state *state = &verdict->witnesses[witness];

	if (asked_ms < verdict->voided_ms)
		return;
	if (state->reads++ == 0)
		verdict->first_ms[witness] = now_ms;
	verdict->asked_ms[witness] = asked_ms;
	state->settled = state->reads >= 2 && asked_ms - verdict->first_ms[witness] >= verdict->span_ms[witness];
}

/* Records one read. */
static void record(struct td_verdict *verdict, enum td_witness witness, int64_t asked_ms, int64_t now_ms, bool known,
		   bool zero)
{
	struct td_witness_state *state = &verdict->witnesses[witness];

	state->known = known;
	state->zero = known && zero;
	state->last_ms = now_ms;
	if (state->zero)
		extend_run(verdict, witness, asked_ms, now_ms);
	else
		end_run(verdict, witness);
	if (!is_settled_but(verdict, TD_WITNESS_COUNT))
		verdict->settled_ms = INT64_MAX;
	else if (verdict->settled_ms == INT64_MAX)
		verdict->settled_ms = now_ms;
}

static void note(struct td_verdict *verdict, enum td_witness witness, const char *text)
{
	struct td_witness_state *state = &verdict->witnesses[witness];

	(void)td_text_copy(state->note, sizeof(state->note), text);
}

/* Only a capture that says Draining or Stopping of itself shows that TiCDC has begun; that it cannot be asked shows nothing. */
static void watch_idleness(struct td_verdict *verdict, int64_t now_ms, int64_t answer)
{
	bool same = (answer == 0) == (verdict->answer == 0);

	verdict->answer = answer;
	if (verdict->liveness > TD_ALIVE || !same)
		verdict->idle_ms = 0;
	if (verdict->liveness == TD_ALIVE && !verdict->idle_ms)
		verdict->idle_ms = now_ms;
}

void td_verdict_answer(struct td_verdict *verdict, int64_t asked_ms, int64_t now_ms, bool known, int64_t remaining,
		       const char *why)
{
	char text[160] = "";
	bool stopping = !verdict->ends_stopping || verdict->liveness == TD_STOPPING;

	if (!known)
		(void)snprintf(text, sizeof(text), "%s", why ? why : "no answer");
	else if (remaining != 0)
		(void)snprintf(text, sizeof(text), "TiCDC answers %lld remaining", (long long)remaining);
	else if (!stopping)
		(void)snprintf(
			text, sizeof(text), "TiCDC answers 0, not believed: the capture's own liveness is %s, not Stopping",
			verdict->liveness < 0 ? "not known yet" : td_liveness_name((enum td_liveness)verdict->liveness));
	if (known)
		watch_idleness(verdict, now_ms, remaining);
	record(verdict, TD_WITNESS_ANSWER, asked_ms, now_ms, known, known && remaining == 0 && stopping);
	verdict->witnesses[TD_WITNESS_ANSWER].counts = (struct td_counts){0};
	note(verdict, TD_WITNESS_ANSWER, text);
}

void td_verdict_cluster(struct td_verdict *verdict, int64_t asked_ms, int64_t now_ms, const char *coordinator,
			struct td_counts counts, uint32_t unplaced_maintainers, uint32_t unplaced_others)
{
	bool same = coordinator[0] && strcmp(coordinator, verdict->coordinator) == 0;
	bool zero = counts.maintainers == 0 && counts.dispatchers == 0 && unplaced_maintainers == 0 && unplaced_others == 0;
	char text[160] = "";

	if (!same)
		(void)snprintf(text, sizeof(text), "read under another coordinator");
	else if (counts.maintainers || counts.dispatchers)
		(void)snprintf(text, sizeof(text), "the cluster's tables name this capture: %u maintainers, %u dispatchers",
			       counts.maintainers, counts.dispatchers);
	else if (!zero)
		(void)snprintf(text, sizeof(text),
			       "not settled: %u changefeeds without maintainer, %u dispatchers placed nowhere",
			       unplaced_maintainers, unplaced_others);
	record(verdict, TD_WITNESS_CLUSTER, asked_ms, now_ms, same, zero);
	verdict->witnesses[TD_WITNESS_CLUSTER].counts = counts;
	note(verdict, TD_WITNESS_CLUSTER, text);
}

void td_verdict_cluster_unknown(struct td_verdict *verdict, int64_t now_ms, const char *why)
{
	record(verdict, TD_WITNESS_CLUSTER, now_ms, now_ms, false, false);
	note(verdict, TD_WITNESS_CLUSTER, why);
}

void td_verdict_process(struct td_verdict *verdict, int64_t asked_ms, int64_t now_ms, const struct td_process_view *process)
{
	const struct td_counts *counts = &process->counts;
	bool same = process->known && strcmp(process->capture, verdict->capture) == 0;
	char text[160] = "";

	if (same && process->process_start != verdict->process_start) {
		void_all(verdict, asked_ms);
		verdict->process_start = process->process_start;
	}
	verdict->liveness = same ? process->liveness : -1;
	if (!process->known)
		(void)snprintf(text, sizeof(text), "%s", process->why ? process->why : "unreadable");
	else if (!same)
		(void)snprintf(text, sizeof(text), "another process answers: capture %s", process->capture);
	else if (counts->maintainers || counts->dispatchers || counts->triggers || counts->brokers)
		(void)snprintf(text, sizeof(text),
			       "the process still runs %u maintainers, %u dispatchers, %u triggers, %u broker entries",
			       counts->maintainers, counts->dispatchers, counts->triggers, counts->brokers);
	record(verdict, TD_WITNESS_PROCESS, asked_ms, now_ms, same, text[0] == '\0');
	if (same)
		verdict->witnesses[TD_WITNESS_PROCESS].counts = *counts;
	note(verdict, TD_WITNESS_PROCESS, text);
}

void td_verdict_renew(struct td_verdict *verdict, int64_t now_ms)
{
	verdict->renewed_ms = now_ms;
	verdict->settled_ms = INT64_MAX;
}

bool td_verdict_is_settled(const struct td_verdict *verdict)
{
	return is_settled_but(verdict, TD_WITNESS_COUNT);
}

bool td_verdict_wants_cluster(const struct td_verdict *verdict)
{
	return is_settled_but(verdict, TD_WITNESS_CLUSTER) && !td_verdict_is_settled(verdict);
}

bool td_verdict_is_proven(const struct td_verdict *verdict)
{
	return td_verdict_is_settled(verdict) && verdict->confirmed_ms >= verdict->settled_ms;
}

enum td_witness td_verdict_dissenter(const struct td_verdict *verdict)
{
	const struct td_witness_state *process = &verdict->witnesses[TD_WITNESS_PROCESS];
	int64_t since = process->zero ? verdict->first_ms[TD_WITNESS_PROCESS] : INT64_MIN;

	for (int i = 0; i < TD_WITNESS_COUNT; i++) {
		const struct td_witness_state *witness = &verdict->witnesses[i];

		if (witness->offered && witness->last_ms && !witness->zero && witness->last_ms >= since)
			return (enum td_witness)i;
	}
	return TD_WITNESS_COUNT;
}

bool td_verdict_is_unanimous(const struct td_verdict *verdict)
{
	for (int i = 0; i < TD_WITNESS_COUNT; i++)
		if (verdict->witnesses[i].offered && !verdict->witnesses[i].zero)
			return false;
	return true;
}
