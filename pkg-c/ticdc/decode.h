/* The answers of TiCDC become values or errors here and nowhere else. Pure: no socket, no clock.
 *
 * Every function returns TD_OK and a whole value, or the code that it also wrote to *err (never NULL), and then *ret is
 * untouched. The error texts start with the status ("500 CDC:ErrX: ..."); the caller puts in front what was asked, and
 * whom. */
#ifndef TD_TICDC_DECODE_H
#define TD_TICDC_DECODE_H

#include "ticdc/client.h"

enum td_error_code td_ticdc_decode_status(const struct td_http_response *response, struct td_ticdc_status *ret,
					  struct td_error *err);

/* The v2 form {"total":N,"items":[...]}. An empty list is an error: whoever answers is itself a capture (row 4).
 * *ret is sorted by id; free() it. */
enum td_error_code td_ticdc_decode_captures(const struct td_http_response *response, struct td_ticdc_capture **ret,
					    size_t *ret_count, struct td_error *err);

enum td_error_code td_ticdc_decode_drain(const struct td_http_response *response, int64_t *ret, struct td_error *err);

/* Resign (v2), move_table, move_maintainer: 200 with an object. */
enum td_error_code td_ticdc_decode_accepted(const struct td_http_response *response, struct td_error *err);

/* The classic move_table: exactly 202, whatever the body. */
enum td_error_code td_ticdc_decode_queued(const struct td_http_response *response, struct td_error *err);

struct td_ticdc_listed {
	char *name; /* "keyspace/id" */
	bool running;
};

/* Sorted by name. An empty list is a value: a keyspace without changefeeds. keyspace: the one that was asked for; a changefeed of
 * another one is an error. Release with td_ticdc_listed_free. */
enum td_error_code td_ticdc_decode_changefeeds(const struct td_http_response *response, const char *keyspace,
					       struct td_ticdc_listed **ret, size_t *ret_count, struct td_error *err);
void td_ticdc_listed_free(struct td_ticdc_listed *listed, size_t count); /* NULL is fine */

struct td_ticdc_detail {
	bool running;
	bool redo;
	char maintainer_addr[TD_ADDRESS_MAX]; /* "": not placed, or not running */
};

/* name is what was asked for ("keyspace/id"): an answer about another changefeed is an error. */
enum td_error_code td_ticdc_decode_detail(const struct td_http_response *response, const char *name,
					  struct td_ticdc_detail *ret, struct td_error *err);

struct td_ticdc_tables {
	struct td_span *spans; /* without table 0; sorted by table, then node; node points into nodes */
	size_t count;
	char *nodes;		      /* the ids, each ended by 0 */
	bool has_trigger;	      /* table 0 is listed */
	char trigger_node[TD_ID_MAX]; /* "" when it is not placed */
};

/* mode is copied to the spans. Release with td_ticdc_tables_done. */
enum td_error_code td_ticdc_decode_tables(const struct td_http_response *response, int mode, struct td_ticdc_tables *ret,
					  struct td_error *err);
void td_ticdc_tables_done(struct td_ticdc_tables *tables);

/* Spans of one mode with the trigger, placed or not: at least 1. */
enum td_error_code td_ticdc_decode_dispatcher_count(const struct td_http_response *response, int64_t *ret,
						    struct td_error *err);

/* ---- classic family (decode_classic.c) ---- */

struct td_ticdc_classic_detail {
	bool running;
	bool normal;		       /* its tables are in the answer; else its processors have to be asked */
	struct td_ticdc_tables tables; /* nodes point into captures, "" for a capture that is not among them */
};

/* As td_ticdc_decode_detail, with what each capture last reported (contract 3.2). A normal changefeed in which one of captures
 * has not reported is an error: its scheduler does not know everybody yet. Release ret->tables with td_ticdc_tables_done. */
enum td_error_code td_ticdc_decode_classic_detail(const struct td_http_response *response, const char *name,
						  const struct td_ticdc_capture *captures, size_t capture_count,
						  struct td_ticdc_classic_detail *ret, struct td_error *err);

/* GET /api/v2/processors/CHANGEFEED/CAPTURE: the tables that capture last reported are appended to tables, on node. */
enum td_error_code td_ticdc_decode_processor(const struct td_http_response *response, const char *node,
					     struct td_ticdc_tables *tables, struct td_error *err);

#endif
