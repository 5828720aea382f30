/* A small seeded generator (xoshiro256**) for jitter and for simulations: the same seed gives the same numbers everywhere.
 * Not for secrets. No global state: whoever needs chance is given a generator. */
#ifndef TD_BASE_RANDOM_H
#define TD_BASE_RANDOM_H

#include <stdint.h>

struct td_random {
	uint64_t state[4];
};

void td_random_init(struct td_random *random, uint64_t seed); /* any seed is fine, 0 too */

uint64_t td_random_next(struct td_random *random);

/* Each value from 0 to n - 1 is equally likely; n must be above 0. */
uint64_t td_random_below(struct td_random *random, uint64_t n);

/* From lo to hi, both included; lo must not be above hi. */
int64_t td_random_between(struct td_random *random, int64_t lo, int64_t hi);

#endif
