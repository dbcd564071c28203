#include <signal.h>
#include <sys/resource.h>

#include "control_things.h"

static void answers_in_the_shape_of_the_table(void **state)
{
    json_t *answer = things_call("CreateThing", "Name=a&RegionId=here&Unknown=1", 200);

    (void)state;
    assert_int_equal(json_object_size(answer), 3);
    assert_int_equal(strlen(json_text(answer, "JobId")), 36);
    assert_memory_equal(json_text(answer, "ThingId"), "thing-", 6);
    assert_int_equal(things_count(THING_KIND), 1);
    json_decref(answer);
}

static void a_required_region_may_be_left_out(void **state)
{
    (void)state;
    json_decref(things_call("CreateThing", "Name=a", 200));
    json_decref(things_call("CreateThing", "Name=a&RegionId=", 200));
}

static void refuses(void **state)
{
    static const struct {
        const char *name, *form;
        unsigned status;
        const char *code;
    } cases[] = {
        {"CreateThing", "RegionId=here", 400, "MissingParameter"},
        {"CreateThing", "Name=a&RegionId=there", 404, "InvalidRegionId.NotFound"},
        {"CreateThing", "Name=a&DryRun=maybe", 400, "InvalidParameter"},
        {"CreateThing", "Name=a&DryRun=true", 400, "DryRunOperation"},
        {"CreateThing", "Name=a&ClientToken=a%20b", 400, "InvalidParameter"},
        {"BreakThing", "Name=a", 400, "OperationDenied.Thing"},
        {"BreakThing", "Name=a&DryRun=true", 400, "OperationDenied.Thing"},
        {"MoveThing", "", 400, "UnsupportedOperation"},
        {"ModifyPayType", "", 400, "UnsupportedOperation"},
        {"ListThings", "NextToken=x", 400, "InvalidParameter"},
        {"ListThings", "NextToken=00000000000000010000000000000001", 400, "InvalidParameter"},
        {"ListThings", "MaxResults=0", 400, "InvalidParameter"},
        {"ListNumbered", "PageNumber=0", 400, "InvalidParameter"},
        {"ListNumbered", "PageSize=-1", 400, "InvalidParameter"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        things_fail(cases[i].name, cases[i].form, cases[i].status, cases[i].code);
    assert_int_equal(things_count(THING_KIND), 0);
    assert_int_equal(things_count("system.job"), 0);
    assert_int_equal(things_count("system.token"), 0);
}

static void the_same_token_gives_the_same_answer(void **state)
{
    json_t *first = things_call("CreateThing", "Name=a&ClientToken=t1", 200);
    json_t *again = things_call("CreateThing", "ClientToken=t1&Name=a", 200);
    json_t *other = things_call("CreateThing", "Name=a&ClientToken=t2", 200);

    (void)state;
    assert_true(json_equal(first, again));
    assert_false(json_equal(first, other));
    assert_int_equal(things_count(THING_KIND), 2);
    things_fail("CreateThing", "Name=b&ClientToken=t1", 400, "IdempotentParameterMismatch");
    thing_caller.access_key_id = "key-2";
    json_decref(things_call("CreateThing", "Name=b&ClientToken=t1", 200));
    thing_caller.access_key_id = "key-1";
    thing_now_ms += 24ull * 3600 * 1000;
    json_decref(things_call("CreateThing", "Name=b&ClientToken=t1", 200));
    assert_int_equal(things_count(THING_KIND), 4);
    assert_int_equal(things_count("system.token"), 3);
    json_decref(first);
    json_decref(again);
    json_decref(other);
}

static void a_job_tells_what_it_is_for(void **state)
{
    json_t *answer = things_call("CreateThing", "Name=a", 200);
    struct txn *txn = txn_begin(thing_control.catalog);
    const json_t *job = txn_body(txn, "system.job", json_text(answer, "JobId"));

    (void)state;
    assert_non_null(job);
    assert_string_equal(json_text(job, "Product"), "Things");
    assert_string_equal(json_text(job, "ApiName"), "CreateThing");
    assert_string_equal(json_text(job, "ResourceType"), "thing");
    assert_string_equal(json_text(job, "ResourceId"), json_text(answer, "ThingId"));
    assert_string_equal(json_text(job, "Status"), "Processing");
    assert_int_equal(json_int(job, "CreateTime", 0), NOW_MS);
    (void)txn_abort(txn);
    json_decref(answer);
}

static void a_disk_that_takes_nothing_changes_nothing(void **state)
{
    struct rlimit before, none;
    json_t *answer;

    (void)state;
    json_decref(things_call("CreateThing", "Name=a", 200));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = (struct rlimit){1, before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    answer = things_call("CreateThing", "Name=b&ClientToken=t", 503);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_string_equal(json_text(answer, "Code"), "ServiceUnavailable");
    json_decref(answer);
    assert_int_equal(things_count(THING_KIND), 1);
    assert_int_equal(things_count("system.token"), 0);
    json_decref(things_call("CreateThing", "Name=b&ClientToken=t", 200));
    assert_int_equal(things_count(THING_KIND), 2);
}

static void old_jobs_make_room(void **state)
{
    struct txn *txn = txn_begin(thing_control.catalog);
    char id[64];

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        txn_new_id(txn, "job-", id);
        assert_int_equal(txn_add(txn, "system.job", id, json_object()), 0);
    }
    assert_int_equal(txn_commit(txn, NULL, 0, NULL), 0);
    json_decref(things_call("CreateThing", "Name=a", 200));
    assert_int_equal(things_count("system.job"), 9001);
}

/* --- permissions --------------------------------------------------------------------------------- */

static void add_key(const char *id, const char *json)
{
    struct txn *txn = txn_begin(thing_control.catalog);

    assert_int_equal(txn_add(txn, "system.access_key", id, json_loads(json, 0, NULL)), 0);
    assert_int_equal(txn_commit(txn, NULL, 0, NULL), 0);
}

static void keys_may_do_what_they_say(void **state)
{
    static const struct {
        const char *id, *json;
        unsigned read_status, write_status;
    } cases[] = {
        {"full", "{\"Status\":\"Active\",\"Permission\":\"full\",\"Products\":[]}", 200, 200},
        {"reader", "{\"Status\":\"Active\",\"Permission\":\"read-only\",\"Products\":[]}", 200,
            403},
        {"things",
            "{\"Status\":\"Active\",\"Permission\":\"full\",\"Products\":[\"Slb\",\"Things\"]}",
            200, 200},
        {"slb", "{\"Status\":\"Active\",\"Permission\":\"full\",\"Products\":[\"Slb\"]}", 403, 403},
        {"off", "{\"Status\":\"Inactive\",\"Permission\":\"full\",\"Products\":[]}", 403, 403},
    };

    (void)state;
    thing_caller.is_root = false;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        add_key(cases[i].id, cases[i].json);
        thing_caller.access_key_id = cases[i].id;
        json_decref(things_call("ListThings", "", cases[i].read_status));
        json_decref(things_call("CreateThing", "Name=a", cases[i].write_status));
    }
    thing_caller.access_key_id = "nobody";
    things_fail("ListThings", "", 403, "Forbidden.NoPermission");
}

/* --- the operation log --------------------------------------------------------------------------- */

static json_t *events[8];
static unsigned n_events;

static int on_event(void *arg, uint64_t number, struct span json)
{
    (void)arg;
    (void)number;
    assert_true(n_events < ARRAY_LEN(events));
    events[n_events++] = json_loadb(json.ptr, json.len, 0, NULL);
    return 0;
}

static void read_events(void)
{
    const struct store_event_query query = {.limit = 50, .oldest_first = true};

    n_events = 0;
    assert_int_equal(store_events(thing_control.store, &query, on_event, NULL), 0);
}

static void free_events(void)
{
    for (unsigned i = 0; i < n_events; i++)
        json_decref(events[i]);
}

static void every_call_is_logged_without_secrets(void **state)
{
    (void)state;
    json_decref(things_call("ListThings", "", 200));
    things_fail("BreakThing", "Name=b&Password=hidden", 400, "OperationDenied.Thing");
    json_decref(things_call("CreateThing", "Name=a&Password=hidden", 200));
    read_events();
    assert_int_equal(n_events, 1); /* changes at once, the others when they are flushed */
    assert_string_equal(json_text(events[0], "eventName"), "CreateThing");
    assert_string_equal(json_text(events[0], "eventRW"), "Write");
    assert_string_equal(json_text(events[0], "eventTime"), "2026-01-02T03:04:05Z");
    assert_string_equal(json_text(events[0], "sourceIpAddress"), "127.0.0.9");
    assert_string_equal(
        json_text(json_object_get(events[0], "userIdentity"), "accessKeyId"), "key-1");
    assert_string_equal(
        json_text(json_object_get(events[0], "requestParameters"), "Password"), "***");
    assert_string_equal(json_text(events[0], "resourceName"),
        json_text(json_object_get(events[0], "responseElements"), "ThingId"));
    free_events();
    api_flush_events(thing_api);
    read_events();
    assert_int_equal(n_events, 3);
    assert_string_equal(json_text(events[2], "eventName"), "BreakThing");
    assert_string_equal(json_text(events[2], "errorCode"), "OperationDenied.Thing");
    assert_string_equal(
        json_text(json_object_get(events[2], "requestParameters"), "Password"), "***");
    free_events();
}

/* --- pages --------------------------------------------------------------------------------------- */

static void make_things(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char form[64];

        (void)snprintf(
            form, sizeof(form), "Name=%c&Tag.1.Key=odd&Tag.1.Value=%u", 'a' + (char)i, i % 2);
        json_decref(things_call("CreateThing", form, 200));
    }
}

/* Names of an answer's things in a row; "" at most 32. */
static const char *names_of(const json_t *answer)
{
    static char names[33];
    const json_t *row;
    size_t i;

    names[0] = '\0';
    json_array_foreach (json_object_get(answer, "Things"), i, row)
        (void)snprintf(
            names + strlen(names), sizeof(names) - strlen(names), "%s", json_text(row, "Name"));
    return names;
}

static void pages_by_token(void **state)
{
    json_t *page, *next;
    char form[128];

    (void)state;
    make_things(5);
    page = things_call("ListThings", "MaxResults=2", 200);
    assert_string_equal(names_of(page), "ab");
    assert_int_equal(json_int(page, "TotalCount", 0), 5);
    assert_int_equal(json_int(page, "MaxResults", 0), 2);
    (void)snprintf(form, sizeof(form), "MaxResults=2&NextToken=%s", json_text(page, "NextToken"));
    next = things_call("ListThings", form, 200);
    assert_string_equal(names_of(next), "cd");
    (void)snprintf(form, sizeof(form), "MaxResults=2&NextToken=%s", json_text(next, "NextToken"));
    json_decref(page);
    json_decref(next);
    page = things_call("ListThings", form, 200);
    assert_string_equal(names_of(page), "e");
    assert_null(json_text(page, "NextToken"));
    json_decref(page);
}

static void pages_by_number(void **state)
{
    static const struct {
        const char *form, *names;
    } cases[] = {
        {"PageSize=2", "ab"},
        {"PageNumber=1&PageSize=2", "ab"},
        {"PageNumber=3&PageSize=2", "e"},
        {"PageNumber=4&PageSize=2", ""},
        {"PageNumber=2147483647&PageSize=1000", ""},
        {"", "abcde"},
    };

    (void)state;
    make_things(5);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *page = things_call("ListNumbered", cases[i].form, 200);

        assert_string_equal(names_of(page), cases[i].names);
        assert_int_equal(json_int(page, "TotalCount", 0), 5);
        json_decref(page);
    }
}

/* --- tags ---------------------------------------------------------------------------------------- */

static void tags_filter_lists(void **state)
{
    static const struct {
        const char *form, *names;
    } cases[] = {
        {"Tag.1.Key=odd", "abcd"},
        {"Tag.1.Key=odd&Tag.1.Value=1", "bd"},
        {"Tag.1.Key=odd&Tag.1.Value=2", ""},
        {"Tag.1.Key=even", ""},
        {"Tag.1.Key=odd&Tag.2.Key=even", ""},
    };

    (void)state;
    make_things(4);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *page = things_call("ListThings", cases[i].form, 200);

        assert_string_equal(names_of(page), cases[i].names);
        json_decref(page);
    }
}

static void tags_have_rules(void **state)
{
    static const char *const bad[] = {
        "Tag.1.Value=v",
        "Tag.1.Key=aliyun-x",
        "Tag.1.Key=ACS:x",
        "Tag.1.Key=see%20http://x",
        "Tag.1.Key=k&Tag.1.Value=https://x",
        "Tag.1.Key=k&Tag.2.Key=k",
    };
    char form[1024] = "Name=a";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(form, sizeof(form), "Name=a&%s", bad[i]);
        things_fail("CreateThing", form, 400, "InvalidParameter");
    }
    (void)snprintf(form, sizeof(form), "Name=a");
    for (unsigned i = 1; i <= 21; i++)
        (void)snprintf(form + strlen(form), sizeof(form) - strlen(form), "&Tag.%u.Key=k%u", i, i);
    things_fail("CreateThing", form, 400, "QuotaExceeded.TagsNum");
    assert_int_equal(things_count(THING_KIND), 0);
}

/* Tags of a thing as "k=v " in a row. */
static const char *tags_of(const char *thing)
{
    static char tags[256];
    char form[128];
    json_t *answer;
    const json_t *row;
    size_t i;

    (void)snprintf(form, sizeof(form), "ResourceType=thing&ResourceId.1=%s", thing);
    answer = things_call("ListTagResources", form, 200);
    tags[0] = '\0';
    json_array_foreach (json_object_get(answer, "TagResources"), i, row)
        (void)snprintf(tags + strlen(tags), sizeof(tags) - strlen(tags), "%s=%s ",
            json_text(row, "TagKey"), json_text(row, "TagValue"));
    json_decref(answer);
    return tags;
}

static void tags_come_and_go(void **state)
{
    static const struct {
        const char *operation, *form, *tags;
    } steps[] = {
        {"TagResources", "Tag.1.Key=b&Tag.1.Value=2&Tag.2.Key=c", "a=1 b=2 c= "},
        {"TagResources", "Tag.1.Key=b&Tag.1.Value=3", "a=1 b=3 c= "},
        {"UntagResources", "TagKey.1=a&TagKey.2=x", "b=3 c= "},
        {"UntagResources", "Tag.1.Key=b&Tag.1.Value=9", "b=3 c= "},
        {"UntagResources", "Tag.1.Key=b&Tag.1.Value=3", "c= "},
        {"UntagResources", "All=true", ""},
    };
    json_t *thing = things_call("CreateThing", "Name=a&Tag.1.Key=a&Tag.1.Value=1", 200);
    const char *id = json_text(thing, "ThingId");
    char form[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        (void)snprintf(
            form, sizeof(form), "ResourceType=Thing&ResourceId.1=%s&%s", id, steps[i].form);
        json_decref(things_call(steps[i].operation, form, 200));
        assert_string_equal(tags_of(id), steps[i].tags);
    }
    (void)snprintf(
        form, sizeof(form), "ResourceType=thing&ResourceId.1=%s&ResourceId.2=x&Tag.1.Key=k", id);
    things_fail("TagResources", form, 404, "ResourceNotFound.Thing");
    assert_string_equal(tags_of(id), "");
    things_fail("TagResources", "ResourceType=other&ResourceId.1=x&Tag.1.Key=k", 400,
        "UnsupportedParameter");
    things_fail("UntagResources", "ResourceType=thing&ResourceId.1=x", 400, "MissingParameter");
    json_decref(thing);
}

static void the_programs_functions_fit_its_tables(void **state)
{
    struct api *api = api_new(&thing_control);

    (void)state;
    assert_non_null(api);
    (void)api_free(api);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, things_setup, things_teardown)
    const struct CMUnitTest tests[] = {
        TEST(answers_in_the_shape_of_the_table),
        TEST(a_required_region_may_be_left_out),
        TEST(refuses),
        TEST(the_same_token_gives_the_same_answer),
        TEST(a_job_tells_what_it_is_for),
        TEST(a_disk_that_takes_nothing_changes_nothing),
        TEST(old_jobs_make_room),
        TEST(keys_may_do_what_they_say),
        TEST(every_call_is_logged_without_secrets),
        TEST(pages_by_token),
        TEST(pages_by_number),
        TEST(tags_filter_lists),
        TEST(tags_have_rules),
        TEST(tags_come_and_go),
        TEST(the_programs_functions_fit_its_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
