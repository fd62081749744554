/*
 * The primitive operations of a trace. Their numbers and their meaning are ABI: a new meaning is a new op.
 *
 * Every value is a tensor of reals of rank 0 to HO_MAX_RANK. Rank 0 is computed in f64 whatever the run's precision.
 * Elementwise ops take operands of one shape; any of them may have rank 0 instead. (The calls of trace.h broadcast
 * as NumPy does before they come here.) Comparisons answer 1 or 0. Axes are counted from the end: 1 is the last.
 */
#ifndef HOTOOL_OPS_H
#define HOTOOL_OPS_H

/* Leaves, made by the host. */
#define HO_OP_LEAF  1u /* a tensor bound when the graph is run */
#define HO_OP_CONST 2u /* one number in every entry */
#define HO_OP_IOTA  3u /* 0, 1, ..., n-1 */

/* Elementwise, one operand. */
#define HO_OP_NEG   10u
#define HO_OP_ABS   11u /* derivative: sign(x) */
#define HO_OP_SIGN  12u /* -1, 0, 1; derivative 0 */
#define HO_OP_EXP   13u
#define HO_OP_EXPM1 14u
#define HO_OP_LOG   15u
#define HO_OP_LOG1P 16u
#define HO_OP_SQRT  17u /* derivative rsqrt(x)/2, hence 0 at 0 */
#define HO_OP_RSQRT 18u /* 1/sqrt(x), and 0 at 0; derivative -rsqrt(x)^3/2, hence 0 at 0 */
#define HO_OP_TANH  19u
#define HO_OP_SIN   20u
#define HO_OP_COS   21u
#define HO_OP_ERF   22u
#define HO_OP_FLOOR 23u /* derivative 0 */
#define HO_OP_STOP  24u /* x, taken as a constant by every derivative */

/* Elementwise, two operands. */
#define HO_OP_ADD        30u
#define HO_OP_SUB        31u
#define HO_OP_MUL        32u
#define HO_OP_DIV        33u
#define HO_OP_POW        34u /* C's pow; d/da = b a^(b-1); d/db = log(a) a^b, and 0 where a <= 0 */
#define HO_OP_MAX        35u /* the derivative of a tie goes to b: max(x, 0) has slope 0 at 0. NaN in either: NaN */
#define HO_OP_MIN        36u /* the derivative of a tie goes to b. NaN in either: NaN */
#define HO_OP_LESS       37u
#define HO_OP_LESS_EQUAL 38u
#define HO_OP_EQUAL      39u

/* Elementwise, three operands. */
#define HO_OP_SELECT 40u /* c != 0 ? a : b, by entry; the branch not taken gives no derivative and no NaN */

/* Reductions over adjacent axes, which disappear. */
#define HO_OP_SUM     50u
#define HO_OP_MAXIMUM 51u /* the derivative of a tie is shared equally */

/* Rearrangements. */
#define HO_OP_RESHAPE   60u
#define HO_OP_EXPAND    61u /* axes of size 1 repeated */
#define HO_OP_TRANSPOSE 62u /* the last two axes exchanged */
#define HO_OP_SLICE     63u /* a range of one axis */
#define HO_OP_PAD       64u /* zeros around one axis */
#define HO_OP_CONCAT    65u /* any number of operands along one axis */

/* Products and indexing. */
#define HO_OP_MATMUL \
    70u /* of the last two axes; either operand may have one leading axis more, over which it is mapped */
#define HO_OP_GATHER  71u /* entries of one axis by a vector of indices (whole numbers in range; the host checks) */
#define HO_OP_SCATTER 72u /* the transpose of gather: adds entries where the indices say, onto zeros */

#endif
