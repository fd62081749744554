/* Data sets that several pipelines of one process read alike: read once, shared. */
#ifndef HO_HOST_DATA_CACHE_H
#define HO_HOST_DATA_CACHE_H

#include "host/dataset.h"

/* Thread: all calls may come from any thread, except new and free. */
typedef struct ho_data_cache ho_data_cache;
ho_data_cache *ho_data_cache_new(void);
void ho_data_cache_free(ho_data_cache *cache); /* NULL is fine; data sets in use stay */

/* The data set that `loaded`, a reader, gives with these settings (a map, or NULL); the caller frees its reference. It
 * is read where it is not there yet, while other callers wait; a file that changes later is not read again. Data sets
 * that nobody uses are kept up to 256 MiB, the latest first. No cache: it is read, and the caller's alone. `reserved`:
 * see ho_instance_new. */
ho_dataset *ho_data_cache_get(ho_data_cache *cache, const ho_loaded *loaded, const ho_tree *settings,
                              const char *const *reserved, ho_place place, ho_error *error);
/* Whether it has been read, so that its files need not exist any more; not without a cache. */
bool ho_data_cache_has(ho_data_cache *cache, const ho_loaded *loaded, const ho_tree *settings);

#endif
