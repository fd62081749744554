/*
 * For readers of labelled examples: the options `classes` and `names`, for the number of classes and their names.
 */
#ifndef HOTOOL_CLASSES_H
#define HOTOOL_CLASSES_H

#include "hotool/data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Two rows for the table of options (C or C++20). */
#define HO_CLASS_OPTIONS                                                                                 \
    {.name = "classes",                                                                                  \
     .type = HO_INTEGER,                                                                                 \
     .initial = "0",                                                                                     \
     .doc = "number of classes; 0: that of names, or else the largest label + 1",                        \
     .least = 0.0,                                                                                       \
     .most = 1e6},                                                                                       \
    {                                                                                                    \
        .name = "names", .type = HO_STRINGS, .doc = "names of the classes, in the order of their labels" \
    }

/* In `create`: reads the option `names`, and sets *classes to their number if it is 0; otherwise there must be as many.
 * *names is NULL if none are given; otherwise it lives as long as the instance. */
static inline ho_status ho_class_names_read(ho_setup *u, int64_t *classes, const char *const **names)
{
    const int64_t given = ho_option_count(u, "names");
    *names = NULL;
    if (given == 0)
        return HO_OK;
    if (*classes == 0)
        *classes = given;
    if (*classes != given)
        return ho_setup_fail(u, "names", "%lld names for %lld classes", (long long)given, (long long)*classes);
    const char **read = (const char **)ho_setup_alloc(u, (uint64_t)given * sizeof(char *));
    if (!read)
        return HO_FAILED;
    for (int64_t i = 0; i < given; i++)
        read[i] = ho_option_string_at(u, "names", i);
    *names = read;
    return HO_OK;
}

/* In `read`: passes the names to hotool; does nothing if names is NULL. */
static inline ho_status ho_class_names_emit(ho_data *d, int64_t classes, const char *const *names)
{
    ho_status status = HO_OK;
    for (int64_t i = 0; names && status == HO_OK && i < classes; i++)
        status = ho_data_class_name(d, i, names[i]);
    return status;
}

#ifdef __cplusplus
}
#endif

#endif
