#include "base/snapshot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void ho_snapshot_save(ho_snapshot *s)
{
    s->size = s->at = 0;
    s->restoring = false;
}

void ho_snapshot_restore(ho_snapshot *s)
{
    s->at = 0;
    s->restoring = true;
}

void ho_snapshot_pass(ho_snapshot *s, void *value, size_t size)
{
    if (s->restoring) {
        assert(s->at + size <= s->size);
        memcpy(value, s->bytes + s->at, size);
    } else {
        s->bytes = ho_realloc(s->bytes, s->at + size);
        memcpy(s->bytes + s->at, value, size);
        s->size = s->at + size;
    }
    s->at += size;
}

void ho_snapshot_free(ho_snapshot *s)
{
    free(s->bytes);
    *s = (ho_snapshot){0};
}
