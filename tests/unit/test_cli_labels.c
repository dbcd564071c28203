/* clang-format off */
#include "unit.h"
/* clang-format on */

#include "cli/labels.h"

static void ids_read_as_people_call_the_things(void **state)
{
    static const struct {
        const char *id, *label;
    } cases[] = {
        {"alb-1", "www"},
        {"lsn-1", "www HTTP 80"},
        {"lb-1:http:80", "shop http 80"},
        {"lb-2:udp:53", "lb-2 udp 53"},
        {"default@lb-1:tcp:65535", "shop tcp 65535"},
        {"rsp-1@lb-1:tcp:90", "shop tcp 90"},
        {"lsn-2", ""},
        {"", ""},
        {"lb-1:http", ""},
        {"lb-1:http:", ""},
        {"lb-1:HTTP:80", ""},
        {"@", ""},
    };
    json_t *labels =
        json_pack("{s:s, s:s, s:s}", "alb-1", "www", "lsn-1", "www HTTP 80", "lb-1", "shop");
    char buf[LABEL_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(label_of(labels, cases[i].id, buf), cases[i].label);
    assert_string_equal(label_of(NULL, "lsn-1", buf), "");
    json_decref(labels);
}

static void a_long_name_is_cut(void **state)
{
    char name[301], buf[LABEL_MAX];
    json_t *labels = json_object();

    (void)state;
    memset(name, 'n', 300);
    name[300] = '\0';
    (void)json_object_set_new(labels, "lb-1", json_string(name));
    assert_int_equal(strlen(label_of(labels, "lb-1:tcp:80", buf)), 200 + strlen(" tcp 80"));
    json_decref(labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_read_as_people_call_the_things),
        cmocka_unit_test(a_long_name_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
