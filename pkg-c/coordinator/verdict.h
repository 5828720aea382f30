/* The verdict: when is a capture empty? The only way to Drained.
 *
 * Each witness that the family offers must say zero on at least two consecutive reads that span enough time (for the process'
 * own metrics more than TiCDC's broker gauge refresh), and each witness' last read must be later than the moment at which the
 * slowest of them first said zero. All under one key: TiCDC coordinator, capture id, process. When any part of the key
 * changes, every run is void: a zero from before a coordinator failover proves nothing (contract 11, row 11).
 *
 * A read that says anything but zero, or nothing at all (an error, a timeout, a missing field), ends that witness' run.
 *
 * An answer is about some moment between asking and hearing, and can be seconds old when it arrives. So a run begins when its
 * first zero was heard, and reaches only to when its last one was asked for; a zero asked for before the runs were last
 * voided does not count; and the captures list that confirms the key is asked for after all runs were long enough. */
#ifndef TD_COORDINATOR_VERDICT_H
#define TD_COORDINATOR_VERDICT_H

#include "coordinator/core.h"

struct td_verdict {
	struct td_witness_state witnesses[TD_WITNESS_COUNT];
	int64_t first_ms[TD_WITNESS_COUNT]; /* the current run's first zero was heard */
	int64_t asked_ms[TD_WITNESS_COUNT]; /* its last zero was asked for */
	int64_t span_ms[TD_WITNESS_COUNT];  /* how long a run must last */
	char coordinator[TD_ID_MAX];
	char capture[TD_ID_MAX];
	int64_t process_start;
	int liveness;	      /* the capture's own last word; -1 unknown */
	bool ends_stopping;   /* a real drain of this family leaves the capture Stopping */
	int64_t answer;	      /* what the drain call said last; -1: nothing that can be read */
	int64_t idle_ms;      /* since when it is answered like that, but the capture stays Alive; 0: it does not */
	int64_t voided_ms;    /* the runs were last voided */
	int64_t settled_ms;   /* since when every witness has been settled; INT64_MAX: they are not */
	int64_t renewed_ms;   /* each witness is to be asked again from here on; INT64_MIN: no such wish */
	int64_t confirmed_ms; /* when the last captures list was asked for; it named the key's coordinator */
};

/* Starts anew for a capture. The family decides which witnesses are offered: N1 and C all three; the others all but the answer. */
void td_verdict_begin(struct td_verdict *verdict, enum td_family family, const char *capture,
		      const struct td_core_options *options);

/* In what follows, asked is when the question left, now when its answer came. */

/* A captures list named this coordinator ("" when none or several). A change voids every run. */
void td_verdict_coordinator(struct td_verdict *verdict, int64_t asked_ms, int64_t now_ms, const char *coordinator);

/* W1. known: the call was answered as documented. In N1 a 0 counts only while the capture's own liveness is Stopping: a real drain ends
 * there, a fake or a legacy fallback does not (rows 1, 2). In C a capture that had nothing is never marked (contract 6.1). */
void td_verdict_answer(struct td_verdict *verdict, int64_t asked_ms, int64_t now_ms, bool known, int64_t remaining,
		       const char *why);

/* W2: sums of a whole reading taken under the given coordinator. counts: on the target; unplaced: anything that is nowhere. */
void td_verdict_cluster(struct td_verdict *verdict, int64_t asked_ms, int64_t now_ms, const char *coordinator,
			struct td_counts counts, uint32_t unplaced_maintainers, uint32_t unplaced_others);
void td_verdict_cluster_unknown(struct td_verdict *verdict, int64_t now_ms, const char *why);

/* W3. */
void td_verdict_process(struct td_verdict *verdict, int64_t asked_ms, int64_t now_ms, const struct td_process_view *process);

/* Every offered witness is settled. What is then still wanted is a captures list asked for after that: td_verdict_is_proven
 * is that too. */
bool td_verdict_is_settled(const struct td_verdict *verdict);
bool td_verdict_is_proven(const struct td_verdict *verdict);

/* The proof could not be written down, and grows old: every witness and the captures list are to be asked once more. Runs go on. */
void td_verdict_renew(struct td_verdict *verdict, int64_t now_ms);

/* Settled but for the cluster witness' last read, which is taken last because it is the dearest and the freshest proof. */
bool td_verdict_wants_cluster(const struct td_verdict *verdict);

/* The first offered witness that does not say zero, or TD_WITNESS_COUNT. What was said before the process itself began to say zero is no
 * dissent: that witness has not been asked since. */
enum td_witness td_verdict_dissenter(const struct td_verdict *verdict);

/* Every offered witness said zero when it was asked last. */
bool td_verdict_is_unanimous(const struct td_verdict *verdict);

#endif
