/* `hotool plugins NAME --graph`: what a plugin computes, and its derivatives, in print. */
#include <string.h>

#include "cli_support.h"

TestSuite(graph, .init = cli_enter, .fini = cli_leave, .timeout = 60);

static void expect_text(cli_result result, const char *text)
{
    cli_expect_done(result);
    cr_expect_str_eq(result.out, text);
}

/* Whether the output holds all of these, in this order (up to a NULL). */
static void expect_lines(cli_result result, const char *const *lines)
{
    cli_expect_done(result);
    const char *at = result.out;
    for (; *lines; lines++) {
        const char *found = strstr(at, *lines);
        cr_expect(found, "%s\nis missing from, or too early in:\n%s", *lines, result.out);
        at = found ? found : at;
    }
}

Test(graph, a_step_is_a_list_of_operations)
{
    expect_text(cli_run("plugins", "momentum", "--graph", NULL),
                "# dynamics momentum, at w of shape (4, 3)\n"
                "%1 = leaf learning_rate ()\n"
                "%2 = leaf momentum ()\n"
                "%3 = leaf w (12)\n"
                "%4 = leaf g (12)\n"
                "%7 = leaf v (12)\n"
                "%13 = mul(%2, %7) (12)              # momentum.c:14, column 9: *v - learning_rate*g\n"
                "%14 = mul(%1, %4) (12)              # momentum.c:14, column 27: *g\n"
                "%15 = sub(%13, %14) (12)            # momentum.c:14, column 12: - learning_rate*g\n"
                "%16 = add(%3, %15) (12)             # momentum.c:15, column 3: + v\n"
                "w: %16\n"
                "v: %15\n");
}

Test(graph, products_with_tangents_and_with_cotangents)
{
    expect_lines(cli_run("plugins", "dynamics/momentum", "--graph=text", "--derivative", "jvp", NULL),
                 (const char *const[]){"# dynamics momentum, J v, at w of shape (4, 3)\n",
                                       " = leaf tangent of w (12)\n", "# momentum.c:14, column 27: *g\n",
                                       "\ntangent of w: %", "\ntangent of v: %", NULL});
    expect_lines(cli_run("plugins", "l2", "--graph", "--derivative=vjp", NULL),
                 (const char *const[]){"# penalty l2, J'u, at w of shape (4, 3)\n", " = leaf cotangent of penalty ()\n",
                                       "sum(", "axis=2, axes=2) ()", "# l2.c:17, column 9: * w^2)\n",
                                       "\ncotangent of rho: %", "\ncotangent of w: %", NULL});
}

Test(graph, what_has_no_influence_is_0)
{
    expect_lines(cli_run("plugins", "sgd", "--graph", "--derivative=vjp", "--set", "learning_rate=0", NULL),
                 (const char *const[]){"\ncotangent of w: %", NULL});
    expect_lines(cli_run("plugins", "loss/formula", "--graph", "--derivative", "jvp", "--set", "targets_are=reals",
                         "--set", "formulas=sum(stop(outputs), 1)", NULL),
                 (const char *const[]){"# loss formula, J v", "\ntangent of loss: 0\n", NULL});
}

Test(graph, models_and_losses)
{
    expect_lines(cli_run("plugins", "softmax", "--graph", NULL),
                 (const char *const[]){"# model softmax, at features 5, outputs 3, batch 4, labels\n",
                                       " = leaf inputs (4, 5)\n", "matmul(", "(4, 3)", "# softmax.c:", "\nW: %",
                                       "\noutputs: %", NULL});
    expect_lines(cli_run("plugins", "cross_entropy", "--graph", NULL),
                 (const char *const[]){" = leaf outputs (4, 3)\n", "exp(%", "# cross_entropy.c:", "\nloss: %", NULL});
}

Test(graph, the_objectives_gradient_has_a_stand_in)
{
    expect_lines(cli_run("plugins", "dynamics/formula", "--graph", "--set", "formulas=w = w - 0.1*grad(0.5*w)", NULL),
                 (const char *const[]){"# grad(p) is 0.7*p + tanh(p) here, which stands for an objective's gradient\n",
                                       "tanh(%", "# --set, column 9: grad(0.5*w)\n", NULL});
}

Test(graph, graphviz_can_read_it)
{
    expect_lines(cli_run("plugins", "l2", "--graph=dot", NULL),
                 (const char *const[]){"// penalty l2, at w of shape (4, 3)\n", "digraph {\n",
                                       "[label=\"leaf w\\n(4, 3)\"", "tooltip=\"l2.c:17, column 9: * w^2)\"", " -> ",
                                       "label=\"penalty\"]", "}\n", NULL});
    cli_expect_done(
        cli_run("plugins", "dynamics/formula", "--graph=dot", "--set", "formulas=\"w = w - g # \\\"\\\\\"", NULL));
    if (cli_shell("command -v dot >/dev/null") != 0)
        return;
    expect_lines(cli_run("plugins", "adam", "--graph=svg", "--derivative", "jvp", NULL),
                 (const char *const[]){"<svg", "tangent of w", "adam.c:2", "</svg>", NULL});
}

Test(graph, without_graphviz_there_is_one_message)
{
    cr_expect_eq(cli_shell("PATH=/nowhere $HOTOOL plugins l2 --graph=svg >out 2>err"), 1);
    cr_expect_str_eq(cli_read("out"), "");
    cr_expect_str_eq(cli_read("err"), "hotool: dot, which draws this, is not installed (Debian package graphviz)\n");
}

Test(graph, a_file_is_a_plugin_too)
{
    const char *file = cli_format("%s/penalties/l2.so", cli_environment("HOTOOL_PLUGIN_PATH"));
    expect_lines(cli_run("plugins", file, "--graph", NULL), (const char *const[]){"# penalty l2", NULL});
    expect_lines(cli_run("plugins", file, NULL), (const char *const[]){"penalty l2 ", "rho", NULL});
    expect_lines(cli_run("plugins", "penalty/l2", NULL), (const char *const[]){"penalty l2 ", "rho", NULL});
}

Test(graph, mistakes)
{
    cli_expect_refused("form", cli_run("plugins", "l2", "--graph=txt", NULL),
                       "--graph: \"txt\" is not one of its choices; did you mean \"text\"? (known: text, dot, svg)",
                       NULL);
    cli_expect_refused("derivative", cli_run("plugins", "l2", "--graph", "--derivative", "jpv", NULL),
                       "--derivative: \"jpv\" is not one of its choices; did you mean \"jvp\"?", NULL);
    cli_expect_refused("no graph", cli_run("plugins", "l2", "--derivative", "jvp", NULL),
                       "--derivative and --set need --graph", NULL);
    cli_expect_refused("no name", cli_run("plugins", "--graph", NULL), "a graph of which plugin?", NULL);
    cli_expect_refused("several", cli_run("plugins", "formula", "--graph", NULL),
                       "several plugins are called \"formula\": say which, as dynamics/formula", NULL);
    cli_expect_refused("unknown", cli_run("plugins", "penalty/l3", "--graph", NULL),
                       "no plugin \"penalty/l3\"; did you mean \"l1\"?", NULL);
    cli_expect_refused("not traced", cli_run("plugins", "reverse", "--graph", NULL),
                       "the mode \"reverse\" has no graph: dynamics, models, losses and penalties are traced", NULL);
    cli_expect_refused("options", cli_run("plugins", "penalty/formula", "--graph", NULL),
                       "the penalty \"formula\" needs --set formulas=VALUE", NULL);
    cli_expect_refused("formula", cli_run("plugins", "penalty/formula", "--graph", "--set", "formulas=sum(w", NULL),
                       "--set: plugin \"formula\": formula \"sum(w\": column 6: expected", NULL);
    cli_expect_refused("no file", cli_run("plugins", "./none.so", "--graph", NULL), "none.so", NULL);
}
