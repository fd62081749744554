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
#include "proof/proof.h"
#include "report/program.h"

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
                                        "bytes, such as 4096, 64MiB or 1.5GB",
                                        "lines of text: one text, or a list",
                                        "names, each with these"};
    return type < sizeof names / sizeof *names ? names[type] : "";
}

/* A name and what its author says of it. */
static void print_named(const char *name, int width, const char *doc)
{
    char *plain = ho_plain(doc ? doc : "");
    printf("  %-*s %s\n", width, name, plain);
    free(plain);
}

static void print_hyper(const ho_loaded *plugin, uint32_t i)
{
    const ho_hyper *h = &plugin->hypers[i];
    char initial[32];
    ho_print_real(h->initial, initial);
    print_named(h->name, 20, h->doc);
    printf("  %-20s default %s; %s", "", initial, domain_text(h->domain));
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
    print_named(o->name, 20, o->doc);
    printf("  %-20s %s", "", type_text(o->type));
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

/* What the plugin says of itself beyond its tables. */
static void print_about(const ho_loaded *l)
{
    const ho_about *about = ho_loaded_extension(l, HO_EXTENSION_ABOUT, sizeof *about);
    if (!about)
        return;
    const struct {
        const char *name, *text;
    } rows[] = {{"author", about->author}, {"license", about->license}, {"url", about->url}};
    putchar('\n');
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].text) {
            char *plain = ho_plain(rows[i].text);
            printf("%-8s %s\n", rows[i].name, plain);
            free(plain);
        }
}

static void print_page(const ho_loaded *l)
{
    char *version = ho_plain(l->plugin.version), *doc = ho_plain(l->plugin.doc);
    printf("%s %s %s: %s\n", ho_kind_name(l->plugin.kind), l->plugin.name, version, doc);
    free(version);
    free(doc);
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
        printf("  any shape may be preceded by: %s (hotool help pipeline)\n", ho_shape_prefixes(l->plugin.kind));
    if (l->option_count)
        printf("\noptions\n");
    for (uint32_t i = 0; i < l->option_count; i++)
        print_option(&l->options[i]);
    if (l->slot_count)
        printf("\nslots\n");
    for (uint32_t i = 0; i < l->slot_count; i++)
        print_named(l->slots[i].name, 20, l->slots[i].doc);
    print_about(l);
    printf("\nfrom %s\n", l->path);
}

/* Whether a plugin is meant by NAME or KIND/NAME. */
static bool is_meant(const ho_plugin *p, const char *name)
{
    const char *slash = strchr(name, '/'), *kind = ho_kind_name(p->kind);
    if (!slash)
        return strcmp(name, p->name) == 0;
    const size_t length = (size_t)(slash - name);
    return strlen(kind) == length && strncmp(name, kind, length) == 0 && strcmp(slash + 1, p->name) == 0;
}

static bool is_file(const char *name)
{
    const size_t length = strlen(name);
    return length > 3 && strcmp(name + length - 3, ".so") == 0;
}

static ho_status nothing_meant(const ho_loaded *const *all, size_t count, const char *name, ho_error *error)
{
    if (count == 0)
        return ho_fail(error, HO_INVALID, "no plugins found: set HOTOOL_PLUGIN_PATH to the folder that holds them");
    const char **names = ho_alloc(count * sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = all[i]->plugin.name;
    char near[HO_SUGGESTION];
    const char *slash = strchr(name, '/'), *nearest = ho_nearest(slash ? slash + 1 : name, names, count);
    ho_fail(error, HO_INVALID, "no plugin \"%s\"%s; hotool plugins lists them", name, ho_suggest(nearest, near));
    free(names);
    return error->status;
}

/* The plugins that are meant, *count of them; free(). None: an error. */
static const ho_loaded **find(ho_registry *registry, const char *name, size_t *count, ho_error *error)
{
    size_t total = 0;
    const ho_loaded **all;
    *count = 0;
    if (is_file(name)) {
        all = ho_alloc(sizeof *all);
        all[0] = ho_registry_load(registry, name, error);
        *count = all[0] != NULL;
        return all;
    }
    all = ho_registry_list(registry, 0, &total, refused, NULL);
    for (size_t i = 0; i < total; i++)
        if (is_meant(&all[i]->plugin, name)) { /* to the front */
            const ho_loaded *found = all[i];
            all[i] = all[*count];
            all[(*count)++] = found;
        }
    if (*count == 0)
        nothing_meant(all, total, name, error);
    return all;
}

static ho_status print_list(ho_registry *registry, ho_error *error)
{
    size_t count;
    const ho_loaded **all = ho_registry_list(registry, 0, &count, refused, NULL);
    uint32_t kind = 0;
    for (size_t i = 0; i < count; i++) {
        const ho_plugin *p = &all[i]->plugin;
        if (p->kind != kind)
            printf("%s%s\n", kind ? "\n" : "", ho_kind_folder(p->kind));
        kind = p->kind;
        print_named(p->name, 18, p->doc);
    }
    if (count > 0 && *HOTOOL_NOT_BUILT)
        printf("\nnot built: %s\n", HOTOOL_NOT_BUILT);
    if (count == 0)
        nothing_meant(all, count, "", error);
    free(all);
    return error->status;
}

ho_status ho_plugins_print(ho_registry *registry, const char *name, ho_error *error)
{
    if (!name)
        return print_list(registry, error);
    size_t count;
    const ho_loaded **meant = find(registry, name, &count, error);
    for (size_t i = 0; i < count; i++) {
        printf("%s", i ? "\n" : "");
        print_page(meant[i]);
    }
    free(meant);
    return error->status;
}

/* ---- graphs ------------------------------------------------------------------------------------------------------ */

static bool is_one_of(const char *word, const char *option, const char *const *known, ho_error *error)
{
    size_t count = 0;
    for (; known[count]; count++)
        if (strcmp(word, known[count]) == 0)
            return true;
    char near[HO_SUGGESTION], *list = ho_join(known, count);
    ho_fail(error, HO_INVALID, "plugins: %s: \"%s\" is not one of its choices%s (known: %s)", option, word,
            ho_suggest(ho_nearest(word, known, count), near), list);
    free(list);
    return false;
}

/* Prints what Graphviz draws. */
static ho_status draw(const char *dot, ho_error *error)
{
    char *const arguments[] = {"dot", "-Tsvg", NULL}, *svg;
    if (ho_run_drawing(arguments, "graphviz", dot, &svg, error) != HO_OK)
        return error->status;
    fputs(svg, stdout);
    free(svg);
    return HO_OK;
}

ho_status ho_plugins_graph(ho_registry *registry, const char *name, const char *form, const char *derivative,
                           const char *const *sets, size_t set_count, ho_error *error)
{
    static const char *const forms[] = {"text", "dot", "svg", NULL}, *const derivatives[] = {"jvp", "vjp", NULL};
    if (!name)
        return ho_fail(error, HO_INVALID, "plugins: a graph of which plugin? See hotool plugins --help");
    if ((*form && !is_one_of(form, "--graph", forms, error)) ||
        (derivative && !is_one_of(derivative, "--derivative", derivatives, error)))
        return error->status;
    size_t count, size;
    const ho_loaded **meant = find(registry, name, &count, error);
    if (count > 1)
        ho_fail(error, HO_INVALID, "several plugins are called \"%s\": say which, as %s/%s", name,
                ho_kind_name(meant[0]->plugin.kind), name);
    if (error->status == HO_OK) {
        const ho_plugin_graph what = {.path = meant[0]->path,
                                      .sets = sets,
                                      .set_count = set_count,
                                      .derivative = !derivative                      ? HO_NO_DERIVATIVE
                                                    : strcmp(derivative, "jvp") == 0 ? HO_TANGENTS
                                                                                     : HO_COTANGENTS,
                                      .dot = strcmp(form, "dot") == 0 || strcmp(form, "svg") == 0};
        char *text;
        FILE *out = ho_text_open(&text, &size);
        ho_plugin_graph_print(&what, registry, out, error);
        ho_text_close(out);
        if (error->status == HO_OK && strcmp(form, "svg") == 0)
            draw(text, error);
        else if (error->status == HO_OK)
            fputs(text, stdout);
        free(text);
    }
    free(meant);
    return error->status;
}

/* ---- as JSON ----------------------------------------------------------------------------------------------------- */

static void write_plugin(ho_json *json, const ho_loaded *l)
{
    ho_json_open(json, NULL, '{');
    ho_json_string(json, "kind", ho_kind_name(l->plugin.kind));
    ho_json_string(json, "name", l->plugin.name);
    ho_json_string(json, "version", l->plugin.version);
    ho_json_string(json, "doc", l->plugin.doc);
    ho_json_string(json, "path", l->real_path ? l->real_path : l->path);
    ho_json_string(json, "checksum", l->sha256);
    ho_json_open(json, "hyperparameters", '[');
    for (uint32_t i = 0; i < l->hyper_count; i++) {
        ho_json_open(json, NULL, '{');
        ho_json_string(json, "name", l->hypers[i].name);
        ho_json_string(json, "doc", l->hypers[i].doc);
        ho_json_real(json, "default", l->hypers[i].initial);
        ho_json_string(json, "domain", domain_text(l->hypers[i].domain));
        ho_json_close(json, '}');
    }
    ho_json_close(json, ']');
    ho_json_open(json, "options", '[');
    for (uint32_t i = 0; i < l->option_count; i++) {
        const ho_option *o = &l->options[i];
        ho_json_open(json, NULL, '{');
        ho_json_string(json, "name", o->name);
        ho_json_string(json, "doc", o->doc);
        ho_json_string(json, "type", type_text(o->type));
        ho_json_string(json, "default", o->initial);
        ho_json_boolean(json, "required", o->required);
        ho_json_close(json, '}');
    }
    ho_json_close(json, ']');
    ho_json_close(json, '}');
}

ho_status ho_plugins_json(ho_registry *registry, const char *name, ho_json *json, ho_error *error)
{
    size_t count;
    const ho_loaded **all =
        name ? find(registry, name, &count, error) : ho_registry_list(registry, 0, &count, refused, NULL);
    ho_json_open(json, NULL, '[');
    for (size_t i = 0; i < count && error->status == HO_OK; i++)
        write_plugin(json, all[i]);
    ho_json_close(json, ']');
    free(all);
    return error->status;
}
