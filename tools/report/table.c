/* The results as a table. Cells show rounded figures; data-mean and data-sd hold them as the run wrote them. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "report/internal.h"

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

/* A whole number with thin spaces between thousands. */
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

/* What a column's figures are. */
typedef enum kind { PLAIN, PERCENT, COUNT, SECONDS } kind;

/* `places` decimals; of a plain figure, as many as it needs where places is negative or it is very small or large. */
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

/* A plain figure shows what its spread makes sense of, and never so little that 0.0123 +- 3 reads as 0. */
static int plain_places(double mean, double sd)
{
    int by_spread = decimals(sd, 2), by_mean = decimals(mean, 3);
    return by_spread > by_mean ? by_spread : by_mean;
}

static void put_statistic(const ho_statistic *s, kind k, FILE *html)
{
    double factor = k == PERCENT ? 100 : 1;
    double mean = s->mean * factor, sd = s->sd * factor;
    bool several = isfinite(sd) && s->count > 1;
    /* What is left of rounding is no spread. */
    bool spread = several && sd > 1e-12 * fabs(mean);
    int places = k == SECONDS ? mean < 100 : k == PERCENT ? 2 : spread ? plain_places(mean, sd) : -1;
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
    if (s->count < 2)
        return;
    fputs(" title=\"every repeat: ", html);
    for (size_t i = 0; i < s->count; i++) {
        strcpy(text, "\xe2\x80\x93");
        if (isfinite(s->values[i]))
            ho_print_real(s->values[i], text);
        fprintf(html, "%s%s", i ? ", " : "", text);
    }
    fputc('"', html);
}

static void put_cell(const char *column, const ho_statistic *s, kind k, bool best, FILE *html)
{
    fprintf(html, "<td class=\"n%s\" data-column=\"%s\"", best ? " best" : "", column);
    if (s->known)
        put_data(s, html);
    fputc('>', html);
    if (s->known)
        put_statistic(s, k, html);
    else
        fputs("<span class=\"sd\">\xe2\x80\x93</span>", html);
    fputs("</td>\n", html);
}

/* ---- hyperparameters --------------------------------------------------------------------------------------------- */

static void put_hypers(const ho_report_row *row, FILE *html)
{
    fputs("<td class=\"hypers\">", html);
    for (size_t i = 0; i < row->hyper_count; i++) {
        const ho_report_hyper *h = &row->hypers[i];
        fputs(i ? "<br><span class=\"k\">" : "<span class=\"k\">", html);
        ho_report_escape(h->name, html);
        fputs("</span>", html);
        for (int d = 0; d < h->rank; d++)
            fprintf(html, "%s%lld", d ? "\xe2\x80\xaf\xc3\x97\xe2\x80\xaf" : "", (long long)h->dims[d]);
        fputs(h->array ? ", sum <span" : "<span", html);
        if (h->value.known)
            put_data(&h->value, html);
        fputc('>', html);
        if (h->value.known)
            put_statistic(&h->value, PLAIN, html);
        else
            fputs("\xe2\x80\x93", html);
        fputs("</span>", html);
    }
    fputs(row->hyper_count ? "</td>\n" : "\xe2\x80\x93</td>\n", html);
}

static const char *strategy(const char *name)
{
    if (strcmp(name, "grid") == 0)
        return "grid search";
    if (strcmp(name, "random") == 0)
        return "random search";
    if (strcmp(name, "online") == 0)
        return "online hypergradient";
    return strcmp(name, "none") == 0 ? "not tuned" : name;
}

static void put_method(const ho_report_row *row, size_t index, bool several, FILE *html)
{
    fputs("<td>", html);
    if (several)
        fprintf(html, "<span class=\"chip\" style=\"background:%s\"></span>", ho_report_colour(index));
    fputs("<strong>", html);
    ho_report_escape(row->name, html);
    fputs("</strong>", html);
    if (strcmp(row->outcome, "done") != 0) {
        fputs("<span class=\"badge\">", html);
        ho_report_escape(row->outcome, html);
        fputs("</span>", html);
    }
    fputs("<br><span class=\"how\">", html);
    ho_report_escape(strategy(row->strategy), html);
    if (row->message) {
        fputs("<br>", html);
        ho_report_escape(row->message, html);
    }
    fputs("</span></td>\n", html);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* The columns of figures. Those of some kinds of runs only are shown where a row has them. */
typedef struct column {
    const char *key, *head;
    size_t offset; /* of the statistic in its row */
    kind k;
    int better; /* 1: more is better; -1: less is; 0: neither */
    bool always;
} column;

static const ho_statistic *figure(const ho_report_row *row, const column *c)
{
    return (const ho_statistic *)(const void *)((const char *)row + c->offset);
}

static const column before[] = {
    {"validation_error", "Validation<br>error", offsetof(ho_report_row, validation_error), PLAIN, -1, true},
    {"validation_accuracy", "Validation<br>accuracy", offsetof(ho_report_row, validation_accuracy), PERCENT, 1, false},
    {"test_accuracy", "Test<br>accuracy", offsetof(ho_report_row, test_accuracy), PERCENT, 1, true},
    {"precision", "Precision", offsetof(ho_report_row, precision), PERCENT, 1, false},
    {"recall", "Recall", offsetof(ho_report_row, recall), PERCENT, 1, false},
    {"f1", "F1", offsetof(ho_report_row, f1), PERCENT, 1, false},
};
static const column after[] = {
    {"best_epoch", "Best<br>epoch", offsetof(ho_report_row, best_epoch), PLAIN, 0, false},
    {"gradient_evaluations", "Gradient<br>evaluations", offsetof(ho_report_row, gradient_evaluations), COUNT, 0, true},
    {"cpu_seconds", "CPU<br>seconds", offsetof(ho_report_row, cpu_seconds), SECONDS, 0, false},
    {"seconds", "Seconds", offsetof(ho_report_row, seconds), SECONDS, 0, true},
};
#define BEFORE (sizeof before / sizeof *before)
#define AFTER  (sizeof after / sizeof *after)

static bool is_shown(const ho_report *report, const column *c)
{
    bool known = c->always;
    for (size_t r = 0; r < report->row_count; r++)
        known = known || figure(&report->rows[r], c)->known;
    return known;
}

static bool is_best(const ho_report *report, size_t row, const column *c)
{
    const ho_statistic *mine = figure(&report->rows[row], c);
    for (size_t r = 0; r < report->row_count; r++) {
        const ho_statistic *other = figure(&report->rows[r], c);
        if (other->known && c->better * other->mean > c->better * mine->mean)
            return false;
    }
    return c->better != 0 && mine->known && report->row_count > 1;
}

static void put_heads(const ho_report *report, const column *columns, size_t count, FILE *html)
{
    for (size_t i = 0; i < count; i++)
        if (is_shown(report, &columns[i]))
            fprintf(html, "<th class=\"n\">%s</th>", columns[i].head);
}

static void put_cells(const ho_report *report, size_t row, const column *columns, size_t count, FILE *html)
{
    for (size_t i = 0; i < count; i++)
        if (is_shown(report, &columns[i]))
            put_cell(columns[i].key, figure(&report->rows[row], &columns[i]), columns[i].k,
                     is_best(report, row, &columns[i]), html);
}

void ho_report_table(const ho_report *report, FILE *html)
{
    fputs("<div class=\"card wide\"><table id=\"results\">\n<thead><tr><th>Method</th>", html);
    put_heads(report, before, BEFORE, html);
    fputs("<th class=\"hypers\">Tuned hyperparameters</th>", html);
    put_heads(report, after, AFTER, html);
    fputs("</tr></thead>\n<tbody>\n", html);
    for (size_t r = 0; r < report->row_count; r++) {
        const ho_report_row *row = &report->rows[r];
        fputs("<tr data-row=\"", html);
        ho_report_escape(row->name, html);
        fputs("\">\n", html);
        put_method(row, r, report->row_count > 1, html);
        put_cells(report, r, before, BEFORE, html);
        put_hypers(row, html);
        put_cells(report, r, after, AFTER, html);
        fputs("</tr>\n", html);
    }
    fputs("</tbody></table></div>\n", html);
}
