/* coordination.k8s.io/v1 Lease: holderIdentity, leaseDurationSeconds, leaseTransitions, acquireTime and renewTime (both
 * MicroTime) of its spec. Numbers out of the range of the API (int32, not negative) are brought into it, so that a broken
 * record cannot make a sum overflow. Called by leader.c. */
#include "kube/lease.h"

#include "base/date.h"
#include "base/json.h"
#include "base/text.h"

#include <string.h>

static void copy_text(char *into, size_t size, const json_t *lease, const char *path)
{
	(void)td_text_copy(into, size, td_json_text(lease, path));
}

static int64_t bounded_int(const json_t *lease, const char *path)
{
	int64_t value;

	if (!td_json_int(lease, path, &value) || value < 0)
		return 0;
	return value < INT32_MAX ? value : INT32_MAX - 1;
}

enum td_error_code td_lease_read(const json_t *lease, struct td_lease_record *ret, struct td_error *err)
{
	const char *version = td_json_text(lease, "metadata.resourceVersion");

	if (!version || !*version)
		return td_error_set(err, TD_ERR_PROTOCOL, "a lease without metadata.resourceVersion");
	*ret = (struct td_lease_record){.duration_s = bounded_int(lease, "spec.leaseDurationSeconds"),
					.transitions = bounded_int(lease, "spec.leaseTransitions")};
	copy_text(ret->holder, sizeof(ret->holder), lease, "spec.holderIdentity");
	copy_text(ret->acquire_time, sizeof(ret->acquire_time), lease, "spec.acquireTime");
	copy_text(ret->renew_time, sizeof(ret->renew_time), lease, "spec.renewTime");
	return TD_OK;
}

json_t *td_lease_new(const char *namespace_, const char *name)
{
	return json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", "coordination.k8s.io/v1", "kind", "Lease", "metadata",
			 "name", name, "namespace", namespace_);
}

json_t *td_lease_change(const json_t *lease, const struct td_elector_action *action, int64_t wall_ms)
{
	json_t *copy = json_deep_copy(lease), *spec;
	char now[TD_TIME_TEXT_MAX];
	int failed;

	if (!copy)
		return NULL;
	if (!json_is_object(json_object_get(copy, "spec")))
		(void)json_object_set_new(copy, "spec", json_object());
	spec = json_object_get(copy, "spec"); /* still missing without memory: then every set fails */
	td_time_format_micro(wall_ms, now);
	failed = json_object_set_new(spec, "holderIdentity", json_string(action->holder));
	failed |= json_object_set_new(spec, "leaseDurationSeconds", json_integer(action->duration_s));
	failed |= json_object_set_new(spec, "leaseTransitions", json_integer(action->transitions));
	failed |= json_object_set_new(spec, "renewTime", json_string(now));
	if (action->acquire)
		failed |= json_object_set_new(spec, "acquireTime", json_string(now));
	if (!failed)
		return copy;
	json_decref(copy);
	return NULL;
}
