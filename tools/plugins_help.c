#include "plugins_help.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "help.h"
#include "host/shapes.h"

static void refused(void *context, const char *message)
{
    (void)context;
    ho_note("refused: %s", message);
}

static const char *domain_text(uint32_t domain)
{
    switch (domain) {
    case HO_NONNEGATIVE:
        return ">= 0";
    case HO_UNIT:
        return "0 to 1";
    case HO_DECAY:
        return "0 to 1 - 1e-6";
    case HO_POSITIVE:
        return "> 0";
    default:
        return "any number";
    }
}

static const char *type_text(uint32_t type)
{
    static const char *const names[] = {"",
                                        "number",
                                        "integer",
                                        "true or false",
                                        "text",
                                        "file or folder",
                                        "choice",
                                        "list of numbers",
                                        "list of texts",
                                        "bytes, as 4096, 64MiB or 1.5GB",
                                        "lines of text: one text, or a list",
                                        "names, each with these"};
    return type < sizeof names / sizeof *names ? names[type] : "";
}

static void print_hyper(const ho_loaded *plugin, uint32_t i)
{
    const ho_hyper *h = &plugin->hypers[i];
    char initial[32];
    ho_print_real(h->initial, initial);
    printf("  %-20s %s\n  %-20s default %s; %s", h->name, h->doc ? h->doc : "", "", initial, domain_text(h->domain));
    /* What `shape:` chooses from, the first by default. */
    for (size_t k = 0; *h->shape && k < plugin->shapes[i].count; k++)
        printf("%s%s", k ? " or " : "; shape ", ho_shape_name(&plugin->shapes[i].forms[k]));
    if (h->structure & HO_SYMMETRIC)
        printf("; symmetric");
    if (h->structure & HO_ZERO_DIAGONAL)
        printf("; zero diagonal");
    putchar('\n');
}

static void print_option(const ho_option *o)
{
    const ho_option *fields = o->fields.rows; /* of HO_ROWS */
    printf("  %-20s %s\n  %-20s %s", o->name, o->doc ? o->doc : "", "", type_text(o->type));
    if (o->choices)
        printf(" (%s)", o->choices);
    if (o->least != 0 || o->most != 0) {
        char least[32], most[32];
        ho_print_real(o->least, least);
        ho_print_real(o->most, most);
        if (o->most >= DBL_MAX)
            printf(", at least %s", least);
        else
            printf(", %s to %s", least, most);
    }
    if (o->required)
        printf("; required");
    else if (o->initial && *o->initial)
        printf("; default %s", o->initial);
    putchar('\n');
    for (uint32_t i = 0; o->type == HO_ROWS && i < o->fields.count; i++) {
        printf("    ");
        print_option(&fields[i]);
    }
}

static void print_page(const ho_loaded *l)
{
    printf("%s %s %s: %s\n", ho_kind_name(l->plugin.kind), l->plugin.name, l->plugin.version ? l->plugin.version : "",
           l->plugin.doc ? l->plugin.doc : "");
    if (l->plugin.details) {
        putchar('\n');
        ho_help_wrap(l->plugin.details, 0, 0);
    }
    if (l->plugin.kind == HO_MODE)
        printf("\ngradient\n  %s\n", l->calls.mode.approximate ? "approximate" : "exact");
    if (l->hyper_count)
        printf("\nhyperparameters\n");
    for (uint32_t i = 0; i < l->hyper_count; i++)
        print_hyper(l, i);
    if (l->hyper_count && ho_shape_prefixes(l->plugin.kind))
        printf("  before any shape: %s (hotool help pipeline)\n", ho_shape_prefixes(l->plugin.kind));
    if (l->option_count)
        printf("\noptions\n");
    for (uint32_t i = 0; i < l->option_count; i++)
        print_option(&l->options[i]);
    if (l->slot_count)
        printf("\nslots\n");
    for (uint32_t i = 0; i < l->slot_count; i++)
        printf("  %-20s %s\n", l->slots[i].name, l->slots[i].doc ? l->slots[i].doc : "");
    printf("\nfrom %s\n", l->path);
}

ho_status ho_plugins_print(ho_registry *registry, const char *name, ho_error *error)
{
    size_t count, shown = 0;
    const ho_loaded **all = ho_registry_list(registry, 0, &count, refused, NULL);
    uint32_t kind = 0;
    for (size_t i = 0; i < count; i++) {
        const ho_plugin *p = &all[i]->plugin;
        if (name && strcmp(name, p->name) == 0) {
            printf("%s", shown++ ? "\n" : "");
            print_page(all[i]);
        } else if (!name) {
            if (p->kind != kind)
                printf("%s%s\n", kind ? "\n" : "", ho_kind_folder(p->kind));
            kind = p->kind;
            printf("  %-18s %s\n", p->name, p->doc ? p->doc : "");
        }
    }
    ho_status status = HO_OK;
    if (count == 0) {
        status = ho_fail(error, HO_INVALID, "no plugins found: set HOTOOL_PLUGIN_PATH to the folder that holds them");
    } else if (name && !shown) {
        const char **names = ho_alloc(count * sizeof *names);
        for (size_t i = 0; i < count; i++)
            names[i] = all[i]->plugin.name;
        char near[HO_SUGGESTION];
        const char *nearest = ho_nearest(name, names, count);
        status = ho_fail(error, HO_INVALID, "no plugin \"%s\"%s; hotool plugins lists them", name,
                         ho_suggest(nearest, near));
        free(names);
    }
    free(all);
    return status;
}
