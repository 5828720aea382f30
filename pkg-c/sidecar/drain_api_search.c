/* See drain_api_search.h. */
#include "sidecar/drain_api_search.h"

#include "base/json.h"
#include "base/text.h"

#include <string.h>

/* A request names its capture itself, or its status does, or it waits for the pod that the capture runs in. */
static bool is_of_capture(const struct td_drain_search *search, const struct td_drain_object *drain)
{
	if (drain->capture)
		return strcmp(drain->capture, search->capture) == 0;
	if (drain->status_capture[0])
		return strcmp(drain->status_capture, search->capture) == 0;
	return search->pod[0] && td_text_equal(drain->pod, search->pod) && !td_phase_is_final(drain->phase);
}

static bool is_proven(const struct td_drain_object *drain)
{
	return drain->phase == TD_PHASE_DRAINED || drain->phase == TD_PHASE_RELEASED;
}

static int rank_of(const struct td_drain_object *drain)
{
	if (!td_phase_is_final(drain->phase) && !drain->dry_run)
		return 3;
	return is_proven(drain) ? 2 : 1;
}

/* Readable, of this cluster, and with a spec that makes sense. */
static bool read_own(const struct td_drain_search *search, json_t *object, struct td_drain_object *ret)
{
	struct td_error ignored;

	return strcmp(td_drain_cluster(object), search->cluster) == 0 && td_drain_read(ret, object, &ignored) &&
	       !ret->invalid[0];
}

/* Names are counted up, so of two made in the same second the longer or greater name is the newer. */
static bool is_newer(const struct td_drain_search *search, const struct td_drain_object *drain)
{
	const char *other = td_json_text(search->object, "metadata.name");

	if (drain->created_wall_ms != search->created_wall_ms)
		return drain->created_wall_ms > search->created_wall_ms;
	if (strlen(drain->name) != strlen(other))
		return strlen(drain->name) > strlen(other);
	return strcmp(drain->name, other) > 0;
}

static void consider(struct td_drain_search *search, json_t *object, const struct td_drain_object *drain)
{
	int rank = rank_of(drain);

	if (search->object && (rank < search->rank || (rank == search->rank && !is_newer(search, drain))))
		return;
	search->object = object;
	search->rank = rank;
	search->created_wall_ms = drain->created_wall_ms;
	search->settled = is_proven(drain) || !td_phase_is_final(drain->phase);
}

void td_drain_search_look(const char *name, json_t *object, void *userdata)
{
	struct td_drain_search *search = userdata;
	const char *pod = td_json_text(object, "status.podName");
	struct td_drain_object drain;

	(void)name;
	if (!read_own(search, object, &drain))
		return;
	if (is_of_capture(search, &drain)) {
		if (!drain.dry_run || !search->no_dry_runs)
			consider(search, object, &drain);
		return;
	}
	if (drain.phase != TD_PHASE_DRAINING && drain.phase != TD_PHASE_VERIFYING)
		return;
	if (!pod || !pod[0])
		pod = drain.pod ? drain.pod : drain.capture;
	(void)td_text_copy(search->busy, sizeof(search->busy), pod);
}

bool td_drain_search_fits(const struct td_drain_search *search, json_t *object)
{
	struct td_drain_object drain;

	return read_own(search, object, &drain) && is_of_capture(search, &drain) && !(drain.dry_run && search->no_dry_runs);
}

static json_t *count(bool known, uint32_t number)
{
	return known ? json_integer(number) : json_null();
}

json_t *td_drain_search_answer(const struct td_drain_search *search, json_t *object)
{
	const char *pod = td_json_text(object, "status.podName");
	struct td_drain_object drain;
	struct td_error ignored;

	if (!td_drain_read(&drain, object, &ignored))
		return NULL; /* it was read a moment ago */
	if (!pod)
		pod = drain.pod ? drain.pod : search->pod;
	return json_pack("{s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:o,s:o}", "capture_id", search->capture, "drain_request", drain.name,
			 "target", pod, "dry_run", drain.dry_run, "phase", td_phase_name(drain.phase), "reason",
			 drain.reason, "message", drain.message, "current_maintainer_count",
			 count(drain.remaining_known, drain.remaining.maintainers), "current_dispatcher_count",
			 count(drain.remaining_known, drain.remaining.dispatchers));
}
