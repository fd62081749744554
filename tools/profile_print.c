#include "profile_print.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "exec/profile.h"

#define MOST_PRINTED 20

static void print_row(const ho_profile_row *r, double whole)
{
    char *call = r->file ? ho_format("%s, %s:%d", r->plugin, r->file, r->line) : ho_strdup(r->plugin);
    printf("%9.3f %6.1f%% %9.3g %8.3g  %-26s %-8s  %s\n", r->seconds, 100 * r->seconds / whole,
           r->seconds > 0 ? r->flops / r->seconds * 1e-9 : 0, r->bytes * 1e-9, r->program,
           r->product ? "products" : "other", call);
    free(call);
}

static ho_status write_stacks(const ho_profile_row *rows, size_t count, const char *folder, ho_error *error)
{
    char *text, *path = ho_format("%s/profile.folded", folder);
    size_t size;
    FILE *memory = ho_text_open(&text, &size);
    ho_profile_write_stacks(rows, count, memory);
    ho_text_close(memory);
    if (ho_file_write(path, text, size, error) == HO_OK)
        printf("stacks for a flame graph: %s\n", path);
    free(text);
    free(path);
    return error->status;
}

ho_status ho_profile_print(const char *folder, ho_error *error)
{
    size_t count;
    ho_profile_row *rows = ho_profile_rows(&count);
    double whole = 0, products = 0;
    for (size_t i = 0; i < count; i++) {
        whole += rows[i].seconds;
        products += rows[i].product ? rows[i].seconds : 0;
    }
    printf("\nprofile: %.3f s in plans, %.1f%% of it in matrix products\n", whole,
           whole > 0 ? 100 * products / whole : 0);
    printf("  seconds   share   GFLOP/s       GB  program                    kind      plugin call\n");
    for (size_t i = 0; i < count && i < MOST_PRINTED; i++)
        print_row(&rows[i], whole > 0 ? whole : 1);
    if (count > MOST_PRINTED)
        printf("  and %zu more in the file\n", count - MOST_PRINTED);
    const ho_status status = write_stacks(rows, count, folder, error);
    free(rows);
    return status;
}
