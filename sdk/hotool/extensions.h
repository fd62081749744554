/*
 * Extensions: what one side can do beyond this ABI, asked for by name.
 *
 * Each side has a call `extension` that answers a name with a table, and with NULL where it does not know the name: the
 * plugin asks hotool through ho_setup_api, in `create` (ho_extension), hotool asks the plugin through its descriptor
 * (ho_plugin.extension). So something new can be tried, or shared by a few hosts and plugins, without a new version of
 * the ABI, and whoever does not know of it loses nothing: nobody may require an extension that is not here.
 *
 * A name begins with that of its owner, "hotool." for those of this header. Its table begins with `struct_size`, which
 * grows only at the end, as all structs of the ABI; a new meaning is a new name ("hotool.about.2"). Tables are constant
 * and stay valid as long as the process. What an extension's functions are handed (`self`, a trace, ...), and on which
 * thread, its own comment says.
 */
#ifndef HOTOOL_EXTENSIONS_H
#define HOTOOL_EXTENSIONS_H

#include "hotool/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of hotool: which host this is. Its version of the ABI may be a newer minor than the plugin's. */
#define HO_EXTENSION_HOST "hotool.host"

typedef struct ho_host {
    uint32_t struct_size;
    uint32_t abi_major, abi_minor;
    uint32_t reserved;
    const char *name;    /* "hotool" */
    const char *version; /* "1.2.0" */
} ho_host;

/* Of a plugin: whose it is. `hotool plugins NAME` prints what is not NULL. */
#define HO_EXTENSION_ABOUT "hotool.about"

typedef struct ho_about {
    uint32_t struct_size;
    uint32_t reserved;
    const char *author;  /* who wrote it, and how to reach them */
    const char *license; /* an SPDX expression, such as "MIT" */
    const char *url;     /* where it comes from */
} ho_about;

#ifdef __cplusplus
}
#endif

#endif
