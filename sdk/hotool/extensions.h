/*
 * Extensions: features beyond this ABI, requested by name.
 *
 * Each side has a call `extension` that answers a name with a table, or with NULL if it does not know the name: the
 * plugin asks hotool through ho_setup_api, in `create` (ho_extension), hotool asks the plugin through its descriptor
 * (ho_plugin.extension). New features can thus be tried, or shared by a few hosts and plugins, without a new version of
 * the ABI. Neither side may require an extension that is not in this header.
 *
 * A name begins with that of its owner, "hotool." for those of this header. Its table begins with `struct_size`, which
 * grows only at the end, as all structs of the ABI; a new meaning is a new name ("hotool.about.2"). Tables are constant
 * and stay valid as long as the process. The comment of an extension says what its functions receive (`self`, a trace,
 * ...), and on which thread.
 */
#ifndef HOTOOL_EXTENSIONS_H
#define HOTOOL_EXTENSIONS_H

#include "hotool/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Provided by hotool: identifies the host. Its version of the ABI may be a newer minor than the plugin's. */
#define HO_EXTENSION_HOST "hotool.host"

typedef struct ho_host {
    uint32_t struct_size;
    uint32_t abi_major, abi_minor;
    uint32_t reserved;
    const char *name;    /* "hotool" */
    const char *version; /* "1.2.0" */
} ho_host;

/* Provided by plugins: author, licence, origin. `hotool plugins NAME` prints the members that are not NULL. */
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
