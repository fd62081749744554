/* What each command does with what it was given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "check/check.h"
#include "check/forecast.h"
#include "cli.h"
#include "exec/exec.h"
#include "exec/profile.h"
#include "new.h"
#include "plugins_help.h"
#include "profile_print.h"
#include "proof/proof.h"
#include "report/usage.h"
#include "run/head.h"
#include "run/run.h"
#include "runs/runs.h"
#include "tables.h"

static ho_status count_option(const char *name, const char *text, int fallback, int *count, ho_error *error)
{
    int64_t number = fallback;
    if (text && (!ho_parse_integer(text, &number) || number < 1 || number > 1024))
        return ho_fail(error, HO_INVALID, "%s %s: expected an integer from 1 to 1024", name, text);
    *count = (int)number;
    return HO_OK;
}

/* What commands on a pipeline have in common. *threads: of each run. */
static ho_status begin(const ho_cli *cli, const char *precision, int *threads, ho_pipeline_request *request,
                       ho_error *error)
{
    ho_notes_quiet(cli->quiet);
    if (count_option("--threads", cli->threads, 1, threads, error) != HO_OK)
        return error->status;
    ho_exec_threads(*threads);
    ho_profile_enable(cli->profile);
    *request = (ho_pipeline_request){.file = cli->operand,
                                     .sets = cli->sets,
                                     .set_count = cli->set_count,
                                     .mode = cli->mode,
                                     .precision = precision,
                                     .allow_generated = cli->allow_generated};
    return HO_OK;
}

/* For the commands that work on one variant. */
static ho_pipeline *read_pipeline(const ho_cli *cli, const char *precision, ho_registry *registry, ho_error *error)
{
    ho_pipeline_request request;
    int threads = 1;
    if (begin(cli, precision, &threads, &request, error) != HO_OK)
        return NULL;
    if (cli->variant_count > 1) {
        ho_fail(error, HO_INVALID, "--variant %s: expected one variant", cli->variants[1]);
        return NULL;
    }
    request.variant = cli->variant_count ? cli->variants[0] : NULL;
    return ho_pipeline_read(registry, &request, error);
}

/* Where the results are that have been shown. */
static char *shown_folder;

static ho_json *results; /* with --json: what is shown goes there */

static void show(const ho_record *record, const char *folder)
{
    if (results)
        ho_record_write(results, record);
    else
        ho_print_results(record, folder ? folder : "");
    free(shown_folder);
    shown_folder = folder ? ho_strdup(folder) : NULL;
}

static ho_run_request run_request(const ho_cli *cli)
{
    static char options[64];
    results = cli->results;
    snprintf(options, sizeof options, cli->threads ? " --threads %.32s" : "", cli->threads);
    return (ho_run_request){.out = cli->out,
                            .resume = cli->resume,
                            .quiet = cli->quiet,
                            .command_line = cli->command_line,
                            .options = options,
                            .interrupt = &ho_cli_interrupted,
                            .show = show};
}

/* What a run that is resumed was given when it began. */
static ho_status check_resume(const ho_cli *cli, ho_error *error)
{
    const char *given = !cli->resume           ? NULL
                        : cli->out             ? "--out"
                        : cli->task            ? "--task"
                        : cli->profile         ? "--profile"
                        : cli->operand         ? NULL
                        : cli->set_count       ? "--set"
                        : cli->variant_count   ? "--variant"
                        : cli->mode            ? "--mode"
                        : cli->precision       ? "--precision"
                        : cli->allow_generated ? "--allow-generated"
                                               : NULL;
    return given ? ho_fail(error, HO_INVALID, "%s: not with --resume: a run goes on as it was begun", given) : HO_OK;
}

/* "2/16". */
static ho_status parse_task(const ho_cli *cli, ho_run_request *request, ho_error *error)
{
    if (!cli->task)
        return HO_OK;
    const char *slash = strchr(cli->task, '/');
    char *first = slash ? ho_format("%.*s", (int)(slash - cli->task), cli->task) : ho_strdup("");
    if (!ho_parse_integer(first, &request->share) || !ho_parse_integer(slash + 1, &request->shares) ||
        request->share < 1 || request->share > request->shares)
        ho_fail(error, HO_INVALID, "--task %s: expected I/N, as 2/16: a share from 1, and their number", cli->task);
    else if (!cli->out)
        ho_fail(error, HO_INVALID, "--task needs --out DIR, the folder that all shares have in common");
    else if (cli->profile)
        ho_fail(error, HO_INVALID, "--profile measures one run after another: not with --task");
    free(first);
    return error->status;
}

static ho_status run_pipeline(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    ho_pipeline_request pipeline;
    ho_run_request request = run_request(cli);
    int jobs = 1, threads = 1, cores = ho_machine_cores();
    if (begin(cli, cli->precision, &threads, &pipeline, error) != HO_OK ||
        count_option("--jobs", cli->jobs, threads < cores ? cores / threads : 1, &jobs, error) != HO_OK)
        return error->status;
    if (cli->jobs && cli->threads && jobs * threads > cores)
        ho_note("warning: --jobs %d with --threads %d is more than the %d processors of this machine", jobs, threads,
                cores);
    if (check_resume(cli, error) != HO_OK || parse_task(cli, &request, error) != HO_OK)
        return error->status;
    if (cli->task && !cli->jobs)
        jobs = 1; /* others are at work beside this one */
    if (cli->profile && cli->jobs)
        return ho_fail(error, HO_INVALID, "--profile measures one run after another: not with --jobs");
    ho_run_pipeline(registry, &pipeline, cli->variants, cli->variant_count, cli->profile ? 0 : jobs, &request, error);
    ho_error own = {0};
    if (cli->profile && shown_folder && ho_profile_print(shown_folder, &own) != HO_OK)
        ho_fail_as(error, &own);
    free(shown_folder);
    return error->status;
}

static ho_status run_hypergradient(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    ho_pipeline *pipeline = read_pipeline(cli, cli->precision, registry, error);
    if (!pipeline)
        return error->status;
    ho_run_request request = run_request(cli);
    ho_status status = ho_run_hypergradient(pipeline, &request, error);
    ho_pipeline_free(pipeline);
    return status;
}

static ho_status run_plan(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    ho_pipeline *pipeline = read_pipeline(cli, cli->precision, registry, error);
    if (!pipeline)
        return error->status;
    ho_status status = ho_forecast(pipeline, cli->results, &ho_cli_interrupted, error);
    ho_pipeline_free(pipeline);
    return status;
}

/* How much of an operand is the path of a shared object, FILE.so or, of one plugin in it, FILE.so:NAME. 0: it is a
 * pipeline. */
static size_t shared_object_length(const char *operand)
{
    const char *colon = strrchr(operand, ':');
    const size_t length = colon && !strchr(colon, '/') ? (size_t)(colon - operand) : strlen(operand);
    return length > 3 && strncmp(operand + length - 3, ".so", 3) == 0 ? length : 0;
}

static ho_status run_proof(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    int seed = 1, limit = 20;
    if (cli->mode)
        return ho_fail(error, HO_INVALID, "check: --mode is for pipelines; a plugin is checked with every exact mode");
    if (count_option("--seed", cli->seed, 1, &seed, error) != HO_OK ||
        count_option("--limit", cli->limit, 20, &limit, error) != HO_OK)
        return error->status;
    ho_exec_threads(1);
    const size_t length = shared_object_length(cli->operand);
    char *path = ho_format("%.*s", (int)length, cli->operand);
    const ho_proof_request request = {.path = path,
                                      .name = cli->operand[length] ? cli->operand + length + 1 : NULL,
                                      .sets = cli->sets,
                                      .set_count = cli->set_count,
                                      .only = cli->only,
                                      .seed = (uint64_t)seed,
                                      .limit = (unsigned)limit,
                                      .in_process = cli->in_process,
                                      .json = cli->results,
                                      .interrupt = &ho_cli_interrupted};
    const ho_status status = ho_prove(&request, registry, error);
    free(path);
    return status;
}

static ho_status run_check(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    if (shared_object_length(cli->operand) > 0)
        return run_proof(cli, registry, error);
    if (cli->only || cli->seed || cli->limit || cli->in_process)
        return ho_fail(error, HO_INVALID, "check: --only, --seed, --limit and --in-process are for plugins (NAME.so)");
    ho_pipeline *pipeline = read_pipeline(cli, "f64", registry, error);
    if (!pipeline)
        return error->status;
    ho_run_request request = run_request(cli);
    ho_status status = ho_check(pipeline, registry, cli->results, request.interrupt, error);
    ho_pipeline_free(pipeline);
    return status;
}

static ho_status run_plugins(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    if (cli->graph)
        return ho_plugins_graph(registry, cli->operand, cli->graph, cli->derivative, cli->sets, cli->set_count, error);
    if (cli->derivative || cli->set_count)
        return ho_fail(error, HO_INVALID, "plugins: --derivative and --set go with --graph");
    return cli->results ? ho_plugins_json(registry, cli->operand, cli->results, error)
                        : ho_plugins_print(registry, cli->operand, error);
}

static ho_status run_gather(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    ho_run_request request = run_request(cli);
    request.out = cli->operand;
    ho_run_gather(registry, &request, error);
    free(shown_folder);
    return error->status;
}

static ho_status run_runs(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    (void)registry;
    return ho_runs_list(cli->operand, cli->sort, cli->results, error);
}

static ho_status run_compare(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    (void)registry;
    return ho_runs_compare(cli->operand_list, cli->operand_count, cli->html, cli->results, error);
}

static ho_status run_export(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    (void)registry;
    return ho_runs_export(cli->operand, cli->csv, cli->tensorboard, error);
}

static ho_status run_new(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    return ho_new_project(cli->operands[0], cli->operands[1], cli->operands[2], registry, error);
}

#define RUNS (HO_CLI_SET | HO_CLI_GENERATED | HO_CLI_VARIANT | HO_CLI_THREADS | HO_CLI_QUIET)

const ho_cli_command ho_cli_commands[] = {
    {"pipeline", "FILE", "tune the hyperparameters of a pipeline, train with the best, test",
     "Runs the outer optimisation that FILE describes, trains with the best hyperparameters found, and measures the "
     "result on the test part; for a file with variants or repetitions, each of them. Results go to a new folder "
     "(--out, default runs/NAME-N): the resolved pipeline, a line of metrics for each outer iteration, or for each "
     "update and evaluation during training, hyperparameters and weights as .npy. Ctrl-C stops cleanly and keeps what "
     "is done; so do SIGTERM, SIGHUP and a reader of the output that goes away. A variant or repetition whose process "
     "dies is named in the table, and the others go on.\n\n"
     "--resume RUN goes on with the run in the folder RUN, which was interrupted or killed, or whose machine went "
     "down, "
     "from its last checkpoint (`hotool help pipeline checkpoint`), and comes to the same results to the last bit. It "
     "takes no FILE; where one is given, the run must be of it. A run whose data or plugins have changed, or that "
     "another process is at work on, is refused. Of several variants or repetitions, those that are over stay as they "
     "are.\n\n"
     "--task I/N sees to one share of the variants and repetitions and no table, so that N processes on any machines "
     "share "
     "the work, and the folder --out, which they must all see: start it once for each I from 1 to N, in any order, by "
     "whatever starts processes there, and `hotool gather DIR` when they are over. No run is done twice. A share that "
     "died "
     "is started again, and goes on from its checkpoints; one that is started twice leaves to the other what that is "
     "at "
     "work on. A Slurm array: `#SBATCH --array=1-16` and `hotool pipeline FILE --task $SLURM_ARRAY_TASK_ID/16 --out "
     "DIR`; "
     "GNU parallel: `parallel hotool pipeline FILE --task {}/16 --out DIR ::: $(seq 16)`. The file system must have "
     "locks "
     "(flock), as NFS and most others do.\n\n"
     "--profile prints, for each call of a plugin, the time that its operations and their derivatives took, with their "
     "rate "
     "and the bytes that they read and wrote, and puts profile.folded into the folder, stacks that flamegraph.pl and "
     "speedscope draw.\n\n"
     "FILE may be -, standard input: paths in it are relative to the current folder. Where there is no such file, it "
     "is "
     "the name of one of the pipelines that come with hotool: hotool pipeline fashion_mtl.\n\n"
     "--set KEY=VALUE: levels of KEY are separated by '/', VALUE is YAML, null deletes. A hyperparameter goes by its "
     "name: "
     "--set l2.rho=0.1 is its initial value where it is tuned, its value where it is not. No variant takes back what "
     "--set "
     "says; --set variants/NAME/... changes one.\n\n"
     "`hotool help pipeline` prints the reference of a pipeline file's keys, `hotool help pipeline KEY` a part of it.",
     RUNS | HO_CLI_MODE | HO_CLI_PRECISION | HO_CLI_OUT | HO_CLI_JOBS | HO_CLI_PROFILE | HO_CLI_RESUME | HO_CLI_TASK |
         HO_CLI_JSON,
     .run = run_pipeline},
    {"gather", "DIR", "make the table of runs that several processes have done",
     "Reads the results of all runs in DIR, the folder that the shares of `hotool pipeline FILE --task I/N --out DIR` "
     "have in "
     "common, and makes the table and the record that one process would have made, to the last digit. Where runs are "
     "not "
     "over, the table has those that are, the exit status is 1, and the same --task started again goes on with the "
     "others. "
     "It may be asked for at any time, as often as you like.",
     HO_CLI_JSON, .run = run_gather},
    {"hypergradient", "FILE", "compute one hypergradient at the initial hyperparameters",
     "Trains once and prints the validation error E and its gradient with respect to every tuned hyperparameter. With "
     "--out, writes one NAME.npy (f64) for each, and hypergradient.json.",
     RUNS | HO_CLI_MODE | HO_CLI_PRECISION | HO_CLI_OUT | HO_CLI_JSON, .run = run_hypergradient},
    {"plan", "FILE", "say what a pipeline's hypergradients cost, in time and memory, by each mode",
     "Reads FILE and its data, runs single steps and their derivatives for about a second, and prints the sizes of the "
     "problem and, for each installed mode, the time of one training with its hypergradients, in seconds and in plain "
     "trainings, and the memory: that of its vectors and plans, and the peak of the whole process. A star marks the "
     "mode that "
     "`auto` takes.",
     RUNS | HO_CLI_MODE | HO_CLI_PRECISION | HO_CLI_JSON, .run = run_plan},
    {"check", "FILE", "verify a pipeline's hypergradients, or a plugin (NAME.so)",
     "Compares replayed steps bit by bit; tests <u, J v> = <J'u, v>, and J v against differences, at steps along the "
     "trajectory; compares all modes with each other, and the hypergradient with differences of E, over steps of "
     "several "
     "sizes that stay within each hyperparameter's domain and are extrapolated to 0 with an estimate of their error. "
     "Prints each figure beside its tolerance, and what it means:\n\n"
     "  ok           within the tolerance\n"
     "  FAILED       a derivative or a mode is wrong: exit status 1\n"
     "  unstable     training amplifies rounding so much that E, or its gradient, changes with the last\n"
     "               digits of the hyperparameters: the hypergradient is exact for its trajectory, but\n"
     "               has few digits or none. Fewer steps or a smaller learning rate help\n"
     "  kinks        the hyperparameters lie on a kink of E (of relu, max, abs, ...), or so close to one\n"
     "               that every step of a difference that is long enough crosses it\n"
     "  noise        so small that rounding hides it: right as far as rounding lets differences see\n"
     "  approximate  the distance of a mode that says it is not exact, and its angle\n\n"
     "What is unstable, on a kink or noise after T steps is checked again after T/2, T/4, ..., 1 steps, and then "
     "beside "
     "the pipeline's hyperparameters, until it can be judged: a wrong derivative does not hide there. What is unstable "
     "or "
     "on a kink wherever it is looked at has FAILED.\n\n"
     "Of a plugin, FILE being NAME.so (of one with several plugins, NAME.so:PLUGIN is a single one): runs a table of "
     "checks for its kind, each in a child process with a time limit, "
     "so that a plugin which crashes, hangs, ends the program or writes where it must not is reported by the name of "
     "the "
     "check. The plugin stands in a small training among parts of hotool's own; --set OPTION=VALUE gives its options "
     "and "
     "hyperparameters other values than their defaults, as --set folder=DIR to a data reader. Verdicts: ok; FAILED; "
     "crashed; ended, of a plugin that calls exit; timed out; skipped, with the reason. A check that failed is shown "
     "with all that was printed, and those that would only say it again are left out. --only CHECK --in-process runs "
     "one "
     "of them under a debugger. Exit status 1: a check failed; 2: there is no such file.",
     RUNS | HO_CLI_MODE | HO_CLI_PROOF | HO_CLI_JSON, .run = run_check, .more = ho_prove_help},
    {"report", "RUN", "make one self-contained page of a run folder", ho_report_about, .own = ho_report_flags},
    {"runs", "[DIR]", "list the runs in a folder: date, method, outcome, errors, time",
     "Prints a table of the run folders in DIR (default: runs) and in its folders: a line for a run, or for each row "
     "of the "
     "table of a run with variants. `validation` is the validation error, `test` the test accuracy, or the test loss "
     "where "
     "there is none. A run that is going or was killed is `unfinished`; its validation error is the least so far. "
     "--sort "
     "puts the best, the earliest or the shortest first.",
     HO_CLI_SORT | HO_CLI_JSON, .run = run_runs},
    {"compare", "RUN...", "say what differs between runs, in settings and in results",
     "Prints, for each RUN, or each row of its table: the settings that are not the same everywhere, with those that "
     "were "
     "left at their defaults, and versions, plugins, data and machines where these differ; the results; and the "
     "differences "
     "of each from the first, paired by seed: their mean and standard deviation over the seeds that both have, and for "
     "how "
     "many of these it is better. --html FILE writes all this as a page.",
     HO_CLI_HTML | HO_CLI_JSON, .run = run_compare},
    {"export", "RUN", "write a run's curves as CSV, or for TensorBoard",
     "Writes every number of every line of RUN's metrics, a file for each run: with --csv DIR/VARIANT-N.csv (run.csv "
     "for a "
     "single run), a column for each number, where `line` says what a line is about: outer (an iteration or a "
     "candidate), "
     "training (an evaluation), updates (online, of the hyperparameters); with --tensorboard an event file in "
     "DIR/VARIANT-N, whose scalars are called outer/validation_error and so on: tensorboard --logdir DIR shows them. "
     "Of a "
     "hyperparameter that is an array these are the sum, the least and the largest entry, and how many are not 0.",
     HO_CLI_EXPORT, .run = run_export},
    {"plugins", "[NAME]", "list the installed plugins, or document one",
     "Without NAME, one line for each plugin, by kind. With NAME, its options and hyperparameters. NAME may be "
     "KIND/NAME, "
     "as loss/formula, or the path of a shared object (./mine.so).\n\n"
     "--graph prints what a dynamics, model, loss or penalty computes, traced at small sizes: a line for each "
     "operation, "
     "with its operands, its shape, and the file, line and column of the formula or call that it comes from; then the "
     "results by name. --graph=dot prints the same for Graphviz, --graph=svg has Graphviz's dot draw it (the places "
     "are "
     "shown where the pointer is). --derivative jvp is the graph of the results' tangents, --derivative vjp that of "
     "the "
     "cotangents of w, g, the slots, the hyperparameters and whatever else derivatives are taken by. --set "
     "OPTION=VALUE "
     "gives the plugin's options values, as for `hotool check`.",
     HO_CLI_GRAPH | HO_CLI_SET | HO_CLI_JSON, .run = run_plugins},
    {"new", "KIND NAME [DIR]", "start a plugin: a small project that builds and passes its check",
     "Writes into DIR (default: NAME), which must be new or empty: the source of a plugin, a Makefile and a "
     "meson.build, "
     "a pipeline that uses it and a README. `make check` builds the plugin and runs `hotool check`, `make run` the "
     "pipeline. KIND is dynamics, model, loss, penalty, constraint, data or mode. NAME consists of lower-case letters, "
     "digits and '_'.\n\n"
     "Building needs the SDK, which pkg-config finds as hotool-sdk. The source is C; renamed to NAME.cpp, it is "
     "compiled "
     "as C++.",
     0, .run = run_new},
};
const size_t ho_cli_command_count = sizeof ho_cli_commands / sizeof *ho_cli_commands;
