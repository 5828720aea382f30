/* Who leads. client-go's rules (tools/leaderelection/leaderelection.go):
 *   - Another holder is judged by local time alone: its lease has lapsed when its record has not changed for the duration
 *     written in it since we saw it as it is. Nobody's clock but ours is read, so skew does not matter (rates do).
 *   - Every write carries the resourceVersion of what was read: of two writers one gets 409.
 *   - While leading: an optimistic update every retry_ms; when it fails, read first. While following: read every retry_ms,
 *     stretched by up to 120 % at random.
 *   - Released on shutdown: holder "", duration 1 s.
 *
 * What is ours:
 *   - The fence. A write is believed to hold from when it was started, not from when its answer came: valid until then plus
 *     renew_ms. Others wait at least lease_ms > renew_ms from when they see it, which is later. So two are never valid at
 *     once, whatever the delays, as long as the Lease is only written by electors and clocks run at about the same rate.
 *   - A new rule has a new number: leaseTransitions grows whenever we begin to lead, also after our own lost rule, also
 *     when the Lease was deleted meanwhile (as far as we saw it). What is fenced by that number never mixes two rules.
 *   - A Lease deleted under a living holder is left alone until that holder's lease would have lapsed.
 *
 * leader.c performs the actions. After every input and at every until_ms it calls td_elector_next until that says WAIT.
 * Invariants: set_state alone writes the state; expire() comes first in every input, so that no late answer revives a rule
 * that has lapsed. */
#include "kube/elector.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

#define IN_A_ROW_MAX 4

static void set_state(struct td_elector *elector, enum td_elector_state state)
{
	elector->state = state;
	if (state != TD_ELECTOR_LEADING)
		elector->valid_until_ms = INT64_MIN;
}

/* The next request, at a given time. */
static void schedule(struct td_elector *elector, enum td_elector_action_kind kind, int64_t due_ms)
{
	elector->due = kind;
	elector->due_ms = due_ms;
	elector->in_a_row = 0;
}

/* A follower's pause. */
static void later(struct td_elector *elector, int64_t now_ms)
{
	uint64_t spread = (uint64_t)elector->options.retry_ms * 12 / 10;

	schedule(elector, TD_ELECTOR_GET,
		 now_ms + elector->options.retry_ms + (int64_t)td_random_below(&elector->random, spread + 1));
}

static void at_once(struct td_elector *elector, enum td_elector_action_kind kind, int64_t now_ms)
{
	int in_a_row = elector->in_a_row + 1;

	if (in_a_row > IN_A_ROW_MAX) {
		later(elector, now_ms);
		return;
	}
	schedule(elector, kind, now_ms);
	elector->in_a_row = in_a_row;
}

bool td_elector_init(struct td_elector *elector, const struct td_elector_options *options)
{
	size_t len = strlen(options->identity);

	if (len < 1 || len >= TD_ELECTOR_IDENTITY_MAX || options->lease_ms < 1000 || options->lease_ms > INT32_MAX ||
	    options->retry_ms <= 0 || options->lease_ms <= options->renew_ms ||
	    options->renew_ms * 10 <= options->retry_ms * 12)
		return false;
	*elector = (struct td_elector){.options = *options, .busy = TD_ELECTOR_WAIT, .news = TD_ELECTOR_WAIT};
	td_random_init(&elector->random, options->seed);
	set_state(elector, TD_ELECTOR_FOLLOWING);
	schedule(elector, TD_ELECTOR_GET, INT64_MIN);
	return true;
}

static bool is_ours(const struct td_elector *elector)
{
	return elector->observed && !strcmp(elector->record.holder, elector->options.identity);
}

/* Nobody else's lease stands in the way. */
static bool may_take(const struct td_elector *elector, int64_t now_ms)
{
	const struct td_lease_record *record = &elector->record;
	int64_t duration_ms = record->duration_s > 0 ? record->duration_s * 1000 : elector->options.lease_ms;

	return !elector->observed || !record->holder[0] || is_ours(elector) || now_ms - elector->observed_ms >= duration_ms;
}

static void lose(struct td_elector *elector, const char *why, int64_t now_ms)
{
	assert(elector->news != TD_ELECTOR_LOST);
	set_state(elector, TD_ELECTOR_FOLLOWING);
	/* A gain nobody was told of needs no loss. */
	elector->news = elector->news == TD_ELECTOR_GAINED ? TD_ELECTOR_WAIT : TD_ELECTOR_LOST;
	elector->lost_why = why;
	later(elector, now_ms);
}

static void expire(struct td_elector *elector, int64_t now_ms)
{
	if (elector->state == TD_ELECTOR_LEADING && now_ms >= elector->valid_until_ms)
		lose(elector, "no renewal succeeded within the renew deadline", now_ms);
}

/* What the request under way is to write. */
static void fill(const struct td_elector *elector, struct td_elector_action *action)
{
	action->holder = elector->options.identity;
	action->duration_s = (elector->options.lease_ms + 999) / 1000;
	action->acquire = true;
	switch (elector->state) {
	case TD_ELECTOR_LEADING:
		action->transitions = elector->transitions;
		action->acquire = action->kind == TD_ELECTOR_CREATE;
		break;
	case TD_ELECTOR_FOLLOWING:
		action->transitions = elector->observed ? elector->record.transitions + 1 : 0;
		break;
	case TD_ELECTOR_RELEASING:
		action->holder = "";
		action->duration_s = 1;
		action->transitions = elector->record.transitions;
		break;
	case TD_ELECTOR_RELEASED:
	case TD_ELECTOR_STATE_COUNT:
		assert(!"nothing is written after the release");
	}
}

static struct td_elector_action begin(struct td_elector *elector, int64_t now_ms)
{
	struct td_elector_action action = {.kind = elector->due};

	elector->busy = elector->due;
	elector->busy_since_ms = now_ms;
	elector->busy_for = elector->state;
	elector->due_ms = INT64_MAX;
	if (action.kind != TD_ELECTOR_GET)
		fill(elector, &action);
	return action;
}

struct td_elector_action td_elector_next(struct td_elector *elector, int64_t now_ms)
{
	struct td_elector_action action = {.kind = TD_ELECTOR_WAIT, .until_ms = INT64_MAX};

	expire(elector, now_ms);
	if (elector->news != TD_ELECTOR_WAIT) {
		action.kind = elector->news;
		action.transitions = elector->transitions;
		action.why = elector->lost_why;
		elector->news = TD_ELECTOR_WAIT;
		return action;
	}
	if (elector->state == TD_ELECTOR_RELEASED) {
		action.kind = TD_ELECTOR_DONE;
		return action;
	}
	if (elector->busy == TD_ELECTOR_WAIT) {
		if (now_ms >= elector->due_ms)
			return begin(elector, now_ms);
		action.until_ms = elector->due_ms;
	}
	if (elector->state == TD_ELECTOR_LEADING && elector->valid_until_ms < action.until_ms)
		action.until_ms = elector->valid_until_ms;
	return action;
}

/* The beginning of every input. */
static void answered(struct td_elector *elector, int64_t now_ms)
{
	assert(elector->busy != TD_ELECTOR_WAIT);
	elector->busy = TD_ELECTOR_WAIT;
	expire(elector, now_ms);
}

static void observe(struct td_elector *elector, const struct td_lease_record *record, int64_t now_ms)
{
	const struct td_lease_record *old = &elector->record;

	elector->unsure = false;
	if (elector->observed && td_text_equal(old->holder, record->holder) && old->duration_s == record->duration_s &&
	    old->transitions == record->transitions && td_text_equal(old->acquire_time, record->acquire_time) &&
	    td_text_equal(old->renew_time, record->renew_time))
		return;
	elector->record = *record;
	elector->observed = true;
	elector->observed_ms = now_ms;
}

void td_elector_read(struct td_elector *elector, const struct td_lease_record *record, int64_t now_ms)
{
	answered(elector, now_ms);
	observe(elector, record, now_ms);
	switch (elector->state) {
	case TD_ELECTOR_LEADING:
		if (is_ours(elector)) {
			at_once(elector, TD_ELECTOR_UPDATE, now_ms);
			break;
		}
		lose(elector, "the lease names another holder", now_ms);
		break;
	case TD_ELECTOR_FOLLOWING:
		if (may_take(elector, now_ms))
			at_once(elector, TD_ELECTOR_UPDATE, now_ms);
		else
			later(elector, now_ms);
		break;
	case TD_ELECTOR_RELEASING:
		if (is_ours(elector))
			at_once(elector, TD_ELECTOR_UPDATE, now_ms);
		else
			set_state(elector, TD_ELECTOR_RELEASED);
		break;
	case TD_ELECTOR_RELEASED:
	case TD_ELECTOR_STATE_COUNT:
		break;
	}
}

/* A write of ours succeeded and the record is ours. It counts only for the rule it was started in. */
static void hold(struct td_elector *elector, int64_t now_ms)
{
	int64_t valid_until_ms = elector->busy_since_ms + elector->options.renew_ms;

	if (elector->busy_for != elector->state || now_ms >= valid_until_ms) {
		at_once(elector, TD_ELECTOR_UPDATE, now_ms);
		return;
	}
	if (elector->state == TD_ELECTOR_FOLLOWING) {
		assert(elector->news == TD_ELECTOR_WAIT);
		set_state(elector, TD_ELECTOR_LEADING);
		elector->transitions = elector->record.transitions;
		elector->news = TD_ELECTOR_GAINED;
	}
	elector->valid_until_ms = valid_until_ms;
	schedule(elector, TD_ELECTOR_UPDATE, now_ms + elector->options.retry_ms);
}

void td_elector_written(struct td_elector *elector, const struct td_lease_record *record, int64_t now_ms)
{
	answered(elector, now_ms);
	observe(elector, record, now_ms);
	switch (elector->state) {
	case TD_ELECTOR_LEADING:
	case TD_ELECTOR_FOLLOWING:
		if (is_ours(elector))
			hold(elector, now_ms);
		else
			at_once(elector, TD_ELECTOR_GET, now_ms);
		break;
	case TD_ELECTOR_RELEASING:
		if (is_ours(elector))
			at_once(elector, TD_ELECTOR_UPDATE, now_ms);
		else
			set_state(elector, TD_ELECTOR_RELEASED);
		break;
	case TD_ELECTOR_RELEASED:
	case TD_ELECTOR_STATE_COUNT:
		break;
	}
}

void td_elector_not_found(struct td_elector *elector, int64_t now_ms)
{
	answered(elector, now_ms);
	elector->unsure = false;
	if (elector->state == TD_ELECTOR_RELEASING)
		set_state(elector, TD_ELECTOR_RELEASED);
	else if (elector->state == TD_ELECTOR_LEADING || may_take(elector, now_ms))
		at_once(elector, TD_ELECTOR_CREATE, now_ms);
	else
		later(elector, now_ms);
}

void td_elector_conflict(struct td_elector *elector, int64_t now_ms)
{
	answered(elector, now_ms);
	at_once(elector, TD_ELECTOR_GET, now_ms);
}

void td_elector_failed(struct td_elector *elector, bool unsure, int64_t now_ms)
{
	int64_t next_ms = elector->busy_since_ms + elector->options.retry_ms;

	answered(elector, now_ms);
	if (unsure)
		elector->unsure = true;
	if (elector->state == TD_ELECTOR_LEADING) /* a request that hung has been pause enough */
		schedule(elector, TD_ELECTOR_GET, next_ms > now_ms ? next_ms : now_ms);
	else if (elector->state == TD_ELECTOR_FOLLOWING)
		later(elector, now_ms);
	else if (elector->busy_for == TD_ELECTOR_RELEASING)
		set_state(elector, TD_ELECTOR_RELEASED);
	else
		at_once(elector, TD_ELECTOR_GET, now_ms);
}

void td_elector_release(struct td_elector *elector, int64_t now_ms)
{
	bool writing = elector->busy == TD_ELECTOR_CREATE || elector->busy == TD_ELECTOR_UPDATE;

	if (elector->state == TD_ELECTOR_RELEASING || elector->state == TD_ELECTOR_RELEASED)
		return;
	elector->news = TD_ELECTOR_WAIT;
	if (!writing && !elector->unsure && !is_ours(elector)) {
		set_state(elector, TD_ELECTOR_RELEASED);
		return;
	}
	set_state(elector, TD_ELECTOR_RELEASING);
	if (elector->busy == TD_ELECTOR_WAIT)
		schedule(elector, elector->unsure ? TD_ELECTOR_GET : TD_ELECTOR_UPDATE, now_ms);
}

bool td_elector_is_valid(const struct td_elector *elector, int64_t now_ms)
{
	return elector->state == TD_ELECTOR_LEADING && now_ms < elector->valid_until_ms;
}
