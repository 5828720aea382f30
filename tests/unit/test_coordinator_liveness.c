/* Alive, Draining, Stopping: every transition from every state. */
#include "coordinator/liveness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum move { BEGIN, COMPLETE, SHUT_DOWN, RECOVER_ONLY, RECOVER_AMONG_TWO, MOVE_COUNT };

static bool make(struct td_liveness_state *state, enum move move)
{
	switch (move) {
	case BEGIN:
		return td_liveness_begin_drain(state);
	case COMPLETE:
		return td_liveness_complete_drain(state);
	case SHUT_DOWN:
		return td_liveness_shut_down(state);
	case RECOVER_ONLY:
		return td_liveness_recover_only_node(state, 1);
	case RECOVER_AMONG_TWO:
		return td_liveness_recover_only_node(state, 2);
	case MOVE_COUNT:
		break;
	}
	return false;
}

static struct td_liveness_state in(enum td_liveness liveness)
{
	struct td_liveness_state state = {0};

	if (liveness == TD_DRAINING)
		assert_true(td_liveness_begin_drain(&state));
	else if (liveness == TD_STOPPING)
		assert_true(td_liveness_shut_down(&state));
	return state;
}

static void only_the_named_transitions_exist(void **state)
{
	static const int after[TD_LIVENESS_COUNT][MOVE_COUNT] = {
		[TD_ALIVE] = {TD_DRAINING, -1, TD_STOPPING, -1, -1},
		[TD_DRAINING] = {-1, TD_STOPPING, -1, TD_ALIVE, -1},
		[TD_STOPPING] = {-1, -1, -1, -1, -1},
	};

	(void)state;
	for (int from = 0; from < TD_LIVENESS_COUNT; from++) {
		for (int move = 0; move < MOVE_COUNT; move++) {
			struct td_liveness_state one = in((enum td_liveness)from);
			int wanted = after[from][move];

			assert_int_equal(make(&one, (enum move)move), wanted >= 0);
			assert_int_equal(td_liveness_of(&one), wanted >= 0 ? wanted : from);
		}
	}
}

static void a_node_begins_alive(void **state)
{
	struct td_liveness_state fresh = {0};

	(void)state;
	assert_int_equal(td_liveness_of(&fresh), TD_ALIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_named_transitions_exist),
		cmocka_unit_test(a_node_begins_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
