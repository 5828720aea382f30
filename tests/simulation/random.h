/* Seeded random numbers (splitmix64): the only source of chance in the simulation. */
#ifndef TD_SIMULATION_RANDOM_H
#define TD_SIMULATION_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
	bool fixed; /* no chance at all (exhaustive runs): always the middle of a range, nothing unlikely happens */
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = (rng->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* From low to high, both included. */
static inline int64_t rng_range(struct rng *rng, int64_t low, int64_t high)
{
	if (rng->fixed || high <= low)
		return high <= low ? low : low + (high - low) / 2;
	return low + (int64_t)(rng_next(rng) % (uint64_t)(high - low + 1));
}

static inline bool rng_chance(struct rng *rng, int permille)
{
	return permille > 0 && !rng->fixed && rng_range(rng, 1, 1000) <= permille;
}

#endif
