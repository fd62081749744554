/*
 * For plugins whose formulas and hyperparameters come from the pipeline, as those called `formula` do:
 *
 *     static const ho_option options[] = {HO_FORMULA_HYPERS, HO_FORMULA_LINES("formulas", "the lines of a step")};
 *
 *     dynamics:
 *       plugin: mine
 *       hyperparameters: {rate: {default: 0.1, domain: nonnegative}}
 *       formulas: |
 *         w = w - rate*g
 *
 * hotool reports mistakes in them, and NaN that comes of them, at their character in the pipeline.
 */
#ifndef HOTOOL_FORMULAS_H
#define HOTOOL_FORMULAS_H

#include <string.h>

#include "hotool/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- hyperparameters ----------------------------------------------------------------------------------------------
 */

#define HO_FIELD(name_, type_, required_, initial_, choices_, doc_)              \
    {                                                                            \
        (name_), (type_), (required_), (initial_), (doc_), 0.0, 0.0, (choices_), \
        {                                                                        \
            NULL, 0u, 0u                                                         \
        }                                                                        \
    }

static const ho_option ho_formula_hyper_fields[] = {
    HO_FIELD("default", HO_REAL, 1u, NULL, NULL, "its value where the pipeline gives none"),
    HO_FIELD("domain", HO_CHOICE, 0u, "any", "any|nonnegative|unit|decay|positive",
             "values it may take: every number, >= 0, 0 to 1, 0 to 1 - 1e-6, or > 0"),
    HO_FIELD("shape", HO_STRING, 0u, "", NULL,
             "its sizes by name, as \"columns\"; \"|columns\": a number, unless the pipeline says `shape: columns`"),
    HO_FIELD("symmetric", HO_BOOLEAN, 0u, "false", NULL, "it is a symmetric matrix"),
    HO_FIELD("zero_diagonal", HO_BOOLEAN, 0u, "false", NULL, "the diagonal of the matrix is 0"),
    HO_FIELD("doc", HO_STRING, 0u, "hyperparameter of a formula", NULL, "what it is, in one line"),
};

/* A row for the table of options, and what the pipeline has there as rows for a table of hyperparameters, which live as
 * long as the instance. */
#define HO_FORMULA_HYPERS                                                                                          \
    {                                                                                                              \
        "hyperparameters", HO_ROWS, 0u, NULL,                                                                      \
            "what formulas use and a pipeline may set or tune: names, each with a default and a domain", 0.0, 0.0, \
            NULL, HO_TABLE(ho_formula_hyper_fields)                                                                \
    }

static inline ho_status ho_formula_hypers_read(ho_setup *u, ho_table *hypers)
{
    static const char *const domains[] = {"any", "nonnegative", "unit", "decay", "positive"};
    const int64_t count = ho_option_count(u, "hyperparameters");
    ho_hyper *rows = (ho_hyper *)ho_setup_alloc(u, (uint64_t)count * sizeof *rows);
    if (!rows)
        return HO_FAILED;
    for (int64_t i = 0; i < count; i++) {
        ho_setup *row = ho_option_row(u, "hyperparameters", i);
        if (!row)
            return HO_FAILED;
        rows[i].name = ho_option_row_name(u, "hyperparameters", i);
        rows[i].initial = ho_option_real(row, "default");
        rows[i].doc = ho_option_string(row, "doc");
        rows[i].shape = ho_option_string(row, "shape");
        while (strcmp(domains[rows[i].domain], ho_option_string(row, "domain")) != 0)
            rows[i].domain++; /* the choices are those above, in the order of HO_ANY and its kin */
        rows[i].structure = (ho_option_boolean(row, "symmetric") ? HO_SYMMETRIC : 0u) |
                            (ho_option_boolean(row, "zero_diagonal") ? HO_ZERO_DIAGONAL : 0u);
    }
    hypers->rows = rows;
    hypers->count = (uint32_t)count;
    hypers->row_size = (uint32_t)sizeof *rows;
    return HO_OK;
}

/* ---- lines --------------------------------------------------------------------------------------------------------
 */

#define HO_FORMULA_LINES(name_, doc_) HO_FIELD(name_, HO_LINES, 1u, NULL, NULL, doc_)

/* NAME = FORMULA, in the order in which they are evaluated. */
typedef struct ho_formula_line {
    const char *name, *text;
} ho_formula_line;

typedef struct ho_formulas {
    const ho_formula_line *lines;
    int64_t count;
} ho_formulas;

/* The length of the name that a line begins with; 0: it has none. */
static inline size_t ho_formula_name(const char *line)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return strspn(line, first) ? strspn(line, rest) : 0;
}

static inline ho_status ho_formula_line_read(ho_setup *u, const char *line, const char *result, int last,
                                             ho_formula_line *read)
{
    const size_t length = ho_formula_name(line);
    const char *equals = line + length + strspn(line + length, " \t");
    const int named = length > 0 && equals[0] == '=' && equals[1] != '=';
    read->name = result;
    read->text = line;
    if (!named && !(result && last)) {
        return ho_setup_fail_at(u, line, "expected NAME = FORMULA%s",
                                result ? "; only the last line may be a formula alone" : "");
    }
    if (!named)
        return HO_OK;
    if (length > 64)
        return ho_setup_fail_at(u, line, "a name is longer than 64 characters");
    char *name = (char *)ho_setup_alloc(u, length + 1);
    if (!name)
        return HO_FAILED;
    memcpy(name, line, length);
    read->name = name;
    read->text = equals + 1 + strspn(equals + 1, " \t");
    return HO_OK;
}

/* In `create`: reads an option of type HO_LINES. `result`: the name that the last line may leave out, or NULL. */
static inline ho_status ho_formulas_read(ho_setup *u, const char *option, const char *result, ho_formulas *formulas)
{
    const int64_t count = ho_option_count(u, option);
    if (count == 0)
        return ho_setup_fail(u, option, "there is no formula");
    ho_formula_line *lines = (ho_formula_line *)ho_setup_alloc(u, (uint64_t)count * sizeof *lines);
    if (!lines)
        return HO_FAILED;
    for (int64_t i = 0; i < count; i++) {
        const ho_status status =
            ho_formula_line_read(u, ho_option_string_at(u, option, i), result, i + 1 == count, &lines[i]);
        if (status != HO_OK)
            return status;
    }
    formulas->lines = lines;
    formulas->count = count;
    return HO_OK;
}

/* Whether some line binds the name. */
static inline int ho_formulas_bind(const ho_formulas *formulas, const char *name)
{
    for (int64_t i = 0; i < formulas->count; i++)
        if (strcmp(formulas->lines[i].name, name) == 0)
            return 1;
    return 0;
}

/* In a traced callback: evaluates the lines. Returns ho_ok(x). */
static inline ho_status ho_formulas_trace(ho_trace *x, const ho_formulas *formulas)
{
    for (int64_t i = 0; i < formulas->count; i++)
        ho_let(x, formulas->lines[i].name, formulas->lines[i].text);
    return ho_ok(x);
}

#ifdef __cplusplus
}
#endif

#endif
