#include "base/hash.h"
#include "control/compile/outbox.h"
#include "unit.h"

static struct outbox outbox;

static int setup(void **state)
{
    (void)state;
    hash_init();
    outbox_init(&outbox);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    outbox_done(&outbox);
    return 0;
}

/* --- helpers --------------------------------------------------------------------------------- */

/* names: an id that the resource names, or NULL. */
static void put(const char *kind, const char *id, const char *names)
{
    char own_id[64], doc_id[80];
    struct compiled compiled = {.kind = kind, .id = own_id, .doc_id = doc_id};

    (void)snprintf(own_id, sizeof(own_id), "%s", id);
    (void)snprintf(doc_id, sizeof(doc_id), "doc-%s", id);
    compiled.json = json_pack("{s:s, s:s}", "kind", kind, "id", id);
    if (names)
        (void)json_object_set_new(compiled.json, "group", json_string(names));
    outbox_put(&outbox, &compiled);
    json_decref(compiled.json);
}

static void take_out(const char *kind, const char *id)
{
    char own_id[64];
    struct compiled compiled = {.kind = kind, .id = own_id};

    (void)snprintf(own_id, sizeof(own_id), "%s", id);
    outbox_remove(&outbox, &compiled);
}

/* What the next message has: "+id" or "-id" for each resource, in its order; "" if there is none. */
static const char *message(uint64_t version)
{
    static char buf[256];
    struct text text;
    json_t *json, *element;
    size_t i, n = 0;

    buf[0] = '\0';
    text_init(&text, 65536);
    if (outbox_message(&outbox, version, &text)) {
        assert_int_equal(text.ptr[text.len - 1], '\n');
        json = json_loadb(text.ptr, text.len, 0, NULL);
        assert_non_null(json);
        assert_int_equal(json_integer_value(json_object_get(json, "version")), version);
        json_array_foreach (json_object_get(json, "upsert"), i, element)
            n += (size_t)snprintf(
                buf + n, sizeof(buf) - n, "+%s", json_string_value(json_object_get(element, "id")));
        json_array_foreach (json_object_get(json, "remove"), i, element)
            n += (size_t)snprintf(
                buf + n, sizeof(buf) - n, "-%s", json_string_value(json_object_get(element, "id")));
        json_decref(json);
    }
    text_done(&text);
    return buf;
}

static int answer(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    int r = outbox_answer(&outbox, json);

    json_decref(json);
    return r;
}

#define OK "{\"version\":1,\"ok\":true}"
#define REFUSED(resource, rule)                                         \
    "{\"version\":0,\"ok\":false,\"errors\":[{\"resource\":\"" resource \
    "\",\"field\":\"bind\",\"value\":\"127.16.0.5:80\",\"rule\":\"" rule "\"}],\"more_errors\":0}"

/* "listener/l: reason;" for each that is held. */
static const char *held(void)
{
    static char buf[1024];
    size_t n = 0;

    buf[0] = '\0';
    list_foreach (it, &outbox.held) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);

        n += (size_t)snprintf(buf + n, sizeof(buf) - n, "%s: %s;", item->key, item->reason);
    }
    return buf;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void changes_of_one_turn_are_one_message(void **state)
{
    (void)state;
    put("listener", "l", "g");
    put("server_group", "g", NULL);
    put("listener", "l", "g"); /* again: still once */
    put("rule", "gone", NULL);
    take_out("rule", "gone"); /* never was there: nothing to remove */
    assert_string_equal(message(7), "+g+l");
    assert_int_equal(answer(OK), 0);
    assert_string_equal(message(8), "");
    take_out("listener", "l");
    assert_string_equal(message(8), "-l");
    assert_int_equal(answer(OK), 0);
    assert_int_equal(outbox.items.n, 1);
}

static void changes_meanwhile_go_with_the_next_one(void **state)
{
    (void)state;
    put("server_group", "g", NULL);
    assert_string_equal(message(1), "+g");
    put("server_group", "g", "other");
    put("server_group", "h", NULL);
    assert_int_equal(answer(OK), 0);
    assert_string_equal(message(2), "+h+g");
    take_out("server_group", "g");
    take_out("server_group", "h");
    assert_int_equal(answer(OK), 0);
    assert_string_equal(message(3), "-h-g");
    assert_int_equal(answer(OK), 0);
    assert_int_equal(outbox.items.n, 0);
}

static void refused_ones_are_held_in_the_data_planes_words(void **state)
{
    (void)state;
    put("listener", "l", "g");
    put("server_group", "g", NULL);
    assert_string_equal(message(1), "+l+g");
    assert_int_equal(
        answer(REFUSED("listener/l", "cannot be bound: Permission denied")), OUTBOX_REFUSED);
    assert_string_equal(
        held(), "listener/l: bind 127.16.0.5:80: cannot be bound: Permission denied;");
    assert_string_equal(message(2), "+g"); /* without it, although it names what is sent */
    assert_int_equal(answer(OK), 0);
    assert_string_equal(message(3), "");
}

static void dependants_fall_in_the_next_round_and_come_later(void **state)
{
    (void)state;
    put("server_group", "g", NULL);
    put("listener", "l", "g");
    put("listener", "other", NULL);
    (void)message(1);
    assert_int_equal(answer(REFUSED("server_group/g", "is odd")), OUTBOX_REFUSED);
    assert_string_equal(message(2), "+l+other");
    assert_int_equal(
        answer(REFUSED("listener/l", "is not the id of a server_group")), OUTBOX_REFUSED);
    assert_string_equal(message(3), "+other");
    assert_int_equal(answer(OK), 0);
    list_foreach (it, &outbox.held) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);

        assert_int_equal(item->round, strcmp(item->key, "listener/l") == 0 ? 2 : 1);
    }
    put("server_group", "g", "mended");
    assert_string_equal(message(4), "+g+l"); /* the listener names what changed */
    assert_int_equal(answer(OK), 0);
    assert_string_equal(held(), "");
}

static void what_is_missing_because_it_is_refused_is_the_reason(void **state)
{
    (void)state;
    put("server_group", "g", NULL);
    put("listener", "l", "g");
    (void)message(1);
    assert_int_equal(answer(REFUSED("server_group/g", "is odd")), OUTBOX_REFUSED);
    (void)message(2);
    assert_int_equal(
        answer(
            "{\"version\":2,\"ok\":false,\"errors\":[{\"resource\":\"listener/l\",\"field\":\"group\","
            "\"value\":\"g\",\"rule\":\"is not the id of a server_group\"}]}"),
        OUTBOX_REFUSED);
    assert_string_equal(held(), "server_group/g: bind 127.16.0.5:80: is odd;"
                                "listener/l: needs server_group/g, which is refused;");
}

static void removal_that_is_refused_is_tried_with_the_next_change(void **state)
{
    (void)state;
    put("server_group", "g", NULL);
    (void)message(1);
    assert_int_equal(answer(OK), 0);
    take_out("server_group", "g");
    assert_string_equal(message(2), "-g");
    assert_int_equal(
        answer(REFUSED("server_group/g", "cannot be removed: it is used by listener/x")),
        OUTBOX_REFUSED);
    assert_string_equal(message(3), "");
    put("listener", "l", NULL);
    assert_string_equal(message(3), "+l-g");
    assert_int_equal(answer(OK), 0);
    assert_int_equal(outbox.items.n, 1);
}

static void a_complaint_of_what_was_not_sent_holds_what_it_names(void **state)
{
    (void)state;
    put("rule", "r", "l");
    put("listener", "l", NULL);
    (void)message(1);
    assert_int_equal(answer(OK), 0);
    put("listener", "l", "g");
    put("server_group", "g", NULL);
    (void)message(2);
    assert_int_equal(answer(REFUSED("rule/r", "needs an http listener")), OUTBOX_REFUSED);
    assert_string_equal(
        held(), "listener/l: does not fit to rule/r: bind 127.16.0.5:80: needs an http listener;");
    assert_string_equal(message(3), "+g");
}

static void complaints_by_place_and_of_everything(void **state)
{
    (void)state;
    put("cron", "c", NULL);
    put("listener", "l", NULL);
    assert_string_equal(message(1), "+c+l");
    assert_int_equal(answer(REFUSED("upsert[0]", "is not a kind of resource")), OUTBOX_REFUSED);
    assert_string_equal(message(2), "+l");
    assert_int_equal(answer(REFUSED("document", "makes too many")), OUTBOX_REFUSED);
    assert_string_equal(held(), "cron/c: bind 127.16.0.5:80: is not a kind of resource;"
                                "listener/l: bind 127.16.0.5:80: makes too many;");
    assert_string_equal(message(3), "");
}

static void what_changed_in_flight_is_not_held_for_its_old_self(void **state)
{
    (void)state;
    put("listener", "l", NULL);
    (void)message(1);
    put("listener", "l", "mended");
    assert_int_equal(answer(REFUSED("listener/l", "is odd")), OUTBOX_REFUSED);
    assert_string_equal(held(), "");
    assert_string_equal(message(2), "+l");
}

static void held_ones_are_tried_when_told(void **state)
{
    (void)state;
    put("listener", "a", NULL);
    put("listener", "b", NULL);
    (void)message(1);
    assert_int_equal(
        answer("{\"ok\":false,\"errors\":[{\"resource\":\"listener/a\",\"rule\":\"x\"},"
               "{\"resource\":\"listener/b\",\"rule\":\"y\"}]}"),
        OUTBOX_REFUSED);
    assert_string_equal(held(), "listener/a: x;listener/b: y;");
    outbox_retry_doc(&outbox, "doc-b");
    assert_string_equal(message(2), "+b");
    assert_int_equal(answer(OK), 0);
    outbox_retry(&outbox);
    assert_string_equal(message(3), "+a");
}

static void answers_that_make_no_sense_change_nothing(void **state)
{
    (void)state;
    put("listener", "l", NULL);
    (void)message(1);
    assert_int_equal(answer("{}"), -EPROTO);
    assert_int_equal(answer("[]"), -EPROTO);
    assert_int_equal(answer("{\"ok\":false}"), -EPROTO);
    assert_int_equal(answer(REFUSED("change", "this process is ending")), OUTBOX_ENDING);
    assert_string_equal(message(1), "+l");
}

static void a_data_plane_met_anew_gets_all_and_loses_what_is_not_wanted(void **state)
{
    json_t *names = json_pack("[s, s, s]", "listener/l", "rule/old", "nonsense");

    (void)state;
    put("listener", "l", NULL);
    put("server_group", "g", NULL);
    (void)message(1);
    outbox_restart(&outbox, names);
    json_decref(names);
    assert_int_equal(outbox.n_pending, 3);
    assert_non_null(strstr(message(2), "-old"));
    assert_int_equal(answer(OK), 0);
    assert_int_equal(outbox.items.n, 2);
}

static void a_lost_message_is_sent_again(void **state)
{
    (void)state;
    put("listener", "l", NULL);
    assert_string_equal(message(1), "+l");
    outbox_lost(&outbox);
    assert_string_equal(message(2), "+l");
    outbox_acknowledge(&outbox);
    assert_string_equal(message(3), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(changes_of_one_turn_are_one_message),
        TEST(changes_meanwhile_go_with_the_next_one),
        TEST(refused_ones_are_held_in_the_data_planes_words),
        TEST(what_is_missing_because_it_is_refused_is_the_reason),
        TEST(dependants_fall_in_the_next_round_and_come_later),
        TEST(removal_that_is_refused_is_tried_with_the_next_change),
        TEST(a_complaint_of_what_was_not_sent_holds_what_it_names),
        TEST(complaints_by_place_and_of_everything),
        TEST(what_changed_in_flight_is_not_held_for_its_old_self),
        TEST(held_ones_are_tried_when_told),
        TEST(answers_that_make_no_sense_change_nothing),
        TEST(a_data_plane_met_anew_gets_all_and_loses_what_is_not_wanted),
        TEST(a_lost_message_is_sent_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
