/* Says that its descriptor is longer than the object that holds it. */
#include <hotool/plugin.h>

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {.struct_size = 4000,
                                              .abi_major = HO_ABI_MAJOR,
                                              .abi_minor = HO_ABI_MINOR,
                                              .kind = HO_DYNAMICS,
                                              .name = "overlong_struct"};
