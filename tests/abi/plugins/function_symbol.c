/* Exports a function where the descriptor should be. */
#include <stddef.h>

extern __attribute__((visibility("default"))) const void *hotool_plugin_v0(void);
__attribute__((visibility("default"))) const void *hotool_plugin_v0(void)
{
    return NULL;
}
