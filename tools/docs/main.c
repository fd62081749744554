/* Writes the manual: hotool-docs FOLDER GUIDE MODES FORMULAS COMMAND...
 *
 * hotool.1, a page for each command and hotool-pipeline.5 come from the tables that `hotool help` prints;
 * hotool-plugin.7 is GUIDE, sdk/README.md, hotool-modes.7 is MODES, plugins/modes/README.md, and hotool-formulas.7 is
 * FORMULAS, sdk/FORMULAS.md. COMMANDs are those that the build knows; they must be all there are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli.h"
#include "docs/roff.h"
#include "help.h"
#include "pipeline/keys.h"

static FILE *page(const char *folder, const char *name, int section, const char *about)
{
    char *path = ho_format("%s/%s.%d", folder, name, section);
    FILE *out = fopen(path, "w");
    if (!out) {
        perror(path);
        exit(1);
    }
    free(path);
    roff_begin(out, name, section, about);
    return out;
}

static void end_page(FILE *out)
{
    if (ferror(out) || fclose(out) != 0) {
        perror("hotool-docs");
        exit(1);
    }
}

static void see_also(FILE *out, const char *pages)
{
    fprintf(out, ".SH SEE ALSO\n%s\n", pages);
    end_page(out);
}

static void tagged(FILE *out, const char *tag, const char *argument, const char *text)
{
    fputs(".TP\n\\fB", out);
    roff_plain(out, tag, strlen(tag));
    fputs("\\fR", out);
    if (argument) {
        fputs(" \\fI", out);
        roff_plain(out, argument, strlen(argument));
        fputs("\\fR", out);
    }
    fputc('\n', out);
    roff_marked(out, text, strlen(text));
    fputc('\n', out);
}

/* ---- section 1 --------------------------------------------------------------------------------------------------- */

static void status_and_environment(FILE *out)
{
    roff_heading(out, "SH", "ENVIRONMENT");
    roff_paragraphs(out, ho_cli_environment);
    roff_heading(out, "SH", "EXIT STATUS");
    roff_paragraphs(out, ho_cli_exit_status);
}

static void overview(const char *folder)
{
    FILE *out = page(folder, "hotool", 1, ho_cli_about);
    fputs(".SH SYNOPSIS\n.B hotool\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n", out);
    roff_heading(out, "SH", "COMMANDS");
    for (size_t i = 0; i < ho_cli_command_count; i++)
        tagged(out, ho_cli_commands[i].name, ho_cli_commands[i].operand, ho_cli_commands[i].summary);
    for (const ho_flag *f = ho_help_commands; f->name; f++)
        tagged(out, f->name, f->argument, f->doc);
    status_and_environment(out);
    fputs(".SH SEE ALSO\n", out);
    for (size_t i = 0; i < ho_cli_command_count; i++)
        fprintf(out, ".BR hotool\\-%s (1),\n", ho_cli_commands[i].name);
    fputs(".BR hotool\\-pipeline (5),\n.BR hotool\\-modes (7),\n.BR hotool\\-formulas (7),\n.BR hotool\\-plugin (7)\n",
          out);
    end_page(out);
}

static void command_page(const char *folder, const ho_cli_command *command)
{
    char *name = ho_format("hotool-%s", command->name);
    FILE *out = page(folder, name, 1, command->summary);
    fprintf(out, ".SH SYNOPSIS\n.B hotool %s\n\\fI", command->name);
    roff_plain(out, command->operand, strlen(command->operand));
    fputs("\\fR [\\fIOPTIONS\\fR]\n", out);
    roff_heading(out, "SH", "DESCRIPTION");
    roff_paragraphs(out, command->details);
    roff_heading(out, "SH", "OPTIONS");
    size_t i = 0;
    for (const ho_flag *f; (f = ho_cli_flag_of(command, &i));)
        tagged(out, f->name, f->argument, f->doc);
    status_and_environment(out);
    see_also(out, ".BR hotool (1),\n.BR hotool\\-pipeline (5),\n.BR hotool\\-plugin (7)");
    free(name);
}

/* ---- the keys of pipelines --------------------------------------------------------------------------------------- */

static void key_section(FILE *out, ho_section section)
{
    const ho_key_section *about = &ho_key_sections[section];
    roff_heading(out, "SS", ho_help_title(section));
    roff_paragraphs(out, about->doc);
    roff_block(out, about->example, strlen(about->example), 0);
    for (size_t i = 0; i < ho_key_count; i++)
        if (ho_keys[i].in & HO_IN(section)) {
            char *form = ho_help_key_form(&ho_keys[i]);
            tagged(out, ho_keys[i].name, NULL, form);
            fputs(".br\n", out);
            roff_marked(out, ho_keys[i].doc, strlen(ho_keys[i].doc));
            fputc('\n', out);
            free(form);
        }
    if (about->takes) {
        char *takes = ho_format("and %s", about->takes);
        roff_paragraphs(out, takes);
        free(takes);
    }
}

static void pipeline_page(const char *folder)
{
    FILE *out = page(folder, "hotool-pipeline", 5, "the keys of hotool's pipeline files");
    roff_heading(out, "SH", "KEYS");
    for (ho_section s = 0; s < HO_SECTIONS; s++)
        key_section(out, s);
    see_also(out, ".BR hotool\\-pipeline (1),\n.BR hotool\\-plugins (1)");
}

/* ---- the guides -------------------------------------------------------------------------------------------------- */

static ho_status guide_page(const char *folder, const char *path, const char *name, const char *about, ho_error *error)
{
    uint8_t *bytes;
    uint64_t size;
    if (ho_file_read(path, 0, &bytes, &size, error) != HO_OK)
        return error->status;
    const char *text = (const char *)bytes;
    FILE *out = page(folder, name, 7, about);
    roff_heading(out, "SH", "DESCRIPTION");
    roff_markdown(out, text);
    see_also(out, ".BR hotool\\-plugins (1),\n.BR hotool\\-check (1)");
    ho_large_free(bytes);
    return HO_OK;
}

int main(int argc, char **argv)
{
    ho_error error = {0};
    if (argc < 5)
        ho_fail(&error, HO_INVALID, "usage: hotool-docs FOLDER GUIDE MODES FORMULAS COMMAND...");
    else if (argc - 5 != (int)ho_cli_command_count)
        ho_fail(&error, HO_INVALID, "there are %zu commands, tools/meson.build lists %d", ho_cli_command_count,
                argc - 5);
    for (int i = 5; i < argc && error.status == HO_OK; i++) {
        const ho_cli_command *command = ho_cli_find(argv[i], &error);
        if (command)
            command_page(argv[1], command);
    }
    if (error.status == HO_OK)
        guide_page(argv[1], argv[2], "hotool-plugin", "writing a plugin for hotool", &error);
    if (error.status == HO_OK)
        guide_page(argv[1], argv[3], "hotool-modes", "how hypergradients are computed, and at what price", &error);
    if (error.status == HO_OK)
        guide_page(argv[1], argv[4], "hotool-formulas", "the language of formulas, in plugins and in pipelines",
                   &error);
    if (error.status == HO_OK) {
        overview(argv[1]);
        pipeline_page(argv[1]);
        return 0;
    }
    fprintf(stderr, "hotool-docs: %s\n", error.text);
    return 1;
}
