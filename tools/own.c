#include "own.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

char *ho_own_folder(void)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0)
        return NULL;
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    return slash ? ho_format("%.*s", (int)(slash - path), path) : NULL;
}

char *ho_own_plugins(void)
{
    char *own = ho_own_folder();
    char *folders = own ? ho_format("%s" HOTOOL_PLUGIN_FOLDER_FROM_BIN ":%s/../plugins", own, own)
                        : ho_strdup(HOTOOL_PLUGIN_FOLDER);
    free(own);
    return folders;
}

char *ho_own_data(const char *installed, const char *built)
{
    char *own = ho_own_folder();
    struct stat s;
    char *folder = own ? ho_format("%s" HOTOOL_DATA_FOLDER_FROM_BIN "/%s", own, installed)
                       : ho_format(HOTOOL_DATA_FOLDER "/%s", installed);
    if (own && stat(folder, &s) != 0) {
        free(folder);
        folder = ho_format("%s/../%s", own, built);
    }
    free(own);
    if (stat(folder, &s) == 0)
        return folder;
    free(folder);
    return NULL;
}

/* The names of the pipelines in a folder: "cifar_mtl" for cifar_mtl.yaml. */
static const char **pipeline_names(const char *folder, ho_arena *arena, size_t *count)
{
    static const char ending[] = ".yaml";
    const char **names = NULL;
    size_t capacity = 0;
    DIR *dir = opendir(folder);
    *count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t length = strlen(entry->d_name);
        if (length < sizeof ending || strcmp(entry->d_name + length - (sizeof ending - 1), ending) != 0)
            continue;
        ho_grow((void **)&names, &capacity, *count, sizeof *names);
        names[(*count)++] = ho_arena_format(arena, "%.*s", (int)(length - (sizeof ending - 1)), entry->d_name);
    }
    if (dir)
        closedir(dir);
    return names;
}

char *ho_own_pipeline(const char *word, ho_error *error)
{
    struct stat s;
    char *folder =
        strpbrk(word, "/.") || strcmp(word, "-") == 0 || stat(word, &s) == 0 ? NULL : ho_own_data("configs", "configs");
    if (!folder)
        return ho_strdup(word);
    ho_arena *arena = ho_arena_new();
    size_t count;
    const char **names = pipeline_names(folder, arena, &count);
    char *found = NULL, near[HO_SUGGESTION];
    for (size_t i = 0; i < count && !found; i++)
        if (strcmp(names[i], word) == 0)
            found = ho_format("%s/%s.yaml", folder, word);
    if (!found)
        ho_fail(error, HO_INVALID, "%s: no such file, and no pipeline of that name comes with hotool%s", word,
                ho_suggest(ho_nearest(word, names, count), near));
    free(names);
    ho_arena_free(arena);
    free(folder);
    return found;
}
