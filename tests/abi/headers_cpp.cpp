// Compiled once for each public header, as -DHOTOOL_HEADER='"hotool/abi.h"', to show that it stands alone in C++11.
#ifndef HOTOOL_HEADER
#define HOTOOL_HEADER "hotool/plugin.h"
#endif
#include HOTOOL_HEADER
#include HOTOOL_HEADER

// The macros and the exported symbol in C++, where plugin.h brings them all.
#if defined(HOTOOL_PLUGIN_H)

namespace
{

ho_status step(void *, ho_trace *x)
{
    ho_value shrunk = ho_mul(x, ho_get(x, "w"), ho_constant(x, 0.5));
    ho_set(x, "w", shrunk);
    ho_let(x, "w", "w - rate * g");
    return ho_ok(x);
}

const ho_hyper hypers[] = {{"rate", 0.1, HO_NONNEGATIVE, "step size", nullptr, 0}};
const ho_dynamics_calls calls = {sizeof(ho_dynamics_calls), HO_WHOLE, {nullptr, 0, 0}, step};

} // namespace

const ho_plugin HO_PLUGIN_SYMBOL = {
    sizeof(ho_plugin), HO_ABI_MAJOR,     HO_ABI_MINOR, HO_DYNAMICS, "from_cpp", "1", "in C++", nullptr,
    {nullptr, 0, 0},   HO_TABLE(hypers), &calls,       nullptr,     nullptr,    0,   0,        nullptr};

#endif
