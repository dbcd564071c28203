/* Pairs become JSON of the table's shape whose lists are objects keyed by index and whose values are
 * texts; params_check.c does the rest. */
#include "openapi/params_walk.h"

#define DEPTH_MAX 16u

/* One step into the JSON: a member, or an element of a list. */
struct step {
    const struct openapi_field *field;
    uint32_t index; /* 0: the member itself */
};

struct steps {
    struct step at[DEPTH_MAX];
    uint32_t n;
};

static int parse_index(struct span text, uint32_t *ret_index)
{
    uint64_t index;

    if (span_parse_u64(text, &index) < 0 || index < 1 || index > PARAMS_INDEX_MAX)
        return -EINVAL;
    *ret_index = (uint32_t)index;
    return 0;
}

static struct span next_part(struct span *rest)
{
    size_t dot = span_find(*rest, '.');
    struct span part = {rest->ptr, dot};

    *rest = dot < rest->len ? span_from(*rest, dot + 1) : (struct span){NULL, 0};
    return part;
}

/* Whether a value may stand here, at the last of steps. Like resolve. */
static int check_end(struct walk *walk, const struct step *last, bool is_empty)
{
    const struct openapi_field *field = last->field;
    struct span none = {NULL, 0};
    bool is_list = field->is_list && last->index == 0;

    if (is_empty && (is_list || !params_is_free_string(field)))
        return 1;
    if (field->is_json && last->index == 0)
        return 0;
    if (is_list)
        return walk_fail(walk, field, none, "is a list: its first element is %s.1", walk->path);
    if (field->type == OPENAPI_STRUCT)
        return walk_fail(walk, field, none, "is a structure: its members have values, it has none");
    return 0;
}

/* The way to where the value belongs. 0; 1: nowhere, it is ignored; or -EINVAL. */
static int resolve(struct walk *walk, const struct param *param, struct steps *steps)
{
    const struct openapi_field *parent = &walk->op->in;
    struct span rest = {param->name, param->name_len};

    while (rest.ptr) {
        struct span part = next_part(&rest);
        struct step *step = &steps->at[steps->n];

        if (steps->n > 0 && steps->at[steps->n - 1].field->is_list &&
            steps->at[steps->n - 1].index == 0) {
            step = &steps->at[steps->n - 1];
            if (parse_index(part, &step->index) < 0)
                return walk_fail(walk, parent, part,
                    "is a list: an index from 1 to %u must follow it", PARAMS_INDEX_MAX);
            continue;
        }
        if (parent->type != OPENAPI_STRUCT)
            return walk_fail(
                walk, parent, (struct span){NULL, 0}, "is a single value and has no members");
        if (steps->n == DEPTH_MAX)
            return 1;
        step->field = openapi_field_find(parent, part);
        step->index = 0;
        if (!step->field)
            return 1;
        (void)walk_enter(walk, step->field->name);
        parent = step->field;
        steps->n++;
    }
    assert(steps->n > 0);
    return check_end(walk, &steps->at[steps->n - 1], param->value_len == 0);
}

/* The member of object, made if it is not there. NULL: it is there and is a text. */
static json_t *enter_object(json_t *object, const char *key)
{
    json_t *member = json_object_get(object, key);

    if (!member) {
        member = json_object();
        (void)json_object_set_new(object, key, member);
    }
    return json_is_object(member) ? member : NULL;
}

static int fail_twice(struct walk *walk, const struct openapi_field *field)
{
    return walk_fail(walk, field, (struct span){NULL, 0}, "is given twice, with different values");
}

static int put_text(struct walk *walk, json_t *object, const char *key,
    const struct openapi_field *field, json_t *text)
{
    const json_t *before = json_object_get(object, key);

    if (!before)
        return json_object_set_new(object, key, text);
    if (json_equal(before, text)) {
        json_decref(text);
        return 0;
    }
    json_decref(text);
    return fail_twice(walk, field);
}

static int put(struct walk *walk, json_t *root, const struct steps *steps, json_t *text)
{
    json_t *object = root;

    for (uint32_t i = 0; i < steps->n; i++) {
        const struct step *step = &steps->at[i];
        bool is_last = i + 1 == steps->n;
        const char *key = step->field->name;
        char index[16];

        if (step->index > 0) {
            object = enter_object(object, key);
            (void)snprintf(index, sizeof(index), "%u", step->index);
            key = index;
        }
        if (object && is_last)
            return put_text(walk, object, key, step->field, text);
        object = object ? enter_object(object, key) : NULL;
        if (!object) {
            json_decref(text);
            return fail_twice(walk, step->field);
        }
    }
    json_decref(text);
    return 0;
}

static int add_pair(struct walk *walk, json_t *root, const struct param *param)
{
    struct steps steps = {.n = 0};
    json_t *text;
    int r;

    walk_leave(walk, 0);
    r = resolve(walk, param, &steps);
    if (r != 0)
        return MIN(r, 0);
    walk_leave(walk, 0);
    (void)walk_enter(walk, param->name);
    text = memchr(param->value, 0, param->value_len) ? NULL
                                                     : json_stringn(param->value, param->value_len);
    if (!text)
        return walk_fail(walk, steps.at[steps.n - 1].field, (struct span){NULL, 0},
            "must be UTF-8 text without a zero byte");
    return put(walk, root, &steps, text);
}

int params_decode(const struct openapi_operation *op, const struct params *params, json_t **ret_in,
    struct params_error *ret_error)
{
    struct walk walk = {.op = op, .error = ret_error, .from_pairs = true};
    json_t *root = json_object();
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < params->n; i++)
        r = add_pair(&walk, root, &params->items[i]);
    walk_leave(&walk, 0);
    if (r == 0)
        r = walk_check(&walk, root, ret_in);
    json_decref(root);
    return r;
}
