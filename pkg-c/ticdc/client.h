/* TiCDC over HTTP: one asynchronous call per endpoint of the contract, each ending in a value, an error, or "unknown". The
 * source of every rule here is the HTTP contract of TiCDC (docs/ticdc.md summarises it).
 *
 * Fail closed: a call yields a value only when status code, JSON type and every needed field are exactly as documented.
 * Everything else is an error, and no error is ever a zero. Error bodies are decoded to error_code + error_msg. The Host
 * header (and SNI) is the capture's advertise address: TiCDC calls itself back by it (contract 4.1). */
#ifndef TD_TICDC_CLIENT_H
#define TD_TICDC_CLIENT_H

#include "coordinator/types.h"
#include "net/http_client.h"

struct td_ticdc_client;
struct td_ticdc_call;

struct td_ticdc_options {
	struct td_http_tls tls;	   /* ca_file set: https */
	const char *user;	   /* basic auth; NULL: none */
	const char *password_file; /* read at each request, so that a rotated secret is used; NULL: none */
	int64_t connect_timeout_ms, total_timeout_ms; /* 0: 2 s and 10 s */
};

/* options are copied. */
struct td_ticdc_client *td_ticdc_client_new(struct td_loop *loop, struct td_http_client *http,
					    const struct td_ticdc_options *options);
struct td_ticdc_client *td_ticdc_client_free(struct td_ticdc_client *client); /* cancels all without callbacks; NULL */
void td_ticdc_cancel(struct td_ticdc_call *call);

/* Requests sent since the start, by endpoint name ("drain", "tables", ...): for metrics. name is NULL past the end. */
uint64_t td_ticdc_requests(const struct td_ticdc_client *client, size_t index, const char **ret_name);

/* ---- values ---- */

struct td_ticdc_status {    /* GET /status of that very process */
	char id[TD_ID_MAX]; /* "" very early in its life */
	int64_t pid;
	bool is_owner;
	bool has_liveness; /* false in family C's /status */
	int liveness;	   /* as on the wire; its meaning depends on the family */
	char version[64];
};

struct td_ticdc_capture {
	char id[TD_ID_MAX], address[TD_ADDRESS_MAX];
	bool is_owner;
};

/* What went wrong on TiCDC's side, when it said so. Goes with err. */
struct td_ticdc_fault {
	char error_code[64]; /* "CDC:ErrCaptureNotExist", or "" */
};

/* ---- calls ----
 * address: "host:port" of the capture to ask, its advertise address. connect_to: "host:port" to connect to instead, or NULL.
 * Each done is called once, later; by then the handle is gone, and done may cancel other calls, start new ones or free the
 * client. A request that cannot be made (no host:port, an odd name) ends with TD_ERR_INVALID in the same way. fault is never
 * NULL; err->code TD_OK means the value is whole. Starting can only fail for want of memory: then NULL is returned and no
 * callback follows. */

typedef void (*td_ticdc_status_fn)(const struct td_ticdc_status *status, const struct td_error *err, void *userdata);
struct td_ticdc_call *td_ticdc_get_status(struct td_ticdc_client *c, const char *address, const char *connect_to,
					  td_ticdc_status_fn done, void *userdata);

typedef void (*td_ticdc_captures_fn)(const struct td_ticdc_capture *captures, size_t count, const struct td_error *err,
				     void *userdata);
struct td_ticdc_call *td_ticdc_get_captures(struct td_ticdc_client *c, const char *address, const char *connect_to,
					    td_ticdc_captures_fn done, void *userdata);

/* answer is remaining "current_table_count": only with status exactly 202 and an integer field. Asked by the v1 route; a build
 * that does not know it is asked by the classic family's v2 route. */
typedef void (*td_ticdc_drain_fn)(int64_t answer, const struct td_ticdc_fault *fault, const struct td_error *err,
				  void *userdata);
struct td_ticdc_call *td_ticdc_put_drain(struct td_ticdc_client *c, const char *address, const char *capture_id,
					 td_ticdc_drain_fn done, void *userdata);

/* For resign (v2, 200), move_table and move_maintainer (200 {}). "ok" means accepted, never "moved". */
typedef void (*td_ticdc_accept_fn)(const struct td_ticdc_fault *fault, const struct td_error *err, void *userdata);
struct td_ticdc_call *td_ticdc_post_resign(struct td_ticdc_client *c, const char *address, td_ticdc_accept_fn done,
					   void *userdata);
/* name: "keyspace/changefeed" everywhere below. The call does not wait for the move (wait=false). family: the classic one has
 * a call of its own, which knows namespace "default" only and drops in silence what it does not like (contract 5). */
struct td_ticdc_call *td_ticdc_post_move_table(struct td_ticdc_client *c, enum td_family family, const char *address,
					       const char *name, int64_t table_id, int mode, const char *to_capture,
					       td_ticdc_accept_fn done, void *userdata);
struct td_ticdc_call *td_ticdc_post_move_maintainer(struct td_ticdc_client *c, const char *address, const char *name,
						    const char *to_capture, td_ticdc_accept_fn done, void *userdata);

/* W3: status, then metrics (streamed, bounded, parsed once), then status again; the view is known only if both statuses
 * carry the same non-empty id, every series is as the contract demands and the sentinels are there. A status without
 * liveness is the classic family's: then tables are counted, as dispatchers, and liveness is -1. connect_to as above (the
 * agent passes its own pod's local address). */
typedef void (*td_ticdc_process_fn)(const struct td_process_view *process, void *userdata);
struct td_ticdc_call *td_ticdc_observe_process(struct td_ticdc_client *c, const char *address, const char *connect_to,
					       td_ticdc_process_fn done, void *userdata);

/* The captures list, then each capture's own status (at most 8 at a time). pod fields are left empty. err set: no view. */
typedef void (*td_ticdc_nodes_fn)(const struct td_nodes_view *nodes, const struct td_error *err, void *userdata);
struct td_ticdc_call *td_ticdc_observe_nodes(struct td_ticdc_client *c, const char *address, const char *connect_to,
					     td_ticdc_nodes_fn done, void *userdata);

/* W2: captures, changefeeds (state=all), then of each running one its detail and its tables lists (mode 0, and 1 with redo),
 * then captures again: at most 8 requests at a time. One failed or odd answer makes the whole an error that names it.
 * A changefeed without any table delays a good answer by 30 s (docs/ticdc.md). address: a
 * live capture, best the coordinator. In the classic family (observe_classic.c) TiCDC must call itself healthy first, and
 * the coordinator counts as every changefeed's maintainer. */
typedef void (*td_ticdc_workload_fn)(const struct td_workload_view *workload, const struct td_error *err, void *userdata);
struct td_ticdc_call *td_ticdc_observe_workload(struct td_ticdc_client *c, enum td_family family, const char *address,
						td_ticdc_workload_fn done, void *userdata);

/* One changefeed of the same. One that does not exist any more comes back with running = false; one whose maintainer has not
 * bootstrapped is an error. */
typedef void (*td_ticdc_changefeed_fn)(const struct td_changefeed_view *changefeed, const struct td_error *err,
				       void *userdata);
struct td_ticdc_call *td_ticdc_observe_changefeed(struct td_ticdc_client *c, const char *address, const char *name,
						  td_ticdc_changefeed_fn done, void *userdata);

/* Family by behaviour, never by version (contract section 0): /status keys, then the move_maintainer probe (a changefeed
 * name and a node that cannot exist: 404 page = not M), then the drain probe with a random UUID that is no capture (202 =
 * N0, 400 CDC:ErrCaptureNotExist = N1). Needs two registered captures to tell N0 from N1; any unclear answer is an error,
 * never a guess. why (with a family): what was seen, for the object's message. */
typedef void (*td_ticdc_family_fn)(enum td_family family, const char *why, const struct td_error *err, void *userdata);
struct td_ticdc_call *td_ticdc_detect_family(struct td_ticdc_client *c, const char *address, const char *connect_to,
					     td_ticdc_family_fn done, void *userdata);

#endif
