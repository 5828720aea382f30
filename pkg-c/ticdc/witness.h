/* The pure half of the observers: several answers about one thing become one view. */
#ifndef TD_TICDC_WITNESS_H
#define TD_TICDC_WITNESS_H

#include "ticdc/client.h"
#include "ticdc/metrics.h"

/* Storage behind a td_process_view. */
struct td_ticdc_witness {
	struct td_process_view view;
	struct td_ticdc_status status;
	char why[TD_TEXT_MAX];
};

/* W3 from a status, the metrics, and a status after them. The view borrows from *ret. */
void td_ticdc_witness_read(struct td_ticdc_witness *ret, const struct td_ticdc_status *before,
			   const struct td_ticdc_metrics *metrics, const struct td_ticdc_status *after);

/* The same for a witness that could not be heard. */
void td_ticdc_witness_unknown(struct td_ticdc_witness *ret, const char *why);

#endif
