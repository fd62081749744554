/* The time that the estimate of a hypergradient's digits takes (core/system/digits.h). The linker puts these calls
 * around its own (-Wl,--wrap), so that nothing in the library knows of it. */
#ifndef DIGITS_SHARE_H
#define DIGITS_SHARE_H

/* Seconds since the program began. */
double digits_seconds(void);

#endif
