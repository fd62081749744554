/* The hotool-report command: `hotool report` runs it. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/version.h"
#include "report/report.h"
#include "report/usage.h"

typedef struct command_line {
    const char *run, *out;
    bool help, version; /* print this instead of making a page */
} command_line;

static void print_help(void)
{
    printf("usage: hotool report RUN [OPTIONS]\n\n%s\n\n", ho_report_about);
    for (const ho_flag *f = ho_report_flags; f->name; f++)
        printf(HO_FLAG_LINE, HO_FLAG_PARTS(f));
}

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
            line->help = true;
            return HO_OK;
        } else if (strcmp(word, "--version") == 0) {
            line->version = true;
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
    if (parse(argv, &line, &error) == HO_OK && line.help)
        print_help();
    else if (line.version)
        printf("hotool-report %s\n", HOTOOL_VERSION);
    else if (error.status == HO_OK && ho_report_write(line.run, line.out, &error) == HO_OK)
        printf("%s%s\n", line.out ? line.out : line.run, line.out ? "" : "/report.html");
    if (fflush(stdout) != 0 || ferror(stdout))
        ho_fail(&error, HO_FAILED, "standard output cannot be written");
    if (error.status == HO_OK)
        return 0;
    char *plain = ho_plain(error.text[0] ? error.text : "failed");
    fprintf(stderr, "hotool: %s\n", plain);
    free(plain);
    return error.status == HO_INVALID ? 2 : 1;
}
