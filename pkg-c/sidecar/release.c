/* See release.h. */
#include "sidecar/release.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* What the object knows of the work that is still there. The counts are those of the last answer, which may be old. */
static void describe_left(const struct td_drain_object *request, char *into, size_t size)
{
	char when[64] = "the last read failed";

	if (request && request->last_read[0])
		(void)snprintf(when, sizeof(when), "last read %.40s", request->last_read);
	if (!request || !request->remaining_known)
		(void)snprintf(into, size, "how much work it holds was never read, NOTHING is known to be moved");
	else if (request->remaining.maintainers || request->remaining.dispatchers)
		(void)snprintf(into, size, "%u maintainers and %u dispatchers were NOT moved (%s)",
			       request->remaining.maintainers, request->remaining.dispatchers, when);
	else
		(void)snprintf(into, size, "nothing is seen left (%s), but the proof is NOT complete", when);
}

void td_release_by_policy_text(const struct td_drain_object *request, int64_t waited_ms, const char *why, char *into,
			       size_t size)
{
	char left[160];

	describe_left(request, left, sizeof(left));
	(void)snprintf(into, size, "the pod stops by policy Release after %lld.%lld s; %s: %s",
		       (long long)(waited_ms / 1000), (long long)(waited_ms % 1000 / 100), left, why);
}

static const char *text_at(const json_t *object, const char *key, const char *otherwise)
{
	const char *text = td_json_text(object, key);

	return text ? text : otherwise;
}

static void describe_witness(const json_t *witness, struct td_buf *out)
{
	static const char *const kinds[] = {"maintainers", "dispatchers", "triggers", "brokers"};
	const char *says = text_at(witness, "says", "?");
	int64_t count, zeros = 0;

	(void)td_json_int(witness, "consecutiveZeros", &zeros);
	(void)td_buf_append_format(out, "%.16s %.16s", text_at(witness, "name", "?"), says);
	if (zeros)
		(void)td_buf_append_format(out, " %lld times", (long long)zeros);
	for (size_t i = 0; strcmp(says, "NotZero") == 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (td_json_int(witness, kinds[i], &count) && count > 0)
			(void)td_buf_append_format(out, " %lld %s", (long long)count, kinds[i]);
	(void)td_buf_append_format(out, " at %.40s; ", text_at(witness, "time", "no time"));
}

void td_release_evidence_text(const struct td_drain_object *request, char *into, size_t size)
{
	const json_t *last = json_array_get(request->witnesses, 0);
	struct td_buf out;

	td_buf_init(&out, TD_RELEASE_TEXT_MAX * 2);
	if (!last)
		(void)td_buf_append_text(&out, "no witness was asked; ");
	for (size_t i = 0; i < json_array_size(request->witnesses); i++)
		describe_witness(json_array_get(request->witnesses, i), &out);
	(void)td_buf_append_format(&out, "of capture %.63s, TiCDC's coordinator %.63s, family %s, epoch %llu",
				   request->status_capture[0] ? request->status_capture : "unknown",
				   text_at(last, "ticdcCoordinator", "unknown"), td_family_name(request->family),
				   (unsigned long long)request->epoch);
	(void)td_text_copy(into, size, td_buf_text(&out));
	td_buf_done(&out);
}

void td_release_last_look_text(const struct td_process_view *process, char *into, size_t size)
{
	const struct td_counts *counts = &process->counts;

	if (process->known)
		(void)snprintf(into, size,
			       "capture %s answers %u maintainers, %u dispatchers, %u triggers, %u event broker entries",
			       process->capture, counts->maintainers, counts->dispatchers, counts->triggers,
			       counts->brokers);
	else
		(void)snprintf(into, size, "the process did not answer: %s", process->why ? process->why : "unreadable");
}
