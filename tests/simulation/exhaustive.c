/* Every small case, without any chance: all delays are the middle of their range, and nothing goes wrong but what is planned.
 *
 * Enumerated: families N1 and M; 1 to 3 captures; the capture to be drained is TiCDC's coordinator or another one; 0 to 3
 * changefeeds, each with one table on the capture to be drained; every distribution of the maintainers over the captures, up to
 * exchange of maintainers and of captures that are neither coordinator nor target.
 *
 * And in each of these: no fault, every single fault, every pair of faults of which the later one is at the same point or after.
 * A fault is a kind at a point. A point is an effect of the run; polls of a kind between two other effects are one point,
 * and so are writes that change no phase.
 * Left out, because nothing could differ: that a read was executed although its answer was lost. Pairs are at effects other than
 * polls, and of N1 in clusters of at most 2 changefeeds; --deep has the second fault at polls too, and all clusters: 1.5 million
 * cases, which takes 6 minutes on two cores instead of one. */
#include "exhaustive.h"

#include "call.h"
#include "sidecar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAPTURES_MAX 3
#define CHANGEFEEDS_MAX 3
#define FAILURES_MAX 5

struct base {
	enum td_family family;
	int captures, target; /* 0: TiCDC's coordinator; 1: another */
	int maintainers[CAPTURES_MAX];
};

/* ---- one case ---- */

static int changefeeds_of(const struct base *base)
{
	return base->maintainers[0] + base->maintainers[1] + base->maintainers[2];
}

static void put(struct world *w, struct work *work, int node)
{
	model_place(w, work, node);
	work->shown = work->shows = node;
}

static void set_up(struct world *w, const struct base *base)
{
	int changefeed = 0;

	w->now_ms = 1000;
	w->rng.fixed = true;
	w->scenario = (struct scenario){.family = base->family,
					.captures = base->captures,
					.changefeeds = changefeeds_of(base),
					.tables_max = 2,
					.heal_ms = 2000,
					.own_placement_ms = 30000,
					.give_up_ms = 120000};
	w->request_count = 1;
	model_init(w);
	for (int node = 0; node < base->captures; node++)
		for (int i = 0; i < base->maintainers[node]; i++, changefeed++) {
			put(w, &w->model.changefeeds[changefeed].maintainer, node);
			put(w, &w->model.changefeeds[changefeed].spans[0], base->target);
		}
	w->requests[0] = (struct sim_request){.uid = "u0", .arrive_ms = 2500, .batch = 2};
	(void)snprintf(w->requests[0].pod, sizeof(w->requests[0].pod), "cdc-%d", base->target);
	kube_init(w);
	sidecars_init(w);
	people_begin(w);
}

static void describe(const struct base *base, const struct points *p, char *into, size_t size)
{
	int used = snprintf(into, size, "%d:%d:%d:%d.%d.%d", (int)base->family, base->captures, base->target,
			    base->maintainers[0], base->maintainers[1], base->maintainers[2]);

	for (int i = 0; i < p->fault_count; i++)
		used += snprintf(into + used, size - (size_t)used, ":%d.%d", p->faults[i].point, (int)p->faults[i].kind);
}

static bool run_case(const struct base *base, struct points *p, bool verbose)
{
	struct world *w = world_checked(calloc(1, sizeof(*w)));
	char name[128];
	bool good;

	p->target = base->target;
	w->points = p;
	w->verbose = verbose;
	set_up(w, base);
	world_live(w);
	good = w->failure[0] == '\0';
	describe(base, p, name, sizeof(name));
	if (!good) {
		(void)printf("case %s (", name);
		for (int i = 0; i < p->fault_count; i++)
			(void)printf("%s%s at point %d", i ? ", " : "", point_kinds[p->faults[i].kind], p->faults[i].point);
		(void)printf(") failed %s\nreplay: simulate --exhaustive --case %s\n", w->failure, name);
	}
	world_done(w);
	free(w);
	return good;
}

/* ---- all cases ---- */

struct tally {
	uint64_t bases, cases;
	int failures;
};

static bool is_worth_it(const struct points *before, struct planned_fault fault)
{
	if (fault.point < POINTS_MAX && before->is_poll[fault.point] && fault.kind == KIND_LOST_EXECUTED)
		return false;
	/* Two at one point: in one order, and a call has one fate. */
	return before->fault_count == 0 || before->faults[0].point != fault.point ||
	       (fault.kind > before->faults[0].kind && fault.kind >= KIND_TARGET_DIES);
}

static bool has_pairs(const struct base *base, bool deep)
{
	return deep || base->family == TD_FAMILY_MANAGED || changefeeds_of(base) <= 2;
}

/* Puts one more fault at every point from first on that the run reaches. */
static void enumerate(const struct base *base, const struct points *before, int first, bool deep, struct tally *tally)
{
	for (int point = first; point < before->reached && tally->failures < FAILURES_MAX; point++) {
		for (int kind = 0; kind < KIND_COUNT; kind++) {
			struct points p = {.fault_count = before->fault_count + 1};

			memcpy(p.faults, before->faults, sizeof(p.faults));
			p.faults[before->fault_count] = (struct planned_fault){point, (enum kind)kind};
			if (!is_worth_it(before, p.faults[before->fault_count]))
				continue;
			if (before->fault_count > 0 && before->is_poll[point] && (!deep || kind < KIND_TARGET_DIES))
				continue;
			tally->cases++;
			tally->failures += !run_case(base, &p, false);
			if (p.fault_count < FAULTS_MAX && !before->is_poll[point] && has_pairs(base, deep))
				enumerate(base, &p, point, deep, tally);
		}
	}
}

/* One capture that is neither coordinator nor target is like the other. */
static bool is_canonical(const struct base *base)
{
	for (int i = base->captures; i < CAPTURES_MAX; i++)
		if (base->maintainers[i])
			return false;
	if (base->target >= base->captures || changefeeds_of(base) > CHANGEFEEDS_MAX)
		return false;
	return base->target != 0 || base->captures < 3 || base->maintainers[1] >= base->maintainers[2];
}

/* The n-th combination of everything, sensible or not. False: there are no more. */
static bool base_at(int n, struct base *ret)
{
	static const enum td_family families[] = {TD_FAMILY_NATIVE, TD_FAMILY_MANAGED};

	ret->family = families[n % 2];
	n /= 2;
	ret->captures = 1 + n % CAPTURES_MAX;
	n /= CAPTURES_MAX;
	ret->target = n % 2;
	n /= 2;
	for (int i = 0; i < CAPTURES_MAX; i++, n /= CHANGEFEEDS_MAX + 1)
		ret->maintainers[i] = n % (CHANGEFEEDS_MAX + 1);
	return n == 0;
}

static struct tally run_share(int share, int shares, bool deep)
{
	struct tally tally = {0};
	struct base base;
	int number = 0;

	for (int n = 0; base_at(n, &base) && tally.failures < FAILURES_MAX; n++) {
		struct points none = {.fault_count = 0};

		if (!is_canonical(&base) || number++ % shares != share)
			continue;
		tally.bases++;
		tally.cases++;
		tally.failures += !run_case(&base, &none, false);
		enumerate(&base, &none, 0, deep, &tally);
	}
	(void)fflush(stdout);
	return tally;
}

bool run_exhaustive(int jobs, bool deep)
{
	struct tally all = {0}, tally;
	int ends[2];

	(void)fflush(stdout);
	if (pipe(ends) != 0)
		abort();
	for (int i = 0; i < jobs; i++)
		if (fork() == 0) {
			tally = run_share(i, jobs, deep);
			_exit(write(ends[1], &tally, sizeof(tally)) == (ssize_t)sizeof(tally) ? 0 : 2);
		}
	for (int i = 0; i < jobs; i++) {
		int status = 0;

		if (wait(&status) < 0 || status != 0 || read(ends[0], &tally, sizeof(tally)) != (ssize_t)sizeof(tally))
			abort();
		all.bases += tally.bases;
		all.cases += tally.cases;
		all.failures += tally.failures;
	}
	(void)printf("exhaustive: %llu clusters, %llu cases, %d failures\n", (unsigned long long)all.bases,
		     (unsigned long long)all.cases, all.failures);
	return all.failures == 0;
}

bool run_exhaustive_case(const char *name)
{
	struct base base = {0};
	struct points p = {.fault_count = 0};
	int family, a, b, c, d;
	int read = sscanf(name, "%d:%d:%d:%d.%d.%d:%d.%d:%d.%d", &family, &base.captures, &base.target, &base.maintainers[0],
			  &base.maintainers[1], &base.maintainers[2], &a, &b, &c, &d);

	if (read < 6 || read % 2 != 0) {
		(void)fprintf(stderr, "\"%s\" is no case\n", name);
		return false;
	}
	base.family = (enum td_family)family;
	if (read > 6)
		p.faults[p.fault_count++] = (struct planned_fault){a, (enum kind)b};
	if (read > 8)
		p.faults[p.fault_count++] = (struct planned_fault){c, (enum kind)d};
	return run_case(&base, &p, true);
}
