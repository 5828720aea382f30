/* Reading a DrainRequest. Input comes from people: the schema refuses most nonsense, but the API server may be old or the CRD
 * another version, so every field is checked here again, and a bad one becomes a message on the object. */
#include "sidecar/drainrequest.h"

#include "base/date.h"
#include "base/json.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

const struct td_kube_resource td_drainrequests = {TD_DRAIN_GROUP, TD_DRAIN_VERSION, "drainrequests"};

const char *const td_drain_spec_fields[] = {
	"podName", "captureID", "reason", "batchSize", "timeoutSeconds", "onTimeout", "dryRun", NULL,
};

static void complain(struct td_drain_object *object, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Only the first complaint is kept: one clear sentence is worth more than five. */
static void complain(struct td_drain_object *object, const char *format, ...)
{
	va_list args;

	if (object->invalid[0])
		return;
	va_start(args, format);
	(void)vsnprintf(object->invalid, sizeof(object->invalid), format, args);
	va_end(args);
}

static const char *text_or_empty(const json_t *root, const char *path)
{
	const char *text = td_json_text(root, path);

	return text ? text : "";
}

/* "" when absent. False when it is there and no text. */
static bool read_text(const json_t *root, const char *path, const char **ret)
{
	const json_t *value = td_json_at(root, path);

	*ret = value ? json_string_value(value) : "";
	return *ret != NULL;
}

/* A string member of spec: NULL when absent; a complaint when it is there and wrong. */
static const char *spec_text(struct td_drain_object *object, const json_t *spec, const char *field, size_t max)
{
	const json_t *value = td_json_at(spec, field);

	if (!value)
		return NULL;
	if (!json_is_string(value))
		complain(object, "spec.%s: a text is expected", field);
	else if (json_string_length(value) == 0)
		complain(object, "spec.%s: must not be empty", field);
	else if (json_string_length(value) >= max)
		complain(object, "spec.%s: \"%.64s...\" is longer than %zu characters", field, json_string_value(value),
			 max - 1);
	else
		return json_string_value(value);
	return NULL;
}

static int64_t spec_number(struct td_drain_object *object, const json_t *spec, const char *field, int64_t max)
{
	const json_t *value = td_json_at(spec, field);
	int64_t number = 0;

	if (!value)
		return 0;
	if (!td_json_int(spec, field, &number)) {
		complain(object, "spec.%s: a whole number is expected", field);
		return 0;
	}
	if (number < 1 || number > max) {
		complain(object, "spec.%s: %lld is not from 1 to %lld", field, (long long)number, (long long)max);
		return 0;
	}
	return number;
}

static void read_spec(struct td_drain_object *object, const json_t *spec)
{
	const json_t *dry_run = td_json_at(spec, "dryRun");
	const char *on_timeout = spec_text(object, spec, "onTimeout", 64);

	object->pod = spec_text(object, spec, "podName", TD_NAME_MAX);
	object->capture = spec_text(object, spec, "captureID", TD_ID_MAX);
	object->batch_size = spec_number(object, spec, "batchSize", TD_DRAIN_BATCH_MAX);
	object->timeout_seconds = spec_number(object, spec, "timeoutSeconds", TD_DRAIN_TIMEOUT_MAX_S);
	if (dry_run && !json_is_boolean(dry_run))
		complain(object, "spec.dryRun: true or false is expected");
	object->dry_run = json_is_true(dry_run);
	object->hold = on_timeout && strcmp(on_timeout, "Hold") == 0;
	if (on_timeout && !object->hold && strcmp(on_timeout, "Release") != 0)
		complain(object, "spec.onTimeout: \"%s\" is neither Release nor Hold", on_timeout);
	if (object->pod && object->capture)
		complain(object, "spec.podName and spec.captureID are both given (\"%s\", \"%s\"): give exactly one",
			 object->pod, object->capture);
	if (!object->pod && !object->capture)
		complain(object, "spec.podName or spec.captureID is missing: give exactly one");
}

static bool read_count(const json_t *status, const char *path, uint32_t *ret)
{
	int64_t number;

	if (!td_json_at(status, path))
		return true;
	if (!td_json_int(status, path, &number) || number < 0 || number > UINT32_MAX)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static bool bad_status(struct td_error *err, const char *field, const char *what)
{
	td_error_set(err, TD_ERR_INVALID, "status.%s: %s", field, what);
	return false;
}

/* {capture id: epoch}. An entry that cannot be read is not left out: whoever made it may have meant any epoch. */
static bool read_acknowledged(struct td_drain_object *object, json_t *status, struct td_error *err)
{
	json_t *acknowledged = td_json_at(status, "acknowledged"), *epoch;
	const char *capture;

	if (!acknowledged)
		return true;
	if (!json_is_object(acknowledged))
		return bad_status(err, "acknowledged", "an object is expected");
	if (json_object_size(acknowledged) > TD_ACKNOWLEDGED_MAX)
		return bad_status(err, "acknowledged", "more captures than can be");
	json_object_foreach (acknowledged, capture, epoch) {
		if (!capture[0] || strlen(capture) >= TD_ID_MAX)
			return bad_status(err, "acknowledged", "a capture id is expected");
		if (!json_is_integer(epoch) || json_integer_value(epoch) < 0)
			return bad_status(err, "acknowledged", "an epoch is expected");
	}
	object->acknowledged = acknowledged;
	return true;
}

/* What is left, for the words of a release: nothing is decided by it, so what cannot be read is unknown and no error. The counts are
 * the process witness' own, and so is their date, unless that witness has failed since. */
static void read_remaining(struct td_drain_object *object, const json_t *status)
{
	const json_t *witness;
	size_t i;

	object->last_read = "";
	object->remaining_known = td_json_at(status, "remaining.maintainers") &&
				  td_json_at(status, "remaining.dispatchers") &&
				  read_count(status, "remaining.maintainers", &object->remaining.maintainers) &&
				  read_count(status, "remaining.dispatchers", &object->remaining.dispatchers);
	json_array_foreach (td_json_at(status, "witnesses"), i, witness) {
		const char *says = text_or_empty(witness, "says");

		if (strcmp(text_or_empty(witness, "name"), td_witness_name(TD_WITNESS_PROCESS)) == 0 &&
		    (strcmp(says, "Zero") == 0 || strcmp(says, "NotZero") == 0))
			object->last_read = text_or_empty(witness, "time");
	}
}

/* A status that cannot be understood is not read as "nothing has begun": it is an error. */
static bool read_status(struct td_drain_object *object, json_t *status, struct td_error *err)
{
	const char *phase, *started;
	const json_t *initial = td_json_at(status, "initial");
	int64_t epoch = 0;

	if (status && !json_is_object(status)) {
		td_error_set(err, TD_ERR_INVALID, "status is no object");
		return false;
	}
	if (!read_text(status, "phase", &phase))
		return bad_status(err, "phase", "a text is expected");
	if (td_json_at(status, "phase") && !td_phase_from_name(phase, &object->phase)) {
		td_error_set(err, TD_ERR_INVALID, "status.phase: \"%.64s\" is no phase", phase);
		return false;
	}
	if (!read_text(status, "startTime", &started) || (started[0] && !td_time_parse(started, &object->started_wall_ms)))
		return bad_status(err, "startTime", "a time is expected");
	if (td_json_at(status, "epoch") && (!td_json_int(status, "epoch", &epoch) || epoch < 0))
		return bad_status(err, "epoch", "a whole number is expected");
	if ((initial && !json_is_object(initial)) ||
	    !read_count(status, "initial.maintainers", &object->initial.maintainers) ||
	    !read_count(status, "initial.dispatchers", &object->initial.dispatchers))
		return bad_status(err, "initial", "two counts are expected");
	if (!read_text(status, "captureID", &object->status_capture))
		return bad_status(err, "captureID", "a text is expected");
	if (!read_text(status, "captureAddress", &object->status_address))
		return bad_status(err, "captureAddress", "a text is expected");
	if (!read_text(status, "podUID", &object->status_pod_uid))
		return bad_status(err, "podUID", "a text is expected");
	if (!read_acknowledged(object, status, err))
		return false;
	read_remaining(object, status);
	object->witnesses = td_json_at(status, "witnesses");
	if (!td_family_from_name(td_json_text(status, "family"), &object->family))
		object->family = TD_FAMILY_UNKNOWN;
	object->epoch = (uint64_t)epoch;
	object->reason = text_or_empty(status, "reason");
	object->message = text_or_empty(status, "message");
	return true;
}

bool td_drain_read(struct td_drain_object *ret, json_t *object, struct td_error *err)
{
	const char *created = td_json_text(object, "metadata.creationTimestamp");

	*ret = (struct td_drain_object){.phase = TD_PHASE_PENDING};
	ret->name = td_json_text(object, "metadata.name");
	ret->uid = td_json_text(object, "metadata.uid");
	ret->resource_version = text_or_empty(object, "metadata.resourceVersion");
	(void)td_json_int(object, "metadata.generation", &ret->generation);
	if (!ret->name || !ret->uid || !created || !td_time_parse(created, &ret->created_wall_ms)) {
		td_error_set(err, TD_ERR_INVALID, "no metadata.name, uid or creationTimestamp");
		return false;
	}
	if (strlen(ret->uid) >= TD_ID_MAX) {
		td_error_set(err, TD_ERR_INVALID, "metadata.uid is longer than %d characters", TD_ID_MAX - 1);
		return false;
	}
	read_spec(ret, td_json_at(object, "spec"));
	return read_status(ret, td_json_at(object, "status"), err);
}

size_t td_drain_acknowledgements(const struct td_drain_object *object, struct td_acknowledgement ret[TD_ACKNOWLEDGED_MAX])
{
	json_t *epoch;
	const char *capture;
	size_t count = 0;

	json_object_foreach (object->acknowledged, capture, epoch)
		ret[count++] = (struct td_acknowledgement){.capture = capture, .epoch = (uint64_t)json_integer_value(epoch)};
	return count;
}

uint64_t td_drain_acknowledged_by(const struct td_drain_object *object, const char *capture)
{
	return (uint64_t)json_integer_value(json_object_get(object->acknowledged, capture));
}

const char *td_drain_cluster(const json_t *object)
{
	const json_t *labels = td_json_at(object, "metadata.labels");
	const char *cluster =
		json_string_value(json_object_get(labels, TD_DRAIN_CLUSTER_LABEL)); /* a dot in its name: no path */

	return cluster ? cluster : TD_DRAIN_CLUSTER_DEFAULT;
}
