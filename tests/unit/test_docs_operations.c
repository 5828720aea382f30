/* docs/operations.md against the code: people look up there what an object says. */
#include "base_test.h"
#include "coordinator/types.h"

#include <stdio.h>

/* Found from the source's own place, as the compiler was given it: from the root of the tree. */
static void every_phase_and_reason_stands_in_the_operations_manual(void **state)
{
	static char manual[65536];
	char path[1024];
	FILE *file;
	size_t len;

	(void)state;
	(void)snprintf(path, sizeof(path), "%.*s../../docs/operations.md", (int)(strrchr(__FILE__, '/') - __FILE__) + 1,
		       __FILE__);
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s cannot be opened (started outside the source tree?)", path);
	len = fread(manual, 1, sizeof(manual) - 1, file);
	manual[len] = '\0';
	assert_int_equal(fclose(file), 0);
	for (int i = 0; i < TD_REASON_COUNT; i++) {
		char cell[64];

		(void)snprintf(cell, sizeof(cell), "| `%s` |", td_reason_name((enum td_reason)i));
		if (!strstr(manual, cell))
			fail_msg("docs/operations.md does not explain %s", cell);
	}
	for (int i = 0; i < TD_PHASE_COUNT; i++)
		assert_non_null(strstr(manual, td_phase_name((enum td_phase)i)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_phase_and_reason_stands_in_the_operations_manual)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
