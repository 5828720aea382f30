/* Sentences for people: what the object's message says. Same words as the reasons; numbers from the last observations. */
#include "coordinator/core_internal.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdio.h>

#define LISTS_FAILED 3 /* in a row, before it is worth a word */

static const char *who(const struct td_request *request)
{
	return request->pod[0] ? request->pod : request->capture;
}

static void describe_moving(const struct td_core *core, const struct td_request *request, struct td_buf *out)
{
	const struct td_counts *left = &request->remaining;

	if (!left->maintainers && !left->dispatchers)
		(void)td_buf_append_format(out, "no maintainer and no dispatcher is seen on %s any more", who(request));
	else
		(void)td_buf_append_format(out, "moving %s: %u maintainers and %u dispatchers left on %s",
					   request->reason == TD_REASON_MOVING_MAINTAINERS ? "maintainers" : "dispatchers",
					   left->maintainers, left->dispatchers, who(request));
	if (core->operators.count)
		(void)td_buf_append_format(out, ", %zu moves in flight", core->operators.count);
	if (core->refusal[0])
		(void)td_buf_append_format(out, "; TiCDC refused one: %s", core->refusal);
}

static void describe_verifying(const struct td_core *core, const struct td_request *request, struct td_buf *out)
{
	enum td_witness dissenter = td_verdict_dissenter(&core->verdict);

	if (request->phase == TD_PHASE_DRAINING) /* the books were read before the moves: the process knows better */
		dissenter = TD_WITNESS_PROCESS;
	if (dissenter == TD_WITNESS_COUNT && !td_verdict_is_unanimous(&core->verdict))
		(void)td_buf_append_format(out, "nothing is seen on %s any more; asking every witness", who(request));
	else if (dissenter == TD_WITNESS_COUNT)
		(void)td_buf_append_format(out, "all witnesses say that %s is empty; reading them again to be certain",
					   who(request));
	else
		(void)td_buf_append_format(out, "not believed to be empty: witness %s: %s", td_witness_name(dissenter),
					   core->verdict.witnesses[dissenter].note);
}

static void describe_pending(const struct td_core *core, const struct td_request *request, struct td_buf *out)
{
	const char *note = core->note[0] ? core->note : "nothing heard yet";
	enum td_witness dissenter = td_verdict_dissenter(&core->verdict);

	if (request->reason == TD_REASON_QUEUED)
		(void)td_buf_append_format(out, "position %d in the queue%s%s", request->queue_position,
					   request->blocked_by[0] ? ", blocked by " : "", request->blocked_by);
	else if (request->reason == TD_REASON_WAITING_FOR_SLOT)
		td_native_describe_slot(core, request, out);
	else if (request->reason == TD_REASON_WAITING_FOR_CAPTURE)
		(void)td_buf_append_format(out, "no capture is registered for pod %s yet", request->pod);
	else if (core->nodes.reads == 0)
		(void)td_buf_append_format(out, "asking TiCDC for its captures: %s", note);
	else if (core->family != TD_FAMILY_UNKNOWN && dissenter != TD_WITNESS_COUNT &&
		 !core->verdict.witnesses[dissenter].known)
		(void)td_buf_append_format(out, "reading what %s holds: witness %s: %s", who(request),
					   td_witness_name(dissenter), core->verdict.witnesses[dissenter].note);
	else
		(void)td_buf_append_format(out, "finding out what this TiCDC can do%s%s", core->note[0] ? ": " : "",
					   core->note);
}

static void describe(const struct td_core *core, const struct td_request *request, struct td_buf *out)
{
	if (request->phase == TD_PHASE_PENDING || request->reason == TD_REASON_QUEUED)
		describe_pending(core, request, out);
	else if (request->phase == TD_PHASE_VERIFYING || request->reason == TD_REASON_WITNESSES_DISAGREE)
		describe_verifying(core, request, out);
	else if (request->reason == TD_REASON_MOVING_COORDINATOR && !core->nodes.coordinator[0])
		(void)td_buf_append_format(out, "waiting for TiCDC to have a coordinator again%s%s",
					   core->note[0] ? ": " : "", core->note);
	else if (request->reason == TD_REASON_MOVING_COORDINATOR)
		(void)td_buf_append_format(out, "%s is TiCDC's coordinator: waiting for another capture to take over%s%s",
					   who(request), core->note[0] ? ": " : "", core->note);
	else if (request->reason == TD_REASON_NO_DESTINATION)
		(void)td_buf_append_format(out,
					   "no capture can take the %u maintainers and %u dispatchers of %s now: all others "
					   "are leaving, are to be drained too, or do not answer",
					   request->remaining.maintainers, request->remaining.dispatchers, who(request));
	else if (request->reason == TD_REASON_WAITING_FOR_ACKNOWLEDGEMENT)
		(void)td_buf_append_format(out,
					   "no other capture's sidecar has acknowledged this drain: %u maintainers and %u "
					   "dispatchers of %s wait for one",
					   request->remaining.maintainers, request->remaining.dispatchers, who(request));
	else if (request->reason == TD_REASON_WAITING_FOR_SLOT)
		td_native_describe_slot(core, request, out);
	else if (request->reason == TD_REASON_WAITING_FOR_NATIVE)
		td_native_describe(core, out);
	else
		describe_moving(core, request, out);
}

static void finish_text(struct td_buf *out, char *into, size_t size)
{
	(void)td_text_copy(into, size, td_buf_text(out));
	td_buf_done(out);
}

void td_describe(const struct td_core *core, const struct td_request *request, char *into, size_t size)
{
	struct td_buf out;

	td_buf_init(&out, TD_TEXT_MAX * 2);
	describe(core, request, &out);
	if (core->nodes_failures >= LISTS_FAILED && request->phase != TD_PHASE_PENDING)
		(void)td_buf_append_format(&out, "; TiCDC's captures cannot be listed: %s", core->note);
	if (request->stall.stuck[0])
		(void)td_buf_append_format(&out, "; %s", request->stall.stuck);
	finish_text(&out, into, size);
}

static void describe_deadline(const struct td_core *core, const struct td_request *request, struct td_buf *out)
{
	const char *error = core->refusal[0] ? core->refusal : core->note;

	if (!request->started)
		(void)td_buf_append_format(out, "the deadline passed before the drain began: %s", request->message);
	else if (request->phase == TD_PHASE_VERIFYING)
		(void)td_buf_append_format(out, "the deadline passed before emptiness was proven: %s", request->message);
	else
		(void)td_buf_append_format(out, "the deadline passed with %u maintainers and %u dispatchers left on %s%s%s",
					   request->remaining.maintainers, request->remaining.dispatchers, who(request),
					   error[0] ? "; last error: " : "", error);
}

void td_describe_end(const struct td_core *core, const struct td_request *request, enum td_phase phase,
		     enum td_reason reason, char *into, size_t size)
{
	const struct td_counts *left = &request->remaining;
	struct td_buf out;

	td_buf_init(&out, TD_TEXT_MAX * 2);
	switch (reason) {
	case TD_REASON_PROVEN_EMPTY:
		if (!request->initial.maintainers && !request->initial.dispatchers)
			(void)td_buf_append_format(&out, "%s is empty already: nothing to move, every witness says zero",
						   who(request));
		else
			(void)td_buf_append_format(
				&out, "%s is empty: %u maintainers and %u dispatchers moved, every witness says zero",
				who(request), request->initial.maintainers, request->initial.dispatchers);
		break;
	case TD_REASON_CAPTURE_GONE:
		(void)td_buf_append_format(
			&out, "capture %s left the cluster before it was empty: %u maintainers and %u dispatchers remained",
			request->capture, left->maintainers, left->dispatchers);
		break;
	case TD_REASON_POD_NOT_FOUND:
		(void)td_buf_append_format(&out, "spec.podName: no pod \"%s\" in this namespace among TiCDC's pods",
					   request->pod);
		break;
	case TD_REASON_CAPTURE_NOT_FOUND:
		(void)td_buf_append_format(&out, "spec.captureID: no capture \"%s\" is registered in TiCDC (%zu others are)",
					   request->capture, core->nodes.count);
		break;
	case TD_REASON_NO_DESTINATION:
		(void)td_buf_append_format(
			&out, "no other capture can take the work of %s: all others are leaving or are to be drained too",
			who(request));
		break;
	case TD_REASON_FAKE_DRAIN:
		(void)td_buf_append_format(&out,
					   "family N0: %s. Its 0 is not believed: %u maintainers and %u dispatchers remain "
					   "on %s and cannot be drained",
					   core->family_why, left->maintainers, left->dispatchers, who(request));
		break;
	case TD_REASON_MIXED_VERSIONS:
		(void)td_buf_append_format(
			&out,
			"TiCDC answers 0 and does nothing, because a capture of an older build is there: %u "
			"maintainers and %u dispatchers remain on %s",
			left->maintainers, left->dispatchers, who(request));
		break;
	case TD_REASON_STALLED:
		(void)td_buf_append_format(&out, "given up: %u maintainers and %u dispatchers left on %s; %s",
					   left->maintainers, left->dispatchers, who(request), request->stall.stuck);
		break;
	case TD_REASON_DRY_RUN:
		(void)td_buf_append_format(&out,
					   "dry run: would move %u maintainers and %u dispatchers off %s; nothing was moved",
					   request->initial.maintainers, request->initial.dispatchers, who(request));
		break;
	case TD_REASON_DEADLINE:
		describe_deadline(core, request, &out);
		break;
	case TD_REASON_NONE: /* the others belong to open requests, or bring their own words */
	case TD_REASON_QUEUED:
	case TD_REASON_WAITING_FOR_SLOT:
	case TD_REASON_WAITING_FOR_CAPTURE:
	case TD_REASON_WAITING_FOR_ACKNOWLEDGEMENT:
	case TD_REASON_DETECTING:
	case TD_REASON_MOVING_COORDINATOR:
	case TD_REASON_MOVING_MAINTAINERS:
	case TD_REASON_MOVING_DISPATCHERS:
	case TD_REASON_WAITING_FOR_NATIVE:
	case TD_REASON_COMPARING_WITNESSES:
	case TD_REASON_WITNESSES_DISAGREE:
	case TD_REASON_INVALID_REQUEST:
	case TD_REASON_COUNT:
		(void)td_buf_append_format(&out, "%s: %s", td_phase_name(phase), td_reason_name(reason));
		break;
	}
	finish_text(&out, into, size);
}
