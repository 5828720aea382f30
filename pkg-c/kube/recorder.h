/* Events about objects, deduplicated like client-go's: the same (object, type, reason, message) within 10 minutes raises
 * count and lastTimestamp of the one Event by a patch instead of making another. Bounded: 256 remembered, 64 waiting; beyond
 * that the oldest is dropped and counted. Failures are reported once and not retried for ever (3 tries).
 * Needs create and patch on events in the namespaces of the objects. */
#ifndef TD_KUBE_RECORDER_H
#define TD_KUBE_RECORDER_H

#include "kube/client.h"

struct td_recorder;

struct td_object_ref {
	const char *api_version, *kind, *namespace_, *name, *uid;
};

struct td_recorder *td_recorder_new(struct td_loop *loop, struct td_kube_client *client, const char *component,
				    const char *instance, void (*failed)(const struct td_error *err, void *userdata),
				    void *userdata);		    /* NULL: out of memory */
struct td_recorder *td_recorder_free(struct td_recorder *recorder); /* returns NULL */

/* type: "Normal" or "Warning"; reason: CamelCase; message is cut at 1024 bytes. Everything is copied; members of about may
 * be NULL. Never fails for the caller, and never calls back from inside. */
void td_record(struct td_recorder *recorder, const struct td_object_ref *about, const char *type, const char *reason,
	       const char *message);

/* True when nothing is waiting or under way (asked before exit). */
bool td_recorder_is_idle(const struct td_recorder *recorder);

#endif
