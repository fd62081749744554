/*
 * Part of kernels.inc.h: products with few columns, for which the packing and the wide tiles of a BLAS do not pay. The
 * lanes of a vector are used in one of three ways, which depends on the sizes and on how a is stored, and on nothing
 * else: the same product has the same bits in every plan.
 *
 *   along    a has long rows, and n fills lanes badly: each entry of c is a dot product, a vector of k at a time
 *   down     a is stored by long columns, and n fills lanes badly or k is long: vectors go down these, c' = b' @ a'
 *   across   otherwise: vectors go along the rows of b
 *
 * Down and across, each entry is one chain of multiply-adds over each part of k. All keep a tile of c in registers.
 */

/* How much of k is dealt with at a time: what is read of b stays in the first-level cache, or down the columns what is
 * read of a in the second. */
#define ALONG_DEPTH  ((int64_t)(4096 / sizeof(REAL)))
#define DOWN_DEPTH   ((int64_t)(512 / sizeof(REAL)))
#define ACROSS_DEPTH ((int64_t)(2048 / sizeof(REAL)))
/* Members of a batch with the same a are treated as one matrix of at most so many columns. */
#define COLUMNS_MOST ((int64_t)128)

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

/* Parts of k along; of few rows, workers take them rather than rows, so that each reads its own part of b. */
static int64_t along_parts(const ho_product *p)
{
    return even_part(p->k, ALONG_DEPTH);
}

static int64_t along_depth(const ho_product *p)
{
    return rounded_up(even_part(p->k, along_parts(p)), LANES);
}

static int64_t vectors_along(const ho_product *p)
{
    return rounded_up(p->k, LANES) / LANES;
}

static bool splits_along(const ho_product *p)
{
    return p->m < p->k && along_parts(p) > 1;
}

/* How many rows of b the single tile of few rows of a reads where they lie: all but the last ones, beyond whose end
 * whole vectors would go. What lies in the lanes beyond its columns is no matter. */
static int64_t rows_read_in_place(const ho_product *p)
{
    const int64_t beyond = rounded_up(p->n, LANES) - p->n;
    return p->m <= ROWS && p->b.column == 1 ? p->k - least_of(p->k, rounded_up(beyond, p->b.row) / p->b.row) : 0;
}

/* Across, where part number `part` of k begins, and the one before ends. */
static int64_t across_start(const ho_product *p, int64_t part)
{
    const int64_t in_place = rows_read_in_place(p), parts = even_part(in_place, ACROSS_DEPTH);
    return part < parts ? part * ACROSS_DEPTH : least_of(in_place + (part - parts) * ACROSS_DEPTH, p->k);
}

static int64_t across_parts(const ho_product *p)
{
    const int64_t in_place = rows_read_in_place(p);
    return even_part(in_place, ACROSS_DEPTH) + even_part(p->k - in_place, ACROSS_DEPTH);
}

/* Whether workers take parts of k, since there is but one tile of rows. */
static bool splits_across(const ho_product *p)
{
    return p->m <= ROWS && p->k > ACROSS_DEPTH;
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
    if (goes_along(p))
        return columns * (vectors_along(p) * LANES + (splits_along(p) ? along_parts(p) * p->m : 0));
    return splits_across(p) ? across_parts(p) * p->m * p->n : 0;
}

static int64_t narrow_scratch(const ho_product *p)
{
    const int64_t columns = joined_members(p) * p->n;
    if (goes_down(p))
        return columns * (PANEL + least_of(p->k, DOWN_DEPTH));
    return goes_along(p) ? 0 : least_of(p->k, ACROSS_DEPTH) * PANEL;
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

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

/* Vectors first .. last-1 of the columns of b, side by side. */
static void pack_along(const narrow *w, int64_t first, int64_t last)
{
    const ho_product *p = w->p;
    for (int64_t v = first; v < last; v++) {
        const int64_t k = v * LANES, some = least_of(p->k - k, LANES);
        REAL *to = w->pack + k * w->columns;
        if (some < LANES)
            memset(to, 0, (size_t)(w->columns * LANES) * sizeof *to);
        for (int64_t g = 0; g < w->members; g++)
            arrange(to + g * p->n * LANES + LANES - some, LANES, b_of(w, g, k), p->b.column, p->b.row, p->n, some);
    }
}

static void fetch_row(const REAL *row, int64_t n)
{
    for (int64_t k = 0; k < n; k += CACHE_LINE / (int64_t)sizeof *row)
        __builtin_prefetch(row + k, 0, IN_SECOND_CACHE);
}

/* Rows first .. last-1 of a part of k, into c; at[j] is where its column j is. */
static void run_part_along(const narrow *w, int64_t first, int64_t last, int64_t part, REAL *c, int64_t c_row,
                           const int64_t *at, bool add)
{
    const ho_product *p = w->p;
    const int64_t k0 = part * along_depth(p);
    /* The first rows of a block have been fetched by the product down the columns of the block before. */
    const int64_t ahead = FETCHED / p->a.row;
    rows_along d = {
        .row = p->a.row, .depth = least_of(along_depth(p), p->k - k0), .step = w->columns * LANES, .c_row = c_row};
    for (int64_t i = first, rows, tiles = (last - i + DOT_ROWS - 1) / DOT_ROWS; tiles > 0; tiles--, i += rows) {
        rows = even_part(last - i, tiles);
        d.a = w->a + i * p->a.row + k0;
        d.c = c + i * c_row;
        for (int64_t j = 0, some, parts = (w->columns + DOT_COLUMNS - 1) / DOT_COLUMNS; parts > 0; parts--) {
            some = even_part(w->columns - j, parts);
            d.b = w->pack + k0 * w->columns + j * LANES;
            d.at = at + j;
            for (int64_t r = j * rows / w->columns; r < (j + some) * rows / w->columns; r++)
                if (i + r + ahead < last)
                    fetch_row(d.a + (r + ahead) * d.row, d.depth);
            dot_tile(rows, some, &d, add);
            j += some;
        }
    }
}

/* Once all workers have computed some parts of k, of all rows: the first adds those of each entry in their order. */
static void add_parts(const narrow *w, const REAL *sums, int64_t parts, const int64_t *at)
{
    const int64_t size = w->p->m * w->columns;
    ho_worker_wait(w->worker);
    for (int64_t i = 0; i < size && w->worker->index == 0; i++) {
        REAL sum = sums[i];
        for (int64_t part = 1; part < parts; part++)
            sum += sums[part * size + i];
        w->c[i / w->columns * w->p->c.row + at[i % w->columns]] = sum;
    }
}

static void run_along_by_parts(const narrow *w, const int64_t *at)
{
    const ho_product *p = w->p;
    const int64_t parts = along_parts(p), first = share_start(w->worker, parts), last = share_end(w->worker, parts);
    const int64_t step = along_depth(p) / LANES, vectors = vectors_along(p);
    REAL *sums = w->pack + vectors * LANES * w->columns;
    int64_t dense[COLUMNS_MOST];
    for (int64_t j = 0; j < w->columns; j++)
        dense[j] = j;
    pack_along(w, first * step, least_of(last * step, vectors));
    for (int64_t part = first; part < last; part++)
        run_part_along(w, 0, p->m, part, sums + part * p->m * w->columns, w->columns, dense, false);
    add_parts(w, sums, parts, at);
}

/* Rows begin .. end-1. What is packed stays for the rows that follow. */
static void run_along(const narrow *w, int64_t begin, int64_t end)
{
    const ho_product *p = w->p;
    const int64_t first = begin + share_start(w->worker, end - begin), last = begin + share_end(w->worker, end - begin);
    int64_t at[COLUMNS_MOST];
    for (int64_t j = 0; j < w->columns; j++)
        at[j] = j / p->n * p->c.step + j % p->n;
    if (w->worker->count > 1 && w->worker->count <= along_parts(p) && splits_along(p) && end - begin == p->m) {
        run_along_by_parts(w, at);
        return;
    }
    if (begin == 0) {
        pack_along(w, share_start(w->worker, vectors_along(p)), share_end(w->worker, vectors_along(p)));
        ho_worker_wait(w->worker);
    }
    for (int64_t part = 0; part < along_parts(p); part++)
        run_part_along(w, first, last, part, w->c, p->c.row, at, part > 0);
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

/* Rows first .. last-1 of a part of k, into c. */
static void run_part_across(const narrow *w, int64_t first, int64_t last, int64_t part, REAL *c, int64_t c_row,
                            bool add)
{
    const ho_product *p = w->p;
    const int64_t k0 = across_start(p, part);
    const bool dense = c_row == p->n && p->n <= PANEL && !add;
    factors f = {.row = p->a.row, .column = p->a.column, .depth = across_start(p, part + 1) - k0};
    for (int64_t j = 0; j < p->n; j += PANEL) {
        const int64_t n = least_of(p->n - j, PANEL);
        pack_across(w, j, n, k0, &f, n > LANES ? PANEL : LANES);
        for (int64_t i = first, rows, tiles = (last - first + ROWS - 1) / ROWS; tiles > 0; tiles--, i += rows) {
            rows = even_part(last - i, tiles);
            f.a = w->a + i * p->a.row + k0 * p->a.column;
            /* What spills over the end of a row is overwritten by the next ones, if there are any. */
            const bool spills = dense && (last - i - rows) * n >= PANEL;
            multiply_columns(rows, n, &f, c + i * c_row + j, c_row, add, spills);
        }
    }
}

static void run_across(const narrow *w)
{
    const ho_product *p = w->p;
    const int64_t parts = across_parts(p), size = p->m * p->n;
    if (w->worker->count > 1 && splits_across(p)) {
        int64_t at[HO_NARROW];
        for (int64_t j = 0; j < p->n; j++)
            at[j] = j;
        for (int64_t part = share_start(w->worker, parts); part < share_end(w->worker, parts); part++)
            run_part_across(w, 0, p->m, part, w->pack + part * size, p->n, false);
        add_parts(w, w->pack, parts, at);
        return;
    }
    for (int64_t part = 0; part < parts; part++)
        run_part_across(w, share_start(w->worker, p->m), share_end(w->worker, p->m), part, w->c, p->c.row, part > 0);
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
