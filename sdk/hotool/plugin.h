/* All that a plugin includes. See abi.h for what to export; then trace.h (dynamics, models, losses, penalties), data.h,
 * constraint.h or mode.h. */
#ifndef HOTOOL_PLUGIN_H
#define HOTOOL_PLUGIN_H

#include "hotool/abi.h"
#include "hotool/constraint.h"
#include "hotool/data.h"
#include "hotool/extensions.h"
#include "hotool/mode.h"
#include "hotool/ops.h"
#include "hotool/trace.h"

#endif
