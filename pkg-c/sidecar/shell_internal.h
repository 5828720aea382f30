/* The inside of the shell, shared by its own source files only. */
#ifndef TD_SIDECAR_SHELL_INTERNAL_H
#define TD_SIDECAR_SHELL_INTERNAL_H

#include "sidecar/drainrequest.h"
#include "sidecar/shell.h"

/* One effect being performed. Linked, so that a shell that ends can give them all up. */
struct td_errand {
	struct td_shell *shell;
	struct td_errand *next, **link;
	struct td_effect effect;
	struct td_ticdc_call *ticdc_call;
	struct td_kube_call *kube_call;
	struct td_timer *refuse_later; /* armed when it could not even be started */
	struct td_error refusal;
	json_t *patch, *base; /* PUBLISH: what is written, and the status that it is based on */
	int tries;
};

/* What we wrote last to an object: the informer may not have caught up with it. */
struct td_written {
	char uid[TD_ID_MAX];
	char before[64];	  /* the informer's resourceVersion when we wrote */
	char written[64];	  /* the one that the write returned */
	json_t *status;		  /* and what stands there since; NULL: nothing written yet */
	int phase, reason;	  /* last recorded as an event; -1: none */
	uint64_t requests_before; /* sent to TiCDC when the first of them was */
	struct td_written *next;
};

struct td_shell {
	struct td_shell_options options;
	struct td_core *core;
	struct td_timer *timer;
	struct td_errand *errands;
	struct td_written *written;
	bool broken;
	struct td_acknowledgement acknowledgements[TD_ACKNOWLEDGED_MAX]; /* of the request being fed */
};

/* ---- shell.c ---- */

/* Answers an errand and ends it. result->effect_id is filled in. */
void td_shell_answer(struct td_errand *errand, struct td_result *result);

/* Answers with an error: FAILED when the other side certainly did not act, else UNKNOWN. */
void td_shell_answer_error(struct td_errand *errand, const struct td_error *err);

/* The name of the request that an errand is for; "" when it is for none, or the request is gone. */
const char *td_shell_request_name(const struct td_errand *errand);

/* ---- shell_ticdc.c ---- */

/* Starts an effect that talks to TiCDC. False: it could not be started (out of memory). */
bool td_shell_ask_ticdc(struct td_errand *errand);

/* ---- shell_publish.c ---- */

/* Starts writing the view of the errand's request to its object. False: could not be started; *err says why. */
bool td_shell_publish(struct td_errand *errand, struct td_error *err);
void td_shell_forget_written(struct td_shell *shell, const char *uid);
void td_shell_free_written(struct td_shell *shell);

#endif
