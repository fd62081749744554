/* `hotool new`: what it writes and what it refuses. That the projects build and pass their checks is tests/abi/new.sh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli_support.h"

TestSuite(new, .init = cli_enter, .fini = cli_leave, .timeout = 60);

static bool is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

Test(new, a_project_is_written_under_its_name)
{
    umask(022);
    cli_result r = cli_run("new", "loss", "mine", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "mine: a loss plugin\n") && strstr(r.out, "  cd mine\n  make check "), "%s", r.out);
    static const char *const files[] = {"mine.c", "pipeline.yaml", "Makefile", "meson.build", "README.md"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *path = cli_format("mine/%s", files[i]);
        struct stat s;
        cr_assert_eq(stat(path, &s), 0, "%s", path);
        cr_expect_eq(s.st_mode & 0777, 0644, "%s", path);
        cr_expect(strstr(cli_read(path), "mine") && !strstr(cli_read(path), "my_"), "%s", path);
        cr_expect(strstr(r.out, cli_format("\n  %s\n", files[i])), "%s", r.out);
    }
    cr_expect(strstr(cli_read("mine/mine.c"), ".name = \"mine\""));
    cr_expect(strstr(cli_read("mine/README.md"), "# mine\n\nA loss plugin for hotool.\n"));
}

Test(new, a_folder_may_be_given_if_it_is_empty)
{
    cli_expect_done(cli_run("new", "mode", "mine", "a", NULL));
    cr_expect(cli_exists("a/mine.c") && !is_folder("mine"));
    cr_assert_eq(mkdir("b", 0777), 0);
    cli_expect_done(cli_run("new", "data", "mine", "b/", NULL));
    cr_expect(cli_exists("b/mine.c") && cli_exists("b/examples.csv"));
    const char *before = cli_read("a/mine.c");
    cli_expect_refused("again", cli_run("new", "model", "mine", "a", NULL), "new: the folder a is not empty", NULL);
    cr_expect_str_eq(cli_read("a/mine.c"), before);
    cli_expect_refused("a file", cli_run("new", "model", "mine", "base.yaml", NULL),
                       "new: base.yaml: exists, and is no folder", NULL);
    cli_expect_refused("a missing folder", cli_run("new", "model", "mine", "no/where", NULL),
                       "new: the folder no/where cannot be made: No such file or directory", NULL);
    cr_expect(!is_folder("no"));
}

Test(new, kinds_and_names_are_checked)
{
    cli_expect_refused("kind", cli_run("new", "dynamic", "mine", NULL), "new: there is no kind \"dynamic\" of plugin",
                       "did you mean \"dynamics\"?", "known: dynamics, model, loss, penalty, mode, data, constraint",
                       NULL);
    cli_expect_refused("no name", cli_run("new", "model", NULL), "new: which NAME? See hotool new --help", NULL);
    cli_expect_refused("no kind", cli_run("new", NULL), "new: which KIND?", NULL);
    cli_expect_refused("more", cli_run("new", "model", "a", "b", "c", NULL),
                       "new: expected KIND NAME [DIR]; unexpected argument \"c\"", NULL);
    static const char *const names[] = {"Mine", "1st", "_x", "my-loss", "a b", "../x", "", "x.c", "m\303\251"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cli_expect_refused(names[i], cli_run("new", "loss", names[i], NULL),
                           cli_format("new: \"%s\" cannot be the name of a plugin: expected at most 64 lower-case "
                                      "letters, digits and '_', a letter first",
                                      names[i]),
                           NULL);
    char longest[66];
    memset(longest, 'a', 65);
    longest[65] = '\0';
    cli_expect_refused("long", cli_run("new", "loss", longest, NULL), "expected at most 64", NULL);
    cli_expect_done(cli_run("new", "loss", longest + 1, NULL));
    cli_expect_refused("taken", cli_run("new", "dynamics", "adam", NULL),
                       "new: the dynamics \"adam\" exists already (/", "choose another name", NULL);
    cli_expect_done(cli_run("new", "model", "adam", NULL)); /* a kind has names of its own */
    cli_expect_refused("task", cli_run("new", "model", "test", NULL), "what build systems call a task of their own",
                       NULL);
    cr_expect(!is_folder("mine") && !is_folder("test") && !is_folder("1st"));
}

/* Files may have no bytes at all; or 2048, which are enough for all but the last. */
Test(new, nothing_is_left_of_what_fails)
{
    static const char *const limits[] = {"0", "4"}, *const folders[] = {"", "empty"};
    cr_assert_eq(mkdir("empty", 0777), 0);
    for (size_t i = 0; i < 4; i++) {
        int status = system(cli_format("ulimit -f %s; \"$HOTOOL_BIN\" new mode mine %s >/dev/null 2>&1", limits[i / 2],
                                       folders[i % 2]));
        cr_expect_neq(status, 0);
        cr_expect(!is_folder("mine"));
        cr_expect(is_folder("empty"));
        cr_expect_eq(system("test -z \"$(ls -A empty)\""), 0, "something is left in the folder");
    }
    cr_assert_eq(system("mkdir bin; cp \"$HOTOOL_BIN\" bin/hotool"), 0);
    setenv("HOTOOL_BIN", "bin/hotool", 1);
    cli_result r = cli_run("new", "model", "mine", NULL);
    cr_expect_eq(r.status, 1);
    cr_expect_str_eq(r.err,
                     "hotool: new: the templates of hotool's SDK are not installed (Debian package hotool-dev)\n");
    cr_expect(!is_folder("mine"));
}
