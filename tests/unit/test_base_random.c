/* The generator: repeatable, known, and even. */
#include "base/random.h"

#include "base_test.h"

/* From the authors' own C code (splitmix64.c seeding xoshiro256starstar.c), seed 0. */
static void numbers_are_those_of_the_published_algorithm(void **state)
{
	static const uint64_t expected[] = {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0, 0x6aa594f1262d2d2c};
	struct td_random random;

	(void)state;
	td_random_init(&random, 0);
	for (size_t i = 0; i < COUNT(expected); i++)
		assert_true(td_random_next(&random) == expected[i]);
}

static void same_seed_gives_same_numbers_and_another_seed_others(void **state)
{
	struct td_random a, b, c;
	int same = 0;

	(void)state;
	td_random_init(&a, 42);
	td_random_init(&b, 42);
	td_random_init(&c, 43);
	for (int i = 0; i < 100; i++) {
		uint64_t value = td_random_next(&a);

		assert_true(value == td_random_next(&b));
		same += value == td_random_next(&c);
	}
	assert_int_equal(same, 0);
}

static void below_stays_below_and_is_even(void **state)
{
	struct td_random random;
	int counts[7] = {0};

	(void)state;
	td_random_init(&random, 1);
	for (int i = 0; i < 70000; i++)
		counts[td_random_below(&random, 7)]++;
	for (int i = 0; i < 7; i++)
		assert_in_range(counts[i], 9500, 10500); /* 5 standard deviations of 93 */
	for (int i = 0; i < 100; i++) {
		assert_int_equal(td_random_below(&random, 1), 0);
		assert_true(td_random_below(&random, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
	}
}

static void between_includes_both_ends_over_any_range(void **state)
{
	struct td_random random;
	int seen[5] = {0};

	(void)state;
	td_random_init(&random, 2);
	for (int i = 0; i < 200; i++) {
		int64_t value = td_random_between(&random, -2, 2);

		assert_true(value >= -2 && value <= 2);
		seen[value + 2] = 1;
		(void)td_random_between(&random, INT64_MIN, INT64_MAX);
		assert_true(td_random_between(&random, INT64_MIN, INT64_MIN + 1) <= INT64_MIN + 1);
		assert_true(td_random_between(&random, INT64_MAX, INT64_MAX) == INT64_MAX);
	}
	for (int i = 0; i < 5; i++)
		assert_int_equal(seen[i], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_those_of_the_published_algorithm),
		cmocka_unit_test(same_seed_gives_same_numbers_and_another_seed_others),
		cmocka_unit_test(below_stays_below_and_is_even),
		cmocka_unit_test(between_includes_both_ends_over_any_range),
	};

	return cmocka_run_group_tests_name("base/random", tests, NULL, NULL);
}
