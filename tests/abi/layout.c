/*
 * The ABI's layout: where each member of each public struct lies on machines with 64-bit pointers. An assertion that
 * fails means that a member was inserted, removed or resized, so that plugins already built would read the wrong one:
 * before the freeze as 1.0 that takes a new minor, after it a new major. A member appended gets a new line.
 */
#include "hotool/plugin.h"

#if UINTPTR_MAX == 0xffffffffffffffffu

#define AT(type, member, offset) \
    _Static_assert(offsetof(struct type, member) == (offset), #type "." #member " has moved")
/* A struct only grows. */
#define SIZE(type, bytes) _Static_assert(sizeof(struct type) >= (bytes), #type " has shrunk")

/* ho_table */
AT(ho_table, rows, 0);
AT(ho_table, count, 8);
AT(ho_table, row_size, 12);
SIZE(ho_table, 16);

/* ho_option */
AT(ho_option, name, 0);
AT(ho_option, type, 8);
AT(ho_option, required, 12);
AT(ho_option, initial, 16);
AT(ho_option, doc, 24);
AT(ho_option, least, 32);
AT(ho_option, most, 40);
AT(ho_option, choices, 48);
AT(ho_option, fields, 56);
SIZE(ho_option, 72);

/* ho_hyper */
AT(ho_hyper, name, 0);
AT(ho_hyper, initial, 8);
AT(ho_hyper, domain, 16);
AT(ho_hyper, doc, 24);
AT(ho_hyper, shape, 32);
AT(ho_hyper, structure, 40);
SIZE(ho_hyper, 48);

/* ho_slot */
AT(ho_slot, name, 0);
AT(ho_slot, doc, 8);
AT(ho_slot, initial, 16);
SIZE(ho_slot, 24);

/* ho_setup_api */
AT(ho_setup_api, struct_size, 0);
AT(ho_setup_api, option_real, 8);
AT(ho_setup_api, option_integer, 16);
AT(ho_setup_api, option_boolean, 24);
AT(ho_setup_api, option_string, 32);
AT(ho_setup_api, option_count, 40);
AT(ho_setup_api, option_real_at, 48);
AT(ho_setup_api, option_string_at, 56);
AT(ho_setup_api, alloc, 64);
AT(ho_setup_api, fail, 72);
AT(ho_setup_api, fail_at, 80);
AT(ho_setup_api, row, 88);
AT(ho_setup_api, row_name, 96);
AT(ho_setup_api, describe, 104);
AT(ho_setup_api, join, 112);
AT(ho_setup_api, extension, 120);
SIZE(ho_setup_api, 128);

/* ho_setup */
AT(ho_setup, api, 0);
SIZE(ho_setup, 8);

/* ho_plugin */
AT(ho_plugin, struct_size, 0);
AT(ho_plugin, abi_major, 4);
AT(ho_plugin, abi_minor, 8);
AT(ho_plugin, kind, 12);
AT(ho_plugin, name, 16);
AT(ho_plugin, version, 24);
AT(ho_plugin, doc, 32);
AT(ho_plugin, details, 40);
AT(ho_plugin, options, 48);
AT(ho_plugin, hypers, 64);
AT(ho_plugin, calls, 80);
AT(ho_plugin, create, 88);
AT(ho_plugin, destroy, 96);
AT(ho_plugin, describes, 104);
AT(ho_plugin, reserved, 108);
AT(ho_plugin, extension, 112);
SIZE(ho_plugin, 120);

/* ho_bundle_calls */
AT(ho_bundle_calls, struct_size, 0);
AT(ho_bundle_calls, reserved, 4);
AT(ho_bundle_calls, plugins, 8);
SIZE(ho_bundle_calls, 24);

/* ho_host */
AT(ho_host, struct_size, 0);
AT(ho_host, abi_major, 4);
AT(ho_host, abi_minor, 8);
AT(ho_host, reserved, 12);
AT(ho_host, name, 16);
AT(ho_host, version, 24);
SIZE(ho_host, 32);

/* ho_about */
AT(ho_about, struct_size, 0);
AT(ho_about, reserved, 4);
AT(ho_about, author, 8);
AT(ho_about, license, 16);
AT(ho_about, url, 24);
SIZE(ho_about, 32);

/* ho_value */
AT(ho_value, id, 0);
SIZE(ho_value, 4);

/* ho_trace_api */
AT(ho_trace_api, struct_size, 0);
AT(ho_trace_api, let, 8);
AT(ho_trace_api, formula, 16);
AT(ho_trace_api, get, 24);
AT(ho_trace_api, set, 32);
AT(ho_trace_api, has, 40);
AT(ho_trace_api, size, 48);
AT(ho_trace_api, shape, 56);
AT(ho_trace_api, constant, 64);
AT(ho_trace_api, fill, 72);
AT(ho_trace_api, iota, 80);
AT(ho_trace_api, unary, 88);
AT(ho_trace_api, binary, 96);
AT(ho_trace_api, select, 104);
AT(ho_trace_api, reduce, 112);
AT(ho_trace_api, reduce_all, 120);
AT(ho_trace_api, reshape, 128);
AT(ho_trace_api, expand, 136);
AT(ho_trace_api, transpose, 144);
AT(ho_trace_api, slice, 152);
AT(ho_trace_api, concat, 160);
AT(ho_trace_api, matmul, 168);
AT(ho_trace_api, gather, 176);
AT(ho_trace_api, gradient, 184);
AT(ho_trace_api, weight, 192);
AT(ho_trace_api, normal, 200);
AT(ho_trace_api, fail, 208);
AT(ho_trace_api, ok, 216);
SIZE(ho_trace_api, 224);

/* ho_trace */
AT(ho_trace, api, 0);
SIZE(ho_trace, 8);

/* ho_dynamics_calls */
AT(ho_dynamics_calls, struct_size, 0);
AT(ho_dynamics_calls, granularity, 4);
AT(ho_dynamics_calls, slots, 8);
AT(ho_dynamics_calls, step, 24);
SIZE(ho_dynamics_calls, 32);

/* ho_model_calls */
AT(ho_model_calls, struct_size, 0);
AT(ho_model_calls, reserved, 4);
AT(ho_model_calls, weights, 8);
AT(ho_model_calls, forward, 16);
SIZE(ho_model_calls, 24);

/* ho_loss_calls */
AT(ho_loss_calls, struct_size, 0);
AT(ho_loss_calls, targets, 4);
AT(ho_loss_calls, per_example, 8);
SIZE(ho_loss_calls, 16);

/* ho_penalty_calls */
AT(ho_penalty_calls, struct_size, 0);
AT(ho_penalty_calls, reserved, 4);
AT(ho_penalty_calls, value, 8);
SIZE(ho_penalty_calls, 16);

/* ho_array */
AT(ho_array, struct_size, 0);
AT(ho_array, role, 4);
AT(ho_array, type, 8);
AT(ho_array, rank, 12);
AT(ho_array, dims, 16);
AT(ho_array, classes, 48);
AT(ho_array, name, 56);
AT(ho_array, source, 64);
AT(ho_array, values, 72);
SIZE(ho_array, 80);

/* ho_data_api */
AT(ho_data_api, struct_size, 0);
AT(ho_data_api, file, 8);
AT(ho_data_api, npy, 16);
AT(ho_data_api, alloc, 24);
AT(ho_data_api, emit, 32);
AT(ho_data_api, truth, 40);
AT(ho_data_api, class_name, 48);
AT(ho_data_api, fail, 56);
AT(ho_data_api, uniform, 64);
AT(ho_data_api, normal, 72);
AT(ho_data_api, note, 80);
AT(ho_data_api, wait, 88);
SIZE(ho_data_api, 96);

/* ho_data */
AT(ho_data, api, 0);
SIZE(ho_data, 8);

/* ho_data_calls */
AT(ho_data_calls, struct_size, 0);
AT(ho_data_calls, emits_parts, 4);
AT(ho_data_calls, read, 8);
AT(ho_data_calls, unordered, 16);
AT(ho_data_calls, generated, 20);
AT(ho_data_calls, next, 24);
AT(ho_data_calls, only_onward, 32);
SIZE(ho_data_calls, 40);

/* ho_constrained */
AT(ho_constrained, struct_size, 0);
AT(ho_constrained, structure, 4);
AT(ho_constrained, rank, 8);
AT(ho_constrained, reserved, 12);
AT(ho_constrained, dims, 16);
AT(ho_constrained, count, 48);
AT(ho_constrained, lower, 56);
AT(ho_constrained, upper, 64);
AT(ho_constrained, name, 72);
SIZE(ho_constrained, 80);

/* ho_constraint_calls */
AT(ho_constraint_calls, struct_size, 0);
AT(ho_constraint_calls, reserved, 4);
AT(ho_constraint_calls, fits, 8);
AT(ho_constraint_calls, project, 16);
SIZE(ho_constraint_calls, 24);

/* ho_system_api */
AT(ho_system_api, struct_size, 0);
AT(ho_system_api, reserved, 4);
AT(ho_system_api, lambda_size, 8);
AT(ho_system_api, directions, 16);
AT(ho_system_api, direction, 24);
AT(ho_system_api, vector_new, 32);
AT(ho_system_api, vector_free, 40);
AT(ho_system_api, vector_bytes, 48);
AT(ho_system_api, copy, 56);
AT(ho_system_api, axpby, 64);
AT(ho_system_api, dot, 72);
AT(ho_system_api, initial, 80);
AT(ho_system_api, initial_jvp, 88);
AT(ho_system_api, initial_vjp, 96);
AT(ho_system_api, step, 104);
AT(ho_system_api, jvp, 112);
AT(ho_system_api, vjp, 120);
AT(ho_system_api, error, 128);
AT(ho_system_api, error_gradient, 136);
AT(ho_system_api, alloc, 144);
AT(ho_system_api, free_memory, 152);
AT(ho_system_api, fail, 160);
AT(ho_system_api, poll, 168);
AT(ho_system_api, norms, 176);
AT(ho_system_api, steps, 184);
AT(ho_system_api, zero, 192);
AT(ho_system_api, residuals_new, 200);
AT(ho_system_api, residuals_free, 208);
AT(ho_system_api, residuals_bytes, 216);
AT(ho_system_api, linearize, 224);
AT(ho_system_api, residual_step, 232);
AT(ho_system_api, residual_jvp, 240);
AT(ho_system_api, residual_vjp, 248);
AT(ho_system_api, memory, 256);
AT(ho_system_api, batch, 264);
AT(ho_system_api, tell, 272);
AT(ho_system_api, restoring, 280);
AT(ho_system_api, pass, 288);
AT(ho_system_api, pass_vector, 296);
AT(ho_system_api, hyperparameter, 304);
AT(ho_system_api, costs, 312);
AT(ho_system_api, rest, 320);
AT(ho_system_api, fail_at, 328);
SIZE(ho_system_api, 336);

/* ho_system */
AT(ho_system, api, 0);
SIZE(ho_system, 8);

/* ho_call_cost */
AT(ho_call_cost, seconds, 0);
AT(ho_call_cost, bytes, 8);
SIZE(ho_call_cost, 16);

/* ho_mode_costs */
AT(ho_mode_costs, struct_size, 0);
AT(ho_mode_costs, reserved, 4);
AT(ho_mode_costs, steps, 8);
AT(ho_mode_costs, hypergradients, 16);
AT(ho_mode_costs, directions, 24);
AT(ho_mode_costs, state_bytes, 32);
AT(ho_mode_costs, step, 40);
AT(ho_mode_costs, jvp, 56);
AT(ho_mode_costs, jvp_column, 72);
AT(ho_mode_costs, vjp, 88);
AT(ho_mode_costs, residual_bytes, 104);
AT(ho_mode_costs, memory, 112);
AT(ho_mode_costs, linearize, 120);
AT(ho_mode_costs, residual_step, 136);
AT(ho_mode_costs, residual_vjp, 152);
SIZE(ho_mode_costs, 168);

/* ho_mode_calls */
AT(ho_mode_calls, struct_size, 0);
AT(ho_mode_calls, approximate, 4);
AT(ho_mode_calls, start, 8);
AT(ho_mode_calls, advance, 16);
AT(ho_mode_calls, hypergradient, 24);
AT(ho_mode_calls, state, 32);
AT(ho_mode_calls, forget, 40);
AT(ho_mode_calls, bytes, 48);
AT(ho_mode_calls, end, 56);
AT(ho_mode_calls, tangent_norms, 64);
AT(ho_mode_calls, estimate, 72);
AT(ho_mode_calls, residual_bytes, 80);
AT(ho_mode_calls, pass, 88);
AT(ho_mode_calls, steps_back, 96);
SIZE(ho_mode_calls, 104);

#endif

_Static_assert(HO_ABI_MAJOR == 0, "another major is another exported symbol: see HO_PLUGIN_SYMBOL");
_Static_assert(HO_MAX_RANK == 4, "the size of dims in ho_array, ho_constrained and ho_trace_api.shape");
_Static_assert(sizeof(ho_value) == 4 && sizeof(ho_status) == 4, "handles and statuses are 32 bits");

/* What numbers mean. */
#define IS(name, number) _Static_assert((name) == (number), #name " has changed")
/* abi.h */
IS(HO_OK, 0);
IS(HO_FAILED, 1);
IS(HO_INVALID, 2);
IS(HO_DIVERGED, 3);
IS(HO_INTERRUPTED, 4);
IS(HO_DYNAMICS, 1);
IS(HO_MODEL, 2);
IS(HO_LOSS, 3);
IS(HO_PENALTY, 4);
IS(HO_MODE, 5);
IS(HO_DATA, 6);
IS(HO_CONSTRAINT, 7);
IS(HO_REAL, 1);
IS(HO_INTEGER, 2);
IS(HO_BOOLEAN, 3);
IS(HO_STRING, 4);
IS(HO_PATH, 5);
IS(HO_CHOICE, 6);
IS(HO_REALS, 7);
IS(HO_STRINGS, 8);
IS(HO_BYTES, 9);
IS(HO_LINES, 10);
IS(HO_ROWS, 11);
IS(HO_ANY, 0);
IS(HO_NONNEGATIVE, 1);
IS(HO_UNIT, 2);
IS(HO_DECAY, 3);
IS(HO_POSITIVE, 4);
IS(HO_SYMMETRIC, 1);
IS(HO_ZERO_DIAGONAL, 2);
/* ops.h */
IS(HO_OP_LEAF, 1);
IS(HO_OP_CONST, 2);
IS(HO_OP_IOTA, 3);
IS(HO_OP_NEG, 100);
IS(HO_OP_ABS, 101);
IS(HO_OP_SIGN, 102);
IS(HO_OP_EXP, 103);
IS(HO_OP_EXPM1, 104);
IS(HO_OP_LOG, 105);
IS(HO_OP_LOG1P, 106);
IS(HO_OP_SQRT, 107);
IS(HO_OP_RSQRT, 108);
IS(HO_OP_TANH, 109);
IS(HO_OP_SIN, 110);
IS(HO_OP_COS, 111);
IS(HO_OP_ERF, 112);
IS(HO_OP_FLOOR, 113);
IS(HO_OP_STOP, 114);
IS(HO_OP_ADD, 200);
IS(HO_OP_SUB, 201);
IS(HO_OP_MUL, 202);
IS(HO_OP_DIV, 203);
IS(HO_OP_POW, 204);
IS(HO_OP_MAX, 205);
IS(HO_OP_MIN, 206);
IS(HO_OP_LESS, 220);
IS(HO_OP_LESS_EQUAL, 221);
IS(HO_OP_EQUAL, 222);
IS(HO_OP_SELECT, 300);
IS(HO_OP_SUM, 400);
IS(HO_OP_MAXIMUM, 401);
IS(HO_OP_RESHAPE, 500);
IS(HO_OP_EXPAND, 501);
IS(HO_OP_TRANSPOSE, 502);
IS(HO_OP_SLICE, 503);
IS(HO_OP_PAD, 504);
IS(HO_OP_CONCAT, 505);
IS(HO_OP_MATMUL, 600);
IS(HO_OP_GATHER, 601);
IS(HO_OP_SCATTER, 602);
/* trace.h */
IS(HO_WHOLE, 0);
IS(HO_PER_TENSOR, 1);
IS(HO_TARGET_ANY, 0);
IS(HO_TARGET_LABELS, 1);
IS(HO_TARGET_REALS, 2);
/* mode.h */
IS(HO_TELL_NOTE, 0);
IS(HO_TELL_WARNING, 1);
IS(HO_TELL_CHOICE, 2);
/* data.h */
IS(HO_ARRAY_F32, 1);
IS(HO_ARRAY_F64, 2);
IS(HO_ARRAY_U8, 3);
IS(HO_ARRAY_I64, 4);
IS(HO_ROLE_INPUTS, 1);
IS(HO_ROLE_LABELS, 2);
IS(HO_ROLE_REALS, 3);
