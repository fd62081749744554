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
#include "exec/threads.h"
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
    return given ? ho_fail(error, HO_INVALID,
                           "%s cannot be used with --resume: a run continues with the settings it was started with",
                           given)
                 : HO_OK;
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
        ho_fail(error, HO_INVALID, "--task %s: expected I/N, such as 2/16: share I of N, counted from 1", cli->task);
    else if (!cli->out)
        ho_fail(error, HO_INVALID, "--task needs --out DIR, the folder that all shares use");
    else if (cli->profile)
        ho_fail(error, HO_INVALID, "--profile runs one run at a time: it cannot be used with --task");
    free(first);
    return error->status;
}

/* Processes at a time, as many as there are processors for unless --jobs says. */
static ho_status count_jobs(const ho_cli *cli, int threads, int *jobs, ho_error *error)
{
    const int cores = ho_machine_cores();
    if (count_option("--jobs", cli->jobs, threads < cores ? cores / threads : 1, jobs, error) == HO_OK && cli->jobs &&
        cli->threads && *jobs * threads > cores)
        ho_note("warning: --jobs %d with --threads %d needs more than this machine's %d processors", *jobs, threads,
                cores);
    return error->status;
}

static ho_status run_pipeline(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    ho_pipeline_request pipeline;
    ho_run_request request = run_request(cli);
    int jobs = 1, threads = 1;
    if (begin(cli, cli->precision, &threads, &pipeline, error) != HO_OK ||
        count_jobs(cli, threads, &jobs, error) != HO_OK)
        return error->status;
    if (check_resume(cli, error) != HO_OK || parse_task(cli, &request, error) != HO_OK)
        return error->status;
    if (cli->task && !cli->jobs)
        jobs = 1; /* others are at work beside this one */
    if (cli->profile && cli->jobs)
        return ho_fail(error, HO_INVALID, "--profile runs one run at a time: it cannot be used with --jobs");
    request.jobs = cli->profile ? 0 : jobs;
    ho_run_pipeline(registry, &pipeline, cli->variants, cli->variant_count, &request, error);
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
    if (count_jobs(cli, ho_threads(), &request.jobs, error) == HO_OK)
        ho_run_hypergradient(pipeline, &request, error);
    const ho_status status = error->status;
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

size_t ho_cli_shared_object(const char *operand)
{
    const char *colon = strrchr(operand, ':');
    const size_t length = colon && !strchr(colon, '/') ? (size_t)(colon - operand) : strlen(operand);
    return length > 3 && strncmp(operand + length - 3, ".so", 3) == 0 ? length : 0;
}

static ho_status run_proof(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    int seed = 1, limit = 20;
    if (cli->mode)
        return ho_fail(error, HO_INVALID, "check: --mode is for pipelines; plugins are checked with every exact mode");
    if (count_option("--seed", cli->seed, 1, &seed, error) != HO_OK ||
        count_option("--limit", cli->limit, 20, &limit, error) != HO_OK)
        return error->status;
    ho_exec_threads(1);
    const size_t length = ho_cli_shared_object(cli->operand);
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
    if (ho_cli_shared_object(cli->operand) > 0)
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
        return ho_fail(error, HO_INVALID, "plugins: --derivative and --set need --graph");
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
    {"pipeline", "FILE", "tune a pipeline's hyperparameters, train with the best, test",
     "Runs the outer optimisation described by FILE, trains with the best hyperparameters found, and evaluates the "
     "model on the test part. If the file has variants or repetitions, does this for each of them. Results go to a new "
     "folder (--out, default runs/NAME-N): the resolved pipeline, metrics (one line per outer iteration or, online, "
     "per update and evaluation), and hyperparameters and weights as .npy files (while it runs, the best so far). "
     "Ctrl-C, SIGTERM, SIGHUP or a closed "
     "output pipe stops the run cleanly and keeps all results so far. If the process of a variant or repetition dies, "
     "the table says so, and the others continue.\n\n"
     "--resume RUN continues an interrupted, killed or crashed run from the last checkpoint in the folder RUN (`hotool "
     "help pipeline checkpoint`). The results are the same, to the last bit, as without the interruption. FILE is not "
     "needed; if given, it must be the file that the run was started with. hotool refuses to resume if the data or "
     "plugins have changed, or if another process is working on the run. Variants and repetitions that have finished "
     "are kept.\n\n"
     "--task I/N does share I of the variants and repetitions, so that N processes, on any number of machines, can "
     "divide the work. A search with a fixed number of candidates (a grid, or strategy: random with candidates: N), "
     "without `stop`, is divided too, candidate by candidate, even if it is the only run; the share that tries the "
     "last "
     "one finishes the run. The folds and seeds of `validation` are not divided: each outer iteration needs the mean "
     "over "
     "all of them; --jobs runs them in parallel on one machine. "
     "All processes must use the same --out folder, on a file system with locks (flock), such as NFS. "
     "Start a process for each I from 1 to N, in any order and with any scheduler, then run `hotool gather DIR` to "
     "make the table. No run is done twice. If a share dies, start it again: it continues from its checkpoints. A "
     "share that is started twice skips the runs that the other process is working on. With a Slurm array: `#SBATCH "
     "--array=1-16` and `hotool pipeline FILE --task $SLURM_ARRAY_TASK_ID/16 --out DIR`. With GNU parallel: `parallel "
     "hotool pipeline FILE --task {}/16 --out DIR ::: $(seq 16)`.\n\n"
     "--profile prints, for each plugin call, the time spent in its operations and their derivatives, their rate, and "
     "the bytes read and written. It also writes profile.folded to the run folder: stacks for flamegraph.pl or "
     "speedscope.\n\n"
     "If FILE is -, the pipeline is read from standard input, and its paths are relative to the current folder. If "
     "there is no such file, FILE is taken as the name of a pipeline that comes with hotool, as in `hotool pipeline "
     "fashion_mtl`.\n\n"
     "In --set KEY=VALUE, '/' separates the levels of KEY, VALUE is YAML, and null deletes the key. The name of a "
     "hyperparameter is also a key: --set l2.rho=0.1 sets its initial value if it is tuned, and its value otherwise. "
     "Variants do not override --set; use --set variants/NAME/... to change a variant.\n\n"
     "`hotool help pipeline` describes all keys of a pipeline file, `hotool help pipeline KEY` a single one.",
     RUNS | HO_CLI_MODE | HO_CLI_PRECISION | HO_CLI_OUT | HO_CLI_JOBS | HO_CLI_PROFILE | HO_CLI_RESUME | HO_CLI_TASK |
         HO_CLI_JSON,
     .run = run_pipeline},
    {"gather", "DIR", "make the table of runs done with --task",
     "Reads the results of all runs in DIR, the common folder of `hotool pipeline FILE --task I/N --out DIR`, and "
     "makes the table and record that a single process would have made, to the last digit. If some runs have not "
     "finished, the table shows those that have, and the exit status is 1; restart their --task to continue them. The "
     "command may be used at any time, any number of times.",
     HO_CLI_JSON, .run = run_gather},
    {"hypergradient", "FILE", "compute one hypergradient at the initial hyperparameters",
     "Trains once, or once for each fold and seed of `validation`, and prints the validation error E and its gradient "
     "with respect to every tuned hyperparameter, which are the means over these trainings. --out "
     "writes each gradient to NAME.npy (f64), and a summary to hypergradient.json.",
     RUNS | HO_CLI_MODE | HO_CLI_PRECISION | HO_CLI_OUT | HO_CLI_JOBS | HO_CLI_JSON, .run = run_hypergradient},
    {"plan", "FILE", "estimate the time and memory of hypergradients in each mode",
     "Reads FILE and its data, runs single steps and their derivatives for about a second, and prints the size of the "
     "problem. For each installed mode it prints the time of one training with its hypergradients, in seconds and in "
     "plain trainings, and the memory: that of the mode's vectors and plans, and the peak of the whole process. A star "
     "marks the mode that `auto` would choose. If the validation error is a mean over folds or seeds, the time is that "
     "of all trainings, one after another.",
     RUNS | HO_CLI_MODE | HO_CLI_PRECISION | HO_CLI_JSON, .run = run_plan},
    {"check", "FILE", "verify a pipeline's hypergradients, or a plugin (NAME.so)",
     "Compares replayed steps bit by bit; tests <u, J v> = <J'u, v>, and J v against finite differences, at steps "
     "along the trajectory; compares all modes with each other, and the hypergradient with finite differences of E. "
     "The differences use several step sizes, stay within each hyperparameter's domain, and are extrapolated to step "
     "size 0 with an error estimate. Prints each result, its tolerance and a verdict:\n\n"
     "  ok           within the tolerance\n"
     "  FAILED       a derivative or a mode is wrong: exit status 1\n"
     "  unstable     training amplifies rounding so much that E, or its gradient, changes with the last\n"
     "               digits of the hyperparameters: the hypergradient is exact for its trajectory, but\n"
     "               has few or no correct digits. Fewer steps or a smaller learning rate help\n"
     "  kinks        the hyperparameters lie on a kink of E (of relu, max, abs, ...), or so close to one\n"
     "               that every usable difference crosses it\n"
     "  noise        too small to compare: no error is visible above rounding\n"
     "  approximate  the distance and angle of a mode that declares itself approximate\n\n"
     "A result that is unstable, on a kink or noise after T steps is checked again after T/2, T/4, ..., 1 steps, and "
     "then at slightly different hyperparameters, until it can be judged, so that a wrong derivative cannot hide "
     "there. If it is unstable or on a kink everywhere, it has FAILED. If the validation error is a mean over folds or "
     "seeds, the first training is checked in full, and the hypergradients of the others against differences.\n\n"
     "If FILE is a shared object, NAME.so (or NAME.so:PLUGIN, for one of several plugins in it), checks the plugin "
     "instead. Each check runs in a child process with a time limit, so if the plugin crashes, hangs, exits or writes "
     "out of bounds, the report names the check. The plugin is tested in a small training together with hotool's own "
     "plugins. --set OPTION=VALUE sets its options and hyperparameters, such as --set folder=DIR for a data reader. "
     "The verdicts are ok; FAILED; crashed; ended (the plugin called exit); timed out; and skipped, with the reason. A "
     "failed check is shown with everything it printed; checks that depend on it are skipped. --only CHECK "
     "--in-process runs a single check under a debugger. The exit status is 1 if a check failed, and 2 if there is no "
     "such file.",
     RUNS | HO_CLI_MODE | HO_CLI_PROOF | HO_CLI_JSON, .run = run_check, .more = ho_prove_help},
    {"report", "RUN", "make one self-contained page of a run folder", ho_report_about, .own = ho_report_flags},
    {"runs", "[DIR]", "list the runs in a folder: date, method, outcome, errors, time",
     "Prints a table of the runs in DIR (default: runs) and its subfolders, with one line per run or, for a run with "
     "variants, one line per variant. `validation` is the validation error; `test` is the test accuracy or, if there "
     "is none, the test loss. A run that is still going or was killed is `unfinished`, with its lowest validation "
     "error so far. --sort puts the best, the earliest or the shortest first.",
     HO_CLI_SORT | HO_CLI_JSON, .run = run_runs},
    {"compare", "RUN...", "show how runs differ, in settings and in results",
     "For each RUN, or each row of its table, prints the settings that differ, including defaults, and any differences "
     "in versions, plugins, data and machines; the results; and how the results differ from the first run's, paired by "
     "seed: the mean and standard deviation over the seeds that both have, and for how many of them the run is better. "
     "--html FILE writes all this as an HTML page, with the curves of the runs over each other (drawn by gnuplot).",
     HO_CLI_HTML | HO_CLI_JSON, .run = run_compare},
    {"export", "RUN", "write a run's curves as CSV, or for TensorBoard",
     "Writes all numbers in RUN's metrics, one file per run. --csv DIR writes DIR/VARIANT-N.csv (run.csv for a single "
     "run), with one column per number; the column `line` gives the kind of line: outer (an iteration or candidate), "
     "training (an evaluation) or updates (online updates of the hyperparameters). --tensorboard DIR writes an event "
     "file to DIR/VARIANT-N, with scalars named outer/validation_error and so on; view it with `tensorboard --logdir "
     "DIR`. For an array, the numbers are its sum, its smallest and largest entries, and the number of nonzero "
     "entries.",
     HO_CLI_EXPORT, .run = run_export},
    {"plugins", "[NAME]", "list the installed plugins, or describe one",
     "Without NAME, prints one line per plugin, sorted by kind. With NAME, describes that plugin's options and "
     "hyperparameters. NAME may also be KIND/NAME, such as loss/formula, or the path of a shared object "
     "(./mine.so).\n\n"
     "--graph prints what a dynamics, model, loss or penalty computes, traced at small sizes: one line per operation, "
     "with its operands, its shape, and the file, line and column of the formula or call that it comes from; then the "
     "results by name. --graph=dot prints the graph for Graphviz; --graph=svg draws it with Graphviz's dot (hover over "
     "a node for its source position). --derivative jvp shows the graph of the results' tangents, --derivative vjp "
     "that of the cotangents of all inputs (w, g, the slots, the hyperparameters and so on). --set OPTION=VALUE sets "
     "the plugin's options, as for `hotool check`.",
     HO_CLI_GRAPH | HO_CLI_SET | HO_CLI_JSON, .run = run_plugins},
    {"new", "KIND NAME [DIR]", "create a plugin project that builds and passes its checks",
     "Creates a plugin project in DIR (default: NAME), which must be new or empty: the plugin's source, a Makefile and "
     "a meson.build, a pipeline that uses it, and a README. `make check` builds the plugin and runs `hotool check`; "
     "`make run` runs the pipeline. KIND is dynamics, model, loss, penalty, constraint, data or mode. NAME consists of "
     "lower-case letters, digits and '_'.\n\n"
     "Building needs the SDK, which pkg-config must find as hotool-sdk. The source is C; rename it to NAME.cpp to "
     "compile it as C++.",
     0, .run = run_new},
};
const size_t ho_cli_command_count = sizeof ho_cli_commands / sizeof *ho_cli_commands;
