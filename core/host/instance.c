/* Instances: options in, `self` out; and the calls of constraints. */
#include "host/instance.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/version.h"
#include "host/descriptor.h"
#include "host/faults.h"
#include "host/options.h"
#include "host/signals.h"

/* What a plugin's create sees: the options of the plugin, or of a row. */
typedef struct setup {
    ho_setup head; /* first: the plugin's pointer is the host's */
    ho_instance *instance;
    ho_error *error;
    const ho_option *options;
    uint32_t count;
    const ho_option_value *values;
    ho_place place;
} setup;

static setup *setup_of(ho_setup *u)
{
    return (setup *)(void *)u;
}

#define misuse(s, ...) ho_fail_at((s)->error, HO_INVALID, (s)->instance->place, __VA_ARGS__)

/* For proofs. */
static bool made_to_fail(ho_setup *u, const char *call)
{
    setup *s = setup_of(u);
    const bool fails = ho_fault();
    if (fails)
        misuse(s, "plugin \"%s\": its %s was made to fail", s->instance->loaded->plugin.name, call);
    return fails;
}

/* The number of an option; the table's count where there is none of that name (NULL: none). */
static uint32_t index_of(const setup *s, const char *name)
{
    uint32_t i = 0;
    while (i < s->count && (!name || strcmp(s->options[i].name, name) != 0))
        i++;
    return i;
}

/* The value of an option that is declared with one of these types (bits, 1 << type); one without entries, and an error,
 * where the table has none so. */
static const ho_option_value *value_of(ho_setup *u, const char *name, uint32_t types)
{
    static const ho_option_value none;
    setup *s = setup_of(u);
    const ho_loaded *loaded = s->instance->loaded;
    const uint32_t i = index_of(s, name);
    if (i < s->count && types >> s->options[i].type & 1u)
        return &s->values[i];
    if (!name)
        misuse(s, "plugin \"%s\" asks for an option without a name", loaded->plugin.name);
    else if (i < s->count)
        misuse(s, "plugin \"%s\" reads its option \"%s\" as another type than it declares", loaded->plugin.name, name);
    else
        misuse(s, "plugin \"%s\" asks for the option \"%.64s\", which it does not declare", loaded->plugin.name, name);
    return &none;
}

static double option_real(ho_setup *u, const char *name)
{
    return value_of(u, name, 1u << HO_REAL | 1u << HO_INTEGER)->real;
}

static int64_t option_integer(ho_setup *u, const char *name)
{
    return value_of(u, name, 1u << HO_INTEGER | 1u << HO_BYTES)->integer;
}

static int32_t option_boolean(ho_setup *u, const char *name)
{
    return value_of(u, name, 1u << HO_BOOLEAN)->boolean;
}

static const char *option_string(ho_setup *u, const char *name)
{
    return value_of(u, name, 1u << HO_STRING | 1u << HO_CHOICE | 1u << HO_PATH)->text;
}

static int64_t option_count(ho_setup *u, const char *name)
{
    return (int64_t)value_of(u, name, 1u << HO_REALS | 1u << HO_STRINGS | 1u << HO_LINES | 1u << HO_ROWS)->count;
}

/* Whether a list has an entry i. */
static bool has_entry(ho_setup *u, const char *name, const ho_option_value *value, int64_t i)
{
    setup *s = setup_of(u);
    if (i >= 0 && (uint64_t)i < value->count)
        return true;
    misuse(s, "plugin \"%s\" asks for entry %" PRId64 " of its option \"%.64s\", which has %zu",
           s->instance->loaded->plugin.name, i, name ? name : "", value->count);
    return false;
}

static double option_real_at(ho_setup *u, const char *name, int64_t i)
{
    const ho_option_value *value = value_of(u, name, 1u << HO_REALS);
    return has_entry(u, name, value, i) ? value->reals[i] : 0;
}

static const char *option_string_at(ho_setup *u, const char *name, int64_t i)
{
    const ho_option_value *value = value_of(u, name, 1u << HO_STRINGS | 1u << HO_LINES);
    return has_entry(u, name, value, i) ? value->texts[i]->text : "";
}

static const ho_setup_api setup_api;

static ho_setup *option_row(ho_setup *u, const char *name, int64_t i)
{
    const setup *s = setup_of(u);
    const ho_option_value *value = value_of(u, name, 1u << HO_ROWS);
    if (!has_entry(u, name, value, i) || made_to_fail(u, "ho_option_row"))
        return NULL;
    const ho_option *option = &s->options[index_of(s, name)];
    setup *row = ho_arena_alloc(s->instance->arena, sizeof *row);
    *row = (setup){.head = {&setup_api},
                   .instance = s->instance,
                   .error = s->error,
                   .options = option->fields.rows,
                   .count = option->fields.count,
                   .values = value->rows[i].fields,
                   .place = value->rows[i].name->place};
    return &row->head;
}

static const char *option_row_name(ho_setup *u, const char *name, int64_t i)
{
    const ho_option_value *value = value_of(u, name, 1u << HO_ROWS);
    return has_entry(u, name, value, i) ? value->rows[i].name->text : "";
}

/* More than this for a plugin's settings is a size gone wrong; the arena ends the program where memory does. */
#define MOST_SETUP_BYTES ((uint64_t)1 << 28)

static void *setup_alloc(ho_setup *u, uint64_t bytes)
{
    setup *s = setup_of(u);
    if (made_to_fail(u, "ho_setup_alloc"))
        return NULL;
    if (bytes <= MOST_SETUP_BYTES)
        return ho_arena_alloc(s->instance->arena, bytes ? (size_t)bytes : 1);
    misuse(s, "plugin \"%s\" asks for %" PRIu64 " bytes for its settings; the most is %" PRIu64,
           s->instance->loaded->plugin.name, bytes, MOST_SETUP_BYTES);
    return NULL;
}

/* `what`: the option that is refused, or NULL. */
static ho_status refused(setup *s, ho_place place, const char *what, const char *format, va_list args)
{
    char text[1024] = "it refuses its options";
    if (format)
        vsnprintf(text, sizeof text, format, args);
    ho_fail_at(s->error, HO_INVALID, place, "plugin \"%s\": %s%s%s", s->instance->loaded->plugin.name, what ? what : "",
               what ? ": " : "", text);
    return HO_INVALID;
}

/* Made without a pipeline, the plugin's own source is the only place there is. */
static ho_place place_or(ho_place place, const char *file, int32_t line)
{
    return place.file ? place : (ho_place){.file = file, .line = line};
}

static ho_status setup_fail(ho_setup *u, const char *file, int32_t line, const char *option_name, const char *format,
                            ...)
{
    setup *s = setup_of(u);
    const uint32_t i = index_of(s, option_name);
    const ho_place place = i < s->count ? s->values[i].place : s->place;
    va_list args;
    va_start(args, format);
    const ho_status status = refused(s, place_or(place, file, line), option_name, format, args);
    va_end(args);
    return status;
}

static ho_status setup_fail_at(ho_setup *u, const char *file, int32_t line, const char *at, const char *format, ...)
{
    setup *s = setup_of(u);
    const ho_tree *written = ho_instance_written(s->instance, at);
    const ho_place place = written ? ho_tree_character(written, (size_t)(at - written->text)) : s->place;
    va_list args;
    va_start(args, format);
    const ho_status status = refused(s, place_or(place, file, line), NULL, format, args);
    va_end(args);
    return status;
}

static const ho_tree *written_in(const void *instance, const char *text)
{
    return ho_instance_written(instance, text);
}

static ho_status describe(ho_setup *u, const ho_plugin *own)
{
    setup *s = setup_of(u);
    ho_instance *instance = s->instance;
    if (!instance->loaded->plugin.describes)
        return misuse(s, "plugin \"%s\" describes an instance, but does not set `describes`",
                      instance->loaded->plugin.name);
    if (!own)
        return misuse(s, "plugin \"%s\" describes an instance with NULL", instance->loaded->plugin.name);
    if (made_to_fail(u, "ho_setup_describe"))
        return s->error->status;
    ho_loaded *loaded = ho_arena_alloc(instance->arena, sizeof *loaded);
    if (ho_descriptor_describe(instance->loaded, own, instance->place, written_in, instance, instance->arena, loaded,
                               s->error) == HO_OK)
        instance->loaded = loaded;
    return s->error->status;
}

static void setup_join(ho_setup *u, int32_t leads)
{
    (void)u;
    ho_team_join(leads != 0);
}

static const void *extension(ho_setup *u, const char *name)
{
    static const ho_host host = {.struct_size = sizeof host,
                                 .abi_major = HO_ABI_MAJOR,
                                 .abi_minor = HO_ABI_MINOR,
                                 .name = "hotool",
                                 .version = HOTOOL_VERSION};
    (void)u;
    return name && strcmp(name, HO_EXTENSION_HOST) == 0 ? &host : NULL;
}

static const ho_setup_api setup_api = {
    .struct_size = sizeof(ho_setup_api),
    .option_real = option_real,
    .option_integer = option_integer,
    .option_boolean = option_boolean,
    .option_string = option_string,
    .option_count = option_count,
    .option_real_at = option_real_at,
    .option_string_at = option_string_at,
    .alloc = setup_alloc,
    .fail = setup_fail,
    .fail_at = setup_fail_at,
    .row = option_row,
    .row_name = option_row_name,
    .describe = describe,
    .join = setup_join,
    .extension = extension,
};

/* Whether this is a file or a folder, and can be read. */
/* Whatever a stream comes from may also be a pipe or a device. */
static bool readable(const char *path, bool stream)
{
    struct stat about;
    return stat(path, &about) == 0 && (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode) || stream) &&
           access(path, R_OK) == 0;
}

/* The first file or folder that a HO_PATH option names and that is not there; the option's number, or option_count. */
static uint32_t missing_path(const ho_loaded *loaded, const ho_option_value *values)
{
    const bool stream = loaded->plugin.kind == HO_DATA && loaded->calls.data.next;
    for (uint32_t i = 0; i < loaded->option_count; i++)
        if (loaded->options[i].type == HO_PATH && values[i].given && !readable(values[i].text, stream))
            return i;
    return loaded->option_count;
}

static ho_status create(ho_instance *instance, ho_error *error)
{
    const ho_plugin *plugin = &instance->loaded->plugin;
    if (!plugin->create)
        return HO_OK;
    setup s = {.head = {&setup_api},
               .instance = instance,
               .error = error,
               .options = instance->loaded->options,
               .count = instance->loaded->option_count,
               .values = instance->values,
               .place = instance->place};
    ho_calling(instance->loaded, "create");
    ho_status status = plugin->create(&s.head, &instance->self);
    ho_calling(NULL, NULL);
    if (status == HO_OK)
        return error->status;
    instance->self = NULL; /* a create that fails has freed what it took: destroy is not for it */
    return misuse(&s, "plugin \"%s\" refuses to be set up, without saying why (create returned %" PRId32 ")",
                  plugin->name, status);
}

ho_instance *ho_instance_new(const ho_loaded *loaded, const char *name, const ho_tree *settings,
                             const char *const *reserved, ho_place place, ho_error *error)
{
    if (error->status != HO_OK)
        return NULL;
    ho_arena *arena = ho_arena_new();
    ho_instance *instance = ho_arena_alloc(arena, sizeof *instance);
    *instance = (ho_instance){
        .loaded = loaded,
        .name = ho_arena_strdup(arena, name ? name : loaded->plugin.name),
        .place = place,
        .values = ho_arena_alloc(arena, (loaded->option_count + 1) * sizeof *instance->values),
        .arena = arena,
    };
    const ho_option_value *values = instance->values;
    if (ho_options_read(loaded, settings, reserved, place, arena, instance->values, error) == HO_OK) {
        uint32_t missing = missing_path(loaded, values);
        if (missing < loaded->option_count)
            ho_fail_at(error, HO_INVALID, values[missing].place, "%s: there is no file or folder %s that can be read",
                       loaded->options[missing].name, values[missing].text);
    }
    if (error->status == HO_OK && create(instance, error) == HO_OK && instance->loaded->plugin.describes)
        ho_options_check_keys(instance->loaded, settings, reserved, error);
    if (error->status == HO_OK)
        return instance;
    ho_instance_free(instance);
    return NULL;
}

void ho_instance_free(ho_instance *instance)
{
    if (!instance)
        return;
    if (instance->self && instance->loaded->plugin.destroy) {
        ho_calling(instance->loaded, "destroy");
        instance->loaded->plugin.destroy(instance->self);
        ho_calling(NULL, NULL);
    }
    ho_arena_free(instance->arena);
}

const ho_tree *ho_instance_written(const ho_instance *instance, const char *text)
{
    return text ? ho_options_written(instance->loaded->options, instance->loaded->option_count, instance->values, text)
                : NULL;
}

bool ho_instance_number(const ho_instance *instance, const char *name, double *value)
{
    const ho_loaded *loaded = instance->loaded;
    const uint32_t i = ho_option_index(loaded, name);
    if (i == loaded->option_count || (loaded->options[i].type != HO_REAL && loaded->options[i].type != HO_INTEGER))
        return false;
    *value = instance->values[i].real;
    return instance->values[i].given;
}

const char *ho_instance_path(const ho_instance *instance, uint32_t option)
{
    return instance->loaded->options[option].type == HO_PATH ? instance->values[option].text : NULL;
}

ho_status ho_settings_paths_exist(const ho_loaded *loaded, const ho_tree *settings, const char *const *reserved,
                                  bool *exist, char **missing, ho_error *error)
{
    ho_arena *arena = ho_arena_new();
    ho_option_value *values = ho_arena_alloc(arena, (loaded->option_count + 1) * sizeof *values);
    ho_place place = settings ? settings->place : (ho_place){0};
    *missing = NULL;
    *exist = false;
    ho_status status = ho_options_read(loaded, settings, reserved, place, arena, values, error);
    if (status == HO_OK) {
        uint32_t first = missing_path(loaded, values);
        *exist = first == loaded->option_count;
        if (!*exist)
            *missing = ho_strdup(values[first].text);
    }
    ho_arena_free(arena);
    return status;
}

ho_status ho_constraint_fits(const ho_instance *constraint, const ho_constrained *h, ho_error *error)
{
    const ho_loaded *loaded = constraint->loaded;
    char reason[512] = "";
    ho_calling(loaded, "fits");
    ho_status status = loaded->calls.constraint.fits(constraint->self, h, reason, sizeof reason);
    ho_calling(NULL, NULL);
    reason[sizeof reason - 1] = '\0';
    if (status == HO_OK)
        return HO_OK;
    return ho_fail_at(error, HO_INVALID, constraint->place, "constraint \"%s\" does not fit %s: %s",
                      loaded->plugin.name, h->name, *reason ? reason : "the plugin does not say why");
}

ho_status ho_constraint_project(const ho_instance *constraint, const ho_constrained *h, double *values, ho_error *error)
{
    const ho_loaded *loaded = constraint->loaded;
    ho_calling(loaded, "project");
    ho_status status = loaded->calls.constraint.project(constraint->self, h, values);
    ho_calling(NULL, NULL);
    if (status != HO_OK)
        return ho_fail_at(error, HO_FAILED, constraint->place,
                          "constraint \"%s\" cannot project %s (project returned %" PRId32 ")", loaded->plugin.name,
                          h->name, status);
    for (int64_t i = 0; i < h->count; i++)
        if (!isfinite(values[i]))
            return ho_fail_at(error, HO_FAILED, constraint->place,
                              "constraint \"%s\" projects entry %" PRId64 " of %s to %s", loaded->plugin.name, i,
                              h->name, isnan(values[i]) ? "NaN" : "infinity");
    return HO_OK;
}
