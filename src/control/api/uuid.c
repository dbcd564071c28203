#include "control/api/uuid.h"

#include <sodium.h>

void uuid_make(char buf[static UUID_LEN + 1], bool upper_case)
{
    const char *digits = upper_case ? "0123456789ABCDEF" : "0123456789abcdef";
    uint8_t bytes[16];
    size_t at = 0;

    randombytes_buf(bytes, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            buf[at++] = '-';
        buf[at++] = digits[bytes[i] >> 4];
        buf[at++] = digits[bytes[i] & 0x0f];
    }
    buf[at] = '\0';
}
