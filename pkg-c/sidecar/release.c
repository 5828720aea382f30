/* See release.h. */
#include "sidecar/release.h"

#include <stdio.h>

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
