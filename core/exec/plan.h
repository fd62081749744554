/*
 * Inside a plan. It is made in this order:
 *
 *   parts.c    large nodes that are made of several tensors are computed tensor by tensor
 *   lower.c    graph nodes become items (values to compute) and views (rearrangements, which are only strides)
 *   fuse.c     items get levels; elementwise items of one level and length become one kernel
 *   emit.c     items become steps; tidy.c pairs the instructions of a kernel and shares its temporaries
 *   rows.c     steps that read a large matrix twice run on a block of its rows after another
 *   buffers.c  stored items get addresses, which are reused when nothing reads them any more
 *   plan.c     calls these in turn; run.c runs the steps, in the threads of threads.c; kernels.inc.h is the arithmetic
 */
#ifndef HO_EXEC_PLAN_H
#define HO_EXEC_PLAN_H

#include "exec/exec.h"
#include "exec/threads.h"

/* The entries of a block of a kernel take so many bytes: a few temporaries fit the first-level cache. Sums are split at
 * multiples of a block, so their bits depend on it. */
#define HO_BLOCK_BYTES 4096
/* Distance between temporaries: not a power of two, so that they do not compete for the same cache lines. */
#define HO_TEMP_BYTES (HO_BLOCK_BYTES + 256)

/* ---- what runs ------------------------------------------------------------------------------------------------- */

/* A strided array in a buffer, from an offset in elements. Stride 0 repeats. */
typedef struct ho_strided {
    int32_t buffer;
    int32_t rank;
    int64_t offset;
    int64_t dims[HO_RANK_MAX], strides[HO_RANK_MAX];
} ho_strided;

typedef enum ho_operand_kind { HO_IN_NONE, HO_IN_TEMP, HO_IN_BUFFER, HO_IN_SLOT } ho_operand_kind;

/* An operand or result of an instruction: a temporary of one block, a position in a buffer that advances with the
 * blocks, or a scalar slot. */
typedef struct ho_operand {
    ho_operand_kind kind;
    int32_t index;
    int64_t offset;
} ho_operand;

typedef enum ho_instruction_kind {
    HO_DO_UNARY, /* dst = op(in...) */
    HO_DO_BINARY,
    HO_DO_TERNARY,
    HO_DO_PAIR,   /* dst = second(op(in[0], in[1]), in[2]), each rounded; `swapped`: second(in[2], op(...)) */
    HO_DO_COPY,   /* dst = in[0], which may be a number */
    HO_DO_STREAM, /* dst = in[0], past the caches */
    HO_DO_LOAD,   /* dst = the block's part of `strided` */
    HO_DO_STORE,  /* rows of `strided` = in[0] */
    HO_DO_REDUCE, /* folds in[0] into `reduce` */
    HO_DO_NOTHING /* left over by pairing */
} ho_instruction_kind;

/* A reduction of (outer, extent, inner) over its middle axis. */
typedef struct ho_reduce_into {
    uint32_t op;
    int64_t outer, extent, inner;
    ho_operand result; /* a slot, or a buffer */
    int64_t part;      /* entries that are folded one after another; a power of two of blocks */
    int32_t partial; /* buffer of 2 x inner doubles for each part: of what began before it, and of what goes on after */
} ho_reduce_into;

typedef struct ho_instruction {
    ho_instruction_kind kind;
    uint32_t op, second; /* second, swapped: PAIR */
    bool swapped;
    ho_operand dst, in[3];
    int32_t extra; /* LOAD, STORE: into strided; REDUCE: into reduces */
} ho_instruction;

typedef struct ho_kernel {
    int64_t count; /* elements */
    ho_instruction *instructions;
    size_t length;
    ho_strided *strided;
    size_t strided_count;
    ho_reduce_into *reduces;
    size_t reduce_count;
    int64_t grain; /* shares of workers end at multiples of it: the largest part of a reduction, or a block */
    int32_t temps;
} ho_kernel;

/* Products of more columns than this can add to what is there. */
#define HO_NARROW 32

/* c = a @ b, or c += a @ b, mapped over `batch`. `row`, `column` and `step` (to the next of the batch) are strides in
 * elements; one of row and column is 1. */
typedef struct ho_matrix {
    int32_t buffer;
    int64_t offset, row, column, step;
} ho_matrix;

typedef struct ho_product {
    int64_t batch, m, n, k;
    ho_matrix a, b, c;
    bool add;
    int32_t pack; /* buffer for packed operands that workers share; -1: this product goes to the BLAS */
} ho_product;

/* out[o, j, i] = in[o, index[j], i], or out[o, index[j], i] += in[o, j, i]. */
typedef struct ho_indexing {
    bool scatter;
    int64_t outer, size, indices, inner; /* size: of the indexed axis */
    ho_operand in, index, out;
} ho_indexing;

/* The zeros of a pad: (outer, before + middle + after, inner). */
typedef struct ho_zeros {
    int64_t outer, before, middle, after, inner;
    ho_operand out;
} ho_zeros;

typedef struct ho_scalar_step {
    uint32_t op; /* an elementwise op; or HO_OP_RESHAPE, which reads one element of a buffer */
    int32_t dst, in[3];
    ho_operand from;
} ho_scalar_step;

typedef enum ho_step_kind {
    HO_STEP_SCALAR,
    HO_STEP_KERNEL,
    HO_STEP_PRODUCT,
    HO_STEP_INDEX,
    HO_STEP_ZEROS
} ho_step_kind;

typedef struct ho_step {
    ho_step_kind kind;
    int32_t level;
    int32_t together;    /* this many steps from here on run by row blocks; 0: one after another */
    int64_t rows, block; /* together: of all, and of a block */
    bool by_rows;        /* in a block: rows need nothing but the same rows of other such steps */
    union {
        ho_scalar_step scalar;
        ho_kernel kernel;
        ho_product product;
        ho_indexing indexing;
        ho_zeros zeros;
    } as;
} ho_step;

/* Where an input or output of the plan goes: a slot (rank 0), a buffer, or nowhere (an input that is not needed). */
typedef struct ho_binding {
    ho_operand_kind kind;
    int32_t index;
} ho_binding;

/* Rows first .. last-1 of so many; (0, 1, 1): all. */
typedef struct ho_rows {
    int64_t first, last, of;
} ho_rows;

/* The arithmetic of one precision and one instruction set. All workers of a plan call the kernel or the product, or one
 * of them does; what they write depends on nothing but the operands. */
typedef struct ho_arithmetic {
    const char *name;
    void (*kernel)(const ho_kernel *kernel, void *const *address, double *slots, const ho_worker *worker, ho_rows rows);
    void (*index)(const ho_indexing *indexing, void *const *address);
    /* How many elements of packing space this product needs, or -1 if it is for the BLAS; and of scratch, for each
     * worker. */
    int64_t (*pack_size)(const ho_product *product);
    int64_t (*scratch_size)(const ho_product *product);
    void (*product)(const ho_product *product, void *const *address, const ho_worker *worker, ho_rows rows);
    /* In which parts such a product can be computed, one after another from the first: 1: any number of its m rows;
     * more: multiples of so many of the k terms of its sums; 0: in none. */
    int64_t (*product_unit)(const ho_product *product);
} ho_arithmetic;

const ho_arithmetic *ho_arithmetic_for(ho_precision precision);

struct ho_plan {
    ho_precision precision;
    const ho_arithmetic *arithmetic;
    size_t input_count, output_count;
    ho_binding *inputs, *outputs;
    ho_step *steps;
    size_t step_count;
    double *slots;
    size_t slot_count;
    void **address; /* of each buffer */
    size_t buffer_count;
    void *memory;         /* buffers, constants and temporaries */
    int32_t threads;      /* at most */
    bool small;           /* too little work to wake them for */
    void *temps;          /* of the first worker */
    uint64_t temps_bytes; /* of each */
    uint64_t bytes;
    struct ho_profile *profile; /* NULL: the plan is not measured */
};

/* ---- profiles (profile.h) -------------------------------------------------------------------------------------- */

typedef struct ho_profile ho_profile;

/* A new profile; NULL where profiling is off. */
ho_profile *ho_profile_new(void);

/* ---- what is planned ------------------------------------------------------------------------------------------- */

typedef enum ho_item_kind {
    HO_ITEM_INPUT,
    HO_ITEM_IOTA,    /* filled when the plan is made */
    HO_ITEM_SCALAR,  /* rank 0: a leaf, a number, an elementwise op, or one element of a tensor (HO_OP_RESHAPE) */
    HO_ITEM_ELEMENT, /* elementwise; HO_OP_STOP copies a view */
    HO_ITEM_REDUCE,
    HO_ITEM_PRODUCT, /* in[0] @ in[1], or in[0] @ in[1] + in[2] @ in[3] */
    HO_ITEM_ARRANGE, /* a buffer that other items write their parts of: concat and pad */
    HO_ITEM_INDEX
} ho_item_kind;

/* A graph node as part of an item, by strides as above. They are 0 for an item of kind SCALAR. */
typedef struct ho_view {
    int32_t item;
    int64_t offset;
    ho_shape shape;
    int64_t strides[HO_RANK_MAX];
} ho_view;

/* A value to compute, stored densely if it is stored. */
typedef struct ho_item {
    ho_item_kind kind;
    uint32_t op, source;
    ho_shape shape;
    int64_t count;
    ho_view *in;
    uint32_t arity;
    double value;                 /* a number */
    ho_around around;             /* REDUCE, ARRANGE, INDEX: around the axes concerned */
    int64_t before, after;        /* PAD */
    int32_t input;                /* INPUT and leaf SCALAR: which */
    int32_t output;               /* lives in this output's memory, or -1 */
    int32_t parent;               /* the ARRANGE that it is part of, or -1 */
    int64_t place, row, row_step; /* in the parent: offset; rows of `row` elements, `row_step` apart */
    int32_t slot;                 /* rank 0 */
    int32_t level;
    bool stored;
    int32_t buffer; /* stored: buffer and offset */
    int64_t offset;
    int32_t temp;          /* in the kernel being written, or -1 */
    bool grouped, written; /* into a kernel */
} ho_item;

typedef struct ho_lowered {
    const ho_graph *graph;
    ho_precision precision;
    ho_arena *arena;
    ho_item *items;
    size_t count, capacity;
    ho_error *error;
    uint32_t source;     /* of the node at hand */
    ho_view *views;      /* of each graph node, by id */
    uint32_t *uses;      /* of each graph node: operands and outputs */
    int32_t *input_of;   /* of each graph node: the input it is, or -1 */
    uint32_t *summed;    /* of each graph node: uses in sums of two products, which recompute the product */
    int32_t *copies;     /* of each graph node: the item that is its dense copy, or -1 */
    ho_node *cuts;       /* of each graph node: a concat that it is cut like, to be computed in parts, or HO_POISON */
    ho_view **parts;     /* of each graph node: these parts */
    bool *joined;        /* of each graph node: whether it is needed in one, too */
    ho_binding *outputs; /* index: the item in the slot or buffer */
    size_t input_count, output_count;
} ho_lowered;

/* A buffer to be placed: the first and last step that touch it. */
typedef struct ho_buffer {
    uint64_t bytes;
    int32_t first, last;
    int32_t input, output; /* the caller's memory, or -1 */
    int32_t constant;      /* the item, if its value never changes, or -1 */
    uint64_t at;           /* offset in the plan's memory */
} ho_buffer;

/* Fails with low->error. */
ho_status ho_lower(ho_lowered *low, const ho_node *inputs, const ho_node *outputs);
/* The operand that a node has the value of, or HO_POISON. A select between a value and the same value, stopped, matters
 * to derivatives alone. */
ho_node ho_passed_on(const ho_graph *graph, const ho_graph_node *node);
/* Whether a node is a sum of two products, which a BLAS adds in place. That depends on the node alone, so that its bits
 * do not depend on other users of the products. */
bool ho_sums_products(const ho_lowered *low, const ho_graph_node *node);
/* Decides which nodes are computed in parts: sets cuts and joined. `order`: of the nodes, whose uses are counted. */
void ho_find_parts(ho_lowered *low, const ho_node *order, size_t length, const ho_node *outputs);
bool ho_view_is_dense(const ho_view *view);
/* Whether the view is all of its item, in order. */
bool ho_view_is_whole(const ho_view *view, const ho_item *item);

/* Whether the last two axes are a matrix with contiguous rows. */
bool ho_lies_by_rows(const ho_view *view);
/* Whether products of a batch of matrices a with one b are one product with more rows. */
bool ho_batch_is_rows(const ho_view *a, const ho_view *b);

/* Sets the levels of the items, and which are stored. */
void ho_fuse_levels(ho_lowered *low);
/* Whether `user` can take its operand within the kernel that computes it, if both have the same level. */
bool ho_fuses(const ho_lowered *low, const ho_item *user, const ho_view *in);
/* What workers have to share in a step on these rows, in multiply-adds; 0: it is left to the first of them. */
double ho_shared_work(const ho_step *step, ho_rows rows);
/* Whether the sizes and strides of this product fit the integers of the BLAS, usually of 32 bits. */
bool ho_blas_counts(const ho_product *product);
/* Writes the steps of the plan, and the buffers that they use with their lifetimes into *buffers (free). Fails with
 * low->error. */
ho_status ho_emit(ho_lowered *low, ho_plan *plan, ho_buffer **buffers);
/* Finds steps that should run by row blocks, and keeps alive what they use meanwhile. */
void ho_find_row_blocks(ho_plan *plan, ho_buffer *buffers);
/* Both expect a kernel with temporaries 0..temps-1, each written once. If only one instruction reads the result of
 * another, the two become a pair, and the result stays in a register. */
void ho_pair_up(ho_kernel *kernel, int32_t temps);
/* Linear scan: a temporary is free after the instruction that reads it last, whose own result may take its place, since
 * loops read the operands of an entry before they write it. Sets kernel->temps. */
void ho_share_temps(ho_kernel *kernel, int32_t temps);
/* Notes in the plan's profile, where it has one, that its last step computes these items. */
void ho_profile_note(ho_plan *plan, const ho_lowered *low, const int32_t *items, size_t count);
/* Counts a run; adds the time of one of its steps, or of a part of it. The plan has a profile. */
void ho_profile_run(ho_plan *plan);
void ho_profile_add(ho_plan *plan, size_t step, double seconds);
/* Adds what the plan spent to the totals, and frees its profile. */
void ho_profile_close(ho_plan *plan);
/* Places the buffers in one allocation and sets addresses and constants. */
ho_status ho_lay_out(ho_lowered *low, ho_plan *plan, ho_buffer *buffers, ho_error *error);

#endif
