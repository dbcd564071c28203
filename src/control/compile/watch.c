#include "control/compile/watch.h"

#include "observe/log.h"

#define ASK_EVERY (1 * NSEC_PER_SEC)
#define KEY_MAX   320u

struct watch_server {
    enum server_health health;
    char why[32];
    char key[]; /* "group/server" */
};

static const char *const questions[WATCH_QUESTIONS] = {
    [WATCH_EVENTS] = "watch health\n",
    [WATCH_HEALTH] = "get health\n",
    [WATCH_COUNTERS] = "get counters\n",
    [WATCH_STATUS] = "get status\n",
};

static void ask(struct watch *watch, enum watch_question question)
{
    if (!watch->link.up || watch->n_asked == WATCH_ASKED_MAX)
        return;
    watch->asked[watch->n_asked++] = question;
    watch->asked_at[question] = engine_now(watch->link.env->engine);
    link_send(&watch->link, span_of(questions[question]));
}

/* --- health -------------------------------------------------------------------------------- */

static struct span key_of(const char *group_id, const char *server_id, char buf[static KEY_MAX])
{
    int n = snprintf(buf, KEY_MAX, "%s/%s", group_id, server_id);

    return (struct span){buf, MIN((size_t)MAX(n, 0), KEY_MAX - 1)};
}

static void forget_health(struct watch *watch)
{
    struct watch_server *server;
    struct span key;
    uint32_t pos = 0;

    while ((server = map_next(&watch->health, &pos, &key)))
        free(server);
    map_done(&watch->health);
    watch->health = (struct map){0};
}

static enum server_health health_by_word(const char *word)
{
    static const char *const words[] = {
        [SERVER_HEALTH_INITIAL] = "unknown",
        [SERVER_HEALTH_HEALTHY] = "up",
        [SERVER_HEALTH_UNHEALTHY] = "down",
        [SERVER_HEALTH_UNCHECKED] = "off",
    };

    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        if (word && strcmp(word, words[i]) == 0)
            return (enum server_health)i;
    }
    return SERVER_HEALTH_INITIAL;
}

/* state: the member that has the word. */
static void set_health(struct watch *watch, const json_t *row, const char *state)
{
    const char *group = json_string_value(json_object_get(row, "group"));
    const char *id = json_string_value(json_object_get(row, "server"));
    const char *why = json_string_value(json_object_get(row, "why"));
    struct watch_server *server;
    char buf[KEY_MAX];
    struct span key;

    if (!group || !id)
        return;
    key = key_of(group, id, buf);
    server = map_find(&watch->health, key);
    if (!server) {
        server = base_zalloc(sizeof(*server) + key.len + 1);
        memcpy(server->key, key.ptr, key.len);
        (void)map_set(&watch->health, span_of(server->key), server);
    }
    server->health = health_by_word(json_string_value(json_object_get(row, state)));
    (void)snprintf(server->why, sizeof(server->why), "%s",
        why && server->health == SERVER_HEALTH_UNHEALTHY ? why : "");
}

enum server_health watch_health(
    const struct watch *watch, const char *group_id, const char *server_id, const char **ret_reason)
{
    char buf[KEY_MAX];
    const struct watch_server *server = map_find(&watch->health, key_of(group_id, server_id, buf));

    if (ret_reason)
        *ret_reason = server ? server->why : "";
    return server ? server->health : SERVER_HEALTH_INITIAL;
}

static void on_timer(struct engine *engine, struct timer *timer)
{
    (void)engine;
    ask(container_of(timer, struct watch, timer), WATCH_HEALTH);
}

/* Events tell of verdicts only; which servers there are, and which of them are not checked, is asked for. */
void watch_changed(struct watch *watch)
{
    struct engine *engine = watch->link.env->engine;

    if (!list_linked(&watch->timer.link))
        timer_set(engine, &watch->timer,
            MAX(engine_now(engine), watch->asked_at[WATCH_HEALTH] + ASK_EVERY), on_timer);
}

/* --- lines --------------------------------------------------------------------------------- */

static void on_answer(struct watch *watch, enum watch_question question, json_t *answer)
{
    size_t i;
    json_t *row;

    switch (question) {
    case WATCH_HEALTH:
        forget_health(watch);
        json_array_foreach (answer, i, row)
            set_health(watch, row, "state");
        break;
    case WATCH_COUNTERS:
    case WATCH_STATUS:
        json_decref(watch->answers[question]);
        watch->answers[question] = json_incref(answer);
        break;
    default:
        break;
    }
}

static void on_line(void *arg, struct span line)
{
    struct watch *watch = arg;
    json_t *json = json_loadb(line.ptr, line.len, 0, NULL);

    if (json && json_object_get(json, "event")) {
        set_health(watch, json, "after");
    } else if (json && watch->n_asked > 0) {
        enum watch_question question = watch->asked[0];

        watch->n_asked--;
        memmove(watch->asked, watch->asked + 1, watch->n_asked * sizeof(watch->asked[0]));
        on_answer(watch, question, json);
    } else {
        log_line(LOG_ERROR, "the data plane's report makes no sense: %.*s",
            (int)MIN(line.len, (size_t)200), line.ptr);
        link_again(&watch->link);
    }
    json_decref(json);
}

static void on_up(void *arg)
{
    struct watch *watch = arg;

    watch->n_asked = 0;
    ask(watch, WATCH_EVENTS);
    ask(watch, WATCH_HEALTH);
    ask(watch, WATCH_STATUS); /* so that there is one when somebody asks first */
}

/* What was known stays the best guess until the data plane is there again. */
static void on_down(void *arg)
{
    struct watch *watch = arg;

    watch->n_asked = 0;
    timer_stop(&watch->timer);
}

const json_t *watch_ask(struct watch *watch, enum watch_question question)
{
    nsec now = engine_now(watch->link.env->engine);

    if (watch->asked_at[question] == 0 || now - watch->asked_at[question] >= ASK_EVERY)
        ask(watch, question);
    return watch->answers[question];
}

void watch_start(struct watch *watch, struct conn_env *env, const char *path)
{
    *watch = (struct watch){0};
    watch->link.env = env;
    watch->link.on_up = on_up;
    watch->link.on_line = on_line;
    watch->link.on_down = on_down;
    watch->link.arg = watch;
    (void)snprintf(watch->link.path, sizeof(watch->link.path), "%s", path);
    link_start(&watch->link);
}

void watch_stop(struct watch *watch)
{
    link_stop(&watch->link);
    timer_stop(&watch->timer);
    forget_health(watch);
    for (unsigned i = 0; i < WATCH_QUESTIONS; i++)
        json_decref(watch->answers[i]);
}
