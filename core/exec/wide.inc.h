/*
 * Part of kernels.inc.h: products with many columns. A panel of b, two vectors wide, is packed for a part of k; tiles
 * of c then go down it, the vectors along its rows. Each entry of c is a chain of multiply-adds over each part of k,
 * whatever the number of threads and the place of the entry, which a BLAS does not promise. Rows of a are read where
 * they lie, unless they would compete for the same lines of the first-level cache; columns are packed, tile by tile.
 */

/* Of the second-level cache the rows of a take about half; a panel beside them is read from there faster than it is
 * used, and the deeper it is, the fewer times c is read and written. */
#define WIDE_DEPTH ((int64_t)512)
#define WIDE_A     ((int64_t)(480 * 1024 / sizeof(REAL)))

typedef struct wide {
    const ho_product *p;
    const REAL *a, *b;
    REAL *c, *panel, *rows;
    int64_t members; /* of the batch, which share a */
    int64_t first_row, last_row, first_panel, last_panel;
} wide;

static bool is_wide(const ho_product *p)
{
    return p->n > HO_NARROW && VECTOR_BYTES > 16;
}

/* Whether a is read where it lies. */
static bool rows_in_place(const ho_matrix *a)
{
    return a->column == 1 && a->row * (int64_t)sizeof(REAL) % 2048 != 0;
}

/* How many of m rows a panel passes at a time: parts of nearly equal size, in whole tiles. */
static int64_t rows_at_once(int64_t m, int64_t depth)
{
    const int64_t most = WIDE_A / depth, parts = (m + most - 1) / most;
    return rounded_up(even_part(m, parts), ROWS);
}

static int64_t wide_scratch(const ho_product *p)
{
    const int64_t depth = least_of(p->k, WIDE_DEPTH);
    const int64_t rows = rows_in_place(&p->a) ? 0 : least_of(rounded_up(p->m, ROWS), 2 * WIDE_A / depth);
    return depth * PANEL + rows * (depth + LANES);
}

static int64_t panels_of(const ho_product *p)
{
    return rounded_up(p->n, PANEL) / PANEL;
}

/* Points f at rows i0 .. i0+m-1 and terms k0 .. of a; returns how far apart their tiles are. */
static int64_t place_rows(const wide *w, int64_t i0, int64_t m, int64_t k0, factors *f)
{
    const ho_matrix *a = &w->p->a;
    const REAL *from = w->a + i0 * a->row + k0 * a->column;
    f->a = from;
    f->row = a->row;
    f->column = a->column;
    if (rows_in_place(a))
        return ROWS * a->row;
    f->a = w->rows;
    if (a->column == 1) {
        f->row = f->depth + LANES;
        for (int64_t i = 0; i < m; i++)
            memcpy(w->rows + i * f->row, from + i * a->row, (size_t)f->depth * sizeof(REAL));
        return ROWS * f->row;
    }
    const int64_t whole = m / ROWS * ROWS, step = ROWS * f->depth;
    for (int64_t k = 0; k < f->depth; k++, from += a->column) {
        REAL *to = w->rows + k * ROWS;
        for (int64_t i = 0; i < whole; i += ROWS, to += step)
            memcpy(to, from + i, ROWS * sizeof(REAL));
        if (whole < m)
            memcpy(to, from + whole, (size_t)(m - whole) * sizeof(REAL));
    }
    f->row = 1;
    f->column = ROWS;
    return ROWS * f->depth;
}

/* Points f at n columns of b, `width` after filling with zeros: in place if few rows of a pass over them. */
static void place_panel(const wide *w, const REAL *from, int64_t n, int64_t width, factors *f)
{
    const ho_matrix *b = &w->p->b;
    f->b = from;
    f->b_row = b->row;
    if (n == width && b->column == 1 && w->p->m <= 4 * ROWS)
        return;
    f->b = w->panel;
    f->b_row = width;
    if (n == PANEL && b->column == 1) {
        for (int64_t k = 0; k < f->depth; k++) {
            *(vector *)(w->panel + k * PANEL) = at(from + k * b->row);
            *(vector *)(w->panel + k * PANEL + LANES) = at(from + k * b->row + LANES);
            __builtin_prefetch(from + k * b->row + PANEL, 0, 2); /* for the next panel, into the second-level cache */
            __builtin_prefetch(from + k * b->row + PANEL + LANES, 0, 2);
        }
        return;
    }
    if (n < width)
        memset(w->panel, 0, (size_t)(f->depth * width) * sizeof(REAL));
    arrange(w->panel, width, from, b->row, b->column, f->depth, n);
}

/* What will soon be read or written of c. */
static void fetch_tile(const REAL *c, int64_t c_row, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++, c += c_row) {
        __builtin_prefetch(c, 1);
        __builtin_prefetch(c + n / 2, 1); /* of rows that begin anywhere in a line, two vectors may be in three */
        __builtin_prefetch(c + n - 1, 1);
    }
}

/* m rows of a, down n columns of a panel. */
static void run_panel(factors f, int64_t tile_step, int64_t m, int64_t n, REAL *c, int64_t c_row, bool add)
{
    fetch_tile(c, c_row, least_of(ROWS, m), n);
    for (int64_t i = 0; i < m; i += ROWS, f.a += tile_step, c += ROWS * c_row) {
        const int64_t rows = least_of(ROWS, m - i);
        fetch_tile(c + rows * c_row, c_row, least_of(ROWS, m - i - rows), n);
        multiply_columns(rows, n, &f, c, c_row, add, false);
    }
}

static void run_wide(const wide *w)
{
    const ho_product *p = w->p;
    const int64_t panels = panels_of(p);
    factors f = {0};
    for (int64_t k0 = 0, parts = (p->k + WIDE_DEPTH - 1) / WIDE_DEPTH; parts > 0; parts--, k0 += f.depth) {
        f.depth = even_part(p->k - k0, parts);
        const int64_t some = rows_at_once(w->last_row - w->first_row, f.depth);
        for (int64_t i0 = w->first_row, m; i0 < w->last_row; i0 += m) {
            m = least_of(some, w->last_row - i0);
            const int64_t tile_step = place_rows(w, i0, m, k0, &f);
            for (int64_t panel = w->first_panel; panel < w->last_panel; panel++) {
                const int64_t member = panel / panels, j = panel % panels * PANEL, n = least_of(PANEL, p->n - j);
                const REAL *b = w->b + member * p->b.step + k0 * p->b.row + j * p->b.column;
                REAL *c = w->c + member * p->c.step + i0 * p->c.row + j;
                place_panel(w, b, n, n > LANES ? PANEL : LANES, &f);
                run_panel(f, tile_step, m, n, c, p->c.row, p->add || k0 > 0);
            }
        }
    }
}

/* This worker's share: some rows, where a is the larger factor or panels are few; else some panels. By rows it packs
 * less of a, and a gradient a' @ b lies where the same worker goes on with it: elementwise steps are shared by rows
 * too, and what another processor has written is slow to read. */
static void take_share(wide *w, const ho_worker *worker)
{
    const int64_t panels = w->members * panels_of(w->p), tiles = rounded_up(w->p->m, ROWS) / ROWS;
    const bool larger = w->p->m >= w->members * w->p->n && tiles >= 4 * worker->count;
    w->last_row = w->p->m;
    w->last_panel = panels;
    if (!larger && (panels >= 4 * worker->count || panels >= tiles)) {
        w->first_panel = share_start(worker, panels);
        w->last_panel = share_end(worker, panels);
    } else {
        w->first_row = ROWS * share_start(worker, tiles);
        w->last_row = least_of(ROWS * share_end(worker, tiles), w->p->m);
    }
}

static void run_wide_product(const ho_product *p, void *const *address, const ho_worker *worker)
{
    const int64_t members = p->a.step == 0 ? p->batch : 1;
    wide w = {.p = p,
              .panel = worker->temps,
              .rows = (REAL *)worker->temps + least_of(p->k, WIDE_DEPTH) * PANEL,
              .members = members};
    take_share(&w, worker);
    for (int64_t g = 0; g < p->batch; g += members) {
        w.a = (const REAL *)address[p->a.buffer] + p->a.offset + g * p->a.step;
        w.b = (const REAL *)address[p->b.buffer] + p->b.offset + g * p->b.step;
        w.c = (REAL *)address[p->c.buffer] + p->c.offset + g * p->c.step;
        run_wide(&w);
    }
}
