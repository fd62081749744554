/*
 * Part of kernels.inc.h: products with few columns, for which the packing and the wide tiles of a BLAS do not pay.
 * These keep a tile of ROWS x 2 vectors in registers. Each entry is one chain of fused multiply-adds over k, in
 * whatever tile it lies.
 */
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define VECTOR_BYTES 32
#define ROWS         6
#if REAL_IS_F32
#define MULTIPLY_ADD(a, b, c) _mm256_fmadd_ps(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) _mm256_fmadd_pd(a, b, c)
#endif
#else
#define VECTOR_BYTES          16
#define ROWS                  4
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

typedef REAL vector __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef REAL loose __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

#define LANES ((int64_t)(VECTOR_BYTES / sizeof(REAL)))
#define PANEL (2 * LANES)
/* Rows of b used at a time: a panel of them stays in the second-level cache. */
#define DEPTH ((int64_t)2048)
/* The most columns, with those of a batch side by side. */
#define COLUMNS_MOST (4 * HO_NARROW)

/* If a is the same for the whole batch, the columns of all its members are treated as one matrix. */
static bool joins_batch(const ho_product *p)
{
    return p->batch > 1 && p->a.step == 0;
}

/* Rows of b can be read in place, a whole panel at a time: lanes past the end of a row belong to the next row and to no
 * result. Only the last rows, past which nothing may be read, go through the packing space. */
static bool reads_in_place(const ho_product *p)
{
    return !joins_batch(p) && p->b.column == 1 && p->n <= PANEL;
}

/* If a is stored by long columns, vectors go down these instead: c' = b' @ a'. Reading it by rows would touch a cache
 * line for each entry. */
static bool goes_down(const ho_product *p)
{
    return p->a.row == 1 && p->a.column > 2 * PANEL;
}

static int64_t depth_of(const ho_product *p)
{
    int64_t most = goes_down(p) ? DEPTH / 8 : DEPTH;
    return p->k < most ? p->k : most;
}

static int64_t last_rows(const ho_product *p)
{
    int64_t rows = (PANEL + p->b.row - 1) / p->b.row;
    return rows < p->k ? rows : p->k;
}

static int64_t panels(const ho_product *p)
{
    int64_t columns = joins_batch(p) ? p->n * p->batch : p->n;
    return (columns + PANEL - 1) / PANEL;
}

static int64_t pack_size(const ho_product *p)
{
    if (p->n > HO_NARROW || panels(p) * PANEL > COLUMNS_MOST)
        return -1;
    if (goes_down(p))
        return PANEL * depth_of(p);
    return panels(p) * PANEL * (reads_in_place(p) ? last_rows(p) : depth_of(p));
}

/* Some rows of b; `row` is the stride between them. */
typedef struct rows_of_b {
    const REAL *first;
    int64_t row, depth;
} rows_of_b;

/* tile (+)= a (rows x depth) @ (b, then rest), a panel wide. */
static inline __attribute__((always_inline)) void multiply(const int rows, const REAL *a, int64_t row, int64_t column,
                                                           rows_of_b b, rows_of_b rest, REAL *tile, bool add)
{
    vector sum[ROWS][2];
    const REAL *line[ROWS];
    for (int r = 0; r < rows; r++) {
        line[r] = a + r * row;
        for (int v = 0; v < 2; v++)
            sum[r][v] = add ? *(const vector *)(tile + r * PANEL + v * LANES) : (vector){0};
    }
    for (int64_t at = 0;;) {
        for (int64_t k = 0; k < b.depth; k++, at += column) {
            vector b0 = *(const loose *)b.first, b1 = *(const loose *)(b.first + LANES);
            b.first += b.row;
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                vector x = line[r][at] - (vector){0};
                sum[r][0] = MULTIPLY_ADD(x, b0, sum[r][0]);
                sum[r][1] = MULTIPLY_ADD(x, b1, sum[r][1]);
            }
        }
        if (rest.depth == 0)
            break;
        b = rest;
        rest.depth = 0;
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < 2; v++)
            *(vector *)(tile + r * PANEL + v * LANES) = sum[r][v];
}

static void multiply_rows(int64_t rows, const REAL *a, int64_t row, int64_t column, rows_of_b b, rows_of_b rest,
                          REAL *tile, bool add)
{
    switch (rows) {
    case 1:
        multiply(1, a, row, column, b, rest, tile, add);
        break;
    case 2:
        multiply(2, a, row, column, b, rest, tile, add);
        break;
    case 3:
        multiply(3, a, row, column, b, rest, tile, add);
        break;
    case 4:
        multiply(4, a, row, column, b, rest, tile, add);
        break;
#if ROWS > 4
    case 5:
        multiply(5, a, row, column, b, rest, tile, add);
        break;
    default:
        multiply(6, a, row, column, b, rest, tile, add);
        break;
#endif
    }
}

typedef struct narrow {
    const ho_product *p;
    const REAL *a, *b;
    REAL *c, *pack;
    int64_t joined; /* members of the batch treated as one */
    int64_t columns;
} narrow;

/* At most a panel of entries: whole vectors, then 4, 2 and 1, sizes that the compiler knows. */
static inline void copy_row(REAL *to, const REAL *from, int64_t n)
{
    for (; n >= LANES; n -= LANES, to += LANES, from += LANES)
        memcpy(to, from, VECTOR_BYTES);
    if (n & 4) {
        memcpy(to, from, 4 * sizeof *to);
        to += 4;
        from += 4;
    }
    if (n & 2) {
        memcpy(to, from, 2 * sizeof *to);
        to += 2;
        from += 2;
    }
    if (n & 1)
        *to = *from;
}

/* Rows k0 .. k0+depth-1 of b as panels of PANEL columns, zeros beyond the last. */
static void pack(const narrow *w, int64_t k0, int64_t depth)
{
    const ho_product *p = w->p;
    memset(w->pack + (panels(p) - 1) * PANEL * depth, 0, (size_t)(PANEL * depth) * sizeof *w->pack);
    for (int64_t j = 0; j < w->columns;) {
        int64_t g = j / p->n, start = j % p->n, n = p->n - start, room = PANEL - j % PANEL;
        n = n < room ? n : room;
        const REAL *from = w->b + g * p->b.step + k0 * p->b.row + start * p->b.column;
        REAL *to = w->pack + j / PANEL * PANEL * depth + j % PANEL;
        for (int64_t k = 0; k < depth; k++, from += p->b.row, to += PANEL) {
            if (p->b.column == 1)
                copy_row(to, from, n);
            else
                for (int64_t i = 0; i < n; i++)
                    to[i] = from[i * p->b.column];
        }
        j += n;
    }
}

/* Copies the columns of a tile to or from c, in which the members of the batch lie apart. */
static void move_tile(const narrow *w, REAL *tile, int64_t i0, int64_t rows, int64_t j0, bool out)
{
    const ho_product *p = w->p;
    int64_t width = w->columns - j0 < PANEL ? w->columns - j0 : PANEL;
    for (int64_t j = 0; j < width;) {
        int64_t g = (j0 + j) / p->n, start = (j0 + j) % p->n;
        int64_t n = p->n - start < width - j ? p->n - start : width - j;
        REAL *c = w->c + g * p->c.step + i0 * p->c.row + start;
        REAL *t = tile + j;
        for (int64_t r = 0; r < rows; r++, c += p->c.row, t += PANEL)
            copy_row(out ? c : t, out ? t : c, n);
        j += n;
    }
}

/* Tiles of rows times a panel of columns: first the `direct` rows of b, then the `packed` ones. */
static void run_across(const narrow *w)
{
    const ho_product *p = w->p;
    REAL tile[ROWS * PANEL] __attribute__((aligned(VECTOR_BYTES)));
    int64_t depth = depth_of(p), tiles = (p->m + ROWS - 1) / ROWS;
    for (int64_t k0 = 0; k0 < p->k; k0 += depth) {
        int64_t end = k0 + depth < p->k ? k0 + depth : p->k, pack_from = reads_in_place(p) ? p->k - last_rows(p) : k0;
        pack_from = pack_from < k0 ? k0 : pack_from < end ? pack_from : end;
        pack(w, pack_from, end - pack_from);
        rows_of_b direct = {w->b + k0 * p->b.row, p->b.row, pack_from - k0};
        for (int64_t i0 = 0, t = tiles; t > 0; t--) {
            int64_t rows = (p->m - i0 + t - 1) / t; /* tiles of nearly equal size */
            const REAL *a = w->a + i0 * p->a.row + k0 * p->a.column;
            for (int64_t j0 = 0; j0 < w->columns; j0 += PANEL) {
                rows_of_b packed = {w->pack + j0 * (end - pack_from), PANEL, end - pack_from};
                if (k0 > 0)
                    move_tile(w, tile, i0, rows, j0, false);
                multiply_rows(rows, a, p->a.row, p->a.column, direct, packed, tile, k0 > 0);
                move_tile(w, tile, i0, rows, j0, true);
            }
            i0 += rows;
        }
    }
}

/* Rows k0 .. k0+depth-1 of the last, partial panel of a'; the packing space is zero beyond them. */
static rows_of_b pack_last(const narrow *w, int64_t i0, int64_t k0, int64_t depth)
{
    const REAL *from = w->a + i0 + k0 * w->p->a.column;
    for (int64_t k = 0; k < depth; k++, from += w->p->a.column)
        copy_row(w->pack + k * PANEL, from, w->p->m - i0);
    return (rows_of_b){w->pack, PANEL, depth};
}

/* tile (+)= the columns of b, as rows, against a panel of a'. */
static void multiply_columns(const narrow *w, int64_t k0, rows_of_b panel, REAL *tile)
{
    const ho_product *p = w->p;
    const rows_of_b none = {NULL, 0, 0};
    for (int64_t g = 0; g < w->joined; g++) {
        const REAL *b = w->b + g * p->b.step + k0 * p->b.row;
        for (int64_t j0 = 0, t = (p->n + ROWS - 1) / ROWS; t > 0; t--) {
            int64_t columns = (p->n - j0 + t - 1) / t;
            multiply_rows(columns, b + j0 * p->b.column, p->b.column, p->b.row, panel, none, tile, k0 > 0);
            tile += columns * PANEL;
            j0 += columns;
        }
    }
}

typedef REAL quad __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

/* Transposes four entries of four lines of the tile into four rows of c. */
static inline void turn_quads(REAL *c, int64_t row, const REAL *tile)
{
    quad a = *(const quad *)tile, b = *(const quad *)(tile + PANEL);
    quad d = *(const quad *)(tile + 2 * PANEL), e = *(const quad *)(tile + 3 * PANEL);
    quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), de = __builtin_shufflevector(d, e, 0, 4, 1, 5);
    *(quad *)c = __builtin_shufflevector(ab, de, 0, 1, 4, 5);
    *(quad *)(c + row) = __builtin_shufflevector(ab, de, 2, 3, 6, 7);
    ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    de = __builtin_shufflevector(d, e, 2, 6, 3, 7);
    *(quad *)(c + 2 * row) = __builtin_shufflevector(ab, de, 0, 1, 4, 5);
    *(quad *)(c + 3 * row) = __builtin_shufflevector(ab, de, 2, 3, 6, 7);
}

/* c (rows x n) = the transpose of the first `rows` lanes of n lines of the tile. */
static void turn_tile(REAL *c, int64_t row, const REAL *tile, int64_t rows, int64_t n)
{
    int64_t i = 0;
    for (; i + 4 <= rows && n >= 4; i += 4) {
        for (int64_t j = 0; j < n; j += 4) {
            int64_t at = j + 4 <= n ? j : n - 4; /* the last four overlap the previous ones */
            turn_quads(c + i * row + at, row, tile + at * PANEL + i);
        }
    }
    for (; i < rows; i++)
        for (int64_t j = 0; j < n; j++)
            c[i * row + j] = tile[j * PANEL + i];
}

static void run_down(const narrow *w)
{
    const ho_product *p = w->p;
    REAL tile[COLUMNS_MOST * PANEL] __attribute__((aligned(VECTOR_BYTES)));
    int64_t depth = depth_of(p);
    memset(w->pack, 0, (size_t)(PANEL * depth) * sizeof *w->pack);
    for (int64_t i0 = 0; i0 < p->m; i0 += PANEL) {
        int64_t rows = p->m - i0 < PANEL ? p->m - i0 : PANEL;
        for (int64_t k0 = 0; k0 < p->k; k0 += depth) {
            int64_t some = p->k - k0 < depth ? p->k - k0 : depth;
            rows_of_b panel = {w->a + i0 + k0 * p->a.column, p->a.column, some};
            multiply_columns(w, k0, rows < PANEL ? pack_last(w, i0, k0, some) : panel, tile);
        }
        for (int64_t g = 0; g < w->joined; g++)
            turn_tile(w->c + g * p->c.step + i0 * p->c.row, p->c.row, tile + g * p->n * PANEL, rows, p->n);
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
        (goes_down(p) ? run_down : run_across)(&w);
    }
}
