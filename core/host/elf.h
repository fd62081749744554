/* Looking at a shared object before the dynamic loader does: the loader dies by SIGBUS on a file cut short. */
#ifndef HO_HOST_ELF_H
#define HO_HOST_ELF_H

#include "base/error.h"

/* Whether `path` is a regular file that holds a whole ELF shared object for this machine: class, byte order, machine
 * and type, its headers and every loaded segment within the file. Errors (HO_INVALID) start with the path and say what
 * the file is. */
ho_status ho_elf_check(const char *path, ho_error *error);

#endif
