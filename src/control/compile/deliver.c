/* How changes travel: compiled once per turn, sent as one message, answered, accounted for.
 *
 * A version is the catalog's revision, or one more than the version before if that is higher: each message has a
 * version of its own, so that a data plane that is met again says by its version what it has.
 */
#include "control/compile/deliver.h"

#include "control/compile/verdicts.h"
#include "control/compile/watch.h"
#include "observe/log.h"

#define DELIVER_MEMORY    ((size_t)768 << 20) /* of messages that wait to be sent */
#define DELIVER_RETRY     (30 * NSEC_PER_SEC)
#define DELIVER_WRITE_TRY (1 * NSEC_PER_SEC) /* when the store takes no verdicts */

enum deliver_state {
    DELIVER_DOWN,
    DELIVER_STATUS, /* the data plane was asked for its version */
    DELIVER_NAMES,  /* and for what it has */
    DELIVER_READY,
    DELIVER_SENT, /* a change is in flight */
};

struct deliver {
    struct engine *engine;   /* borrowed */
    struct catalog *catalog; /* borrowed */
    struct compile *compile; /* borrowed */
    struct conn_env env;
    struct link link;
    struct watch watch;
    struct outbox outbox;
    struct verdicts verdicts;
    enum deliver_state state;
    struct engine_job job;
    struct timer retry_timer, write_timer;
    uint64_t acked_version, acked_revision; /* 0: none in this process's life */
    uint64_t sent_version, sent_revision;
    uint64_t known_version; /* what the data plane has in force, by all that it said */
    nsec sent_at;
    int64_t pid; /* of the data process */
};

static void deliver_flush(struct deliver *deliver);

/* --- after an answer ----------------------------------------------------------------------- */

static void deliver_settle(struct deliver *deliver);

static void on_write_timer(struct engine *engine, struct timer *timer)
{
    (void)engine;
    deliver_settle(container_of(timer, struct deliver, write_timer));
}

static void deliver_settle(struct deliver *deliver)
{
    uint64_t now_ms = (uint64_t)(engine_wall(deliver->engine) / NSEC_PER_MSEC);
    int r = verdicts_settle(&deliver->verdicts, &deliver->outbox, deliver->acked_revision, now_ms);

    if (r < 0) {
        log_line(
            LOG_ERROR, "what the data plane answered cannot be stored: %s", strerrordesc_np(-r));
        timer_set(deliver->engine, &deliver->write_timer,
            engine_now(deliver->engine) + DELIVER_WRITE_TRY, on_write_timer);
    }
}

static void on_retry_timer(struct engine *engine, struct timer *timer)
{
    struct deliver *deliver = container_of(timer, struct deliver, retry_timer);

    (void)engine;
    /* In flight nothing is retried: the answer may hold still more. */
    if (deliver->state == DELIVER_READY) {
        outbox_retry(&deliver->outbox);
        deliver_flush(deliver);
    }
    if (deliver->outbox.n_held > 0)
        timer_set(engine, timer, engine_now(engine) + DELIVER_RETRY, on_retry_timer);
}

/* The data plane has answered for all that was compiled so far. */
static void deliver_answered(struct deliver *deliver)
{
    if (deliver->outbox.n_held > 0 && !list_linked(&deliver->retry_timer.link))
        timer_set(deliver->engine, &deliver->retry_timer,
            engine_now(deliver->engine) + DELIVER_RETRY, on_retry_timer);
    deliver_settle(deliver);
}

static void deliver_acked(struct deliver *deliver)
{
    outbox_acknowledge(&deliver->outbox);
    deliver->acked_version = deliver->sent_version;
    deliver->acked_revision = deliver->sent_revision;
    deliver->known_version = deliver->sent_version;
    watch_changed(&deliver->watch);
}

/* --- sending ------------------------------------------------------------------------------- */

static void deliver_compile(struct deliver *deliver)
{
    struct compile_diff diff;

    if (!compile_is_dirty(deliver->compile))
        return;
    compile_run(deliver->compile, &diff);
    for (uint32_t i = 0; i < diff.n_removes; i++)
        outbox_remove(&deliver->outbox, diff.removes[i]);
    for (uint32_t i = 0; i < diff.n_upserts; i++)
        outbox_put(&deliver->outbox, diff.upserts[i]);
    compile_diff_done(&diff);
}

static void deliver_flush(struct deliver *deliver)
{
    uint64_t revision = store_revision(catalog_store(deliver->catalog));
    struct text line;

    if (deliver->state != DELIVER_READY)
        return;
    deliver_compile(deliver);
    deliver->sent_revision = revision;
    text_init(&line, OUTBOX_MESSAGE_MAX);
    if (outbox_message(&deliver->outbox, MAX(revision, deliver->sent_version + 1), &line)) {
        deliver->sent_version = MAX(revision, deliver->sent_version + 1);
        deliver->sent_at = engine_now(deliver->engine);
        deliver->state = DELIVER_SENT;
        link_send(&deliver->link, text_span(&line));
    } else {
        deliver->acked_revision = revision;
        deliver_answered(deliver);
    }
    text_done(&line);
}

static void deliver_on_job(struct engine *engine, struct engine_job *job)
{
    (void)engine;
    deliver_flush(container_of(job, struct deliver, job));
}

static void deliver_soon(struct deliver *deliver)
{
    engine_job_add(deliver->engine, &deliver->job);
}

/* --- what the data plane says -------------------------------------------------------------- */

static void ready(struct deliver *deliver)
{
    deliver->state = DELIVER_READY;
    deliver_soon(deliver);
}

static bool on_status(struct deliver *deliver, const json_t *status)
{
    const json_t *number = json_object_get(status, "version");
    uint64_t version = (uint64_t)json_integer_value(number);
    int64_t pid = json_integer_value(json_object_get(status, "pid"));

    if (!json_is_integer(number))
        return false;
    if (pid != deliver->pid)
        outbox_retry(&deliver->outbox);
    deliver->pid = pid;
    deliver->known_version = version;
    if (version == deliver->sent_version && version != deliver->acked_version &&
        !list_empty(&deliver->outbox.in_flight))
        deliver_acked(deliver); /* its answer got lost */
    outbox_lost(&deliver->outbox);
    if (deliver->acked_version != 0 && version == deliver->acked_version) {
        ready(deliver);
        return true;
    }
    /* Versions of this process come after those of the one before. */
    deliver->sent_version = MAX(deliver->sent_version, version);
    deliver->state = DELIVER_NAMES;
    link_send(&deliver->link, SPAN_LIT("get names\n"));
    return true;
}

static bool on_names(struct deliver *deliver, const json_t *answer)
{
    const json_t *names = json_object_get(answer, "names");

    if (!json_is_array(names))
        return false;
    deliver_compile(deliver);
    outbox_restart(&deliver->outbox, names);
    log_line(LOG_NOTICE, "data plane: process %lld has %zu resources and gets %u changes",
        (long long)deliver->pid, json_array_size(names), deliver->outbox.n_pending);
    ready(deliver);
    return true;
}

/* An answer belongs to what was sent last: there is one at a time. A line that could not even be read has no version. */
static bool is_answer_to(const json_t *answer, uint64_t version)
{
    const json_t *number = json_object_get(answer, "version");

    return !number || (uint64_t)json_integer_value(number) == version;
}

/* Somebody else has changed the data plane: what it has is asked for anew. */
static bool is_changed_by_others(const struct deliver *deliver, const json_t *answer)
{
    const json_t *in_force = json_object_get(answer, "in_force");

    return in_force && (uint64_t)json_integer_value(in_force) != deliver->known_version;
}

static bool on_applied(struct deliver *deliver, const json_t *answer)
{
    int r;

    if (!is_answer_to(answer, deliver->sent_version))
        return false;
    r = outbox_answer(&deliver->outbox, answer);
    if (r < 0)
        return false;
    if (r == OUTBOX_ENDING) {
        link_again(&deliver->link); /* the next process is coming */
        return true;
    }
    if (r == OUTBOX_REFUSED) {
        log_line(LOG_DEBUG, "data plane: version %llu is refused; version %llu stays in force",
            (unsigned long long)deliver->sent_version, (unsigned long long)deliver->known_version);
        if (is_changed_by_others(deliver, answer)) {
            log_line(LOG_WARNING, "data plane: it was changed by others and gets everything");
            link_again(&deliver->link);
            return true;
        }
    }
    if (r == 0) {
        log_line(LOG_DEBUG, "data plane: version %llu is in force after %lld us",
            (unsigned long long)deliver->sent_version,
            (long long)((engine_now(deliver->engine) - deliver->sent_at) / NSEC_PER_USEC));
        deliver_acked(deliver);
        deliver_answered(deliver);
    }
    ready(deliver);
    return true;
}

static bool take_answer(struct deliver *deliver, const json_t *answer)
{
    switch (deliver->state) {
    case DELIVER_STATUS:
        return on_status(deliver, answer);
    case DELIVER_NAMES:
        return on_names(deliver, answer);
    case DELIVER_SENT:
        return on_applied(deliver, answer);
    default:
        return false;
    }
}

static void on_line(void *arg, struct span line)
{
    struct deliver *deliver = arg;
    json_t *answer = json_loadb(line.ptr, line.len, 0, NULL);

    if (!take_answer(deliver, answer)) {
        log_line(LOG_ERROR, "the data plane's answer makes no sense: %.*s",
            (int)MIN(line.len, (size_t)200), line.ptr);
        link_again(&deliver->link);
    }
    json_decref(answer);
}

static void on_up(void *arg)
{
    struct deliver *deliver = arg;

    deliver->state = DELIVER_STATUS;
    link_send(&deliver->link, SPAN_LIT("get status\n"));
}

static void on_down(void *arg)
{
    struct deliver *deliver = arg;

    if (deliver->state != DELIVER_STATUS)
        log_line(LOG_WARNING, "data plane: the connection is lost; trying again");
    deliver->state = DELIVER_DOWN;
}

/* --- the outside --------------------------------------------------------------------------- */

static void on_changed(void *arg, const struct kind *kind, const char *id, json_t *old_body,
    const struct doc *doc, uint64_t revision)
{
    struct deliver *deliver = arg;

    (void)old_body;
    verdicts_changed(&deliver->verdicts, kind, id, doc, revision);
    if (kind)
        outbox_retry_doc(&deliver->outbox, id);
    else
        deliver_soon(deliver);
}

struct deliver *deliver_new(
    struct engine *engine, struct catalog *catalog, struct compile *compile, const char *run_dir)
{
    struct deliver *deliver = base_zalloc(sizeof(*deliver));
    struct link *link = &deliver->link;

    deliver->engine = engine;
    deliver->catalog = catalog;
    deliver->compile = compile;
    deliver->job.fn = deliver_on_job;
    conn_env_init(&deliver->env, engine, DELIVER_MEMORY, 0);
    outbox_init(&deliver->outbox);
    verdicts_init(&deliver->verdicts, catalog, compile);
    catalog_subscribe(catalog, on_changed, deliver);
    (void)snprintf(link->path, sizeof(link->path), "%s/control.sock", run_dir);
    link->env = &deliver->env;
    link->on_up = on_up;
    link->on_line = on_line;
    link->on_down = on_down;
    link->arg = deliver;
    link_start(link);
    watch_start(&deliver->watch, &deliver->env, link->path);
    return deliver;
}

struct deliver *deliver_free(struct deliver *deliver)
{
    if (!deliver)
        return NULL;
    list_remove(&deliver->job.link);
    timer_stop(&deliver->retry_timer);
    timer_stop(&deliver->write_timer);
    watch_stop(&deliver->watch);
    link_stop(&deliver->link);
    outbox_done(&deliver->outbox);
    verdicts_done(&deliver->verdicts);
    conn_env_done(&deliver->env);
    free(deliver);
    return NULL;
}

uint64_t deliver_acknowledged(const struct deliver *deliver)
{
    return deliver->acked_revision;
}

bool deliver_connected(const struct deliver *deliver)
{
    return deliver->state >= DELIVER_READY;
}

enum delivery deliver_state(
    struct deliver *deliver, struct txn *txn, const struct doc *doc, const char **ret_reason)
{
    const char *reason;

    if (ret_reason)
        *ret_reason = "";
    if (doc->revision > deliver->acked_revision)
        return doc->created == 0 || doc->created > deliver->acked_revision ? DELIVERY_NEW
                                                                           : DELIVERY_CHANGED;
    reason = verdicts_reason(&deliver->verdicts, txn, doc->id);
    if (!reason)
        return DELIVERY_ACTIVE;
    if (ret_reason)
        *ret_reason = reason;
    return DELIVERY_REFUSED;
}

enum server_health deliver_health(
    struct deliver *deliver, const char *group_id, const char *server_id, const char **ret_reason)
{
    return watch_health(&deliver->watch, group_id, server_id, ret_reason);
}

const json_t *deliver_counters(struct deliver *deliver)
{
    return watch_ask(&deliver->watch, WATCH_COUNTERS);
}

const json_t *deliver_status(struct deliver *deliver)
{
    return watch_ask(&deliver->watch, WATCH_STATUS);
}
