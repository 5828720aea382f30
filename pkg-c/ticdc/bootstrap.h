/* Is a maintainer that shows nothing but its trigger empty, or not bootstrapped? Pure memory; the time is passed in. */
#ifndef TD_TICDC_BOOTSTRAP_H
#define TD_TICDC_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TD_TICDC_BOOTSTRAP_MS 30000

struct td_ticdc_suspect;

struct td_ticdc_suspects {
	struct td_ticdc_suspect *list;
	size_t count, cap;
};

void td_ticdc_suspects_done(struct td_ticdc_suspects *suspects);

/* Changefeed name's maintainer, on capture node, lists its trigger alone. True: it has done so for long enough to be
 * believed. False also when there is no memory left to remember it. */
bool td_ticdc_suspects_note(struct td_ticdc_suspects *suspects, const char *name, const char *node, int64_t now_ms);

/* It lists tables: it is bootstrapped. */
void td_ticdc_suspects_clear(struct td_ticdc_suspects *suspects, const char *name);

#endif
