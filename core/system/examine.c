/* Running programs. Where asked to, results are examined for NaN and Inf, and the reference evaluator finds the node
 * that they came from. */
#include "system/internal.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t node_count(const ho_training *training, ho_node node)
{
    return ho_shape_count(&ho_graph_at(training->ground.graph, node)->shape);
}

static int32_t node_rank(const ho_training *training, ho_node node)
{
    return ho_graph_at(training->ground.graph, node)->shape.rank;
}

/* The first output with a bad entry, and the entry; output_count: none. */
static size_t bad_output(const ho_training *training, const ho_program *program, int64_t *entry)
{
    for (size_t i = 0; i < program->output_count; i++) {
        int64_t count = node_count(training, program->outputs[i]);
        *entry = 0;
        if (node_rank(training, program->outputs[i]) == 0) {
            if (!isfinite(*(const double *)program->out[i]))
                return i;
        } else if ((*entry = ho_numbers_bad(&training->ground, program->out[i], count)) < count) {
            return i;
        }
    }
    return program->output_count;
}

/* What ran: "step 37", "the derivatives of step 37", ... */
static void name_run(const ho_training *training, const ho_program *program, char text[80])
{
    static const char *const maps[] = {[HO_STEP] = "step",
                                       [HO_INITIAL] = "the initial state",
                                       [HO_RESTART] = "the start of a training",
                                       [HO_ERROR] = "the validation error",
                                       [HO_OBJECTIVE] = "the training objective",
                                       [HO_EVALUATE] = "the evaluation"};
    static const char *const hows[] = {[HO_VALUE] = "",
                                       [HO_JVP] = "the derivatives of ",
                                       [HO_VJP] = "the derivatives of ",
                                       [HO_BRANCHES] = "the branches of "};
    snprintf(text, 80, "%s%s", hows[program->how], maps[program->map]);
    if (program->map == HO_STEP)
        snprintf(text + strlen(text), 80 - strlen(text), " %.0f", training->t);
}

/* The program's inputs as doubles; NULL where memory is short. */
static double **inputs_as_doubles(const ho_training *training, const ho_program *program, ho_error *error)
{
    double **values = ho_alloc((program->input_count + 1) * sizeof *values);
    for (size_t i = 0; i < program->input_count && !error->status; i++) {
        int64_t count = node_count(training, program->inputs[i]);
        values[i] = ho_large_alloc((uint64_t)count, sizeof **values, "the search for a NaN", error);
        if (!values[i])
            break;
        if (node_rank(training, program->inputs[i]) == 0)
            values[i][0] = *(const double *)program->in[i];
        else
            ho_numbers_get(&training->ground, program->in[i], count, values[i]);
    }
    return values;
}

/* Evaluates outputs by the reference and says which node is the first bad one; result: of the last output's first bad
 * entry, NAN or an infinity. */
static ho_node locate(const ho_training *training, const ho_program *program, double *const *values,
                      const ho_node *outputs, size_t count, double *bad_value, ho_error *error)
{
    ho_node first = HO_POISON;
    double **results = ho_alloc((count + 1) * sizeof *results);
    for (size_t i = 0; i < count && !error->status; i++)
        results[i] =
            ho_large_alloc((uint64_t)node_count(training, outputs[i]), sizeof **results, "the search for a NaN", error);
    if (!error->status)
        ho_reference_run(training->ground.graph, training->ground.problem->precision, program->inputs,
                         (const double *const *)values, program->input_count, outputs, results, count, &first, error);
    for (int64_t i = 0; !error->status && i < node_count(training, outputs[count - 1]); i++)
        if (!isfinite(results[count - 1][i])) {
            *bad_value = results[count - 1][i];
            break;
        }
    for (size_t i = 0; i < count; i++)
        ho_large_free(results[i]);
    free(results);
    return first;
}

/* Scalars are f64 in any precision: one that f32 cannot hold is infinite only where it meets a tensor. */
static void name_number_beyond_f32(const ho_training *training, const ho_program *program, char *text, size_t size)
{
    *text = '\0';
    if (training->ground.problem->precision != HO_F32)
        return;
    for (size_t i = 0; i < program->input_count; i++) {
        const double number = node_rank(training, program->inputs[i]) == 0 ? *(const double *)program->in[i] : 0;
        if (isfinite(number) && fabs(number) > (double)FLT_MAX) {
            snprintf(text, size, "; %s = %g is beyond the range of f32, try precision: f64",
                     ho_graph_at(training->ground.graph, program->inputs[i])->name, number);
            return;
        }
    }
}

static ho_status report(ho_training *training, const ho_program *program, size_t output, int64_t entry, ho_node first,
                        double value)
{
    char run[80], shape[HO_SHAPE_TEXT], place[HO_SOURCE_TEXT], beyond[160];
    name_run(training, program, run);
    name_number_beyond_f32(training, program, beyond, sizeof beyond);
    if (first == HO_POISON)
        return ho_fail(&training->ground.error, HO_DIVERGED, "%s: entry %" PRId64 " of %s is NaN or infinite%s", run,
                       entry, program->labels[output], beyond);
    const ho_graph_node *node = ho_graph_at(training->ground.graph, first);
    const char *what = isnan(value) ? "NaN" : value > 0 ? "Inf" : "-Inf";
    if (node->op == HO_OP_LEAF)
        return ho_fail(&training->ground.error, HO_DIVERGED, "%s: its input \"%s\" holds %s already", run, node->name,
                       what);
    ho_source source = ho_graph_source(training->ground.graph, node->source);
    ho_shape_print(&node->shape, shape);
    ho_source_print(source, true, place);
    return ho_fail(&training->ground.error, HO_DIVERGED, "%s: %s of shape %s (plugin \"%s\"%s%s) gives %s in %s%s", run,
                   ho_op_name(node->op), shape, source.plugin, *place ? ", " : "", place, what, program->labels[output],
                   beyond);
}

static ho_status examine(ho_training *training, ho_program *program)
{
    int64_t entry = 0;
    size_t output = bad_output(training, program, &entry);
    if (output == program->output_count)
        return HO_OK;
    ho_error error = {0};
    ho_node first = HO_POISON;
    double value = NAN;
    double **values = inputs_as_doubles(training, program, &error);
    if (!error.status)
        first = locate(training, program, values, program->outputs, program->output_count, &value, &error);
    if (!error.status && first != HO_POISON)
        locate(training, program, values, &first, 1, &value, &error);
    for (size_t i = 0; i < program->input_count; i++)
        ho_large_free(values[i]);
    free(values);
    return report(training, program, output, entry, error.status ? HO_POISON : first, value);
}

ho_status ho_program_run(ho_training *training, ho_program *program, const ho_residuals *residuals)
{
    for (size_t i = 0; i < program->input_count; i++)
        if (program->residual[i] == NO_RESIDUAL)
            program->in[i] = training->ground.leaves[program->leaves[i]].data;
        else
            program->in[i] = residuals->memory + training->keeping.offsets[program->residual[i]];
    ho_plan_run(program->plan, program->in, program->out);
    return training->examine ? examine(training, program) : HO_OK;
}
