/* A shared object that is no plugin. */
#include <hotool/abi.h>

extern HO_EXPORT const int answer;
HO_EXPORT const int answer = 42;
