/* Inside the layer: what every operation is made of. A call is one operation of the public API; it asks questions (HTTP
 * requests), any number at a time, and ends once. Life of a call:
 *
 *	struct op { struct td_ticdc_call call; ... };		call comes first
 *	td_ticdc_call_init(&op->call, client, destroy);		from now on td_ticdc_cancel ends it
 *	td_ticdc_ask(&op->call, &question, on_answer, userdata);	again from on_answer, as needed
 *	td_ticdc_call_close(&op->call);				no answer comes any more, the handle is gone
 *	done(...);						may do anything, free the client too
 *	op->call.destroy(&op->call);
 *
 * A cancelled call goes the same way without done. */
#ifndef TD_TICDC_CALL_H
#define TD_TICDC_CALL_H

#include "ticdc/bootstrap.h"
#include "ticdc/client.h"
#include "ticdc/keyspaces.h"

/* A table in call.c has the name, method, limits and need for credentials of each. */
enum td_ticdc_endpoint {
	TD_ENDPOINT_STATUS,
	TD_ENDPOINT_METRICS,
	TD_ENDPOINT_CAPTURES,
	TD_ENDPOINT_HEALTH,
	TD_ENDPOINT_DRAIN,
	TD_ENDPOINT_RESIGN,
	TD_ENDPOINT_CHANGEFEEDS,
	TD_ENDPOINT_CHANGEFEED,
	TD_ENDPOINT_TABLES,
	TD_ENDPOINT_DISPATCHER_COUNT,
	TD_ENDPOINT_MOVE_TABLE,
	TD_ENDPOINT_MOVE_MAINTAINER,
	TD_ENDPOINT_PROCESSOR,
	TD_ENDPOINT_DRAIN_V2,
	TD_ENDPOINT_COUNT
};

/* The most requests that one call has under way. */
#define TD_TICDC_PARALLEL 8

struct td_question;

struct td_ticdc_call {
	struct td_ticdc_client *client;
	struct td_ticdc_call *previous, *next;	     /* the client's calls */
	struct td_question *questions;		     /* under way */
	void (*destroy)(struct td_ticdc_call *call); /* frees what the operation owns, and the operation */
};

void td_ticdc_call_init(struct td_ticdc_call *call, struct td_ticdc_client *client,
			void (*destroy)(struct td_ticdc_call *call));
void td_ticdc_call_close(struct td_ticdc_call *call);

struct td_ticdc_question {
	enum td_ticdc_endpoint endpoint;
	const char *address;
	const char *connect_to;	 /* NULL: address */
	const char *path;	 /* from the first slash, with the query; NULL answers with TD_ERR_INVALID */
	const char *body;	 /* JSON, or NULL */
	td_http_data_fn on_data; /* NULL: the body is collected; else it gets userdata */
};

/* err->code TD_OK: an answer with any status. Everything is borrowed. */
typedef void (*td_ticdc_answer_fn)(const struct td_http_response *response, const struct td_error *err, void *userdata);

/* Answers later, once, unless the call is closed first. False: out of memory, and nothing follows. */
bool td_ticdc_ask(struct td_ticdc_call *call, const struct td_ticdc_question *question, td_ticdc_answer_fn done,
		  void *userdata);

int64_t td_ticdc_call_now_ms(const struct td_ticdc_call *call);
struct td_ticdc_suspects *td_ticdc_call_suspects(const struct td_ticdc_call *call);

/* What the client knows of TiCDC's kernel. Found out by whoever needs it; forgotten when the family is asked for anew. */
enum td_ticdc_kernel *td_ticdc_call_kernel(const struct td_ticdc_call *call);

#endif
