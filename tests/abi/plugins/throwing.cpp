// Throws an exception through the host, which is C.
#include <hotool/plugin.h>

static ho_status step(void *, ho_trace *)
{
    throw 1;
}

static const ho_dynamics_calls calls = {sizeof(ho_dynamics_calls), HO_WHOLE, {nullptr, 0, 0}, step};

const ho_plugin HO_PLUGIN_SYMBOL = {
    sizeof(ho_plugin), HO_ABI_MAJOR,    HO_ABI_MINOR,    HO_DYNAMICS, "throwing", "1",    "",
    nullptr,           {nullptr, 0, 0}, {nullptr, 0, 0}, &calls,      nullptr,    nullptr};
