/* See terminations.h. uid -> 0 while the pod is alive, else the end of its grace on the monotonic clock. As many entries as pods. */
#include "sidecar/terminations.h"

#include <jansson.h>
#include <stdlib.h>

struct td_terminations {
	json_t *ends;
};

struct td_terminations *td_terminations_new(void)
{
	struct td_terminations *t = calloc(1, sizeof(*t));

	if (t)
		t->ends = json_object();
	if (t && !t->ends) {
		free(t);
		return NULL;
	}
	return t;
}

struct td_terminations *td_terminations_free(struct td_terminations *t)
{
	if (t)
		json_decref(t->ends);
	free(t);
	return NULL;
}

static int64_t clamp(int64_t ms, int64_t max_ms)
{
	if (ms < 0)
		return 0;
	return ms < max_ms ? ms : max_ms;
}

void td_terminations_seen(struct td_terminations *t, const struct td_pod *pod, int64_t now_ms, int64_t wall_ms)
{
	json_t *known = json_object_get(t->ends, pod->uid);
	int64_t left = known ? pod->grace_ms : clamp(pod->deletion_wall_ms - wall_ms, pod->grace_ms);

	if (!pod->terminating && !known)
		(void)json_object_set_new(t->ends, pod->uid, json_integer(0)); /* out of memory: the date decides */
	else if (pod->terminating && json_integer_value(known) == 0)
		(void)json_object_set_new(t->ends, pod->uid, json_integer(now_ms + left));
}

void td_terminations_gone(struct td_terminations *t, const char *uid)
{
	if (uid)
		(void)json_object_del(t->ends, uid);
}

void td_terminations_correct(struct td_terminations *t, struct td_pod *pod, int64_t now_ms, int64_t wall_ms)
{
	int64_t end;

	if (!t || !pod->terminating)
		return;
	td_terminations_seen(t, pod, now_ms, wall_ms);
	end = json_integer_value(json_object_get(t->ends, pod->uid));
	if (end)
		pod->deletion_wall_ms = wall_ms + (end - now_ms);
}
