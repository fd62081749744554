/* Checking descriptors. A plugin is refused here for anything that later code would have to wonder about. */
#include "host/descriptor.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "host/options.h"

#define MOST_ROWS 1000u

/* What is being read, for messages. */
typedef struct reader {
    const char *path;
    ho_arena *arena;
    ho_loaded *loaded;
    ho_error *error;
} reader;

#define refuse(r, ...) ho_fail_at((r)->error, HO_INVALID, (ho_place){.file = (r)->path}, __VA_ARGS__)

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

static bool plugin_name_legal(const char *name)
{
    if (!ho_is_name(name) || name[0] < 'a' || name[0] > 'z')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

bool ho_domain_bounds(uint32_t domain, double *lower, double *upper)
{
    static const struct {
        double lower, upper;
    } bounds[] = {
        [HO_ANY] = {-INFINITY, INFINITY}, [HO_NONNEGATIVE] = {0, INFINITY},  [HO_UNIT] = {0, 1},
        [HO_DECAY] = {0, 1 - 1e-6},       [HO_POSITIVE] = {1e-12, INFINITY},
    };
    if (domain >= sizeof bounds / sizeof bounds[0])
        return false;
    *lower = bounds[domain].lower;
    *upper = bounds[domain].upper;
    return true;
}

/* The plugin's rows as rows of this host: zeroed where its author knew less. NULL after an error, or for no rows. */
static void *copy_table(reader *r, const char *what, ho_table table, size_t row_size)
{
    if (table.count == 0)
        return NULL;
    /* A minor that this host accepts cannot have longer rows than this host's. */
    if (!table.rows || table.count > MOST_ROWS || !size_possible(table.row_size) || table.row_size > row_size) {
        refuse(r, "its table of %s is damaged: %u rows of %u bytes (at most %u rows of %zu bytes) at %s", what,
               table.count, table.row_size, MOST_ROWS, row_size, table.rows ? "an address" : "NULL");
        return NULL;
    }
    char *rows = ho_arena_alloc(r->arena, table.count * row_size);
    for (uint32_t i = 0; i < table.count; i++)
        copy_known(rows + i * row_size, row_size, (const char *)table.rows + (size_t)i * table.row_size,
                   table.row_size);
    return rows;
}

static ho_status check_choices(reader *r, const ho_option *option)
{
    const char *words = option->choices;
    if (!words || !*words)
        return refuse(r, "option \"%s\" is a choice without choices", option->name);
    while (true) {
        size_t length = strcspn(words, "|");
        if (length == 0)
            return refuse(r, "option \"%s\" has an empty word among its choices \"%s\"", option->name, option->choices);
        if (!words[length])
            return HO_OK;
        words += length + 1;
    }
}

static ho_status read_options(reader *r)
{
    ho_option *options = copy_table(r, "options", r->loaded->plugin.options, sizeof *options);
    if (r->error->status != HO_OK)
        return r->error->status;
    r->loaded->options = options;
    r->loaded->option_count = r->loaded->plugin.options.count;
    for (uint32_t i = 0; i < r->loaded->option_count; i++) {
        ho_option *option = &options[i];
        if (!ho_is_name(option->name))
            return refuse(r, "option %u has no legal name (letters, digits and '_')", i + 1);
        if (option->type < HO_REAL || option->type > HO_STRINGS)
            return refuse(r, "option \"%s\" is of the unknown type %u", option->name, option->type);
        if (!(option->least <= option->most))
            return refuse(r, "option \"%s\" has the empty range %g to %g", option->name, option->least, option->most);
        if (option->type == HO_CHOICE && check_choices(r, option) != HO_OK)
            return r->error->status;
        if (option->required > 1 || (option->required && option->initial))
            return refuse(r, "option \"%s\" is required (%u) and has a default too", option->name, option->required);
        if (!option->doc)
            option->doc = "";
        if (ho_option_check_default(option, r->path, r->error) != HO_OK)
            return r->error->status;
    }
    return HO_OK;
}

/* Checks one alternative of a shape, `length` characters: its rank, and whether it is K x K. */
static ho_status check_shape(reader *r, const ho_hyper *hyper, const char *text, size_t length, int *rank, bool *square)
{
    static const char *const symbols[] = {"features", "outputs", "examples", "steps", "rows", "columns"};
    size_t usable = r->loaded->plugin.kind == HO_PENALTY ? 6 : 4;
    size_t first = 0;
    *rank = 0;
    *square = false;
    for (size_t at = 0; at < length;) {
        if (text[at] == ' ') {
            at++;
            continue;
        }
        size_t word = 0;
        while (at + word < length && text[at + word] != ' ')
            word++;
        size_t found = 0;
        while (found < usable && (strlen(symbols[found]) != word || memcmp(symbols[found], text + at, word) != 0))
            found++;
        if (found == usable)
            return refuse(r, "hyperparameter \"%s\": its shape \"%s\" has the unknown size \"%.*s\"", hyper->name,
                          hyper->shape, word < 64 ? (int)word : 64, text + at);
        if (*rank == 0)
            first = found;
        *square = *rank == 1 && found == first;
        if (++*rank > HO_MAX_RANK)
            return refuse(r, "hyperparameter \"%s\": its shape \"%s\" has more than %d sizes", hyper->name,
                          hyper->shape, HO_MAX_RANK);
        at += word;
    }
    return HO_OK;
}

static ho_status check_hyper_shape(reader *r, const ho_hyper *hyper)
{
    bool any_square = false;
    for (const char *text = hyper->shape;;) {
        size_t length = strcspn(text, "|");
        int rank;
        bool square;
        if (check_shape(r, hyper, text, length, &rank, &square) != HO_OK)
            return r->error->status;
        if (hyper->structure && rank != 0 && !square)
            return refuse(r, "hyperparameter \"%s\" has a structure, so its shape \"%s\" must be of two equal sizes",
                          hyper->name, hyper->shape);
        any_square |= square;
        if (!text[length])
            break;
        text += length + 1;
    }
    if (hyper->structure && !any_square)
        return refuse(r, "hyperparameter \"%s\" has a structure, so it must have two equal sizes", hyper->name);
    return HO_OK;
}

static ho_status read_hypers(reader *r)
{
    uint32_t kind = r->loaded->plugin.kind;
    if (kind > HO_PENALTY && r->loaded->plugin.hypers.count > 0)
        return refuse(r, "a %s has no hyperparameters, this one declares %u", ho_kind_name(kind),
                      r->loaded->plugin.hypers.count);
    ho_hyper *hypers = copy_table(r, "hyperparameters", r->loaded->plugin.hypers, sizeof *hypers);
    if (r->error->status != HO_OK)
        return r->error->status;
    r->loaded->hypers = hypers;
    r->loaded->hyper_count = r->loaded->plugin.hypers.count;
    for (uint32_t i = 0; i < r->loaded->hyper_count; i++) {
        ho_hyper *hyper = &hypers[i];
        double lower, upper;
        if (!ho_is_name(hyper->name))
            return refuse(r, "hyperparameter %u has no legal name (letters, digits and '_')", i + 1);
        if (!ho_domain_bounds(hyper->domain, &lower, &upper))
            return refuse(r, "hyperparameter \"%s\" has the unknown domain %u", hyper->name, hyper->domain);
        if (!isfinite(hyper->initial) || hyper->initial < lower || hyper->initial > upper)
            return refuse(r, "hyperparameter \"%s\": its default %g is outside its domain, %g to %g", hyper->name,
                          hyper->initial, lower, upper);
        if (hyper->structure & ~(HO_SYMMETRIC | HO_ZERO_DIAGONAL))
            return refuse(r, "hyperparameter \"%s\" has the unknown structure %u", hyper->name, hyper->structure);
        if (hyper->structure & HO_ZERO_DIAGONAL && lower > 0)
            return refuse(r, "hyperparameter \"%s\" has a zero diagonal outside its domain", hyper->name);
        if (!hyper->doc)
            hyper->doc = "";
        if (!hyper->shape)
            hyper->shape = "";
        if (check_hyper_shape(r, hyper) != HO_OK)
            return r->error->status;
    }
    return HO_OK;
}

static ho_status read_slots(reader *r)
{
    ho_table table = r->loaded->calls.dynamics.slots;
    ho_slot *slots = copy_table(r, "slots", table, sizeof *slots);
    if (r->error->status != HO_OK)
        return r->error->status;
    r->loaded->slots = slots;
    r->loaded->slot_count = table.count;
    for (uint32_t i = 0; i < table.count; i++) {
        if (!ho_is_name(slots[i].name))
            return refuse(r, "slot %u has no legal name (letters, digits and '_')", i + 1);
        if (!slots[i].doc)
            slots[i].doc = "";
    }
    return HO_OK;
}

/* Options, hyperparameters, slots and what the host binds share one scope in formulas: no name may mean two things. */
static ho_status check_names(reader *r)
{
    static const char *const bound[][5] = {
        [HO_DYNAMICS] = {"w", "g", "t"},
        [HO_MODEL] = {"inputs", "outputs"},
        [HO_LOSS] = {"outputs", "targets", "labels", "loss"},
        [HO_PENALTY] = {"w", "penalty"},
        [HO_CONSTRAINT] = {NULL},
    };
    const ho_loaded *loaded = r->loaded;
    const char *names[5 + 3 * MOST_ROWS];
    size_t fixed = 0;
    if (loaded->plugin.kind <= HO_PENALTY)
        while (bound[loaded->plugin.kind][fixed]) {
            names[fixed] = bound[loaded->plugin.kind][fixed];
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
            if (strcmp(names[i], names[j]) == 0)
                return j < fixed ? refuse(r, "the name \"%s\" is the host's in a %s; give yours another", names[i],
                                          ho_kind_name(loaded->plugin.kind))
                                 : refuse(r, "the name \"%s\" is declared twice", names[i]);
    return HO_OK;
}

/* A required call of the kind. */
static void need(reader *r, bool present, const char *call)
{
    if (!present)
        refuse(r, "the %s \"%s\" lacks its call \"%s\"", ho_kind_name(r->loaded->plugin.kind), r->loaded->plugin.name,
               call);
}

static ho_status read_calls(reader *r)
{
    static const size_t known[] = {
        [HO_DYNAMICS] = sizeof(ho_dynamics_calls),
        [HO_MODEL] = sizeof(ho_model_calls),
        [HO_LOSS] = sizeof(ho_loss_calls),
        [HO_PENALTY] = sizeof(ho_penalty_calls),
        [HO_MODE] = sizeof(ho_mode_calls),
        [HO_DATA] = sizeof(ho_data_calls),
        [HO_CONSTRAINT] = sizeof(ho_constraint_calls),
    };
    const void *calls = r->loaded->plugin.calls;
    uint32_t size = 0;
    if (calls)
        memcpy(&size, calls, sizeof size);
    if (!size_possible(size) || size > known[r->loaded->plugin.kind])
        return calls ? refuse(r, "its table of calls says that it is %u bytes long, a %s has %zu", size,
                              ho_kind_name(r->loaded->plugin.kind), known[r->loaded->plugin.kind])
                     : refuse(r, "it has no table of calls");
    copy_known(&r->loaded->calls, sizeof r->loaded->calls, calls, size);
    switch (r->loaded->plugin.kind) {
    case HO_DYNAMICS: {
        const ho_dynamics_calls *dynamics = &r->loaded->calls.dynamics;
        need(r, dynamics->step, "step");
        if (dynamics->granularity > HO_PER_TENSOR)
            return refuse(r, "its granularity %u is unknown", dynamics->granularity);
        return r->error->status == HO_OK ? read_slots(r) : r->error->status;
    }
    case HO_MODEL:
        need(r, r->loaded->calls.model.weights, "weights");
        need(r, r->loaded->calls.model.forward, "forward");
        return r->error->status;
    case HO_LOSS:
        need(r, r->loaded->calls.loss.per_example, "per_example");
        if (r->loaded->calls.loss.targets > HO_TARGET_REALS)
            return refuse(r, "it wants the unknown kind %u of targets", r->loaded->calls.loss.targets);
        return r->error->status;
    case HO_PENALTY:
        need(r, r->loaded->calls.penalty.value, "value");
        return r->error->status;
    case HO_MODE: {
        const ho_mode_calls *mode = &r->loaded->calls.mode;
        need(r, mode->start, "start");
        need(r, mode->advance, "advance");
        need(r, mode->hypergradient, "hypergradient");
        need(r, mode->state, "state");
        need(r, mode->forget, "forget");
        need(r, mode->bytes, "bytes");
        need(r, mode->end, "end");
        return r->error->status;
    }
    case HO_DATA:
        need(r, r->loaded->calls.data.read, "read");
        if (r->loaded->calls.data.emits_parts > 1)
            return refuse(r, "emits_parts is %u, which is neither 0 nor 1", r->loaded->calls.data.emits_parts);
        if (r->loaded->calls.data.unordered > 1)
            return refuse(r, "unordered is %u, which is neither 0 nor 1", r->loaded->calls.data.unordered);
        return r->error->status;
    default:
        need(r, r->loaded->calls.constraint.fits, "fits");
        need(r, r->loaded->calls.constraint.project, "project");
        return r->error->status;
    }
}

static ho_status read_head(reader *r, const ho_plugin *symbol, uint64_t size)
{
    const uint64_t head = offsetof(ho_plugin, name);
    if (size != 0 && size < head)
        return refuse(r, "its symbol %s is %" PRIu64 " bytes long, which is no descriptor", HO_PLUGIN_SYMBOL_NAME,
                      size);
    if (symbol->struct_size < head || !size_possible(symbol->struct_size) || (size != 0 && symbol->struct_size > size))
        return refuse(r, "its descriptor says that it is %u bytes long, which cannot be", symbol->struct_size);
    /* Before the freeze (major 0) every minor may differ from the next in anything. From 1.0 on an older one is fine.
     */
    if (symbol->abi_major != HO_ABI_MAJOR || symbol->abi_minor != HO_ABI_MINOR)
        return refuse(r, "needs plugin ABI %u.%u, this hotool offers %u.%u; rebuild it with this hotool's SDK",
                      symbol->abi_major, symbol->abi_minor, HO_ABI_MAJOR, HO_ABI_MINOR);
    if (symbol->struct_size > sizeof *symbol)
        return refuse(r, "its descriptor says that it is %u bytes long, in ABI %u.%u it has %zu", symbol->struct_size,
                      symbol->abi_major, symbol->abi_minor, sizeof *symbol);
    copy_known(&r->loaded->plugin, sizeof r->loaded->plugin, symbol, symbol->struct_size);
    ho_plugin *plugin = &r->loaded->plugin;
    if (plugin->kind < HO_DYNAMICS || plugin->kind > HO_CONSTRAINT)
        return refuse(r, "is a plugin of the unknown kind %u", plugin->kind);
    if (!plugin_name_legal(plugin->name))
        return refuse(r, "its plugin has no legal name (a small letter, then small letters, digits and '_')");
    if (!plugin->version)
        plugin->version = "";
    if (!plugin->doc)
        plugin->doc = "";
    return HO_OK;
}

ho_status ho_descriptor_read(const ho_plugin *symbol, uint64_t size, const char *path, ho_arena *arena,
                             ho_loaded *loaded, ho_error *error)
{
    reader r = {path, arena, loaded, error};
    *loaded = (ho_loaded){.path = path};
    ho_status status = read_head(&r, symbol, size);
    if (status == HO_OK)
        status = read_options(&r);
    if (status == HO_OK)
        status = read_hypers(&r);
    if (status == HO_OK)
        status = read_calls(&r);
    if (status == HO_OK)
        status = check_names(&r);
    return status;
}
