/* Formulas: a lexer, and a recursive-descent parser that builds nodes as it goes. */
#include "graph/formula.h"

#include "base/text.h"
#include "graph/functions.h"
#include "graph/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 200, LONGEST_NAME = 64, LONGEST_FORMULA = 65536 };

/* Operators of one character are their own kind. */
enum { END = 0, NUMBER = 256, NAME, LESS_EQUAL, GREATER_EQUAL, EQUAL };

typedef struct parser {
    ho_graph *graph;
    const ho_scope *scope;
    ho_gradient_fn gradient;
    void *context;
    const char *text;
    const ho_tree *written; /* or NULL */
    ho_source source;       /* of the formula as a whole; not used for a rule */
    bool rule;
    int depth;
    bool failed; /* the formula is wrong; poisoned values do not stop the parser */
    int kind;    /* of the current token */
    size_t start, length;
    double number;
} parser;

/* Nodes and errors come from the character at `start` from now on. */
static void at(parser *p, size_t start)
{
    ho_source source = p->source;
    if (p->rule)
        return;
    source.column = (int)start + 1;
    if (p->written && p->written->exact) {
        const ho_place place = ho_tree_character(p->written, (size_t)(p->text - p->written->text) + start);
        source.line = place.line;
        source.column = place.column;
    }
    ho_graph_source_at(p->graph, source);
}

static ho_node fail(parser *p, size_t start, const char *format, ...) HO_PRINTF(3, 4);
static ho_node fail(parser *p, size_t start, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    at(p, start);
    p->failed = true;
    p->kind = END;
    return ho_graph_fail(p->graph, "%s", message);
}

/* ---- the lexer ------------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void take(parser *p, int kind, size_t length)
{
    p->kind = kind;
    p->length = length;
}

static void lex_number(parser *p, const char *at)
{
    size_t length = ho_scan_real(at, &p->number);
    if (!length)
        fail(p, p->start, "the number is out of range");
    else if (ho_name_length(at + length) || at[length] == '.' || is_digit(at[length]))
        fail(p, p->start + length, "\"%.16s\" follows a number; is an operator missing?", at + length);
    else
        take(p, NUMBER, length);
}

static void next(parser *p)
{
    if (p->failed)
        return;
    p->start += p->length;
    p->start += strspn(p->text + p->start, " \t\r\n");
    while (p->text[p->start] == '#') {
        p->start += strcspn(p->text + p->start, "\n");
        p->start += strspn(p->text + p->start, " \t\r\n");
    }
    const char *at = p->text + p->start;
    if (!*at) {
        take(p, END, 0);
    } else if (is_digit(*at) || (*at == '.' && is_digit(at[1]))) {
        lex_number(p, at);
    } else if (ho_name_length(at)) {
        size_t length = ho_name_length(at);
        if (length > LONGEST_NAME)
            fail(p, p->start, "a name is longer than %d characters", LONGEST_NAME);
        else
            take(p, NAME, length);
    } else if (!strncmp(at, "**", 2)) {
        fail(p, p->start, "\"**\" is not an operator; write \"^\" for a power");
    } else if (!strncmp(at, "!=", 2)) {
        fail(p, p->start, "\"!=\" is not an operator; write 1 - (a == b)");
    } else if (!strncmp(at, "<=", 2)) {
        take(p, LESS_EQUAL, 2);
    } else if (!strncmp(at, ">=", 2)) {
        take(p, GREATER_EQUAL, 2);
    } else if (!strncmp(at, "==", 2)) {
        take(p, EQUAL, 2);
    } else if (*at == '=') {
        fail(p, p->start, "\"=\" is not an operator; write \"==\" for equality");
    } else if (strchr("+-*/@^(),<>", *at)) {
        take(p, *at, 1);
    } else if (*at > ' ' && *at <= '~') {
        fail(p, p->start, "unexpected character \"%c\"", *at);
    } else {
        fail(p, p->start, "unexpected byte 0x%02X", (unsigned)(unsigned char)*at);
    }
}

static ho_node unexpected(parser *p, const char *wanted)
{
    if (p->failed)
        return HO_POISON;
    if (p->kind == END)
        return fail(p, p->start, "expected %s at the end of the formula", wanted);
    return fail(p, p->start, "expected %s, got \"%.*s\"", wanted, (int)p->length, p->text + p->start);
}

static bool expect(parser *p, int kind, const char *wanted)
{
    if (p->kind == kind && !p->failed) {
        next(p);
        return !p->failed;
    }
    unexpected(p, wanted);
    return false;
}

/* ---- the parser, from the loosest operator to the tightest: see sdk/FORMULAS.md -------------------------------- */

static ho_node parse_comparison(parser *p);
static ho_node parse_unary(parser *p);

/* Errors of the builder point at `start`. */
static ho_node binary(parser *p, uint32_t op, size_t start, ho_node a, ho_node b)
{
    at(p, start);
    return p->failed ? HO_POISON : ho_node_binary_broadcast(p->graph, op, a, b);
}

static bool parse_axis(parser *p, int64_t *axis)
{
    const char *wanted = "an axis (an integer, such as 0 or -1)";
    bool negative = p->kind == '-';
    if (negative)
        next(p);
    if (p->kind != NUMBER || p->number > 100 || p->number != (double)(int64_t)p->number) {
        unexpected(p, wanted);
        return false;
    }
    *axis = negative ? -(int64_t)p->number : (int64_t)p->number;
    next(p);
    return !p->failed;
}

static ho_node parse_gradient(parser *p, size_t start)
{
    ho_node point = parse_comparison(p);
    if (!expect(p, ')', "\")\" after the one argument of grad"))
        return HO_POISON;
    if (!p->gradient)
        return fail(p, start, "grad() is not available here: only the formulas of a whole step have an objective");
    at(p, start);
    return point ? p->gradient(p->context, point) : HO_POISON;
}

static bool expect_in_call(parser *p, int kind, const ho_function *function)
{
    char wanted[128];
    snprintf(wanted, sizeof wanted, "\"%c\", since %s takes %" PRIu32 " argument%s%s", kind, function->name,
             function->operands, function->operands == 1 ? "" : "s", function->axis ? " and may take an axis" : "");
    return expect(p, kind, wanted);
}

static ho_node parse_call(parser *p, const char *name, size_t start)
{
    if (!strcmp(name, "grad"))
        return parse_gradient(p, start);
    ho_function function;
    if (!ho_function_find(name, &function)) {
        ho_node value;
        if (ho_scope_find(p->scope, name, &value))
            return fail(p, start, "\"%s\" is not a function; write %s*(...) for a product", name, name);
        char suggestion[HO_SUGGESTION];
        return fail(p, start, "unknown function \"%s\"%s", name, ho_suggest(ho_function_nearest(name), suggestion));
    }
    ho_node in[5] = {0};
    for (uint32_t i = 0; i < function.operands; i++) {
        if (i && !expect_in_call(p, ',', &function))
            return HO_POISON;
        in[i] = parse_comparison(p);
    }
    int64_t axis;
    bool has_axis = function.axis && p->kind == ',';
    if (has_axis) {
        next(p);
        if (!parse_axis(p, &axis))
            return HO_POISON;
    }
    if (!expect_in_call(p, ')', &function))
        return HO_POISON;
    at(p, start);
    return ho_function_call(p->graph, &function, in, has_axis ? &axis : NULL);
}

static ho_node parse_name(parser *p)
{
    char name[LONGEST_NAME + 1];
    size_t start = p->start;
    memcpy(name, p->text + start, p->length);
    name[p->length] = '\0';
    next(p);
    if (p->kind == '(') {
        next(p);
        return parse_call(p, name, start);
    }
    ho_node value;
    if (ho_scope_find(p->scope, name, &value))
        return value;
    if (ho_function_find(name, &(ho_function){0}) || !strcmp(name, "grad"))
        return fail(p, start, "\"%s\" is a function; write %s(...)", name, name);
    char suggestion[HO_SUGGESTION];
    return fail(p, start, "unknown name \"%s\"%s", name, ho_suggest(ho_scope_nearest(p->scope, name), suggestion));
}

static ho_node parse_primary(parser *p)
{
    if (p->failed)
        return HO_POISON;
    ho_node value;
    switch (p->kind) {
    case NUMBER:
        at(p, p->start);
        value = ho_node_const(p->graph, p->number);
        next(p);
        return value;
    case NAME:
        return parse_name(p);
    case '(':
        next(p);
        value = parse_comparison(p);
        return expect(p, ')', "\")\"") ? value : HO_POISON;
    default:
        return unexpected(p, "a value");
    }
}

/* All nesting passes through here: parentheses, calls, minus signs, exponents. */
static ho_node parse_unary(parser *p)
{
    if (p->failed)
        return HO_POISON;
    if (p->depth > DEEPEST)
        return fail(p, p->start, "nested more than %d levels deep", DEEPEST);
    p->depth++;
    size_t start = p->start;
    ho_node value;
    if (p->kind == '-') {
        next(p);
        value = parse_unary(p);
        at(p, start);
        value = ho_node_unary(p->graph, HO_OP_NEG, value);
    } else {
        value = parse_primary(p);
        start = p->start;
        if (p->kind == '^') {
            next(p);
            ho_node exponent = parse_unary(p);
            value = binary(p, HO_OP_POW, start, value, exponent);
        }
    }
    p->depth--;
    return value;
}

static ho_node parse_product(parser *p)
{
    ho_node value = parse_unary(p);
    while (p->kind == '*' || p->kind == '/' || p->kind == '@') {
        int kind = p->kind;
        size_t start = p->start;
        next(p);
        ho_node right = parse_unary(p);
        if (kind != '@') {
            value = binary(p, kind == '*' ? HO_OP_MUL : HO_OP_DIV, start, value, right);
        } else {
            at(p, start);
            value = ho_node_matmul(p->graph, value, right);
        }
    }
    return value;
}

static ho_node parse_sum(parser *p)
{
    ho_node value = parse_product(p);
    while (p->kind == '+' || p->kind == '-') {
        uint32_t op = p->kind == '+' ? HO_OP_ADD : HO_OP_SUB;
        size_t start = p->start;
        next(p);
        ho_node right = parse_product(p);
        value = binary(p, op, start, value, right);
    }
    return value;
}

static bool is_comparison(int kind)
{
    return kind == '<' || kind == '>' || kind == LESS_EQUAL || kind == GREATER_EQUAL || kind == EQUAL;
}

static ho_node parse_comparison(parser *p)
{
    ho_node a = parse_sum(p);
    if (!is_comparison(p->kind))
        return a;
    int kind = p->kind;
    size_t start = p->start;
    next(p);
    ho_node b = parse_sum(p);
    if (is_comparison(p->kind))
        return fail(p, p->start, "comparisons do not chain: put one of them in parentheses");
    if (kind == '>' || kind == GREATER_EQUAL) { /* a > b is b < a */
        ho_node left = a;
        a = b;
        b = left;
    }
    uint32_t op = kind == EQUAL ? HO_OP_EQUAL : kind == '<' || kind == '>' ? HO_OP_LESS : HO_OP_LESS_EQUAL;
    return binary(p, op, start, a, b);
}

/* Where the formula stands, as far as it is one place. */
static ho_source source_of(const ho_graph *graph, ho_formula_text formula)
{
    ho_source source = ho_graph_source(graph, graph->source);
    if (formula.rule)
        return source;
    if (formula.written) {
        source.file = formula.written->place.file ? ho_arena_strdup(graph->arena, formula.written->place.file) : "";
        source.line = formula.written->place.line;
    }
    source.formula = formula.written && formula.written->exact ? NULL : ho_arena_strdup(graph->arena, formula.text);
    return source;
}

ho_node ho_formula(ho_graph *graph, const ho_scope *scope, ho_gradient_fn gradient, void *context,
                   ho_formula_text formula)
{
    if (!formula.text)
        formula.text = "";
    parser p = {.graph = graph,
                .scope = scope,
                .gradient = gradient,
                .context = context,
                .text = formula.text,
                .written = formula.written,
                .source = source_of(graph, formula),
                .rule = formula.rule};
    /* Tracing a gradient may parse another formula. */
    const uint32_t outer = graph->source;
    const size_t outer_first = graph->first_source;
    graph->first_source = graph->source_count;
    ho_node value = HO_POISON;
    if (strnlen(p.text, LONGEST_FORMULA + 1) <= LONGEST_FORMULA) {
        at(&p, 0);
        next(&p);
        value = parse_comparison(&p);
        if (!p.failed && p.kind != END)
            unexpected(&p, "an operator");
    } else {
        fail(&p, LONGEST_FORMULA, "the formula is longer than %d characters", LONGEST_FORMULA);
    }
    graph->first_source = outer_first;
    graph->source = outer;
    return p.failed ? HO_POISON : value;
}
