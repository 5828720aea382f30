/* The behaviours that golden traces show. */
#ifndef TD_GOLDEN_BEHAVIOURS_H
#define TD_GOLDEN_BEHAVIOURS_H

#include "world.h"

struct behaviour {
	const char *name;  /* of its file, without .txt */
	const char *shows; /* one sentence: its first line */
	void (*play)(struct world *w);
};

extern const struct behaviour behaviours[]; /* ends with a name of NULL */

#endif
