/* The table of ops as data, and what one entry of an elementwise op is. */
#include "graph/graph.h"

#include <math.h>

#define UNARY(NAME, name, number, sign, value, ...) \
    [HO_OP_##NAME] = {#name, HO_CLASS_ELEMENTWISE, 1, sign, __VA_ARGS__},
#define BINARY(NAME, name, number, sign, value, kink) [HO_OP_##NAME] = {#name, HO_CLASS_ELEMENTWISE, 2, sign, kink, ""},
#define TERNARY(NAME, name, number, sign, value, kink) \
    [HO_OP_##NAME] = {#name, HO_CLASS_ELEMENTWISE, 3, sign, kink, ""},
#define REDUCTION(NAME, name, number, kink, ...) [HO_OP_##NAME] = {#name, HO_CLASS_REDUCTION, 1, "", kink, ""},
#define OTHER(NAME, name, number, operands)      [HO_OP_##NAME] = {#name, HO_CLASS_OTHER, operands, "", "", ""},

/* clang-format off */
static const ho_op_row rows[] = {
    HO_LEAF_OPS(OTHER)
    HO_UNARY_OPS(UNARY)
    HO_BINARY_OPS(BINARY)
    HO_COMPARISON_OPS(BINARY)
    HO_TERNARY_OPS(TERNARY)
    HO_REDUCTION_OPS(REDUCTION)
    HO_ARRANGEMENT_OPS(OTHER)
    HO_PRODUCT_OPS(OTHER)
};
/* clang-format on */

enum { ROWS = sizeof rows / sizeof rows[0] };

const ho_op_row *ho_op(uint32_t op)
{
    static const ho_op_row unknown = {"unknown", HO_CLASS_NONE, 0, "", "", ""};
    return op < ROWS && rows[op].name ? &rows[op] : &unknown;
}

const char *ho_op_name(uint32_t op)
{
    return ho_op(op)->name;
}

bool ho_op_is_elementwise(uint32_t op)
{
    return ho_op(op)->class == HO_CLASS_ELEMENTWISE;
}

uint32_t ho_op_next(uint32_t op)
{
    do
        op++;
    while (op < ROWS && !rows[op].name);
    return op < ROWS ? op : 0;
}

double ho_op_scalar(uint32_t op, double x, double y, double z)
{
    switch (op) {
#define VALUE(NAME, name, number, sign, value, ...) \
    case HO_OP_##NAME:                              \
        return value;
        HO_ELEMENTWISE_OPS(VALUE)
    default:
        return NAN;
    }
}
