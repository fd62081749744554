/* Exports the symbol of this ABI and says inside that it is of ABI 3. */
#include <hotool/plugin.h>

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    .struct_size = sizeof(ho_plugin), .abi_major = 3, .abi_minor = 4, .kind = HO_DYNAMICS, .name = "lying_major"};
