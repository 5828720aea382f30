/* The coordinator's shell: the side of the core that has hands. It exists only while this sidecar holds the Lease: it feeds the
 * core with DrainRequests and pods as they change, performs the core's effects, and answers each with exactly one result.
 *
 * The fence is here: every effect that changes TiCDC, and every write of status, is preceded by a look at the Lease of that very
 * moment; and every write of status carries the resourceVersion that it is based on. So a coordinator whose time is over changes
 * nothing. */
#ifndef TD_SIDECAR_SHELL_H
#define TD_SIDECAR_SHELL_H

#include "coordinator/core.h"
#include "kube/informer.h"
#include "kube/leader.h"
#include "kube/recorder.h"
#include "sidecar/terminations.h"
#include "ticdc/client.h"

struct td_shell;

/* All borrowed; they outlive the shell. */
struct td_shell_options {
	struct td_loop *loop;
	struct td_kube_client *kube;
	struct td_ticdc_client *ticdc;
	struct td_leader *leader;
	struct td_recorder *recorder;
	const struct td_informer *pods, *drains;
	const char *namespace_, *identity;
	const char *cluster;		      /* whose requests are worked on, see td_drain_cluster; NULL: all */
	struct td_terminations *terminations; /* NULL: deletionTimestamps are taken as they are */
	const char *ticdc_address;	      /* this pod's capture: who is asked when no better one is known */
	int64_t reserve_ms;		      /* of a terminating pod's grace period */
	int batch;

	/* Memory ran out: the core is of no more use. Called from the loop; the owner frees the shell and makes another from the
	 * durable state. */
	void (*broken)(void *userdata);
	void *userdata;
};

/* Feeds the core with everything the informers hold. NULL: out of memory. */
struct td_shell *td_shell_new(const struct td_shell_options *options);

/* Gives up all that is under way, without answers. Returns NULL. */
struct td_shell *td_shell_free(struct td_shell *shell);

/* Informer events. */
void td_shell_drain_changed(struct td_shell *shell, enum td_informer_change change, json_t *object);
void td_shell_pods_changed(struct td_shell *shell);

/* A pod has come back after a drain (comeback.h). */
void td_shell_balance(struct td_shell *shell);

struct td_core_summary td_shell_summary(const struct td_shell *shell);

#endif
