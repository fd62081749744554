#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "external.h"

enum { WIDTH = 100, COLUMN = 20 };

void ho_help_wrap(const char *text, int first, int indent)
{
    int room = WIDTH - (first > indent ? first : indent);
    if (first < indent)
        printf("%*s", indent - first, "");
    for (;; room = WIDTH - indent) {
        size_t line = strcspn(text, "\n"), length = line;
        if (line > (size_t)room) {
            length = (size_t)room;
            while (length > 0 && text[length] != ' ')
                length--;
            length = length > 0 ? length : line;
        }
        char *piece = ho_format("%.*s", (int)length, text), *plain = ho_plain(piece);
        printf("%s\n", plain);
        free(plain);
        free(piece);
        text += length;
        text += *text == ' ' || *text == '\n';
        if (!*text)
            return;
        printf("%*s", *text == '\n' ? 0 : indent, "");
    }
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

const ho_flag ho_help_commands[] = {
    {.name = "help", .argument = "COMMAND", .doc = "describe a command and its options; also hotool COMMAND --help"},
    {.name = "help pipeline", .argument = "[KEY]", .doc = "describe the keys of pipeline files"},
    {.name = "help modes", .doc = "how to choose a hypergradient mode, and what each costs"},
    {.name = "help formulas", .doc = "the formula language, in plugins and in pipelines"},
    {.name = "--version", .doc = "print the version"},
    {0},
};

void ho_help_command(const ho_cli_command *command)
{
    if (command) {
        printf("usage: hotool %s %s [OPTIONS]\n\n", command->name, command->operand);
        ho_help_wrap(command->details, 0, 0);
        putchar('\n');
        if (command->more) {
            command->more();
            putchar('\n');
        }
        size_t i = 0;
        for (const ho_flag *f; (f = ho_cli_flag_of(command, &i));)
            printf(HO_FLAG_LINE, HO_FLAG_PARTS(f));
        return;
    }
    printf("hotool: %s\n\nusage: hotool COMMAND [OPTIONS]\n\n", ho_cli_about);
    for (size_t i = 0; i < ho_cli_command_count; i++)
        printf("  %-14s %-15s %s\n", ho_cli_commands[i].name, ho_cli_commands[i].operand, ho_cli_commands[i].summary);
    putchar('\n');
    for (const ho_flag *f = ho_help_commands; f->name; f++)
        printf("  %-14s %-15s %s\n", f->name, f->argument ? f->argument : "", f->doc);
    printf("\n"
           "environment: %s\n"
           "exit status: %s\n",
           ho_cli_environment, ho_cli_exit_status);
}

/* ---- keys of a pipeline ------------------------------------------------------------------------------------------ */

char *ho_help_key_form(const ho_key *key)
{
    char *type = ho_key_type_text(key);
    const char *with = ho_key_with_text(key);
    char *form = ho_format("%s%s%s%s%s%s", type, key->initial ? "; default " : "", key->initial ? key->initial : "",
                           key->required ? "; required" : "", with ? "; only with " : "", with ? with : "");
    free(type);
    return form;
}

static void print_key(const ho_key *key)
{
    int used = printf("  %-*s ", COLUMN - 3, key->name);
    char *form = ho_help_key_form(key);
    ho_help_wrap(form, used, COLUMN);
    ho_help_wrap(key->doc, 0, COLUMN);
    free(form);
}

const char *ho_help_title(ho_section section)
{
    return section == HO_PIPELINE ? "the file" : ho_key_sections[section].path;
}

static void print_example(const char *text)
{
    for (const char *end; *text; text = end + (*end == '\n')) {
        end = text + strcspn(text, "\n");
        printf("    %.*s\n", (int)(end - text), text);
    }
}

static void print_section(ho_section section)
{
    const ho_key_section *about = &ho_key_sections[section];
    printf("\n%s\n", ho_help_title(section));
    ho_help_wrap(about->doc, 0, 2);
    putchar('\n');
    print_example(about->example);
    putchar('\n');
    for (size_t i = 0; i < ho_key_count; i++)
        if (ho_keys[i].in & HO_IN(section))
            print_key(&ho_keys[i]);
    if (about->takes)
        printf("  and %s\n", about->takes);
}

/* Whether a word names a section: "split", "data/split", or one of several paths. */
static bool names_section(ho_section section, const char *word)
{
    const ho_key_section *about = &ho_key_sections[section];
    size_t length = strlen(word);
    if (strcmp(about->name, word) == 0)
        return true;
    for (const char *at = about->path; (at = strstr(at, word)); at += length) {
        char before = at == about->path ? ' ' : at[-1], after = at[length];
        if ((before == ' ' || before == '/') && (after == '\0' || after == ','))
            return true;
    }
    return false;
}

/* The sections of that name, and the keys of that name with where they stand. */
static ho_status print_word(const char *word, ho_error *error)
{
    size_t found = 0;
    for (ho_section s = 0; s < HO_SECTIONS; s++)
        if (names_section(s, word)) {
            print_section(s);
            found++;
        }
    const char **names = ho_alloc((ho_key_count + HO_SECTIONS) * sizeof *names);
    for (size_t i = 0; i < ho_key_count; i++) {
        names[i] = ho_keys[i].name;
        for (ho_section s = 0; s < HO_SECTIONS; s++)
            if ((ho_keys[i].in & HO_IN(s)) && strcmp(names[i], word) == 0) {
                printf("\nin %s:\n", ho_help_title(s));
                print_key(&ho_keys[i]);
                found++;
            }
    }
    for (ho_section s = 0; s < HO_SECTIONS; s++)
        names[ho_key_count + s] = ho_key_sections[s].name;
    char near[HO_SUGGESTION];
    if (!found)
        ho_fail(error, HO_INVALID, "pipelines have no key \"%s\"%s; see hotool help pipeline", word,
                ho_suggest(ho_nearest(word, names, ho_key_count + HO_SECTIONS), near));
    free(names);
    return error->status;
}

/* Texts that are pages of their own: plugins/modes/README.md, sdk/FORMULAS.md. */
static const char *const modes_page[] = {
#include "modes_page.inc"
};
static const char *const formulas_page[] = {
#include "formulas_page.inc"
};
static const struct {
    const char *name;
    const char *const *lines;
    size_t count;
} pages[] = {{"modes", modes_page, sizeof modes_page / sizeof *modes_page},
             {"formulas", formulas_page, sizeof formulas_page / sizeof *formulas_page}};

/* Whether there is a page of that name. */
static bool print_page(const char *name)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (strcmp(pages[i].name, name) == 0) {
            for (size_t k = 0; k < pages[i].count; k++)
                puts(pages[i].lines[k]);
            return true;
        }
    return false;
}

ho_status ho_help(int argc, char **argv, ho_error *error)
{
    if (argc < 3) {
        ho_help_command(NULL);
        return HO_OK;
    }
    if (argc == 3 && print_page(argv[2]))
        return HO_OK;
    const ho_cli_command *command = ho_cli_find(argv[2], error);
    if (!command)
        return error->status;
    if (!command->run)
        return ho_run_external(command->name, (char *[]){argv[0], argv[2], "--help", NULL}, error);
    bool pipeline = strcmp(command->name, "pipeline") == 0;
    if (argc > (pipeline ? 4 : 3))
        return ho_fail(error, HO_INVALID, "help: unexpected argument \"%s\"", argv[pipeline ? 4 : 3]);
    if (argc == 4)
        return print_word(argv[3], error);
    ho_help_command(command);
    if (pipeline)
        printf("\n\nKEYS OF A PIPELINE FILE\n");
    for (ho_section s = 0; pipeline && s < HO_SECTIONS; s++)
        print_section(s);
    return HO_OK;
}
