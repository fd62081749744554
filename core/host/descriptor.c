/* A plugin is refused here for anything that later code would have to wonder about. */
#include "host/descriptor.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "host/options.h"
#include "host/shapes.h"

#define MOST_ROWS 1000u

/* ---- what is asked of each kind ---------------------------------------------------------------------------------- */

#define CALL(kind, name)                         \
    {                                            \
#name, offsetof(ho_##kind##_calls, name) \
    }

static const struct {
    size_t size;          /* of the table of calls */
    const char *bound[5]; /* names that the host binds in the scope of formulas */
    struct {
        const char *name;
        size_t offset;
    } needed[8]; /* calls */
} kinds[] = {
    [HO_DYNAMICS] = {sizeof(ho_dynamics_calls), {"w", "g", "t"}, {CALL(dynamics, step)}},
    [HO_MODEL] = {sizeof(ho_model_calls), {"inputs", "outputs"}, {CALL(model, weights), CALL(model, forward)}},
    [HO_LOSS] = {sizeof(ho_loss_calls), {"outputs", "targets", "labels", "loss"}, {CALL(loss, per_example)}},
    [HO_PENALTY] = {sizeof(ho_penalty_calls), {"w", "penalty"}, {CALL(penalty, value)}},
    [HO_MODE] = {sizeof(ho_mode_calls),
                 {NULL},
                 {CALL(mode, start), CALL(mode, advance), CALL(mode, hypergradient), CALL(mode, state),
                  CALL(mode, forget), CALL(mode, bytes), CALL(mode, end)}},
    [HO_DATA] = {sizeof(ho_data_calls), {NULL}, {CALL(data, read)}},
    [HO_CONSTRAINT] = {sizeof(ho_constraint_calls), {NULL}, {CALL(constraint, fits), CALL(constraint, project)}},
};

/* What is being read. */
typedef struct reader {
    const char *path;
    ho_place place; /* of what is being read: the file, or a row's name in the settings */
    const ho_tree *(*written)(const void *context, const char *text); /* of an instance; NULL: of the file */
    const void *context;
    ho_place all; /* where a name has no place of its own */
    ho_arena *arena;
    ho_loaded *loaded;
    ho_error *error;
    uint32_t kind;
    bool inner; /* in a bundle */
} reader;

#define refuse(r, ...) ho_fail_at((r)->error, HO_INVALID, (r)->place, __VA_ARGS__)

/* What follows is about the row of this name. */
static void look_at(reader *r, const char *name)
{
    const ho_tree *node = r->written ? r->written(r->context, name) : NULL;
    r->place = node ? node->place : r->all;
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* Whether a struct or row can have this size. Each holds pointers, so that none ends within one. */
static bool size_possible(uint32_t size)
{
    return size != 0 && size % sizeof(void *) == 0;
}

/* Copies what an author of an older or equal minor knew; the rest of `to` is zero. */
static void copy_known(void *to, size_t to_size, const void *from, size_t from_size)
{
    memset(to, 0, to_size);
    memcpy(to, from, from_size < to_size ? from_size : to_size);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* The plugin's rows as rows of this host, each with a valid name, which stands first, and a doc, at `doc`. NULL after
 * an error, or for no rows. */
static void *read_table(reader *r, const char *what, ho_table table, size_t row_size, size_t doc)
{
    if (table.count == 0)
        return NULL;
    if (r->written && table.count > MOST_ROWS) {
        refuse(r, "%u %ss; the most is %u", table.count, what, MOST_ROWS);
        return NULL;
    }
    /* A minor that this host accepts cannot have longer rows than this host's. */
    if (!table.rows || table.count > MOST_ROWS || !size_possible(table.row_size) || table.row_size > row_size) {
        refuse(r, "its table of %ss is damaged: %u rows of %u bytes (at most %u rows of %zu bytes) at %s", what,
               table.count, table.row_size, MOST_ROWS, row_size, table.rows ? "an address" : "NULL");
        return NULL;
    }
    char *rows = ho_arena_alloc(r->arena, table.count * row_size);
    for (uint32_t i = 0; i < table.count; i++) {
        char *row = rows + i * row_size;
        copy_known(row, row_size, (const char *)table.rows + (size_t)i * table.row_size, table.row_size);
        const char **text = (void *)(row + doc);
        *text = or_empty(*text);
        text = (void *)row;
        look_at(r, *text);
        if (r->written && *text && !ho_is_name(*text)) {
            refuse(r, "\"%.64s\" is not a valid name (a letter or '_', then letters, digits, '_'; at most %d)", *text,
                   HO_NAME_MAX);
            return NULL;
        }
        if (!ho_is_name(*text)) {
            refuse(r, "%s %u has no valid name (letters, digits and '_')", what, i + 1);
            return NULL;
        }
    }
    return rows;
}

static ho_status check_choices(reader *r, const ho_option *option)
{
    size_t count;
    if (!option->choices || !*option->choices)
        return refuse(r, "option \"%s\" is a choice without choices", option->name);
    const char **words = ho_arena_split(r->arena, option->choices, '|', &count);
    for (size_t i = 0; i < count; i++)
        if (!*words[i])
            return refuse(r, "option \"%s\" has an empty word among its choices \"%s\"", option->name, option->choices);
    return HO_OK;
}

static ho_status check_option(reader *r, ho_option *option, uint32_t last_type);

/* An option table, or that of a row's fields. */
static ho_option *read_option_table(reader *r, const char *what, ho_table table, uint32_t last_type)
{
    ho_option *options = read_table(r, what, table, sizeof *options, offsetof(ho_option, doc));
    for (uint32_t i = 0; options && i < table.count; i++)
        if (check_option(r, &options[i], last_type) != HO_OK)
            return NULL;
    return options;
}

static ho_status check_option(reader *r, ho_option *option, uint32_t last_type)
{
    if (option->type < HO_REAL || option->type > last_type)
        return refuse(r, "option \"%s\" is of the unknown type %u", option->name, option->type);
    if (!(option->least <= option->most))
        return refuse(r, "option \"%s\" has the empty range %g to %g", option->name, option->least, option->most);
    if (option->type == HO_CHOICE && check_choices(r, option) != HO_OK)
        return r->error->status;
    if (option->required > 1 || (option->required && option->initial))
        return refuse(r, "option \"%s\" is required (%u) and has a default too", option->name, option->required);
    if (option->type == HO_ROWS && option->fields.count == 0)
        return refuse(r, "option \"%s\" has rows without fields", option->name);
    if (option->type == HO_ROWS) {
        ho_option *fields = read_option_table(r, "field", option->fields, HO_LINES);
        for (uint32_t i = 0; fields && i < option->fields.count; i++)
            for (uint32_t j = 0; j < i; j++)
                if (strcmp(fields[i].name, fields[j].name) == 0)
                    return refuse(r, "option \"%s\" has two fields \"%s\"", option->name, fields[i].name);
        option->fields.rows = fields;
        option->fields.row_size = sizeof *fields;
    }
    return ho_option_check_default(option, r->path, r->error);
}

static ho_status read_options(reader *r)
{
    r->loaded->options = read_option_table(r, "option", r->loaded->plugin.options, HO_ROWS);
    r->loaded->option_count = r->loaded->plugin.options.count;
    return r->error->status;
}

/* ---- hyperparameters --------------------------------------------------------------------------------------------- */

/* One alternative of a declared shape. */
static ho_status read_form(reader *r, const ho_hyper *hyper, const char *text, ho_shape_form *form)
{
    ho_error why = {0};
    if (ho_shape_form_read(r->loaded, text, r->arena, form, &why) != HO_OK)
        return refuse(r, "hyperparameter \"%s\": its shape \"%s\" %s", hyper->name, hyper->shape, why.text);
    return HO_OK;
}

static ho_status read_shape(reader *r, const ho_hyper *hyper, ho_shape_forms *shape)
{
    size_t count;
    const char **texts = ho_arena_split(r->arena, hyper->shape, '|', &count);
    ho_shape_form *forms = ho_arena_alloc(r->arena, count * sizeof *forms);
    bool any_square = false;
    for (size_t i = 0; i < count; i++) {
        if (read_form(r, hyper, texts[i], &forms[i]) != HO_OK)
            return r->error->status;
        const bool square = forms[i].rank == 2 && forms[i].sizes[0] == forms[i].sizes[1];
        if (hyper->structure && forms[i].rank != 0 && !square)
            return refuse(r, "hyperparameter \"%s\" has a structure, so its shape \"%s\" must be of two equal sizes",
                          hyper->name, hyper->shape);
        any_square |= square;
    }
    if (hyper->structure && !any_square)
        return refuse(r, "hyperparameter \"%s\" has a structure, so it must have two equal sizes", hyper->name);
    *shape = (ho_shape_forms){forms, count};
    return HO_OK;
}

static ho_status read_hypers(reader *r)
{
    const ho_table table = r->loaded->plugin.hypers;
    ho_hyper *hypers = read_table(r, "hyperparameter", table, sizeof *hypers, offsetof(ho_hyper, doc));
    ho_shape_forms *shapes = hypers ? ho_arena_alloc(r->arena, table.count * sizeof *shapes) : NULL;
    for (uint32_t i = 0; hypers && i < table.count; i++) {
        ho_hyper *hyper = &hypers[i];
        double lower, upper;
        look_at(r, hyper->name);
        if (!ho_domain_bounds(hyper->domain, &lower, &upper))
            return refuse(r, "hyperparameter \"%s\" has the unknown domain %u", hyper->name, hyper->domain);
        if (!isfinite(hyper->initial) || hyper->initial < lower || hyper->initial > upper)
            return refuse(r, "hyperparameter \"%s\": its default %g is outside its domain, %g to %g", hyper->name,
                          hyper->initial, lower, upper);
        if (hyper->structure & ~(HO_SYMMETRIC | HO_ZERO_DIAGONAL))
            return refuse(r, "hyperparameter \"%s\" has the unknown structure %u", hyper->name, hyper->structure);
        if (hyper->structure & HO_ZERO_DIAGONAL && lower > 0)
            return refuse(r, "hyperparameter \"%s\" has a zero diagonal outside its domain", hyper->name);
        hyper->shape = or_empty(hyper->shape);
        if (read_shape(r, hyper, &shapes[i]) != HO_OK)
            return r->error->status;
    }
    r->loaded->hypers = hypers;
    r->loaded->shapes = shapes;
    r->loaded->hyper_count = table.count;
    return r->error->status;
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static ho_status read_slots(reader *r)
{
    const ho_table table = r->loaded->calls.dynamics.slots;
    r->loaded->slots = read_table(r, "slot", table, sizeof *r->loaded->slots, offsetof(ho_slot, doc));
    r->loaded->slot_count = table.count;
    return r->error->status;
}

static ho_status read_calls(reader *r)
{
    const void *calls = r->loaded->plugin.calls;
    uint32_t size = 0;
    if (!calls)
        return refuse(r, "it has no table of calls");
    memcpy(&size, calls, sizeof size);
    if (!size_possible(size) || size > kinds[r->kind].size)
        return refuse(r, "its table of calls says that it is %u bytes long, a %s has %zu", size, ho_kind_name(r->kind),
                      kinds[r->kind].size);
    copy_known(&r->loaded->calls, sizeof r->loaded->calls, calls, size);
    const bool streams = r->kind == HO_DATA && r->loaded->calls.data.next;
    for (size_t i = 0; !streams && i < 8 && kinds[r->kind].needed[i].name; i++) {
        void (*call)(void);
        memcpy(&call, (const char *)&r->loaded->calls + kinds[r->kind].needed[i].offset, sizeof call);
        if (!call)
            return refuse(r, "the %s \"%s\" lacks its call \"%s\"", ho_kind_name(r->kind), r->loaded->plugin.name,
                          kinds[r->kind].needed[i].name);
    }
    if (r->kind == HO_DYNAMICS && r->loaded->calls.dynamics.granularity > HO_PER_TENSOR)
        return refuse(r, "its granularity %u is unknown", r->loaded->calls.dynamics.granularity);
    if (r->kind == HO_LOSS && r->loaded->calls.loss.targets > HO_TARGET_REALS)
        return refuse(r, "it asks for the unknown kind %u of targets", r->loaded->calls.loss.targets);
    if (r->kind == HO_DATA && r->loaded->calls.data.emits_parts > 1)
        return refuse(r, "emits_parts is %u, which is neither 0 nor 1", r->loaded->calls.data.emits_parts);
    if (streams && r->loaded->calls.data.emits_parts && !r->loaded->calls.data.read)
        return refuse(r, "it says that it emits parts, but the data reader \"%s\" lacks its call \"read\"",
                      r->loaded->plugin.name);
    if (r->kind == HO_DATA && r->loaded->calls.data.unordered > 1)
        return refuse(r, "unordered is %u, which is neither 0 nor 1", r->loaded->calls.data.unordered);
    if (r->kind == HO_MODE && r->loaded->calls.mode.approximate > 1)
        return refuse(r, "approximate is %u, which is neither 0 nor 1", r->loaded->calls.mode.approximate);
    return r->kind == HO_DYNAMICS ? read_slots(r) : HO_OK;
}

/* Options, hyperparameters, slots and what the host binds share one scope in formulas: no name may mean two things. */
static ho_status check_names(reader *r)
{
    const ho_loaded *loaded = r->loaded;
    const char *names[5 + 3 * MOST_ROWS];
    size_t fixed = 0;
    while (kinds[r->kind].bound[fixed]) {
        names[fixed] = kinds[r->kind].bound[fixed];
        fixed++;
    }
    size_t count = fixed;
    for (uint32_t i = 0; i < loaded->option_count; i++)
        names[count++] = loaded->options[i].name;
    for (uint32_t i = 0; i < loaded->hyper_count; i++)
        names[count++] = loaded->hypers[i].name;
    for (uint32_t i = 0; i < loaded->slot_count; i++)
        names[count++] = loaded->slots[i].name;
    for (size_t i = fixed; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0 && (look_at(r, names[i]), true))
                return j < fixed ? refuse(r, "the name \"%s\" is the host's in a %s; give yours another", names[i],
                                          ho_kind_name(r->kind))
                                 : refuse(r, "the name \"%s\" is declared twice", names[i]);
    return HO_OK;
}

/* ---- the descriptor ---------------------------------------------------------------------------------------------- */

bool ho_abi_loads(uint32_t major, uint32_t minor, uint32_t host_major, uint32_t host_minor)
{
    return major == host_major && (major == 0 ? minor == host_minor : minor <= host_minor);
}

/* A plugin's name is what pipelines write, and a file's: small letters only. */
static bool is_plugin_name(const char *name)
{
    return ho_is_name(name) && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

/* Only what is traced has hyperparameters. */
static ho_status check_kind(reader *r)
{
    const uint32_t count = r->loaded->plugin.hypers.count;
    if (r->kind > HO_PENALTY && count > 0)
        return refuse(r, "a %s has no hyperparameters, this one declares %u", ho_kind_name(r->kind), count);
    return HO_OK;
}

static ho_status read_head(reader *r, const ho_plugin *symbol, uint64_t size)
{
    const uint64_t head = offsetof(ho_plugin, name);
    if (size != 0 && size < head)
        return refuse(r, "its symbol %s is %" PRIu64 " bytes long, too short for a descriptor", HO_PLUGIN_SYMBOL_NAME,
                      size);
    if (symbol->struct_size < head || !size_possible(symbol->struct_size) || (size != 0 && symbol->struct_size > size))
        return refuse(r, "its descriptor says that it is %u bytes long, which cannot be", symbol->struct_size);
    if (!ho_abi_loads(symbol->abi_major, symbol->abi_minor, HO_ABI_MAJOR, HO_ABI_MINOR))
        return refuse(r, "needs plugin ABI %u.%u, this hotool offers %u.%u; rebuild it with this hotool's SDK",
                      symbol->abi_major, symbol->abi_minor, HO_ABI_MAJOR, HO_ABI_MINOR);
    if (symbol->struct_size > sizeof *symbol)
        return refuse(r, "its descriptor says that it is %u bytes long, in ABI %u.%u it has %zu", symbol->struct_size,
                      symbol->abi_major, symbol->abi_minor, sizeof *symbol);
    ho_plugin *plugin = &r->loaded->plugin;
    copy_known(plugin, sizeof *plugin, symbol, symbol->struct_size);
    r->kind = plugin->kind;
    if (plugin->kind == HO_BUNDLE && r->inner)
        return refuse(r, "is a bundle, and so must not be in one");
    if (plugin->kind < HO_DYNAMICS || plugin->kind > HO_BUNDLE)
        return refuse(r, "is a plugin of the unknown kind %u", plugin->kind);
    if (!is_plugin_name(plugin->name))
        return refuse(r, "its plugin has no valid name (a small letter, then small letters, digits and '_')");
    r->loaded->title = ho_arena_format(r->arena, "plugin \"%s\" (%s)", plugin->name, r->path);
    plugin->version = or_empty(plugin->version);
    plugin->doc = or_empty(plugin->doc);
    return HO_OK;
}

static ho_status read_rest(reader *r)
{
    if (check_kind(r) || read_options(r) || read_calls(r) || read_hypers(r) || check_names(r))
        return r->error->status;
    return HO_OK;
}

ho_status ho_descriptor_read(const ho_plugin *symbol, uint64_t size, const char *path, ho_arena *arena,
                             ho_loaded *loaded, ho_error *error)
{
    const ho_place file = {.file = path};
    reader r = {
        .path = path, .place = file, .all = file, .arena = arena, .loaded = loaded, .error = error, .inner = true};
    *loaded = (ho_loaded){.path = path};
    return read_head(&r, symbol, size) ? error->status : read_rest(&r);
}

/* ---- bundles ----------------------------------------------------------------------------------------------------- */

/* One plugin of a bundle; what is wrong with it is told with its number and name. */
static ho_loaded *read_inner(const reader *r, const ho_plugin *symbol, uint32_t number, uint32_t count)
{
    ho_error own = {0};
    ho_loaded *loaded = ho_arena_alloc(r->arena, sizeof *loaded);
    if (symbol && ho_descriptor_read(symbol, 0, r->path, r->arena, loaded, &own) == HO_OK)
        return loaded;
    const char *why = symbol ? own.text + strlen(r->path) + strlen(": ") : "its descriptor is NULL";
    const bool named = loaded->title;
    refuse(r, "plugin %u of %u%s%s%s: %s", number + 1, count, named ? ", \"" : "", named ? loaded->plugin.name : "",
           named ? "\"" : "", why);
    return NULL;
}

static ho_loaded *read_bundle(reader *r)
{
    const ho_plugin *plugin = &r->loaded->plugin;
    ho_bundle_calls calls;
    uint32_t size = 0;
    if (plugin->options.count || plugin->hypers.count || plugin->create || plugin->destroy) {
        refuse(r, "a bundle has no options, hyperparameters, create or destroy of its own");
        return NULL;
    }
    if (plugin->calls)
        memcpy(&size, plugin->calls, sizeof size);
    if (!size_possible(size) || size > sizeof calls) {
        refuse(r, "its table of calls says that it is %u bytes long, a bundle has %zu", size, sizeof calls);
        return NULL;
    }
    copy_known(&calls, sizeof calls, plugin->calls, size);
    const ho_table table = calls.plugins;
    const ho_plugin *const *rows = table.rows;
    if (!rows || table.count == 0 || table.count > MOST_ROWS || table.row_size != sizeof *rows) {
        refuse(r, "its table of plugins is damaged: %u rows of %u bytes (1 to %u rows of %zu bytes) at %s", table.count,
               table.row_size, MOST_ROWS, sizeof *rows, rows ? "an address" : "NULL");
        return NULL;
    }
    ho_loaded *first = NULL, *last = NULL;
    for (uint32_t i = 0; i < table.count; i++) {
        ho_loaded *loaded = read_inner(r, rows[i], i, table.count);
        if (!loaded)
            return NULL;
        if (ho_loaded_find(first, loaded->plugin.kind, loaded->plugin.name)) {
            refuse(r, "it has the %s \"%s\" twice", ho_kind_name(loaded->plugin.kind), loaded->plugin.name);
            return NULL;
        }
        if (last)
            last->next = loaded;
        else
            first = loaded;
        last = loaded;
    }
    return first;
}

ho_loaded *ho_descriptors_read(const ho_plugin *symbol, uint64_t size, const char *path, ho_arena *arena,
                               ho_error *error)
{
    ho_loaded *loaded = ho_arena_alloc(arena, sizeof *loaded);
    const ho_place file = {.file = path};
    reader r = {.path = path, .place = file, .all = file, .arena = arena, .loaded = loaded, .error = error};
    *loaded = (ho_loaded){.path = path};
    if (read_head(&r, symbol, size))
        return NULL;
    if (r.kind == HO_BUNDLE)
        return read_bundle(&r);
    return read_rest(&r) ? NULL : loaded;
}

ho_status ho_descriptor_describe(const ho_loaded *plugin, const ho_plugin *own, ho_place place,
                                 const ho_tree *(*written)(const void *context, const char *text), const void *context,
                                 ho_arena *arena, ho_loaded *loaded, ho_error *error)
{
    reader r = {.path = plugin->path,
                .place = place,
                .all = place,
                .written = written,
                .context = context,
                .arena = arena,
                .loaded = loaded,
                .error = error,
                .kind = plugin->plugin.kind};
    *loaded = *plugin;
    loaded->plugin.hypers = own->hypers;
    loaded->plugin.calls = own->calls;
    if (check_kind(&r) || read_calls(&r) || read_hypers(&r) || check_names(&r))
        return error->status;
    return HO_OK;
}
