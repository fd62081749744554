/* The names that a formula can use. */
#include "graph/formula.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct ho_scope {
    char **names; /* an array of its own, for ho_nearest */
    ho_node *values;
    size_t count, name_capacity, value_capacity;
};

ho_scope *ho_scope_new(void)
{
    return ho_alloc(sizeof(ho_scope));
}

void ho_scope_free(ho_scope *scope)
{
    if (!scope)
        return;
    for (size_t i = 0; i < scope->count; i++)
        free(scope->names[i]);
    free(scope->names);
    free(scope->values);
    free(scope);
}

/* The name's index, or count. */
static size_t index_of(const ho_scope *scope, const char *name)
{
    size_t i = 0;
    while (i < scope->count && strcmp(scope->names[i], name) != 0)
        i++;
    return i;
}

void ho_scope_bind(ho_scope *scope, const char *name, ho_node value)
{
    size_t i = index_of(scope, name);
    if (i == scope->count) {
        ho_grow((void **)&scope->names, &scope->name_capacity, i, sizeof *scope->names);
        ho_grow((void **)&scope->values, &scope->value_capacity, i, sizeof *scope->values);
        scope->names[i] = ho_strdup(name);
        scope->count++;
    }
    scope->values[i] = value;
}

bool ho_scope_find(const ho_scope *scope, const char *name, ho_node *value)
{
    size_t i = index_of(scope, name);
    if (i == scope->count)
        return false;
    *value = scope->values[i];
    return true;
}

const char *ho_scope_nearest(const ho_scope *scope, const char *name)
{
    return ho_nearest(name, (const char *const *)scope->names, scope->count);
}
