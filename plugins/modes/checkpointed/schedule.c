#include "schedule.h"

/* C(slots + repeats, slots): the most steps that can be reversed so that none is advanced over more than `repeats`
 * times. Saturates. */
static int64_t reach(int64_t slots, int64_t repeats)
{
    if (repeats < 0)
        return 0;
    const int64_t least = slots < repeats ? slots : repeats, most = slots < repeats ? repeats : slots;
    int64_t value = 1;
    for (int64_t i = 1; i <= least; i++) {
        if (value > INT64_MAX / (most + i))
            return INT64_MAX;
        value = value * (most + i) / i; /* C(most + i, i): the division is exact */
    }
    return value;
}

/* The fewest repeats with which `slots` slots reach over `steps` steps. */
static int64_t repeats_for(int64_t steps, int64_t slots)
{
    int64_t repeats = 0;
    while (reach(slots, repeats) < steps)
        repeats++;
    return repeats;
}

int64_t schedule_advances(int64_t steps, int64_t slots)
{
    if (slots == 1)
        return steps * (steps - 1) / 2;
    const int64_t repeats = repeats_for(steps, slots);
    return repeats * steps - reach(slots + 1, repeats - 1);
}

/* Where the next state is kept, counted from the one at the start of `steps` steps, with `slots` left, its own
 * included. The advances to m, over the rest from slots - 1, and over m from `slots`, are fewest where both parts need
 * the repeats that this asks for: reach(c, r - 2) <= m <= reach(c, r - 1) and reach(c - 1, r - 1) <= l - m <= reach(c -
 * 1, r). */
static int64_t split(int64_t steps, int64_t slots)
{
    const int64_t repeats = repeats_for(steps, slots);
    const int64_t shortest = reach(slots, repeats - 2), rest = steps - reach(slots - 1, repeats);
    const int64_t m = shortest > rest ? shortest : rest;
    return m > 1 ? m : 1;
}

/* The position after the last one that is kept at which to keep the next; 0: none. */
static int64_t next_position(const schedule *s, int64_t end)
{
    const int64_t last = s->kept[s->count - 1].position, left = s->slots - s->count + 1;
    return left > 1 && end - last > 1 ? last + split(end - last, left) : 0;
}

/* Drops every other one and doubles the spacing. */
static void thin_out(schedule *s)
{
    int64_t count = 0;
    for (int64_t i = 0; i < s->count; i += 2) {
        const checkpoint moved = s->kept[i];
        s->kept[i] = s->kept[count];
        s->kept[count++] = moved;
    }
    s->count = count;
    s->spacing *= 2;
}

void schedule_start(schedule *s, checkpoint *kept, int64_t slots, int64_t steps)
{
    *s = (schedule){.slots = slots, .steps = steps, .kept = kept, .count = 1, .spacing = 1};
    for (int64_t i = 0; i < slots; i++)
        kept[i] = (checkpoint){.slot = i};
}

static int64_t keep(schedule *s, int64_t position)
{
    s->kept[s->count].position = position;
    return s->kept[s->count++].slot;
}

bool schedule_keeps(schedule *s, int64_t position, int64_t *slot)
{
    if (position <= s->kept[s->count - 1].position)
        return false;
    if (s->steps > 0) {
        const int64_t next = next_position(s, s->steps);
        if (next == 0 || position < next)
            return false;
    } else {
        if (s->count == s->slots && s->slots > 1 && position % s->spacing == 0)
            thin_out(s);
        if (s->count == s->slots || position % s->spacing != 0)
            return false;
    }
    *slot = keep(s, position);
    return true;
}

move schedule_back(schedule *s, int64_t end)
{
    while (s->count > 1 && s->kept[s->count - 1].position >= end)
        s->count--;
    const checkpoint last = s->kept[s->count - 1];
    const int64_t next = next_position(s, end);
    if (next > 0)
        return (move){last.slot, last.position, next, keep(s, next)};
    return (move){last.slot, last.position, end - 1, -1};
}
