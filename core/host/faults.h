/* For proofs: calls of plugins into hotool that are made to fail in turn. Each thread counts its own. */
#ifndef HO_HOST_FAULTS_H
#define HO_HOST_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* From now on calls are counted, and number `fail_at` fails (0: none). How many there have been comes back, and then
 * none fails any more. */
void ho_faults_begin(int64_t fail_at);
int64_t ho_faults_end(void);

/* A call has been made; whether it is to fail. */
bool ho_fault(void);

#endif
