/*
 * Products with few columns, part of kernels.inc.h. A BLAS pays for packing and for its wide tiles there; these keep a
 * tile of ROWS x 2 vectors in registers. Each entry is one chain of fused multiply-adds over k, whatever tile it lies in.
 */
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define VECTOR_BYTES 32
#define ROWS 6
#if REAL_IS_F32
#define MULTIPLY_ADD(a, b, c) _mm256_fmadd_ps(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) _mm256_fmadd_pd(a, b, c)
#endif
#else
#define VECTOR_BYTES 16
#define ROWS 4
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

typedef REAL vector __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL loose __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL))));

#define LANES ((int64_t)(VECTOR_BYTES / sizeof(REAL)))
#define PANEL (2 * LANES)
/* Rows of b packed at a time: a panel of them stays in the nearest cache. */
#define DEPTH ((int64_t)(16384 / (PANEL * (int64_t)sizeof(REAL))))
#define NARROW 32

/* Columns are those of all the batch side by side where a is the same for all. */
static bool joins_batch(const ho_product *p)
{
    return p->batch > 1 && p->a.step == 0;
}

static int64_t pack_size(const ho_product *p)
{
    int64_t columns = joins_batch(p) ? p->n * p->batch : p->n;
    return p->n <= NARROW && columns <= 4 * NARROW ? (columns + PANEL - 1) / PANEL * PANEL * DEPTH : -1;
}

/* tile (+)= a (rows x depth) @ b (depth x PANEL, packed). */
static inline __attribute__((always_inline)) void multiply(const int rows, const REAL *a, int64_t row, int64_t column,
                                                           const REAL *b, int64_t depth, REAL *tile, bool add)
{
    vector sum[ROWS][2];
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < 2; v++) {
            sum[r][v] = add ? *(const vector *)(tile + r * PANEL + v * LANES) : (vector){0};
        }
    }
    for (int64_t k = 0; k < depth; k++) {
        vector b0 = *(const vector *)b, b1 = *(const vector *)(b + LANES);
        b += PANEL;
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            vector x = a[r * row + k * column] - (vector){0};
            sum[r][0] = MULTIPLY_ADD(x, b0, sum[r][0]);
            sum[r][1] = MULTIPLY_ADD(x, b1, sum[r][1]);
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < 2; v++) {
            *(vector *)(tile + r * PANEL + v * LANES) = sum[r][v];
        }
    }
}

static void multiply_rows(int64_t rows, const REAL *a, int64_t row, int64_t column, const REAL *b, int64_t depth, REAL *tile,
                          bool add)
{
    switch (rows) {
    case 1:
        multiply(1, a, row, column, b, depth, tile, add);
        break;
    case 2:
        multiply(2, a, row, column, b, depth, tile, add);
        break;
    case 3:
        multiply(3, a, row, column, b, depth, tile, add);
        break;
    case 4:
        multiply(4, a, row, column, b, depth, tile, add);
        break;
#if ROWS > 4
    case 5:
        multiply(5, a, row, column, b, depth, tile, add);
        break;
    default:
        multiply(6, a, row, column, b, depth, tile, add);
        break;
#endif
    }
}

typedef struct narrow {
    const ho_product *p;
    const REAL *a, *b;
    REAL *c, *pack;
    int64_t joined; /* members of the batch side by side */
    int64_t columns;
} narrow;

/* Rows k0 .. k0+depth-1 of b as panels of PANEL columns, zeros beyond the last. */
static void pack(const narrow *w, int64_t k0, int64_t depth)
{
    const ho_product *p = w->p;
    int64_t panels = (w->columns + PANEL - 1) / PANEL;
    memset(w->pack + (panels - 1) * PANEL * DEPTH, 0, (size_t)(PANEL * depth) * sizeof *w->pack);
    for (int64_t g = 0, j0 = 0; g < w->joined; g++, j0 += p->n) {
        const REAL *from = w->b + g * p->b.step + k0 * p->b.row;
        for (int64_t j = 0; j < p->n; j++) {
            REAL *to = w->pack + (j0 + j) / PANEL * PANEL * DEPTH + (j0 + j) % PANEL;
            for (int64_t k = 0; k < depth; k++) {
                to[k * PANEL] = from[k * p->b.row + j * p->b.column];
            }
        }
    }
}

/* Copies a tile's columns to or from c, where members of the batch lie apart. */
static void move_tile(const narrow *w, REAL *tile, int64_t i0, int64_t rows, int64_t j0, bool out)
{
    const ho_product *p = w->p;
    int64_t width = w->columns - j0 < PANEL ? w->columns - j0 : PANEL;
    for (int64_t j = 0; j < width;) {
        int64_t g = (j0 + j) / p->n, start = (j0 + j) % p->n;
        int64_t n = p->n - start < width - j ? p->n - start : width - j;
        REAL *c = w->c + g * p->c.step + i0 * p->c.row + start;
        REAL *t = tile + j;
        for (int64_t r = 0; r < rows; r++, c += p->c.row, t += PANEL) {
            REAL *to = out ? c : t;
            const REAL *from = out ? t : c;
            ENTRIES to[i] = from[i];
        }
        j += n;
    }
}

static void run_narrow(const narrow *w)
{
    const ho_product *p = w->p;
    REAL tile[ROWS * PANEL] __attribute__((aligned(VECTOR_BYTES)));
    memset(tile, 0, sizeof tile);
    for (int64_t k0 = 0; k0 < p->k; k0 += DEPTH) {
        int64_t depth = p->k - k0 < DEPTH ? p->k - k0 : DEPTH;
        pack(w, k0, depth);
        for (int64_t i0 = 0; i0 < p->m; i0 += ROWS) {
            int64_t rows = p->m - i0 < ROWS ? p->m - i0 : ROWS;
            const REAL *a = w->a + i0 * p->a.row + k0 * p->a.column;
            for (int64_t j0 = 0; j0 < w->columns; j0 += PANEL) {
                if (k0 > 0) {
                    move_tile(w, tile, i0, rows, j0, false);
                }
                multiply_rows(rows, a, p->a.row, p->a.column, w->pack + j0 * DEPTH, depth, tile, k0 > 0);
                move_tile(w, tile, i0, rows, j0, true);
            }
        }
    }
}

static void run_product(const ho_product *p, void *const *address)
{
    narrow w = {.p = p, .joined = joins_batch(p) ? p->batch : 1, .columns = joins_batch(p) ? p->batch * p->n : p->n};
    w.pack = address[p->pack];
    for (int64_t g = 0; g < p->batch; g += w.joined) {
        w.a = (const REAL *)address[p->a.buffer] + p->a.offset + g * p->a.step;
        w.b = (const REAL *)address[p->b.buffer] + p->b.offset + g * p->b.step;
        w.c = (REAL *)address[p->c.buffer] + p->c.offset + g * p->c.step;
        run_narrow(&w);
    }
}
