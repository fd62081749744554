/* Run folders made by hand: files, looks at the page, refusals, and a browser. */
#undef _POSIX_C_SOURCE
#define _XOPEN_SOURCE 700 /* nftw; POSIX 2008 with it */
#include "pipelines/report_support.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"
#include "report/report.h"

extern char **environ;

static char top[64];
static char *texts[256]; /* of the test, until it leaves */
static uint8_t *files[256];
static size_t text_count, file_count;

static const char *keep(char *text)
{
    cr_assert(text_count < sizeof texts / sizeof *texts);
    return texts[text_count++] = text;
}

void report_enter(void)
{
    strcpy(top, "/tmp/hotool-report-XXXXXX");
    cr_assert(mkdtemp(top), "no folder for the test");
    cr_assert_eq(chdir(top), 0);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

void report_leave(void)
{
    cr_assert_eq(chdir("/"), 0);
    nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    while (text_count > 0)
        free(texts[--text_count]);
    while (file_count > 0)
        ho_large_free(files[--file_count]);
}

void report_write_text(const char *path, const char *text)
{
    char *folder = ho_strdup(path), *slash = strrchr(folder, '/');
    ho_error error = {0};
    if (slash) {
        *slash = '\0';
        cr_assert_eq(ho_folder_make(folder, &error), HO_OK, "%s", error.text);
    }
    free(folder);
    cr_assert_eq(ho_file_write(path, text, strlen(text), &error), HO_OK, "%s", error.text);
}

const char *report_read_text(const char *path)
{
    ho_error error = {0};
    uint8_t *bytes = NULL;
    uint64_t size;
    cr_assert_eq(ho_file_read(path, 0, &bytes, &size, &error), HO_OK, "%s", error.text);
    cr_assert(file_count < sizeof files / sizeof *files);
    files[file_count++] = bytes;
    return (const char *)bytes;
}

void report_write_array(const char *path, int rank, const int64_t *dims, const double *values)
{
    report_write_text(path, "");
    ho_error error = {0};
    cr_assert_eq(ho_npy_write_f64(path, rank, dims, values, &error), HO_OK, "%s", error.text);
}

void report_write_matrix(const char *path, int64_t size, const double *values)
{
    report_write_array(path, 2, (const int64_t[]){size, size}, values);
}

void report_change(const char *path, const char *from, const char *to)
{
    const char *text = report_read_text(path), *at = strstr(text, from);
    cr_assert(at, "%s does not hold %s", path, from);
    char *changed = ho_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    report_write_text(path, changed);
    free(changed);
}

/* ---- looks at texts ---------------------------------------------------------------------------------------------- */

void report_holds(const char *text, const char *piece)
{
    cr_expect(strstr(text, piece), "missing: %s", piece);
}

size_t report_count_of(const char *text, const char *piece)
{
    size_t count = 0;
    for (const char *at = strstr(text, piece); at; at = strstr(at + 1, piece))
        count++;
    return count;
}

const char *report_row_of(const char *page, const char *name)
{
    char *start = ho_format("<tr data-row=\"%s\">", name);
    const char *at = strstr(page, start);
    cr_assert(at, "no row %s", name);
    free(start);
    const char *end = strstr(at, "</tr>");
    cr_assert(end);
    return keep(ho_format("%.*s", (int)(end - at), at));
}

const char *report_page_of_run(void)
{
    ho_error error = {0};
    cr_assert_eq(ho_report_write("run", NULL, &error), HO_OK, "%s", error.text);
    return report_read_text("run/report.html");
}

void report_expect_self_contained(const char *page)
{
    const char *const fetching[] = {"<script",    "<link", "<iframe",       "@import", "href=\"http",
                                    "href='http", "url(h", "<!DOCTYPE svg", "<?xml",   "srcset"};
    for (size_t i = 0; i < sizeof fetching / sizeof *fetching; i++)
        cr_expect_eq(report_count_of(page, fetching[i]), 0, "%s", fetching[i]);
    cr_expect_eq(report_count_of(page, "src="), report_count_of(page, "src=\"data:image/png;base64,"));
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

void report_expect_refused(const char *what, const char *folder, const char *piece, const char *other)
{
    ho_error error = {0};
    ho_status status = ho_report_write(folder, NULL, &error);
    cr_expect_eq(status, HO_INVALID, "%s: status %d", what, (int)status);
    cr_expect(strstr(error.text, piece) && strstr(error.text, other), "%s: \"%s\" lacks \"%s\" or \"%s\"", what,
              error.text, piece, other);
    cr_expect_eq(strchr(error.text, '\n'), NULL, "%s: one line is wanted", what);
    cr_expect_not(ho_file_exists("run/report.html"), "%s: a report was written", what);
    cr_expect_not(ho_file_exists("run/relations.dot"), "%s: a graph was written", what);
    cr_expect_not(ho_file_exists("run/contact_sheet.png"), "%s: a contact sheet was written", what);
}

/* ---- in a browser ------------------------------------------------------------------------------------------------ */

#define BROWSER "/usr/bin/chromium"

void report_browse(const char *page)
{
    char *profile = ho_format("--user-data-dir=%s/profile", top), *address = ho_format("file://%s/%s", top, page);
    char *const arguments[] = {BROWSER,
                               "--headless",
                               "--no-sandbox",
                               "--disable-gpu",
                               "--disable-quic",
                               "--no-first-run",
                               "--disable-background-networking",
                               "--disable-component-update",
                               "--disable-sync",
                               profile,
                               "--enable-logging=stderr",
                               "--dump-dom",
                               address,
                               NULL};
    posix_spawn_file_actions_t actions;
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    cr_assert_eq(posix_spawn_file_actions_init(&actions), 0);
    cr_assert_eq(posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0), 0);
    cr_assert_eq(posix_spawn_file_actions_addopen(&actions, 1, "dom.html", flags, 0600), 0);
    cr_assert_eq(posix_spawn_file_actions_addopen(&actions, 2, "browser.log", flags, 0600), 0);
    pid_t child;
    int state;
    cr_assert_eq(posix_spawn(&child, BROWSER, &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    cr_assert_eq(waitpid(child, &state, 0), child);
    cr_assert(WIFEXITED(state) && WEXITSTATUS(state) == 0, "the browser failed: %s", report_read_text("browser.log"));
    free(profile);
    free(address);
}

void report_expect_calm(void)
{
    const char *log = report_read_text("browser.log"), *at = strstr(log, "CONSOLE");
    cr_expect_eq(at, NULL, "the console says: %.300s", at ? at : "");
}

void report_need_browser(void)
{
    if (access(BROWSER, X_OK) != 0)
        cr_skip_test("there is no " BROWSER);
}
