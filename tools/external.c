#include "external.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "own.h"

ho_status ho_run_external(const char *command, char **argv, ho_error *error)
{
    char *folder = ho_own_folder(), *name = ho_format("hotool-%s", command);
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
