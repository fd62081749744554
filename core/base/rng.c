/* Random numbers: Philox 4x32-10 and what is drawn from it. */
#include "base/rng.h"

#include <math.h>

void ho_philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t out[4])
{
    uint32_t x0 = (uint32_t)counter, x1 = (uint32_t)(counter >> 32);
    uint32_t x2 = (uint32_t)stream, x3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * x0;
        uint64_t b = (uint64_t)0xCD9E8D57u * x2;
        x0 = (uint32_t)(b >> 32) ^ x1 ^ k0;
        x1 = (uint32_t)b;
        x2 = (uint32_t)(a >> 32) ^ x3 ^ k1;
        x3 = (uint32_t)a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

/* Two words as a number in [0, 1) with 53 bits. */
static double unit(uint32_t high, uint32_t low)
{
    uint64_t bits = (uint64_t)high << 32 | low;
    return (double)(bits >> 11) * 0x1p-53;
}

double ho_uniform(uint64_t seed, uint64_t stream, uint64_t i)
{
    uint32_t words[4];
    ho_philox(seed, stream, i, words);
    return unit(words[0], words[1]);
}

double ho_normal_number(uint64_t seed, uint64_t stream, uint64_t i)
{
    const double two_pi = 6.283185307179586476925;
    uint32_t words[4];
    ho_philox(seed, stream, i, words);
    /* 1 - u lies in (0, 1], where the logarithm is finite. */
    double radius = sqrt(-2.0 * log(1.0 - unit(words[0], words[1])));
    return radius * cos(two_pi * unit(words[2], words[3]));
}

uint64_t ho_stream(const char *name)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001B3u;
    return hash;
}

/* The finalizer of SplitMix64: every output bit depends on every input bit. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

ho_permutation ho_permutation_of(uint64_t seed, uint64_t stream, uint64_t n)
{
    ho_permutation p = {.n = n};
    int bits = 1;
    while (bits < 64 && n > 1 && (n - 1) >> bits)
        bits++;
    p.low_bits = bits - bits / 2; /* 1..32; the high half has as many or one less */
    p.low_mask = ((uint64_t)1 << p.low_bits) - 1;
    p.high_mask = ((uint64_t)1 << bits / 2) - 1;
    ho_philox(seed, stream, 0, p.keys);
    ho_philox(seed, stream, 1, p.keys + 4);
    return p;
}

/* So many numbers go through the rounds side by side, since none waits for another. */
#define AT_ONCE 8

/* Each round changes one half by a function of the other, so it can be undone: a permutation of 0..2^bits-1. */
static inline void go_round(const ho_permutation *p, uint64_t *i, const int count)
{
    uint64_t low[AT_ONCE], high[AT_ONCE];
    for (int j = 0; j < count; j++) {
        low[j] = i[j] & p->low_mask;
        high[j] = i[j] >> p->low_bits;
    }
    for (int round = 0; round < 8; round += 2) {
        for (int j = 0; j < count; j++)
            low[j] ^= mix((uint64_t)p->keys[round] << 32 | high[j]) & p->low_mask;
        for (int j = 0; j < count; j++)
            high[j] ^= mix((uint64_t)p->keys[round + 1] << 32 | low[j]) & p->high_mask;
    }
    for (int j = 0; j < count; j++)
        i[j] = high[j] << p->low_bits | low[j];
}

/* Walking on from whatever falls outside 0..n-1 makes it a permutation of 0..n-1; fewer than half fall outside. */
static uint64_t walked_inside(const ho_permutation *p, uint64_t i)
{
    while (i >= p->n)
        go_round(p, &i, 1);
    return i;
}

uint64_t ho_permuted(const ho_permutation *p, uint64_t i)
{
    if (p->n < 2 || i >= p->n)
        return i;
    go_round(p, &i, 1);
    return walked_inside(p, i);
}

void ho_permuted_run(const ho_permutation *p, int64_t first, int64_t count, int64_t *to)
{
    for (int64_t k = 0; k < count; k += AT_ONCE) {
        uint64_t i[AT_ONCE];
        for (int j = 0; j < AT_ONCE; j++)
            i[j] = (uint64_t)(first + k + j);
        go_round(p, i, AT_ONCE);
        for (int j = 0; j < AT_ONCE && k + j < count; j++)
            to[k + j] = (int64_t)walked_inside(p, i[j]);
    }
}

uint64_t ho_permute(uint64_t seed, uint64_t stream, uint64_t n, uint64_t i)
{
    const ho_permutation p = ho_permutation_of(seed, stream, n);
    return ho_permuted(&p, i);
}
