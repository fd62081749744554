/* Completion: what can stand where the cursor is. The shells' scripts (tools/completion) ask `hotool complete`. */
#ifndef HO_TOOLS_COMPLETE_H
#define HO_TOOLS_COMPLETE_H

#include "host/registry.h"

/* Prints, one a line, what the last of these words of a command line (without "hotool") can become; the words before it
 * say what it is. One that ends with '=' or '/' is to be continued. Nothing: a file's name, or anything else. */
void ho_complete(int count, char *const *words, ho_registry *registry);

#endif
