/* Built for ABI 1, whose ops had other numbers. */
#include <hotool/plugin.h>

extern HO_EXPORT const ho_plugin hotool_plugin_v1;
HO_EXPORT const ho_plugin hotool_plugin_v1 = {
    .struct_size = sizeof(ho_plugin), .abi_major = 1, .abi_minor = 1, .kind = HO_DYNAMICS, .name = "major_one"};
