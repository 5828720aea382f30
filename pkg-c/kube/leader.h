/* Leader election over one Lease, with client-go's rules and defaults: 15 s lease, 10 s renew deadline, 2 s retry, jitter
 * factor 1.2; another holder is judged only by local time since its record last changed; every write carries the
 * resourceVersion; released on shutdown (leaseDurationSeconds 1, empty holder). The rules are a pure machine
 * (kube/elector.h); this file gives it the API server and time. */
#ifndef TD_KUBE_LEADER_H
#define TD_KUBE_LEADER_H

#include "kube/client.h"

struct td_leader;

struct td_leader_options {
	const char *namespace_;
	const char *lease;		      /* its name */
	const char *identity;		      /* unique for each process */
	int64_t lease_ms, renew_ms, retry_ms; /* 0: the defaults; lease > renew > 1.2 x retry or td_leader_new refuses, as it
					       * does with a lease below 1 s or an identity over 255 bytes */
	uint64_t seed;			      /* for the jitter */
};

/* observed and failed may be NULL. Any of them may free the leader. */
struct td_leader_handlers {
	void (*gained)(int64_t transitions, void *userdata); /* leaseTransitions of our rule: another one each time */
	void (*lost)(const char *why, void *userdata);
	void (*observed)(const char *holder, void *userdata);	    /* the holder changed; "" for none */
	void (*failed)(const struct td_error *err, void *userdata); /* a failed read or write, for the log */
};

struct td_leader *td_leader_new(struct td_loop *loop, struct td_kube_client *client, const struct td_leader_options *options,
				const struct td_leader_handlers *handlers, void *userdata, struct td_error *err);

/* Gives the lease up if held (or perhaps held: a write without an answer), then calls done, never from inside and at the
 * latest after 2 s, whatever the server does. The fence is down at once. No handler is called any more. */
void td_leader_release(struct td_leader *leader, void (*done)(void *userdata), void *userdata);
struct td_leader *td_leader_free(struct td_leader *leader); /* returns NULL */

/* The fence: true only while our last successful renewal was SENT less than the renew deadline ago, by the loop's clock of
 * this turn. Ask right before anything that must not be done by two. */
bool td_leader_is_valid(const struct td_leader *leader);
const char *td_leader_holder(const struct td_leader *leader); /* "" when unknown or none */

#endif
