/* What bytes may stand where in a message: one table for all codecs. Internal to src/http. */
#pragma once

#include "base/base.h"

#define CHARS_TOKEN  0x01u /* tchar, RFC 9110 section 5.6.2 */
#define CHARS_METHOD 0x02u /* tchar, but no lower case: methods are case-sensitive */
#define CHARS_TARGET \
    0x04u /* visible ASCII without '#': wider than RFC 3986, browsers send "|" and "{" */
#define CHARS_HOST 0x08u /* reg-name, RFC 3986 section 3.2.2, without '%' and ',' */
#define CHARS_VALUE \
    0x10u /* field value: visible, space, tab, and obs-text (RFC 9110 section 5.5) */

extern const uint8_t chars_table[256];

static inline bool chars_is(char c, unsigned chars_class)
{
    return (chars_table[(uint8_t)c] & chars_class) != 0;
}

/* Value of a hexadecimal digit, or 16 for anything else. */
static inline unsigned chars_hex(char c)
{
    unsigned digit = (unsigned)(uint8_t)c - '0';
    unsigned letter = ((unsigned)(uint8_t)c | 0x20u) - 'a';

    if (digit < 10)
        return digit;
    return letter < 6 ? letter + 10 : 16;
}
