#include "host/loaded.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/signals.h"

uint32_t ho_option_index(const ho_loaded *loaded, const char *name)
{
    uint32_t i = 0;
    while (i < loaded->option_count && (!name || strcmp(loaded->options[i].name, name) != 0))
        i++;
    return i;
}

bool ho_has_option(const ho_loaded *loaded, const char *name)
{
    return ho_option_index(loaded, name) < loaded->option_count;
}

bool ho_has_hyper(const ho_loaded *loaded, const char *name)
{
    for (uint32_t i = 0; i < loaded->hyper_count; i++)
        if (strcmp(loaded->hypers[i].name, name) == 0)
            return true;
    return false;
}

static const struct {
    const char *name, *folder;
} kinds[] = {
    {"plugin", "plugins"}, {"dynamics", "dynamics"},      {"model", "models"},
    {"loss", "losses"},    {"penalty", "penalties"},      {"mode", "modes"},
    {"data", "data"},      {"constraint", "constraints"}, {"bundle", "bundles"},
};

const char *ho_kind_name(uint32_t kind)
{
    return kinds[kind < sizeof kinds / sizeof *kinds ? kind : 0].name;
}

const char *ho_kind_folder(uint32_t kind)
{
    return kinds[kind < sizeof kinds / sizeof *kinds ? kind : 0].folder;
}

const ho_loaded *ho_loaded_find(const ho_loaded *first, uint32_t kind, const char *name)
{
    while (first && ((kind != 0 && first->plugin.kind != kind) || strcmp(first->plugin.name, name) != 0))
        first = first->next;
    return first;
}

char *ho_loaded_list(const ho_loaded *first)
{
    char *list = NULL;
    for (const ho_loaded *l = first; l; l = l->next) {
        char *longer = ho_format("%s%s%s \"%s\"", list ? list : "",
                                 !list     ? ""
                                 : l->next ? ", "
                                           : " and ",
                                 ho_kind_name(l->plugin.kind), l->plugin.name);
        free(list);
        list = longer;
    }
    return list;
}

const void *ho_loaded_extension(const ho_loaded *loaded, const char *name, uint32_t least)
{
    if (!loaded->plugin.extension)
        return NULL;
    uint32_t size = 0;
    ho_calling(loaded, "extension");
    const void *table = loaded->plugin.extension(name);
    if (table)
        memcpy(&size, table, sizeof size);
    ho_calling(NULL, NULL);
    return size >= least ? table : NULL;
}

bool ho_domain_bounds(uint32_t domain, double *lower, double *upper)
{
    static const double bounds[][2] = {
        [HO_ANY] = {-INFINITY, INFINITY}, [HO_NONNEGATIVE] = {0, INFINITY},  [HO_UNIT] = {0, 1},
        [HO_DECAY] = {0, 1 - 1e-6},       [HO_POSITIVE] = {1e-12, INFINITY},
    };
    if (domain >= sizeof bounds / sizeof *bounds)
        return false;
    *lower = bounds[domain][0];
    *upper = bounds[domain][1];
    return true;
}

char *ho_domain_print(double lower, double upper, char text[80])
{
    char low[32], high[32];
    ho_print_real(lower, low);
    ho_print_real(upper, high);
    snprintf(text, 80, "%s%s, %s%s", isfinite(lower) ? "[" : "(", low, high, isfinite(upper) ? "]" : ")");
    return text;
}
