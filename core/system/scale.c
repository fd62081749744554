#include "system/scale.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

const char *const ho_scale_names[] = {
    [HO_SCALE_AUTO] = "auto", [HO_SCALE_LINEAR] = "linear", [HO_SCALE_LOG] = "log", [HO_SCALE_LOGIT] = "logit", NULL};

ho_scale ho_scale_of_domain(double lower, double upper)
{
    if (!(lower >= 0))
        return HO_SCALE_LINEAR;
    return upper <= 1 ? HO_SCALE_LOGIT : HO_SCALE_LOG;
}

bool ho_scale_has(ho_scale scale, double x)
{
    return isfinite(ho_scale_to(scale, x));
}

double ho_scale_to(ho_scale scale, double x)
{
    if (scale == HO_SCALE_LOG)
        return log(x);
    return scale == HO_SCALE_LOGIT ? log(x) - log1p(-x) : x;
}

double ho_scale_from(ho_scale scale, double u)
{
    if (scale == HO_SCALE_LOG)
        return fmax(exp(u), DBL_MIN);
    if (scale != HO_SCALE_LOGIT)
        return u;
    return u < 0 ? fmax(exp(u) / (1 + exp(u)), DBL_MIN) : fmin(1 / (1 + exp(-u)), 1 - DBL_EPSILON / 2);
}

double ho_scale_slope(ho_scale scale, double x)
{
    if (scale == HO_SCALE_LOG)
        return x;
    return scale == HO_SCALE_LOGIT ? x * (1 - x) : 1;
}
