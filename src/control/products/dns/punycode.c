/* International labels in ASCII (RFC 3492, RFC 5891 section 5).
 *
 * Only scripts that have neither letter case nor composed forms are converted: Han, Kana and Hangul. Names in other scripts
 * would first need the mappings of Unicode, which are not here; they are given in their xn-- form. */
#include "control/products/dns/dns.h"

#define LABEL_MAX 63u

/* RFC 3492 section 5. */
enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, BIAS_FIRST = 72, FIRST = 0x80 };

struct label {
    uint32_t points[LABEL_MAX];
    uint32_t n;
};

static bool is_convertible(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x3041, 0x3096}, {0x30a1, 0x30fa}, {0x30fc, 0x30fe}, {0x3400, 0x4dbf},
        {0x4e00, 0x9fff}, {0xac00, 0xd7a3}};

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    }
    return point < FIRST;
}

/* All convertible ranges have three bytes in UTF-8; parameters are known to be UTF-8. */
static int decode_label(struct span text, struct label *ret_label)
{
    ret_label->n = 0;
    for (size_t i = 0; i < text.len;) {
        uint8_t byte = (uint8_t)text.ptr[i];
        bool is_long = (byte & 0xf0) == 0xe0 && i + 2 < text.len;
        uint32_t point = is_long ? (byte & 0x0fu) << 12 | ((uint8_t)text.ptr[i + 1] & 0x3fu) << 6 |
                                       ((uint8_t)text.ptr[i + 2] & 0x3fu)
                                 : (uint8_t)ascii_lower(text.ptr[i]);

        if (ret_label->n == LABEL_MAX || !is_convertible(point))
            return -EINVAL;
        ret_label->points[ret_label->n++] = point;
        i += is_long ? 3 : 1;
    }
    return 0;
}

/* RFC 3492 section 6.1. */
static uint32_t adapt(uint32_t delta, uint32_t n_points, bool is_first)
{
    uint32_t k = 0;

    delta = is_first ? delta / DAMP : delta / 2;
    delta += delta / n_points;
    for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
        delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static void add_digit(struct text *out, uint32_t digit)
{
    text_add_char(out, (char)(digit < 26 ? 'a' + digit : '0' + digit - 26));
}

/* A delta as digits of growing worth, RFC 3492 section 3.3. */
static void add_delta(struct text *out, uint32_t delta, uint32_t bias)
{
    for (uint32_t k = BASE;; k += BASE) {
        uint32_t t = k <= bias ? T_MIN : MIN(k - bias, (uint32_t)T_MAX);

        if (delta < t)
            break;
        add_digit(out, t + (delta - t) % (BASE - t));
        delta = (delta - t) / (BASE - t);
    }
    add_digit(out, delta);
}

static uint32_t next_point(const struct label *label, uint32_t least)
{
    uint32_t next = UINT32_MAX;

    for (uint32_t i = 0; i < label->n; i++) {
        if (label->points[i] >= least)
            next = MIN(next, label->points[i]);
    }
    return next;
}

/* RFC 3492 section 6.3. Deltas stay far below 2^32: 63 points below 2^16. */
static void encode_label(const struct label *label, struct text *out)
{
    uint32_t n = FIRST, delta = 0, bias = BIAS_FIRST, n_basic = 0, n_done;

    text_add(out, SPAN_LIT("xn--"));
    for (uint32_t i = 0; i < label->n; i++) {
        if (label->points[i] < FIRST) {
            text_add_char(out, (char)label->points[i]);
            n_basic++;
        }
    }
    if (n_basic > 0)
        text_add_char(out, '-');
    for (n_done = n_basic; n_done < label->n; n++, delta++) {
        uint32_t point = next_point(label, n);

        delta += (point - n) * (n_done + 1);
        n = point;
        for (uint32_t i = 0; i < label->n; i++) {
            delta += label->points[i] < n;
            if (label->points[i] != n)
                continue;
            add_delta(out, delta, bias);
            bias = adapt(delta, n_done + 1, n_done == n_basic);
            delta = 0;
            n_done++;
        }
    }
}

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((uint8_t)text.ptr[i] >= FIRST)
            return false;
    }
    return true;
}

int dns_to_ascii(const char *name, char ret_name[DNS_NAME_MAX + 2])
{
    struct span rest = span_of(name);
    struct text out;

    text_init_fixed(&out, ret_name, DNS_NAME_MAX + 2);
    while (rest.ptr) {
        size_t len = span_find(rest, '.');
        struct span part = {rest.ptr, len};
        struct label label;

        if (is_ascii(part))
            text_add(&out, part);
        else if (decode_label(part, &label) < 0)
            return -EINVAL;
        else
            encode_label(&label, &out);
        if (len == rest.len)
            break;
        text_add_char(&out, '.');
        rest = span_from(rest, len + 1);
    }
    text_add_char(&out, '\0');
    return text_failed(&out) ? -EINVAL : 0;
}
