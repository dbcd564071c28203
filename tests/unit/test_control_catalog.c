#include "base/clock.h"
#include "base/text.h"
#include "control/store/catalog.h"
#include "control/store/refs.h"
#include "control_make.h"

/* --- helpers --------------------------------------------------------------------------------- */

static struct store *store;
static struct catalog *catalog;

static void catalog_start(void)
{
    const char *why = "";

    store = make_store();
    catalog = catalog_open(store, &why);
    if (!catalog)
        fail_msg("%s", why);
}

static void catalog_stop(void)
{
    catalog = catalog_free(catalog);
    store = store_close(store);
}

static int setup(void **state)
{
    int r = make_dir_setup(state);

    if (r == 0)
        catalog_start();
    return r;
}

static int teardown(void **state)
{
    catalog_stop();
    return make_dir_teardown(state);
}

/* {"LoadBalancerId": target}, or {} without a target. */
static json_t *naming(const char *target)
{
    return target ? json_pack("{s:s}", "LoadBalancerId", target) : json_object();
}

static void add(struct txn *txn, const char *kind, const char *id, json_t *body)
{
    assert_int_equal(txn_add(txn, kind, id, body), 0);
}

static void commit(struct txn *txn)
{
    assert_int_equal(txn_commit(txn, NULL, 0, NULL), 0);
}

static void assert_list_is(struct doc_list *list, const char *expected)
{
    char buf[256];
    struct text text;

    text_init_fixed(&text, buf, sizeof(buf));
    for (uint32_t i = 0; i < list->n; i++)
        text_addf(&text, "%s ", list->docs[i]->id);
    assert_span_is(text_span(&text), expected);
    doc_list_done(list);
}

static void assert_kind_is(struct txn *txn, const char *kind, const char *expected)
{
    struct doc_list list;
    uint32_t n = 0;

    for (const char *c = expected; *c; c++)
        n += *c == ' ';
    assert_int_equal(txn_count(txn, kind), n);
    txn_list(txn, kind, &list);
    assert_list_is(&list, expected);
}

static void assert_users_are(
    struct txn *txn, const char *kind, const char *target, const char *expected)
{
    struct doc_list list;
    uint32_t n = 0;

    for (const char *c = expected; *c; c++)
        n += *c == ' ';
    assert_int_equal(txn_count_users(txn, kind, target), n);
    txn_users(txn, kind, target, &list);
    assert_list_is(&list, expected);
}

/* --- kinds and refs -------------------------------------------------------------------------- */

static void kinds_are_sorted_and_found(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < n_kinds; i++) {
        assert_true(i == 0 || strcmp(kinds[i - 1].name, kinds[i].name) < 0);
        assert_ptr_equal(kind_find(kinds[i].name), &kinds[i]);
    }
    assert_null(kind_find("alb.lis"));
    assert_null(kind_find(""));
    assert_null(kind_find("zzz"));
}

static bool ref_show(void *arg, const char *target)
{
    text_addf(arg, "%s ", target);
    return false;
}

static void refs_follow_their_paths(void **state)
{
    static const struct {
        const char *kind, *body, *expected;
    } cases[] = {
        {"alb.listener", "{}", ""},
        {"alb.listener", "{\"LoadBalancerId\":\"lb\",\"SecurityPolicyId\":\"\"}", "lb "},
        {"alb.listener", "{\"LoadBalancerId\":7,\"Certificates\":{\"CertificateId\":\"c\"}}", ""},
        {"alb.listener",
            "{\"Certificates\":[{\"CertificateId\":\"c1\"},{},7,{\"CertificateId\":\"c2\"}]}",
            "c1 c2 "},
        {"alb.listener",
            "{\"DefaultActions\":[{\"ForwardGroupConfig\":{\"ServerGroupTuples\":"
            "[{\"ServerGroupId\":\"a\"},{\"ServerGroupId\":\"b\"}]}},{\"Type\":\"x\"},"
            "{\"ForwardGroupConfig\":{\"ServerGroupTuples\":[{\"ServerGroupId\":\"c\"}]}}]}",
            "a b c "},
        {"alb.load_balancer", "{\"SecurityGroupIds\":[\"s1\",\"s2\",\"s1\"]}", "s1 s2 s1 "},
        {"alb.load_balancer", "{\"SecurityGroupIds\":\"s1\"}", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *body = json_loads(cases[i].body, 0, NULL);
        char buf[128];
        struct text text;

        text_init_fixed(&text, buf, sizeof(buf));
        assert_false(refs_walk(kind_find(cases[i].kind), body, ref_show, &text));
        assert_span_is(text_span(&text), cases[i].expected);
        json_decref(body);
    }
}

/* --- transactions ---------------------------------------------------------------------------- */

static void a_transaction_sees_its_writes(void **state)
{
    struct txn *txn = txn_begin(catalog);
    json_t *body;

    (void)state;
    add(txn, "alb.rule", "r1", naming("lb1"));
    assert_int_equal(txn_add(txn, "alb.rule", "r1", json_object()), -EEXIST);
    assert_int_equal(txn_add(txn, "alb.acl", "r1", json_object()), -EEXIST);
    assert_null(txn_get(txn, "alb.acl", "r1"));
    assert_true(txn_get(txn, "alb.rule", "r1")->revision == UINT64_MAX);
    assert_kind_is(txn, "alb.rule", "r1 ");
    assert_users_are(txn, "alb.rule", "lb1", "r1 ");
    body = txn_edit(txn, "alb.rule", "r1");
    assert_ptr_equal(body, txn_edit(txn, "alb.rule", "r1"));
    assert_int_equal(json_object_set_new(body, "LoadBalancerId", json_string("lb2")), 0);
    assert_users_are(txn, "alb.rule", "lb1", "");
    assert_users_are(txn, "alb.rule", "lb2", "r1 ");
    assert_true(txn_remove(txn, "alb.rule", "r1"));
    assert_false(txn_remove(txn, "alb.rule", "r1"));
    assert_null(txn_edit(txn, "alb.rule", "r1"));
    assert_kind_is(txn, "alb.rule", "");
    assert_users_are(txn, "alb.rule", "lb2", "");
    add(txn, "alb.acl", "r1", json_object());
    assert_kind_is(txn, "alb.acl", "r1 ");
    (void)txn_abort(txn);

    txn = txn_begin(catalog);
    assert_kind_is(txn, "alb.acl", "");
    (void)txn_abort(txn);
    (void)txn_abort(NULL);
}

/* Three rules of two targets, committed; then each case changes them in a second transaction. */
static void make_rules(void)
{
    struct txn *txn = txn_begin(catalog);

    add(txn, "alb.rule", "r1", naming("lb1"));
    add(txn, "alb.rule", "r2", naming("lb1"));
    add(txn, "alb.rule", "r3", naming("lb2"));
    commit(txn);
}

static void case_edit(struct txn *txn)
{
    json_object_set_new(txn_edit(txn, "alb.rule", "r3"), "LoadBalancerId", json_string("lb1"));
    json_object_set_new(txn_edit(txn, "alb.rule", "r1"), "LoadBalancerId", json_string("lb2"));
}

static void case_remove(struct txn *txn)
{
    assert_true(txn_remove(txn, "alb.rule", "r2"));
}

static void case_edit_and_remove(struct txn *txn)
{
    assert_non_null(txn_edit(txn, "alb.rule", "r1"));
    assert_true(txn_remove(txn, "alb.rule", "r1"));
    assert_null(txn_get(txn, "alb.rule", "r1"));
}

static void case_remove_and_add(struct txn *txn)
{
    assert_true(txn_remove(txn, "alb.rule", "r1"));
    add(txn, "alb.rule", "r1", naming("lb2"));
}

static void case_other_kind(struct txn *txn)
{
    assert_true(txn_remove(txn, "alb.rule", "r1"));
    add(txn, "alb.listener", "r1", naming("lb1"));
    assert_null(txn_get(txn, "alb.rule", "r1"));
}

static void case_add(struct txn *txn)
{
    add(txn, "alb.rule", "r0", naming("lb1"));
    add(txn, "alb.listener", "l1", naming("lb1"));
}

static void case_add_and_remove(struct txn *txn)
{
    add(txn, "alb.rule", "r0", naming("lb1"));
    assert_true(txn_remove(txn, "alb.rule", "r0"));
}

static const struct {
    const char *name;
    void (*fn)(struct txn *txn);
    const char *rules, *of_lb1, *of_lb2;
    uint32_t any_of_lb1;
    uint64_t revision; /* after the commit; 1: nothing was written */
} combinations[] = {
    {"edit", case_edit, "r1 r2 r3 ", "r2 r3 ", "r1 ", 2, 2},
    {"remove", case_remove, "r1 r3 ", "r1 ", "r3 ", 1, 2},
    {"edit and remove", case_edit_and_remove, "r2 r3 ", "r2 ", "r3 ", 1, 2},
    {"remove and add", case_remove_and_add, "r1 r2 r3 ", "r2 ", "r1 r3 ", 1, 2},
    {"remove and add as another kind", case_other_kind, "r2 r3 ", "r2 ", "r3 ", 2, 2},
    {"add", case_add, "r1 r2 r3 r0 ", "r1 r2 r0 ", "r3 ", 4, 2},
    {"add and remove", case_add_and_remove, "r1 r2 r3 ", "r1 r2 ", "r3 ", 2, 1},
};

static void assert_combination(size_t i)
{
    struct txn *txn = txn_begin(catalog);

    assert_kind_is(txn, "alb.rule", combinations[i].rules);
    assert_users_are(txn, "alb.rule", "lb1", combinations[i].of_lb1);
    assert_users_are(txn, "alb.rule", "lb2", combinations[i].of_lb2);
    assert_int_equal(txn_count_users(txn, NULL, "lb1"), combinations[i].any_of_lb1);
    (void)txn_abort(txn);
}

static void changes_combine(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(combinations); i++) {
        struct txn *txn;
        uint64_t revision;

        print_message("%s\n", combinations[i].name);
        make_rules();
        txn = txn_begin(catalog);
        combinations[i].fn(txn);
        assert_kind_is(txn, "alb.rule", combinations[i].rules);
        assert_users_are(txn, "alb.rule", "lb1", combinations[i].of_lb1);
        assert_users_are(txn, "alb.rule", "lb2", combinations[i].of_lb2);
        assert_int_equal(txn_count_users(txn, NULL, "lb1"), combinations[i].any_of_lb1);
        assert_int_equal(txn_commit(txn, NULL, 0, &revision), 0);
        assert_int_equal(revision, combinations[i].revision);
        assert_combination(i);
        catalog_stop();
        catalog_start();
        assert_combination(i);
        assert_int_equal(teardown(NULL), 0);
        assert_int_equal(setup(NULL), 0);
    }
}

static void an_aborted_transaction_leaves_no_trace(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(combinations); i++) {
        struct txn *txn;

        if (i == 0)
            make_rules();
        txn = txn_begin(catalog);
        combinations[i].fn(txn);
        (void)txn_abort(txn);
        txn = txn_begin(catalog);
        assert_kind_is(txn, "alb.rule", "r1 r2 r3 ");
        assert_users_are(txn, "alb.rule", "lb1", "r1 r2 ");
        assert_users_are(txn, "alb.rule", "lb2", "r3 ");
        assert_int_equal(txn_count_users(txn, NULL, "lb1"), 2);
        (void)txn_abort(txn);
    }
    assert_int_equal(store_revision(store), 1);
}

static void borrowed_documents_stay(void **state)
{
    struct txn *txn;
    const struct doc *before, *edited;

    (void)state;
    make_rules();
    txn = txn_begin(catalog);
    before = txn_get(txn, "alb.rule", "r1");
    json_object_set_new(txn_edit(txn, "alb.rule", "r1"), "LoadBalancerId", json_string("new"));
    edited = txn_get(txn, "alb.rule", "r1");
    assert_true(txn_remove(txn, "alb.rule", "r1"));
    assert_string_equal(json_string_value(json_object_get(before->body, "LoadBalancerId")), "lb1");
    assert_true(before->revision == 1 && before->created == 1);
    assert_string_equal(edited->id, "r1");
    (void)txn_abort(txn);
}

static void an_edit_without_a_difference_is_none(void **state)
{
    struct txn *txn;
    uint64_t revision;

    (void)state;
    make_rules();
    txn = txn_begin(catalog);
    json_object_set_new(txn_edit(txn, "alb.rule", "r1"), "LoadBalancerId", json_string("lb1"));
    assert_int_equal(txn_commit(txn, NULL, 0, &revision), 0);
    assert_int_equal(revision, 1);
    txn = txn_begin(catalog);
    assert_int_equal(txn_commit(txn, NULL, 0, &revision), 0);
    assert_int_equal(revision, 1);
}

static void a_failed_commit_changes_nothing(void **state)
{
    const struct store_event event = {.id = SPAN_LIT("e"), .json = SPAN_LIT("{}")};
    struct txn *txn;

    (void)state;
    txn = txn_begin(catalog);
    assert_int_equal(txn_commit(txn, &event, 1, NULL), 0);
    make_rules();
    txn = txn_begin(catalog);
    case_edit(txn);
    case_remove(txn);
    case_add(txn);
    /* The id of the event is in use. */
    assert_int_equal(txn_commit(txn, &event, 1, NULL), -EIO);
    txn = txn_begin(catalog);
    assert_kind_is(txn, "alb.rule", "r1 r2 r3 ");
    assert_users_are(txn, "alb.rule", "lb1", "r1 r2 ");
    (void)txn_abort(txn);
}

static void new_ids_are_new(void **state)
{
    struct txn *txn = txn_begin(catalog);
    char one[64], two[64];

    (void)state;
    txn_new_id(txn, "alb-", one);
    txn_new_id(txn, "alb-", two);
    assert_int_equal(strlen(one), 24);
    assert_memory_equal(one, "alb-", 4);
    assert_int_equal(strspn(one + 4, "0123456789abcdefghijklmnopqrstuvwxyz"), 20);
    assert_string_not_equal(one, two);
    (void)txn_abort(txn);
}

/* --- subscribers ----------------------------------------------------------------------------- */

static const char *lb_of(const json_t *body)
{
    return body ? json_string_value(json_object_get(body, "LoadBalancerId")) : "-";
}

static void show_change(void *arg, const struct kind *kind, const char *id, json_t *old_body,
    const struct doc *doc, uint64_t revision)
{
    text_addf(arg, "%s/%s %s>%s @%d; ", kind ? kind->name : "", id ? id : "", lb_of(old_body),
        lb_of(doc ? doc->body : NULL), (int)revision);
}

static void subscribers_are_told(void **state)
{
    char buf[1024];
    struct text text;
    struct txn *txn;

    (void)state;
    make_rules();
    text_init_fixed(&text, buf, sizeof(buf));
    catalog_subscribe(catalog, show_change, &text);
    txn = txn_begin(catalog);
    json_object_set_new(txn_edit(txn, "alb.rule", "r3"), "LoadBalancerId", json_string("lb3"));
    assert_non_null(txn_edit(txn, "alb.rule", "r2"));
    case_other_kind(txn);
    add(txn, "alb.rule", "r9", naming("lb9"));
    commit(txn);
    assert_span_is(text_span(&text),
        "alb.rule/r3 lb2>lb3 @2; alb.rule/r1 lb1>- @2; alb.listener/r1 ->lb1 @2; "
        "alb.rule/r9 ->lb9 @2; / ->- @2; ");
    text_reset(&text);
    txn = txn_begin(catalog);
    commit(txn);
    assert_span_is(text_span(&text), "");
}

/* --- opening --------------------------------------------------------------------------------- */

static void a_store_of_other_things_is_refused(void **state)
{
    static const struct {
        const char *key, *value, *part;
    } cases[] = {
        {"nothing", "{}", "no kind and id"},
        {"alb.rule/", "{}", "no kind and id"},
        {"from.the_future/x", "{}", "does not know"},
        {"alb.rule/x", "[]", "not a JSON object"},
        {"alb.rule/x", "{\"a\":", "not a JSON object"},
        {"alb.rule/one", "{}", "id of another"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct store_write writes[] = {
            {SPAN_LIT("alb.acl/one"), SPAN_LIT("{}"), 0},
            {span_of(cases[i].key), span_of(cases[i].value), 0},
        };
        const char *why = NULL;

        assert_int_equal(store_commit(store, writes, 2, NULL, 0, NULL), 0);
        assert_null(catalog_open(store, &why));
        if (!strstr(why, cases[i].part) || !strstr(why, cases[i].key))
            fail_msg("\"%s\" does not say \"%s\"", why, cases[i].part);
        assert_int_equal(teardown(NULL), 0);
        assert_int_equal(setup(NULL), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(kinds_are_sorted_and_found),
        TEST(refs_follow_their_paths),
        TEST(a_transaction_sees_its_writes),
        TEST(changes_combine),
        TEST(an_aborted_transaction_leaves_no_trace),
        TEST(borrowed_documents_stay),
        TEST(an_edit_without_a_difference_is_none),
        TEST(a_failed_commit_changes_nothing),
        TEST(new_ids_are_new),
        TEST(subscribers_are_told),
        TEST(a_store_of_other_things_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
