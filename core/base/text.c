/* Words and numbers: parsing, printing, nearest names, wildcards. */
#include "base/text.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* strtod with a decimal point whatever the locale of the thread. */
static double read_real(const char *text, char **end)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = uselocale(plain);
    double value = strtod(text, end);
    uselocale(before);
    freelocale(plain);
    return value;
}

size_t ho_scan_real(const char *text, double *value)
{
    if (!is_digit(text[0]) && !(text[0] == '.' && is_digit(text[1])))
        return 0;
    /* strtod would go on to read a hexadecimal number. */
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        *value = 0;
        return 1;
    }
    char *end;
    double read = read_real(text, &end);
    if (!isfinite(read))
        return 0;
    *value = read;
    return (size_t)(end - text);
}

bool ho_parse_real(const char *text, double *value)
{
    bool negative = text[0] == '-';
    if (negative || text[0] == '+')
        text++;
    double read;
    size_t length = ho_scan_real(text, &read);
    if (!length || text[length])
        return false;
    *value = negative ? -read : read;
    return true;
}

bool ho_parse_integer(const char *text, int64_t *value)
{
    const char *digits = text[0] == '-' || text[0] == '+' ? text + 1 : text;
    size_t count = strspn(digits, "0123456789");
    if (!count || digits[count])
        return false;
    errno = 0;
    long long read = strtoll(text, NULL, 10);
    if (errno == ERANGE || read < INT64_MIN || read > INT64_MAX)
        return false;
    *value = read;
    return true;
}

bool ho_parse_bytes(const char *text, int64_t *value)
{
    static const struct {
        const char *name;
        double bytes;
    } units[] = {{"B", 1},        {"kB", 1e3},     {"MB", 1e6},     {"GB", 1e9},    {"TB", 1e12},
                 {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
    if (ho_parse_integer(text, value))
        return *value >= 0;
    double number;
    const size_t length = ho_scan_real(text, &number);
    const char *unit = text + length;
    unit += length && *unit == ' ';
    for (size_t i = 0; length && i < sizeof units / sizeof *units; i++)
        if (strcmp(unit, units[i].name) == 0 && number * units[i].bytes < 0x1p62) {
            *value = (int64_t)(number * units[i].bytes);
            return true;
        }
    return false;
}

size_t ho_name_length(const char *text)
{
    const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return is_digit(*text) ? 0 : strspn(text, letters);
}

bool ho_is_name(const char *text)
{
    const size_t length = text ? ho_name_length(text) : 0;
    return length > 0 && length <= HO_NAME_MAX && !text[length];
}

int32_t ho_utf8_next(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    int more = at[0] < 0x80 ? 0 : at[0] < 0xC2 ? -1 : at[0] < 0xE0 ? 1 : at[0] < 0xF0 ? 2 : at[0] < 0xF5 ? 3 : -1;
    static const int32_t least[4] = {0, 0x80, 0x800, 0x10000};
    static const int32_t mask[4] = {0x7F, 0x1F, 0x0F, 0x07};
    (*text)++;
    if (more < 0)
        return -1;
    int32_t code = at[0] & mask[more];
    for (int i = 1; i <= more; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return -1;
        code = code << 6 | (at[i] & 0x3F);
    }
    if (code < least[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return -1;
    *text += more;
    return code;
}

char *ho_plain(const char *text)
{
    static const char escaped[] = "\n\r\t", letters[] = "nrt";
    char *plain = ho_alloc(4 * strlen(text) + 1), *to = plain;
    while (*text) {
        const char *start = text, *escape = strchr(escaped, *start);
        const int32_t code = ho_utf8_next(&text);
        if (escape)
            to += sprintf(to, "\\%c", letters[escape - escaped]);
        else if (code >= 0x20 && (code < 0x7F || code >= 0xA0))
            to = (char *)memcpy(to, start, (size_t)(text - start)) + (text - start);
        else
            for (const char *byte = start; byte < text; byte++)
                to += sprintf(to, "\\x%02x", (unsigned char)*byte);
    }
    *to = '\0';
    return plain;
}

/* Within single quotes everything stands for itself but a single quote. */
char *ho_shell_word(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
    if (*word && strspn(word, plain) == strlen(word))
        return ho_strdup(word);
    char *text;
    size_t size;
    FILE *quoted = ho_text_open(&text, &size);
    fputc('\'', quoted);
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){*word, '\0'}, quoted);
    fputc('\'', quoted);
    ho_text_close(quoted);
    return text;
}

char *ho_join(const char *const *words, size_t count)
{
    size_t length = 1;
    for (size_t i = 0; i < count; i++)
        length += strlen(words[i]) + 2;
    char *text = ho_alloc(length), *end = text;
    for (size_t i = 0; i < count; i++)
        end += sprintf(end, "%s%s", i ? ", " : "", words[i]);
    return text;
}

/* Longer names are never mistyped into one another; the bound keeps the rows on the stack. */
enum { LONGEST_WORD = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance where swapping two neighbours counts 1. Both at most LONGEST_WORD long. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][LONGEST_WORD + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    size_t length = strlen(b);
    for (size_t j = 0; j <= length; j++)
        last[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t change = last[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(change, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[length];
}

const char *ho_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t length = strlen(word);
    if (length > LONGEST_WORD)
        return NULL;
    const char *nearest = NULL;
    size_t best = 1 + length / 4 + 1;
    for (size_t i = 0; i < count; i++) {
        if (strlen(candidates[i]) > LONGEST_WORD)
            continue;
        size_t d = distance(word, candidates[i]);
        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}

const char *ho_suggest(const char *nearest, char text[HO_SUGGESTION])
{
    text[0] = '\0';
    if (nearest)
        snprintf(text, HO_SUGGESTION, "; did you mean \"%s\"?", nearest);
    return text;
}

void ho_print_real(double value, char text[32])
{
    if (!isfinite(value)) {
        snprintf(text, 32, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = uselocale(plain);
    /* Every decimal of up to 15 digits survives the way to a double and back, so the shortest is found there at once;
     * subnormal numbers hold fewer digits. */
    char shortest[48];
    for (int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(shortest, sizeof shortest, "%.*g", digits, value);
        if (strtod(shortest, NULL) == value)
            break;
    }
    memcpy(text, shortest, strlen(shortest) + 1); /* at most 24 bytes, as in -2.2250738585072014e-308 */
    uselocale(before);
    freelocale(plain);
}

bool ho_match(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL; /* the last '*' and where its match ends so far */
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}
