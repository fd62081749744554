/*
 * Part of kernels.inc.h: vectors, and products of tiles, which all products of matrices are made of.
 */
#if defined(__AVX512F__)
#define VECTOR_BYTES          64
#define ROWS                  10
#define DOT_ROWS              4
#define DOT_COLUMNS           5
#define MULTIPLY_ADD(a, b, c) JOIN(_mm512_fmadd_, SUFFIX, )(a, b, c)
#elif defined(__AVX2__)
#define VECTOR_BYTES          32
#define ROWS                  6
#define DOT_ROWS              3
#define DOT_COLUMNS           4
#define MULTIPLY_ADD(a, b, c) JOIN(_mm256_fmadd_, SUFFIX, )(a, b, c)
#else
#define VECTOR_BYTES          16
#define ROWS                  4
#define DOT_ROWS              3
#define DOT_COLUMNS           2
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif
#if REAL_IS_F32
#define SUFFIX  ps
#define INTEGER int32_t
#else
#define SUFFIX  pd
#define INTEGER int64_t
#endif

typedef REAL vector __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef REAL loose __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
typedef INTEGER bits __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef INTEGER loose_bits __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(INTEGER)), may_alias));
typedef REAL quad __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

/* Groups of four lanes in a vector (0: there are only two lanes), and shuffles of two vectors group by group. */
#define QUADS (VECTOR_BYTES / (REAL_IS_F32 ? 16 : 32))
#if QUADS == 4
#define SHUFFLE(a, b, of) __builtin_shufflevector(a, b, of(0, 16), of(4, 20), of(8, 24), of(12, 28))
#elif QUADS == 2
#define SHUFFLE(a, b, of) __builtin_shufflevector(a, b, of(0, 8), of(4, 12))
#elif QUADS == 1
#define SHUFFLE(a, b, of) __builtin_shufflevector(a, b, of(0, 4))
#endif
#define LOW_ENTRIES(i, j)  i, j, i + 1, j + 1
#define HIGH_ENTRIES(i, j) i + 2, j + 2, i + 3, j + 3
#define LOW_PAIRS(i, j)    i, i + 1, j, j + 1
#define HIGH_PAIRS(i, j)   i + 2, i + 3, j + 2, j + 3

#define UNROLL     _Pragma("GCC unroll 20")
#define LANES      ((int64_t)(VECTOR_BYTES / sizeof(REAL)))
#define PANEL      (2 * LANES)
#define CACHE_LINE 64
/* Where to fetch ahead to, for the compiler; and how far along rows. */
#define IN_SECOND_CACHE 2
#define FETCHED         ((int64_t)(256 * 1024 / sizeof(REAL)))

static int64_t rounded_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* ---- rearranging ----------------------------------------------------------------------------------------------- */

/* At most a few vectors: whole ones, then sizes that the compiler knows. */
INLINE void copy_row(REAL *to, const REAL *from, int64_t n)
{
    for (; n >= LANES; n -= LANES, to += LANES, from += LANES)
        memcpy(to, from, VECTOR_BYTES);
    UNROLL
    for (int64_t some = 8; some > 0; some /= 2) {
        if (n & some) {
            memcpy(to, from, (size_t)some * sizeof *to);
            to += some;
            from += some;
        }
    }
}

INLINE vector at(const REAL *first)
{
    return *(const loose *)first;
}

INLINE quad quad_of(vector v, const int q)
{
    union {
        vector v;
        quad quads[(LANES + 3) / 4];
    } all = {v};
    return all.quads[q];
}

/* How many rows are turned at a time. */
#define TURNED (QUADS ? LANES : 4)

#if QUADS
/* TURNED quads, `column` apart, of which every fourth goes into one vector. */
INLINE vector from_quads(const REAL *from, int64_t column)
{
#define QUAD(q) (*(const quad *)(from + 4 * (q)*column))
#if QUADS == 4
    return __builtin_shufflevector(__builtin_shufflevector(QUAD(0), QUAD(1), 0, 1, 2, 3, 4, 5, 6, 7),
                                   __builtin_shufflevector(QUAD(2), QUAD(3), 0, 1, 2, 3, 4, 5, 6, 7), 0, 1, 2, 3, 4, 5,
                                   6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#elif QUADS == 2
    return __builtin_shufflevector(QUAD(0), QUAD(1), 0, 1, 2, 3, 4, 5, 6, 7);
#else
    return at(from + 0 * column);
#endif
}

/* Transposes the 4 x 4 squares of the groups of four lanes. */
INLINE void turn_squares(vector rows[4])
{
    const vector a = rows[0], b = rows[1], d = rows[2], e = rows[3];
    vector ab = SHUFFLE(a, b, LOW_ENTRIES), de = SHUFFLE(d, e, LOW_ENTRIES);
    rows[0] = SHUFFLE(ab, de, LOW_PAIRS);
    rows[1] = SHUFFLE(ab, de, HIGH_PAIRS);
    ab = SHUFFLE(a, b, HIGH_ENTRIES);
    de = SHUFFLE(d, e, HIGH_ENTRIES);
    rows[2] = SHUFFLE(ab, de, LOW_PAIRS);
    rows[3] = SHUFFLE(ab, de, HIGH_PAIRS);
}

/* Four rows of TURNED entries, from columns of four that are `column` apart. */
INLINE void turn_wide(REAL *to, int64_t row, const REAL *from, int64_t column)
{
    vector rows[4];
    UNROLL
    for (int r = 0; r < 4; r++)
        rows[r] = from_quads(from + r * column, column);
    turn_squares(rows);
    UNROLL
    for (int r = 0; r < 4; r++)
        *(loose *)(to + r * row) = rows[r];
}
#endif

/* Rows of four entries, from four columns that are `column` apart. */
INLINE void turn(REAL *to, int64_t row, const REAL *from, int64_t column)
{
#if QUADS
    vector rows[4] = {at(from), at(from + column), at(from + 2 * column), at(from + 3 * column)};
    turn_squares(rows);
    UNROLL
    for (int q = 0; q < QUADS; q++)
        UNROLL
    for (int r = 0; r < 4; r++)
        *(quad *)(to + (4 * q + r) * row) = quad_of(rows[r], q);
#else
    for (int r = 0; r < 4; r++)
        for (int j = 0; j < 4; j++)
            to[r * row + j] = from[r + j * column];
#endif
}

/* to[i * to_row + j] = from[i * row + j * column], for i < m and j < n; row or column is 1. */
static void arrange(REAL *to, int64_t to_row, const REAL *from, int64_t row, int64_t column, int64_t m, int64_t n)
{
    if (column == 1) {
        for (int64_t i = 0; i < m; i++)
            copy_row(to + i * to_row, from + i * row, n);
    } else if (row == 1 && m >= TURNED && n >= 4) {
        for (int64_t i0 = 0; i0 < m; i0 += TURNED) { /* the last ones may overlap the previous ones */
            int64_t i = least_of(i0, m - TURNED);
            for (int64_t j0 = 0; j0 < n; j0 += 4) {
                int64_t j = least_of(j0, n - 4);
                turn(to + i * to_row + j, to_row, from + i + j * column, column);
            }
        }
#if QUADS
    } else if (row == 1 && m >= 4 && n >= TURNED) {
        for (int64_t i0 = 0; i0 < m; i0 += 4) {
            int64_t i = least_of(i0, m - 4);
            for (int64_t j0 = 0; j0 < n; j0 += TURNED) {
                int64_t j = least_of(j0, n - TURNED);
                turn_wide(to + i * to_row + j, to_row, from + i + j * column, column);
            }
        }
#endif
    } else {
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                to[i * to_row + j] = from[i * row + j * column];
    }
}

/* ---- tiles ----------------------------------------------------------------------------------------------------- */

/* Some product (rows, depth) @ (depth, vectors). Rows or columns of a are contiguous; the vectors of b are `b_row`
 * apart. */
typedef struct factors {
    const REAL *a;
    int64_t row, column; /* one of them is 1 */
    const REAL *b;
    int64_t b_row, depth, ahead; /* ahead: how far to fetch b ahead, where columns of a are; 0: it is in a cache */
} factors;

/* c (+)= a @ b. Columns of a take one pointer, rows one each, which the compiler would not have registers for. */
INLINE void multiply(const int rows, const int vectors, const bool columns, const bool fetches, const factors *f,
                     REAL *c, int64_t c_row, bool add)
{
    vector sum[ROWS][2];
    const REAL *line[ROWS], *a = f->a, *b = f->b;
    UNROLL
    for (int r = 0; r < rows; r++) {
        line[r] = a + r * f->row;
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = (vector){0};
    }
    for (int64_t k = 0; k < f->depth; k++, a += f->column, b += f->b_row) {
        vector y[2];
        UNROLL
        for (int v = 0; v < vectors; v++) {
            y[v] = at(b + v * LANES);
            if (fetches && v * VECTOR_BYTES % CACHE_LINE == 0)
                __builtin_prefetch(b + f->ahead + v * LANES, 0, IN_SECOND_CACHE);
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            vector x = (columns ? a[r] : line[r][k]) - (vector){0};
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] = MULTIPLY_ADD(x, y[v], sum[r][v]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int v = 0; v < vectors; v++) {
        REAL *to = c + r * c_row + v * LANES;
        *(loose *)to = sum[r][v] + (add ? at(to) : (vector){0});
    }
}

static void multiply_tile(int64_t rows, int64_t vectors, const factors *f, REAL *c, int64_t c_row, bool add)
{
    const bool columns = f->row == 1;
    switch (rows + ROWS * (vectors - 1 + (columns ? 2 : 0) + (f->ahead ? 1 : 0))) {
#define TILE(rows)                                         \
    case rows:                                             \
        multiply(rows, 1, false, false, f, c, c_row, add); \
        return;                                            \
    case ROWS + (rows):                                    \
        multiply(rows, 2, false, false, f, c, c_row, add); \
        return;                                            \
    case 2 * ROWS + (rows):                                \
        multiply(rows, 1, true, false, f, c, c_row, add);  \
        return;                                            \
    case 3 * ROWS + (rows):                                \
        multiply(rows, 2, true, false, f, c, c_row, add);  \
        return;                                            \
    case 4 * ROWS + (rows):                                \
        multiply(rows, 2, true, true, f, c, c_row, add);   \
        return;
        TILE(1)
        TILE(2)
        TILE(3)
        TILE(4)
#if ROWS > 4
        TILE(5)
        TILE(6)
#endif
#if ROWS > 6
        TILE(7)
        TILE(8)
        TILE(9)
        TILE(10)
#endif
#undef TILE
    default: /* there are no more */
        return;
    }
}

/* A tile of n columns, where n may be no whole number of vectors. `spills`: what is written behind the last column is
 * overwritten later. */
INLINE void multiply_columns(int64_t rows, int64_t n, const factors *f, REAL *c, int64_t c_row, bool add, bool spills)
{
    const int64_t vectors = n > LANES ? 2 : 1, width = vectors * LANES;
    REAL tile[ROWS * PANEL] __attribute__((aligned(VECTOR_BYTES)));
    if (n == width || spills) {
        multiply_tile(rows, vectors, f, c, c_row, add);
        return;
    }
    if (add)
        arrange(tile, width, c, c_row, 1, rows, n);
    multiply_tile(rows, vectors, f, tile, width, add);
    arrange(c, c_row, tile, width, 1, rows, n);
}

/* The sums of the lanes of four vectors. */
INLINE quad sums_of_lanes(vector a, vector b, vector d, vector e)
{
#if QUADS
    vector ab = SHUFFLE(a, b, LOW_ENTRIES) + SHUFFLE(a, b, HIGH_ENTRIES);
    vector de = SHUFFLE(d, e, LOW_ENTRIES) + SHUFFLE(d, e, HIGH_ENTRIES);
    vector all = SHUFFLE(ab, de, LOW_PAIRS) + SHUFFLE(ab, de, HIGH_PAIRS);
#if QUADS == 4
    return (quad_of(all, 0) + quad_of(all, 2)) + (quad_of(all, 1) + quad_of(all, 3));
#elif QUADS == 2
    return quad_of(all, 0) + quad_of(all, 1);
#else
    return quad_of(all, 0);
#endif
#else
    return (quad){a[0] + a[1], b[0] + b[1], d[0] + d[1], e[0] + e[1]};
#endif
}

/* v with zeros in the first n lanes. */
INLINE vector zero_first(vector v, int64_t n)
{
    static const INTEGER masks[2 * LANES] = {[LANES... 2 * LANES - 1] = -1};
    return (vector)((bits)v & *(const loose_bits *)(masks + LANES - n));
}

/* Some rows of a, `row` apart, from some k on; the same k of some columns of b, a vector of each beside one another and
 * `step` between vectors of one column; and where the columns of c are. */
typedef struct rows_along {
    const REAL *a;
    int64_t row, depth;
    const REAL *b;
    int64_t step;
    REAL *c;
    const int64_t *at;
    int64_t c_row;
} rows_along;

/* c (+)= the dot products of some rows and columns. */
INLINE void dot(const int rows, const int columns, const rows_along *d, bool add)
{
    vector sum[DOT_ROWS * DOT_COLUMNS], x[DOT_ROWS];
    const vector none = {0};
    const REAL *b = d->b, *a = d->a;
    const int64_t row = d->row, whole = d->depth / LANES * LANES;
    UNROLL
    for (int i = 0; i < rows * columns; i++)
        sum[i] = none;
    for (int64_t k = 0; k < d->depth; k += LANES, b += d->step) {
        UNROLL
        for (int r = 0; r < rows; r++) {
            x[r] = at(a + r * row + (k < whole ? k : d->depth - LANES));
            if (k >= whole)
                x[r] = zero_first(x[r], LANES - (d->depth - k));
        }
        UNROLL
        for (int j = 0; j < columns; j++) {
            vector y = at(b + j * LANES);
            UNROLL
            for (int r = 0; r < rows; r++)
                sum[r * columns + j] = MULTIPLY_ADD(x[r], y, sum[r * columns + j]);
        }
    }
    REAL sums[DOT_ROWS * DOT_COLUMNS + 3];
    UNROLL
    for (int i = 0; i < rows * columns; i += 4)
        *(quad *)(sums + i) =
            sums_of_lanes(sum[i], i + 1 < rows * columns ? sum[i + 1] : none,
                          i + 2 < rows * columns ? sum[i + 2] : none, i + 3 < rows * columns ? sum[i + 3] : none);
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int j = 0; j < columns; j++) {
            REAL *c = d->c + r * d->c_row + d->at[j], value = sums[r * columns + j];
            *c = add ? *c + value : value;
        }
    }
}

static void dot_tile(int64_t rows, int64_t columns, const rows_along *d, bool add)
{
    switch (rows * (DOT_COLUMNS + 1) + columns) {
#define TILE(rows, columns)                      \
    case (rows) * (DOT_COLUMNS + 1) + (columns): \
        dot(rows, columns, d, add);              \
        return;
#if DOT_ROWS == 4
#define TILES(columns) TILE(1, columns) TILE(2, columns) TILE(3, columns) TILE(4, columns)
#else
#define TILES(columns) TILE(1, columns) TILE(2, columns) TILE(3, columns)
#endif
        TILES(1)
        TILES(2)
#if DOT_COLUMNS > 2
        TILES(3)
        TILES(4)
#endif
#if DOT_COLUMNS > 4
        TILES(5)
#endif
#undef TILES
#undef TILE
    default: /* there are no more */
        return;
    }
}
