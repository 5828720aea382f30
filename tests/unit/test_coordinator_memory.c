/* Out of memory, at every single allocation of a whole drain, of one that stalls, and of a balance.
 *
 * This binary is linked with --wrap for the allocator (see the Makefile), so the core's calls come here first. Memory that fails ends
 * the core: the step says false, freeing gives everything back (the sanitizers look), and another core built from the durable
 * state would go on. The one exception is a sentence for people: without memory it is cut short, and the drain goes on. */
#include "coordinator_fixture.h"

#include <limits.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

#define WORK_MAX 40 /* more than the first size of every array of the core, so that each has to grow */
#define TURNS_MAX 20000

static struct memory {
	bool armed;
	bool for_good; /* all that come later fail too */
	long calls, fails_at;
} memory;

static bool is_refused(void)
{
	if (!memory.armed)
		return false;
	memory.calls++;
	return memory.for_good ? memory.calls >= memory.fails_at : memory.calls == memory.fails_at;
}

void *__wrap_malloc(size_t size)
{
	return is_refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return is_refused() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	char *copy = is_refused() ? NULL : __real_malloc(strlen(text) + 1);

	return copy ? strcpy(copy, text) : NULL;
}

/* What is played, and how it ends when there is memory. */
static const struct scenario {
	size_t work; /* maintainers on a, each with a dispatcher */
	bool balance;
	bool frozen; /* nothing that is asked for ever happens */
	enum td_phase end;
} whole_drain = {.work = WORK_MAX, .end = TD_PHASE_DRAINED},
  stalled_drain = {.work = 4, .frozen = true, .end = TD_PHASE_FAILED}, balance = {.work = 4, .balance = true};

static const struct scenario *const scenarios[] = {&whole_drain, &stalled_drain, &balance};
#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static const struct scenario *scenario;
static struct td_core *core;
static int64_t now_ms;
static char names[WORK_MAX][40];
static const char *homes[WORK_MAX];
static struct td_span spans[WORK_MAX];
static struct td_counts on_target;

static bool step(enum td_input_kind kind, const struct td_request_input *request, const struct td_result *result)
{
	const struct td_input input = {.kind = kind, .uid = "u", .request = request, .result = result};
	bool well;

	memory.armed = true;
	well = td_core_step(core, now_ms, &input);
	memory.armed = false;
	return well;
}

/* A move is done as soon as it is asked for. */
static void perform(const struct td_effect *effect)
{
	for (size_t i = 0; !scenario->frozen && i < scenario->work; i++) {
		if (strcmp(names[i], effect->changefeed ? effect->changefeed : "") != 0)
			continue;
		if (effect->kind == TD_EFFECT_MOVE_MAINTAINER && strcmp(homes[i], "a:1") == 0) {
			homes[i] = effect->node[0] == 'b' ? "b:1" : "c:1";
			on_target.maintainers--;
			on_target.triggers--;
		}
		if (effect->kind == TD_EFFECT_MOVE_DISPATCHER && spans[i].node[0] == 'a') {
			spans[i].node = effect->node[0] == 'b' ? "b" : "c";
			on_target.dispatchers--;
		}
	}
}

static struct td_changefeed_view view_of(size_t i)
{
	return (struct td_changefeed_view){.name = names[i],
					   .running = true,
					   .maintainer_addr = homes[i],
					   .tables_known = true,
					   .spans = &spans[i],
					   .span_count = 1};
}

static bool answer(const struct td_effect *effect)
{
	static const struct td_node_view nodes[] = {{.id = "a", .address = "a:1", .answers = true, .pod = "pod-a"},
						    {.id = "b", .address = "b:1", .answers = true, .pod = "pod-b"},
						    {.id = "c", .address = "c:1", .answers = true, .pod = "pod-c"}};
	const struct td_nodes_view list = {"c", nodes, 3};
	const struct td_process_view process = {.known = true, .capture = "a", .process_start = 1, .counts = on_target};
	struct td_changefeed_view changefeeds[WORK_MAX], one = {0};
	const struct td_workload_view books = {"c", changefeeds, scenario->work};

	for (size_t i = 0; i < scenario->work; i++) {
		changefeeds[i] = view_of(i);
		if (effect->changefeed && strcmp(names[i], effect->changefeed) == 0)
			one = changefeeds[i];
	}
	return step(TD_INPUT_RESULT, NULL,
		    &(struct td_result){.effect_id = effect->id,
					.family = TD_FAMILY_MANAGED,
					.family_why = "",
					.nodes = &list,
					.workload = &books,
					.changefeed = &one,
					.process = &process});
}

/* The agents of the others have seen that the drain is on. */
static bool acknowledge(const struct td_request_input *request, uint64_t epoch)
{
	const struct td_acknowledgement all[] = {{"b", epoch}, {"c", epoch}};
	struct td_request_input seen = *request;

	seen.acknowledgements = all;
	seen.acknowledgement_count = 2;
	return step(TD_INPUT_REQUEST, &seen, NULL);
}

static void set_up_world(void)
{
	for (size_t i = 0; i < scenario->work; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "default/cf-%02zu", i);
		homes[i] = "a:1";
		spans[i] = (struct td_span){1, 0, "a"};
	}
	on_target = (struct td_counts){(uint32_t)scenario->work, (uint32_t)scenario->work, (uint32_t)scenario->work, 0};
	now_ms = 1000;
}

static bool is_over(void)
{
	if (scenario->balance)
		return td_core_summary(core).activity == TD_ACTIVITY_IDLE;
	return td_phase_is_final(td_core_view(core, "u")->phase);
}

static bool begin(const struct td_request_input *request)
{
	struct td_core_options options = td_core_defaults;

	options.batch_default = WORK_MAX;
	options.stall_ms = 2000;
	options.give_up_ms = scenario->frozen ? 9000 : options.give_up_ms;
	memory.armed = true;
	core = td_core_new(&options);
	memory.armed = false;
	if (!core)
		return false;
	return scenario->balance ? step(TD_INPUT_BALANCE, NULL, NULL) : step(TD_INPUT_REQUEST, request, NULL);
}

/* The scenario to its end. False: the core said that it is out of memory. */
static bool play(void)
{
	const struct td_request_input request = fixture_pod_request("u", "pod-a");
	struct td_effect waiting[4 * WORK_MAX];
	bool acknowledgement_due = false;
	uint64_t epoch = 0;
	size_t count = 0;

	if (!begin(&request))
		return false;
	for (int turns = 0; turns < TURNS_MAX; turns++) {
		bool well;

		while (count < 4 * WORK_MAX && td_core_next_effect(core, &waiting[count]))
			perform(&waiting[count++]);
		if (is_over())
			return true;
		if (count > 0) {
			struct td_effect first = waiting[0];

			memmove(waiting, waiting + 1, --count * sizeof(waiting[0]));
			well = answer(&first);
			acknowledgement_due = acknowledgement_due || first.epoch > epoch; /* the first write of the drain */
			epoch = first.epoch > epoch ? first.epoch : epoch;
		} else if (acknowledgement_due) {
			acknowledgement_due = false;
			well = acknowledge(&request, epoch);
		} else {
			now_ms = td_core_deadline(core) > now_ms ? td_core_deadline(core) : now_ms;
			well = step(TD_INPUT_TICK, NULL, NULL);
		}
		if (!well)
			return false;
	}
	fail_msg("it does not end");
	return false;
}

/* A life in which the allocation at that place fails. Returns how many were made. */
static long play_with(long fails_at, bool for_good)
{
	bool ended;

	set_up_world();
	memory = (struct memory){.fails_at = fails_at, .for_good = for_good};
	ended = play();
	if (ended && !scenario->balance)
		assert_int_equal(td_core_view(core, "u")->phase, scenario->end);
	if (ended && scenario->balance)
		assert_in_range(on_target.maintainers, 1, 2);
	if (for_good)
		assert_false(ended);
	core = td_core_free(core);
	return memory.calls;
}

static void while_there_is_memory_each_goes_to_its_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < SCENARIOS; i++) {
		scenario = scenarios[i];
		assert_in_range(play_with(LONG_MAX, false), 50, 20000);
	}
}

static void any_one_allocation_that_fails_ends_the_core_cleanly_or_costs_words_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < SCENARIOS; i++) {
		long all;

		scenario = scenarios[i];
		all = play_with(LONG_MAX, false);
		for (long at = 1; at <= all; at++)
			(void)play_with(at, false);
	}
}

static void memory_that_ends_for_good_at_any_moment_ends_the_core_cleanly(void **state)
{
	(void)state;
	for (size_t i = 0; i < SCENARIOS; i++) {
		long all;

		scenario = scenarios[i];
		all = play_with(LONG_MAX, false);
		for (long at = 1; at <= all / 2; at++) /* not at the very end: there only sentences are written */
			(void)play_with(at, true);
	}
}

static void books_that_do_not_fit_are_unknown_and_their_sums_still_agree(void **state)
{
	struct td_changefeed_view view;
	struct td_workload workload;
	struct td_nodes nodes;
	bool fits = false;

	(void)state;
	scenario = &whole_drain;
	set_up_world();
	view = view_of(0);
	for (long at = 1; !fits; at++) {
		td_nodes_init(&nodes);
		td_workload_init(&workload);
		td_workload_set_target(&workload, "a", "a:1");
		memory = (struct memory){.armed = true, .fails_at = at};
		fits = td_workload_apply(&workload, &nodes, 1, &(struct td_workload_view){"c", &view, 1});
		memory.armed = false;
		assert_int_equal(workload.known, fits);
		assert_int_equal(workload.target_maintainers, fits);
		td_workload_done(&workload);
		td_nodes_done(&nodes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(while_there_is_memory_each_goes_to_its_end),
		cmocka_unit_test(any_one_allocation_that_fails_ends_the_core_cleanly_or_costs_words_only),
		cmocka_unit_test(memory_that_ends_for_good_at_any_moment_ends_the_core_cleanly),
		cmocka_unit_test(books_that_do_not_fit_are_unknown_and_their_sums_still_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
