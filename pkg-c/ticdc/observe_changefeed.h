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
	const struct td_ticdc_capture *captures; /* classic family: all that are registered */
	size_t capture_count;
	const char *owner; /* classic family: the address of the coordinator */

	/* Out. view borrows from the rest. */
	struct td_changefeed_view view;
	struct td_ticdc_detail detail;
	struct td_ticdc_tables tables[2]; /* by mode */
	bool doubtful;		/* perhaps not bootstrapped: the view is not to be used, see td_ticdc_reader_doubt */
	struct td_span *merged; /* the spans of both modes; NULL without redo */
	int mode;		/* being read */
	size_t asked;		/* captures whose processors have been asked about */
};

/* One request at a time. False: out of memory, nothing follows. */
bool td_ticdc_reader_start(struct td_ticdc_reader *reader);
bool td_ticdc_classic_reader_start(struct td_ticdc_reader *reader); /* the same of the classic family: observe_classic.c */

/* What is to be told instead of a doubtful view. It is no error of the reader's, so that a reading of many goes on and notes all that
 * are doubtful: each has to be seen so for a while before it is believed. */
void td_ticdc_reader_doubt(const struct td_ticdc_reader *reader, struct td_error *err);
void td_ticdc_reader_done(struct td_ticdc_reader *reader); /* frees what came out */

/* TiCDC says that there is no such changefeed (any more). */
bool td_ticdc_changefeed_is_gone(const struct td_http_response *response);

#endif
