#include "snapshot_make.h"

/* What on_free was called with. */
struct freed {
    unsigned n;
    char ids[256]; /* each behind a bar */
};

static void note_freed(void *arg, void *conf)
{
    struct freed *freed = arg;
    const struct resource *resource = conf;
    size_t len = strlen(freed->ids);

    freed->n++;
    (void)snprintf(freed->ids + len, sizeof(freed->ids) - len, "|%s", resource->id);
}

static struct builder *new_base(void)
{
    struct builder *builder = builder_new();

    make_change(builder, CHANGE("1", BASE, ""), false);
    return builder;
}

static void an_empty_builder_has_version_0(void **state)
{
    struct builder *builder = builder_new();

    (void)state;
    assert_int_equal(builder_current(builder)->version, 0);
    assert_null(builder_find(builder, KIND_LISTENER, "l"));
    assert_null(snapshot_listener(builder_current(builder), 0));
    assert_null(snapshot_group(builder_current(builder), REF_NONE));
    builder_free(builder);
    assert_null(builder_free(NULL));
}

static void fields_and_references_arrive(void **state)
{
    struct builder *builder = new_base();
    const struct snapshot *snapshot = builder_current(builder);
    const struct listener_conf *l = builder_find(builder, KIND_LISTENER, "l");
    const struct rule_conf *r1 = builder_find(builder, KIND_RULE, "r1");
    const struct group_conf *web = builder_find(builder, KIND_SERVER_GROUP, "web");
    const struct action *action = FIELD_ITEMS(l->default_actions, struct action);
    const struct forward_group *group = FIELD_ITEMS(action->groups, struct forward_group);
    const struct condition *condition = FIELD_ITEMS(r1->conditions, struct condition);
    const struct server_conf *servers = FIELD_ITEMS(web->servers, struct server_conf);
    char buf[ADDR_TEXT_MAX];

    (void)state;
    assert_int_equal(snapshot->version, 1);
    assert_ptr_equal(snapshot_listener(snapshot, l->res.slot), l);
    assert_string_equal(l->res.id, "l");
    assert_int_equal(l->res.kind, KIND_LISTENER);
    assert_int_equal(l->port, 80);
    assert_int_equal(l->bind.n, 1);
    assert_null(l->state);
    assert_string_equal(snapshot_instance(snapshot, l->instance.slot)->res.id, "i");
    assert_int_equal(action->type, ACTION_FORWARD);
    assert_int_equal(group->weight, 100);
    assert_ptr_equal(snapshot_group(snapshot, group->group.slot), web);
    assert_string_equal(snapshot_health_check(snapshot, web->health_check.slot)->res.id, "hc");
    assert_ptr_equal(snapshot_listener(snapshot, r1->listener.slot), l);
    assert_int_equal(condition->type, CONDITION_HOST);
    assert_string_equal(FIELD_ITEMS(condition->values, const char *)[0], "a.example");
    assert_int_equal(web->servers.n, 2);
    assert_string_equal(servers[1].id, "b");
    assert_int_equal(servers[1].weight, 100);
    assert_null(servers[1].state);
    assert_span_is(((struct span){buf, addr_format(&servers[1].addr, buf)}), "127.0.0.2:8001");
    assert_int_equal(servers[1].ip.port, 0);
    builder_free(builder);
}

static void idle_timeouts_go_by_protocol(void **state)
{
    struct builder *builder = new_base();

    (void)state;
    assert_int_equal(
        ((const struct listener_conf *)builder_find(builder, KIND_LISTENER, "l"))->idle_timeout_ms,
        15000);
    assert_int_equal(
        ((const struct listener_conf *)builder_find(builder, KIND_LISTENER, "t"))->idle_timeout_ms,
        900000);
    assert_int_equal(
        ((const struct listener_conf *)builder_find(builder, KIND_LISTENER, "u"))->idle_timeout_ms,
        90000);
    make_change(builder,
        CHANGE("2", LISTENER("l", "http", "80", FORWARD("web"), ",'idle_timeout_ms':10"), ""),
        false);
    assert_int_equal(
        ((const struct listener_conf *)builder_find(builder, KIND_LISTENER, "l"))->idle_timeout_ms,
        10);
    builder_free(builder);
}

static void unchanged_resources_are_shared(void **state)
{
    struct builder *builder = new_base();
    struct snapshot *old = snapshot_ref(builder_current(builder));
    uint32_t web = make_slot(builder, KIND_SERVER_GROUP, "web");
    uint32_t api = make_slot(builder, KIND_SERVER_GROUP, "api");
    struct candidate *candidate;
    struct errors errors;
    const struct snapshot *new;

    (void)state;
    assert_int_equal(
        make_candidate(builder,
            CHANGE("2",
                GROUP("web", "http", ",'health_check':'hc','tries':1") "," GROUP("api", "http", ""),
                ""),
            false, &errors, &candidate),
        0);
    errors_done(&errors);
    /* api equals what is there; a group's change does not touch the listeners that use it */
    assert_int_equal(candidate->n_items, 1);
    assert_int_equal(candidate->items[0].kind, KIND_SERVER_GROUP);
    assert_int_equal(candidate->items[0].slot, web);
    assert_ptr_equal(candidate->items[0].before, snapshot_group(old, web));
    assert_ptr_equal(candidate->items[0].after, snapshot_group(candidate->snapshot, web));
    assert_int_equal(candidate->n_listeners, 0);
    assert_ptr_equal(builder_current(builder), old);
    builder_commit(builder, candidate);

    new = builder_current(builder);
    assert_ptr_not_equal(new, old);
    assert_int_equal(new->version, 2);
    assert_ptr_equal(snapshot_group(new, api), snapshot_group(old, api));
    assert_int_equal(snapshot_group(old, web)->tries, 3);
    assert_int_equal(snapshot_group(new, web)->tries, 1);
    assert_ptr_equal(new->kinds[KIND_LISTENER].pages[0], old->kinds[KIND_LISTENER].pages[0]);
    assert_ptr_equal(new->kinds[KIND_RULE].pages[0], old->kinds[KIND_RULE].pages[0]);
    builder_unref(builder, old);
    builder_free(builder);
}

static void reading_the_same_again_touches_nothing(void **state)
{
    struct builder *builder = new_base();
    struct candidate *candidate;
    struct errors errors;

    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        assert_int_equal(make_candidate(builder, "{'version':5,'upsert':[" BASE "]}", whole,
                             &errors, &candidate),
            0);
        errors_done(&errors);
        assert_int_equal(candidate->n_items, 0);
        assert_int_equal(candidate->n_listeners, 0);
        assert_int_equal(candidate->snapshot->version, 5);
        builder_abandon(builder, candidate);
    }
    builder_free(builder);
}

static void another_version_of_a_resource_is_a_change(void **state)
{
    struct builder *builder = new_base();

    (void)state;
    make_change(builder,
        CHANGE("2", "{'kind':'instance','id':'i','product':'alb','version':7}", ""), false);
    assert_int_equal(
        ((const struct resource *)builder_find(builder, KIND_INSTANCE, "i"))->version, 7);
    builder_free(builder);
}

/* Refused or abandoned, everything is as before: the next change finds the same ids, slots and users. */
static void a_change_is_whole_or_nothing(void **state)
{
    static const char bad[] = CHANGE("2",
        LISTENER("n", "http", "82", FORWARD("web"), "") "," GROUP(
            "web", "http", ",'tries':0") "," RULE("n", "l", "30", HOST("x"), FORWARD("web")),
        REMOVE("rule", "r1") "," REMOVE("rule", "s1"));
    static const char next[] = CHANGE("3", LISTENER("n", "http", "82", FORWARD("web"), ""),
        REMOVE("rule", "r1") "," REMOVE("rule", "r2") "," REMOVE("rule", "s1") "," REMOVE(
            "server_group", "api"));
    struct builder *builder = new_base();
    const struct snapshot *before = builder_current(builder);
    struct freed freed = {0};
    struct candidate *candidate;
    struct errors errors;

    (void)state;
    builder_on_free(builder, note_freed, &freed);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(make_candidate(builder, bad, false, &errors, &candidate), -EINVAL);
        assert_int_equal(errors.n, 1);
        errors_done(&errors);
        assert_ptr_equal(builder_current(builder), before);
        assert_null(builder_find(builder, KIND_LISTENER, "n"));
        assert_non_null(builder_find(builder, KIND_RULE, "r1"));
    }
    /* nobody has seen what was refused */
    assert_int_equal(freed.n, 0);

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(make_candidate(builder, next, false, &errors, &candidate), 0);
        errors_done(&errors);
        assert_null(builder_find(builder, KIND_LISTENER, "n"));
        builder_abandon(builder, candidate);
        assert_ptr_equal(builder_current(builder), before);
    }
    assert_string_equal(freed.ids, "|n|n|n");

    make_change(builder, next, false);
    assert_null(builder_find(builder, KIND_RULE, "r1"));
    assert_null(builder_find(builder, KIND_SERVER_GROUP, "api"));
    assert_non_null(builder_find(builder, KIND_LISTENER, "n"));
    builder_free(builder);
}

static void items_say_what_was_touched_in_order(void **state)
{
    struct builder *builder = new_base();
    struct candidate *candidate;
    struct errors errors;
    struct text text;

    (void)state;
    assert_int_equal(
        make_candidate(builder,
            CHANGE("2",
                GROUP("web", "http", "") "," RULE(
                    "n", "m", "1", HOST("x"), FORWARD("web")) "," RULE("r2", "l", "21", HOST("x"),
                    FORWARD("web")) "," LISTENER("m", "http", "82", FORWARD("web"), ""),
                REMOVE("health_check", "hc") "," REMOVE("rule", "s1") "," REMOVE(
                    "listener", "t") "," REMOVE("rule", "r1")),
            false, &errors, &candidate),
        0);
    errors_done(&errors);
    text_init(&text, 4096);
    for (uint32_t i = 0; i < candidate->n_items; i++) {
        const struct change_item *item = &candidate->items[i];
        const struct resource *resource = item->after ? item->after : item->before;

        assert_int_equal(resource->slot, item->slot);
        text_addf(&text, "%s%s ", item->after ? item->before ? "*" : "+" : "-", resource->id);
    }
    assert_span_is(text_span(&text), "-t -s1 -r1 -hc +m +n *r2 *web ");

    text_reset(&text);
    for (uint32_t i = 0; i < candidate->n_listeners; i++)
        text_addf(
            &text, "%s ", snapshot_listener(candidate->snapshot, candidate->listeners[i])->res.id);
    /* by slot: l has lost and changed rules, s has lost one, m is new and sits in a new slot */
    assert_span_is(text_span(&text), "l s m ");
    text_done(&text);
    builder_abandon(builder, candidate);
    builder_free(builder);
}

static void candidate_has_the_rules_of_a_listener(void **state)
{
    struct builder *builder = new_base();
    struct candidate *candidate;
    const struct rule_conf **rules;
    struct errors errors;
    uint32_t l = make_slot(builder, KIND_LISTENER, "l");

    (void)state;
    make_change(builder, CHANGE("2", RULE("r3", "l", "30", HOST("c"), FORWARD("api")), ""), false);
    assert_int_equal(
        make_candidate(builder,
            CHANGE("3",
                RULE("r2", "l", "5", HOST("b"), FORWARD("api")) "," RULE("r4", "l", "40", HOST("d"),
                    FORWARD("api")) "," RULE("s2", "s", "0", HOST("d"), FORWARD("api")),
                REMOVE("rule", "r1")),
            false, &errors, &candidate),
        0);
    errors_done(&errors);
    assert_int_equal(candidate->n_listeners, 2);
    assert_int_equal(candidate_rules(builder, candidate, l, &rules), 3);
    assert_string_equal(rules[0]->res.id, "r2");
    assert_int_equal(rules[0]->priority, 5);
    assert_string_equal(rules[1]->res.id, "r3");
    assert_string_equal(rules[2]->res.id, "r4");
    assert_int_equal(
        candidate_rules(builder, candidate, make_slot(builder, KIND_LISTENER, "s"), &rules), 2);
    assert_int_equal(
        candidate_rules(builder, candidate, make_slot(builder, KIND_LISTENER, "t"), &rules), 0);
    builder_commit(builder, candidate);

    assert_int_equal(make_candidate(builder, CHANGE("4", "", ""), false, &errors, &candidate), 0);
    errors_done(&errors);
    assert_int_equal(candidate_rules(builder, candidate, l, &rules), 3);
    builder_abandon(builder, candidate);
    builder_free(builder);
}

static void a_complete_set_removes_what_it_lacks(void **state)
{
    struct builder *builder = new_base();
    struct candidate *candidate;
    struct errors errors;

    (void)state;
    make_change(builder,
        "{'version':9,'upsert':[" INSTANCE
        "," GROUP("tcp", "tcp", "") "," LISTENER("t", "tcp", "90", FORWARD("tcp"), "") "]}",
        true);
    assert_non_null(builder_find(builder, KIND_LISTENER, "t"));
    assert_null(builder_find(builder, KIND_LISTENER, "l"));
    assert_null(builder_find(builder, KIND_RULE, "r1"));
    assert_null(builder_find(builder, KIND_HEALTH_CHECK, "hc"));

    assert_int_equal(make_candidate(builder, CHANGE("10", INSTANCE, REMOVE("listener", "t")), true,
                         &errors, &candidate),
        -EINVAL);
    assert_string_equal(errors.items[0].rule, "must be absent from a complete set");
    errors_done(&errors);
    make_change(builder, "{'version':10}", true);
    assert_null(builder_find(builder, KIND_INSTANCE, "i"));
    builder_free(builder);
}

static void resources_die_with_their_last_snapshot(void **state)
{
    struct builder *builder = new_base();
    struct snapshot *first = snapshot_ref(builder_current(builder)), *second;
    uint32_t web = make_slot(builder, KIND_SERVER_GROUP, "web");
    struct freed freed = {0};

    (void)state;
    builder_on_free(builder, note_freed, &freed);
    make_change(
        builder, CHANGE("2", GROUP("web", "http", ",'tries':2"), REMOVE("rule", "r1")), false);
    second = snapshot_ref(builder_current(builder));
    make_change(builder, CHANGE("3", GROUP("web", "http", ",'tries':4"), ""), false);
    assert_int_equal(freed.n, 0);
    assert_int_equal(snapshot_group(first, web)->tries, 3);
    assert_int_equal(snapshot_group(second, web)->tries, 2);

    builder_unref(builder, second);
    assert_string_equal(freed.ids, "|web");
    assert_int_equal(snapshot_group(first, web)->tries, 3);
    builder_unref(builder, first);
    assert_int_equal(freed.n, 3);
    assert_int_equal(snapshot_group(builder_current(builder), web)->tries, 4);
    freed = (struct freed){0};
    builder_free(builder);
    assert_int_equal(freed.n, 12);
}

/* Flows of an old snapshot know servers by slot: nobody else may sit there meanwhile. */
static void a_slot_is_used_again_only_when_nobody_has_it(void **state)
{
    struct builder *builder = new_base();
    struct snapshot *old = snapshot_ref(builder_current(builder));
    uint32_t r1 = make_slot(builder, KIND_RULE, "r1");

    (void)state;
    make_change(builder, CHANGE("2", "", REMOVE("rule", "r1")), false);
    make_change(builder, CHANGE("3", RULE("n1", "l", "1", HOST("x"), FORWARD("web")), ""), false);
    make_change(builder, CHANGE("4", RULE("r1", "l", "2", HOST("x"), FORWARD("web")), ""), false);
    assert_int_not_equal(make_slot(builder, KIND_RULE, "n1"), r1);
    assert_int_not_equal(make_slot(builder, KIND_RULE, "r1"), r1);
    assert_string_equal(((const struct resource *)table_get(&old->kinds[KIND_RULE], r1))->id, "r1");

    builder_unref(builder, old);
    make_change(builder, CHANGE("5", RULE("n2", "l", "3", HOST("x"), FORWARD("web")), ""), false);
    assert_int_equal(make_slot(builder, KIND_RULE, "n2"), r1);
    builder_free(builder);
}

static unsigned n_rulesets_freed;

static void free_ruleset(void *ruleset)
{
    n_rulesets_freed++;
    free(ruleset);
}

/* Gives every stale listener a ruleset of its own. */
static void commit_with_rulesets(struct builder *builder, const char *quoted)
{
    struct candidate *candidate;
    struct errors errors;

    assert_int_equal(make_candidate(builder, quoted, false, &errors, &candidate), 0);
    errors_done(&errors);
    for (uint32_t i = 0; i < candidate->n_listeners; i++) {
        assert_null(table_get(&candidate->snapshot->rulesets, candidate->listeners[i]));
        candidate_set_ruleset(candidate, candidate->listeners[i], base_alloc(16), free_ruleset);
    }
    builder_commit(builder, candidate);
}

static void rulesets_live_as_long_as_a_snapshot_has_them(void **state)
{
    struct builder *builder = builder_new();
    struct candidate *candidate;
    struct errors errors;
    struct snapshot *old;
    const void *ruleset;
    uint32_t l, s;

    (void)state;
    n_rulesets_freed = 0;
    commit_with_rulesets(builder, CHANGE("1", BASE, ""));
    l = make_slot(builder, KIND_LISTENER, "l");
    s = make_slot(builder, KIND_LISTENER, "s");
    old = snapshot_ref(builder_current(builder));
    ruleset = table_get(&old->rulesets, l);
    assert_non_null(ruleset);

    /* a group's change keeps rulesets; a rule's makes its listener's stale */
    commit_with_rulesets(builder, CHANGE("2", GROUP("web", "http", ""), ""));
    assert_ptr_equal(table_get(&builder_current(builder)->rulesets, l), ruleset);
    commit_with_rulesets(builder, CHANGE("3", RULE("r2", "l", "7", HOST("x"), FORWARD("web")), ""));
    assert_ptr_not_equal(table_get(&builder_current(builder)->rulesets, l), ruleset);
    assert_ptr_equal(
        table_get(&builder_current(builder)->rulesets, s), table_get(&old->rulesets, s));
    assert_ptr_equal(table_get(&old->rulesets, l), ruleset);
    assert_int_equal(n_rulesets_freed, 0);
    builder_unref(builder, old);
    assert_int_equal(n_rulesets_freed, 1);

    /* an abandoned candidate takes its rulesets with it */
    assert_int_equal(
        make_candidate(builder, CHANGE("4", "", REMOVE("rule", "s1")), false, &errors, &candidate),
        0);
    errors_done(&errors);
    candidate_set_ruleset(candidate, s, base_alloc(16), free_ruleset);
    builder_abandon(builder, candidate);
    assert_int_equal(n_rulesets_freed, 2);
    assert_non_null(table_get(&builder_current(builder)->rulesets, s));

    /* a listener that goes takes its ruleset with it */
    commit_with_rulesets(
        builder, CHANGE("5", "", REMOVE("rule", "s1") "," REMOVE("listener", "s")));
    assert_int_equal(n_rulesets_freed, 3);
    assert_null(table_get(&builder_current(builder)->rulesets, s));
    builder_free(builder);
    assert_int_equal(n_rulesets_freed, 6);
}

static void addresses_are_free_again_when_a_listener_goes(void **state)
{
    struct builder *builder = new_base();

    (void)state;
    make_change(builder, CHANGE("2", "", REMOVE("listener", "t")), false);
    make_change(builder, CHANGE("3", LISTENER("n", "tcp", "90", FORWARD("tcp"), ""), ""), false);
    make_change(builder,
        CHANGE("4",
            LISTENER("n", "tcp", "91", FORWARD("tcp"), "") "," LISTENER(
                "m", "tcp", "90", FORWARD("tcp"), ""),
            ""),
        false);
    make_change(builder,
        CHANGE("5",
            LISTENER("n", "tcp", "90", FORWARD("tcp"), "") "," LISTENER(
                "m", "tcp", "91", FORWARD("tcp"), ""),
            ""),
        false);
    make_change(
        builder, CHANGE("6", "", REMOVE("listener", "n") "," REMOVE("listener", "m")), false);
    builder_free(builder);
}

static void views_are_handed_back_when_unused(struct snapshot_view *view)
{
    ++*(int *)view->owner;
}

static void a_view_counts_its_users(void **state)
{
    int n_unused = 0;
    struct snapshot_view view = {
        .users = 1, .on_unused = views_are_handed_back_when_unused, .owner = &n_unused};

    (void)state;
    assert_ptr_equal(view_ref(&view), &view);
    view_unref(&view);
    assert_int_equal(n_unused, 0);
    view_unref(&view);
    assert_int_equal(n_unused, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_builder_has_version_0),
        cmocka_unit_test(fields_and_references_arrive),
        cmocka_unit_test(idle_timeouts_go_by_protocol),
        cmocka_unit_test(unchanged_resources_are_shared),
        cmocka_unit_test(reading_the_same_again_touches_nothing),
        cmocka_unit_test(another_version_of_a_resource_is_a_change),
        cmocka_unit_test(a_change_is_whole_or_nothing),
        cmocka_unit_test(items_say_what_was_touched_in_order),
        cmocka_unit_test(candidate_has_the_rules_of_a_listener),
        cmocka_unit_test(a_complete_set_removes_what_it_lacks),
        cmocka_unit_test(resources_die_with_their_last_snapshot),
        cmocka_unit_test(a_slot_is_used_again_only_when_nobody_has_it),
        cmocka_unit_test(rulesets_live_as_long_as_a_snapshot_has_them),
        cmocka_unit_test(addresses_are_free_again_when_a_listener_goes),
        cmocka_unit_test(a_view_counts_its_users),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
