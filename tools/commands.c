/* What each command does with what it was given. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "cli.h"
#include "exec/exec.h"
#include "plugins_help.h"
#include "run/run.h"

static ho_status set_threads(const ho_cli *cli, ho_error *error)
{
    int64_t threads = 1;
    if (cli->threads && (!ho_parse_integer(cli->threads, &threads) || threads < 1 || threads > 1024))
        return ho_fail(error, HO_INVALID, "--threads %s: wants a whole number from 1 to 1024", cli->threads);
    ho_exec_threads((int)threads);
    return HO_OK;
}

static ho_pipeline *read_pipeline(const ho_cli *cli, const char *precision, ho_registry *registry, ho_error *error)
{
    ho_notes_quiet(cli->quiet);
    if (set_threads(cli, error) != HO_OK)
        return NULL;
    ho_pipeline_request request = {.file = cli->operand,
                                   .sets = cli->sets,
                                   .set_count = cli->set_count,
                                   .mode = cli->mode,
                                   .precision = precision};
    return ho_pipeline_read(registry, &request, error);
}

static ho_run_request run_request(const ho_cli *cli)
{
    return (ho_run_request){
        .out = cli->out, .quiet = cli->quiet, .command_line = cli->command_line, .interrupt = &ho_cli_interrupted};
}

static ho_status run_pipeline(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    ho_pipeline *pipeline = read_pipeline(cli, cli->precision, registry, error);
    if (!pipeline)
        return error->status;
    ho_run_request request = run_request(cli);
    ho_status status = ho_run_pipeline(pipeline, &request, error);
    ho_pipeline_free(pipeline);
    return status;
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

static ho_status run_check(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    ho_pipeline *pipeline = read_pipeline(cli, "f64", registry, error);
    if (!pipeline)
        return error->status;
    ho_run_request request = run_request(cli);
    ho_status status = ho_run_check(pipeline, registry, &request, error);
    ho_pipeline_free(pipeline);
    return status;
}

static ho_status run_plugins(const ho_cli *cli, ho_registry *registry, ho_error *error)
{
    return ho_plugins_print(registry, cli->operand, error);
}

#define RUNS (HO_CLI_SET | HO_CLI_THREADS | HO_CLI_QUIET)

const ho_cli_command ho_cli_commands[] = {
    {"pipeline", "FILE", "tune the hyperparameters of a pipeline, train with the best, test",
     "Runs the outer optimisation that FILE describes, trains with the best hyperparameters found, and measures them "
     "on\n"
     "the test part. Results go to a folder of their own (--out, default runs/NAME-N): the resolved pipeline, a line "
     "of\n"
     "metrics for each outer iteration, hyperparameters and weights as .npy. Ctrl-C ends cleanly and keeps what is "
     "done.",
     RUNS | HO_CLI_MODE | HO_CLI_PRECISION | HO_CLI_OUT, run_pipeline},
    {"hypergradient", "FILE", "compute one hypergradient at the initial hyperparameters",
     "Trains once and prints the validation error E with its gradient by every tuned hyperparameter. With --out, "
     "writes\n"
     "one NAME.npy (f64) for each and hypergradient.json.",
     RUNS | HO_CLI_MODE | HO_CLI_PRECISION | HO_CLI_OUT, run_hypergradient},
    {"check", "FILE", "prove a pipeline's hypergradients, in f64",
     "Compares replayed steps bit by bit, tests <u, J v> = <J'u, v> along the trajectory, compares all modes with "
     "each\n"
     "other and with central differences. Prints each figure beside its tolerance; exit status 1 when one fails.",
     RUNS | HO_CLI_MODE, run_check},
    {"plugins", "[NAME]", "list the installed plugins, or document one",
     "Without NAME, one line for each plugin, by kind. With NAME, its options and hyperparameters.", 0, run_plugins},
};
const size_t ho_cli_command_count = sizeof ho_cli_commands / sizeof *ho_cli_commands;
