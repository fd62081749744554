/* Built for an earlier minor: before 1.0 each may differ from the next in anything. */
#include <hotool/plugin.h>

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {.struct_size = sizeof(ho_plugin),
                                              .abi_major = HO_ABI_MAJOR,
                                              .abi_minor = HO_ABI_MINOR - 1,
                                              .kind = HO_DYNAMICS,
                                              .name = "older_minor"};
