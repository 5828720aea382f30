/* See operators.h. There are never more of them than a batch, so an array with linear search is all it takes. */
#include "coordinator/operators.h"

#include <stdlib.h>
#include <string.h>

void td_operators_init(struct td_operators *operators)
{
	*operators = (struct td_operators){0};
}

static void remove_one(struct td_operators *operators, struct td_operator *op)
{
	free(op->changefeed);
	*op = operators->items[--operators->count];
}

void td_operators_abandon(struct td_operators *operators, struct td_operator *op)
{
	operators->totals.abandoned++;
	remove_one(operators, op);
}

void td_operators_confirm(struct td_operators *operators, struct td_operator *op)
{
	operators->totals.confirmed++;
	remove_one(operators, op);
}

void td_operators_clear(struct td_operators *operators)
{
	while (operators->count)
		td_operators_abandon(operators, &operators->items[operators->count - 1]);
}

void td_operators_done(struct td_operators *operators)
{
	td_operators_clear(operators);
	free(operators->items);
	td_operators_init(operators);
}

static bool reserve_one(struct td_operators *operators)
{
	size_t capacity = operators->capacity ? operators->capacity * 2 : 16;
	struct td_operator *items;

	if (operators->count < operators->capacity)
		return true;
	items = realloc(operators->items, capacity * sizeof(*items));
	if (!items)
		return false;
	operators->items = items;
	operators->capacity = capacity;
	return true;
}

struct td_operator *td_operators_add(struct td_operators *operators, enum td_operator_kind kind, const char *changefeed,
				     int64_t table_id, uint8_t mode)
{
	char *name = strdup(changefeed);
	struct td_operator *op;

	if (!name || !reserve_one(operators)) {
		free(name);
		return NULL;
	}
	op = &operators->items[operators->count++];
	*op = (struct td_operator){.kind = kind, .changefeed = name, .table_id = table_id, .mode = mode, .at_origin = true};
	operators->totals.created++;
	return op;
}

static bool is_about_maintainer(enum td_operator_kind kind)
{
	return kind != TD_OPERATOR_DISPATCHER;
}

struct td_operator *td_operators_find(const struct td_operators *operators, enum td_operator_kind kind,
				      const char *changefeed, int64_t table_id, uint8_t mode)
{
	for (size_t i = 0; i < operators->count; i++) {
		struct td_operator *op = &operators->items[i];

		if (is_about_maintainer(op->kind) == is_about_maintainer(kind) && op->table_id == table_id &&
		    op->mode == mode && strcmp(op->changefeed, changefeed) == 0)
			return op;
	}
	return NULL;
}

struct td_operator *td_operators_by_effect(const struct td_operators *operators, uint64_t effect_id)
{
	for (size_t i = 0; i < operators->count; i++)
		if (operators->items[i].effect_id == effect_id)
			return &operators->items[i];
	return NULL;
}

size_t td_operators_count(const struct td_operators *operators, enum td_operator_kind kind, const char *changefeed)
{
	size_t count = 0;

	for (size_t i = 0; i < operators->count; i++)
		count += operators->items[i].kind == kind &&
			 (!changefeed || strcmp(operators->items[i].changefeed, changefeed) == 0);
	return count;
}

enum where { AT_ORIGIN, BETWEEN, ELSEWHERE };

/* An empty address is the middle of a move. */
static enum where maintainer_is(const struct td_operator *op, const struct td_changefeed_view *view)
{
	if (op->kind == TD_OPERATOR_PLACE)
		return view->maintainer_addr[0] ? ELSEWHERE : AT_ORIGIN;
	if (!view->maintainer_addr[0])
		return BETWEEN;
	return strcmp(view->maintainer_addr, op->origin_address) == 0 ? AT_ORIGIN : ELSEWHERE;
}

/* A table can be several spans: all of them must have left. While anything of the changefeed is placed nowhere its list is not
 * trusted: it may be the list of a maintainer that is not bootstrapped. */
static enum where dispatcher_is(const struct td_operator *op, const struct td_changefeed_view *view)
{
	bool settled = view->triggers_unplaced == 0;

	for (size_t i = 0; i < view->span_count; i++) {
		const struct td_span *span = &view->spans[i];

		settled = settled && span->node[0];
		if (span->table_id == op->table_id && span->mode == op->mode && strcmp(span->node, op->origin) == 0)
			return AT_ORIGIN;
	}
	return settled ? ELSEWHERE : BETWEEN;
}

static enum where work_is(const struct td_operator *op, const struct td_changefeed_view *view)
{
	if (!view->running)
		return ELSEWHERE; /* stopped: it runs nowhere, and wants to */
	return is_about_maintainer(op->kind) ? maintainer_is(op, view) : dispatcher_is(op, view);
}

bool td_operator_observe(struct td_operator *op, const struct td_changefeed_view *view, int64_t asked_ms)
{
	enum where where;

	if (op->kind == TD_OPERATOR_DISPATCHER && view->running && !view->tables_known)
		return false; /* it says nothing about tables */
	where = work_is(op, view);
	op->at_origin = where == AT_ORIGIN;
	op->seen_ms = asked_ms;
	return where == ELSEWHERE;
}
