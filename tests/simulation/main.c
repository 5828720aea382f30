/* simulate [--seeds N] [--first S] [--seed S] [--small] [--jobs N] [-v]: one life of a whole cluster for each seed. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEEDS_DEFAULT 2000
#define REPEAT_EACH 16
#define FAILURES_MAX 5
#define VACUOUS_FROM 1000 /* seeds, from which on every kind of fault must have happened */
#define JOBS_MAX 64

struct options {
	uint64_t seeds, first;
	enum size size;
	int jobs;
	bool verbose, quiet, exhaustive, deep;
	const char *regressions, *only;
};

static bool run_one(const struct options *options, uint64_t seed, struct outcomes *outcomes)
{
	struct outcomes ignored = {0};
	uint64_t first, second;

	if (!run_seed(seed, options->size, options->verbose, outcomes, &first))
		return false;
	if (options->verbose || seed % REPEAT_EACH != 0)
		return true;
	if (run_seed(seed, options->size, false, &ignored, &second) && first == second)
		return true;
	(void)printf("seed %llu: two runs differ\nreplay: simulate %s--seed %llu -v\n", (unsigned long long)seed,
		     options->size == SIZE_SMALL ? "--small " : "", (unsigned long long)seed);
	return false;
}

/* Worker number n runs every jobs-th seed. */
static int work(const struct options *options, int n, struct outcomes *outcomes)
{
	int failures = 0;

	for (uint64_t i = (uint64_t)n; i < options->seeds && failures < FAILURES_MAX; i += (uint64_t)options->jobs)
		failures += !run_one(options, options->first + i, outcomes);
	return failures;
}

static void add(struct outcomes *to, const struct outcomes *from)
{
	const uint64_t *source = (const uint64_t *)from;
	uint64_t *target = (uint64_t *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(uint64_t); i++)
		target[i] += source[i];
}

struct report {
	struct outcomes outcomes;
	int failures;
};

static void start_worker(const struct options *options, int n, FILE *output, int write_end)
{
	struct report report = {.failures = 0};

	if (fork() != 0)
		return;
	if (dup2(fileno(output), STDOUT_FILENO) < 0)
		_exit(2);
	report.failures = work(options, n, &report.outcomes);
	(void)fflush(stdout);
	_exit(write(write_end, &report, sizeof(report)) == (ssize_t)sizeof(report) ? 0 : 2);
}

/* Workers print into files of their own, shown one after the other: the output does not depend on who is faster. */
static int fork_workers(const struct options *options, struct outcomes *outcomes)
{
	FILE *outputs[JOBS_MAX];
	int pipes[JOBS_MAX][2], failures = 0;
	char line[1024];

	(void)fflush(stdout);
	for (int n = 0; n < options->jobs; n++) {
		outputs[n] = tmpfile();
		if (!outputs[n] || pipe(pipes[n]) != 0)
			abort();
		start_worker(options, n, outputs[n], pipes[n][1]);
		(void)close(pipes[n][1]);
	}
	for (int n = 0; n < options->jobs; n++) {
		struct report report = {.failures = 1};

		if (read(pipes[n][0], &report, sizeof(report)) != (ssize_t)sizeof(report))
			(void)printf("worker %d died\n", n);
		(void)close(pipes[n][0]);
		failures += report.failures;
		add(outcomes, &report.outcomes);
		rewind(outputs[n]);
		while (fgets(line, sizeof(line), outputs[n]))
			(void)fputs(line, stdout);
		(void)fclose(outputs[n]);
	}
	while (wait(NULL) > 0)
		;
	return failures;
}

static int print_table(const struct outcomes *o, bool quiet)
{
	int missing = 0;

	(void)printf("%llu seeds (%llu calm), %llu requests, %llu leaders, %llu steps, %llu effects\n",
		     (unsigned long long)o->seeds, (unsigned long long)o->calm, (unsigned long long)o->requests,
		     (unsigned long long)o->leaders, (unsigned long long)o->steps, (unsigned long long)o->effects);
	for (int i = 0; i < TD_PHASE_COUNT; i++)
		if (o->phases[i] && !quiet)
			(void)printf("  %-44s %10llu\n", td_phase_name((enum td_phase)i), (unsigned long long)o->phases[i]);
	for (int i = 0; i < TD_EFFECT_KIND_COUNT && !quiet; i++)
		(void)printf("  effect %-37s %10llu\n", td_effect_name((enum td_effect_kind)i),
			     (unsigned long long)o->kinds[i]);
	for (int i = 0; i < TD_ACTIVITY_COUNT && !quiet; i++)
		(void)printf("  steps while %-32s %10llu\n", td_activity_name((enum td_activity)i),
			     (unsigned long long)o->activities[i]);
	for (int i = 0; i < FAULT_COUNT; i++) {
		missing += o->faults[i] == 0;
		if (quiet)
			continue;
		(void)printf("  %-44s %10llu\n", fault_name((enum fault)i), (unsigned long long)o->faults[i]);
	}
	for (int i = 0; i < TD_EFFECT_KIND_COUNT && WITH_NEW_CORE; i++)
		missing += o->kinds[i] == 0;
	for (int i = 0; i < TD_ACTIVITY_COUNT && WITH_NEW_CORE; i++)
		missing += o->activities[i] == 0;
	if (missing && o->seeds >= VACUOUS_FROM) {
		(void)printf("%d kinds of faults, effects or activities never happened: this proves less than it claims\n",
			     missing);
		return 1;
	}
	return 0;
}

/* Seeds that once failed, one in a line: "small 17 why". They go first. */
static int run_regressions(const struct options *options, struct outcomes *outcomes)
{
	FILE *file = fopen(options->regressions, "r");
	char line[512], size[16];
	unsigned long long seed;
	int failures = 0;

	while (file && fgets(line, sizeof(line), file)) {
		struct options one = *options;

		if (line[0] == '#' || sscanf(line, "%15s %llu", size, &seed) != 2)
			continue;
		one.size = strcmp(size, "small") == 0 ? SIZE_SMALL : SIZE_ANY;
		failures += !run_one(&one, seed, outcomes);
	}
	if (file)
		(void)fclose(file);
	return failures;
}

/* False: wrong usage. */
static bool parse(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (strcmp(argv[i], "-v") == 0)
			o->verbose = true;
		else if (strcmp(argv[i], "--small") == 0)
			o->size = SIZE_SMALL;
		else if (strcmp(argv[i], "--quiet") == 0)
			o->quiet = true;
		else if (strcmp(argv[i], "--exhaustive") == 0)
			o->exhaustive = true;
		else if (strcmp(argv[i], "--deep") == 0)
			o->deep = true;
		else if (more && strcmp(argv[i], "--case") == 0)
			o->only = argv[++i];
		else if (more && strcmp(argv[i], "--seeds") == 0)
			o->seeds = strtoull(argv[++i], NULL, 10);
		else if (more && strcmp(argv[i], "--first") == 0)
			o->first = strtoull(argv[++i], NULL, 10);
		else if (more && strcmp(argv[i], "--jobs") == 0)
			o->jobs = (int)strtol(argv[++i], NULL, 10);
		else if (more && strcmp(argv[i], "--regressions") == 0)
			o->regressions = argv[++i];
		else if (more && strcmp(argv[i], "--seed") == 0) {
			o->first = strtoull(argv[++i], NULL, 10);
			o->seeds = 1;
		} else
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct options o = {
		.seeds = SEEDS_DEFAULT, .first = 1, .size = SIZE_ANY, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
	struct outcomes outcomes = {0};
	int failures = 0;

	if (!parse(argc, argv, &o)) {
		(void)fprintf(stderr,
			      "usage: simulate [--seeds N] [--first S] [--seed S] [--small] [--jobs N] [-v] [--quiet]\n"
			      "                [--regressions FILE] | --exhaustive [--deep | --case NAME]\n");
		return 2;
	}
	if (o.jobs < 1 || o.jobs > JOBS_MAX)
		o.jobs = 1;
	if (o.exhaustive)
		return !(o.only ? run_exhaustive_case(o.only) : run_exhaustive(o.jobs, o.deep));
	(void)printf("first seed %llu; one alone: make simulate SEED=n%s\n", (unsigned long long)o.first,
		     o.size == SIZE_SMALL ? " SIZE=small" : "");
	if (o.regressions)
		failures += run_regressions(&o, &outcomes);
	if (o.seeds == 1)
		failures += !run_one(&o, o.first, &outcomes);
	else
		failures += fork_workers(&o, &outcomes);
	if (o.seeds > 1)
		failures += print_table(&outcomes, o.quiet);
	if (failures)
		(void)printf("%d failures\n", failures);
	return failures != 0;
}
