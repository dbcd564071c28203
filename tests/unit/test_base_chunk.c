#include "base/chunk.h"
#include "unit.h"

static void chunk_begins_empty(void **state)
{
    struct chunk_pool pool;
    struct chunk *chunk;

    (void)state;
    chunk_pool_init(&pool, 1 << 20, 4);
    chunk = chunk_get(&pool, 0);
    assert_int_equal(chunk->cap, CHUNK_DATA_BYTES);
    assert_int_equal(chunk->refs, 1);
    assert_int_equal(chunk_room(chunk), CHUNK_DATA_BYTES);
    assert_int_equal(chunk_span(chunk).len, 0);
    assert_int_equal(pool.used_bytes, 16384);
    memset(chunk->data, 'x', chunk->cap);
    chunk->start = 2;
    chunk->end = 5;
    assert_span_is(chunk_span(chunk), "xxx");
    assert_null(chunk_unref(&pool, chunk));

    chunk = chunk_get(&pool, CHUNK_DATA_BYTES);
    assert_int_equal(chunk->start, 0);
    assert_int_equal(chunk->end, 0);
    assert_null(chunk->next);
    (void)chunk_unref(&pool, chunk);
    chunk_pool_done(&pool);
}

static void last_in_is_first_out(void **state)
{
    struct chunk_pool pool;
    struct chunk *a, *b, *c;

    (void)state;
    chunk_pool_init(&pool, SIZE_MAX, 2);
    a = chunk_get(&pool, 0);
    b = chunk_get(&pool, 0);
    c = chunk_get(&pool, 0);
    (void)chunk_unref(&pool, a);
    (void)chunk_unref(&pool, b);
    assert_int_equal(pool.n_free, 2);
    (void)chunk_unref(&pool, c); /* goes back to malloc */
    assert_int_equal(pool.n_free, 2);
    assert_int_equal(pool.used_bytes, 0);
    assert_ptr_equal(chunk_get(&pool, 0), b);
    assert_ptr_equal(chunk_get(&pool, 0), a);
    (void)chunk_unref(&pool, a);
    (void)chunk_unref(&pool, b);
    chunk_pool_done(&pool);
}

static void last_reference_returns_it(void **state)
{
    struct chunk_pool pool;
    struct chunk *chunk;

    (void)state;
    chunk_pool_init(&pool, SIZE_MAX, 2);
    chunk = chunk_get(&pool, 0);
    assert_ptr_equal(chunk_ref(chunk), chunk);
    assert_null(chunk_unref(&pool, chunk));
    assert_int_equal(pool.used_bytes, 16384);
    assert_null(chunk_unref(&pool, chunk));
    assert_int_equal(pool.used_bytes, 0);
    assert_null(chunk_unref(&pool, NULL));
    chunk_pool_done(&pool);
}

static void limit_refuses_and_counts(void **state)
{
    struct chunk_pool pool;
    struct chunk *a, *b;

    (void)state;
    chunk_pool_init(&pool, 2 * 16384 + 100, 2);
    a = chunk_get(&pool, 0);
    b = chunk_get(&pool, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(chunk_get(&pool, 0));
    assert_null(chunk_get(&pool, UINT32_MAX));
    assert_int_equal(pool.n_refused, 2);
    (void)chunk_unref(&pool, a);
    a = chunk_get(&pool, 0);
    assert_non_null(a);
    (void)chunk_unref(&pool, a);
    (void)chunk_unref(&pool, b);
    chunk_pool_done(&pool);
}

static void large_chunk_is_not_kept(void **state)
{
    struct chunk_pool pool;
    struct chunk *chunk;

    (void)state;
    chunk_pool_init(&pool, SIZE_MAX, 2);
    chunk = chunk_get(&pool, 20000);
    assert_int_equal(chunk->cap, 20000);
    assert_int_equal(pool.used_bytes, 20000 + sizeof(struct chunk));
    memset(chunk->data, 'x', 20000);
    (void)chunk_unref(&pool, chunk);
    assert_int_equal(pool.n_free, 0);
    assert_int_equal(pool.used_bytes, 0);
    chunk_pool_done(&pool);
}

static void asan_guards_free_chunks(void **state)
{
    struct chunk_pool pool;
    struct chunk *chunk;

    (void)state;
    if (!SLB_ASAN)
        skip();
    chunk_pool_init(&pool, SIZE_MAX, 2);
    chunk = chunk_get(&pool, 0);
    (void)chunk_unref(&pool, chunk);
    assert_true(unit_is_poisoned(&chunk->refs));
    assert_true(unit_is_poisoned(chunk->data));
    assert_true(unit_is_poisoned(chunk->data + CHUNK_DATA_BYTES - 1));
    chunk_pool_done(&pool);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunk_begins_empty),
        cmocka_unit_test(last_in_is_first_out),
        cmocka_unit_test(last_reference_returns_it),
        cmocka_unit_test(limit_refuses_and_counts),
        cmocka_unit_test(large_chunk_is_not_kept),
        cmocka_unit_test(asan_guards_free_chunks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
