/* The table of ops, and what one entry of an elementwise op is. */
#include "graph/graph.h"

#include <math.h>

static const struct {
    const char *name;
    uint32_t arity;
    bool elementwise;
} ops[] = {
    [HO_OP_LEAF] = {"leaf", 0, false},
    [HO_OP_CONST] = {"const", 0, false},
    [HO_OP_IOTA] = {"iota", 0, false},
    [HO_OP_NEG] = {"neg", 1, true},
    [HO_OP_ABS] = {"abs", 1, true},
    [HO_OP_SIGN] = {"sign", 1, true},
    [HO_OP_EXP] = {"exp", 1, true},
    [HO_OP_EXPM1] = {"expm1", 1, true},
    [HO_OP_LOG] = {"log", 1, true},
    [HO_OP_LOG1P] = {"log1p", 1, true},
    [HO_OP_SQRT] = {"sqrt", 1, true},
    [HO_OP_RSQRT] = {"rsqrt", 1, true},
    [HO_OP_TANH] = {"tanh", 1, true},
    [HO_OP_SIN] = {"sin", 1, true},
    [HO_OP_COS] = {"cos", 1, true},
    [HO_OP_ERF] = {"erf", 1, true},
    [HO_OP_FLOOR] = {"floor", 1, true},
    [HO_OP_STOP] = {"stop", 1, true},
    [HO_OP_ADD] = {"add", 2, true},
    [HO_OP_SUB] = {"sub", 2, true},
    [HO_OP_MUL] = {"mul", 2, true},
    [HO_OP_DIV] = {"div", 2, true},
    [HO_OP_POW] = {"pow", 2, true},
    [HO_OP_MAX] = {"max", 2, true},
    [HO_OP_MIN] = {"min", 2, true},
    [HO_OP_LESS] = {"less", 2, true},
    [HO_OP_LESS_EQUAL] = {"less_equal", 2, true},
    [HO_OP_EQUAL] = {"equal", 2, true},
    [HO_OP_SELECT] = {"select", 3, true},
    [HO_OP_SUM] = {"sum", 1, false},
    [HO_OP_MAXIMUM] = {"maximum", 1, false},
    [HO_OP_RESHAPE] = {"reshape", 1, false},
    [HO_OP_EXPAND] = {"expand", 1, false},
    [HO_OP_TRANSPOSE] = {"transpose", 1, false},
    [HO_OP_SLICE] = {"slice", 1, false},
    [HO_OP_PAD] = {"pad", 1, false},
    [HO_OP_CONCAT] = {"concat", 0, false},
    [HO_OP_MATMUL] = {"matmul", 2, false},
    [HO_OP_GATHER] = {"gather", 2, false},
    [HO_OP_SCATTER] = {"scatter", 2, false},
};

static bool known(uint32_t op)
{
    return op < sizeof ops / sizeof ops[0] && ops[op].name;
}

const char *ho_op_name(uint32_t op)
{
    return known(op) ? ops[op].name : "unknown";
}

uint32_t ho_op_arity(uint32_t op)
{
    return known(op) ? ops[op].arity : 0;
}

bool ho_op_is_elementwise(uint32_t op)
{
    return known(op) && ops[op].elementwise;
}

double ho_op_scalar(uint32_t op, double a, double b, double c)
{
    switch (op) {
    case HO_OP_NEG:
        return -a;
    case HO_OP_ABS:
        return fabs(a);
    case HO_OP_SIGN: /* of 0: 0; of NaN: NaN */
        return a > 0 ? 1 : a < 0 ? -1 : a;
    case HO_OP_EXP:
        return exp(a);
    case HO_OP_EXPM1:
        return expm1(a);
    case HO_OP_LOG:
        return log(a);
    case HO_OP_LOG1P:
        return log1p(a);
    case HO_OP_SQRT:
        return sqrt(a);
    case HO_OP_RSQRT:
        return a == 0 ? 0 : 1 / sqrt(a);
    case HO_OP_TANH:
        return tanh(a);
    case HO_OP_SIN:
        return sin(a);
    case HO_OP_COS:
        return cos(a);
    case HO_OP_ERF:
        return erf(a);
    case HO_OP_FLOOR:
        return floor(a);
    case HO_OP_STOP:
        return a;
    case HO_OP_ADD:
        return a + b;
    case HO_OP_SUB:
        return a - b;
    case HO_OP_MUL:
        return a * b;
    case HO_OP_DIV:
        return a / b;
    case HO_OP_POW:
        return pow(a, b);
    case HO_OP_MAX: /* a NaN in b falls through the comparison */
        return isnan(a) || a > b ? a : b;
    case HO_OP_MIN:
        return isnan(a) || a < b ? a : b;
    case HO_OP_LESS:
        return a < b;
    case HO_OP_LESS_EQUAL:
        return a <= b;
    case HO_OP_EQUAL:
        return a == b;
    case HO_OP_SELECT:
        return a != 0 ? b : c;
    default:
        return NAN;
    }
}
