/*
 * Part of kernels.inc.h: products with few columns, for which the packing and the wide tiles of a BLAS do not pay. The
 * lanes of a vector are used in one of three ways, which depends on the sizes and on how a is stored, and on nothing
 * else: the same product has the same bits in every plan.
 *
 *   along    a has long rows, and n fills lanes badly: each entry of c is a dot product, a vector of k at a time
 *   down     a is stored by long columns, and n fills lanes badly or k is long: vectors go down these, c' = b' @ a'
 *   across   otherwise: vectors go along the rows of b
 *
 * Down and across, each entry is one chain of multiply-adds over k. All keep a tile of c in registers.
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
/* How much of k is dealt with at a time: what is read of b stays in the first-level cache, or down the columns what is
 * read of a in the second. */
#define ALONG_DEPTH  ((int64_t)(4096 / sizeof(REAL)))
#define DOWN_DEPTH   ((int64_t)(512 / sizeof(REAL)))
#define ACROSS_DEPTH ((int64_t)(2048 / sizeof(REAL)))
/* Members of a batch with the same a are treated as one matrix of at most so many columns. */
#define COLUMNS_MOST ((int64_t)128)

static int64_t rounded_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* Whether a good part of the lanes would be idle across. */
static bool fills_badly(const ho_product *p)
{
    return 8 * p->n < 7 * rounded_up(p->n, LANES);
}

static bool goes_down(const ho_product *p)
{
    return p->a.row == 1 && p->a.column > PANEL && p->m >= PANEL && (fills_badly(p) || p->k > DOWN_DEPTH);
}

static bool goes_along(const ho_product *p)
{
    return p->a.column == 1 && p->k >= 8 * LANES && fills_badly(p);
}

static int64_t joined_members(const ho_product *p)
{
    bool joins = p->a.step == 0 && (goes_down(p) || goes_along(p));
    int64_t most = COLUMNS_MOST / p->n;
    return !joins ? 1 : p->batch < most ? p->batch : most;
}

/* Of what all workers read, and of what each has to itself. */
static int64_t narrow_pack(const ho_product *p)
{
    const int64_t columns = joined_members(p) * p->n;
    if (goes_down(p))
        return p->k > DOWN_DEPTH ? columns * rounded_up(p->m, PANEL) : 0;
    return goes_along(p) ? columns * rounded_up(p->k, LANES) : 0;
}

static int64_t narrow_scratch(const ho_product *p)
{
    const int64_t columns = joined_members(p) * p->n;
    if (goes_down(p))
        return columns * (PANEL + least_of(p->k, DOWN_DEPTH));
    return goes_along(p) ? 0 : least_of(p->k, ACROSS_DEPTH) * PANEL;
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

/* Some product (rows, depth) @ (depth, vectors), with the entries of a anywhere and the vectors of b `b_row` apart. */
typedef struct factors {
    const REAL *a;
    int64_t row, column;
    const REAL *b;
    int64_t b_row, depth, ahead; /* ahead: how far to fetch b ahead; 0: it is in a cache */
} factors;

/* c (+)= a @ b. */
INLINE void multiply(const int rows, const int vectors, const bool fetches, const factors *f, REAL *c, int64_t c_row,
                     bool add)
{
    vector sum[ROWS][2];
    const REAL *line[ROWS], *b = f->b;
    UNROLL
    for (int r = 0; r < rows; r++) {
        line[r] = f->a + r * f->row;
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = add ? at(c + r * c_row + v * LANES) : (vector){0};
    }
    for (int64_t k = 0, i = 0; k < f->depth; k++, i += f->column, b += f->b_row) {
        vector y[2];
        UNROLL
        for (int v = 0; v < vectors; v++) {
            y[v] = at(b + v * LANES);
            if (fetches && v * VECTOR_BYTES % CACHE_LINE == 0)
                __builtin_prefetch(b + f->ahead + v * LANES, 0, IN_SECOND_CACHE);
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            vector x = line[r][i] - (vector){0};
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] = MULTIPLY_ADD(x, y[v], sum[r][v]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int v = 0; v < vectors; v++)
        *(loose *)(c + r * c_row + v * LANES) = sum[r][v];
}

static void multiply_tile(int64_t rows, int64_t vectors, const factors *f, REAL *c, int64_t c_row, bool add)
{
    switch (rows + ROWS * (vectors == 1 ? 0 : f->ahead == 0 ? 1 : 2)) {
#define TILE(rows)                                  \
    case rows:                                      \
        multiply(rows, 1, false, f, c, c_row, add); \
        return;                                     \
    case ROWS + (rows):                             \
        multiply(rows, 2, false, f, c, c_row, add); \
        return;                                     \
    case 2 * ROWS + (rows):                         \
        multiply(rows, 2, true, f, c, c_row, add);  \
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

/* ---- products -------------------------------------------------------------------------------------------------- */

typedef struct narrow {
    const ho_product *p;
    const REAL *a, *b;
    REAL *c, *pack;
    int64_t members, columns; /* of the batch, treated as one */
    const ho_worker *worker;
} narrow;

static const REAL *b_of(const narrow *w, int64_t member, int64_t k)
{
    return w->b + member * w->p->b.step + k * w->p->b.row;
}

/* The size of the next of `parts` parts of nearly equal size. */
static int64_t even_part(int64_t left, int64_t parts)
{
    return (left + parts - 1) / parts;
}

/* Vectors of the columns of b, side by side; each worker packs some. */
static void pack_along(const narrow *w)
{
    const ho_product *p = w->p;
    const int64_t vectors = rounded_up(p->k, LANES) / LANES, end = share_end(w->worker, vectors);
    for (int64_t v = share_start(w->worker, vectors); v < end; v++) {
        const int64_t k = v * LANES, some = least_of(p->k - k, LANES);
        REAL *to = w->pack + k * w->columns;
        if (some < LANES)
            memset(to, 0, (size_t)(w->columns * LANES) * sizeof *to);
        for (int64_t g = 0; g < w->members; g++)
            arrange(to + g * p->n * LANES + LANES - some, LANES, b_of(w, g, k), p->b.column, p->b.row, p->n, some);
    }
    ho_worker_wait(w->worker);
}

static void fetch_row(const REAL *row, int64_t n)
{
    for (int64_t k = 0; k < n; k += CACHE_LINE / (int64_t)sizeof *row)
        __builtin_prefetch(row + k, 0, IN_SECOND_CACHE);
}

/* Rows begin .. end-1. What is packed stays for the rows that follow. */
static void run_along(const narrow *w, int64_t begin, int64_t end)
{
    const ho_product *p = w->p;
    const int64_t first = begin + share_start(w->worker, end - begin), last = begin + share_end(w->worker, end - begin);
    /* The first rows of a block have been fetched by the product down the columns of the block before. */
    const int64_t ahead = FETCHED / p->a.row;
    int64_t at[COLUMNS_MOST];
    if (begin == 0)
        pack_along(w);
    for (int64_t j = 0; j < w->columns; j++)
        at[j] = j / p->n * p->c.step + j % p->n;
    for (int64_t k0 = 0; k0 < p->k; k0 += ALONG_DEPTH) {
        rows_along d = {
            .row = p->a.row, .depth = least_of(ALONG_DEPTH, p->k - k0), .step = w->columns * LANES, .c_row = p->c.row};
        for (int64_t i = first, rows, tiles = (last - i + DOT_ROWS - 1) / DOT_ROWS; tiles > 0; tiles--, i += rows) {
            rows = even_part(last - i, tiles);
            d.a = w->a + i * p->a.row + k0;
            d.c = w->c + i * p->c.row;
            for (int64_t j = 0, some, parts = (w->columns + DOT_COLUMNS - 1) / DOT_COLUMNS; parts > 0; parts--) {
                some = even_part(w->columns - j, parts);
                d.b = w->pack + k0 * w->columns + j * LANES;
                d.at = at + j;
                for (int64_t r = j * rows / w->columns; r < (j + some) * rows / w->columns; r++)
                    if (i + r + ahead < last)
                        fetch_row(d.a + (r + ahead) * d.row, d.depth);
                dot_tile(rows, some, &d, k0 > 0);
                j += some;
            }
        }
    }
}

/* Terms first .. last-1 of each sum. A panel of c' is kept from one part of k to the next, if there are several. */
static void run_down(const narrow *w, int64_t first, int64_t last)
{
    const ho_product *p = w->p;
    const int64_t tile_size = w->columns * PANEL, panels = rounded_up(p->m, PANEL) / PANEL;
    REAL *own = w->worker->temps, *b = own + tile_size;
    for (int64_t k0 = first; k0 < last; k0 += DOWN_DEPTH) {
        factors f = {.row = 1, .column = w->columns, .b_row = p->a.column, .depth = least_of(DOWN_DEPTH, p->k - k0)};
        f.ahead = p->k > DOWN_DEPTH ? DOWN_DEPTH * f.b_row : 0; /* the next part */
        for (int64_t g = 0; g < w->members; g++)
            arrange(b + g * p->n, w->columns, b_of(w, g, k0), p->b.row, p->b.column, f.depth, p->n);
        for (int64_t v = share_start(w->worker, panels); v < share_end(w->worker, panels); v++) {
            const int64_t i = least_of(v * PANEL, p->m - PANEL);
            REAL *tile = p->k > DOWN_DEPTH ? w->pack + v * tile_size : own;
            f.b = w->a + i + k0 * p->a.column;
            for (int64_t j = 0, some, parts = (w->columns + ROWS - 1) / ROWS; parts > 0; parts--, j += some) {
                some = even_part(w->columns - j, parts);
                f.a = b + j;
                multiply_tile(some, 2, &f, tile + j * PANEL, PANEL, k0 > 0);
            }
            const int64_t others = v * PANEL - i; /* rows that the panel before has too */
            for (int64_t g = 0; g < w->members && k0 + f.depth == p->k; g++)
                arrange(w->c + g * p->c.step + v * PANEL * p->c.row, p->c.row, tile + g * p->n * PANEL + others, 1,
                        PANEL, PANEL - others, p->n);
        }
    }
}

/* How many rows of b the single tile of few rows of a reads where they lie: all but the last ones, beyond whose end
 * whole vectors would go. What lies in the lanes beyond its columns is no matter. */
static int64_t rows_read_in_place(const ho_product *p)
{
    const int64_t beyond = rounded_up(p->n, LANES) - p->n;
    return p->m <= ROWS && p->b.column == 1 ? p->k - least_of(p->k, rounded_up(beyond, p->b.row) / p->b.row) : 0;
}

/* Columns j0 .. j0+n-1 and rows k0 .. k0+depth-1 of b as whole vectors: in place, or packed with zeros beyond. */
static void pack_across(const narrow *w, int64_t j0, int64_t n, int64_t k0, factors *f, int64_t width)
{
    const ho_matrix *b = &w->p->b;
    REAL *own = w->worker->temps;
    f->b = b_of(w, 0, k0) + j0 * b->column;
    f->b_row = b->row;
    if (b->column == 1 && (n == width || k0 < rows_read_in_place(w->p)))
        return;
    if (n < width)
        memset(own, 0, (size_t)(f->depth * width) * sizeof *own);
    arrange(own, width, f->b, b->row, b->column, f->depth, n);
    f->b = own;
    f->b_row = width;
}

static void run_across(const narrow *w)
{
    const ho_product *p = w->p;
    const int64_t first = share_start(w->worker, p->m), last = share_end(w->worker, p->m);
    REAL tile[ROWS * PANEL] __attribute__((aligned(VECTOR_BYTES)));
    const int64_t in_place = rows_read_in_place(p);
    factors f = {.row = p->a.row, .column = p->a.column};
    for (int64_t k0 = 0; k0 < p->k; k0 += f.depth) {
        f.depth = least_of(ACROSS_DEPTH, (k0 < in_place ? in_place : p->k) - k0);
        for (int64_t j = 0; j < p->n; j += PANEL) {
            int64_t n = least_of(p->n - j, PANEL), vectors = n > LANES ? 2 : 1, width = vectors * LANES;
            bool spills = n < width, dense = p->c.row == p->n && p->n <= PANEL && p->k <= ACROSS_DEPTH;
            pack_across(w, j, n, k0, &f, width);
            for (int64_t i = first, rows, tiles = (last - first + ROWS - 1) / ROWS; tiles > 0; tiles--, i += rows) {
                rows = even_part(last - i, tiles);
                f.a = w->a + i * p->a.row + k0 * p->a.column;
                REAL *c = w->c + i * p->c.row + j;
                /* What spills over the end of a row is overwritten by the next ones, if there are any. */
                if (!spills || (dense && (last - i - rows) * n >= PANEL)) {
                    multiply_tile(rows, vectors, &f, c, p->c.row, k0 > 0);
                    continue;
                }
                if (k0 > 0)
                    arrange(tile, width, c, p->c.row, 1, rows, n);
                multiply_tile(rows, vectors, &f, tile, width, k0 > 0);
                arrange(c, p->c.row, tile, width, 1, rows, n);
            }
        }
    }
}

static void run_narrow_product(const ho_product *p, void *const *address, const ho_worker *worker, ho_rows rows)
{
    int64_t joined = joined_members(p);
    for (int64_t g = 0; g < p->batch; g += joined) {
        narrow w = {.p = p, .members = least_of(joined, p->batch - g), .pack = address[p->pack], .worker = worker};
        w.columns = w.members * p->n;
        w.a = (const REAL *)address[p->a.buffer] + p->a.offset + g * p->a.step;
        w.b = (const REAL *)address[p->b.buffer] + p->b.offset + g * p->b.step;
        w.c = (REAL *)address[p->c.buffer] + p->c.offset + g * p->c.step;
        if (g > 0)
            ho_worker_wait(worker); /* others may still read what is packed */
        if (goes_down(p))
            run_down(&w, p->k / rows.of * rows.first, p->k / rows.of * rows.last);
        else if (goes_along(p))
            run_along(&w, p->m / rows.of * rows.first, p->m / rows.of * rows.last);
        else
            run_across(&w);
    }
}
