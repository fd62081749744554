/* YAML into trees, back, and laid over one another. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "pipeline/yaml.h"

static ho_arena *arena;
static ho_error error;

static void start(void)
{
    arena = ho_arena_new();
    error = (ho_error){0};
}

static void stop(void)
{
    ho_arena_free(arena);
}

TestSuite(yaml, .init = start, .fini = stop);

static ho_tree *parse(const char *text)
{
    ho_tree *tree = ho_yaml_parse(arena, "t.yaml", text, strlen(text), &error);
    cr_assert((tree != NULL) == (error.status == HO_OK), "a tree or an error, never both: %s", error.text);
    return tree;
}

static ho_tree *parse_ok(const char *text)
{
    ho_tree *tree = parse(text);
    cr_assert_not_null(tree, "%s", error.text);
    return tree;
}

/* Where the character at this offset of a value stands. */
static void expect_character(const char *text, size_t offset, int line, int column)
{
    const ho_tree *node = ho_tree_get(parse_ok(text), "k");
    const ho_place place = ho_tree_character(node, offset);
    cr_expect(node->exact && place.line == line && place.column == column, "%s: byte %zu at %d:%d, not %d:%d", text,
              offset, place.line, place.column, line, column);
}

Test(yaml, each_character_of_a_value_has_its_place)
{
    expect_character("k: abc def", 5, 1, 9);
    expect_character("k: abc def", 7, 1, 11); /* the end */
    expect_character("k: abc\n  def\n", 4, 2, 3);
    expect_character("k: abc\n  def\n", 3, 1, 7); /* the blank that the line break became */
    expect_character("k: 'a''b c'", 1, 1, 6);
    expect_character("k: 'a''b c'", 2, 1, 7 + 1);
    expect_character("k: 'a\n  b'", 2, 2, 3);
    expect_character("k: \"a\\x62c\"", 1, 1, 6);
    expect_character("k: \"a\\x62c\"", 2, 1, 10);
    expect_character("k: \"a\\tb\\u0020\\n c\"", 2, 1, 8);
    expect_character("k: \"a\\tb\\u0020\\n c\"", 6, 1, 18);
    expect_character("k: \"a\\\n   b\"", 1, 2, 4);
    expect_character("k: |  # why\n    ab\n      c\n\n    d\n", 0, 2, 5);
    expect_character("k: |  # why\n    ab\n      c\n\n    d\n", 5, 3, 7);
    expect_character("k: |  # why\n    ab\n      c\n\n    d\n", 8, 5, 5);
    expect_character("k: >-\r\n  a\r\n  b\r\n", 2, 3, 3);
    expect_character("j: \xc3\xa9\xc3\xa9\nk: \xc3\xa9 b", 3, 2, 6); /* columns are characters */
    expect_character("\xef\xbb\xbfk: ab", 1, 1, 5);
    expect_character("k: \"\\u00e9b\"", 2, 1, 11);
}

/* What is not found in the file has the place of the value. */
Test(yaml, values_that_are_made_have_one_place)
{
    setenv("HOTOOL_TEST_WORD", "abc", 1);
    const ho_tree *node = ho_tree_get(parse_ok("k: a ${HOTOOL_TEST_WORD}"), "k");
    cr_expect(!node->exact && ho_tree_character(node, 3).column == 4);
    node = ho_tree_get(parse_ok("k: &name ab"), "k");
    cr_expect(!node->exact && ho_tree_character(node, 1).column == 4);
}

Test(yaml, a_part_of_a_value_keeps_its_places)
{
    const ho_tree *node = ho_tree_get(parse_ok("k: |\n  ab cd\n  ef gh\n"), "k");
    const ho_tree *part = ho_tree_part(arena, node, 3, 5); /* cd, ef */
    cr_expect_str_eq(part->text, "cd\nef");
    cr_expect(part->place.line == 2 && part->place.column == 6);
    cr_expect(ho_tree_character(part, 1).column == 7 && ho_tree_character(part, 4).line == 3);
    cr_expect(ho_tree_character(part, 4).column == 4);
    part = ho_tree_part(arena, ho_tree_get(parse_ok("k: ab cd"), "k"), 3, 2);
    cr_expect_str_eq(part->text, "cd");
    cr_expect_eq(ho_tree_character(part, 1).column, 8);
}

/* The text must be refused with a message that begins so. */
static void expect_refused(const char *text, const char *message)
{
    error = (ho_error){0};
    cr_expect_null(parse(text), "accepted: %s", text);
    cr_expect_eq(error.status, HO_INVALID);
    cr_expect_eq(strncmp(error.text, message, strlen(message)), 0, "wanted: %s\nfound:  %s", message, error.text);
}

static char *written(const ho_tree *tree)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ho_yaml_write(tree, out);
    fclose(out);
    return text;
}

static void expect_same(const ho_tree *a, const ho_tree *b)
{
    cr_assert_eq(a->kind, b->kind);
    cr_assert_eq(a->count, b->count);
    cr_assert((a->key == NULL) == (b->key == NULL));
    if (a->key)
        cr_assert_str_eq(a->key, b->key);
    if (a->kind == HO_TREE_SCALAR) {
        cr_assert_str_eq(a->text, b->text);
        cr_assert_eq(a->quoted, b->quoted, "%s", a->text);
    }
    for (const ho_tree *x = a->first, *y = b->first; x; x = x->next, y = y->next)
        expect_same(x, y);
}

static void expect_round_trip(const ho_tree *tree)
{
    char *text = written(tree);
    ho_tree *again = ho_yaml_parse(arena, "again.yaml", text, strlen(text), &error);
    cr_assert_not_null(again, "%s\n%s", error.text, text);
    expect_same(tree, again);
    free(text);
}

static void expect_written(const ho_tree *tree, const char *wanted)
{
    char *text = written(tree);
    cr_expect_str_eq(text, wanted);
    free(text);
}

Test(yaml, reads_kinds_and_places)
{
    ho_tree *root = parse_ok("a: 1\nb:\n  - x\n  - 'y'\n  - \nc: {d: 1.5, e: ~}\n");
    cr_assert_eq(root->kind, HO_TREE_MAP);
    cr_assert_eq(root->count, 3);
    const ho_tree *b = ho_tree_get(root, "b"), *c = ho_tree_get(root, "c");
    cr_expect_eq(b->key_place.line, 2);
    cr_expect_eq(b->key_place.column, 1);
    cr_assert_eq(b->kind, HO_TREE_LIST);
    cr_expect_eq(b->first->place.line, 3);
    cr_expect_eq(b->first->place.column, 5);
    cr_expect_not(b->first->quoted);
    cr_expect(b->first->next->quoted);
    cr_expect_eq(b->last->kind, HO_TREE_NULL);
    cr_assert_eq(c->kind, HO_TREE_MAP);
    cr_expect_eq(ho_tree_get(c, "e")->kind, HO_TREE_NULL);
    double d = 0;
    cr_expect_eq(ho_tree_real(ho_tree_get(c, "d"), "d", &d, &error), HO_OK);
    cr_expect_float_eq(d, 1.5, 0);
    cr_expect_eq(ho_tree_get(c, "d")->place.column, 8);
}

Test(yaml, an_empty_text_is_nothing)
{
    cr_expect_eq(parse_ok("")->kind, HO_TREE_NULL);
    cr_expect_eq(parse_ok("# only a note\n")->kind, HO_TREE_NULL);
}

Test(yaml, aliases_are_copies)
{
    ho_tree *root = parse_ok("a: &x {k: [1, 2]}\nb: *x\n");
    ho_tree *b = ho_tree_get(root, "b");
    cr_expect_eq(ho_tree_get(b, "k")->count, 2);
    cr_expect_eq(b->key_place.line, 2);
    ho_tree_remove(b, "k");
    cr_expect_eq(ho_tree_get(root, "a")->count, 1);
}

Test(yaml, syntax_errors_have_their_place)
{
    expect_refused("a: 1\nb: [1, 2\nc: 3\n", "t.yaml:3:2: not valid YAML: ");
    expect_refused("a: b: c\n", "t.yaml:1:5: not valid YAML: ");
    expect_refused("a: \"x\n", "t.yaml:2:1: not valid YAML: ");
    expect_refused("a: 1\n\tb: 2\n", "t.yaml:2:1: a tab in the indentation");
    expect_refused("a:\n  \tb: 2\n", "t.yaml:2:3: a tab in the indentation");
    expect_refused("a: 1\nb: x\xff\n", "t.yaml:2:5: not valid text: ");
    expect_refused("a: \x01\n", "t.yaml:1:4: not valid text: ");
    expect_refused("a: {b: ${HOME}}\n", "t.yaml:1:9: not valid YAML: ");
    cr_expect_not_null(strstr(error.text, "must be quoted"), "%s", error.text);
    error = (ho_error){0};
    cr_expect_null(ho_yaml_parse(arena, "t.yaml", "a: x\0y", 6, &error));
    cr_expect_eq(strncmp(error.text, "t.yaml:1:5: not valid text: ", 27), 0, "%s", error.text);
}

Test(yaml, keys_are_plain_and_unique)
{
    expect_refused("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: duplicate key \"a\" (first given in line 1)");
    expect_refused("x: {a: 1, b: 2, a: 3}\n", "t.yaml:1:17: duplicate key \"a\"");
    expect_refused("[a, b]: 1\n", "t.yaml:1:1: a key must be plain text");
    expect_refused("a: &k b\n*k : 1\n", "t.yaml:2:1: a key must be plain text");
    expect_refused("base: &b {x: 1}\nc:\n  <<: *b\n", "t.yaml:3:3: merge keys (<<) are not supported");
    expect_refused("\"\": 1\n", "t.yaml:1:1: an empty key");
    expect_refused("a: !!str 5\n", "t.yaml:1:4: tags (tag:yaml.org,2002:str) are not supported");
    expect_refused("a: 1\n---\nb: 1\n", "t.yaml:2:1: a second document begins here");
    expect_refused("a: \"x\\0y\"\n", "t.yaml:1:4: a zero byte in a text");
}

Test(yaml, alias_bombs_do_not_go_off)
{
    char *text = ho_strdup("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        char *longer = ho_format("%sa%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", text, i,
                                 i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
        free(text);
        text = longer;
    }
    expect_refused(text, "t.yaml:5:");
    cr_expect_not_null(strstr(error.text, "more than 100000 values"), "%s", error.text);
    free(text);
    expect_refused("a: &a [*a]\n", "t.yaml:1:8: the alias \"*a\" is inside the value that it refers to");
    expect_refused("a: *b\n", "t.yaml:1:4: no anchor \"&b\" precedes this alias");
}

Test(yaml, long_texts_behind_aliases_are_counted)
{
    enum { LONG = 1 << 20 };
    char *text = ho_alloc(LONG + 1000);
    const size_t used = strlen(strcpy(text, "a: &a "));
    memset(text + used, 'x', LONG);
    sprintf(text + used + LONG, "\nb: [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n");
    expect_refused(text, "t.yaml:2:");
    cr_expect_not_null(strstr(error.text, "bytes of text"), "%s", error.text);
    free(text);
}

/* `open` n times, then x, then `shut` n times. */
static char *nested(int n, const char *open, const char *shut)
{
    char *text = ho_alloc((size_t)n * (strlen(open) + strlen(shut)) + 2);
    for (int i = 0; i < n; i++)
        strcat(text, open);
    strcat(text, "x");
    for (int i = 0; i < n; i++)
        strcat(text, shut);
    return text;
}

Test(yaml, deep_nesting_is_refused)
{
    char *most = nested(64, "[", "]"), *more = nested(65, "[", "]"), *far_more = nested(3000, "[", "]");
    char *maps = nested(65, "{a: ", "}");
    cr_expect_not_null(parse(most), "%s", error.text);
    expect_refused(more, "t.yaml:1:65: nested deeper than 64 levels");
    expect_refused(far_more, "t.yaml:1:65: nested deeper than 64 levels");
    expect_refused(maps, "t.yaml:1:257: nested deeper than 64 levels");
    free(most);
    free(more);
    free(far_more);
    free(maps);
    /* Aliases that nest each other: 40 levels within 40 levels. */
    char *first = nested(40, "[", "]"), *second = nested(40, "[", "]");
    char *hole = strchr(second, 'x');
    *hole = '\0';
    char *text = ho_format("a: &a %s\nb: %s*a%s\n", first, second, hole + 1);
    expect_refused(text, "t.yaml:2:44: nested deeper than 64 levels");
    free(text);
    free(first);
    free(second);
}

Test(yaml, many_keys_are_checked_quickly)
{
    char *text = ho_alloc(60000 * 12);
    size_t used = 0;
    for (int i = 0; i < 60000; i++)
        used += (size_t)sprintf(text + used, "k%d: 1\n", i);
    sprintf(text + used, "k30000: 1\n");
    expect_refused(text, "t.yaml:60001:1: duplicate key \"k30000\" (first given in line 30001)");
    free(text);
}

Test(yaml, large_files_are_refused)
{
    size_t size = (4 << 20) + 1;
    char *text = ho_alloc(size + 1);
    memset(text, '\n', size);
    expect_refused(text, "t.yaml: larger than 4194304 bytes");
    free(text);
}

Test(yaml, reads_files)
{
    cr_expect_null(ho_yaml_read(arena, "/nowhere/x.yaml", &error));
    cr_expect_str_eq(error.text, "/nowhere/x.yaml: no such file");
    error = (ho_error){0};
    cr_expect_null(ho_yaml_read(arena, "/", &error));
    cr_expect_eq(error.status, HO_INVALID);
}

Test(yaml, variables_are_replaced)
{
    setenv("YAML_TEST", "12", 1);
    setenv("YAML_EMPTY", "", 1);
    unsetenv("YAML_UNSET");
    ho_tree *root = parse_ok("a: ${YAML_TEST}\nb: x/${YAML_UNSET:-y/z}.npy\nc: ${YAML_EMPTY:-d}\nd: \"${YAML_TEST}\"\n"
                             "e: a$$b$c\nf: ${YAML_EMPTY}\ng: ${YAML_UNSET:-}\nh: $${YAML_UNSET}\n");
    int64_t a = 0;
    cr_expect_eq(ho_tree_integer(ho_tree_get(root, "a"), "a", &a, &error), HO_OK, "%s", error.text);
    cr_expect_eq(a, 12);
    cr_expect_str_eq(ho_tree_get(root, "b")->text, "x/y/z.npy");
    cr_expect_str_eq(ho_tree_get(root, "c")->text, "d");
    cr_expect_str_eq(ho_tree_get(root, "d")->text, "12");
    cr_expect(ho_tree_get(root, "d")->quoted);
    cr_expect_str_eq(ho_tree_get(root, "e")->text, "a$b$c");
    cr_expect_eq(ho_tree_get(root, "f")->kind, HO_TREE_NULL);
    cr_expect_eq(ho_tree_get(root, "g")->kind, HO_TREE_NULL);
    cr_expect_str_eq(ho_tree_get(root, "h")->text, "${YAML_UNSET}");
    expect_round_trip(root);
    expect_refused("a:\n  b: x${YAML_UNSET}\n", "t.yaml:2:6: the environment variable YAML_UNSET is not set");
    expect_refused("a: ${YAML_TEST\n", "t.yaml:1:4: \"${YAML_TEST\" has no closing brace");
    expect_refused("a: ${YAML-TEST}\n", "t.yaml:1:4: \"${YAML-TEST}\": expected ${NAME} or ${NAME:-default}");
    expect_refused("a: ${}\n", "t.yaml:1:4: \"${}\": expected ${NAME}");
    expect_refused("a: ${A1:-${B}}\n", "t.yaml:1:4: \"${A1\": a ${...} cannot be used in the default of another");
    setenv("YAML_BYTES", "\xff", 1);
    expect_refused("a: ${YAML_BYTES}\n",
                   "t.yaml:1:4: the environment variable YAML_BYTES holds text that is not UTF-8");
}

Test(yaml, what_is_written_reads_back)
{
    expect_round_trip(parse_ok("a: 1\nb: {}\nc: []\nd: ~\ne: 'null'\nf: [[1, [2]], {x: 1, y: [a, {z: 1}]}]\n"));
    expect_round_trip(parse_ok("- - - a\n- {a: [], b: {}}\n"));
    expect_round_trip(
        parse_ok("a: \"tab\\t nl\\n quote\\\" back\\\\ nel\\N ls\\L \\x7f \\u0080 \\uFEFF \\U0001F600 \\e\"\n"));
    expect_round_trip(parse_ok("a: |\n  two\n  lines\nb: >\n  folded\n  text\n"));
    expect_round_trip(
        parse_ok("a: '- x'\nb: 'x: y'\nc: 'x #y'\nd: '#'\ne: ' x '\nf: ''\ng: '---'\nh: \"'\"\ni: $$HOME\n"));
    expect_round_trip(parse_ok("mtl.A: x:y#z\n'#': 1\n'a: b': 2\n'<<': 3\n'null': 5\n"));
}

Test(yaml, writes_for_people)
{
    expect_written(parse_ok("{a: 1.0e-3, b: [x, {c: 'y', d: [1]}], e: {f: {}}, grün: $$x}"), "a: 1.0e-3\n"
                                                                                             "b:\n"
                                                                                             "  - x\n"
                                                                                             "  - c: \"y\"\n"
                                                                                             "    d:\n"
                                                                                             "      - 1\n"
                                                                                             "e:\n"
                                                                                             "  f: {}\n"
                                                                                             "grün: $$x\n");
}

static ho_tree *merged(const char *base, const char *over)
{
    ho_tree *root = parse_ok(base);
    cr_assert_eq(ho_tree_merge(arena, root, parse_ok(over), &error), HO_OK, "%s", error.text);
    return root;
}

Test(yaml, maps_merge_deeply_and_the_rest_replaces)
{
    expect_written(merged("a: {b: 1, c: 2}\nd: [1, 2]\n", "a: {c: 3, e: 4}\nd: [5]\nf: {g: ~, h: 1}\n"),
                   "a:\n  b: 1\n  c: 3\n  e: 4\nd:\n  - 5\nf:\n  h: 1\n");
    expect_written(merged("a: {b: 1}\n", "a: x\n"), "a: x\n");
    expect_written(merged("a: x\n", "a: {b: 1, c: ~}\n"), "a:\n  b: 1\n");
    expect_written(merged("a: 1\nb: 2\n", "a: ~\nc: ~\n"), "b: 2\n");
    expect_written(merged("a: [{plugin: x}, {plugin: y}]\n", "a: {plugin: z}\n"), "a:\n  plugin: z\n");
}

static const char terms[] = "objective:\n- {loss: cross_entropy}\n- {penalty: l2, name: ridge, rho: 1}\n";

Test(yaml, terms_are_addressed_by_name)
{
    expect_written(merged(terms, "objective: {ridge: {rho: 2}}\n"),
                   "objective:\n  - loss: cross_entropy\n  - penalty: l2\n    name: ridge\n    rho: 2\n");
    expect_written(merged(terms, "objective: {cross_entropy: {reduce: sum}, ridge: ~}\n"),
                   "objective:\n  - loss: cross_entropy\n    reduce: sum\n");
    expect_written(merged(terms, "objective: {ridge: ~, mtl: {penalty: task}}\n"),
                   "objective:\n  - loss: cross_entropy\n  - penalty: task\n    name: mtl\n");
    ho_tree *root = parse_ok(terms);
    cr_expect_eq(ho_tree_merge(arena, root, parse_ok("objective: {rigde: {rho: 2}}\n"), &error), HO_INVALID);
    cr_expect_str_eq(error.text, "t.yaml:1:13: objective has no entry \"rigde\"; did you mean \"ridge\"?");
}

/* What lies over a term may take its name away; the others are still found. */
Test(yaml, terms_may_lose_their_names)
{
    ho_tree *root = parse_ok(terms);
    const ho_tree *over = parse_ok("objective: {cross_entropy: {loss: ~}, ridge: {rho: 2}}\n");
    cr_assert_eq(ho_tree_merge(arena, root, over, &error), HO_OK, "%s", error.text);
    expect_written(root, "objective:\n  - {}\n  - penalty: l2\n    name: ridge\n    rho: 2\n");
    root = parse_ok(terms);
    over = parse_ok("objective: {a: {loss: {}, name: {}}, rigde: {rho: 2}}\n");
    cr_expect_eq(ho_tree_merge(arena, root, over, &error), HO_INVALID);
    cr_expect_not_null(strstr(error.text, "did you mean \"ridge\"?"), "%s", error.text);
}

static ho_status set(ho_tree *root, const char *assignment)
{
    error = (ho_error){0};
    return ho_tree_set(arena, root, assignment, &error);
}

Test(yaml, single_settings)
{
    ho_tree *root = parse_ok("steps: 10\nobjective: [{loss: x}]\nhyperparameters: {mtl.A: {init: 1, shape: s}}\n");
    cr_expect_eq(set(root, "steps=20"), HO_OK);
    cr_expect_eq(set(root, "hyperparameters/mtl.A/init=0"), HO_OK);
    cr_expect_eq(set(root, "hyperparameters/mtl.A/shape=null"), HO_OK);
    cr_expect_eq(set(root, "outer/plugin=adam"), HO_OK);
    cr_expect_eq(set(root, "data={plugin: npy, inputs: \"a=b\"}"), HO_OK);
    cr_expect_eq(set(root, "objective/x/reduce=sum"), HO_OK);
    expect_written(root,
                   "steps: 20\nobjective:\n  - loss: x\n    reduce: sum\nhyperparameters:\n  mtl.A:\n    init: 0\n"
                   "outer:\n  plugin: adam\ndata:\n  plugin: npy\n  inputs: \"a=b\"\n");
    cr_expect_eq(set(root, "hyperparameters="), HO_OK);
    cr_expect_null(ho_tree_get(root, "hyperparameters"));
}

Test(yaml, wrong_single_settings)
{
    ho_tree *root = parse_ok("a: 1\nobjective: [{loss: x}]\n");
    cr_expect_eq(set(root, "steps"), HO_INVALID);
    cr_expect_str_eq(error.text, "--set steps: expected KEY=VALUE, as in --set hyperparameters/mtl.A/init=0");
    cr_expect_eq(set(root, "=1"), HO_INVALID);
    cr_expect_eq(set(root, "a//b=1"), HO_INVALID);
    cr_expect_not_null(strstr(error.text, "an empty key"), "%s", error.text);
    cr_expect_eq(set(root, "/a=1"), HO_INVALID);
    cr_expect_eq(set(root, "a=[1"), HO_INVALID);
    cr_expect_eq(strncmp(error.text, "--set a=[1:2:1: not valid YAML", 29), 0, "%s", error.text);
    cr_expect_eq(set(root, "objective/y/reduce=sum"), HO_INVALID);
    cr_expect_not_null(strstr(error.text, "objective has no entry \"y\""), "%s", error.text);
    expect_written(root, "a: 1\nobjective:\n  - loss: x\n");
    enum { DEEP = 50000 };
    char *deep = ho_alloc(2 * DEEP + 3);
    for (int i = 0; i <= DEEP; i++)
        memcpy(deep + 2 * i, i < DEEP ? "a/" : "a=", 2);
    cr_expect_eq(set(root, deep), HO_INVALID);
    cr_expect_str_eq(error.text, "--set: nested deeper than 64 levels");
    free(deep);
}

Test(yaml, a_byte_order_mark_is_passed_over)
{
    ho_tree *tree = parse_ok("\xef\xbb\xbf"
                             "a: 1\nb: [2, 3]\n");
    cr_expect_str_eq(ho_tree_get(tree, "a")->text, "1");
    cr_expect_eq(ho_tree_get(tree, "a")->key_place.column, 1, "places are those without the mark");
    tree = parse_ok("\xef\xbb\xbf");
    cr_expect_eq(tree->kind, HO_TREE_NULL);
    cr_expect_null(parse("\xef\xbb\xbf"
                         "a: 1\n\tb: 2\n"));
    cr_expect_not_null(strstr(error.text, "t.yaml:2:1: a tab"), "%s", error.text);
}

Test(yaml, utf_16_is_named)
{
    static const char *const texts[] = {"\xff\xfe"
                                        "a\0:\0",
                                        "\xfe\xff\0a\0:", "a\0:\0", "\0a\0:"};
    static const size_t sizes[] = {6, 6, 4, 4};
    for (size_t i = 0; i < 4; i++) {
        error = (ho_error){0};
        cr_expect_null(ho_yaml_parse(arena, "t.yaml", texts[i], sizes[i], &error));
        cr_expect_str_eq(error.text, "t.yaml: the text is UTF-16; save it as UTF-8");
    }
}
