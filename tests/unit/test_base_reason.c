#include "base/reason.h"
#include "unit.h"

static void reasons_have_words_and_sentences(void **state)
{
    (void)state;
    assert_string_equal(reason_word(REASON_NONE), "-");
    assert_string_equal(reason_word(REASON_BAD_HOST), "bad_host");
    assert_string_equal(reason_text(REASON_INTERNAL), "an internal error");
    for (unsigned i = 1; i < REASON_COUNT; i++) {
        struct span word = span_of(reason_word(i));

        assert_true(word.len > 0);
        assert_true(strlen(reason_text(i)) > 0);
        /* a metric label and a log word */
        for (size_t k = 0; k < word.len; k++)
            assert_true(word.ptr[k] == '_' || (word.ptr[k] >= 'a' && word.ptr[k] <= 'z'));
    }
}

static void words_differ(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(reason_word(i), reason_word(k));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_have_words_and_sentences),
        cmocka_unit_test(words_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
