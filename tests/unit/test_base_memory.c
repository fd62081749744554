/* Memory: zeroed pieces, arenas over many blocks, large arrays and their overflow. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

Test(memory, large_arrays_are_zeroed_and_aligned)
{
    ho_error error = {0};
    unsigned char *bytes = ho_large_alloc(1000, 3, "test", &error);
    cr_assert_not_null(bytes);
    cr_assert_eq((uintptr_t)bytes % 64, 0);
    for (int i = 0; i < 3000; i++)
        cr_assert_eq(bytes[i], 0);
    ho_large_free(bytes);
    void *empty = ho_large_alloc(0, 8, "nothing", &error);
    cr_assert_not_null(empty);
    ho_large_free(empty);
    cr_assert_eq(error.status, HO_OK);
}

Test(memory, mapped_arrays_are_zeroed_and_aligned_to_their_last_byte)
{
    ho_error error = {0};
    static const uint64_t sizes[] = {(4 << 20) - 1, 4 << 20, (6 << 20) - 64, (6 << 20) - 63, 9 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *bytes = ho_large_alloc(sizes[i], 1, "test", &error);
        cr_assert_not_null(bytes);
        cr_assert_eq((uintptr_t)bytes % 64, 0);
        for (uint64_t k = 0; k < sizes[i]; k += 4095)
            cr_assert_eq(bytes[k], 0);
        memset(bytes, 1, sizes[i]);
        ho_large_free(bytes);
    }
}

Test(memory, available_is_less_than_the_limit_and_falls_as_pages_are_touched)
{
    const int64_t limit = ho_memory_limit(), before = ho_memory_available(), size = (int64_t)256 << 20;
    ho_error error = {0};
    cr_expect(before > 0 && before <= limit);
    char *bytes = ho_large_alloc((uint64_t)size, 1, "test", &error);
    cr_assert_not_null(bytes);
    memset(bytes, 1, (size_t)size);
    const int64_t after = ho_memory_available();
    cr_expect_leq(after, limit - size, "%lld of %lld bytes", (long long)after, (long long)limit);
    ho_large_free(bytes);
}

Test(memory, pools_hand_out_what_came_back_and_keep_the_rest_apart)
{
    ho_error error = {0};
    ho_pool *pool = ho_pool_new();
    unsigned char *blocks[300];
    for (size_t i = 0; i < 300; i++) {
        const size_t size = i % 3 ? 70000 : 100;
        blocks[i] = ho_pool_take(pool, size, "test", &error);
        cr_assert_not_null(blocks[i]);
        cr_assert_eq((uintptr_t)blocks[i] % 64, 0);
        memset(blocks[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < 300; i++)
        cr_assert(blocks[i][0] == i % 251 && blocks[i][99] == i % 251 && (i % 3 == 0 || blocks[i][69999] == i % 251));
    ho_pool_give(pool, blocks[3], 100);
    ho_pool_give(pool, blocks[4], 70000);
    ho_pool_give(pool, blocks[7], 70000);
    ho_pool_give(pool, NULL, 100);
    cr_expect_eq(ho_pool_take(pool, 70000, "test", &error), blocks[7]);
    cr_expect_eq(ho_pool_take(pool, 100, "test", &error), blocks[3]);
    cr_expect_eq(ho_pool_take(pool, 70000, "test", &error), blocks[4]);
    const unsigned char *fresh = ho_pool_take(pool, 70000, "test", &error);
    for (size_t i = 0; i < 300; i++)
        cr_assert_neq(fresh, blocks[i]);
    cr_assert_null(ho_pool_take(pool, UINT64_MAX - 3, "all of it", &error));
    cr_expect(strstr(error.text, "all of it") != NULL);
    ho_pool_free(pool);
    ho_pool_free(NULL);
}

Test(memory, large_array_that_overflows_is_an_error)
{
    ho_error error = {0};
    cr_assert_null(ho_large_alloc(UINT64_MAX / 4 + 2, 4, "the state of all steps", &error));
    cr_assert_eq(error.status, HO_FAILED);
    cr_assert_not_null(strstr(error.text, "the state of all steps"));
}

Test(memory, a_text_is_split_at_every_separator)
{
    static const struct {
        const char *text;
        size_t count;
        const char *pieces[4];
    } cases[] = {{"", 1, {""}}, {"a", 1, {"a"}}, {"a|bc", 2, {"a", "bc"}}, {"|a||", 4, {"", "a", "", ""}}};
    ho_arena *arena = ho_arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = 9;
        const char **pieces = ho_arena_split(arena, cases[i].text, '|', &count);
        cr_assert_eq(count, cases[i].count, "\"%s\"", cases[i].text);
        for (size_t j = 0; j < count; j++)
            cr_expect_str_eq(pieces[j], cases[i].pieces[j]);
    }
    ho_arena_free(arena);
}

Test(memory, arena_pieces_are_zeroed_aligned_and_apart)
{
    ho_arena *arena = ho_arena_new();
    unsigned char *pieces[500];
    for (size_t i = 0; i < 500; i++) {
        size_t size = i * 7 % 300 + (i == 250 ? 100000 : 1);
        pieces[i] = ho_arena_alloc(arena, size);
        cr_assert_eq((uintptr_t)pieces[i] % 16, 0);
        for (size_t k = 0; k < size; k++)
            cr_assert_eq(pieces[i][k], 0);
        memset(pieces[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < 500; i++)
        cr_assert_eq(pieces[i][i * 7 % 300], i % 251, "piece %zu was overwritten", i);
    cr_assert_str_eq(ho_arena_strdup(arena, "word"), "word");
    cr_assert_str_eq(ho_arena_format(arena, "%s-%d", "a", 12), "a-12");
    ho_arena_free(arena);
    ho_arena_free(NULL);
}

Test(memory, formatted_text_of_any_length)
{
    char *text = ho_format("%0500d", 7);
    cr_assert_eq(strlen(text), 500);
    cr_assert_eq(text[499], '7');
    free(text);
}

Test(memory, grow_keeps_items_and_capacity)
{
    int *items = NULL;
    size_t capacity = 0;
    for (size_t count = 0; count < 1000; count++) {
        void *memory = items;
        ho_grow(&memory, &capacity, count, sizeof *items);
        items = memory;
        cr_assert_gt(capacity, count);
        items[count] = (int)count;
    }
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(items[i], i);
    cr_assert_lt(capacity, 5000);
    free(items);
}
