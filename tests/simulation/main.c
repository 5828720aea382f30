/* simulate [--seeds N] [--first S] [--seed S] [-v]: the core against a model cluster, one life for each seed. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS_DEFAULT 2000
#define REPEAT_EACH 10
#define FAILURES_MAX 5

static void print_outcomes(const struct outcomes *o, uint64_t seeds, int failures)
{
	(void)printf("%llu seeds, %d of them calm, %d requests, %llu steps, %llu effects, %d failures\n",
		     (unsigned long long)seeds, o->calm, o->requests, (unsigned long long)o->steps,
		     (unsigned long long)o->effects, failures);
	for (int i = 0; i < TD_PHASE_COUNT; i++)
		if (o->phases[i])
			(void)printf("  %-12s %d\n", td_phase_name((enum td_phase)i), o->phases[i]);
}

static bool run_one(uint64_t seed, struct outcomes *outcomes)
{
	struct outcomes ignored = {0};
	uint64_t first, second;

	if (!run_seed(seed, false, outcomes, &first))
		return false;
	if (seed % REPEAT_EACH != 0)
		return true;
	if (run_seed(seed, false, &ignored, &second) && first == second)
		return true;
	(void)printf("seed %llu: two runs differ\nreplay: simulate --seed %llu -v\n", (unsigned long long)seed,
		     (unsigned long long)seed);
	return false;
}

int main(int argc, char **argv)
{
	uint64_t seeds = SEEDS_DEFAULT, first = 1, hash;
	struct outcomes outcomes = {0};
	bool verbose = false;
	int failures = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0) {
			verbose = true;
		} else if (i + 1 < argc && strcmp(argv[i], "--seeds") == 0) {
			seeds = strtoull(argv[++i], NULL, 10);
		} else if (i + 1 < argc && strcmp(argv[i], "--first") == 0) {
			first = strtoull(argv[++i], NULL, 10);
		} else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
			first = strtoull(argv[++i], NULL, 10);
			seeds = 1;
		} else {
			(void)fprintf(stderr, "usage: simulate [--seeds N] [--first S] [--seed S] [-v]\n");
			return 2;
		}
	}
	if (seeds == 1)
		failures = !run_seed(first, verbose, &outcomes, &hash);
	for (uint64_t seed = first; seeds > 1 && seed < first + seeds && failures < FAILURES_MAX; seed++)
		failures += !run_one(seed, &outcomes);
	print_outcomes(&outcomes, seeds, failures);
	return failures != 0;
}
