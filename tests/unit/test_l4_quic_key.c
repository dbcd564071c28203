#include "l4/quic_key.h"
#include "unit.h"

static const struct {
    const char *name;
    const char *datagram;
    size_t len;
    const char *id; /* NULL: none */
} cases[] = {
    {"nothing", "", 0, NULL},
    {"long header, version 1",
        "\xc3\0\0\0\1\x08"
        "abcdefgh\0rest",
        18, "abcdefgh"},
    {"long header, version 2",
        "\xd3\x6b\x33\x43\xcf\x08"
        "abcdefgh\0",
        15, "abcdefgh"},
    {"of a longer id the part that a short header shows",
        "\xc3\0\0\0\1\x0a"
        "abcdefghij\0",
        17, "abcdefgh"},
    {"a shorter id counts whole",
        "\xc3\0\0\0\1\x03"
        "abcdefghij",
        16, "abc"},
    {"no id",
        "\xc3\0\0\0\1\0"
        "abcdefgh",
        14, NULL},
    {"id beyond the end",
        "\xc3\0\0\0\1\x09"
        "abcdefgh",
        14, NULL},
    {"long header without length", "\xc3\0\0\0\1", 5, NULL},
    {"version negotiation",
        "\xc3\0\0\0\0\x08"
        "abcdefgh\0",
        15, NULL},
    {"short header",
        "\x43"
        "abcdefghijkl",
        13, "abcdefgh"},
    {"short header, id to the end",
        "\x43"
        "abcdefgh",
        9, "abcdefgh"},
    {"short header, too short",
        "\x43"
        "abcdefg",
        8, NULL},
};

static void quic_ids_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span id = {0};
        bool found = quic_key((struct span){cases[i].datagram, cases[i].len}, &id);

        if (found != (cases[i].id != NULL))
            print_error("%s\n", cases[i].name);
        assert_int_equal(found, cases[i].id != NULL);
        if (found)
            assert_span_is(id, cases[i].id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quic_ids_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
