#include "snapshot/fields.h"
#include "snapshot/model.h"
#include "unit.h"

static bool has_range(const struct field *row)
{
    return row->type == FIELD_UINT || row->type == FIELD_UINT64;
}

static uint32_t count_names(const struct field *row)
{
    uint32_t n = 0;

    while (row->names[n])
        n++;
    return n;
}

static void check_row(const struct field *row, size_t bytes)
{
    assert_true(row->offset < bytes);
    assert_non_null(row->doc);
    assert_true(strlen(row->doc) > 0 && !strpbrk(row->doc, "|\n"));
    assert_true(row->min <= row->max);
    if (row->type == FIELD_UINT)
        assert_true(row->max <= UINT32_MAX);
    /* numbers of JSON, as they are read here */
    assert_true(row->max <= INT64_MAX);
    if (has_range(row) && !(row->flags & FIELD_REQUIRED))
        assert_true(row->dflt >= row->min && row->dflt <= row->max);
    if (row->type == FIELD_ENUM)
        assert_true(row->dflt < count_names(row));
    if (row->type == FIELD_FLAGS)
        assert_true(count_names(row) <= 32 && row->dflt < (uint64_t)1 << count_names(row));
    if (row->type == FIELD_TEXT && !(row->flags & FIELD_REQUIRED)) {
        size_t len = row->dflt_text ? strlen(row->dflt_text) : 0;

        assert_true(len >= row->min && len <= row->max);
    }
    if (row->type == FIELD_REF)
        assert_true(model_kind((enum resource_kind)row->ref_kind)->served);
    if (row->flags & FIELD_LINES)
        assert_int_equal(row->type, FIELD_TEXT);
}

static void check_rows(const struct field *rows, size_t bytes)
{
    for (const struct field *row = rows; row->type != FIELD_END; row++) {
        /* no name and no place twice */
        assert_ptr_equal(fields_find(rows, span_of(row->name)), row);
        for (const struct field *other = rows; other != row; other++)
            assert_int_not_equal(other->offset, row->offset);
        check_row(row, bytes);
        if (row->type == FIELD_LIST)
            check_rows(row->fields, row->item_bytes);
    }
}

static void rows_are_sound(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        const struct model_kind *model = model_kind((enum resource_kind)kind);

        assert_non_null(model->name);
        assert_non_null(model->fields);
        assert_true(model->bytes >= sizeof(struct resource));
        assert_int_equal(model->served, model->fields->type != FIELD_END);
        check_rows(model->fields, model->bytes);
        /* keys that every resource has */
        assert_null(fields_find(model->fields, SPAN_LIT("kind")));
        assert_null(fields_find(model->fields, SPAN_LIT("id")));
        assert_null(fields_find(model->fields, SPAN_LIT("version")));
    }
}

static void kinds_are_found_by_name(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        assert_int_equal(model_kind_find(model_kind((enum resource_kind)kind)->name), kind);
    assert_int_equal(model_kind_find("instance"), KIND_INSTANCE);
    assert_int_equal(model_kind_find("health_check"), KIND_HEALTH_CHECK);
    assert_int_equal(model_kind_find(""), KIND_COUNT);
    assert_int_equal(model_kind_find("Listener"), KIND_COUNT);
}

static void names_stand_for_their_constants(void **state)
{
    (void)state;
    assert_string_equal(product_names[PRODUCT_NLB], "nlb");
    assert_string_equal(protocol_names[PROTOCOL_TCPSSL], "tcpssl");
    assert_string_equal(protocol_names[PROTOCOL_QUIC], "quic");
    assert_string_equal(scheduler_names[SCHEDULER_WLC], "wlc");
    assert_string_equal(scheduler_names[SCHEDULER_UCH], "uch");
    assert_string_equal(action_type_names[ACTION_REWRITE], "rewrite");
    assert_string_equal(condition_type_names[CONDITION_HEADER], "header");
}

static void paths_are_written(void **state)
{
    const struct field_path servers = {.name = "servers"};
    const struct field_path second = {.up = &servers, .index = 2};
    const struct field_path weight = {.up = &second, .name = "weight"};
    const struct field_path element = {.index = 7};
    struct field_path deep[40] = {{.name = "abcdefgh"}};
    char buf[FIELD_PATH_MAX];

    (void)state;
    field_path_format(&weight, buf);
    assert_string_equal(buf, "servers[2].weight");
    field_path_format(&element, buf);
    assert_string_equal(buf, "[7]");
    field_path_format(NULL, buf);
    assert_string_equal(buf, "");
    for (size_t i = 1; i < ARRAY_LEN(deep); i++)
        deep[i] = (struct field_path){.up = &deep[i - 1], .name = "abcdefgh"};
    field_path_format(&deep[39], buf);
    assert_int_equal(strlen(buf), FIELD_PATH_MAX - 1);
    assert_memory_equal(buf, "abcdefgh.abcdefgh.", 18);
}

/* A struct with one of each, to be copied and compared. */
struct thing_item {
    uint32_t number;
    const char *text;
};

struct thing {
    bool flag;
    uint64_t number;
    const char *text;
    struct addr ip;
    struct ref ref;
    struct field_list items, texts, ips;
};

static const struct field thing_item_fields[] = {
    UINT_FIELD(thing_item, number, 0, 9, 1, 0, "number"),
    TEXT_FIELD(thing_item, text, 0, 9, "dflt", 0, "text"),
    {.type = FIELD_END},
};

static const struct field thing_fields[] = {
    BOOL_FIELD(thing, flag, true, "flag"),
    UINT64_FIELD(thing, number, 0, 9, 5, "number"),
    TEXT_FIELD(thing, text, 0, 9, NULL, 0, "text"),
    IP_FIELD(thing, ip, 0, "ip"),
    REF_FIELD(thing, ref, KIND_LISTENER, 0, "ref"),
    LIST_FIELD(thing, items, thing_item, thing_item_fields, 0, 9, "items"),
    TEXT_LIST_FIELD(thing, texts, 0, 9, "texts"),
    IP_LIST_FIELD(thing, ips, 0, 9, "ips"),
    {.type = FIELD_END},
};

static void defaults_are_set_and_known(void **state)
{
    struct thing thing;

    (void)state;
    memset(&thing, 0xff, sizeof(thing));
    for (const struct field *row = thing_fields; row->type != FIELD_END; row++) {
        field_set_default(row, &thing);
        assert_true(field_is_default(row, &thing));
    }
    assert_true(thing.flag);
    assert_int_equal(thing.number, 5);
    assert_string_equal(thing.text, "");
    assert_int_equal(thing.ref.slot, REF_NONE);
    thing.number = 4;
    assert_false(field_is_default(&thing_fields[1], &thing));
    thing.text = "x";
    assert_false(field_is_default(&thing_fields[2], &thing));
}

static void copies_are_equal_and_apart(void **state)
{
    struct thing_item items[] = {{1, "dflt"}, {2, "own"}};
    const char *texts[] = {"a", "", "ccccccccc"};
    struct addr ips[] = {{.ip = {127, 0, 0, 1}, .family = 4}};
    struct thing thing = {
        .text = "some text",
        .items = {items, 2},
        .texts = {texts, 3},
        .ips = {ips, 1},
    };
    struct thing copy = thing;
    size_t bytes = fields_bytes(thing_fields, &thing);
    struct arena arena;

    (void)state;
    /* "some text" 16; items 32 and "own" 8, of which the default is not copied on its own when it is the
     * row's; texts 24, "a" 8, "ccccccccc" 16; ips 24 */
    assert_in_range(bytes, 128, 136);
    arena_init(&arena, base_alloc(bytes), bytes, 0);
    fields_copy(thing_fields, &copy, &arena);
    assert_true(fields_equal(thing_fields, &thing, &copy));
    assert_ptr_not_equal(copy.text, thing.text);
    assert_ptr_not_equal(copy.items.at, thing.items.at);
    assert_ptr_not_equal(FIELD_ITEMS(copy.texts, const char *)[2], texts[2]);

    texts[2] = "ccccccccd";
    assert_false(fields_equal(thing_fields, &thing, &copy));
    texts[2] = "ccccccccc";
    items[1].number = 3;
    assert_false(fields_equal(thing_fields, &thing, &copy));
    items[1].number = 2;
    ips[0].ip[3] = 2;
    assert_false(fields_equal(thing_fields, &thing, &copy));
    ips[0].ip[3] = 1;
    assert_true(fields_equal(thing_fields, &thing, &copy));
    copy.texts.n = 2;
    assert_false(fields_equal(thing_fields, &thing, &copy));
    free(arena.first);
    arena_done(&arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sound),
        cmocka_unit_test(kinds_are_found_by_name),
        cmocka_unit_test(names_stand_for_their_constants),
        cmocka_unit_test(paths_are_written),
        cmocka_unit_test(defaults_are_set_and_known),
        cmocka_unit_test(copies_are_equal_and_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
