/* The driver: each check in a child process with a time limit, so that no plugin takes the table down with it. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "proof/proof.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/text.h"
#include "host/elf.h"
#include "host/signals.h"
#include "proof/internal.h"

#define GRACE        3.0 /* seconds beyond the limit after which a child is killed that does not end itself */
#define MOST_PRINTED 64  /* MiB that a check may print */
#define MOST_MEMORY  4   /* GiB that it may take */
#define SHOWN        (16 * 1024)

/* ---- what checks say --------------------------------------------------------------------------------------------- */

void ho_proof_note(proof *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(p->outcome->text, sizeof p->outcome->text, format, args);
    va_end(args);
}

ho_status ho_proof_skip(proof *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(p->outcome->text, sizeof p->outcome->text, format, args);
    va_end(args);
    p->outcome->skipped = true;
    return HO_OK;
}

ho_status ho_proof_fail(ho_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ho_fail_v(error, HO_FAILED, (ho_place){0}, format, args);
    va_end(args);
    return error->status;
}

double ho_proof_uniform(proof *p)
{
    return ho_uniform(p->request->seed, ho_stream("proof"), p->draws++);
}

double ho_proof_normal(proof *p)
{
    return ho_normal_number(p->request->seed, ho_stream("proof"), p->draws++);
}

/* ---- one check --------------------------------------------------------------------------------------------------- */

/* The next of the plugins that were asked for, from this one on. */
static const ho_loaded *asked_for(const proof *p, const ho_loaded *from)
{
    return p->request->name ? ho_loaded_find(from, 0, p->request->name) : from;
}

ho_status ho_proof_prepare(proof *p, ho_error *error)
{
    const ho_loaded *first = ho_registry_load(p->registry, p->request->path, error);
    if (!first)
        return error->status;
    p->loaded = asked_for(p, first);
    for (size_t i = 0; p->loaded && i < p->number; i++)
        p->loaded = asked_for(p, p->loaded->next);
    if (!p->loaded) {
        char *held = ho_loaded_list(first);
        ho_proof_fail(error, "the file holds the %s, but no plugin \"%s\"", held, p->request->name);
        free(held);
        p->outcome->unknown = true;
        return error->status;
    }
    p->bundled = first->next != NULL;
    p->outcome->more = asked_for(p, p->loaded->next) != NULL;
    const ho_plugin *plugin = &p->loaded->plugin;
    p->outcome->kind = plugin->kind;
    snprintf(p->outcome->title, sizeof p->outcome->title, "%s %s%s%.64s", ho_kind_name(plugin->kind), plugin->name,
             *plugin->version ? " " : "", plugin->version);
    return ho_proof_settings(p, error);
}

ho_instance *ho_proof_described(proof *p, ho_error *error)
{
    ho_instance *described = p->loaded->plugin.describes ? ho_proof_instance(p, NULL, error) : NULL;
    if (described)
        p->loaded = described->loaded;
    return described;
}

static void carry_out(proof *p, const check_row *row)
{
    ho_error error = {0};
    p->arena = ho_arena_new();
    p->draws = 0;
    p->loaded = NULL;
    ho_status status = row->run == ho_prove_file ? HO_OK : ho_proof_prepare(p, &error);
    const bool bare = row->run == ho_prove_file || row->run == ho_prove_load || row->run == ho_prove_tables;
    if (status == HO_OK && !bare && p->made_up && !p->lacks) {
        ho_error refusal = {0};
        ho_instance *instance = ho_proof_instance(p, NULL, &refusal);
        p->lacks = instance ? NULL : p->made_up;
        ho_instance_free(instance);
    }
    ho_instance *described = NULL;
    if (status == HO_OK && p->loaded && row->run != ho_prove_load && !p->lacks && !(bare && p->made_up)) {
        described = ho_proof_described(p, &error);
        status = error.status;
    }
    if (status == HO_OK && !bare && p->lacks)
        ho_proof_skip(p, "needs --set %s=VALUE", p->lacks);
    else if (status == HO_OK)
        status = row->run(p, &error);
    p->outcome->status = status;
    if (status != HO_OK)
        snprintf(p->outcome->text, sizeof p->outcome->text, "%s", error.text);
    p->outcome->done = true;
    ho_instance_free(described);
    ho_arena_free(p->arena);
}

static void limit(int resource, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(resource, &now) == 0 && (now.rlim_cur == RLIM_INFINITY || now.rlim_cur > most)) {
        now.rlim_cur = most;
        setrlimit(resource, &now);
    }
}

_Noreturn static void be_child(proof *p, const check_row *row, FILE *printed)
{
    setpgid(0, 0);
    fflush(stdout);
    dup2(fileno(printed), STDOUT_FILENO);
    dup2(fileno(printed), STDERR_FILENO);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, (rlim_t)MOST_PRINTED << 20);
#ifndef __SANITIZE_ADDRESS__ /* whose own bookkeeping is larger */
    limit(RLIMIT_DATA, (rlim_t)MOST_MEMORY << 30);
#endif
    signal(SIGXFSZ, SIG_IGN);
    ho_watch_calls(p->request->limit, true);
    carry_out(p, row);
    fflush(NULL);
    _exit(0);
}

/* Waits for a child as long as it may take; whether it had to be killed. */
static bool wait_for(const proof *p, pid_t child)
{
    const double end = ho_seconds() + (double)p->request->limit + GRACE;
    struct timespec nap = {.tv_nsec = 500000};
    bool killed = false;
    while (waitpid(child, NULL, WNOHANG) == 0) {
        if (!killed && (ho_seconds() > end || (p->request->interrupt && *p->request->interrupt))) {
            kill(-child, SIGKILL);
            killed = true;
        }
        nanosleep(&nap, NULL);
        if (nap.tv_nsec < 20000000)
            nap.tv_nsec += nap.tv_nsec / 4;
    }
    kill(-child, SIGKILL); /* what it may have left behind */
    return killed;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* The last of what was printed; free(). */
static char *printed_text(FILE *printed)
{
    fseek(printed, 0, SEEK_END);
    const long size = ftell(printed), from = size > SHOWN ? size - SHOWN : 0;
    char *text = ho_alloc((size_t)(size - from) + 1);
    fseek(printed, from, SEEK_SET);
    const size_t got = fread(text, 1, (size_t)(size - from), printed);
    text[got] = '\0';
    for (size_t i = 0; i < got; i++) /* a plugin may print anything */
        if (text[i] == '\0' || (text[i] > 0 && text[i] < 32 && text[i] != '\n' && text[i] != '\t'))
            text[i] = '?';
    return text;
}

/* Each line of a text, indented. */
static void print_lines(const char *text)
{
    while (*text) {
        const size_t length = strcspn(text, "\n");
        printf("      %.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

/* What became of a child that did not finish, by what the handlers of signals.c have said. */
static const char *unfinished(const char *text, bool killed)
{
    static const struct {
        const char *said, *verdict;
    } words[] = {{" crashed", "crashed"}, {" is still in", "timed out"}, {" is still while", "timed out"}};
    const char *line = text;
    for (const char *at = text; (at = strstr(at, "hotool: ")); at++)
        line = at;
    for (size_t i = 0; i < sizeof words / sizeof *words && !killed; i++)
        if (strstr(line, words[i].said))
            return words[i].verdict;
    return killed ? "timed out" : "ended";
}

/* `of`: which of several plugins; NULL: there is one. */
static void write_verdict(ho_json *json, const char *of, const check_row *row, const char *verdict, const char *text)
{
    ho_json_open(json, NULL, '{');
    if (of)
        ho_json_string(json, "of", of);
    ho_json_string(json, "check", row->name);
    ho_json_string(json, "about", row->about);
    ho_json_string(json, "verdict", verdict);
    ho_json_string(json, "text", text);
    ho_json_close(json, '}');
}

/* Runs a check and prints its row; whether it is ok, or was skipped. */
static bool show(proof *p, const check_row *row)
{
    FILE *printed = p->request->in_process ? NULL : tmpfile();
    outcome *o = p->outcome;
    bool killed = false;
    *o = (outcome){.kind = o->kind, .more = o->more};
    fflush(NULL);
    const pid_t child = printed ? fork() : -1;
    if (child == 0)
        be_child(p, row, printed);
    if (child > 0)
        killed = wait_for(p, child);
    else
        carry_out(p, row);
    char *text = printed ? printed_text(printed) : ho_strdup("");
    const bool good = o->done && o->status == HO_OK;
    const char *verdict = !o->done ? unfinished(text, killed) : !good ? "FAILED" : o->skipped ? "skipped" : "ok";
    o->text[sizeof o->text - 1] = '\0';
    printf("  %-14s %-9s  %s\n", row->name, verdict, good ? o->text : row->about);
    if (!good) {
        print_lines(text);
        print_lines(o->text);
        if (killed || (!o->done && !*text))
            printf("      the check %s\n",
                   killed ? "took too long and was killed" : "ended the process without a word (did it call _exit?)");
    }
    fflush(stdout);
    if (p->request->json)
        write_verdict(p->request->json, p->number > 0 || o->more ? o->title : NULL, row, verdict,
                      good       ? o->text
                      : *o->text ? o->text
                                 : text);
    free(text);
    if (printed)
        fclose(printed);
    return good;
}

/* ---- all checks -------------------------------------------------------------------------------------------------- */

static ho_status find_only(const char *only, ho_error *error)
{
    const char *names[MOST_CHECKS];
    size_t count = 0;
    for (const check_row *row = ho_proof_checks; row->name && count < MOST_CHECKS; row++) {
        if (only && strcmp(row->name, only) == 0)
            return HO_OK;
        names[count++] = row->name;
    }
    char near[HO_SUGGESTION];
    return only ? ho_fail(error, HO_INVALID, "--only %s: there is no such check%s; hotool help check lists them", only,
                          ho_suggest(ho_nearest(only, names, count), near))
                : HO_OK;
}

/* What the table holds for this plugin: of unknown kind, what comes before it is known. */
static bool wanted(const proof *p, const check_row *row)
{
    if (row->run == ho_prove_file || row->run == ho_prove_load)
        return row->run == ho_prove_load || p->number == 0;
    return (row->kinds >> p->outcome->kind & 1u) && (!p->request->only || strcmp(p->request->only, row->name) == 0);
}

static bool listed(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static ho_status run_all(proof *p, ho_error *error)
{
    const char *bad[MOST_CHECKS]; /* what has failed, or was left out since that it comes after has */
    int ran = 0, failed = 0, left_out = 0;
    if (p->number == 0)
        printf("%s: seed %llu, at most %u s for each check\n", p->request->path, (unsigned long long)p->request->seed,
               p->request->limit);
    p->outcome->kind = 0;
    p->outcome->more = false;
    for (const check_row *row = ho_proof_checks; row->name; row++) {
        if (!wanted(p, row))
            continue;
        if (row->after && listed(row->after, bad, failed + left_out)) {
            bad[failed + left_out++] = row->name;
            continue;
        }
        if (p->request->interrupt && *p->request->interrupt)
            return ho_fail(error, HO_INTERRUPTED, "interrupted");
        ran++;
        if (!show(p, row))
            bad[failed++ + left_out] = row->name;
        else if (row->run == ho_prove_load)
            printf("  %s\n", p->outcome->title);
    }
    printf("  %d checks, %d failed", ran, failed);
    if (left_out)
        printf("; %d more depend on these and were not run", left_out);
    putchar('\n');
    if (p->outcome->unknown)
        return ho_fail(error, HO_INVALID, "%s: %s", p->request->path, p->outcome->text);
    return failed ? ho_fail(error, HO_FAILED, "%s: %d of %d checks failed", p->request->path, failed, ran) : HO_OK;
}

/* All plugins of the file that were asked for. */
static ho_status run_each(proof *p, ho_error *error)
{
    ho_status status = run_all(p, error);
    while (p->outcome->more && status != HO_INTERRUPTED) {
        p->number++;
        run_all(p, error);
        status = error->status;
    }
    return status;
}

ho_status ho_prove(const ho_proof_request *request, ho_registry *registry, ho_error *error)
{
    if (find_only(request->only, error) != HO_OK || ho_elf_check(request->path, error) != HO_OK)
        return error->status;
    proof p = {.request = request, .registry = registry};
    p.outcome = mmap(NULL, sizeof *p.outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p.outcome == MAP_FAILED)
        return ho_fail(error, HO_FAILED, "out of memory: %s", strerror(errno));
    if (request->json) {
        ho_json_open(request->json, NULL, '{');
        ho_json_string(request->json, "plugin", request->path);
        ho_json_open(request->json, "checks", '[');
    }
    const ho_status status = run_each(&p, error);
    if (request->json) {
        ho_json_close(request->json, ']');
        ho_json_boolean(request->json, "failed", status != HO_OK);
        ho_json_close(request->json, '}');
    }
    munmap(p.outcome, sizeof *p.outcome);
    return status;
}

void ho_prove_help(void)
{
    printf("checks of a plugin:\n");
    for (const check_row *row = ho_proof_checks; row->name; row++) {
        uint32_t kinds = row->kinds;
        for (; row[1].run == row->run; row++) /* after another one for other kinds */
            kinds |= row[1].kinds;
        printf("  %-14s %s", row->name, row->about);
        const char *before = " (";
        if ((kinds & TRACED_KINDS) == TRACED_KINDS && kinds != ALL_KINDS) {
            printf("%straced kinds", before);
            before = ", ";
            kinds &= ~TRACED_KINDS;
        }
        for (uint32_t kind = HO_DYNAMICS; kinds != ALL_KINDS && kind <= HO_CONSTRAINT; kind++)
            if (kinds >> kind & 1u) {
                printf("%s%s", before, ho_kind_folder(kind));
                before = ", ";
            }
        printf("%s\n", kinds != ALL_KINDS ? ")" : "");
    }
}
