#include "external.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

/* The folder that this program lies in; free() it. NULL: not known. */
static char *own_folder(const char *called)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    const char *program = length > 0 ? path : called, *slash = strrchr(program, '/');
    return slash ? ho_format("%.*s", (int)(slash - program), program) : NULL;
}

ho_status ho_run_external(const char *command, char **argv, ho_error *error)
{
    char *folder = own_folder(argv[0]), *name = ho_format("hotool-%s", command);
    char *beside = ho_format("%s/%s", folder ? folder : ".", name);
    argv[1] = name;
    if (folder)
        execv(beside, argv + 1);
    if (!folder || errno == ENOENT)
        execvp(name, argv + 1);
    if (errno == ENOENT)
        ho_fail(error, HO_FAILED, "%s needs the program %s, which is neither in %s nor in PATH", command, name,
                folder ? folder : "hotool's folder");
    else
        ho_fail(error, HO_FAILED, "%s cannot be run: %s", name, strerror(errno));
    free(beside);
    free(folder);
    free(name);
    return error->status;
}
