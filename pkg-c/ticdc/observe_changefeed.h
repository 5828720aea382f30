/* Reads one changefeed: its detail, then its tables lists. A part of a call; observe_workload.c runs many. */
#ifndef TD_TICDC_OBSERVE_CHANGEFEED_H
#define TD_TICDC_OBSERVE_CHANGEFEED_H

#include "ticdc/call.h"
#include "ticdc/decode.h"

struct td_ticdc_reader;

/* err set: no view, and err says what was asked of whom. */
typedef void (*td_ticdc_reader_fn)(struct td_ticdc_reader *reader, const struct td_error *err, void *userdata);

struct td_ticdc_reader {
	/* In, borrowed while it reads. */
	struct td_ticdc_call *call;
	const char *name;
	const char *address;
	td_ticdc_reader_fn done;
	void *userdata;

	/* Out. view borrows from the rest. */
	struct td_changefeed_view view;
	struct td_ticdc_detail detail;
	struct td_ticdc_tables tables[2]; /* by mode */
	struct td_span *merged;		  /* the spans of both modes; NULL without redo */
	int mode;			  /* being read */
};

/* One request at a time. False: out of memory, nothing follows. */
bool td_ticdc_reader_start(struct td_ticdc_reader *reader);
void td_ticdc_reader_done(struct td_ticdc_reader *reader); /* frees what came out */

#endif
