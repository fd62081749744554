/* Random numbers that are pure functions of (seed, stream, counter): Philox 4x32-10 (Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011). Nothing has a state, so a replayed step draws the same numbers. */
#ifndef HO_BASE_RNG_H
#define HO_BASE_RNG_H

#include <stdint.h>

/* The four words of block `counter` of a stream. */
void ho_philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t out[4]);

/* Number i of a stream: uniform in [0, 1) with 53 bits; standard normal (Box-Muller). */
double ho_uniform(uint64_t seed, uint64_t stream, uint64_t i);
double ho_normal_number(uint64_t seed, uint64_t stream, uint64_t i);

/* A stream's number from a name (FNV-1a), so that unrelated draws never share one. */
uint64_t ho_stream(const char *name);

/* Where i goes under a random permutation of 0..n-1, without storing it (a Feistel network with cycle walking). */
uint64_t ho_permute(uint64_t seed, uint64_t stream, uint64_t n, uint64_t i);

/* The same permutation, made once for many places. */
typedef struct ho_permutation {
    uint64_t n, low_mask, high_mask;
    int low_bits;
    uint32_t keys[8];
} ho_permutation;

ho_permutation ho_permutation_of(uint64_t seed, uint64_t stream, uint64_t n);
/* Where i goes. */
uint64_t ho_permuted(const ho_permutation *p, uint64_t i);
/* Where first .. first+count-1 go, which must be below n: twice as fast as one by one. */
void ho_permuted_run(const ho_permutation *p, int64_t first, int64_t count, int64_t *to);

#endif
