/*
 * Levels. Items of level L run after all of level L-1. Elementwise items of one level and length run as one kernel, so
 * an elementwise operand of the same level needs no memory. Products, reductions and changes of shape end a level.
 * Items start as early as possible; then elementwise ones move up to the level of their users.
 */
#include <stdlib.h>

#include "exec/plan.h"

bool ho_fuses(const ho_lowered *low, const ho_item *user, const ho_view *in)
{
    const ho_item *item = &low->items[in->item];
    return (user->kind == HO_ITEM_ELEMENT || user->kind == HO_ITEM_REDUCE) && item->kind == HO_ITEM_ELEMENT &&
           ho_view_is_whole(in, item);
}

/* Whether an item is available before the first level. */
static bool is_source(const ho_item *item)
{
    return item->kind == HO_ITEM_INPUT || item->kind == HO_ITEM_IOTA;
}

/* How many levels above this operand a user must be. Scalars run at the start of their level. */
static int32_t gap(const ho_lowered *low, const ho_item *user, const ho_view *in)
{
    const ho_item *item = &low->items[in->item];
    return item->kind == HO_ITEM_SCALAR || user->kind == HO_ITEM_ARRANGE || ho_fuses(low, user, in) ? 0 : 1;
}

static void start_early(ho_lowered *low)
{
    for (size_t i = 0; i < low->count; i++) {
        ho_item *item = &low->items[i];
        for (uint32_t k = 0; k < item->arity; k++) {
            const ho_item *operand = &low->items[item->in[k].item];
            if (!is_source(operand)) {
                int32_t least = operand->level + gap(low, item, &item->in[k]);
                item->level = item->level > least ? item->level : least;
            }
        }
    }
}

/* The users of all items in one array: those of item i are list[start[i]] .. list[start[i+1]-1]. */
typedef struct users {
    int32_t *list;
    size_t *start;
} users;

static users list_users(const ho_lowered *low)
{
    users u = {NULL, ho_arena_alloc(low->arena, (low->count + 2) * sizeof(size_t))};
    for (size_t i = 0; i < low->count; i++)
        for (uint32_t k = 0; k < low->items[i].arity; k++)
            u.start[low->items[i].in[k].item + 2]++;
    for (size_t i = 2; i <= low->count + 1; i++)
        u.start[i] += u.start[i - 1];
    u.list = ho_arena_alloc(low->arena, (u.start[low->count + 1] + 1) * sizeof *u.list);
    for (size_t i = 0; i < low->count; i++)
        for (uint32_t k = 0; k < low->items[i].arity; k++)
            u.list[u.start[low->items[i].in[k].item + 1]++] = (int32_t)i;
    return u;
}

/* Whether moving `user` up to `level` would force its operand `in` to be stored: another user keeps it below, and
 * nothing else stores it. */
static bool costs_a_store(const ho_lowered *low, const users *u, int32_t user, const ho_view *in, int32_t level)
{
    const ho_item *item = &low->items[in->item];
    if (!ho_fuses(low, &low->items[user], in) || item->output >= 0 || item->parent >= 0)
        return false;
    bool stays = false;
    for (size_t k = u->start[in->item]; k < u->start[in->item + 1]; k++) {
        const ho_item *other = &low->items[u->list[k]];
        if (u->list[k] == user)
            continue;
        for (uint32_t j = 0; j < other->arity; j++)
            if (other->in[j].item == in->item && !ho_fuses(low, other, &other->in[j]))
                return false;
        stays = stays || other->level < level;
    }
    return stays;
}

/* An item that moves up to its users need not be stored. That is worth it if at most one operand must be instead. */
static void move_late(ho_lowered *low, const users *u)
{
    for (size_t i = low->count; i-- > 0;) {
        ho_item *item = &low->items[i];
        if (item->kind != HO_ITEM_ELEMENT || item->output >= 0 || u->start[i] == u->start[i + 1])
            continue;
        int32_t level = INT32_MAX;
        for (size_t k = u->start[i]; k < u->start[i + 1]; k++) {
            const ho_item *user = &low->items[u->list[k]];
            for (uint32_t j = 0; j < user->arity; j++) {
                if (user->in[j].item == (int32_t)i) {
                    int32_t most = user->level - gap(low, user, &user->in[j]);
                    level = level < most ? level : most;
                }
            }
        }
        int32_t cost = 0;
        for (uint32_t k = 0; k < item->arity && level > item->level; k++)
            cost += costs_a_store(low, u, (int32_t)i, &item->in[k], level);
        if (level > item->level && cost <= 1)
            item->level = level;
    }
}

static void note_stored(ho_lowered *low)
{
    for (size_t i = 0; i < low->count; i++) {
        ho_item *item = &low->items[i];
        bool tensor = item->kind != HO_ITEM_SCALAR && item->shape.rank > 0;
        item->stored = tensor && (item->kind != HO_ITEM_ELEMENT || item->output >= 0 || item->parent >= 0);
    }
    for (size_t i = 0; i < low->count; i++) {
        const ho_item *item = &low->items[i];
        for (uint32_t k = 0; k < item->arity; k++) {
            ho_item *operand = &low->items[item->in[k].item];
            if (operand->kind == HO_ITEM_ELEMENT &&
                (!ho_fuses(low, item, &item->in[k]) || operand->level != item->level))
                operand->stored = true;
        }
    }
}

void ho_fuse_levels(ho_lowered *low)
{
    start_early(low);
    users u = list_users(low);
    move_late(low, &u);
    note_stored(low);
}
