#include "base/cursor.h"
#include "unit.h"

static void numbers_are_big_endian(void **state)
{
    struct cursor c = cursor_of(
        SPAN_LIT("\x81\x82\x83\x84\x85\x86\xf1\xf2\xf3\xf4\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8ok"));

    (void)state;
    assert_int_equal(cursor_u8(&c), 0x81);
    assert_int_equal(cursor_u16(&c), 0x8283);
    assert_int_equal(cursor_u24(&c), 0x848586);
    assert_int_equal(cursor_u32(&c), 0xf1f2f3f4);
    assert_true(cursor_u64(&c) == 0xfffefdfcfbfaf9f8);
    assert_int_equal(cursor_left(&c), 2);
    assert_span_is(cursor_bytes(&c, 2), "ok");
    assert_false(cursor_failed(&c));
    assert_int_equal(cursor_left(&c), 0);
}

static void overrun_sticks(void **state)
{
    struct cursor c = cursor_of(SPAN_LIT("\x01\x02\x03"));

    (void)state;
    assert_int_equal(cursor_u8(&c), 1);
    assert_int_equal(cursor_u32(&c), 0);
    assert_true(cursor_failed(&c));
    assert_int_equal(cursor_u8(&c), 0);
    assert_int_equal(cursor_u16(&c), 0);
    assert_int_equal(cursor_u24(&c), 0);
    assert_true(cursor_u64(&c) == 0);
    assert_int_equal(cursor_bytes(&c, 1).len, 0);
    assert_null(cursor_bytes(&c, 0).ptr);
    assert_int_equal(cursor_left(&c), 0);
    assert_true(cursor_failed(&c));
}

static void absurd_length_fails(void **state)
{
    struct cursor c = cursor_of(SPAN_LIT("abc"));

    (void)state;
    assert_int_equal(cursor_bytes(&c, SIZE_MAX).len, 0);
    assert_true(cursor_failed(&c));
}

static void nothing_can_be_read_from_nothing(void **state)
{
    struct cursor c = cursor_of((struct span){0});

    (void)state;
    assert_int_equal(cursor_bytes(&c, 0).len, 0);
    assert_false(cursor_failed(&c));
    assert_int_equal(cursor_u8(&c), 0);
    assert_true(cursor_failed(&c));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(overrun_sticks),
        cmocka_unit_test(absurd_length_fails),
        cmocka_unit_test(nothing_can_be_read_from_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
