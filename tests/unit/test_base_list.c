#include "base/list.h"
#include "unit.h"

struct letter {
    char name;
    struct list link;
};

static void assert_order(struct list *head, const char *expected)
{
    char forth[16] = "", back[16] = "";
    size_t len = 0;

    for (struct list *it = head->next; it != head; it = it->next)
        forth[len++] = list_entry(it, struct letter, link)->name;
    assert_string_equal(forth, expected);
    for (struct list *it = head->prev; it != head; it = it->prev)
        back[--len] = list_entry(it, struct letter, link)->name;
    assert_string_equal(back, expected);
}

static void members_keep_their_order(void **state)
{
    struct letter a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    struct list head;

    (void)state;
    list_init(&head);
    assert_true(list_empty(&head));
    assert_false(list_linked(&a.link));
    list_add_back(&head, &b.link);
    list_add_back(&head, &c.link);
    list_add_front(&head, &a.link);
    assert_order(&head, "abc");
    assert_true(list_linked(&a.link));

    list_remove(&b.link);
    assert_order(&head, "ac");
    assert_false(list_linked(&b.link));
    list_remove(&b.link);
    assert_order(&head, "ac");
}

static void removing_what_was_never_added_does_nothing(void **state)
{
    struct letter zeroed = {0};

    (void)state;
    list_remove(&zeroed.link);
    assert_false(list_linked(&zeroed.link));
}

static void all_move(void **state)
{
    struct letter a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    struct list from, to;

    (void)state;
    list_init(&from);
    list_init(&to);
    list_add_back(&to, &a.link);
    list_add_back(&from, &b.link);
    list_add_back(&from, &c.link);
    list_move_all(&to, &from);
    assert_order(&to, "abc");
    assert_order(&from, "");
    list_move_all(&to, &from);
    assert_order(&to, "abc");
}

static void safe_walk_allows_removal(void **state)
{
    struct letter letters[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};
    struct list head;

    (void)state;
    list_init(&head);
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        list_add_back(&head, &letters[i].link);
    list_foreach_safe (it, &head) {
        if (list_entry(it, struct letter, link)->name != 'c')
            list_remove(it);
    }
    assert_order(&head, "c");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_keep_their_order),
        cmocka_unit_test(removing_what_was_never_added_does_nothing),
        cmocka_unit_test(all_move),
        cmocka_unit_test(safe_walk_allows_removal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
