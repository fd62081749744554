/* Built for ABI 2: its symbol has another name. */
#include <hotool/plugin.h>

extern HO_EXPORT const ho_plugin hotool_plugin_v2;
HO_EXPORT const ho_plugin hotool_plugin_v2 = {.struct_size = sizeof(ho_plugin), .abi_major = 2, .name = "bad_major"};
