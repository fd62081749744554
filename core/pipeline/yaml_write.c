/* Writing a tree as YAML that reads back the same. */
#include <string.h>

#include "base/text.h"
#include "pipeline/yaml.h"

/* Characters that YAML takes for line breaks, that it refuses, or that nobody sees. */
static bool needs_escape(int32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 || code >= 0xFE00;
}

/* Whether a text can stand without quotes, in block context. */
static bool is_plain(const char *text)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-$()^=;";
    size_t length = strlen(text);
    if (!length || (!strchr(first, text[0]) && (unsigned char)text[0] < 0x80) || text[length - 1] == ' ')
        return false;
    if ((text[0] == '-' && (!text[1] || text[1] == ' ')) || !strncmp(text, "---", 3) || !strncmp(text, "...", 3))
        return false;
    for (const char *at = text; *at;) {
        if ((at[0] == ':' && (!at[1] || at[1] == ' ')) || (at[0] == ' ' && at[1] == '#'))
            return false;
        if (needs_escape(ho_utf8_next(&at)))
            return false;
    }
    return true;
}

static void write_text(const char *text, bool quoted, bool dollars, FILE *out)
{
    quoted = quoted || !is_plain(text);
    if (quoted)
        fputc('"', out);
    for (const char *at = text; *at;) {
        const char *start = at;
        int32_t code = ho_utf8_next(&at);
        if (quoted && (code == '"' || code == '\\'))
            fprintf(out, "\\%c", (int)code);
        else if (code == '$' && dollars)
            fputs("$$", out);
        else if (needs_escape(code))
            fprintf(out, "\\U%08X", code < 0 ? 0xFFFDu : (unsigned)code);
        else
            fwrite(start, 1, (size_t)(at - start), out);
    }
    if (quoted)
        fputc('"', out);
}

/* A value on the rest of the line. */
static void write_flat(const ho_tree *node, FILE *out)
{
    if (node->kind == HO_TREE_SCALAR)
        write_text(node->text, node->quoted, true, out);
    else
        fputs(node->kind == HO_TREE_MAP ? "{}" : node->kind == HO_TREE_LIST ? "[]" : "null", out);
    fputc('\n', out);
}

/* The children, one a line; the cursor stands where the first belongs. */
static void write_block(const ho_tree *node, int indent, FILE *out)
{
    for (const ho_tree *child = node->first; child; child = child->next) {
        if (child != node->first)
            fprintf(out, "%*s", indent, "");
        if (node->kind == HO_TREE_MAP) {
            /* Keys are not searched for variables, so their dollars are not doubled. */
            write_text(child->key, false, false, out);
            fputc(':', out);
        } else {
            fputc('-', out);
        }
        if (!child->count) {
            fputc(' ', out);
            write_flat(child, out);
        } else if (node->kind == HO_TREE_MAP) {
            fprintf(out, "\n%*s", indent + 2, "");
            write_block(child, indent + 2, out);
        } else {
            fputc(' ', out);
            write_block(child, indent + 2, out);
        }
    }
}

void ho_yaml_write(const ho_tree *tree, FILE *out)
{
    if (tree->count)
        write_block(tree, 0, out);
    else
        write_flat(tree, out);
}
