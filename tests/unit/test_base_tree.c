/* Trees of settings: building, copying, removing, and what the readers accept and say. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/tree.h"

static ho_arena *arena;
static ho_error error;

static void set_up(void)
{
    arena = ho_arena_new();
    error = (ho_error){0};
}

static void tear_down(void)
{
    ho_arena_free(arena);
}

TestSuite(tree, .init = set_up, .fini = tear_down);

static ho_tree *scalar(const char *text)
{
    ho_tree *node = ho_tree_new(arena, HO_TREE_SCALAR, (ho_place){"x.yaml", 7, 9});
    node->text = text;
    return node;
}

static ho_tree *member(ho_tree *map, const char *key, ho_tree *child)
{
    child->key = key;
    child->key_place = (ho_place){"x.yaml", 3, (int)map->count + 1};
    ho_tree_append(map, child);
    return child;
}

static ho_tree *small_map(void)
{
    ho_tree *map = ho_tree_new(arena, HO_TREE_MAP, (ho_place){"x.yaml", 1, 1});
    member(map, "steps", scalar("10"));
    member(map, "seed", scalar("3"));
    ho_tree *list = member(map, "rates", ho_tree_new(arena, HO_TREE_LIST, (ho_place){"x.yaml", 4, 1}));
    ho_tree_append(list, scalar("0.1"));
    ho_tree_append(list, scalar("0.2"));
    return map;
}

Test(tree, children_in_order_and_found_by_key)
{
    ho_tree *map = small_map();
    cr_assert_eq(map->count, 3);
    cr_assert_str_eq(map->first->key, "steps");
    cr_assert_str_eq(map->last->key, "rates");
    cr_assert_str_eq(ho_tree_get(map, "seed")->text, "3");
    cr_assert_eq(ho_tree_get(map, "seed")->parent, map);
    cr_assert_null(ho_tree_get(map, "sea"));
    cr_assert_null(ho_tree_get(NULL, "seed"));
    cr_assert_null(ho_tree_get(ho_tree_get(map, "rates"), "seed"));
}

Test(tree, removing_first_middle_last_and_none)
{
    static const char *const keys[] = {"steps", "seed", "rates"};
    for (int i = 0; i < 3; i++) {
        ho_tree *map = small_map();
        ho_tree_remove(map, keys[i]);
        ho_tree_remove(map, "unknown");
        cr_assert_eq(map->count, 2);
        cr_assert_null(ho_tree_get(map, keys[i]));
        member(map, "new", scalar("1"));
        size_t seen = 0;
        for (ho_tree *child = map->first; child; child = child->next)
            seen++;
        cr_assert_eq(seen, 3);
        cr_assert_str_eq(map->last->key, "new");
    }
}

Test(tree, copy_is_deep)
{
    ho_tree *map = small_map();
    ho_tree_get(map, "seed")->quoted = true;
    ho_tree_get(map, "rates")->key = "rates";
    ho_arena *other = ho_arena_new();
    ho_tree *copy = ho_tree_copy(other, map);
    ho_tree_remove(map, "steps");
    ho_tree_get(map, "rates")->first->text = "9";
    cr_assert_eq(copy->count, 3);
    cr_assert_null(copy->parent);
    cr_assert_null(copy->key);
    cr_assert(ho_tree_get(copy, "seed")->quoted);
    cr_assert_eq(ho_tree_get(copy, "seed")->key_place.column, 2);
    cr_assert_str_eq(ho_tree_get(copy, "rates")->last->text, "0.2");
    cr_assert_str_eq(ho_tree_get(copy, "rates")->first->text, "0.1");
    cr_assert_eq(ho_tree_get(copy, "rates")->parent, copy);
    ho_arena_free(other);
}

Test(tree, readers_read)
{
    double real = 0;
    int64_t integer = 0;
    bool boolean = false;
    const char *text = NULL;
    cr_assert_eq(ho_tree_real(scalar("1e-3"), "lr", &real, &error), HO_OK);
    cr_assert_eq(real, 1e-3);
    cr_assert_eq(ho_tree_integer(scalar("-12"), "steps", &integer, &error), HO_OK);
    cr_assert_eq(integer, -12);
    cr_assert_eq(ho_tree_boolean(scalar("true"), "on", &boolean, &error), HO_OK);
    cr_assert(boolean);
    cr_assert_eq(ho_tree_boolean(scalar("false"), "on", &boolean, &error), HO_OK);
    cr_assert_not(boolean);
    ho_tree *quoted = scalar("12");
    quoted->quoted = true;
    cr_assert_eq(ho_tree_string(quoted, "name", &text, &error), HO_OK);
    cr_assert_str_eq(text, "12");
    cr_assert_eq(ho_tree_expect(small_map(), HO_TREE_MAP, "it", &error), HO_OK);
}

Test(tree, wrong_numbers_name_place_and_text)
{
    int64_t integer = 5;
    cr_assert_eq(ho_tree_integer(scalar("many"), "steps", &integer, &error), HO_INVALID);
    cr_assert_str_eq(error.text, "x.yaml:7:9: steps: \"many\" is not an integer");
    cr_assert_eq(integer, 5);
    static const char *const bad[] = {"inf", "nan", "1e999", "0x1", "", "one"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double real;
        error = (ho_error){0};
        cr_assert_eq(ho_tree_real(scalar(bad[i]), "lr", &real, &error), HO_INVALID, "%s", bad[i]);
    }
    cr_assert_str_eq(error.text, "x.yaml:7:9: lr: \"one\" is not a finite number");
}

Test(tree, only_true_and_false_are_booleans)
{
    static const char *const bad[] = {"yes", "no", "on", "True", "1", "0", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bool boolean;
        error = (ho_error){0};
        cr_assert_eq(ho_tree_boolean(scalar(bad[i]), "on", &boolean, &error), HO_INVALID, "%s", bad[i]);
    }
}

Test(tree, quoted_numbers_are_text)
{
    ho_tree *quoted = scalar("3");
    quoted->quoted = true;
    double real;
    cr_assert_eq(ho_tree_real(quoted, "lr", &real, &error), HO_INVALID);
    cr_assert_not_null(strstr(error.text, "without quotes"));
}

Test(tree, wrong_kinds_are_named)
{
    double real;
    cr_assert_eq(ho_tree_real(small_map(), "lr", &real, &error), HO_INVALID);
    cr_assert_str_eq(error.text, "x.yaml:1:1: lr: expected a number, got a map");
    error = (ho_error){0};
    cr_assert_eq(ho_tree_expect(scalar("1"), HO_TREE_LIST, "rates", &error), HO_INVALID);
    cr_assert_str_eq(error.text, "x.yaml:7:9: rates: expected a list, got a single value");
    error = (ho_error){0};
    cr_assert_eq(ho_tree_expect(NULL, HO_TREE_LIST, "rates", &error), HO_INVALID);
    cr_assert_eq(ho_tree_real(NULL, "lr", &real, &(ho_error){0}), HO_INVALID);
}

Test(tree, unknown_key_with_the_nearest_known)
{
    static const char *const known[] = {"steps", "rates", "seed", NULL};
    ho_tree *map = small_map();
    cr_assert_eq(ho_tree_only(map, "the pipeline", known, &error), HO_OK);
    member(map, "stepz", scalar("1"));
    cr_assert_eq(ho_tree_only(map, "the pipeline", known, &error), HO_INVALID);
    cr_assert_str_eq(error.text, "x.yaml:3:4: unknown key \"stepz\" in the pipeline; did you mean \"steps\"?");
    error = (ho_error){0};
    map->last->key = "momentum";
    cr_assert_eq(ho_tree_only(map, "the pipeline", known, &error), HO_INVALID);
    cr_assert_str_eq(error.text, "x.yaml:3:4: unknown key \"momentum\" in the pipeline");
}
