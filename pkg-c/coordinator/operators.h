/* Operators: placements and moves under way, one for each piece of work, whoever wanted them.
 *
 *	created -> SENT -> ACCEPTED | UNKNOWN | REFUSED
 *
 * No call's answer ends an operator. It is confirmed when an observation shows the work somewhere else than where it was, and
 * abandoned when the work is gone or nobody wants the move any more; until then it is looked at, and sent again. It outlives the
 * request that wanted it: TiCDC goes on with what it has accepted. */
#ifndef TD_COORDINATOR_OPERATORS_H
#define TD_COORDINATOR_OPERATORS_H

#include "coordinator/nodes.h"

enum td_operator_kind { TD_OPERATOR_MAINTAINER, TD_OPERATOR_DISPATCHER, TD_OPERATOR_PLACE };

enum td_operator_state {
	TD_OPERATOR_SENT,     /* the call is on its way */
	TD_OPERATOR_ACCEPTED, /* TiCDC said yes: only looking shows whether it does it */
	TD_OPERATOR_UNKNOWN,  /* no answer: it may have happened; only looking helps */
	TD_OPERATOR_REFUSED,  /* TiCDC said no, or we did not send: may be asked again at not_before_ms */
};

struct td_operator {
	uint64_t effect_id; /* of the call under way */
	enum td_operator_kind kind;
	enum td_operator_state state;
	char owner[TD_ID_MAX]; /* uid of the request that wants it; "": settling or balancing */
	char *changefeed;
	int64_t table_id;
	uint8_t mode;
	char origin[TD_ID_MAX], origin_address[TD_ADDRESS_MAX]; /* "" for a placement */
	char destination[TD_ID_MAX];
	int64_t answered_ms;   /* when it was accepted or got lost: looking comes before asking again */
	int64_t not_before_ms; /* REFUSED */
	int64_t looked_ms;     /* when its changefeed was last asked about */
	int64_t seen_ms;       /* when the last observation of its changefeed was asked for */
	bool at_origin;	       /* and that showed the work where it was */
	int origin_misses;     /* consecutive captures lists without its origin */
	bool coming;	       /* counted as load on its way to its destination */
	int tries;
};

/* What became of all operators so far. */
struct td_operator_totals {
	uint64_t created, confirmed, refused, unknown, lost, retried, replaced, abandoned;
};

struct td_operators {
	struct td_operator *items;
	size_t count, capacity;
	struct td_operator_totals totals;
};

void td_operators_init(struct td_operators *operators);
void td_operators_done(struct td_operators *operators);
void td_operators_clear(struct td_operators *operators); /* abandons all */

/* NULL: out of memory. table_id and mode are 0 but for a dispatcher. */
struct td_operator *td_operators_add(struct td_operators *operators, enum td_operator_kind kind, const char *changefeed,
				     int64_t table_id, uint8_t mode);
void td_operators_abandon(struct td_operators *operators, struct td_operator *op);

/* By the piece of work: a maintainer has one operator, whether it is being moved or placed. */
struct td_operator *td_operators_find(const struct td_operators *operators, enum td_operator_kind kind,
				      const char *changefeed, int64_t table_id, uint8_t mode);
struct td_operator *td_operators_by_effect(const struct td_operators *operators, uint64_t effect_id);

/* How many; of a changefeed when that is not NULL. */
size_t td_operators_count(const struct td_operators *operators, enum td_operator_kind kind, const char *changefeed);

/* Where an observation shows an operator's work. */
enum td_where {
	TD_WHERE_UNKNOWN,  /* it says nothing about it */
	TD_WHERE_ORIGIN,   /* where it was */
	TD_WHERE_NOWHERE,  /* in the middle of a move, or lost */
	TD_WHERE_ARRIVING, /* placed somewhere else, but its changefeed is not settled: the list may be too new to be whole */
	TD_WHERE_ELSEWHERE, /* moved: this confirms it, unless its call is still on its way, which may yet act */
};

/* What an observation of its changefeed, asked for at asked_ms, says about an operator. */
enum td_where td_operator_observe(struct td_operator *op, const struct td_changefeed_view *view, int64_t asked_ms);
void td_operators_confirm(struct td_operators *operators, struct td_operator *op);

#endif
