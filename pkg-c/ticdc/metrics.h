/* A streaming reader of Prometheus text that keeps only what witness W3 needs. Pure. Give it the body of /metrics in pieces,
 * cut anywhere; each byte is looked at once. Memory: one line.
 *
 *	struct td_ticdc_metrics metrics;
 *	td_ticdc_metrics_init(&metrics);
 *	td_ticdc_metrics_feed(&metrics, bytes, len);	// as often as needed; false: give up, the rest changes nothing
 *	if (td_ticdc_metrics_finish(&metrics, &reading, why, sizeof(why)))
 *		... reading is whole ...
 *	td_ticdc_metrics_done(&metrics); */
#ifndef TD_TICDC_METRICS_H
#define TD_TICDC_METRICS_H

#include "base/buf.h"
#include "coordinator/types.h"
#include "ticdc/keyspaces.h"

#define TD_TICDC_METRICS_LINE_MAX ((size_t)64 * 1024)
#define TD_TICDC_METRICS_BODY_MAX ((size_t)64 * 1024 * 1024)

/* The series that matter, in groups whose values are added up. */
enum td_ticdc_series {
	TD_SERIES_MAINTAINERS,
	TD_SERIES_DISPATCHERS,	/* both event types, old and new name */
	TD_SERIES_TRIGGERS,	/* the same */
	TD_SERIES_BROKERS,	/* status="total" only */
	TD_SERIES_TABLES,	/* classic family */
	TD_SERIES_OWNERSHIP,	/* sentinel */
	TD_SERIES_REGISTERED,	/* sentinel */
	TD_SERIES_CHANGEFEEDS,	/* state="Total" only, on the coordinator */
	TD_SERIES_OWNER_STATUS, /* one for each changefeed, on the coordinator; it names their keyspaces */
	TD_SERIES_START,	/* unix time in seconds, in milliseconds here */
	TD_SERIES_COUNT
};

struct td_ticdc_metrics {
	struct td_buf line; /* the beginning of a line whose end has not come yet */
	size_t bytes;
	bool skipping; /* in a line that is longer than the limit and does not matter */
	bool at_line_start;
	bool broken; /* a series that matters cannot be read; why says which */
	char why[160];
	struct td_ticdc_keyspaces *keyspaces; /* filled in when it is not NULL */
	bool seen[TD_SERIES_COUNT];
	int64_t sum[TD_SERIES_COUNT];
};

struct td_ticdc_reading {
	struct td_counts counts;
	int64_t start_ms; /* 0 when this build does not export it */
};

void td_ticdc_metrics_init(struct td_ticdc_metrics *metrics);
void td_ticdc_metrics_done(struct td_ticdc_metrics *metrics);

bool td_ticdc_metrics_feed(struct td_ticdc_metrics *metrics, const char *bytes, size_t len);

/* After the last piece of a coordinator's scrape: how many changefeeds there are, in all keyspaces. False, with the reason in why,
 * when that cannot be told. */
bool td_ticdc_metrics_changefeeds(const struct td_ticdc_metrics *metrics, int64_t *ret, char *why, size_t size);

/* After the last piece. classic: the process' status is the classic family's; its tables are then counted as dispatchers. False,
 * with the reason in why, unless the scrape is whole, good and of that architecture. */
bool td_ticdc_metrics_finish(const struct td_ticdc_metrics *metrics, bool classic, struct td_ticdc_reading *ret, char *why,
			     size_t size);

#endif
