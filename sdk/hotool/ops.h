/*
 * The operations of a trace, in one table. Numbers and meanings are ABI: a new meaning is a new op.
 *
 * Every value is a tensor of real numbers of rank 0 to HO_MAX_RANK. Rank 0 is computed in f64 whatever the precision of
 * the run. Elementwise ops take operands of one shape; any of them may have rank 0 instead. (The calls of trace.h
 * broadcast as NumPy does first.) Axes are counted from the end: 1 is the last.
 *
 * A row of an elementwise op is OP(NAME, name, number, sign, value, kink) or, with one operand,
 * OP(NAME, name, number, sign, value, kink, derivative):
 *
 *   number      HO_OP_NAME
 *   sign        the operator for which a formula (sdk/FORMULAS.md) stands; "": a formula calls the op by its name
 *   value       one entry of the result, in C, for the operands' entries x, y, z
 *   kink        a formula whose value changes where the op or its derivative jumps; "": it is smooth. x, y and z are
 *               the operands and `value` is the result
 *   derivative  a formula for the derivative of the result with respect to x
 *
 * hotool expands these lists wherever it deals with ops, so a row is nearly all there is to a new elementwise op.
 */
#ifndef HOTOOL_OPS_H
#define HOTOOL_OPS_H

/* clang-format off */

#define HO_UNARY_OPS(OP) \
    OP(NEG,   neg,   100, "-", -x,                         "",        "-1") \
    OP(ABS,   abs,   101, "",  fabs(x),                    "sign(x)", "sign(x)") \
    OP(SIGN,  sign,  102, "",  x > 0 ? 1 : x < 0 ? -1 : x, "value",   "0") \
    OP(EXP,   exp,   103, "",  exp(x),                     "",        "value") \
    OP(EXPM1, expm1, 104, "",  expm1(x),                   "",        "exp(x)") \
    OP(LOG,   log,   105, "",  log(x),                     "",        "1/x") \
    OP(LOG1P, log1p, 106, "",  log1p(x),                   "",        "1/(1 + x)") \
    OP(SQRT,  sqrt,  107, "",  sqrt(x),                    "",        "0.5 * rsqrt(x)") /* so 0 at 0 */ \
    OP(RSQRT, rsqrt, 108, "",  x == 0 ? 0 : 1 / sqrt(x),   "",        "-0.5 * value^3") /* so 0 at 0 */ \
    OP(TANH,  tanh,  109, "",  tanh(x),                    "",        "1 - value^2") \
    OP(SIN,   sin,   110, "",  sin(x),                     "",        "cos(x)") \
    OP(COS,   cos,   111, "",  cos(x),                     "",        "-sin(x)") \
    OP(ERF,   erf,   112, "",  erf(x),                     "",        "1.12837916709551257390 * exp(-x^2)") \
    OP(FLOOR, floor, 113, "",  floor(x),                   "value",   "0") \
    OP(STOP,  stop,  114, "",  x,                          "",        "0") /* a constant to every derivative */

/* pow: its derivative with respect to x is y x^(y-1), with respect to y it is log(x) x^y, and 0 where x <= 0.
 * max, min: NaN if either operand is. At a tie the derivative goes to y, so max(x, 0) has slope 0 at 0. */
#define HO_BINARY_OPS(OP) \
    OP(ADD, add, 200, "+", x + y,                        "") \
    OP(SUB, sub, 201, "-", x - y,                        "") \
    OP(MUL, mul, 202, "*", x * y,                        "") \
    OP(DIV, div, 203, "/", x / y,                        "") \
    OP(POW, pow, 204, "^", pow(x, y),                    "") \
    OP(MAX, max, 205, "",  ((x != x) | (x > y)) ? x : y, "x < y") \
    OP(MIN, min, 206, "",  ((x != x) | (x < y)) ? x : y, "x < y")

/* Their derivative is 0. */
#define HO_COMPARISON_OPS(OP) \
    OP(LESS,       less,       220, "<",  x < y ? 1 : 0,  "value") \
    OP(LESS_EQUAL, less_equal, 221, "<=", x <= y ? 1 : 0, "value") \
    OP(EQUAL,      equal,      222, "==", x == y ? 1 : 0, "value")

/* The operand that is not chosen contributes no derivative and no NaN. */
#define HO_TERNARY_OPS(OP) \
    OP(SELECT, select, 300, "", x != 0 ? y : z, "x == 0")

/* Reductions over adjacent axes, which disappear: OP(NAME, name, number, kink, first, fold). The result begins as
 * `first` and becomes `fold` of each entry x and the result y so far. In the kink, `value` has the shape of x.
 * maximum: NaN if any entry is; at a tie the derivative is shared equally. */
#define HO_REDUCTION_OPS(OP) \
    OP(SUM,     sum,     400, "",           0,         x + y) \
    OP(MAXIMUM, maximum, 401, "x == value", -INFINITY, ((x != x) | (x > y)) ? x : y)

/* The others: OP(NAME, name, number, operands). */

/* Leaves, made by hotool. */
#define HO_LEAF_OPS(OP) \
    OP(LEAF,  leaf,  1, 0) /* a tensor that is bound when the graph is run */ \
    OP(CONST, const, 2, 0) /* one number in every entry */ \
    OP(IOTA,  iota,  3, 0) /* 0, 1, ..., n-1 */

#define HO_ARRANGEMENT_OPS(OP) \
    OP(RESHAPE,   reshape,   500, 1) \
    OP(EXPAND,    expand,    501, 1) /* repeats axes of size 1 */ \
    OP(TRANSPOSE, transpose, 502, 1) /* exchanges the last two axes */ \
    OP(SLICE,     slice,     503, 1) /* a range of one axis */ \
    OP(PAD,       pad,       504, 1) /* zeros before and after, along one axis */ \
    OP(CONCAT,    concat,    505, 0) /* any number of operands along one axis */

/* matmul: the product over the last two axes; either operand may have one more leading axis, over which it is mapped.
 * gather: entries of one axis by a vector of indices, which must be integers in range.
 * scatter: the transpose of gather, adds entries where the indices say, onto zeros. */
#define HO_PRODUCT_OPS(OP) \
    OP(MATMUL,  matmul,  600, 2) \
    OP(GATHER,  gather,  601, 2) \
    OP(SCATTER, scatter, 602, 2)

/* clang-format on */

#define HO_ELEMENTWISE_OPS(OP) HO_UNARY_OPS(OP) HO_BINARY_OPS(OP) HO_COMPARISON_OPS(OP) HO_TERNARY_OPS(OP)
#define HO_OPS(OP)             HO_LEAF_OPS(OP) HO_ELEMENTWISE_OPS(OP) HO_REDUCTION_OPS(OP) HO_ARRANGEMENT_OPS(OP) HO_PRODUCT_OPS(OP)

/* HO_OP_NEG and so on: what trace.h passes as op. */
#define HO_OP_NUMBER(NAME, name, number, ...) HO_OP_##NAME = number,
enum ho_op_number { HO_OPS(HO_OP_NUMBER) };
#undef HO_OP_NUMBER

#endif
