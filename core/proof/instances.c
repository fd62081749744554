/* Settings and instances of the plugin; what its tables say of it. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "host/options.h"
#include "pipeline/yaml.h"
#include "proof/internal.h"

/* ---- settings ---------------------------------------------------------------------------------------------------- */

void ho_proof_put(ho_arena *arena, ho_tree *map, const char *key, const char *text)
{
    ho_tree_remove(map, key);
    ho_tree_put_text(arena, map, key, (ho_place){0}, text);
}

/* A legal value of an option, as it would be written; NULL: the kit has no file of the right form. */
static const char *made_up(ho_arena *arena, const ho_option *o)
{
    char number[32];
    const bool limits = o->least != 0 || o->most != 0;
    double middle = limits ? fmin(fmax(1.0, o->least), o->most) : 1.0;
    switch (o->type) {
    case HO_BOOLEAN:
        return "true";
    case HO_STRING:
    case HO_STRINGS:
        return "text";
    case HO_CHOICE:
        return ho_arena_format(arena, "%.*s", (int)strcspn(o->choices, "|"), o->choices);
    case HO_PATH:
        return NULL;
    case HO_BYTES:
        middle = limits ? fmin(fmax(0x1p20, o->least), o->most) : 0x1p20;
        break;
    default:
        break;
    }
    ho_print_real(middle, number);
    return ho_arena_strdup(arena, number);
}

ho_status ho_proof_settings(proof *p, ho_error *error)
{
    static const char *const none[] = {NULL};
    p->settings = ho_tree_new(p->arena, HO_TREE_MAP, (ho_place){0});
    p->lacks = p->made_up = NULL;
    for (size_t i = 0; i < p->request->set_count; i++)
        if (ho_tree_set(p->arena, p->settings, p->request->sets[i], error) != HO_OK)
            return error->status;
    for (uint32_t i = 0; i < p->loaded->option_count; i++) {
        const ho_option *o = &p->loaded->options[i];
        if (!o->required || ho_tree_get(p->settings, o->name))
            continue;
        const char *text = made_up(p->arena, o);
        if (text)
            ho_proof_put(p->arena, p->settings, p->made_up = o->name, text);
        else
            p->lacks = o->name;
    }
    struct ho_option_value *values = ho_arena_alloc(p->arena, (p->loaded->option_count + 1) * sizeof *values);
    return p->lacks ? HO_OK : ho_options_read(p->loaded, p->settings, none, (ho_place){0}, p->arena, values, error);
}

ho_instance *ho_proof_instance(proof *p, const char *name, ho_error *error)
{
    return ho_instance_new(p->loaded, name, p->settings, NULL, (ho_place){0}, error);
}

double ho_proof_hyper_value(const proof *p, const ho_loaded *loaded, uint32_t hyper)
{
    const ho_hyper *h = &loaded->hypers[hyper];
    const ho_tree *given = loaded == p->loaded ? ho_tree_get(p->settings, h->name) : NULL;
    double lower, upper, value;
    if (given && given->kind == HO_TREE_SCALAR && ho_parse_real(given->text, &value))
        return value;
    ho_domain_bounds(h->domain, &lower, &upper);
    if (h->initial > lower && h->initial < upper && h->initial != 0)
        return h->initial;
    if (isfinite(lower) && isfinite(upper))
        return lower + 0.3 * (upper - lower);
    return isfinite(lower) ? lower + 0.05 : 0.1;
}

/* ---- guarded memory ---------------------------------------------------------------------------------------------- */

static size_t whole_pages(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

void *ho_proof_guarded_new(size_t bytes, bool read_only, const void *contents)
{
    const size_t rounded = (bytes + 7) / 8 * 8, pages = whole_pages(rounded), page = (size_t)sysconf(_SC_PAGESIZE);
    char *start = mmap(NULL, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED || mprotect(start + pages, page, PROT_NONE) != 0)
        return NULL;
    char *memory = start + pages - rounded;
    if (contents)
        memcpy(memory, contents, bytes);
    if (read_only)
        mprotect(start, pages, PROT_READ);
    return memory;
}

void ho_proof_guarded_free(void *memory, size_t bytes)
{
    const size_t rounded = (bytes + 7) / 8 * 8, pages = whole_pages(rounded);
    if (memory)
        munmap((char *)memory + rounded - pages, pages + (size_t)sysconf(_SC_PAGESIZE));
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

ho_status ho_prove_load(proof *p, ho_error *error)
{
    (void)error;
    ho_proof_note(p, "plugin ABI %u.%u", p->loaded->plugin.abi_major, p->loaded->plugin.abi_minor);
    return HO_OK;
}

/* A sentence's worth of documentation on one line. */
static ho_status documented(const char *what, const char *name, const char *doc, ho_error *error)
{
    if (!doc || !doc[strspn(doc, " ")])
        return ho_proof_fail(error, "%s%s%s%s has no doc: write one line for hotool plugins", what, *name ? " \"" : "",
                             name, *name ? "\"" : "");
    const char *at = doc;
    while (*at) {
        const int32_t c = ho_utf8_next(&at);
        if (c < 32 || c == 127)
            return ho_proof_fail(error, "the doc of %s%s%s%s is not one line of UTF-8", what, *name ? " \"" : "", name,
                                 *name ? "\"" : "");
    }
    return HO_OK;
}

/* A name that nobody has: a plugin that answers it would be taken for one that knows what will be called so. */
static ho_status check_extension(const ho_loaded *l, ho_error *error)
{
    if (ho_loaded_extension(l, "hotool.no.such.extension", 0))
        return ho_proof_fail(error, "extension answers a name that it cannot know: return NULL for unknown names");
    return HO_OK;
}

ho_status ho_prove_tables(proof *p, ho_error *error)
{
    const ho_loaded *l = p->loaded;
    const char *file = strrchr(l->path, '/') ? strrchr(l->path, '/') + 1 : l->path;
    char *due = ho_arena_format(p->arena, "%s.so", l->plugin.name);
    if (!p->bundled && strcmp(file, due) != 0)
        return ho_proof_fail(error,
                             "the file is called %s, and the plugin \"%s\": call it %s, as pipelines look for it", file,
                             l->plugin.name, due);
    if (!*l->plugin.version)
        return ho_proof_fail(error, "the plugin has no version");
    documented("the plugin", "", l->plugin.doc, error);
    for (uint32_t i = 0; i < l->option_count; i++)
        documented("option", l->options[i].name, l->options[i].doc, error);
    for (uint32_t i = 0; i < l->hyper_count; i++)
        documented("hyperparameter", l->hypers[i].name, l->hypers[i].doc, error);
    for (uint32_t i = 0; i < l->slot_count; i++)
        documented("slot", l->slots[i].name, l->slots[i].doc, error);
    check_extension(l, error);
    ho_proof_note(p, "%u options, %u hyperparameters, %u slots", l->option_count, l->hyper_count, l->slot_count);
    return error->status;
}

/* Many instances at once, freed in another order than they were made. */
ho_status ho_prove_instances(proof *p, ho_error *error)
{
    enum { MANY = 64 };
    ho_instance *made[MANY];
    int count = 0;
    for (int round = 0; round < 3 && error->status == HO_OK; round++) {
        for (count = 0; count < MANY && (made[count] = ho_proof_instance(p, NULL, error)); count++)
            continue;
        for (int i = 0; i < count; i++)
            ho_instance_free(made[i * 5 % MANY < count ? (count == MANY ? i * 5 % MANY : i) : i]);
    }
    ho_proof_note(p, "%d at once", MANY);
    return error->status;
}

/* An instance, made and freed again. */
static bool create_once(proof *p, ho_error *own)
{
    ho_instance *instance = ho_proof_instance(p, NULL, own);
    ho_instance_free(instance);
    return instance;
}

ho_status ho_prove_setup_memory(proof *p, ho_error *error)
{
    return ho_proof_each_failure(p, "create", create_once, error);
}
