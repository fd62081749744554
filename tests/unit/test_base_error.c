/* Errors: the first one wins, places, prefixes, and texts too long for the buffer. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/error.h"

Test(error, first_one_wins)
{
    ho_error error = {0};
    cr_assert_eq(ho_fail(&error, HO_INVALID, "first %d", 1), HO_INVALID);
    cr_assert_eq(ho_fail(&error, HO_FAILED, "second"), HO_INVALID);
    cr_assert_eq(error.status, HO_INVALID);
    cr_assert_str_eq(error.text, "first 1");
}

Test(error, what_another_holds_is_passed_on_unless_there_was_one_before)
{
    ho_error error = {0}, other = {0};
    cr_assert_eq(ho_fail_as(&error, &other), HO_OK);
    ho_fail(&other, HO_DIVERGED, "other");
    cr_assert_eq(ho_fail_as(&error, &other), HO_DIVERGED);
    cr_assert_str_eq(error.text, "other");
    ho_error first = {0};
    ho_fail(&first, HO_INVALID, "first");
    cr_assert_eq(ho_fail_as(&first, &other), HO_INVALID);
    cr_assert_str_eq(first.text, "first");
    cr_assert_eq(ho_fail_as(&first, &(ho_error){0}), HO_INVALID);
}

static const char *text_at(ho_place place)
{
    static ho_error error;
    error = (ho_error){0};
    ho_fail_at(&error, HO_INVALID, place, "wrong");
    return error.text;
}

Test(error, place_comes_first)
{
    cr_assert_str_eq(text_at((ho_place){"x.yaml", 7, 9}), "x.yaml:7:9: wrong");
    cr_assert_str_eq(text_at((ho_place){"x.yaml", 7, 0}), "x.yaml:7: wrong");
    cr_assert_str_eq(text_at((ho_place){"x.yaml", 0, 0}), "x.yaml: wrong");
    cr_assert_str_eq(text_at((ho_place){NULL, 3, 3}), "wrong");
}

Test(error, prefix_only_where_there_is_an_error)
{
    ho_error error = {0};
    ho_error_prefix(&error, "plugin %s", "adam");
    cr_assert_str_eq(error.text, "");
    ho_fail(&error, HO_FAILED, "broke");
    ho_error_prefix(&error, "plugin %s", "adam");
    cr_assert_str_eq(error.text, "plugin adam: broke");
    ho_error_place(&error, (ho_place){NULL, 1, 1});
    cr_assert_str_eq(error.text, "plugin adam: broke");
    ho_error_place(&error, (ho_place){"x.yaml", 0, 0});
    cr_assert_str_eq(error.text, "x.yaml: plugin adam: broke");
}

Test(error, what_it_is_about_stands_behind_it)
{
    ho_error error = {0};
    ho_error_about(&error, "fold %d of %d", 2, 5);
    cr_assert_str_eq(error.text, "");
    ho_fail_at(&error, HO_DIVERGED, (ho_place){"x.yaml", 3, 3}, "broke");
    ho_error_about(&error, "fold %d of %d", 2, 5);
    cr_assert_str_eq(error.text, "x.yaml:3:3: broke (fold 2 of 5)");
}

Test(error, long_texts_are_cut_and_say_so)
{
    char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';

    ho_error error = {0};
    ho_fail(&error, HO_FAILED, "%s", longest);
    cr_assert_eq(strlen(error.text), sizeof error.text - 1);
    cr_assert_str_eq(error.text + sizeof error.text - 5, "x...");
    ho_error_prefix(&error, "where");
    cr_assert_eq(strlen(error.text), sizeof error.text - 1);
    cr_assert_eq(strncmp(error.text, "where: xxx", 10), 0);
    cr_assert_str_eq(error.text + sizeof error.text - 5, "x...");
    ho_error_prefix(&error, "%s", longest);
    cr_assert_eq(strlen(error.text), sizeof error.text - 1);
    error.text[sizeof error.text - 3] = '\0';
    ho_error_about(&error, "fold");
    cr_assert_eq(strlen(error.text), sizeof error.text - 1);
    cr_assert_str_eq(error.text + sizeof error.text - 4, "...");

    error = (ho_error){0};
    ho_fail_at(&error, HO_INVALID, (ho_place){longest, 1, 1}, "unseen");
    cr_assert_str_eq(error.text + sizeof error.text - 5, "x...");
}
