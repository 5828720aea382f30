/* Lists all changefeeds, whatever the kernel. A part of a call; observe_workload.c uses it. */
#ifndef TD_TICDC_LIST_CHANGEFEEDS_H
#define TD_TICDC_LIST_CHANGEFEEDS_H

#include "ticdc/call.h"
#include "ticdc/decode.h"
#include "ticdc/metrics.h"

struct td_ticdc_lister;

/* err set: no list, and err says what was asked of whom. */
typedef void (*td_ticdc_lister_fn)(struct td_ticdc_lister *lister, const struct td_error *err, void *userdata);

struct td_ticdc_lister {
	/* In, borrowed while it lists. */
	struct td_ticdc_call *call;
	const char *address;	 /* whom to ask */
	const char *coordinator; /* the address of TiCDC's coordinator: its metrics know the keyspaces */
	td_ticdc_lister_fn done;
	void *userdata;

	/* Out. */
	struct td_ticdc_listed *listed; /* sorted by name */
	size_t count;

	/* Inside. */
	struct td_ticdc_metrics metrics;
	struct td_ticdc_keyspaces keyspaces;
	size_t next;	     /* keyspace to be listed */
	int64_t changefeeds; /* by the coordinator's metrics; -1: not asked */
};

/* One request at a time. False: out of memory, nothing follows. */
bool td_ticdc_lister_start(struct td_ticdc_lister *lister);

/* Frees what came out, and what is inside. */
void td_ticdc_lister_done(struct td_ticdc_lister *lister);

#endif
