/* The effects that talk to TiCDC: each is one call of ticdc/client.h, and its end is the errand's answer. */
#include "sidecar/shell_internal.h"

#include "base/text.h"
#include "sidecar/cluster_view.h"

#include <stdlib.h>
#include <string.h>

static void on_accept(const struct td_ticdc_fault *fault, const struct td_error *err, void *userdata)
{
	struct td_result result = {.outcome = TD_OUTCOME_DONE};

	(void)fault;
	if (err->code != TD_OK)
		td_shell_answer_error(userdata, err);
	else
		td_shell_answer(userdata, &result);
}

static void on_drain(int64_t answer, const struct td_ticdc_fault *fault, const struct td_error *err, void *userdata)
{
	struct td_result result = {.outcome = TD_OUTCOME_DONE, .answer = answer};

	(void)fault;
	if (err->code != TD_OK)
		td_shell_answer_error(userdata, err);
	else
		td_shell_answer(userdata, &result);
}

static void on_family(enum td_family family, const char *why, const struct td_error *err, void *userdata)
{
	struct td_result result = {.outcome = TD_OUTCOME_DONE, .family = family, .family_why = why};

	if (err->code != TD_OK)
		td_shell_answer_error(userdata, err);
	else
		td_shell_answer(userdata, &result);
}

static void on_process(const struct td_process_view *process, void *userdata)
{
	struct td_result result = {.outcome = TD_OUTCOME_DONE, .process = process};

	td_shell_answer(userdata, &result);
}

static void on_workload(const struct td_workload_view *workload, const struct td_error *err, void *userdata)
{
	struct td_result result = {.outcome = TD_OUTCOME_DONE, .workload = workload};

	if (err->code != TD_OK)
		td_shell_answer_error(userdata, err);
	else
		td_shell_answer(userdata, &result);
}

static void on_changefeed(const struct td_changefeed_view *changefeed, const struct td_error *err, void *userdata)
{
	struct td_result result = {.outcome = TD_OUTCOME_DONE, .changefeed = changefeed};

	if (err->code != TD_OK)
		td_shell_answer_error(userdata, err);
	else
		td_shell_answer(userdata, &result);
}

/* Gives a capture the pod that it runs in. */
static void name_node(const char *name, json_t *object, void *userdata)
{
	struct td_node_view *node = userdata;
	struct td_pod pod;

	if (!td_pod_read(&pod, object) || !td_pod_has_address(&pod, node->address))
		return;
	node->pod = name;
	node->pod_terminating = pod.terminating;
}

static void on_nodes(const struct td_nodes_view *nodes, const struct td_error *err, void *userdata)
{
	struct td_errand *errand = userdata;
	struct td_node_view *named;
	struct td_nodes_view view;
	struct td_result result = {.outcome = TD_OUTCOME_DONE, .nodes = &view};
	struct td_error no_memory;

	if (err->code != TD_OK) {
		td_shell_answer_error(errand, err);
		return;
	}
	named = calloc(nodes->count ? nodes->count : 1, sizeof(*named));
	if (!named) {
		td_error_set(&no_memory, TD_ERR_NOMEM, "out of memory");
		td_shell_answer_error(errand, &no_memory);
		return;
	}
	view = (struct td_nodes_view){.coordinator = nodes->coordinator, .nodes = named, .count = nodes->count};
	for (size_t i = 0; i < nodes->count; i++) {
		named[i] = nodes->nodes[i];
		td_informer_each(errand->shell->options.pods, name_node, &named[i]);
	}
	td_shell_answer(errand, &result);
	free(named);
}

bool td_shell_ask_ticdc(struct td_errand *errand)
{
	struct td_ticdc_client *ticdc = errand->shell->options.ticdc;
	const struct td_effect *e = &errand->effect;
	const char *address = e->address[0] ? e->address : errand->shell->options.ticdc_address;

	switch (e->kind) {
	case TD_EFFECT_OBSERVE_NODES:
		errand->ticdc_call = td_ticdc_observe_nodes(ticdc, address, NULL, on_nodes, errand);
		break;
	case TD_EFFECT_OBSERVE_WORKLOAD:
		errand->ticdc_call = td_ticdc_observe_workload(ticdc, e->family, address, on_workload, errand);
		break;
	case TD_EFFECT_OBSERVE_CHANGEFEED:
		errand->ticdc_call = td_ticdc_observe_changefeed(ticdc, address, e->changefeed, on_changefeed, errand);
		break;
	case TD_EFFECT_OBSERVE_PROCESS:
		errand->ticdc_call = td_ticdc_observe_process(ticdc, address, NULL, on_process, errand);
		break;
	case TD_EFFECT_DETECT_FAMILY:
		errand->ticdc_call = td_ticdc_detect_family(ticdc, address, NULL, on_family, errand);
		break;
	case TD_EFFECT_RESIGN:
		errand->ticdc_call = td_ticdc_post_resign(ticdc, address, on_accept, errand);
		break;
	case TD_EFFECT_NATIVE_DRAIN:
		errand->ticdc_call = td_ticdc_put_drain(ticdc, address, e->node, on_drain, errand);
		break;
	case TD_EFFECT_MOVE_MAINTAINER:
	case TD_EFFECT_PLACE_MAINTAINER: /* the same call: TiCDC starts it there when it runs nowhere */
		errand->ticdc_call =
			td_ticdc_post_move_maintainer(ticdc, address, e->changefeed, e->node, on_accept, errand);
		break;
	case TD_EFFECT_MOVE_DISPATCHER:
		errand->ticdc_call = td_ticdc_post_move_table(ticdc, e->family, address, e->changefeed, e->table_id, e->mode,
							      e->node, on_accept, errand);
		break;
	case TD_EFFECT_PUBLISH: /* not TiCDC's */
	case TD_EFFECT_KIND_COUNT:
		break;
	}
	return errand->ticdc_call != NULL;
}
