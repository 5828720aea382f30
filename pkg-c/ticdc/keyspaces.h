/* The keyspaces of a next-generation kernel. TiCDC has no list across keyspaces there (contract 3.4); the coordinator's metrics name
 * those that have changefeeds, and count all changefeeds, which shows whether a list of lists is whole. Pure memory. */
#ifndef TD_TICDC_KEYSPACES_H
#define TD_TICDC_KEYSPACES_H

#include <stdbool.h>
#include <stddef.h>

#define TD_TICDC_KEYSPACES_MAX 4096

/* What kind of kernel TiCDC was built for. */
enum td_ticdc_kernel {
	TD_KERNEL_UNKNOWN,
	TD_KERNEL_CLASSIC, /* one keyspace, "default"; whatever is asked for is ignored */
	TD_KERNEL_NEXTGEN, /* each keyspace must be asked for by its name */
};

struct td_ticdc_keyspaces {
	char **names; /* sorted, each once */
	size_t count;
};

void td_ticdc_keyspaces_done(struct td_ticdc_keyspaces *keyspaces);

/* Takes the keyspace out of one line of metrics, {labels} and all. A line without such a label names none. False: too many, a name
 * that cannot be one, or out of memory. */
bool td_ticdc_keyspaces_note(struct td_ticdc_keyspaces *keyspaces, const char *line, size_t len);

#endif
