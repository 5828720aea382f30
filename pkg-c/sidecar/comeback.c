/* See comeback.h. Three sets, kept as JSON objects: they are looked up by names that come as JSON. */
#include "sidecar/comeback.h"

#include "base/json.h"
#include "coordinator/types.h"
#include "sidecar/cluster_view.h"

#include <stdlib.h>
#include <string.h>

#define GONE_MAX 1024 /* a pod that never comes back (scale-in) is not remembered for ever */

struct td_comeback {
	json_t *ready; /* pod name -> true */
	json_t *drained; /* uid of a DrainRequest that ended in family M -> {"pod": its pod's name, "used": somebody came back} */
	json_t *gone; /* pod name -> true: such a request was deleted and nobody has come back since */
};

struct td_comeback *td_comeback_new(void)
{
	struct td_comeback *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ready = json_object();
	c->drained = json_object();
	c->gone = json_object();
	return c->ready && c->drained && c->gone ? c : td_comeback_free(c);
}

struct td_comeback *td_comeback_free(struct td_comeback *c)
{
	if (!c)
		return NULL;
	json_decref(c->ready);
	json_decref(c->drained);
	json_decref(c->gone);
	free(c);
	return NULL;
}

/* The pod whose drain ended in family M. NULL: it did not, or nobody knows the pod. */
static const char *drained_pod(json_t *object)
{
	const char *text = td_json_text(object, "status.phase"), *family = td_json_text(object, "status.family");
	const char *pod = td_json_text(object, "status.podName");
	enum td_phase phase;

	if (!text || !td_phase_from_name(text, &phase) || !td_phase_is_final(phase))
		return NULL;
	if (!family || strcmp(family, td_family_name(TD_FAMILY_MANAGED)) != 0)
		return NULL;
	return pod ? pod : td_json_text(object, "spec.podName");
}

static void remember_gone(struct td_comeback *c, const char *pod)
{
	if (json_object_size(c->gone) >= GONE_MAX)
		(void)json_object_del(c->gone, json_object_iter_key(json_object_iter(c->gone)));
	(void)json_object_set_new(c->gone, pod, json_true());
}

void td_comeback_drain_changed(struct td_comeback *c, enum td_informer_change change, json_t *object)
{
	const char *uid = td_json_text(object, "metadata.uid"), *pod = drained_pod(object);
	const json_t *known = json_object_get(c->drained, uid);

	if (!uid)
		return;
	if (change != TD_INFORMER_DELETED) {
		if (pod && !known)
			(void)json_object_set_new(c->drained, uid, json_pack("{s:s,s:b}", "pod", pod, "used", 0));
		return;
	}
	if (pod && !json_is_true(json_object_get(known, "used")))
		remember_gone(c, pod);
	(void)json_object_del(c->drained, uid); /* -1: it had not ended in family M */
}

/* True when a drain of a pod of this name has ended; takes note that it was used. */
static bool use_drains_of(struct td_comeback *c, const char *pod)
{
	bool found = json_object_del(c->gone, pod) == 0;
	const char *uid;
	json_t *drain;

	json_object_foreach (c->drained, uid, drain) {
		if (strcmp(td_json_text(drain, "pod"), pod) != 0)
			continue;
		found = true;
		(void)json_object_set_new(drain, "used", json_true());
	}
	return found;
}

bool td_comeback_pod_changed(struct td_comeback *c, enum td_informer_change change, json_t *object, bool listing)
{
	struct td_pod pod;
	bool was_ready;

	if (!td_pod_read(&pod, object))
		return false;
	was_ready = json_object_get(c->ready, pod.name) != NULL;
	if (change == TD_INFORMER_DELETED || !pod.ready || pod.terminating) {
		(void)json_object_del(c->ready, pod.name); /* -1: it was not */
		return false;
	}
	if (was_ready || json_object_set_new(c->ready, pod.name, json_true()) != 0)
		return false;
	return !listing && use_drains_of(c, pod.name);
}
