/* The section with the results as a table. Cells show rounded figures; data-mean and data-sd hold them as recorded. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "record/paired.h"
#include "report/page.h"
#include "report/text.h"

static int clamp(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

/* Decimals that show `digits` significant digits of a figure. */
static int decimals(double value, int digits)
{
    double size = fabs(value);
    return size > 0 ? clamp(digits - 1 - (int)floor(log10(size)), 0, 6) : 0;
}

/* An integer with thin spaces between thousands. */
static void put_grouped(double value, FILE *html)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%.0f", value);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            fputs("\xe2\x80\xaf", html);
        fputc(digits[i], html);
    }
}

/* What a column's figures are. POINTS: differences of percentages. */
typedef enum kind { PLAIN, PERCENT, POINTS, COUNT, SECONDS } kind;

/* `places` decimals. A plain figure has four significant digits if places is negative, or if it is very small or large.
 */
static void put_number(double value, int places, kind k, FILE *html)
{
    double size = fabs(value);
    if (k == COUNT)
        put_grouped(value, html);
    else if (k == PLAIN && (places < 0 || (value != 0 && size < 1e-3) || size >= 1e7))
        fprintf(html, "%.4g", value);
    else
        fprintf(html, "%.*f", places, value);
}

/* Decimals as the spread suggests, but enough that 0.0123 +- 3 does not read as 0. */
static int plain_places(double mean, double sd)
{
    int by_spread = decimals(sd, 2), by_mean = decimals(mean, 3);
    return by_spread > by_mean ? by_spread : by_mean;
}

static void put_statistic(const ho_statistic *s, kind k, FILE *html)
{
    bool share = k == PERCENT || k == POINTS;
    double factor = share ? 100 : 1;
    double mean = s->mean * factor, sd = s->sd * factor;
    bool several = isfinite(sd) && s->values.count > 1;
    /* Rounding is not a spread. */
    bool spread = several && sd > 1e-12 * fabs(mean);
    int places = k == SECONDS ? mean < 100 : share ? 2 : spread ? plain_places(mean, sd) : -1;
    put_number(mean, places, k, html);
    fputs(k == PERCENT ? "\xe2\x80\xaf%" : "", html);
    if (several && (spread || k != COUNT)) {
        fputs(" <span class=\"sd\">\xc2\xb1 ", html);
        put_number(spread ? sd : 0, places, k, html);
        fputs("</span>", html);
    }
}

static void put_data(const ho_statistic *s, FILE *html)
{
    char text[32];
    ho_print_real(s->mean, text);
    fprintf(html, " data-mean=\"%s\"", text);
    if (isfinite(s->sd)) {
        ho_print_real(s->sd, text);
        fprintf(html, " data-sd=\"%s\"", text);
    }
    if (s->values.count < 2 || !s->values.items)
        return;
    fputs(" title=\"every repeat: ", html);
    for (size_t i = 0; i < s->values.count; i++) {
        strcpy(text, "\xe2\x80\x93");
        if (isfinite(s->values.items[i]))
            ho_print_real(s->values.items[i], text);
        fprintf(html, "%s%s", i ? ", " : "", text);
    }
    fputc('"', html);
}

static void put_cell(const char *column, const ho_statistic *s, kind k, bool best, FILE *html)
{
    fprintf(html, "<td class=\"n%s\" data-column=\"%s\"", best ? " best" : "", column);
    if (isfinite(s->mean))
        put_data(s, html);
    fputc('>', html);
    if (isfinite(s->mean))
        put_statistic(s, k, html);
    else
        fputs("<span class=\"sd\">\xe2\x80\x93</span>", html);
    fputs("</td>\n", html);
}

/* ---- hyperparameters --------------------------------------------------------------------------------------------- */

static void put_hypers(const ho_row *row, FILE *html)
{
    fputs("<td class=\"hypers\">", html);
    for (size_t i = 0; i < row->hypers.count; i++) {
        const ho_row_hyper *h = &row->hypers.items[i];
        fputs(i ? "<br><span class=\"k\">" : "<span class=\"k\">", html);
        ho_text_html(h->name, html);
        fputs("</span>", html);
        for (int d = 0; d < h->shape.rank; d++)
            fprintf(html, "%s%lld", d ? "\xe2\x80\xaf\xc3\x97\xe2\x80\xaf" : "", (long long)h->shape.dims[d]);
        fputs(h->shape.rank > 0 ? ", sum <span" : "<span", html);
        if (isfinite(h->value.mean))
            put_data(&h->value, html);
        fputc('>', html);
        if (isfinite(h->value.mean))
            put_statistic(&h->value, PLAIN, html);
        else
            fputs("\xe2\x80\x93", html);
        fputs("</span>", html);
    }
    fputs(row->hypers.count ? "</td>\n" : "\xe2\x80\x93</td>\n", html);
}

static const char *strategy_title(const char *strategy)
{
    static const char *const titles[][2] = {{"grid", "grid search"},
                                            {"random", "random search"},
                                            {"online", "online hypergradient"},
                                            {"none", "not tuned"},
                                            {"choice", "choice of"}};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (strcmp(titles[i][0], strategy) == 0)
            return titles[i][1];
    return strategy;
}

/* The variants that a choice fell on, each with how often. */
static void put_chosen(const ho_texts *chosen, FILE *html)
{
    const char *before = " ";
    for (size_t i = 0; i < chosen->count; i++) {
        size_t count = 0, first = 0;
        while (strcmp(chosen->items[first], chosen->items[i]) != 0)
            first++;
        for (size_t k = i; k < chosen->count && first == i; k++)
            count += strcmp(chosen->items[k], chosen->items[i]) == 0;
        if (count == 0)
            continue;
        fputs(before, html);
        ho_text_html(chosen->items[i], html);
        if (chosen->count > 1)
            fprintf(html, " \xc3\x97\xe2\x80\xaf%zu", count);
        before = ", ";
    }
}

static void put_method(const ho_page *page, size_t r)
{
    const ho_report_row *row = &page->run->rows[r];
    const bool waits = page->run->record.unfinished && row->record->outcome.status == HO_INTERRUPTED;
    FILE *html = page->html;
    fputs("<td><span class=\"method\">", html);
    if (page->run->row_count > 1)
        ho_page_chip(page, r);
    fputs("<strong>", html);
    ho_text_html(row->name, html);
    fputs("</strong></span>", html);
    if (row->record->outcome.status != HO_OK)
        fprintf(html, "<span class=\"badge\">%s</span>",
                waits ? "unfinished" : ho_outcome_name(row->record->outcome.status));
    fputs("<br><span class=\"how\">", html);
    ho_text_html(strategy_title(row->record->strategy), html);
    put_chosen(&row->record->chosen, html);
    if (row->record->criterion) {
        fputs("<br>validation: mean over ", html);
        ho_text_html(row->record->criterion, html);
    }
    if (row->record->outcome.text[0] && !waits) {
        fputs("<br>", html);
        ho_text_html(row->record->outcome.text, html);
    }
    fputs("</span></td>\n", html);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* The columns of figures. Those without `always` are shown if some row has them. */
typedef struct column {
    ho_figure figure;
    const char *head;
    kind k;
    bool always;
} column;

static const column before[] = {
    {HO_VALIDATION_ERROR, "Validation<br>error", PLAIN, true},
    {HO_VALIDATION_ACCURACY, "Validation<br>accuracy", PERCENT, false},
    {HO_TEST_ACCURACY, "Test<br>accuracy", PERCENT, true},
    {HO_PRECISION, "Precision", PERCENT, false},
    {HO_RECALL, "Recall", PERCENT, false},
    {HO_F1, "F1", PERCENT, false},
};
static const column after[] = {
    {HO_BEST_EPOCH, "Best<br>epoch", PLAIN, false},
    {HO_EVALUATIONS, "Gradient<br>evaluations", COUNT, true},
    {HO_CPU_SECONDS, "CPU<br>seconds", SECONDS, false},
    {HO_SECONDS, "Seconds", SECONDS, true},
};
#define BEFORE (sizeof before / sizeof *before)
#define AFTER  (sizeof after / sizeof *after)

static double mean_of(const ho_page *page, size_t row, ho_figure figure)
{
    return page->run->rows[row].record->figures[figure].mean;
}

static bool is_known(const ho_page *page, ho_figure figure)
{
    for (size_t r = 0; r < page->run->row_count; r++)
        if (isfinite(mean_of(page, r, figure)))
            return true;
    return false;
}

static bool is_best(const ho_page *page, size_t row, const column *c)
{
    double mine = mean_of(page, row, c->figure);
    int better = ho_figure_forms[c->figure].better;
    for (size_t r = 0; r < page->run->row_count; r++)
        if (ho_paired_alike(page->run->rows[r].record, page->run->rows[row].record, c->figure) &&
            better * mean_of(page, r, c->figure) > better * mine)
            return false;
    return better != 0 && isfinite(mine) && page->run->row_count > 1;
}

static void put_heads(const ho_page *page, const column *columns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (columns[i].always || is_known(page, columns[i].figure))
            fprintf(page->html, "<th class=\"n\">%s</th>", columns[i].head);
}

static void put_cells(const ho_page *page, size_t row, const column *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const column *c = &columns[i];
        if (c->always || is_known(page, c->figure))
            put_cell(ho_figure_forms[c->figure].key, &page->run->rows[row].record->figures[c->figure], c->k,
                     is_best(page, row, c), page->html);
    }
}

static void put_table(const ho_page *page)
{
    fputs("<div class=\"card wide\"><table id=\"results\">\n<thead><tr><th>Method</th>", page->html);
    put_heads(page, before, BEFORE);
    fputs("<th class=\"hypers\">Tuned hyperparameters</th>", page->html);
    put_heads(page, after, AFTER);
    fputs("</tr></thead>\n<tbody>\n", page->html);
    for (size_t r = 0; r < page->run->row_count; r++) {
        fputs("<tr data-row=\"", page->html);
        ho_text_html(page->run->rows[r].name, page->html);
        fputs("\">\n", page->html);
        put_method(page, r);
        put_cells(page, r, before, BEFORE);
        put_hypers(page->run->rows[r].record, page->html);
        put_cells(page, r, after, AFTER);
        fputs("</tr>\n", page->html);
    }
    fputs("</tbody></table></div>\n", page->html);
}

/* ---- paired differences ------------------------------------------------------------------------------------------ */

static void put_paired(const ho_row *reference, const ho_row *row, const column *c, FILE *html)
{
    ho_paired p = ho_paired_of(row, reference, c->figure);
    const ho_statistic s = {.mean = p.mean, .sd = p.sd, .values = {NULL, p.pairs}};
    fprintf(html, "<td class=\"n\" data-column=\"%s\"", ho_figure_forms[c->figure].key);
    if (p.pairs > 0)
        put_data(&s, html);
    fputc('>', html);
    if (p.pairs > 0) {
        fputs(p.mean > 0 ? "+" : "", html);
        put_statistic(&s, c->k == PERCENT ? POINTS : c->k, html);
        fprintf(html, "</td><td class=\"n\">%zu of %zu</td>\n", p.better, p.pairs);
    } else {
        fputs("<span class=\"sd\">\xe2\x80\x93</span></td><td></td>\n", html);
    }
}

/* The figures that methods are compared by. */
static bool is_compared(const ho_page *page, const column *c)
{
    return ho_figure_forms[c->figure].better != 0 && is_known(page, c->figure);
}

static void put_differences(const ho_page *page)
{
    const ho_report_run *run = page->run;
    FILE *html = page->html;
    ho_row *rows = ho_arena_alloc(run->arena, (run->row_count + 1) * sizeof *rows);
    for (size_t r = 0; r < run->row_count; r++)
        rows[r] = *run->rows[r].record;
    size_t reference = ho_paired_reference(rows, run->row_count);
    if (reference == run->row_count)
        return;
    fputs("<h3>Paired differences</h3>\n<p class=\"note\">Each method minus <strong>", html);
    ho_text_html(run->rows[reference].name, html);
    fputs("</strong>, the one of least validation error, on the same splits: mean \xc2\xb1 standard deviation of the "
          "differences, and on how many splits the method is better.</p>\n"
          "<div class=\"card wide\"><table id=\"paired\">\n<thead><tr><th>Method</th>",
          html);
    for (size_t i = 0; i < BEFORE; i++)
        if (is_compared(page, &before[i]))
            fprintf(html, "<th class=\"n\">%s%s</th><th class=\"n\">better</th>", before[i].head,
                    before[i].k == PERCENT ? ", points" : "");
    fputs("</tr></thead>\n<tbody>\n", html);
    for (size_t r = 0; r < run->row_count; r++) {
        if (r == reference)
            continue;
        fputs("<tr><td><span class=\"method\">", html);
        ho_page_chip(page, r);
        ho_text_html(run->rows[r].name, html);
        fputs("</span></td>\n", html);
        for (size_t i = 0; i < BEFORE; i++)
            if (is_compared(page, &before[i]))
                put_paired(&rows[reference], &rows[r], &before[i], html);
        fputs("</tr>\n", html);
    }
    fputs("</tbody></table></div>\n", html);
}

void ho_page_results(ho_page *page)
{
    FILE *html = page->html;
    int64_t runs = 0;
    for (size_t r = 0; r < page->run->row_count; r++)
        runs = page->run->rows[r].record->runs > runs ? page->run->rows[r].record->runs : runs;
    fputs("<h2>Results</h2>\n<p class=\"note\">", html);
    if (runs > 1)
        fprintf(html, "Mean \xc2\xb1 standard deviation over %lld repeats, each with its own split and seed. ",
                (long long)runs);
    fputs("Hyperparameters were chosen on the validation examples alone, without the test examples.", html);
    if (page->run->row_count > 1)
        fputs(" Bold: the best mean.", html);
    if (is_known(page, HO_CPU_SECONDS))
        fputs(" CPU seconds are processor time; seconds are wall-clock time.", html);
    if (is_known(page, HO_F1))
        fputs(" Precision, recall and F1 measure how well low weights find the replaced labels.", html);
    fputs("</p>\n", html);
    put_table(page);
    put_differences(page);
}
