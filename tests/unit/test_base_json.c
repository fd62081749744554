/* Writing JSON: commas, nesting, escapes, numbers. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/json.h"

static ho_json json;

static void tear_down(void)
{
    ho_json_free(&json);
}

TestSuite(json, .fini = tear_down);

Test(json, nested_values_and_commas)
{
    ho_json_open(&json, NULL, '{');
    ho_json_integer(&json, "steps", INT64_MIN);
    ho_json_open(&json, "list", '[');
    ho_json_boolean(&json, NULL, true);
    ho_json_open(&json, NULL, '{');
    ho_json_close(&json, '}');
    ho_json_open(&json, NULL, '[');
    ho_json_close(&json, ']');
    ho_json_boolean(&json, NULL, false);
    ho_json_close(&json, ']');
    ho_json_string(&json, "none", NULL);
    ho_json_close(&json, '}');
    cr_assert_str_eq(json.text, "{\"steps\": -9223372036854775808, \"list\": [true, {}, [], false], \"none\": null}");
    cr_assert_eq(json.length, strlen(json.text));
}

Test(json, pretty_puts_one_member_a_line)
{
    json.pretty = true;
    ho_json_open(&json, NULL, '{');
    ho_json_integer(&json, "a", 1);
    ho_json_open(&json, "b", '{');
    ho_json_reals(&json, "c", (double[]){0.5, NAN}, 2);
    ho_json_close(&json, '}');
    ho_json_open(&json, "d", '[');
    ho_json_close(&json, ']');
    ho_json_close(&json, '}');
    cr_assert_str_eq(json.text, "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": [0.5, null]\n  },\n  \"d\": []\n}");
}

Test(json, reals_are_shortest_and_never_nan)
{
    ho_json_reals(&json, NULL, (double[]){0.1, 1e-5, 1e22, -0.0, NAN, INFINITY, -INFINITY, 3}, 8);
    cr_assert_str_eq(json.text, "[0.1, 1e-05, 1e+22, -0, null, null, null, 3]");
    ho_json_free(&json);
    ho_json_reals(&json, NULL, NULL, 0);
    cr_assert_str_eq(json.text, "[]");
    ho_json_free(&json);
    ho_json_real(&json, NULL, NAN);
    cr_assert_str_eq(json.text, "null");
}

Test(json, escapes)
{
    ho_json_string(&json, NULL, "a\"b\\c/d\n\r\t\x01\x1f\x7f");
    cr_assert_str_eq(json.text, "\"a\\\"b\\\\c/d\\n\\r\\t\\u0001\\u001f\x7f\"");
    ho_json_free(&json);
    ho_json_open(&json, NULL, '{');
    ho_json_integer(&json, "k\"ey", 1);
    ho_json_close(&json, '}');
    cr_assert_str_eq(json.text, "{\"k\\\"ey\": 1}");
}

#define BAD "\xef\xbf\xbd"

Test(json, invalid_utf8_is_replaced_and_valid_is_kept)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", "\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\""},
        {"a\xff"
         "b",
         "\"a" BAD "b\""},
        {"\x80", "\"" BAD "\""},
        {"\xc3", "\"" BAD "\""},
        {"\xc3\"", "\"" BAD "\\\"\""},
        {"\xe2\x82", "\"" BAD BAD "\""},
        {"\xf0\x9f\x98", "\"" BAD BAD BAD "\""},
        {"\xc0\xaf", "\"" BAD BAD "\""},
        {"\xe0\x80\xaf", "\"" BAD BAD BAD "\""},
        {"\xed\xa0\x80", "\"" BAD BAD BAD "\""},
        {"\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\""},
        {"\xf5\x80", "\"" BAD BAD "\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ho_json_string(&json, NULL, cases[i].text);
        cr_assert_str_eq(json.text, cases[i].wanted, "case %zu: %s", i, json.text);
        ho_json_free(&json);
    }
}

Test(json, long_texts_grow)
{
    ho_json_open(&json, NULL, '[');
    for (int i = 0; i < 10000; i++)
        ho_json_integer(&json, NULL, 7);
    ho_json_close(&json, ']');
    cr_assert_eq(json.length, 30000);
    cr_assert_eq(strlen(json.text), 30000);
}
