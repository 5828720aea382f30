/* See random.h. xoshiro256** 1.0 seeded by splitmix64, both by Blackman and Vigna (prng.di.unimi.it, public domain):
 * splitmix64 spreads the seed so that no seed leads to the one forbidden state, all zeros. */
#include "base/random.h"

#include <assert.h>

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

void td_random_init(struct td_random *random, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		random->state[i] = splitmix64(&seed);
}

static uint64_t rotate_left(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

uint64_t td_random_next(struct td_random *random)
{
	uint64_t *s = random->state;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t td_random_below(struct td_random *random, uint64_t n)
{
	uint64_t uneven, value;

	assert(n > 0);
	uneven = -n % n; /* 2^64 mod n: this many of the lowest values would make the small remainders more likely */
	do {
		value = td_random_next(random);
	} while (value < uneven);
	return value % n;
}

int64_t td_random_between(struct td_random *random, int64_t lo, int64_t hi)
{
	uint64_t span = (uint64_t)hi - (uint64_t)lo;

	assert(lo <= hi);
	if (span == UINT64_MAX)
		return (int64_t)td_random_next(random);
	return (int64_t)((uint64_t)lo + td_random_below(random, span + 1));
}
