/* The loop of a shell on virtual time, and the people and kubelets around it. See run.h. */
#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define GIVE_UP_MS 1800000
#define BEYOND_MS 60000

void run_fail(struct run *run, const char *format, ...)
{
	int used;
	va_list args;

	if (run->failure[0])
		return;
	used = snprintf(run->failure, sizeof(run->failure), "at %lld ms: ", (long long)run->now_ms);
	va_start(args, format);
	(void)vsnprintf(run->failure + used, sizeof(run->failure) - (size_t)used, format, args);
	va_end(args);
}

struct sim_request *run_request(struct run *run, const char *uid)
{
	for (int i = 0; i < run->request_count; i++)
		if (strcmp(run->requests[i].uid, uid) == 0)
			return &run->requests[i];
	return NULL;
}

static void trace(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void trace(struct run *run, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (const char *p = line; *p; p++)
		run->hash = (run->hash ^ (unsigned char)*p) * 1099511628211u;
	run->hash = (run->hash ^ (uint64_t)run->now_ms) * 1099511628211u;
	if (run->verbose)
		(void)printf("%9lld  %s\n", (long long)run->now_ms, line);
}

/* ---- effects ---- */

static struct durable durable_of(const struct td_request_view *view)
{
	struct durable durable = {.phase = view->phase,
				  .reason = view->reason,
				  .epoch = view->epoch,
				  .initial = view->initial,
				  .started_ms = view->started_ms};

	(void)snprintf(durable.capture, sizeof(durable.capture), "%s", view->capture);
	(void)snprintf(durable.address, sizeof(durable.address), "%s", view->address);
	return durable;
}

static void publish(struct run *run, const struct td_effect *effect)
{
	const struct td_request_view *view = td_core_view(run->core, effect->uid);
	struct sim_request *request = run_request(run, effect->uid);
	struct sim_write *write = &run->writes[run->write_count];

	if (!view || !request || run->write_count == WRITES_MAX) {
		run_fail(run, "a Publish of \"%s\", which is nobody", effect->uid);
		return;
	}
	trace(run, "  %s: %s %s position %d blocked by \"%s\" left %u+%u: %s", view->uid, td_phase_name(view->phase),
	      td_reason_name(view->reason), view->queue_position, view->blocked_by, view->remaining.maintainers,
	      view->remaining.dispatchers, view->message);
	check_published(run, request, view);
	request->publishes++;
	run->write_count++;
	*write = (struct sim_write){
		.effect_id = effect->id, .request = (int)(request - run->requests), .durable = durable_of(view)};
	write->due_ms = run->now_ms + rng_range(&run->rng, 2, rng_chance(&run->rng, run->model.faults.slow) ? 3000 : 30);
	write->execute_ms = rng_range(&run->rng, run->now_ms + 1, write->due_ms);
	write->ignored = request->gone;
	if (rng_chance(&run->rng, run->model.faults.failed)) {
		write->ignored = true;
		write->outcome = TD_OUTCOME_FAILED;
	} else if (rng_chance(&run->rng, run->model.faults.lost)) {
		write->ignored = rng_chance(&run->rng, 500);
		write->outcome = TD_OUTCOME_UNKNOWN;
	}
}

static void step(struct run *run, const struct td_input *input)
{
	struct td_effect effect;

	run->steps++;
	if (!td_core_step(run->core, run->now_ms, input))
		run_fail(run, "out of memory");
	while (td_core_next_effect(run->core, &effect)) {
		run->effects++;
		trace(run, "%s #%llu %s node=%s at=%s %s table=%lld/%d epoch=%llu", td_effect_name(effect.kind),
		      (unsigned long long)effect.id, effect.uid, effect.node, effect.address,
		      effect.changefeed ? effect.changefeed : "", (long long)effect.table_id, effect.mode,
		      (unsigned long long)effect.epoch);
		check_effect(run, &effect);
		if (effect.kind == TD_EFFECT_PUBLISH)
			publish(run, &effect);
		else
			model_send(&run->model, &effect);
	}
	check_step(run);
}

/* ---- inputs ---- */

static void feed(struct run *run, struct sim_request *r)
{
	int pod = r->pod[0] ? model_of_pod(&run->model, r->pod) : NOWHERE;
	bool replaced = r->durable.capture[0] && pod != NOWHERE && strcmp(run->model.nodes[pod].id, r->durable.capture) != 0;
	const struct td_request_input input = {
		.uid = r->uid,
		.name = r->uid,
		.pod = r->pod[0] ? r->pod : NULL,
		.capture = r->capture[0] ? r->capture : NULL,
		.pod_exists = strcmp(r->pod, "nobody") != 0,
		.pod_terminating = r->terminating && !replaced,
		.pod_gone = replaced,
		.dry_run = r->dry_run,
		.batch = r->batch,
		.created_ms = r->arrive_ms,
		.deadline_ms = r->deadline_ms,
		.phase = r->durable.phase,
		.epoch = r->durable.epoch,
		.drained_capture = r->durable.capture,
		.drained_address = r->durable.address,
		.initial = r->durable.initial,
		.started_ms = r->durable.started_ms,
	};

	trace(run, "> request %s pod=%s capture=%s terminating=%d gone=%d deadline=%lld", r->uid, r->pod, r->capture,
	      input.pod_terminating, input.pod_gone, (long long)r->deadline_ms);
	r->fed = true;
	step(run, &(struct td_input){.kind = TD_INPUT_REQUEST, .request = &input});
}

static void answer_write(struct run *run, int index)
{
	struct sim_write write = run->writes[index];
	struct sim_request *request = &run->requests[write.request];
	const struct td_result result = {.effect_id = write.effect_id, .outcome = write.outcome, .why = "409 Conflict"};

	run->writes[index] = run->writes[--run->write_count];
	if (write.outcome == TD_OUTCOME_DONE && write.durable.phase == TD_PHASE_DRAINING)
		request->acknowledged_epoch = write.durable.epoch;
	trace(run, "> result #%llu publish %s %d", (unsigned long long)write.effect_id, request->uid, write.outcome);
	step(run, &(struct td_input){.kind = TD_INPUT_RESULT, .result = &result});
}

static void execute_write(struct run *run, struct sim_write *write)
{
	struct sim_request *request = &run->requests[write->request];

	write->executed = true;
	if (write->ignored)
		return;
	request->durable = write->durable;
	if (td_phase_is_final(write->durable.phase) && !request->ended_ms)
		request->ended_ms = run->now_ms;
}

static void do_writes(struct run *run)
{
	for (int i = 0; i < run->write_count && !run->failure[0]; i++) {
		if (!run->writes[i].executed && run->now_ms >= run->writes[i].execute_ms)
			execute_write(run, &run->writes[i]);
		if (run->now_ms >= run->writes[i].due_ms)
			answer_write(run, i--);
	}
}

static void do_answers(struct run *run)
{
	struct td_result result;

	while (run->core && !run->failure[0] && model_take_answer(&run->model, &result)) {
		trace(run, "> result #%llu %s %s %lld", (unsigned long long)result.effect_id,
		      result.outcome == TD_OUTCOME_DONE	    ? "done"
		      : result.outcome == TD_OUTCOME_FAILED ? "failed"
							    : "unknown",
		      result.outcome == TD_OUTCOME_DONE ? "" : result.why, (long long)result.answer);
		check_result(run, &result);
		step(run, &(struct td_input){.kind = TD_INPUT_RESULT, .result = &result});
	}
	while (!run->core && model_take_answer(&run->model, &result))
		; /* what the last leader sent still happens */
}

/* ---- people, kubelets, leaders ---- */

static void terminate_pod(struct run *run, struct sim_request *r)
{
	int node = model_of_pod(&run->model, r->pod);

	if (node != NOWHERE)
		run->model.nodes[node].pod_terminating = true;
}

/* A drained pod's process stops and another comes; one that failed half way is restarted by hand, or it blocks the others. */
static void reap(struct run *run, struct sim_request *r)
{
	int node = model_find(&run->model, r->durable.capture);

	if (!r->reaped_ms && !r->dry_run && (r->ended_ms || r->gone) && (r->durable.epoch || r->terminating))
		r->reaped_ms = run->now_ms + rng_range(&run->rng, 500, r->terminating ? 3000 : 20000);
	if (r->reaped_ms <= 0 || run->now_ms < r->reaped_ms)
		return;
	r->reaped_ms = -1;
	if (node == NOWHERE && r->pod[0])
		node = model_of_pod(&run->model, r->pod);
	if (node == NOWHERE || !run->model.nodes[node].up)
		return;
	trace(run, "! the process of %s stops", run->model.nodes[node].id);
	model_kill(&run->model, node, rng_range(&run->rng, 500, 8000));
}

static void do_requests(struct run *run)
{
	for (int i = 0; i < run->request_count; i++) {
		struct sim_request *r = &run->requests[i];

		if (run->now_ms >= r->arrive_ms && !r->fed && !r->gone) {
			if (r->terminating)
				terminate_pod(run, r);
			if (run->core)
				feed(run, r);
		}
		if (r->delete_ms && run->now_ms >= r->delete_ms && !r->gone) {
			r->gone = true;
			trace(run, "> request %s is deleted", r->uid);
			if (run->core)
				step(run, &(struct td_input){.kind = TD_INPUT_REQUEST_GONE, .uid = r->uid});
		}
		reap(run, r);
	}
}

/* Once a second the pods' state is told again, as an informer's events would. */
static void do_second(struct run *run)
{
	if (run->now_ms - run->second_ms < 1000)
		return;
	run->second_ms = run->now_ms;
	for (int i = 0; i < run->request_count; i++) {
		run->requests[i].publishes = 0;
		if (run->core && run->requests[i].fed && !run->requests[i].gone)
			feed(run, &run->requests[i]);
	}
}

static void lead(struct run *run)
{
	trace(run, "! a new leader");
	run->core = td_core_new(&td_core_defaults);
	check_new_leader(run);
	for (int i = 0; i < run->request_count; i++)
		if (run->now_ms >= run->requests[i].arrive_ms && !run->requests[i].gone)
			feed(run, &run->requests[i]);
}

static void depose(struct run *run)
{
	trace(run, "! the leader dies");
	for (int i = 0; i < run->write_count; i++)
		if (!run->writes[i].executed && rng_chance(&run->rng, 500))
			execute_write(run, &run->writes[i]);
	run->write_count = 0;
	run->core = td_core_free(run->core);
	model_forget_answers(&run->model);
}

static void do_leaders(struct run *run)
{
	if (run->core && run->leader_dies_ms && run->now_ms >= run->leader_dies_ms) {
		depose(run);
		run->leader_back_ms = run->now_ms + rng_range(&run->rng, 100, 15000);
		run->leader_dies_ms =
			rng_chance(&run->rng, 300) ? run->leader_back_ms + rng_range(&run->rng, 500, 30000) : 0;
	}
	if (!run->core && run->now_ms >= run->leader_back_ms)
		lead(run);
	if (run->heal_ms && run->now_ms >= run->heal_ms) {
		run->heal_ms = 0;
		trace(run, "! all faults stop");
		model_heal(&run->model);
	}
}

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t next_ms(const struct run *run)
{
	int64_t at = run->now_ms - run->now_ms % MODEL_TICK_MS + MODEL_TICK_MS;

	at = min64(at, model_next_ms(&run->model));
	for (int i = 0; i < run->write_count; i++)
		at = min64(at, run->writes[i].executed ? run->writes[i].due_ms : run->writes[i].execute_ms);
	if (run->core)
		at = min64(at, td_core_deadline(run->core));
	return at < run->now_ms ? run->now_ms : at;
}

static bool all_ended(const struct run *run)
{
	for (int i = 0; i < run->request_count; i++)
		if (!run->requests[i].gone && !run->requests[i].ended_ms)
			return false;
	return run->core != NULL;
}

static void turn(struct run *run)
{
	int64_t now = next_ms(run);

	run->steps_now = now == run->now_ms ? run->steps_now : 0;
	run->now_ms = now;
	run->model.now_ms = now;
	if (now >= run->tick_ms + MODEL_TICK_MS) {
		run->tick_ms = now;
		model_tick(&run->model, now);
	}
	do_second(run);
	do_leaders(run);
	do_answers(run);
	do_writes(run);
	do_requests(run);
	if (run->core && now >= td_core_deadline(run->core))
		step(run, &(struct td_input){.kind = TD_INPUT_TICK});
}

/* ---- setting up ---- */

static void set_up(struct run *run)
{
	draw_run(run);
	trace(run, "seed %llu: family %s, %d captures, %d changefeeds, up to %d tables", (unsigned long long)run->seed,
	      td_family_name(run->shape.family), run->shape.captures, run->shape.changefeeds, run->shape.tables_max);
	lead(run);
}

static void count(const struct run *run, struct outcomes *outcomes)
{
	outcomes->requests += run->request_count;
	outcomes->calm += run->model.calm;
	outcomes->effects += run->effects;
	outcomes->steps += run->steps;
	for (int i = 0; i < run->request_count; i++) {
		outcomes->phases[run->requests[i].durable.phase]++;
		outcomes->reasons[run->requests[i].durable.reason]++;
	}
}

bool run_seed(uint64_t seed, bool verbose, struct outcomes *outcomes, uint64_t *ret_hash)
{
	struct run run = {
		.seed = seed, .hash = 14695981039346656037u, .verbose = verbose, .rng = {seed * 0x9e3779b97f4a7c15u + 1}};
	int64_t ended_ms = 0;

	set_up(&run);
	while (!run.failure[0] && run.now_ms < GIVE_UP_MS && (!ended_ms || run.now_ms < ended_ms + BEYOND_MS)) {
		turn(&run);
		if (!all_ended(&run))
			ended_ms = 0;
		else if (!ended_ms)
			ended_ms = run.now_ms;
	}
	if (!run.failure[0] && run.core)
		check_end(&run);
	count(&run, outcomes);
	if (run.failure[0])
		(void)printf("seed %llu failed %s\nreplay: simulate --seed %llu -v\n", (unsigned long long)seed, run.failure,
			     (unsigned long long)seed);
	td_core_free(run.core);
	td_nodes_done(&run.seen);
	model_done(&run.model);
	*ret_hash = run.hash;
	return run.failure[0] == '\0';
}
