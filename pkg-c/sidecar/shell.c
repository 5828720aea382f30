/* See shell.h. */
#include "sidecar/shell_internal.h"

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "sidecar/cluster_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void step(struct td_shell *shell, const struct td_input *input);

/* Nothing more is done with this core; its owner hears of it on the next turn. */
static void break_down(struct td_shell *shell)
{
	shell->broken = true;
	td_timer_arm(shell->timer, 0);
}

static void end_errand(struct td_errand *errand)
{
	*errand->link = errand->next;
	if (errand->next)
		errand->next->link = errand->link;
	td_timer_free(errand->refuse_later);
	json_decref(errand->patch);
	json_decref(errand->base);
	free(errand);
}

const char *td_shell_request_name(const struct td_errand *errand)
{
	const struct td_request_view *view = td_core_view(errand->shell->core, errand->effect.uid);

	return view ? view->name : "";
}

void td_shell_answer(struct td_errand *errand, struct td_result *result)
{
	struct td_shell *shell = errand->shell;
	struct td_input input = {.kind = TD_INPUT_RESULT, .result = result};

	if (result->outcome != TD_OUTCOME_DONE)
		td_log(TD_LOG_DEBUG, "effect_failed", "effect", td_effect_name(errand->effect.kind), "request",
		       td_shell_request_name(errand), "request_uid", errand->effect.uid, "outcome",
		       result->outcome == TD_OUTCOME_FAILED ? "failed" : "unknown", "error", result->why, NULL);
	result->effect_id = errand->effect.id;
	end_errand(errand);
	step(shell, &input);
}

void td_shell_answer_error(struct td_errand *errand, const struct td_error *err)
{
	char why[TD_TEXT_MAX]; /* err may live in the errand, which ends before the core has read it */
	struct td_result result = {.outcome = td_error_is_definite(err) ? TD_OUTCOME_FAILED : TD_OUTCOME_UNKNOWN,
				   .why = why};

	(void)td_text_copy(why, sizeof(why), err->text);
	td_shell_answer(errand, &result);
}

static void refuse(void *userdata)
{
	struct td_errand *errand = userdata;

	td_shell_answer_error(errand, &errand->refusal);
}

/* Starts an effect. Refusals are answered on the next turn of the loop: the core is never stepped while it is being asked for
 * its effects. */
static void perform(struct td_shell *shell, const struct td_effect *effect)
{
	struct td_errand *errand = calloc(1, sizeof(*errand));
	bool started;

	if (errand)
		errand->refuse_later = td_timer_new(shell->options.loop, refuse, errand);
	if (!errand || !errand->refuse_later) {
		free(errand);
		break_down(shell); /* an effect without an answer: this core cannot go on */
		return;
	}
	errand->shell = shell;
	errand->effect = *effect;
	errand->next = shell->errands;
	errand->link = &shell->errands;
	if (shell->errands)
		shell->errands->link = &errand->next;
	shell->errands = errand;
	td_log(TD_LOG_DEBUG, "effect", "effect", td_effect_name(effect->kind), "request", td_shell_request_name(errand),
	       "request_uid", effect->uid, "changefeed", effect->changefeed, "node", effect->node, "address",
	       effect->address, NULL);
	if ((td_effect_changes_ticdc(effect->kind) || effect->kind == TD_EFFECT_PUBLISH) &&
	    !td_leader_is_valid(shell->options.leader)) {
		td_error_set(&errand->refusal, TD_ERR_INVALID, "not sent: the Lease is not valid");
		started = false;
	} else if (effect->kind == TD_EFFECT_PUBLISH) {
		started = td_shell_publish(errand, &errand->refusal);
	} else {
		td_error_set(&errand->refusal, TD_ERR_NOMEM, "out of memory");
		started = td_shell_ask_ticdc(errand);
	}
	if (!started)
		td_timer_arm(errand->refuse_later, 0);
}

static void step(struct td_shell *shell, const struct td_input *input)
{
	struct td_effect effect;
	int64_t now = td_loop_now_ms(shell->options.loop), deadline;

	if (shell->broken)
		return;
	if (!td_core_step(shell->core, now, input)) {
		break_down(shell);
		return;
	}
	while (!shell->broken && td_core_next_effect(shell->core, &effect))
		perform(shell, &effect);
	if (shell->broken)
		return;
	deadline = td_core_deadline(shell->core);
	if (deadline == INT64_MAX)
		td_timer_disarm(shell->timer);
	else
		td_timer_arm(shell->timer, deadline - now);
}

static void tick(void *userdata)
{
	const struct td_input input = {.kind = TD_INPUT_TICK};
	struct td_shell *shell = userdata;

	if (shell->broken)
		shell->options.broken(shell->options.userdata);
	else
		step(shell, &input);
}

/* A date to the core's clock. */
static int64_t to_core_time(const struct td_shell *shell, int64_t wall_ms)
{
	return wall_ms ? td_loop_now_ms(shell->options.loop) + (wall_ms - td_loop_wall_ms(shell->options.loop)) : 0;
}

/* What the request's pod adds to it: existence, termination, and with that the real deadline. */
static void add_pod(const struct td_shell *shell, const struct td_drain_object *drain, struct td_request_input *request,
		    int64_t *deadline_wall_ms)
{
	json_t *object = td_informer_get(shell->options.pods, drain->pod);
	struct td_pod pod;
	bool exists = object && td_pod_read(&pod, object);
	int64_t end;

	request->pod_exists = exists;
	request->pod_gone = drain->status_pod_uid[0] && (!exists || strcmp(pod.uid, drain->status_pod_uid) != 0);
	if (!exists || !pod.terminating)
		return;
	td_terminations_correct(shell->options.terminations, &pod, td_loop_now_ms(shell->options.loop),
				td_loop_wall_ms(shell->options.loop));
	request->pod_terminating = true;
	end = td_pod_drain_deadline(&pod, shell->options.reserve_ms);
	if (!*deadline_wall_ms || end < *deadline_wall_ms)
		*deadline_wall_ms = end;
}

static void feed(struct td_shell *shell, json_t *object)
{
	struct td_drain_object drain;
	struct td_error err;
	int64_t deadline_wall_ms;
	struct td_request_input request;
	struct td_input input = {.kind = TD_INPUT_REQUEST, .request = &request};

	if (shell->options.cluster && strcmp(td_drain_cluster(object), shell->options.cluster) != 0)
		return; /* another coordinator's */
	if (!td_drain_read(&drain, object, &err)) {
		td_log(TD_LOG_ERROR, "drainrequest_unreadable", "name", td_json_text(object, "metadata.name"), "error",
		       err.text, NULL);
		return;
	}
	deadline_wall_ms = drain.timeout_seconds ? drain.created_wall_ms + drain.timeout_seconds * 1000 : 0;
	request = (struct td_request_input){
		.uid = drain.uid,
		.name = drain.name,
		.pod = drain.pod,
		.capture = drain.capture,
		.invalid = drain.invalid[0] ? drain.invalid : NULL,
		.dry_run = drain.dry_run,
		.batch = (int)drain.batch_size,
		.created_ms = drain.created_wall_ms,
		.phase = drain.phase,
		.epoch = drain.epoch,
		.drained_capture = drain.status_capture,
		.drained_address = drain.status_address,
		.family = drain.family,
		.initial = drain.initial,
		.started_ms = to_core_time(shell, drain.started_wall_ms),
		.acknowledgements = shell->acknowledgements,
		.acknowledgement_count = td_drain_acknowledgements(&drain, shell->acknowledgements),
	};
	if (drain.pod && !request.invalid)
		add_pod(shell, &drain, &request, &deadline_wall_ms);
	request.deadline_ms = to_core_time(shell, deadline_wall_ms);
	step(shell, &input);
}

static void feed_each(const char *name, json_t *object, void *userdata)
{
	(void)name;
	feed(userdata, object);
}

struct td_shell *td_shell_new(const struct td_shell_options *options)
{
	struct td_shell *shell = calloc(1, sizeof(*shell));
	struct td_core_options core_options = td_core_defaults;

	if (!shell)
		return NULL;
	shell->options = *options;
	core_options.batch_default = options->batch;
	shell->core = td_core_new(&core_options);
	shell->timer = td_timer_new(options->loop, tick, shell);
	if (!shell->core || !shell->timer)
		return td_shell_free(shell);
	td_informer_each(options->drains, feed_each, shell);
	return shell;
}

struct td_shell *td_shell_free(struct td_shell *shell)
{
	if (!shell)
		return NULL;
	while (shell->errands) {
		struct td_errand *errand = shell->errands;

		if (errand->ticdc_call)
			td_ticdc_cancel(errand->ticdc_call);
		if (errand->kube_call)
			td_kube_cancel(errand->kube_call);
		end_errand(errand);
	}
	td_shell_free_written(shell);
	td_timer_free(shell->timer);
	td_core_free(shell->core);
	free(shell);
	return NULL;
}

void td_shell_drain_changed(struct td_shell *shell, enum td_informer_change change, json_t *object)
{
	struct td_input input = {.kind = TD_INPUT_REQUEST_GONE, .uid = td_json_text(object, "metadata.uid")};

	if (change != TD_INFORMER_DELETED) {
		feed(shell, object);
		return;
	}
	if (!input.uid)
		return; /* no object of an API server */
	td_shell_forget_written(shell, input.uid);
	step(shell, &input);
}

void td_shell_pods_changed(struct td_shell *shell)
{
	td_informer_each(shell->options.drains, feed_each, shell);
}

void td_shell_balance(struct td_shell *shell)
{
	const struct td_input input = {.kind = TD_INPUT_BALANCE};

	step(shell, &input);
}

struct td_core_summary td_shell_summary(const struct td_shell *shell)
{
	return td_core_summary(shell->core);
}
