/* Trying files in a child process first: one that crashes, ends or holds up its process when it is loaded costs no more
 * than that. */
#ifndef HO_HOST_TRIAL_H
#define HO_HOST_TRIAL_H

#include <stddef.h>

/* Does `what` with each file in a child process. trouble[i]: a sentence, malloced, where the process did not survive
 * file i or took more than 5 s over it ("crashes while it is loaded (Segmentation fault)"), else NULL. */
void ho_try_files(const char *const *paths, size_t count, void (*what)(void *context, const char *path), void *context,
                  char **trouble);

#endif
