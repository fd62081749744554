/* What lies beside this program. It is found from where the program lies, so that an installation, or a build tree, may
 * be moved. Texts returned are free()d by the caller. */
#ifndef HO_TOOLS_OWN_H
#define HO_TOOLS_OWN_H

#include "base/error.h"

/* The folder of this program; NULL: the system does not tell. */
char *ho_own_folder(void);
/* The folders of the plugins that came with it, for ho_registry_new. */
char *ho_own_plugins(void);
/* A folder of data that came with it: `installed` under share/hotool, or `built` in a build tree; NULL: there is none.
 */
char *ho_own_data(const char *installed, const char *built);

/* The pipeline file that a word of the command line means: itself, or, where there is no such file and the word is no
 * path, one of the pipelines that came with hotool, without .yaml. NULL with an error that has the nearest of these. */
char *ho_own_pipeline(const char *word, ho_error *error);

#endif
