/* Words and numbers: what is and is no number, shortest printing, nearest names, wildcards. */
#include <criterion/criterion.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

Test(text, reals_that_are_numbers)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"1", 1},     {"1e-3", 1e-3},          {".5", 0.5},   {"-2", -2},    {"+3.25", 3.25}, {"1.", 1},
                {"0", 0},     {"1E+2", 100},           {"1e-400", 0}, {"-.5e1", -5}, {"007", 7},      {"1e308", 1e308},
                {"0.1", 0.1}, {"123456789", 123456789}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = 99;
        cr_assert(ho_parse_real(good[i].text, &value), "%s", good[i].text);
        cr_assert_eq(value, good[i].value, "%s", good[i].text);
    }
}

Test(text, reals_that_are_none)
{
    static const char *const bad[] = {"",      " 1",     "1 ",   "0x10",     "inf", "nan", "-inf", "1e",    "1e+",
                                      "1e400", "-1e400", ".",    "-",        "+",   "--1", "1,5",  "1.2.3", "e5",
                                      "1_000", "0x",     "1e5x", "infinity", "NAN", "+-1", "\t1",  "1\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 42;
        cr_assert_not(ho_parse_real(bad[i], &value), "\"%s\"", bad[i]);
        cr_assert_eq(value, 42, "\"%s\" changed the value", bad[i]);
    }
}

Test(text, numbers_of_thousands_of_digits)
{
    char digits[4000];
    memset(digits, '9', sizeof digits);
    digits[sizeof digits - 1] = '\0';
    double value;
    cr_assert_not(ho_parse_real(digits, &value));
    digits[0] = '.';
    cr_assert(ho_parse_real(digits, &value));
    cr_assert_eq(value, 1.0);
    int64_t integer;
    cr_assert_not(ho_parse_integer(digits + 1, &integer));
}

Test(text, integers)
{
    int64_t value = 0;
    cr_assert(ho_parse_integer("9223372036854775807", &value) && value == INT64_MAX);
    cr_assert(ho_parse_integer("-9223372036854775808", &value) && value == INT64_MIN);
    cr_assert(ho_parse_integer("+12", &value) && value == 12);
    static const char *const bad[] = {
        "", "-", "1.0", "1e3", " 1", "1 ", "0x10", "9223372036854775808", "-+1", "-9223372036854775809", "many"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(ho_parse_integer(bad[i], &value), "\"%s\"", bad[i]);
}

Test(text, amounts_of_memory)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"0", 0},         {"4096", 4096}, {"64MiB", 67108864},        {"1.5GB", 1500000000},  {"2 kB", 2000},
                {".5KiB", 512},   {"7B", 7},      {"1TiB", INT64_C(1) << 40}, {"3TB", 3000000000000}, {"1GiB", 1 << 30},
                {"0.3MB", 300000}};
    static const char *const bad[] = {"",    "MiB",     "-1",     "-1MiB",   "1 M",          "1mb",
                                      "1.5", "1e300GB", "64MiB ", "64  MiB", "9999999999TiB"};
    int64_t value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(ho_parse_bytes(good[i].text, &value) && value == good[i].bytes, "\"%s\"", good[i].text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(ho_parse_bytes(bad[i], &value), "\"%s\"", bad[i]);
}

Test(text, scan_takes_the_longest_number_and_no_more)
{
    static const struct {
        const char *text;
        size_t length;
        double value;
    } cases[] = {{"1e-3*w", 4, 1e-3}, {"2", 1, 2},     {"1e", 1, 1},  {"1e+x", 1, 1}, {"3.5.1", 3, 3.5},
                 {"0x10", 1, 0},      {".5)", 2, 0.5}, {"7 8", 1, 7}, {"2eps", 1, 2}, {"1.e2", 4, 100}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double value = -1;
        cr_assert_eq(ho_scan_real(cases[i].text, &value), cases[i].length, "%s", cases[i].text);
        cr_assert_eq(value, cases[i].value, "%s", cases[i].text);
    }
    static const char *const none[] = {"", "-1", "+1", "x", ".", "..", ".e1", "inf", "nan", " 1", "1e999"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        double value;
        cr_assert_eq(ho_scan_real(none[i], &value), 0, "\"%s\"", none[i]);
    }
}

Test(text, printing_is_shortest_and_exact)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {1e-5, "1e-05"},
                 {3, "3"},
                 {0.30000000000000004, "0.30000000000000004"},
                 {0, "0"},
                 {-0.0, "-0"},
                 {1e22, "1e+22"},
                 {5e-324, "5e-324"},
                 {100000, "100000"},
                 {1.0 / 3, "0.3333333333333333"},
                 {DBL_MAX, "1.7976931348623157e+308"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        ho_print_real(cases[i].value, text);
        cr_assert_str_eq(text, cases[i].text);
    }
    uint64_t bits = 1;
    for (int i = 0; i < 20000; i++) {
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        double value, back = 0;
        memcpy(&value, &bits, 8);
        if (!isfinite(value))
            continue;
        char text[32];
        ho_print_real(value, text);
        cr_assert(ho_parse_real(text, &back), "%s", text);
        cr_assert_eq(value, back, "%s", text);
    }
}

Test(text, a_locale_with_a_decimal_comma_changes_nothing)
{
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8"))
        cr_skip_test("no locale with a decimal comma is installed");
    double value;
    char text[32];
    cr_assert(ho_parse_real("1.5", &value));
    cr_assert_eq(value, 1.5);
    ho_print_real(1.5, text);
    cr_assert_str_eq(text, "1.5");
}

static const char *nearest(const char *word)
{
    static const char *const known[] = {"steps", "batch", "learning_rate", "beta1", "beta2", "seed"};
    return ho_nearest(word, known, sizeof known / sizeof *known);
}

Test(text, nearest_name)
{
    cr_assert_str_eq(nearest("stepz"), "steps");
    cr_assert_str_eq(nearest("setps"), "steps", "a swap of neighbours counts 1");
    cr_assert_str_eq(nearest("learnin_rat"), "learning_rate");
    cr_assert_str_eq(nearest("bacth"), "batch");
    cr_assert_str_eq(nearest("beta3"), "beta1", "the first of equals");
    cr_assert_str_eq(nearest("sede"), "seed");
    const char *const short_names[] = {"sgd"};
    cr_assert_str_eq(ho_nearest("sdg", short_names, 1), "sgd", "as much as one wrong letter");
    cr_assert_null(nearest("momentum"));
    cr_assert_null(nearest("abc"));
    cr_assert_null(nearest(""));
    char longest[1000];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    cr_assert_null(nearest(longest));
    const char *const only_long[] = {longest};
    cr_assert_null(ho_nearest("aaa", only_long, 1));
    cr_assert_null(ho_nearest("aaa", NULL, 0));
}

Test(text, a_suggestion_is_added_only_where_there_is_one)
{
    char text[HO_SUGGESTION], name[65];
    cr_assert_str_eq(ho_suggest("steps", text), "; did you mean \"steps\"?");
    cr_assert_str_eq(ho_suggest(NULL, text), "");
    memset(name, 'a', 64);
    name[64] = '\0';
    cr_assert_str_eq(ho_suggest(name, text) + strlen(text) - 3, "a\"?", "the longest name fits");
}

Test(text, wildcards)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {{"*", "", true},           {"*", "anything", true},    {"", "", true},
                 {"", "a", false},          {"a?c", "abc", true},       {"a?c", "ac", false},
                 {"*.lr", "opt.lr", true},  {"*.lr", "opt.lrs", false}, {"w*b*", "weights.bias", true},
                 {"*a*b", "xaxbxab", true}, {"*a*b", "xaxbxac", false}, {"layer?.*", "layer1.w", true},
                 {"abc", "abcd", false},    {"abc*", "abc", true},      {"?", "", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(ho_match(cases[i].pattern, cases[i].text), cases[i].matches, "%s on %s", cases[i].pattern,
                     cases[i].text);
}

Test(text, wildcards_never_blow_up, .timeout = 5)
{
    char text[2001], pattern[202];
    memset(text, 'a', 2000);
    text[2000] = '\0';
    for (int i = 0; i < 200; i += 2)
        memcpy(pattern + i, "*a", 2);
    strcpy(pattern + 200, "b");
    cr_assert_not(ho_match(pattern, text));
}

Test(base_text, words_are_joined_by_commas)
{
    static const char *const words[] = {"W", "", "b"};
    static const char *const expected[] = {"", "W", "W, ", "W, , b"};
    for (size_t count = 0; count <= 3; count++) {
        char *text = ho_join(words, count);
        cr_expect_str_eq(text, expected[count]);
        free(text);
    }
}

Test(base_text, names_are_at_most_so_long)
{
    char name[HO_NAME_MAX + 2];
    memset(name, 'a', sizeof name);
    name[HO_NAME_MAX + 1] = '\0';
    cr_expect_not(ho_is_name(name) || ho_is_name(NULL));
    name[HO_NAME_MAX] = '\0';
    cr_expect(ho_is_name(name));
}
