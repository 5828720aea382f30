/* Writing what the core shows to the DrainRequest's status, and saying the same in an event.
 *
 * Each write carries the resourceVersion it is based on: what somebody else wrote meanwhile (the next coordinator, the pod's own
 * sidecar) makes it a 409, the core is told "failed", and it tries again from what the object holds by then.
 *
 * Acknowledgements make 409s too, as many as there are agents, all at once, but they are nobody's decision: when the object is read
 * again and nothing but those has changed, the same write is sent again at once. Each agent writes once for an epoch, so this ends. */
#include "sidecar/shell_internal.h"

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "sidecar/cluster_view.h"

#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 10 /* then the core hears of it, and asks again half a second later */

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
		json_decref(written->status);
		free(written);
		return;
	}
}

void td_shell_free_written(struct td_shell *shell)
{
	while (shell->written) {
		struct td_written *next = shell->written->next;

		json_decref(shell->written->status);
		free(shell->written);
		shell->written = next;
	}
}

/* All that this sidecar has asked TiCDC so far. */
static uint64_t count_requests(const struct td_shell *shell)
{
	uint64_t total = 0;
	const char *name;

	for (size_t i = 0; (void)td_ticdc_requests(shell->options.ticdc, i, &name), name; i++)
		total += td_ticdc_requests(shell->options.ticdc, i, &name);
	return total;
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

	char requests[24];

	if (written->phase == (int)view->phase && written->reason == (int)view->reason)
		return;
	if (written->phase < 0)
		written->requests_before = count_requests(shell);
	written->phase = (int)view->phase;
	written->reason = (int)view->reason;
	(void)snprintf(requests, sizeof(requests), "%llu",
		       (unsigned long long)(count_requests(shell) - written->requests_before));
	td_record(shell->options.recorder, &about, warning ? "Warning" : "Normal",
		  td_phase_is_final(view->phase) ? td_phase_name(view->phase) : td_reason_name(view->reason), view->message);
	td_log(warning ? TD_LOG_WARN : TD_LOG_INFO, "drain", "request", view->name, "pod", view->pod, "capture",
	       view->capture, "phase", td_phase_name(view->phase), "reason", td_reason_name(view->reason), "message",
	       view->message, "ticdc_requests", requests, NULL);
}

static void on_written(json_t *object, const struct td_error *err, void *userdata);

/* Sends the errand's patch against this version. False: could not be started. */
static bool send_patch(struct td_errand *errand, const char *name, const char *version, struct td_error *err)
{
	struct td_shell *shell = errand->shell;

	if (json_object_set_new(errand->patch, "metadata", json_pack("{s:s}", "resourceVersion", version)) != 0) {
		td_error_set(err, TD_ERR_NOMEM, "out of memory");
		return false;
	}
	errand->tries++;
	errand->kube_call = td_kube_start(shell->options.kube,
					  &(struct td_kube_request){.verb = TD_KUBE_PATCH,
								    .resource = &td_drainrequests,
								    .namespace_ = shell->options.namespace_,
								    .name = name,
								    .subresource = "status",
								    .body = errand->patch},
					  on_written, errand, err);
	return errand->kube_call != NULL;
}

/* Two statuses are the same but for what agents may write there. A status that is not there is none. */
static bool is_same_but_acknowledged(json_t *a, json_t *b)
{
	json_auto_t *one = json_copy(a), *other = json_copy(b);

	if (!json_is_object(one) || !json_is_object(other))
		return a == b;
	(void)json_object_del(one, "acknowledged"); /* -1: there was none */
	(void)json_object_del(other, "acknowledged");
	return json_equal(one, other);
}

/* The write was refused for its version. Refused for good, unless only agents have written since. */
static void on_read_again(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_errand *errand = userdata;
	const struct td_written *written = written_of(errand->shell, errand->effect.uid);
	const char *uid = td_json_text(object, "metadata.uid"), *version = td_json_text(object, "metadata.resourceVersion");
	json_t *status = td_json_at(object, "status");
	struct td_error refusal;

	errand->kube_call = NULL;
	td_error_set(&refusal, TD_ERR_INVALID, "not written: %s", err->code ? err->text : "somebody else wrote meanwhile");
	if (err->code == TD_OK && uid && version && strcmp(uid, errand->effect.uid) == 0 &&
	    (is_same_but_acknowledged(status, errand->base) ||
	     (written && written->status && is_same_but_acknowledged(status, written->status))) &&
	    send_patch(errand, td_json_text(object, "metadata.name"), version, &refusal))
		return;
	td_log(TD_LOG_WARN, "status_write_failed", "request", td_shell_request_name(errand), "request_uid",
	       errand->effect.uid, "error", refusal.text, NULL);
	td_shell_answer(errand, &(struct td_result){.outcome = TD_OUTCOME_FAILED, .why = refusal.text});
}

/* False: it is not worth it, or could not be started. */
static bool read_again(struct td_errand *errand, const struct td_error *refusal)
{
	struct td_shell *shell = errand->shell;
	const struct td_request_view *view = td_core_view(shell->core, errand->effect.uid);
	struct td_error err;

	if (refusal->http_status != 409 || errand->tries >= TRIES_MAX || !view)
		return false;
	errand->kube_call = td_kube_start(shell->options.kube,
					  &(struct td_kube_request){.verb = TD_KUBE_GET,
								    .resource = &td_drainrequests,
								    .namespace_ = shell->options.namespace_,
								    .name = view->name},
					  on_read_again, errand, &err);
	return errand->kube_call != NULL;
}

static void on_written(json_t *object, const struct td_error *err, void *userdata)
{
	struct td_errand *errand = userdata;
	struct td_shell *shell = errand->shell;
	const struct td_request_view *view = td_core_view(shell->core, errand->effect.uid);
	struct td_written *written = written_of(shell, errand->effect.uid);
	struct td_result result = {.outcome = TD_OUTCOME_DONE};

	errand->kube_call = NULL;
	if (err->code != TD_OK) {
		if (read_again(errand, err))
			return;
		td_log(TD_LOG_WARN, "status_write_failed", "request", td_shell_request_name(errand), "request_uid",
		       errand->effect.uid, "error", err->text, NULL);
		td_shell_answer_error(errand, err);
		return;
	}
	if (written) {
		(void)td_text_copy(written->written, sizeof(written->written),
				   td_json_text(object, "metadata.resourceVersion"));
		json_decref(written->status);
		written->status = json_incref(td_json_at(object, "status"));
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

bool td_shell_publish(struct td_errand *errand, struct td_error *err)
{
	struct td_shell *shell = errand->shell;
	const struct td_request_view *view = td_core_view(shell->core, errand->effect.uid);
	json_t *object = view ? td_informer_get(shell->options.drains, view->name) : NULL;
	struct td_written *written = written_of(shell, errand->effect.uid);
	struct td_drain_object drain;
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
					    .conditions = td_json_at(object, "status.conditions"),
					    .start_time = td_json_text(object, "status.startTime"),
					    .deadline = td_json_text(object, "status.deadline")};
	errand->patch = td_drain_status_patch(view, &context);
	errand->base = json_incref(td_json_at(object, "status"));
	if (!errand->patch) {
		td_error_set(err, TD_ERR_NOMEM, "out of memory");
		return false;
	}
	if (strcmp(written->before, drain.resource_version) == 0 && written->written[0])
		return send_patch(errand, view->name, written->written, err);
	(void)td_text_copy(written->before, sizeof(written->before), drain.resource_version);
	written->written[0] = '\0';
	return send_patch(errand, view->name, drain.resource_version, err);
}
