/* The hotool-report command: `hotool report` runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/version.h"
#include "report/report.h"

static const char help[] =
    "usage: hotool report RUN [OPTIONS]\n\n"
    "Turns the folder of a run into one self-contained page, RUN/report.html: the results as a table, curves, the "
    "graph\n"
    "of learned relations, the weights of the training examples with a contact sheet of those that count least, the\n"
    "resolved pipeline, machine and data. Graphviz and gnuplot draw the figures (Debian packages graphviz and\n"
    "gnuplot-nox).\n\n"
    "  --out FILE         where to write the page (default: report.html in the run folder)\n"
    "  --help             show this text\n"
    "  --version          show the version\n";

typedef struct command_line {
    const char *run, *out;
    const char *answer; /* printed instead of making a page; NULL: none */
} command_line;

/* The value of --out, as --out=FILE or as the next word; NULL: an error. */
static const char *out_of(char **argv, int *i, ho_error *error)
{
    const char *value = argv[*i][5] == '=' ? argv[*i] + 6 : argv[*i + 1] ? argv[++*i] : NULL;
    if (!value || !*value)
        ho_fail(error, HO_INVALID, "report: --out needs a FILE");
    return value && *value ? value : NULL;
}

static ho_status parse(char **argv, command_line *line, ho_error *error)
{
    bool options = true;
    for (int i = 1; argv[i] && error->status == HO_OK; i++) {
        const char *word = argv[i];
        if (!options || word[0] != '-' || word[1] == '\0') {
            if (line->run)
                return ho_fail(error, HO_INVALID, "report: expected one RUN, got \"%s\" too", word);
            line->run = word;
        } else if (strcmp(word, "--") == 0) {
            options = false;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            line->answer = help;
            return HO_OK;
        } else if (strcmp(word, "--version") == 0) {
            line->answer = "hotool-report " HOTOOL_VERSION "\n";
            return HO_OK;
        } else if (strncmp(word, "--out", 5) == 0 && (word[5] == '=' || word[5] == '\0')) {
            line->out = out_of(argv, &i, error);
        } else {
            return ho_fail(error, HO_INVALID, "report: unknown option \"%s\"; see hotool report --help", word);
        }
    }
    if (error->status == HO_OK && !line->run)
        ho_fail(error, HO_INVALID, "report: which RUN? See hotool report --help");
    return error->status;
}

int main(int argc, char **argv)
{
    (void)argc;
    ho_standard_streams();
    signal(SIGXFSZ, SIG_IGN); /* a write beyond a limit on the size of files fails, and tells the file */
    ho_error error = {0};
    command_line line = {0};
    if (parse(argv, &line, &error) == HO_OK && line.answer)
        fputs(line.answer, stdout);
    else if (error.status == HO_OK && ho_report_write(line.run, line.out, &error) == HO_OK)
        printf("%s%s\n", line.out ? line.out : line.run, line.out ? "" : "/report.html");
    if (fflush(stdout) != 0 || ferror(stdout))
        ho_fail(&error, HO_FAILED, "standard output cannot be written");
    if (error.status == HO_OK)
        return 0;
    fprintf(stderr, "hotool: %s\n", error.text[0] ? error.text : "failed");
    return error.status == HO_INVALID ? 2 : 1;
}
