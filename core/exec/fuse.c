/*
 * Levels. An item of level L runs after everything of level L-1; elementwise items of one level and length run as one
 * kernel, so an elementwise operand of the same level costs no memory. Products, reductions and changes of shape end a
 * level. Items start as early as they can; then elementwise ones move late, next to who uses them.
 */
#include <stdlib.h>

#include "exec/plan.h"

bool ho_fuses(const ho_lowered *low, const ho_item *user, const ho_view *in)
{
    const ho_item *item = &low->items[in->item];
    return (user->kind == HO_ITEM_ELEMENT || user->kind == HO_ITEM_REDUCE) && item->kind == HO_ITEM_ELEMENT &&
           ho_view_is_whole(in, item);
}

/* Whether an item is there before the first level, or is a scalar known without one. */
static bool is_source(const ho_item *item)
{
    return item->kind == HO_ITEM_INPUT || item->kind == HO_ITEM_IOTA;
}

/* How many levels a user must be above this operand. Scalars run at the start of their level. */
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

/* Users of each item, in one array: those of item i are list[start[i]] .. list[start[i+1]-1]. */
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

/* Whether the operand seen through `in` has to be stored because `user` moves up to `level`: it stays below with
 * another user, and nothing else stores it. */
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

/* Moving an item up to its users saves storing it; it is worth that if at most one of its operands is stored instead.
 */
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
