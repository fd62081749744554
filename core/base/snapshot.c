#include "base/snapshot.h"

#include <stdlib.h>
#include <string.h>

void ho_snapshot_save(ho_snapshot *s)
{
    s->size = s->at = 0;
    s->restoring = s->short_of = false;
}

void ho_snapshot_restore(ho_snapshot *s)
{
    s->at = 0;
    s->restoring = true;
    s->short_of = false;
}

void ho_snapshot_pass(ho_snapshot *s, void *value, size_t size)
{
    if (s->restoring && (s->short_of || size > s->size - s->at)) {
        s->short_of = true;
        memset(value, 0, size);
        return;
    }
    if (s->restoring) {
        memcpy(value, s->bytes + s->at, size);
    } else {
        while (s->capacity < s->at + size)
            ho_grow((void **)&s->bytes, &s->capacity, s->capacity, 1);
        memcpy(s->bytes + s->at, value, size);
        s->size = s->at + size;
    }
    s->at += size;
}

void ho_snapshot_text(ho_snapshot *s, const char **text, ho_arena *arena)
{
    size_t size = s->restoring || !*text ? 0 : strlen(*text) + 1; /* 0: NULL */
    HO_SNAPSHOT(s, size);
    if (s->restoring && size > s->size - s->at)
        s->short_of = true;
    if (s->short_of || size == 0) {
        *text = NULL;
        return;
    }
    char *own = s->restoring ? ho_arena_alloc(arena, size) : ho_strdup(*text);
    ho_snapshot_pass(s, own, size);
    if (s->restoring)
        *text = own;
    else
        free(own);
}

void ho_snapshot_free(ho_snapshot *s)
{
    free(s->bytes);
    *s = (ho_snapshot){0};
}
