/* See cluster_view.h. */
#include "sidecar/cluster_view.h"

#include "base/date.h"
#include "base/json.h"
#include "base/text.h"

#include <string.h>

#define GRACE_MAX_S 3153600000 /* a century: the API takes any int64 */

const struct td_kube_resource td_pods = {"", "v1", "pods"};

static bool is_ready(const json_t *object)
{
	const json_t *conditions = td_json_at(object, "status.conditions"), *condition;
	size_t i;

	json_array_foreach (conditions, i, condition) {
		const char *type = td_json_text(condition, "type"), *status = td_json_text(condition, "status");

		if (type && status && strcmp(type, "Ready") == 0)
			return strcmp(status, "True") == 0;
	}
	return false;
}

bool td_pod_read(struct td_pod *ret, json_t *object)
{
	const char *deleted = td_json_text(object, "metadata.deletionTimestamp");
	const char *ip = td_json_text(object, "status.podIP");
	int64_t grace = 0;

	*ret = (struct td_pod){.name = td_json_text(object, "metadata.name"),
			       .uid = td_json_text(object, "metadata.uid"),
			       .ip = ip ? ip : "",
			       .terminating = td_json_at(object, "metadata.deletionTimestamp") != NULL,
			       .ready = is_ready(object)};
	if (!ret->name || !ret->uid)
		return false;
	if (!ret->terminating)
		return true;
	(void)td_json_int(object, "metadata.deletionGracePeriodSeconds", &grace);
	ret->grace_ms = grace <= 0 ? 0 : (grace < GRACE_MAX_S ? grace : GRACE_MAX_S) * 1000;
	return deleted && td_time_parse(deleted, &ret->deletion_wall_ms);
}

int64_t td_pod_drain_deadline(const struct td_pod *pod, int64_t reserve_ms)
{
	if (!pod->terminating)
		return 0;
	return pod->deletion_wall_ms - (reserve_ms < pod->grace_ms / 4 ? reserve_ms : pod->grace_ms / 4);
}

bool td_pod_has_address(const struct td_pod *pod, const char *address)
{
	const char *colon = strrchr(address, ':');
	size_t host = colon ? (size_t)(colon - address) : strlen(address);
	size_t name = strlen(pod->name);

	if (host > 1 && address[0] == '[' && address[host - 1] == ']') { /* [IPv6]:port */
		address++;
		host -= 2;
	}
	if (pod->ip[0] && strlen(pod->ip) == host && memcmp(pod->ip, address, host) == 0)
		return true;
	return host >= name && memcmp(pod->name, address, name) == 0 && (host == name || address[name] == '.');
}

/* Copies the members at paths (two levels) into a new object. */
static json_t *pick(json_t *object, const char *const *paths, size_t count)
{
	json_t *copy = json_object();

	for (size_t i = 0; copy && i < count; i++) {
		const char *dot = strchr(paths[i], '.');
		json_t *value = td_json_at(object, paths[i]), *inner;
		char outer[32];

		if (!value)
			continue;
		(void)td_text_copy(outer, (size_t)(dot - paths[i]) + 1, paths[i]);
		inner = json_object_get(copy, outer);
		if (!inner) {
			inner = json_object();
			if (json_object_set_new(copy, outer, inner) != 0)
				return json_decref(copy), NULL;
		}
		if (json_object_set(inner, dot + 1, value) != 0)
			return json_decref(copy), NULL;
	}
	return copy;
}

json_t *td_pod_project(json_t *object)
{
	static const char *const paths[] = {
		"metadata.name",
		"metadata.uid",
		"metadata.resourceVersion",
		"metadata.deletionTimestamp",
		"metadata.deletionGracePeriodSeconds",
		"status.podIP",
		"status.conditions",
	};

	return pick(object, paths, sizeof(paths) / sizeof(paths[0]));
}

/* All but managedFields, by far the largest part, which nobody here reads. */
json_t *td_drain_project(json_t *object)
{
	json_t *copy = json_copy(object), *metadata = json_copy(json_object_get(object, "metadata"));

	if (!copy || !metadata || json_object_set(copy, "metadata", metadata) != 0) {
		json_decref(copy);
		copy = NULL;
	} else {
		(void)json_object_del(metadata, "managedFields"); /* -1: there was none */
	}
	json_decref(metadata);
	return copy;
}
