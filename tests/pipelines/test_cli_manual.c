/* The manual pages that the build makes from the tables of the command line and of the pipelines' keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_support.h"
#include "pipeline/keys.h"

TestSuite(manual, .init = cli_enter, .fini = cli_leave, .timeout = 60);

/* A page of the build tree, which lies beside the program. */
static const char *page(const char *name)
{
    const char *program = cli_environment("HOTOOL_BIN");
    const char *path = cli_format("%.*s/%s", (int)(strrchr(program, '/') - program), program, name);
    cr_assert(cli_exists(path), "there is no %s", name);
    return cli_read(path);
}

/* The commands of the overview, one at a time: the word that a line "  WORD  ..." starts with; NULL after the last. */
static const char *next_command(const char **line)
{
    while (**line && strncmp(*line, "  ", 2) != 0)
        *line += strcspn(*line, "\n") + 1;
    if (strncmp(*line, "  help ", 7) == 0 || !**line)
        return NULL;
    const char *word = cli_format("%.*s", (int)strcspn(*line + 2, " "), *line + 2);
    *line += strcspn(*line, "\n") + 1;
    return word;
}

Test(manual, every_command_has_its_page_with_its_options)
{
    const char *overview = page("hotool.1"), *line = cli_run("--help", NULL).out;
    size_t count = 0;
    for (const char *command; (command = next_command(&line)); count++) {
        const char *text = page(cli_format("hotool-%s.1", command));
        cr_expect(strstr(text, cli_format("\n.B hotool %s\n", command)), "%s: %s", command, text);
        cr_expect(strstr(overview, cli_format("\n\\fB%s\\fR", command)), "%s is missing from hotool.1", command);
        const char *help = cli_run("help", command, NULL).out;
        for (const char *option = help; (option = strstr(option, "\n  --")); option += 5) {
            const char *name = option + 3;
            char tag[64] = "\n\\fB";
            for (size_t n = strlen(tag); *name != ' ' && n + 8 < sizeof tag; n = strlen(tag), name++)
                snprintf(tag + n, sizeof tag - n, "%s%c", *name == '-' ? "\\" : "", *name);
            strcat(tag, "\\fR");
            cr_expect(strstr(text, tag), "%s is missing from the page of %s", tag, command);
        }
    }
    cr_expect_geq(count, 6);
}

Test(manual, every_key_is_in_the_page_of_pipelines_with_its_form)
{
    const char *text = page("hotool-pipeline.5");
    for (size_t i = 0; i < ho_key_count; i++)
        cr_expect(strstr(text, cli_format("\n.TP\n\\fB%s\\fR\n", ho_keys[i].name)), "%s is missing", ho_keys[i].name);
    for (ho_section s = 1; s < HO_SECTIONS; s++)
        cr_expect(strstr(text, cli_format("\n.SS \"%s\"\n", ho_key_sections[s].path)), "%s", ho_key_sections[s].path);
    cr_expect(strstr(text, "\n\\fBprecision\\fR\none of f32, f64; default f32\n.br\nprecision of training"), "%s",
              text);
}

/* Each construct of the guide's Markdown. */
Test(manual, the_guide_is_a_page)
{
    const char *text = page("hotool-plugin.7");
    cr_expect(strstr(text, "hotool\\-plugin \\- writing a plugin for hotool\n"));
    cr_expect(strstr(text, "\n.SH \"A TRACED PLUGIN\"\n"));
    cr_expect(strstr(text, "\n.nf\nstatic ho_status step(void *self, ho_trace *x)\n{\n    (void)self;\n"));
    cr_expect(strstr(text, "\\fBho_let\\fR evaluates a formula"), "code");
    cr_expect(strstr(text, "(FORMULAS.md)") && !strstr(text, "](FORMULAS"), "a link leaves its text");
    cr_expect(strstr(text, "\n.IP \"\\(bu\" 3\n\\fBErrors.\\fR A call that fails"), "a list");
    cr_expect(strstr(text, "\n.TS\nallbox;\nlb lb lb lb\nl l l l.\nT{\nYou write\nT}\tT{\nYou fill in\nT}"), "a table");
    cr_expect(strstr(text, "\nT{\na mode\nT}\tT{\n") && !strstr(text, "\\-\\-\\-"), "its rows");
    cr_expect_null(strstr(text, "```"));
}

/* `hotool help modes` and hotool-modes.7 are one text, which names every mode that is installed. */
Test(manual, the_modes_have_a_page)
{
    const char *help = cli_run("help", "modes", NULL).out, *text = page("hotool-modes.7");
    cr_expect(strstr(help, "# Hypergradient modes\n") == help, "%s", help);
    cr_expect(strstr(text, "hotool\\-modes \\- how hypergradients are computed"));
    const char *list = strstr(cli_run("plugins", NULL).out, "\nmodes\n");
    cr_assert(list);
    size_t count = 0;
    for (list = strchr(list + 1, '\n'); list && strncmp(list, "\n  ", 3) == 0; list = strchr(list + 1, '\n'), count++) {
        const char *name = cli_format("%.*s", (int)strcspn(list + 3, " "), list + 3);
        cr_expect(strstr(help, cli_format("\n| %s ", name)), "%s has no row", name);
        cr_expect(strstr(text, cli_format("\nT{\n%s\nT}", name)), "%s has no row in the manual", name);
    }
    cr_expect_geq(count, 5);
}

/* `hotool help formulas` and hotool-formulas.7, likewise. */
Test(manual, the_formulas_have_a_page)
{
    const char *help = cli_run("help", "formulas", NULL).out, *text = page("hotool-formulas.7");
    cr_expect(strstr(help, "# Formulas\n") == help && strstr(help, "\n## In a pipeline\n"), "%s", help);
    cr_expect(strstr(text, "hotool\\-formulas \\- the language of formulas") &&
              strstr(text, "\n.SH \"IN A PIPELINE\"\n"));
    cr_expect(strstr(text, "\\fBstop_noise"), "%s", text);
}

/* hotool's own pipelines go by their names, from any folder. */
Test(manual, a_pipeline_that_came_with_hotool_goes_by_its_name)
{
    cli_result r = cli_run("hypergradient", "generated_mtl", "--set", "variants=null", "--set", "repeat=null", "--set",
                           "steps=3", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "after T = 3 steps"), "%s", r.out);
    cli_expect_refused("misspelt", cli_run("check", "generated_mt", NULL),
                       "generated_mt: no such file, and no pipeline of that name comes with hotool",
                       "did you mean \"generated_mtl\"?", NULL);
    cli_expect_refused("a path", cli_run("check", "./generated_mtl", NULL), "./generated_mtl: no such file", NULL);
    cli_write("generated_mtl", "stepz: 1\n");
    cli_expect_refused("a file goes first", cli_run("check", "generated_mtl", NULL), "generated_mtl:1:1: ", NULL);
}
