/* Finding and loading plugins through libltdl. */
#define _GNU_SOURCE /* dladdr1: the loader's own word on a symbol's type and size */
#include "host/registry.h"

#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <ltdl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "host/data_files.h"
#include "host/descriptor.h"
#include "host/elf.h"
#include "host/signals.h"
#include "host/trial.h"

struct ho_registry {
    ho_arena *arena;
    const char **folders;
    size_t folder_count, folder_capacity;
    ho_loaded **loaded; /* one file once: the first of its plugins */
    size_t loaded_count, loaded_capacity;
};

/* libltdl keeps global state. It is started once and never left: plugins are resident. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool started;

/* Adds the folders of a ':'-separated list. Empty entries are passed over: they would mean the current folder. */
static void add_folders(ho_registry *registry, const char *list)
{
    size_t count;
    const char **folders = ho_arena_split(registry->arena, list ? list : "", ':', &count);
    for (size_t i = 0; i < count; i++) {
        ho_grow((void **)&registry->folders, &registry->folder_capacity, registry->folder_count,
                sizeof *registry->folders);
        registry->folders[registry->folder_count] = folders[i];
        registry->folder_count += *folders[i] != '\0';
    }
}

ho_registry *ho_registry_new(const char *installed, ho_error *error)
{
    pthread_mutex_lock(&mutex);
    if (!started && lt_dlinit() == 0)
        started = true;
    bool failed = !started;
    pthread_mutex_unlock(&mutex);
    if (failed) {
        ho_fail(error, HO_FAILED, "the plugin loader cannot start: %s", lt_dlerror());
        return NULL;
    }
    ho_registry *registry = ho_alloc(sizeof *registry);
    registry->arena = ho_arena_new();
    add_folders(registry, getenv("HOTOOL_PLUGIN_PATH"));
    add_folders(registry, installed);
    return registry;
}

void ho_registry_free(ho_registry *registry)
{
    if (!registry)
        return;
    ho_arena_free(registry->arena);
    free(registry->folders);
    free(registry->loaded);
    free(registry);
}

/* libltdl binds functions lazily and says "file not found" to nearly everything. Asking the loader first makes an
 * undefined function a sentence now instead of the program's end later, and keeps the loader's own words. `binding`:
 * RTLD_NOW; or RTLD_LAZY, which is quicker where nothing will be called. */
static lt_dlhandle open_module(const char *path, int binding, ho_error *error)
{
    errno = 0;
    void *bound = dlopen(path, binding | RTLD_LOCAL);
    if (!bound) {
        const ho_status status = ho_status_of(errno);
        const char *why = dlerror();
        ho_fail(error, status, "%s: cannot be loaded: %s", path, why ? why : "the loader does not say why");
        return NULL;
    }
    lt_dladvise advise;
    lt_dlhandle handle = NULL;
    if (lt_dladvise_init(&advise) == 0) {
        if (lt_dladvise_resident(&advise) == 0 && lt_dladvise_local(&advise) == 0)
            handle = lt_dlopenadvise(path, advise);
        lt_dladvise_destroy(&advise);
    }
    if (!handle)
        ho_fail(error, ho_status_of(errno), "%s: cannot be loaded: %s", path, lt_dlerror());
    dlclose(bound);
    return handle;
}

/* The descriptor, and how many bytes it has; NULL with an error that names other majors' symbols where there are any.
 */
static const ho_plugin *find_descriptor(lt_dlhandle handle, const char *path, uint64_t *size, ho_error *error)
{
    const void *symbol = lt_dlsym(handle, HO_PLUGIN_SYMBOL_NAME);
    for (int major = 0; !symbol && major < 10; major++) {
        char name[32];
        snprintf(name, sizeof name, "hotool_plugin_v%d", major);
        if (lt_dlsym(handle, name))
            ho_fail(error, HO_INVALID,
                    "%s: needs plugin ABI %d, this hotool offers %u.%u; rebuild it with this hotool's SDK", path, major,
                    HO_ABI_MAJOR, HO_ABI_MINOR);
    }
    if (!symbol) {
        ho_fail(error, HO_INVALID, "%s: is a shared object, but not a hotool plugin: it exports no %s", path,
                HO_PLUGIN_SYMBOL_NAME);
        return NULL;
    }
    Dl_info info;
    const ElfW(Sym) *entry = NULL;
    *size = 0;
    if (!dladdr1(symbol, &info, (void **)&entry, RTLD_DL_SYMENT) || !entry || info.dli_saddr != symbol)
        return symbol;
    if ((entry->st_info & 0xf) != STT_OBJECT) {
        ho_fail(error, HO_INVALID, "%s: its symbol %s is not data: it must be of type ho_plugin", path,
                HO_PLUGIN_SYMBOL_NAME);
        return NULL;
    }
    *size = entry->st_size;
    return symbol;
}

/* A file by its absolute path, which has a '/', so that neither libltdl nor the loader searches its own folders. */
static ho_loaded *read_module(ho_registry *registry, const char *path, const char *real, int binding, ho_error *error)
{
    uint64_t size = 0;
    lt_dlhandle handle = open_module(real, binding, error);
    const ho_plugin *symbol = handle ? find_descriptor(handle, path, &size, error) : NULL;
    return symbol ? ho_descriptors_read(symbol, size, ho_arena_strdup(registry->arena, path), registry->arena, error)
                  : NULL;
}

/* NULL: the file cannot be read any more. */
static const char *checksum(ho_arena *arena, const char *path)
{
    uint8_t *bytes;
    uint64_t size;
    ho_error unread = {0};
    if (ho_file_read_raw(path, 0, &bytes, &size, &unread) != HO_OK)
        return NULL;
    char *text = ho_arena_alloc(arena, HO_SHA256);
    ho_sha256(bytes, size, text);
    ho_large_free(bytes);
    return text;
}

static ho_loaded *find_loaded(const ho_registry *registry, const char *real)
{
    for (size_t i = 0; i < registry->loaded_count; i++)
        if (strcmp(registry->loaded[i]->real_path, real) == 0)
            return registry->loaded[i];
    return NULL;
}

/* With the mutex held. */
static const ho_loaded *load(ho_registry *registry, const char *path, ho_error *error)
{
    if (ho_elf_check(path, error) != HO_OK)
        return NULL;
    char *real = realpath(path, NULL);
    if (!real) {
        ho_fail(error, ho_status_of(errno), "%s: cannot be examined: %s", path, strerror(errno));
        return NULL;
    }
    ho_loaded *loaded = find_loaded(registry, real);
    if (!loaded) {
        const char *kept = ho_arena_strdup(registry->arena, real);
        ho_loading(kept);
        loaded = read_module(registry, path, kept, RTLD_NOW, error);
        ho_calling(NULL, NULL);
        if (loaded) {
            const char *sum = checksum(registry->arena, real);
            for (ho_loaded *l = loaded; l; l = l->next) {
                l->real_path = kept;
                l->sha256 = sum;
            }
            ho_grow((void **)&registry->loaded, &registry->loaded_capacity, registry->loaded_count,
                    sizeof *registry->loaded);
            registry->loaded[registry->loaded_count++] = loaded;
        }
    }
    free(real);
    return loaded;
}

const ho_loaded *ho_registry_load(ho_registry *registry, const char *path, ho_error *error)
{
    pthread_mutex_lock(&mutex);
    const ho_loaded *loaded = load(registry, path, error);
    pthread_mutex_unlock(&mutex);
    return loaded;
}

/* What a listing gathers. */
typedef struct listing {
    char **paths; /* of all files in the folders, in the order of search */
    size_t path_count, path_capacity;
    const ho_loaded **plugins;
    size_t count, capacity;
    uint32_t kind;
    void (*refused)(void *context, const char *message);
    void *context;
} listing;

static bool in_one_folder(const char *a, const char *b)
{
    const size_t length = (size_t)(strrchr(a, '/') - a);
    return strncmp(a, b, length + 1) == 0 && !strchr(b + length + 1, '/');
}

/* Adds a plugin unless one of its kind and name comes earlier in the search order and so hides it: on purpose if it is
 * in another folder, hardly so in the same one. */
static void add_plugin(listing *list, const ho_loaded *loaded)
{
    if (list->kind != 0 && loaded->plugin.kind != list->kind)
        return;
    for (size_t i = 0; i < list->count; i++) {
        const ho_loaded *other = list->plugins[i];
        if (other->plugin.kind != loaded->plugin.kind || strcmp(other->plugin.name, loaded->plugin.name) != 0)
            continue;
        char *message = ho_format("%s: its %s \"%s\" is also in %s in the same folder, which is used", loaded->path,
                                  ho_kind_name(loaded->plugin.kind), loaded->plugin.name, other->path);
        if (other != loaded && list->refused && in_one_folder(other->path, loaded->path))
            list->refused(list->context, message);
        free(message);
        return;
    }
    ho_grow((void **)&list->plugins, &list->capacity, list->count, sizeof *list->plugins);
    list->plugins[list->count++] = loaded;
}

static int is_shared_object(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0;
}

static void list_folder(const char *folder, listing *list)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_shared_object, alphasort);
    for (int i = 0; i < count; i++) {
        ho_grow((void **)&list->paths, &list->path_capacity, list->path_count, sizeof *list->paths);
        list->paths[list->path_count++] = ho_format("%s/%s", folder, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* For a child process: what loading a file does to it. */
static void try_to_load(void *context, const char *path)
{
    ho_error error = {0};
    char *real = realpath(path, NULL);
    if (real && !find_loaded(context, real) && ho_elf_check(path, &error) == HO_OK)
        read_module(context, path, real, RTLD_LAZY, &error);
    free(real);
}

/* Loads what can be loaded. A file that would end the program, nobody having asked for it by name, is passed over. */
static void load_listed(ho_registry *registry, listing *list)
{
    char **trouble = ho_alloc((list->path_count + 1) * sizeof *trouble);
    ho_try_files((const char *const *)list->paths, list->path_count, try_to_load, registry, trouble);
    for (size_t i = 0; i < list->path_count; i++) {
        ho_error error = {0};
        if (trouble[i])
            ho_fail(&error, HO_INVALID, "%s: %s", list->paths[i], trouble[i]);
        const ho_loaded *loaded = trouble[i] ? NULL : load(registry, list->paths[i], &error);
        for (const ho_loaded *l = loaded; l; l = l->next)
            add_plugin(list, l);
        if (!loaded && list->refused)
            list->refused(list->context, error.text);
        free(trouble[i]);
        free(list->paths[i]);
    }
    free(trouble);
    free(list->paths);
}

static int by_kind_and_name(const void *a, const void *b)
{
    const ho_plugin *first = &(*(const ho_loaded *const *)a)->plugin;
    const ho_plugin *second = &(*(const ho_loaded *const *)b)->plugin;
    return first->kind != second->kind ? (first->kind > second->kind) - (first->kind < second->kind)
                                       : strcmp(first->name, second->name);
}

/* With the mutex held. */
static void list_all(ho_registry *registry, listing *list)
{
    for (size_t i = 0; i < registry->folder_count; i++) {
        for (uint32_t kind = HO_DYNAMICS; kind <= HO_CONSTRAINT; kind++) {
            if (list->kind != 0 && kind != list->kind)
                continue;
            char *folder = ho_format("%s/%s", registry->folders[i], ho_kind_folder(kind));
            list_folder(folder, list);
            free(folder);
        }
        list_folder(registry->folders[i], list);
    }
    load_listed(registry, list);
    if (list->count > 1)
        qsort(list->plugins, list->count, sizeof *list->plugins, by_kind_and_name);
}

const ho_loaded **ho_registry_list(ho_registry *registry, uint32_t kind, size_t *count,
                                   void (*refused)(void *context, const char *message), void *context)
{
    listing list = {.kind = kind, .refused = refused, .context = context};
    pthread_mutex_lock(&mutex);
    list_all(registry, &list);
    pthread_mutex_unlock(&mutex);
    *count = list.count;
    return list.plugins;
}

/* Says that there is no such plugin, with the nearest and all known names and the folders searched. */
static void unknown(const ho_registry *registry, const listing *list, const char *name, ho_place place, ho_error *error)
{
    const char **names = ho_alloc((list->count + 1) * sizeof *names);
    for (size_t i = 0; i < list->count; i++)
        names[i] = list->plugins[i]->plugin.name;
    char *known = list->count ? ho_join(names, list->count) : ho_join(registry->folders, registry->folder_count);
    char suggestion[HO_SUGGESTION];
    ho_suggest(ho_nearest(name, names, list->count), suggestion);
    if (list->count)
        ho_fail_at(error, HO_INVALID, place, "unknown %s \"%s\"%s (known: %s)", ho_kind_name(list->kind), name,
                   suggestion, known);
    else
        ho_fail_at(error, HO_INVALID, place,
                   "unknown %s \"%s\" (known: none in %s; HOTOOL_PLUGIN_PATH names more folders)",
                   ho_kind_name(list->kind), name, *known ? known : "any folder");
    free(known);
    free(names);
}

/* The file that a name points to first. Its own refusal is the answer where it does not load. */
static const ho_loaded *find_file(ho_registry *registry, uint32_t kind, const char *name, ho_error *error)
{
    for (size_t i = 0; i < registry->folder_count; i++)
        for (int flat = 0; flat < 2; flat++) {
            char *path = flat ? ho_format("%s/%s.so", registry->folders[i], name)
                              : ho_format("%s/%s/%s.so", registry->folders[i], ho_kind_folder(kind), name);
            const ho_loaded *loaded = ho_file_exists(path) ? load(registry, path, error) : NULL;
            free(path);
            if (error->status != HO_OK)
                return NULL;
            loaded = ho_loaded_find(loaded, kind, name);
            if (loaded)
                return loaded;
        }
    return NULL;
}

const ho_loaded *ho_registry_find(ho_registry *registry, uint32_t kind, const char *name, ho_place place,
                                  ho_error *error)
{
    if (error->status != HO_OK)
        return NULL;
    pthread_mutex_lock(&mutex);
    const ho_loaded *found = strchr(name, '/') ? NULL : find_file(registry, kind, name, error);
    ho_error_place(error, place);
    if (!found && error->status == HO_OK) {
        listing list = {.kind = kind};
        list_all(registry, &list);
        for (size_t i = 0; i < list.count && !found; i++)
            if (strcmp(list.plugins[i]->plugin.name, name) == 0)
                found = list.plugins[i];
        if (!found)
            unknown(registry, &list, name, place, error);
        free(list.plugins);
    }
    pthread_mutex_unlock(&mutex);
    return found;
}
