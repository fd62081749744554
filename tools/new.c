#include "new.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "own.h"

/* What stands in the templates for the plugin's name and kind. */
#define NAME_MARK "my_plugin"
#define KIND_MARK "my_kind"

/* ---- what was asked for ------------------------------------------------------------------------------------------ */

static ho_status find_kind(const char *word, uint32_t *kind, ho_error *error)
{
    const char *names[HO_CONSTRAINT];
    for (*kind = HO_DYNAMICS; *kind <= HO_CONSTRAINT; (*kind)++) {
        names[*kind - 1] = ho_kind_name(*kind);
        if (strcmp(word, names[*kind - 1]) == 0)
            return HO_OK;
    }
    char near[HO_SUGGESTION], *known = ho_join(names, HO_CONSTRAINT);
    ho_fail(error, HO_INVALID, "new: there is no kind \"%s\" of plugin%s (known: %s)", word,
            ho_suggest(ho_nearest(word, names, HO_CONSTRAINT), near), known);
    free(known);
    return error->status;
}

static ho_status check_name(const char *name, uint32_t kind, ho_registry *registry, ho_error *error)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    /* meson has targets of these names. */
    static const char *const taken[] = {"all",     "benchmark", "clean", "coverage",    "dist",
                                        "install", "phony",     "test",  "reconfigure", "uninstall"};
    if (!ho_is_name(name) || !strchr(letters, *name) ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))
        return ho_fail(error, HO_INVALID,
                       "new: \"%.80s\" cannot be the name of a plugin: expected at most %d lower-case letters, digits "
                       "and '_', a letter first",
                       name, HO_NAME_MAX);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return ho_fail(error, HO_INVALID,
                           "new: \"%s\" is what build systems call a task of their own; choose "
                           "another name",
                           name);
    size_t count;
    ho_status status = HO_OK;
    const ho_loaded **all = ho_registry_list(registry, kind, &count, NULL, NULL);
    for (size_t i = 0; i < count && status == HO_OK; i++)
        if (strcmp(name, all[i]->plugin.name) == 0)
            status = ho_fail(error, HO_INVALID, "new: the %s \"%s\" exists already (%s); choose another name",
                             ho_kind_name(kind), name, all[i]->path);
    free(all);
    return status;
}

/* Makes the folder, or finds it empty. *made: it is new. */
static ho_status open_folder(const char *folder, bool *made, ho_error *error)
{
    *made = mkdir(folder, 0777) == 0;
    if (*made)
        return HO_OK;
    if (errno != EEXIST)
        return ho_fail(error, HO_INVALID, "new: the folder %s cannot be made: %s", folder, strerror(errno));
    DIR *dir = opendir(folder);
    if (!dir)
        return ho_fail(error, HO_INVALID, "new: %s: %s", folder,
                       errno == ENOTDIR ? "exists, and is no folder" : strerror(errno));
    size_t entries = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        entries += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return entries == 0 ? HO_OK : ho_fail(error, HO_INVALID, "new: the folder %s is not empty", folder);
}

/* ---- copying ----------------------------------------------------------------------------------------------------- */

typedef struct project {
    const char *kind, *name, *folder;
    char *written[16]; /* paths */
    size_t count;
} project;

/* A text with the marks replaced; free with free(). */
static char *filled(const char *text, const project *p)
{
    char *result = ho_alloc(1);
    size_t length = 0, capacity = 1;
    while (*text) {
        bool name = strncmp(text, NAME_MARK, strlen(NAME_MARK)) == 0;
        bool kind = strncmp(text, KIND_MARK, strlen(KIND_MARK)) == 0;
        const char *piece = name ? p->name : kind ? p->kind : text;
        size_t size = name || kind ? strlen(piece) : 1;
        while (length + size + 1 > capacity)
            result = ho_realloc(result, capacity *= 2);
        memcpy(result + length, piece, size);
        length += size;
        text += name ? strlen(NAME_MARK) : kind ? strlen(KIND_MARK) : 1;
    }
    result[length] = '\0';
    return result;
}

static ho_status copy_file(project *p, const char *from, const char *name, ho_error *error)
{
    char *path = ho_format("%s/%s", from, name);
    uint8_t *bytes = NULL;
    uint64_t size;
    if (p->count < sizeof p->written / sizeof *p->written && ho_file_read(path, 0, &bytes, &size, error) == HO_OK) {
        char *own_name = filled(name, p), *text = filled((const char *)bytes, p);
        char *to = ho_format("%s/%s", p->folder, own_name);
        p->written[p->count++] = to;
        ho_file_write(to, text, strlen(text), error);
        free(own_name);
        free(text);
    }
    ho_large_free(bytes);
    free(path);
    return error->status;
}

static ho_status copy_folder(project *p, const char *templates, const char *name, ho_error *error)
{
    char *from = ho_format("%s/%s", templates, name);
    DIR *dir = opendir(from);
    if (!dir)
        ho_fail(error, HO_FAILED, "new: the template %s cannot be read: %s", from, strerror(errno));
    for (struct dirent *entry; dir && error->status == HO_OK && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            copy_file(p, from, entry->d_name, error);
    if (dir)
        closedir(dir);
    free(from);
    return error->status;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static void print_next(const project *p)
{
    printf("%s: a %s plugin\n", p->folder, p->kind);
    for (size_t i = 0; i < p->count; i++)
        printf("  %s\n", ho_path_last(p->written[i]));
    printf("\n"
           "  cd %s\n"
           "  make check   # builds and verifies %s.so; or: meson setup build && meson test -C build\n"
           "  make run     # runs pipeline.yaml with it\n",
           p->folder, p->name);
}

ho_status ho_new_project(const char *kind, const char *name, const char *folder, ho_registry *registry, ho_error *error)
{
    project p = {.kind = kind, .name = name, .folder = folder ? folder : name};
    uint32_t number;
    bool made = false;
    if (find_kind(kind, &number, error) != HO_OK || check_name(name, number, registry, error) != HO_OK)
        return error->status;
    char *templates = ho_own_data("template", "sdk/template");
    if (!templates)
        return ho_fail(error, HO_FAILED,
                       "new: the templates of hotool's SDK are not installed (Debian package hotool-dev)");
    if (open_folder(p.folder, &made, error) == HO_OK && copy_folder(&p, templates, "common", error) == HO_OK &&
        copy_folder(&p, templates, kind, error) == HO_OK)
        print_next(&p);
    for (size_t i = 0; i < p.count; i++) {
        if (error->status != HO_OK)
            unlink(p.written[i]);
        free(p.written[i]);
    }
    if (made && error->status != HO_OK)
        rmdir(p.folder);
    free(templates);
    return error->status;
}
