/* Reading the values of hyperparameters, with their shapes, domains and structures checked. */
#include "system/values.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "hotool/structure.h"
#include "system/ground.h"

ho_constrained ho_constrained_of(const ho_hyperparameter *h)
{
    ho_constrained c = {.struct_size = (uint32_t)sizeof c,
                        .structure = h->structure,
                        .rank = h->rank,
                        .count = h->count,
                        .lower = h->lower,
                        .upper = h->upper,
                        .name = h->name};
    memcpy(c.dims, h->dims, sizeof c.dims);
    return c;
}

static void uniform(const ho_hyperparameter *h, double number, double *value)
{
    const ho_constrained c = ho_constrained_of(h);
    for (int64_t i = 0; i < h->count; i++)
        value[i] = ho_entry_free(&c, i) ? number : 0.0;
}

static ho_status from_list(const ho_hyperparameter *h, const ho_tree *tree, int32_t axis, double **next,
                           ho_error *error)
{
    char text[HO_SHAPE_TEXT];
    ho_shape shape = ho_shape_of(h->rank, h->dims);
    if (axis == h->rank) {
        if (tree->kind == HO_TREE_LIST)
            return ho_fail_at(error, HO_INVALID, tree->place, "%s: expected a number, got a list: the shape is %s",
                              h->name, ho_shape_print(&shape, text));
        return ho_tree_real(tree, h->name, (*next)++, error);
    }
    if (tree->kind != HO_TREE_LIST)
        return ho_fail_at(error, HO_INVALID, tree->place, "%s: expected a list of %" PRId64 ", got %s: the shape is %s",
                          h->name, h->dims[axis], ho_tree_kind_name(tree->kind), ho_shape_print(&shape, text));
    if ((int64_t)tree->count != h->dims[axis])
        return ho_fail_at(error, HO_INVALID, tree->place,
                          "%s: expected a list of %" PRId64 ", got one of %zu: the shape is %s", h->name, h->dims[axis],
                          tree->count, ho_shape_print(&shape, text));
    for (const ho_tree *child = tree->first; child; child = child->next)
        if (from_list(h, child, axis + 1, next, error))
            return error->status;
    return HO_OK;
}

/* " entry (2, 3)" of a tensor; "" for a scalar. */
static char *entry_print(const ho_hyperparameter *h, int64_t i, char text[HO_SHAPE_TEXT])
{
    ho_shape index = ho_shape_of(h->rank, h->dims);
    char where[HO_SHAPE_TEXT];
    for (int32_t axis = h->rank; axis-- > 0; i /= h->dims[axis])
        index.dims[axis] = i % h->dims[axis];
    text[0] = '\0';
    if (h->rank)
        snprintf(text, HO_SHAPE_TEXT, " entry %.100s", ho_shape_print(&index, where));
    return text;
}

static ho_status check(const ho_hyperparameter *h, ho_place place, const double *value, ho_error *error)
{
    char domain[80], entry[HO_SHAPE_TEXT], number[32], other[32];
    const ho_constrained set = ho_constrained_of(h);
    for (int64_t i = 0; i < h->count; i++) {
        const bool open = ho_entry_free(&set, i);
        if (open ? isfinite(value[i]) && value[i] >= h->lower && value[i] <= h->upper : value[i] == 0.0)
            continue;
        ho_print_real(value[i], number);
        if (!open)
            return ho_fail_at(error, HO_INVALID, place, "%s:%s is %s; the diagonal must be 0", h->name,
                              entry_print(h, i, entry), number);
        return ho_fail_at(error, HO_INVALID, place, "%s:%s %s is outside its domain %s", h->name,
                          entry_print(h, i, entry), number, ho_domain_print(h->lower, h->upper, domain));
    }
    int64_t k = h->dims[0];
    for (int64_t r = 0; h->structure & HO_SYMMETRIC && r < k; r++)
        for (int64_t c = 0; c < r; c++)
            if (value[r * k + c] != value[c * k + r]) {
                ho_print_real(value[r * k + c], number);
                ho_print_real(value[c * k + r], other);
                return ho_fail_at(error, HO_INVALID, place,
                                  "%s must be symmetric, but entry (%" PRId64 ", %" PRId64 ") is %s and entry "
                                  "(%" PRId64 ", %" PRId64 ") is %s",
                                  h->name, r, c, number, c, r, other);
            }
    return HO_OK;
}

ho_status ho_value_read(const ho_hyperparameter *h, const ho_tree *tree, double initial, double *value, ho_error *error)
{
    uniform(h, initial, value);
    if (!tree || tree->kind == HO_TREE_NULL)
        return HO_OK;
    if (tree->kind == HO_TREE_LIST) {
        double *next = value;
        if (from_list(h, tree, 0, &next, error))
            return error->status;
    } else if (tree->kind == HO_TREE_SCALAR) {
        double number;
        size_t length = strlen(tree->text);
        if (!tree->quoted && ho_parse_real(tree->text, &number)) {
            uniform(h, number, value);
        } else if (length > 4 && !strcmp(tree->text + length - 4, ".npy")) {
            if (ho_numbers_read(tree->text, tree->place, h->name, "the hyperparameter", ho_shape_of(h->rank, h->dims),
                                value, error))
                return error->status;
        } else {
            return ho_fail_at(error, HO_INVALID, tree->place,
                              "%s: \"%s\" is neither a number, nor a list, nor the path of a .npy file", h->name,
                              tree->text);
        }
    } else {
        return ho_fail_at(error, HO_INVALID, tree->place, "%s: expected a number, a list or a .npy file, got %s",
                          h->name, ho_tree_kind_name(tree->kind));
    }
    return check(h, tree->place, value, error);
}
