/* Writing what the core shows to the DrainRequest's status, and saying the same in an event.
 *
 * Each write carries the resourceVersion it is based on: what somebody else wrote meanwhile (the next coordinator, the pod's own
 * sidecar) makes it a 409, the core is told "failed", and it tries again from what the object holds by then. */
#include "sidecar/shell_internal.h"

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "sidecar/cluster_view.h"

#include <stdlib.h>
#include <string.h>

static struct td_written *written_of(struct td_shell *shell, const char *uid)
{
	struct td_written *written;

	for (written = shell->written; written; written = written->next)
		if (strcmp(written->uid, uid) == 0)
			return written;
	written = calloc(1, sizeof(*written));
	if (!written)
		return NULL;
	(void)td_text_copy(written->uid, sizeof(written->uid), uid);
	written->phase = written->reason = -1;
	written->next = shell->written;
	shell->written = written;
	return written;
}

void td_shell_forget_written(struct td_shell *shell, const char *uid)
{
	for (struct td_written **link = &shell->written; *link; link = &(*link)->next) {
		struct td_written *written = *link;

		if (!uid || strcmp(written->uid, uid) != 0)
			continue;
		*link = written->next;
		free(written);
		return;
	}
}

void td_shell_free_written(struct td_shell *shell)
{
	while (shell->written) {
		struct td_written *next = shell->written->next;

		free(shell->written);
		shell->written = next;
	}
}

/* One event for each change of phase or reason, with the same words as the status. */
static void record_event(struct td_shell *shell, const struct td_request_view *view, struct td_written *written)
{
	bool warning =
		view->phase == TD_PHASE_FAILED || view->phase == TD_PHASE_TIMED_OUT || view->phase == TD_PHASE_UNSUPPORTED;
	const struct td_object_ref about = {.api_version = TD_DRAIN_GROUP "/" TD_DRAIN_VERSION,
					    .kind = "DrainRequest",
					    .namespace_ = shell->options.namespace_,
					    .name = view->name,
					    .uid = view->uid};

	if (written->phase == (int)view->phase && written->reason == (int)view->reason)
		return;
	written->phase = (int)view->phase;
	written->reason = (int)view->reason;
	td_record(shell->options.recorder, &about, warning ? "Warning" : "Normal",
		  td_phase_is_final(view->phase) ? td_phase_name(view->phase) : td_reason_name(view->reason), view->message);
	td_log(warning ? TD_LOG_WARN : TD_LOG_INFO, "drain", "request", view->name, "pod", view->pod, "capture",
	       view->capture, "phase", td_phase_name(view->phase), "reason", td_reason_name(view->reason), "message",
	       view->message, NULL);
}

static void on_written(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_errand *errand = userdata;
	struct td_shell *shell = errand->shell;
	const struct td_request_view *view = td_core_view(shell->core, errand->effect.uid);
	struct td_written *written = written_of(shell, errand->effect.uid);
	struct td_result result = {.outcome = TD_OUTCOME_DONE};

	if (err->code != TD_OK) {
		td_log(TD_LOG_WARN, "status_write_failed", "request", errand->effect.uid, "error", err->text, NULL);
		td_shell_answer_error(errand, err);
		return;
	}
	if (written) {
		(void)td_text_copy(written->written, sizeof(written->written),
				   td_json_text(object, "metadata.resourceVersion"));
		if (view)
			record_event(shell, view, written);
	}
	td_shell_answer(errand, &result);
}

/* The uid of the pod being drained: kept once known, so that the pod's successor of the same name is not taken for it. */
static const char *pod_uid_of(const struct td_shell *shell, const struct td_request_view *view,
			      const struct td_drain_object *drain)
{
	struct td_pod pod;
	json_t *object = view->pod[0] && view->capture[0] ? td_informer_get(shell->options.pods, view->pod) : NULL;

	if (drain->status_pod_uid[0])
		return drain->status_pod_uid;
	return object && td_pod_read(&pod, object) ? pod.uid : "";
}

/* The version to write against: the informer's, unless it still shows the one that our own last write replaced. */
static const char *base_version(const struct td_written *written, const struct td_drain_object *drain)
{
	if (written->written[0] && strcmp(written->before, drain->resource_version) == 0)
		return written->written;
	return drain->resource_version;
}

bool td_shell_publish(struct td_errand *errand, struct td_error *err)
{
	struct td_shell *shell = errand->shell;
	const struct td_request_view *view = td_core_view(shell->core, errand->effect.uid);
	json_t *object = view ? td_informer_get(shell->options.drains, view->name) : NULL;
	struct td_written *written = written_of(shell, errand->effect.uid);
	struct td_drain_object drain;
	json_auto_t *patch = NULL;
	struct td_drain_context context;

	if (!written) {
		td_error_set(err, TD_ERR_NOMEM, "out of memory");
		return false;
	}
	if (!object || !td_drain_read(&drain, object, err) || strcmp(drain.uid, errand->effect.uid) != 0) {
		td_error_set(err, TD_ERR_INVALID, "the DrainRequest is gone");
		return false;
	}
	context = (struct td_drain_context){.worker = shell->options.identity,
					    .pod_uid = pod_uid_of(shell, view, &drain),
					    .generation = drain.generation,
					    .now_ms = td_loop_now_ms(shell->options.loop),
					    .now_wall_ms = td_loop_wall_ms(shell->options.loop),
					    .conditions = td_json_at(object, "status.conditions")};
	patch = td_drain_status_patch(view, &context);
	if (!patch || json_object_set_new(patch, "metadata",
					  json_pack("{s:s}", "resourceVersion", base_version(written, &drain))) != 0) {
		td_error_set(err, TD_ERR_NOMEM, "out of memory");
		return false;
	}
	if (strcmp(written->before, drain.resource_version) != 0) {
		(void)td_text_copy(written->before, sizeof(written->before), drain.resource_version);
		written->written[0] = '\0';
	}
	errand->kube_call = td_kube_start(shell->options.kube,
					  &(struct td_kube_request){.verb = TD_KUBE_PATCH,
								    .resource = &td_drainrequests,
								    .namespace_ = shell->options.namespace_,
								    .name = view->name,
								    .subresource = "status",
								    .body = patch},
					  on_written, errand, err);
	return errand->kube_call != NULL;
}
