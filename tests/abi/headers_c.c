/* Compiled once for each public header, as -DHOTOOL_HEADER='"hotool/abi.h"', to show that it stands alone in C. */
#ifndef HOTOOL_HEADER
#define HOTOOL_HEADER "hotool/plugin.h"
#endif
#include HOTOOL_HEADER
/* Twice, to show that it guards itself. */
#include HOTOOL_HEADER

typedef int a_translation_unit_is_not_empty;
