#include "base/reason.h"

static const struct {
    const char *word, *text;
} reasons[] = {
#define REASON_ROW(name, word, text) [REASON_##name] = {word, text},
    REASON_LIST(REASON_ROW)
#undef REASON_ROW
};

_Static_assert(ARRAY_LEN(reasons) == REASON_COUNT, "every reason has its texts");

const char *reason_word(enum reason reason)
{
    assert((unsigned)reason < REASON_COUNT);
    return reasons[reason].word;
}

const char *reason_text(enum reason reason)
{
    assert((unsigned)reason < REASON_COUNT);
    return reasons[reason].text;
}
