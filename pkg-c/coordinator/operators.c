/* See operators.h. There are never more of them than a batch, so an array with linear search is all it takes. */
#include "coordinator/operators.h"

#include <stdlib.h>
#include <string.h>

void td_operators_init(struct td_operators *operators)
{
	*operators = (struct td_operators){0};
}

void td_operators_clear(struct td_operators *operators)
{
	for (size_t i = 0; i < operators->count; i++)
		free(operators->items[i].changefeed);
	operators->count = 0;
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
	*op = (struct td_operator){.kind = kind, .changefeed = name, .table_id = table_id, .mode = mode};
	return op;
}

void td_operators_remove(struct td_operators *operators, struct td_operator *op)
{
	free(op->changefeed);
	*op = operators->items[--operators->count];
}

struct td_operator *td_operators_find(const struct td_operators *operators, enum td_operator_kind kind,
				      const char *changefeed, int64_t table_id, uint8_t mode)
{
	for (size_t i = 0; i < operators->count; i++) {
		struct td_operator *op = &operators->items[i];

		if (op->kind == kind && op->table_id == table_id && op->mode == mode &&
		    strcmp(op->changefeed, changefeed) == 0)
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

size_t td_operators_count(const struct td_operators *operators, enum td_operator_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < operators->count; i++)
		count += operators->items[i].kind == kind;
	return count;
}

/* Left the target: gone from its list and, for a maintainer, at home somewhere (an empty address is the middle of a move). */
static bool has_left(const struct td_operator *op, const struct td_workload *workload,
		     const struct td_changefeed *changefeed)
{
	if (!changefeed->running)
		return true;
	if (op->kind == TD_OPERATOR_MAINTAINER)
		return changefeed->maintainer_addr[0] && !td_workload_maintainer_on_target(workload, changefeed);
	return !td_changefeed_has_span(changefeed, op->table_id, op->mode) && changefeed->unplaced == 0;
}

size_t td_operators_confirm(struct td_operators *operators, const struct td_workload *workload,
			    const struct td_changefeed *changefeed)
{
	size_t confirmed = 0;

	for (size_t i = operators->count; i-- > 0;) {
		struct td_operator *op = &operators->items[i];

		if (op->state == TD_OPERATOR_SENT || strcmp(op->changefeed, changefeed->name) != 0 ||
		    !has_left(op, workload, changefeed))
			continue;
		td_operators_remove(operators, op);
		confirmed++;
	}
	operators->confirmed += confirmed;
	return confirmed;
}
