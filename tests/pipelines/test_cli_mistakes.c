/* Mistakes that an author makes, each with the check that finds it and what it says. The plugins are those of
 * tests/abi/mistakes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_support.h"

TestSuite(mistakes, .init = cli_enter, .fini = cli_leave, .timeout = 170);

typedef struct mistake {
    const char *name, *check, *verdict, *says;
} mistake;

static const mistake rows[] = {
    /* Formulas and calls: refused with file and line, and the column of a formula. */
    {"unknown_name", "shapes", "FAILED", "formula \"w - rate * gradient\": column 12: unknown name \"gradient\""},
    {"misspelt_name", "shapes", "FAILED", "unknown name \"rat\"; did you mean \"rate\"?"},
    {"syntax", "shapes", "FAILED", "column 14: expected \")\" at the end of the formula"},
    {"other_shape", "shapes", "FAILED", "step must bind \"w\" of shape (12), and binds one of shape ()"},
    {"forgets_w", "shapes", "FAILED", "step leaves w as it is: bind the new weights to the name \"w\""},
    {"silent_failure", "shapes", "FAILED", "step returned 1 without saying why"},
    {"nan", "shapes", "FAILED", "constant: the number is NaN"},
    {"kept_value", "shapes", "FAILED", "which is not a value of this trace; values end with their callback"},
    {"grad_per_tensor", "shapes", "FAILED", "this dynamics is traced for each weight tensor by itself"},
    {"wrong_axis", "shapes", "FAILED", "sum: (12) has no axis 7"},
    {"batch_size", "shapes", "FAILED", "unknown size \"batchsize\""},
    {"weight_in_step", "shapes", "FAILED", "weights are declared in a model's \"weights\""},
    {"weight_twice", "shapes", "FAILED", "weight \"W\" is declared twice"},
    {"inner_sizes", "shapes", "FAILED", "matmul: (5, 3) @ (4, 5): the inner sizes 3 and 4 differ"},
    {"no_outputs", "shapes", "FAILED", "forward must bind \"outputs\" of shape (4, 3), and does not"},
    {"mean_over_batch", "shapes", "FAILED", "per_example must bind \"loss\" of shape (4), and binds one of shape ()"},
    /* What only numbers show. */
    {"random", "repeat", "FAILED", "the graphs of two traces differ"},
    {"divides_by_zero", "values", "FAILED", "where no gradient came: w is"},
    {"first_step", "values", "FAILED", "at t = 1: w is inf"},
    {"no_shift", "values", "FAILED", "with numbers around 1e6: loss is inf"},
    {"stop", "derivatives", "FAILED", "is there a stop(), or a branch on values, that hides a dependence?"},
    {"over_the_batch", "examples", "FAILED", "\"outputs\" of example 1 changes with the first example's numbers"},
    /* Crashes, and what does not come back. */
    {"null", "shapes", "crashed", "crashed in its step (SIGSEGV: a bad memory access)"},
    {"aborts", "shapes", "crashed", "crashed in its step (SIGABRT"},
    {"overflow", "shapes", "crashed", "crashed in its step (SIGSEGV"},
    {"exits", "shapes", "ended", "ended the program in its step (it called exit)"},
    {"kept_trace", "shapes", "ended", "calls hotool's trace after the end of its step"},
    {"other_thread", "shapes", "ended", "calls hotool's trace from another thread than that of its step"},
    {"waits_for_shape", "poison", "timed out", "is still in its step after 2 s"},
    {"endless_trace", "shapes", "timed out", "is still in its step after 2 s"},
    {"unchecked_malloc", "create-memory", "crashed", "crashed in its create (SIGSEGV"},
    {"unchecked_setup", "create-memory", "crashed", "crashed in its create (SIGSEGV"},
    {"unchecked_memory", "read-memory", "crashed", "crashed in its read (SIGSEGV"},
    {"unchecked_alloc", "read-memory", "crashed", "crashed in its read (SIGSEGV"},
    {"unchecked_scratch", "project-memory", "crashed", "crashed in its project (SIGSEGV"},
    {"ignores_memory", "project-memory", "FAILED", "project returns HO_OK although its allocation number 1 failed"},
#ifndef __SANITIZE_ADDRESS__ /* whose new ends the program by itself */
    {"exception", "read-memory", "crashed", "crashed in its read (SIGABRT"},
#endif
#ifdef __SANITIZE_ADDRESS__
    {"double_free", "instances", "ended", "attempting double-free"},
#else
    {"double_free", "instances", "crashed", "crashed in its destroy (SIGABRT"},
#endif
    {"writes_static", "instances", "crashed", "crashed in its create (SIGSEGV"},
    {"past_the_end", "projection", "crashed", "crashed in its project (SIGSEGV"},
    {"writes_lambda", "gradient", "crashed", "crashed in its advance (SIGSEGV"},
    /* create and options. */
    {"undeclared_option", "instances", "FAILED", "asks for the option \"epsilon\", which it does not declare"},
    {"option_type", "instances", "FAILED", "reads its option \"size\" as another type than it declares"},
    {"silent_create", "instances", "FAILED", "refuses to be set up, without saying why (create returned 2)"},
    {"greedy_create", "instances", "FAILED", "asks for 1099511627776 bytes for its settings; the most is 268435456"},
    /* Tables and the file. */
    {"undocumented", "tables", "FAILED", "hyperparameter \"rate\" has no doc"},
    {"control_character", "tables", "FAILED", "the doc of option \"odd\" is not one line of UTF-8"},
    {"misnamed", "tables", "FAILED", "the file is called m_misnamed.so, and the plugin \"other\": call it other.so"},
    {"no_version", "tables", "FAILED", "the plugin has no version"},
    {"all_extensions", "tables", "FAILED", "extension answers a name that it cannot know"},
    {"default", "load", "FAILED", "hyperparameter \"rate\": its default -0.1 is outside its domain, 0 to inf"},
    {"shape", "load", "FAILED", "its shape \"colums\" has the unknown size \"colums\""},
    {"twice", "load", "FAILED", "the name \"rate\" is declared twice"},
    {"host_name", "load", "FAILED", "the name \"g\" is the host's in a dynamics; give yours another"},
    {"option_default", "load", "FAILED", "\"plane\" is not one of its choices; did you mean \"plain\"?"},
    {"no_size", "load", "FAILED", "its table of calls says that it is 0 bytes long, a dynamics has 32"},
    {"no_step", "load", "FAILED", "the dynamics \"m_no_step\" lacks its call \"step\""},
    {"no_calls", "load", "FAILED", "it has no table of calls"},
    {"exported", "file", "FAILED", "it exports helper beside hotool_plugin_v0: compile with -fvisibility=hidden"},
    {"links_host", "file", "FAILED", "it asks the loader for ho_graph_new: a plugin links against nothing of hotool"},
    /* Constraints, readers, modes. */
    {"no_reason", "projection", "FAILED", "fits refuses without a reason"},
    {"negative", "projection", "FAILED", "outside of the domain or the structure"},
    {"not_idempotent", "projection", "FAILED", "not idempotent: entry 0 of a projected point"},
    {"rescales", "nearest", "FAILED", "not the nearest point: the projection is"},
    {"nan_input", "read", "FAILED", "inputs: example 1, entry 1 is NaN"},
    {"label", "read", "FAILED", "labels: example 1 has the label -1"},
    {"beyond", "read", "FAILED", "read wrote beyond the end of memory from ho_data_alloc, a block of 96 bytes"},
    {"more_than_there_is", "read", "FAILED", "inputs: has 6012 entries of 8 bytes, but its memory ends after 96 bytes"},
    {"lengths", "read", "FAILED", "labels: has 5 examples, but inputs has 6"},
    {"changes", "read", "FAILED", "a second read gives other values: if only their order may change, set `unordered`"},
    {"forgets_the_start", "gradient", "FAILED", "entry 0 of the gradient is"},
    {"one_vector_twice", "gradient", "FAILED", "step: state and next are one vector"},
    {"leaks", "gradient", "FAILED", "1 vectors or pieces of memory are not freed"},
    {"ignores_failures", "failures", "FAILED", "the system failed, but the mode continues as if it had not"},
};

/* The row of a check and the lines below it. */
static const char *finding(const char *out, const char *check)
{
    const char *at = strstr(out, cli_format("\n  %s ", check));
    cr_assert(at, "no check %s in: %s", check, out);
    const char *end = strchr(at + 1, '\n');
    while (end && strncmp(end, "\n      ", 7) == 0)
        end = strchr(end + 1, '\n');
    return cli_format("%.*s", (int)(end ? end - at : (long)strlen(at)), at);
}

static void expect(const mistake *m, int limit)
{
    const char *path = cli_format("%s/../mistakes/m_%s.so", cli_environment("HOTOOL_TEST_PLUGINS"), m->name);
    const cli_result r = cli_run("check", path, "--limit", cli_format("%d", limit), "--only", m->check, NULL);
    cr_expect_eq(r.status, 1, "%s: exit status %d: %s%s", m->name, r.status, r.out, r.err);
    const char *found = finding(r.out, m->check);
    cr_expect(strstr(found, cli_format(" %s ", m->verdict)), "%s: %s", m->name, r.out);
    cr_expect(strstr(found, m->says), "%s: \"%s\" is not in: %s", m->name, m->says, r.out);
    cr_expect(strstr(r.out, " checks, 1 failed") || strcmp(m->check, "file") == 0, "%s: %s", m->name, r.out);
}

Test(mistakes, each_is_found_by_its_check_and_told)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect(&rows[i], strcmp(rows[i].verdict, "timed out") == 0 ? 2 : 20);
    cr_expect_geq(sizeof rows / sizeof *rows, 30u);
}

/* Such a doc does not drive the terminal of whoever looks the plugin up. */
Test(mistakes, control_characters_are_printed_as_escapes)
{
    const char *path = cli_format("%s/../mistakes/m_control_character.so", cli_environment("HOTOOL_TEST_PLUGINS"));
    const cli_result r = cli_run("plugins", path, NULL);
    cr_expect_eq(r.status, 0, "%s", r.err);
    for (const char *c = r.out; *c; c++)
        cr_expect((unsigned char)*c >= ' ' || *c == '\n', "byte %d in: %s", *c, r.out);
    cr_expect(strstr(r.out, "a doc\\nof two lines"), "%s", r.out);
}
