/* See witness.h. W3 is what the capture says of itself. It stands only if the process that answered the scrape is the one
 * that answered before and after it: same id, same pid (rows 5 and 6: a restarted process has a new id under the old
 * address, the classic family even gets one within the process). Called by observe_process.c. */
#include "ticdc/witness.h"

#include "base/text.h"

#include <string.h>

/* Pids have at most 22 bits on Linux, milliseconds since 1970 need 41 until 2039: both fit side by side, and later the upper
 * bits are lost without harm. */
#define PID_BITS 22

static int64_t fold(int64_t pid, int64_t start_ms)
{
	return (int64_t)((((uint64_t)start_ms << PID_BITS) ^ (uint64_t)pid) & INT64_MAX);
}

void td_ticdc_witness_unknown(struct td_ticdc_witness *ret, const char *why)
{
	*ret = (struct td_ticdc_witness){.view = {.known = false, .liveness = -1}};
	(void)td_text_copy(ret->why, sizeof(ret->why), why);
	ret->view.why = ret->why;
	ret->view.capture = ret->status.id;
}

void td_ticdc_witness_read(struct td_ticdc_witness *ret, const struct td_ticdc_status *before,
			   const struct td_ticdc_metrics *metrics, const struct td_ticdc_status *after)
{
	struct td_ticdc_reading reading;
	char why[TD_TEXT_MAX];

	if (before->id[0] == '\0' || after->id[0] == '\0') {
		td_ticdc_witness_unknown(ret, "the process has no capture id yet");
	} else if (strcmp(before->id, after->id) != 0 || before->pid != after->pid ||
		   before->has_liveness != after->has_liveness) {
		td_ticdc_witness_unknown(ret, "another capture answered after the scrape than before it");
	} else if (!td_ticdc_metrics_finish(metrics, !after->has_liveness, &reading, why, sizeof(why))) {
		td_ticdc_witness_unknown(ret, why);
	} else {
		*ret = (struct td_ticdc_witness){.status = *after};
		ret->view = (struct td_process_view){
			.known = true,
			.why = ret->why,
			.capture = ret->status.id,
			.process_start = fold(after->pid, reading.start_ms),
			.liveness = after->has_liveness ? after->liveness : -1,
			.counts = reading.counts,
		};
	}
}
