#include "http/chars.h"

#define T CHARS_TOKEN
#define M CHARS_METHOD
#define R CHARS_TARGET
#define H CHARS_HOST
#define V CHARS_VALUE

const uint8_t chars_table[256] = {
    ['\t'] = V,
    [' '] = V,
    ['!'] = T | M | R | H | V,
    ['"'] = R | V,
    ['#'] = T | M | V,
    ['$'] = T | M | R | H | V,
    ['%'] = T | M | R | V,
    ['&'] = T | M | R | H | V,
    ['\''] = T | M | R | H | V,
    ['('] = R | H | V,
    [')'] = R | H | V,
    ['*'] = T | M | R | H | V,
    ['+'] = T | M | R | H | V,
    [','] = R | V,
    ['-'] = T | M | R | H | V,
    ['.'] = T | M | R | H | V,
    ['/'] = R | V,
    ['0' ... '9'] = T | M | R | H | V,
    [':'] = R | V,
    [';'] = R | H | V,
    ['<'] = R | V,
    ['='] = R | H | V,
    ['>'] = R | V,
    ['?'] = R | V,
    ['@'] = R | V,
    ['A' ... 'Z'] = T | M | R | H | V,
    ['['] = R | V,
    ['\\'] = R | V,
    [']'] = R | V,
    ['^'] = T | M | R | V,
    ['_'] = T | M | R | H | V,
    ['`'] = T | M | R | V,
    ['a' ... 'z'] = T | R | H | V,
    ['{'] = R | V,
    ['|'] = T | M | R | V,
    ['}'] = R | V,
    ['~'] = T | M | R | H | V,
    [0x80 ... 0xff] = V,
};
