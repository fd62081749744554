/* Any bytes as YAML: a tree that is written and read back, or a message. Built with a fuzzer (LLVMFuzzerTestOneInput),
 * or alone, when it takes files as arguments. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ho_arena *arena = ho_arena_new();
    ho_error error = {0};
    ho_tree *tree = ho_yaml_parse(arena, "fuzz", (const char *)data, size, &error);
    if ((tree != NULL) != (error.status == HO_OK))
        abort();
    if (tree) {
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        ho_yaml_write(tree, out);
        fclose(out);
        ho_tree *again = ho_yaml_parse(arena, "written", text, length, &error);
        /* Writing may only fail to read back for being larger than what was read. */
        if (!again && !strstr(error.text, "larger than"))
            abort();
        if (again && ho_tree_merge(arena, tree, again, &error) != HO_OK && error.status != HO_INVALID)
            abort();
        free(text);
    }
    ho_arena_free(arena);
    return 0;
}

#ifndef HO_FUZZER
int main(int count, char **files)
{
    for (int i = 1; i < count; i++) {
        FILE *in = fopen(files[i], "rb");
        if (!in) {
            fprintf(stderr, "%s: cannot be opened\n", files[i]);
            return 1;
        }
        static uint8_t bytes[1 << 20];
        LLVMFuzzerTestOneInput(bytes, fread(bytes, 1, sizeof bytes, in));
        fclose(in);
    }
    return 0;
}
#endif
