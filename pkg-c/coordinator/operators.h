/* Operators: moves under way, one for each piece of work. An operator lives from the moment its effect is queued until an
 * observation shows that the work is no longer on the target; no call's answer ends it. */
#ifndef TD_COORDINATOR_OPERATORS_H
#define TD_COORDINATOR_OPERATORS_H

#include "coordinator/workload.h"

enum td_operator_kind { TD_OPERATOR_MAINTAINER, TD_OPERATOR_DISPATCHER };

enum td_operator_state {
	TD_OPERATOR_SENT,     /* the call is on its way */
	TD_OPERATOR_ACCEPTED, /* TiCDC said yes, or nobody knows: only looking helps */
	TD_OPERATOR_REFUSED,  /* TiCDC said no, or we did not send: may be asked again at not_before_ms */
};

struct td_operator {
	uint64_t effect_id; /* of the call under way */
	enum td_operator_kind kind;
	enum td_operator_state state;
	char *changefeed;
	int64_t table_id;
	uint8_t mode;
	char destination[TD_ID_MAX];
	int64_t answered_ms; /* when it was accepted: looking comes before asking again */
	int64_t not_before_ms;
	int tries;
};

struct td_operators {
	struct td_operator *items;
	size_t count, capacity;
	uint64_t confirmed, failed;
};

void td_operators_init(struct td_operators *operators);
void td_operators_done(struct td_operators *operators);
void td_operators_clear(struct td_operators *operators); /* forgets all; keeps the totals */

/* NULL: out of memory. table_id and mode are 0 for a maintainer. */
struct td_operator *td_operators_add(struct td_operators *operators, enum td_operator_kind kind, const char *changefeed,
				     int64_t table_id, uint8_t mode);
void td_operators_remove(struct td_operators *operators, struct td_operator *op);

struct td_operator *td_operators_find(const struct td_operators *operators, enum td_operator_kind kind,
				      const char *changefeed, int64_t table_id, uint8_t mode);
struct td_operator *td_operators_by_effect(const struct td_operators *operators, uint64_t effect_id);
size_t td_operators_count(const struct td_operators *operators, enum td_operator_kind kind);

/* Removes each operator of this changefeed whose work is seen to have left the target, and counts it as confirmed. One whose
 * call is on its way stays: it may still act. Returns how many. */
size_t td_operators_confirm(struct td_operators *operators, const struct td_workload *workload,
			    const struct td_changefeed *changefeed);

#endif
