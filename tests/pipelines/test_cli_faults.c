/* Results are what they say, whatever the world does to a run: closed descriptors, two runs into one folder, files that
 * change, names and numbers of any kind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(faults, .init = cli_enter, .fini = cli_leave, .timeout = 120);

/* Runs a line of the shell in which $HOTOOL is hotool; its exit status. */
static int shell(const char *line)
{
    int state = system(cli_format("HOTOOL='%s'; %s", cli_environment("HOTOOL_BIN"), line));
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

static int whole_lines(const char *path)
{
    int lines = 0;
    for (const char *p = cli_read(path); *p; lines++) {
        size_t length = strcspn(p, "\n");
        cr_expect(p[length] == '\n' && *p == '{' && json_valid(p, length), "line %d of %s: %.*s", lines + 1, path,
                  (int)length, p);
        p += length + (p[length] == '\n');
    }
    return lines;
}

/* ---- closed descriptors ------------------------------------------------------------------------------------------ */

/* The first files opened would be descriptors 0 to 2, and hold what is printed. */
Test(faults, closed_descriptors_leave_the_results_alone)
{
    static const char *const closed[] = {"2>&- >/dev/null", ">&- 2>/dev/null", "<&- >&- 2>&-"};
    static const int status[] = {0, 1, 1}; /* 1: the table could not be printed */
    for (size_t i = 0; i < 3; i++) {
        const char *out = cli_format("r%zu", i);
        cr_expect_eq(shell(cli_format("$HOTOOL pipeline base.yaml --set outer/learning_rate=1e6 --set "
                                      "outer/iterations=3 --out %s %s",
                                      out, closed[i])),
                     status[i], "%s", closed[i]);
        cr_expect_eq(whole_lines(cli_format("%s/metrics.jsonl", out)), 4, "%s", closed[i]);
        const char *result = cli_read(cli_format("%s/result.json", out));
        cr_expect(json_valid(result, strlen(result)) && json_is(result, "outcome", "done"), "%s", result);
    }
    cr_expect_eq(shell("$HOTOOL report r0 >&- 2>/dev/null"), 1);
    cr_expect(strstr(cli_read("r0/report.html"), "</html>\n"), "the page is not whole");
}

/* ---- one folder, one run ----------------------------------------------------------------------------------------- */

/* Both find the folder empty before either writes. */
Test(faults, of_runs_into_one_folder_one_goes_on)
{
    const char *held_up = cli_format("HOTOOL_TEST_CLOSEDIR=300 LD_PRELOAD=%s/troubled_libc.so",
                                     cli_environment("HOTOOL_PIPELINE_PLUGINS"));
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(shell(cli_format("for k in 1 2 3 4 5 6; do { %s $HOTOOL pipeline base.yaml --out d%d >/dev/null "
                                      "2>e$k; echo $? >s$k; } & done; wait",
                                      i > 0 ? held_up : "", i)),
                     0);
        int done = 0;
        for (int k = 1; k <= 6; k++) {
            const char *status = cli_read(cli_format("s%d", k)), *said = cli_read(cli_format("e%d", k));
            done += *status == '0';
            cr_expect(*status == '0' || (*status == '2' && strstr(said, ": is not empty")), "%s%s", status, said);
        }
        cr_expect_eq(done, 1, "%d runs share a folder", done);
        cr_expect_eq(whole_lines(cli_format("d%d/metrics.jsonl", i)), 6);
    }
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

/* What a JSON string says, in place of its escapes. */
static const char *unescaped(const char *json)
{
    char *text = (char *)(uintptr_t)cli_format("%s", json), *to = text;
    for (const char *from = text + 1; *from != '"'; from++, to++)
        if (*from == '\\')
            *to = *++from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
        else
            *to = *from;
    *to = '\0';
    return text;
}

Test(faults, the_command_is_safe_to_paste)
{
    static const char *const labels[] = {"'; touch PWN; echo '", "a\"b\\c", "$(touch PWN)`touch PWN`", "*", "''", "~x"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        /* A comment of YAML holds anything. */
        const char *set = cli_format("name=n%zu #%s", i, labels[i]), *out = cli_format("c%zu", i);
        cli_expect_done(cli_run("pipeline", "base.yaml", "--out", out, "--set", set, NULL));
        const char *command = unescaped(json_at(cli_read(cli_format("%s/result.json", out)), "command"));
        cr_assert_eq(strncmp(command, "hotool ", 7), 0, "%s", command);
        cr_expect_eq(shell(cli_format("printf '<%%s>' %s >words", command + 7)), 0, "%s", command);
        cr_expect_str_eq(cli_read("words"), cli_format("<pipeline><base.yaml><--out><%s><--set><%s>", out, set));
    }
    cr_expect_not(cli_exists("PWN"));
}
