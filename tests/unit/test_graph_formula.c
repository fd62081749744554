/* Formulas: the grammar of sdk/FORMULAS.md, checked by constant folding, and its messages. */
#include "graph/formula.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static ho_error error;
static ho_graph *graph;
static ho_scope *scope;

static void open_graph(void)
{
    error = (ho_error){0};
    graph = ho_graph_new(&error);
    scope = ho_scope_new();
    int64_t dims[] = {4, 3};
    ho_scope_bind(scope, "beta1", ho_node_leaf(graph, "beta1", ho_scalar_shape()));
    ho_scope_bind(scope, "m", ho_node_leaf(graph, "m", ho_shape_of(1, dims)));
    ho_scope_bind(scope, "g", ho_node_leaf(graph, "g", ho_shape_of(1, dims)));
    ho_scope_bind(scope, "A", ho_node_leaf(graph, "A", ho_shape_of(2, dims)));
}

static void close_graph(void)
{
    ho_scope_free(scope);
    ho_graph_free(graph);
}

TestSuite(formula, .init = open_graph, .fini = close_graph);

static ho_node read(const char *text)
{
    return ho_formula(graph, scope, NULL, NULL, (ho_formula_text){.text = text});
}

static double value_of(const char *text)
{
    double value = NAN;
    ho_node node = read(text);
    cr_assert(node != HO_POISON, "%s: %s", text, error.text);
    cr_assert(ho_is_constant(graph, node, &value), "%s is not folded", text);
    return value;
}

static const ho_graph_node *node_of(const char *text)
{
    ho_node node = read(text);
    cr_assert(node != HO_POISON, "%s: %s", text, error.text);
    return ho_graph_at(graph, node);
}

/* The message of a formula that must be refused, in a fresh graph. */
static const char *refusal(const char *text)
{
    close_graph();
    open_graph();
    cr_assert_eq(read(text), HO_POISON, "%s is accepted", text);
    cr_assert_eq(error.status, HO_INVALID);
    return error.text;
}

Test(formula, operators_bind_as_the_table_says)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"1 + 2*3", 7},
        {"(1 + 2)*3", 9},
        {"1 - 2 - 3", -4},
        {"8/4*2", 4},
        {"8/4/2", 1},
        {"2^3^2", 512},
        {"(2^3)^2", 64},
        {"-2^2", -4},
        {"(-2)^2", 4},
        {"2^-1", 0.5},
        {"2^-2^2", 0.0625},
        {"--3", 3},
        {"2 - -3", 5},
        {"2*-3", -6},
        {"6/-2*3", -9},
        {"-2*3 + 1", -5},
        {"1 + 1 == 2", 1},
        {"1 + 1 < 2", 0},
        {"2 <= 2", 1},
        {"3 > 2", 1},
        {"2 >= 3", 0},
        {"(1 < 2) == 1", 1},
        {"3*2^2", 12},
        {"10 - 2^3", 2},
        {"1e-3", 1e-3},
        {".5 + 5.", 5.5},
        {"1.5E+2", 150},
        {" \t7\n", 7},
        {"2*(3 + (4 - 1))", 12},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(value_of(cases[i].text), cases[i].value, "%s is %g", cases[i].text, value_of(cases[i].text));
}

Test(formula, functions_are_what_they_are_called)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"abs(-3)", 3},
        {"sign(-3) + sign(0)", -1},
        {"exp(1)", 2.718281828459045},
        {"expm1(1e-10)", 1.00000000005e-10},
        {"log(10)", 2.302585092994046},
        {"log1p(1)", 0.6931471805599453},
        {"sqrt(9)", 3},
        {"rsqrt(4)", 0.5},
        {"rsqrt(0)", 0},
        {"tanh(0.5)", 0.46211715726000975},
        {"sin(1)", 0.8414709848078965},
        {"cos(1)", 0.5403023058681398},
        {"erf(0.5)", 0.5204998778130465},
        {"floor(-1.5)", -2},
        {"stop(4)", 4},
        {"stop_noise(3, 0, 1, 1, 0) + stop_noise(4, 1, 1, 1, 0)", 7},
        {"relu(-1) + relu(2)", 2},
        {"sigmoid(1)", 0.7310585786300049},
        {"softplus(0)", 0.6931471805599453},
        {"softplus(1000)", 1000},
        {"softplus(-40)", 4.248354255291589e-18},
        {"max(2, 3)*min(2, 3)", 6},
        {"select(0, 5, 7)", 7},
        {"select(2 > 1, 5, 7)", 5},
        {"dot(2, 3)", 6},
        {"norm(-3)", 3},
        {"sum(4) + mean(5) + maximum(6)", 15},
        {"9^0.5", 3},
        {"4^1.5", 8},
        {"7^0", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_float_eq(value_of(cases[i].text), cases[i].value, 4e-16 * fabs(cases[i].value) + 1e-300,
                           "%s is %.17g", cases[i].text, value_of(cases[i].text));
}

Test(formula, entries_of_filled_tensors_fold_too)
{
    int64_t dims[] = {4, 3};
    double value;
    ho_scope_bind(scope, "two", ho_node_fill(graph, ho_shape_of(2, dims), 2));
    const ho_graph_node *node = node_of("3*two + 1");
    cr_expect_eq(node->shape.rank, 2);
    cr_expect(ho_is_constant(graph, read("3*two + 1"), &value) && value == 7);
    cr_expect_eq(value_of("sum(two)"), 24);
    cr_expect_eq(value_of("mean(two)"), 2);
    cr_expect_eq(value_of("dot(two, two)"), 48);
}

Test(formula, axes_count_from_the_front_or_from_the_end)
{
    cr_expect_eq(read("sum(A, 0)"), read("sum(A, -2)"));
    cr_expect_eq(read("sum(A, 1)"), read("sum(A, -1)"));
    cr_expect_neq(read("sum(A, 0)"), read("sum(A, 1)"));
    cr_expect_eq(node_of("sum(A, 0)")->shape.dims[0], 3);
    cr_expect_eq(node_of("maximum(A, 1)")->shape.dims[0], 4);
    cr_expect_eq(node_of("sum(A)")->shape.rank, 0);
    const ho_graph_node *kept = node_of("mean_keep(A, -1)");
    cr_expect(kept->shape.rank == 2 && kept->shape.dims[0] == 4 && kept->shape.dims[1] == 1);
    kept = node_of("sum_keep(A, 0)");
    cr_expect(kept->shape.rank == 2 && kept->shape.dims[0] == 1 && kept->shape.dims[1] == 3);
    cr_expect_eq(node_of("maximum_keep(A)")->shape.dims[1], 1);
    cr_expect_eq(node_of("A - mean_keep(A, 1)")->shape.dims[1], 3);
}

Test(formula, shapes_broadcast_and_matrices_multiply)
{
    cr_expect_eq(node_of("beta1*m")->shape.dims[0], 4);
    cr_expect_eq(node_of("A + sum(A, 0)")->shape.rank, 2);
    const ho_graph_node *product = node_of("transpose(A) @ A");
    cr_expect(product->op == HO_OP_MATMUL && product->shape.dims[0] == 3 && product->shape.dims[1] == 3);
    /* Left to right at one level: (A @ B) * 2. */
    cr_expect_eq(node_of("A @ transpose(A) * 2")->op, HO_OP_MUL);
    cr_expect_str_eq(refusal("m * A"),
                     "formula \"m * A\": column 3: mul: (4) and (4, 3): the shapes cannot be broadcast "
                     "together");
    cr_expect_str_eq(refusal("A @ A"), "formula \"A @ A\": column 3: matmul: (4, 3) @ (4, 3): the inner sizes 3 and 4 "
                                       "differ");
}

Test(formula, equal_formulas_are_one_node)
{
    cr_expect_eq(read("beta1*m + (1 - beta1)*g"), read("( beta1 * m )+((1-beta1)*g)"));
    cr_expect_eq(read("m < g"), read("g > m"));
    cr_expect_eq(read("m <= g"), read("g >= m"));
    cr_expect_eq(read("m^2"), read("m*m"));
    cr_expect_eq(read("m^-1"), read("1/m"));
    cr_expect_neq(read("m - g"), read("g - m"));
}

Test(formula, rebinding_hides_the_earlier_value)
{
    ho_node before = read("m"), next = read("beta1*m");
    ho_scope_bind(scope, "m", next);
    ho_node after = read("m");
    cr_expect_neq(after, before);
    cr_expect_eq(after, next);
    ho_node found;
    cr_expect(ho_scope_find(scope, "m", &found) && found == next);
    cr_expect_not(ho_scope_find(scope, "n", &found));
}

Test(formula, functions_and_names_do_not_hide_each_other)
{
    ho_scope_bind(scope, "norm", read("beta1"));
    cr_expect_eq(read("norm"), read("beta1"));
    cr_expect_eq(read("norm(m)"), read("sqrt(sum(m*m))"));
}

Test(formula, an_error_names_source_formula_column_and_nearest_name)
{
    ho_graph_source_enter(graph, "adam", "adam.c", 9);
    cr_assert_eq(read("beta*m"), HO_POISON);
    cr_expect_str_eq(error.text,
                     "adam.c:9: plugin \"adam\": formula \"beta*m\": column 1: unknown name \"beta\"; did you "
                     "mean \"beta1\"?");
    /* The first error stays. */
    cr_expect_eq(read("zeta*m"), HO_POISON);
    cr_expect(strstr(error.text, "beta1"));
}

Test(formula, each_mistake_has_its_message_and_column)
{
    static const struct {
        const char *text, *message;
        int column;
    } cases[] = {
        {"", "expected a value at the end of the formula", 1},
        {"  ", "expected a value at the end of the formula", 3},
        {"1 +", "expected a value at the end of the formula", 4},
        {"m * / g", "expected a value, got \"/\"", 5},
        {"(m + g", "expected \")\" at the end of the formula", 7},
        {"m + g)", "expected an operator, got \")\"", 6},
        {"m g", "expected an operator, got \"g\"", 3},
        {"2m", "\"m\" follows a number; is an operator missing?", 2},
        {"1.2.3", "\".3\" follows a number; is an operator missing?", 4},
        {"0x10", "\"x10\" follows a number; is an operator missing?", 2},
        {"1e999", "the number is out of range", 1},
        {"+m", "expected a value, got \"+\"", 1},
        {"m ** 2", "\"**\" is not an operator; write \"^\" for a power", 3},
        {"m != g", "\"!=\" is not an operator; write 1 - (a == b)", 3},
        {"m = g", "\"=\" is not an operator; write \"==\" for equality", 3},
        {"m < g < m", "comparisons do not chain: put one of them in parentheses", 7},
        {"m % g", "unexpected character \"%\"", 3},
        {"m \x80", "unexpected byte 0x80", 3},
        {"m \x01", "unexpected byte 0x01", 3},
        {"squirt(m)", "unknown function \"squirt\"; did you mean \"sqrt\"?", 1},
        {"1 + grd(m)", "unknown function \"grd\"; did you mean \"grad\"?", 5},
        {"frobnicate(m)", "unknown function \"frobnicate\"", 1},
        {"frobnicate", "unknown name \"frobnicate\"", 1},
        {"beta1(m)", "\"beta1\" is not a function; write beta1*(...) for a product", 1},
        {"1 + exp", "\"exp\" is a function; write exp(...)", 5},
        {"exp(m, g)", "expected \")\", since exp takes 1 argument, got \",\"", 6},
        {"exp()", "expected a value, got \")\"", 5},
        {"max(m)", "expected \",\", since max takes 2 arguments, got \")\"", 6},
        {"sum(A, m)", "expected an axis (an integer, such as 0 or -1), got \"m\"", 8},
        {"sum(A, 1.5)", "expected an axis (an integer, such as 0 or -1), got \"1.5\"", 8},
        {"sum(A, 0, 1)", "expected \")\", since sum takes 1 argument and may take an axis, got \",\"", 9},
        {"1 + sum(A, 2)", "sum: (4, 3) has no axis 2; its axes are 0 to 1, or -2 to -1 from the end", 5},
        {"mean(A, -3)", "mean: (4, 3) has no axis -3; its axes are 0 to 1, or -2 to -1 from the end", 1},
        {"sum(beta1, 0)", "sum: a scalar has no axes", 1},
        {"transpose(m)", "transpose: (4) has fewer than two axes", 1},
        {"select(m, A, 1)", "select: (4), (4, 3) and (): the shapes cannot be broadcast together", 1},
        {"grad(m)", "grad() is not available here: only the formulas of a whole step have an objective", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char column[32];
        const char *text = refusal(cases[i].text);
        snprintf(column, sizeof column, "column %d: ", cases[i].column);
        const char *found = strstr(text, column);
        cr_expect(found && !strcmp(found + strlen(column), cases[i].message), "%s gives: %s", cases[i].text, text);
    }
}

Test(formula, poison_in_scope_spreads_without_a_message)
{
    ho_scope_bind(scope, "p", HO_POISON);
    cr_expect_eq(read("sum_keep(p, 0) + max(p, m) @ transpose(p) - select(p, 1, 2)"), HO_POISON);
    cr_expect_eq(error.status, HO_OK);
}

static ho_node twice(void *context, ho_node point)
{
    ++*(int *)context;
    return ho_node_binary(graph, HO_OP_MUL, ho_node_const(graph, 2), point);
}

static ho_node reads_another(void *context, ho_node point)
{
    return ho_formula(graph, scope, twice, context, (ho_formula_text){.text = "grad(m)"}) ? point : HO_POISON;
}

Test(formula, grad_calls_the_objective_at_the_point)
{
    int calls = 0;
    cr_expect_eq(ho_formula(graph, scope, twice, &calls, (ho_formula_text){.text = "m - grad(m + g)"}),
                 read("m - 2*(m + g)"));
    cr_expect_eq(calls, 1);
    /* After a formula read in between, messages are about the outer one again. */
    cr_expect_eq(ho_formula(graph, scope, reads_another, &calls, (ho_formula_text){.text = "grad(m) + nought"}),
                 HO_POISON);
    cr_expect(strstr(error.text, "formula \"grad(m) + nought\": column 11: "), "%s", error.text);
    ho_graph_fail(graph, "later");
    cr_expect_eq(calls, 2);
}

Test(formula, messages_outside_a_formula_name_none)
{
    read("m + g");
    ho_node_matmul(graph, read("A"), read("A"));
    cr_expect_str_eq(error.text, "matmul: (4, 3) @ (4, 3): the inner sizes 3 and 4 differ");
}

Test(formula, numbers_do_not_depend_on_the_locale)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR", "ru_RU.UTF-8"};
    size_t i = 0;
    while (i < sizeof names / sizeof names[0] && !setlocale(LC_ALL, names[i]))
        i++;
    if (strcmp(localeconv()->decimal_point, ",") != 0)
        cr_skip_test("no locale with a decimal comma is installed");
    cr_expect_eq(value_of("1.5 + 0.25"), 1.75);
    cr_expect(strstr(refusal("max(1,5"), "expected \")\""));
    setlocale(LC_ALL, "C");
}

static char *nested(size_t depth, const char *open, const char *inner, const char *close)
{
    char *text = calloc(depth * (strlen(open) + strlen(close)) + strlen(inner) + 1, 1), *at = text;
    for (size_t i = 0; i < depth; i++, at += strlen(open))
        memcpy(at, open, strlen(open));
    memcpy(at, inner, strlen(inner));
    at += strlen(inner);
    for (size_t i = 0; i < depth; i++, at += strlen(close))
        memcpy(at, close, strlen(close));
    return text;
}

Test(formula, nesting_is_bounded)
{
    static const char *const kinds[][2] = {{"(", ")"}, {"-", ""}, {"2^", ""}, {"exp(", ")"}, {"max(1,", ")"}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char *deep = nested(200, kinds[i][0], "1", kinds[i][1]);
        cr_expect_neq(read(deep), HO_POISON, "%s: %s", kinds[i][0], error.text);
        free(deep);
        deep = nested(201, kinds[i][0], "1", kinds[i][1]);
        cr_expect(strstr(refusal(deep), "nested more than 200 levels deep"));
        free(deep);
        deep = nested(30000, kinds[i][0], "1", kinds[i][1]);
        refusal(deep);
        free(deep);
    }
}

Test(formula, long_formulas_are_read_and_longer_ones_refused)
{
    char *text = nested(30000, "1+", "1", "");
    cr_expect_eq(value_of(text), 30001);
    free(text);
    text = nested(70000, "1", "1", "");
    cr_expect(strstr(refusal(text), "the formula is longer than 65536 characters"));
    free(text);
    text = nested(65, "x", "", "");
    cr_expect(strstr(refusal(text), "a name is longer than 64 characters"));
    free(text);
}

Test(formula, any_bytes_give_a_value_or_a_message)
{
    static const char pool[] = "mgA()()+-*/@^,<>==!&|.0123456789e \t\n\"'\x80\xffsum(exp(max(select(grad(-1";
    uint32_t state = 12345;
    for (int trial = 0; trial < 3000; trial++) {
        char text[48];
        size_t length = 0;
        while (length < 47 && (state = state * 1664525u + 1013904223u) >> 27 != 0)
            text[length++] = pool[(state >> 8) % (sizeof pool - 1)];
        text[length] = '\0';
        close_graph();
        open_graph();
        cr_assert_eq(read(text) == HO_POISON, error.status != HO_OK, "%s", text);
    }
}

Test(formula, legal_names)
{
    cr_expect(ho_is_name("w") && ho_is_name("_w2") && ho_is_name("Beta_1"));
    cr_expect_not(ho_is_name("") || ho_is_name("2w") || ho_is_name("a.b") || ho_is_name("a b") ||
                  ho_is_name("\xc3\xa9"));
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

Test(formula, comments_end_with_their_line)
{
    cr_expect_eq(value_of("1 + # one\n 2 # and two"), 3);
    cr_expect_eq(value_of("# nothing yet\n4"), 4);
    cr_expect_eq(read("# nothing at all"), HO_POISON);
    cr_expect(strstr(error.text, "expected a value at the end"), "%s", error.text);
}

static ho_source source_of(ho_node node)
{
    return ho_graph_source(graph, ho_graph_at(graph, node)->source);
}

Test(formula, nodes_know_the_character_that_made_them)
{
    ho_graph_source_enter(graph, "adam", "/src/adam.c", 9);
    const ho_node y = read("beta1*m + tanh(g)"), tanh_g = ho_graph_at(graph, y)->in[1];
    char text[HO_SOURCE_TEXT];
    cr_expect_eq(source_of(y).column, 9);
    cr_expect_eq(source_of(tanh_g).column, 11);
    cr_expect_str_eq(ho_source_print(source_of(tanh_g), false, text),
                     "adam.c:9, formula \"beta1*m + tanh(g)\", column 11");
    cr_expect_str_eq(ho_source_print(source_of(tanh_g), true, text),
                     "/src/adam.c:9, formula \"beta1*m + tanh(g)\", column 11");
    cr_expect_str_eq(ho_source_print(source_of(ho_node_unary(graph, HO_OP_EXP, y)), false, text), "adam.c:9");
}

/* A formula that is the end of a value in a file of settings. */
Test(formula, nodes_and_errors_have_their_place_in_a_file)
{
    ho_arena *arena = ho_arena_new();
    const ho_stretch stretches[] = {{0, 4, 10}, {12, 5, 3}};
    ho_tree *written = ho_tree_new(arena, HO_TREE_SCALAR, (ho_place){"run.yaml", 4, 9});
    written->text = "m = beta1*m + tanh(g) + nought";
    written->exact = true;
    written->stretches = stretches;
    written->stretch_count = 2;
    ho_graph_source_enter(graph, "own", "own.c", 1);
    const ho_formula_text formula = {.text = written->text + 4, .written = written};
    cr_expect_eq(ho_formula(graph, scope, NULL, NULL, formula), HO_POISON);
    cr_expect_str_eq(error.text, "run.yaml:5:15: plugin \"own\": unknown name \"nought\"");
    error = (ho_error){0};
    written->text = "m = beta1*m + tanh(g)";
    const ho_node y =
        ho_formula(graph, scope, NULL, NULL, (ho_formula_text){.text = written->text + 4, .written = written});
    char text[HO_SOURCE_TEXT];
    cr_expect_str_eq(ho_source_print(source_of(y), false, text), "run.yaml:5:3");
    cr_expect_str_eq(ho_source_print(source_of(ho_graph_at(graph, y)->in[0]), false, text), "run.yaml:4:19");
    written->exact = false;
    cr_expect_eq(ho_formula(graph, scope, NULL, NULL, (ho_formula_text){.text = "m + oh", .written = written}),
                 HO_POISON);
    cr_expect_str_eq(error.text, "run.yaml:4: plugin \"own\": formula \"m + oh\": column 5: unknown name \"oh\"");
    ho_arena_free(arena);
}
