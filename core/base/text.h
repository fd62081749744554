/* Words and numbers: parsing that does not depend on the locale, and the nearest known name. */
#ifndef HO_BASE_TEXT_H
#define HO_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts by name. */
typedef struct ho_pair {
    const char *name, *value;
} ho_pair;

typedef struct ho_pairs {
    ho_pair *items;
    size_t count;
} ho_pairs;

/* Whole-string parses ("1e-3", ".5", "-2"; no hex, no inf or nan, no white space); false: not a number or out of range.
 */
bool ho_parse_real(const char *text, double *value);
bool ho_parse_integer(const char *text, int64_t *value);
/* A number of bytes: an integer, or a number with a unit from B, kB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB, TiB
 * (of 1024), with or without a space between; rounded down to whole bytes. */
bool ho_parse_bytes(const char *text, int64_t *value);
/* Parses the longest prefix that is an unsigned decimal number; its length, or 0. For the formula parser. */
size_t ho_scan_real(const char *text, double *value);

/* A name: a letter or '_', then letters, digits, '_'; at most HO_NAME_MAX characters. NULL is none. */
#define HO_NAME_MAX 64
bool ho_is_name(const char *text);
/* How many characters from the start of `text` on would make a name (whatever their number); 0: none. */
size_t ho_name_length(const char *text);

/* The code point at *text, which is moved past it; -1 where there is no valid UTF-8 (text is then moved by one byte).
 */
int32_t ho_utf8_next(const char **text);

/* The text with what a terminal would act on (ESC, newlines and other control characters, what is not UTF-8) written
 * as \x1b, \n, ...; free with free(). For whatever is printed that a person, a file or a plugin has named. */
char *ho_plain(const char *text);

/* A word as the shell reads it back, in quotes where needed; free with free(). */
char *ho_shell_word(const char *word);

/* "a, b, c"; free with free(). */
char *ho_join(const char *const *words, size_t count);

/* The candidate nearest to `word` by edit distance (transpositions count 1), or NULL where none is near enough to be
 * worth suggesting (distance <= 1 + length/4). */
const char *ho_nearest(const char *word, const char *const *candidates, size_t count);
/* What an error message adds for the nearest candidate: `; did you mean "beta1"?`, or nothing where it is NULL. */
#define HO_SUGGESTION 96
const char *ho_suggest(const char *nearest, char text[HO_SUGGESTION]);

/* The shortest decimal text that reads back as the same double ("0.1", "1e-05", "3"); locale-independent. */
void ho_print_real(double value, char text[32]);

/* Shell-style match of `pattern` ('*' and '?') against the whole of `text`. */
bool ho_match(const char *pattern, const char *text);

#endif
