#include "openapi/params.h"

#include "base/wipe.h"

/* A value may be a secret, which only the operation knows. */
void params_done(struct params *params)
{
    for (uint32_t i = 0; i < params->n; i++) {
        free(params->items[i].name);
        wipe_free(params->items[i].value);
    }
    free(params->items);
    *params = (struct params){0};
}

/* Takes both texts. */
static int add_owned(struct params *params, struct param param)
{
    if (params->n == PARAMS_MAX) {
        free(param.name);
        wipe_free(param.value);
        return -E2BIG;
    }
    /* room for 16, then doubled each time it is used up */
    if (params->n == 0 || (params->n >= 16 && (params->n & (params->n - 1)) == 0)) {
        uint32_t room = params->n == 0 ? 16 : params->n * 2;

        params->items = base_realloc(params->items, room * sizeof(struct param));
    }
    params->items[params->n++] = param;
    return 0;
}

static char *copy(struct span s)
{
    char *text = base_alloc(s.len + 1);

    if (s.len > 0)
        memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return text;
}

int params_add(struct params *params, struct span name, struct span value)
{
    struct param param = {copy(name), copy(value), name.len, value.len};

    return add_owned(params, param);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One name or value; *ret_text is the caller's, NUL-terminated. */
static int decode_part(struct span in, char **ret_text, size_t *ret_len)
{
    char *text = base_alloc(in.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i] == '+' ? ' ' : in.ptr[i];

        if (c == '%') {
            int high = i + 2 < in.len ? hex_value(in.ptr[i + 1]) : -1;
            int low = i + 2 < in.len ? hex_value(in.ptr[i + 2]) : -1;

            c = high < 0 || low < 0 ? '\0' : (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0') {
            wipe_free(text);
            return -EINVAL;
        }
        text[n++] = c;
    }
    text[n] = '\0';
    if (!text_is_utf8((struct span){text, n})) {
        wipe_free(text);
        return -EINVAL;
    }
    *ret_text = text;
    *ret_len = n;
    return 0;
}

static int add_pair(struct params *params, struct span pair)
{
    size_t equals = span_find(pair, '=');
    struct span value = equals < pair.len ? span_from(pair, equals + 1) : SPAN_LIT("");
    struct param param;
    int r;

    r = decode_part((struct span){pair.ptr, equals}, &param.name, &param.name_len);
    if (r < 0)
        return r;
    r = decode_part(value, &param.value, &param.value_len);
    if (r < 0) {
        free(param.name);
        return r;
    }
    return add_owned(params, param);
}

int params_decode_form(struct params *params, struct span form)
{
    while (form.len > 0) {
        size_t end = span_find(form, '&');

        if (end > 0) {
            int r = add_pair(params, (struct span){form.ptr, end});

            if (r < 0)
                return r;
        }
        form = span_from(form, MIN(end + 1, form.len));
    }
    return 0;
}

struct span params_find(const struct params *params, const char *name)
{
    size_t len = strlen(name);

    for (uint32_t i = 0; i < params->n; i++) {
        const struct param *param = &params->items[i];

        if (param->name_len == len && memcmp(param->name, name, len) == 0)
            return (struct span){param->value, param->value_len};
    }
    return (struct span){NULL, 0};
}
