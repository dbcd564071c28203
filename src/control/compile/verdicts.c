#include "control/compile/verdicts.h"

#include "control/call.h"
#include "observe/log.h"

#define REFUSAL_ID_MAX 256u
#define JOB_ERROR_CODE "OperationFailed.DataPlane"

struct refusal {
    char *doc_id; /* owned: the key */
    char *reason; /* owned */
};

struct job {
    struct list link;
    char *id;          /* owned */
    uint64_t revision; /* that made it and what it is about */
    bool ended;        /* by the settling that is under way */
};

static void refusal_id(const char *doc_id, char buf[static REFUSAL_ID_MAX])
{
    (void)snprintf(buf, REFUSAL_ID_MAX, "refusal:%s", doc_id);
}

static void refusal_free(struct refusal *refusal)
{
    free(refusal->doc_id);
    free(refusal->reason);
    free(refusal);
}

static void refusal_put(struct verdicts *verdicts, const char *doc_id, const char *reason)
{
    struct refusal *refusal = map_find(&verdicts->refusals, span_of(doc_id));

    if (!refusal) {
        refusal = base_zalloc(sizeof(*refusal));
        refusal->doc_id = base_strdup(doc_id);
        (void)map_set(&verdicts->refusals, span_of(refusal->doc_id), refusal);
    }
    free(refusal->reason);
    refusal->reason = base_strdup(reason);
}

static void job_add(struct verdicts *verdicts, const char *id, uint64_t revision)
{
    struct job *job = base_zalloc(sizeof(*job));

    job->id = base_strdup(id);
    job->revision = revision;
    list_add_back(&verdicts->jobs, &job->link);
}

static void job_free(struct job *job)
{
    list_remove(&job->link);
    free(job->id);
    free(job);
}

static bool is_kind(const struct kind *kind, const char *name)
{
    return strcmp(kind->name, name) == 0;
}

void verdicts_init(
    struct verdicts *verdicts, struct catalog *catalog, const struct compile *compile)
{
    struct txn *txn = txn_begin(catalog);
    struct doc_list list;

    *verdicts =
        (struct verdicts){.catalog = catalog, .compile = compile, .settled_changes = UINT64_MAX};
    list_init(&verdicts->jobs);
    txn_list(txn, "system.refusal", &list);
    for (uint32_t i = 0; i < list.n; i++) {
        const char *doc_id = json_text(list.docs[i]->body, "DocId");
        const char *reason = json_text(list.docs[i]->body, "Reason");

        if (doc_id && reason)
            refusal_put(verdicts, doc_id, reason);
    }
    doc_list_done(&list);
    txn_list(txn, "system.job", &list);
    for (uint32_t i = 0; i < list.n; i++) {
        if (json_text_is(list.docs[i]->body, "Status", "Processing"))
            job_add(verdicts, list.docs[i]->id, list.docs[i]->created);
    }
    doc_list_done(&list);
    txn_abort(txn);
}

void verdicts_done(struct verdicts *verdicts)
{
    struct refusal *refusal;
    struct span key;
    uint32_t pos = 0;

    while ((refusal = map_next(&verdicts->refusals, &pos, &key)))
        refusal_free(refusal);
    map_done(&verdicts->refusals);
    list_foreach_safe (it, &verdicts->jobs)
        job_free(container_of(it, struct job, link));
}

void verdicts_changed(struct verdicts *verdicts, const struct kind *kind, const char *id,
    const struct doc *doc, uint64_t revision)
{
    if (!kind || !doc || !is_kind(kind, "system.job") || doc->created != revision)
        return;
    if (json_text_is(doc->body, "Status", "Processing"))
        job_add(verdicts, id, revision);
}

const char *verdicts_reason(const struct verdicts *verdicts, struct txn *txn, const char *doc_id)
{
    char id[REFUSAL_ID_MAX];
    const json_t *body;

    refusal_id(doc_id, id);
    body = txn_body(txn, "system.refusal", id);
    return body ? json_text(body, "Reason") : compile_problem(verdicts->compile, doc_id);
}

/* --- settling ------------------------------------------------------------------------------ */

struct settling {
    struct verdicts *verdicts;
    const struct outbox *outbox;
    bool is_same; /* nothing was refused or mended since the last time: refusals are as they were */
    struct map reasons; /* doc id -> held item whose reason tells the cause best; borrowed */
    struct txn *txn;    /* NULL: nothing to write so far */
    uint64_t now_ms;
};

static struct txn *settle_txn(struct settling *settling)
{
    if (!settling->txn)
        settling->txn = txn_begin(settling->verdicts->catalog);
    return settling->txn;
}

/* Of several resources of a document the one that was refused first: others may only follow from it. */
static void collect_reasons(struct settling *settling, const struct outbox *outbox)
{
    list_foreach (it, &outbox->held) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);
        const struct outbox_item *other;

        if (!item->json)
            continue;
        other = map_find(&settling->reasons, span_of(item->doc_id));
        if (!other || item->round < other->round)
            (void)map_set(&settling->reasons, span_of(item->doc_id), item);
    }
}

static void write_refusal(struct settling *settling, const char *doc_id, const char *reason)
{
    struct txn *txn = settle_txn(settling);
    char id[REFUSAL_ID_MAX];
    json_t *body;

    log_line(LOG_WARNING, "%s is refused by the data plane: %s", doc_id, reason);
    refusal_id(doc_id, id);
    body = txn_edit(txn, "system.refusal", id);
    if (body) {
        json_put_text(body, "Reason", reason);
        json_put_int(body, "TimeMs", (int64_t)settling->now_ms);
        return;
    }
    body = json_object();
    json_put_text(body, "DocId", doc_id);
    json_put_text(body, "Reason", reason);
    json_put_int(body, "TimeMs", (int64_t)settling->now_ms);
    if (txn_add(txn, "system.refusal", id, body) < 0)
        log_line(LOG_ERROR, "the refusal of %s cannot be stored: its id is taken", doc_id);
}

static void write_refusals(struct settling *settling)
{
    const struct verdicts *verdicts = settling->verdicts;
    const struct outbox_item *item;
    const struct refusal *refusal;
    char id[REFUSAL_ID_MAX];
    struct span key;
    uint32_t pos = 0;

    while ((item = map_next(&settling->reasons, &pos, &key))) {
        refusal = map_find(&verdicts->refusals, key);
        if (!refusal || strcmp(refusal->reason, item->reason) != 0)
            write_refusal(settling, item->doc_id, item->reason);
    }
    pos = 0;
    while ((refusal = map_next(&verdicts->refusals, &pos, &key))) {
        if (map_find(&settling->reasons, key))
            continue;
        refusal_id(refusal->doc_id, id);
        (void)txn_remove(settle_txn(settling), "system.refusal", id);
    }
}

static const char *refusal_reason(const struct settling *settling, const char *doc_id)
{
    const struct verdicts *verdicts = settling->verdicts;
    const struct outbox_item *item;
    const struct refusal *refusal;

    if (settling->is_same) {
        refusal = map_find(&verdicts->refusals, span_of(doc_id));
        return refusal ? refusal->reason : compile_problem(verdicts->compile, doc_id);
    }
    item = map_find(&settling->reasons, span_of(doc_id));
    return item ? item->reason : compile_problem(verdicts->compile, doc_id);
}

/* Returns whether it has ended: not while what was refused has changed and waits for its next answer. */
static bool end_job(struct settling *settling, const struct job *job)
{
    const json_t *old = txn_body(settle_txn(settling), "system.job", job->id);
    const char *resource = old ? json_text(old, "ResourceId") : NULL;
    const char *reason = resource ? refusal_reason(settling, resource) : NULL;
    json_t *body, *id;
    size_t i;

    if (!old)
        return true;
    if (resource && outbox_is_doubtful(settling->outbox, resource))
        return false;
    json_array_foreach (json_object_get(old, "ResourceIds"), i, id) {
        if (outbox_is_doubtful(settling->outbox, json_string_value(id)))
            return false;
        if (!reason)
            reason = refusal_reason(settling, json_string_value(id));
    }
    body = txn_edit(settling->txn, "system.job", job->id);
    json_put_text(body, "Status", reason ? "Failed" : "Succeeded");
    json_put_int(body, "ModifyTime", (int64_t)settling->now_ms);
    if (reason) {
        json_put_text(body, "ErrorCode", JOB_ERROR_CODE);
        json_put_text(body, "ErrorMessage", reason);
    }
    return true;
}

/* What the store has now is what was to be written. */
static void remember(struct settling *settling)
{
    struct verdicts *verdicts = settling->verdicts;
    const struct outbox_item *item;
    struct refusal *refusal;
    struct span key;
    uint32_t pos = 0;

    while ((refusal = map_next(&verdicts->refusals, &pos, &key))) {
        if (map_find(&settling->reasons, key))
            continue;
        (void)map_remove(&verdicts->refusals, key);
        refusal_free(refusal);
    }
    pos = 0;
    while ((item = map_next(&settling->reasons, &pos, &key)))
        refusal_put(verdicts, item->doc_id, item->reason);
    verdicts->settled_changes = settling->outbox->n_held_changes;
}

static void forget_jobs(struct verdicts *verdicts)
{
    list_foreach_safe (it, &verdicts->jobs) {
        struct job *job = container_of(it, struct job, link);

        if (job->ended)
            job_free(job);
    }
}

int verdicts_settle(
    struct verdicts *verdicts, const struct outbox *outbox, uint64_t revision, uint64_t now_ms)
{
    struct settling settling = {.verdicts = verdicts, .outbox = outbox, .now_ms = now_ms};
    int r = 0;

    settling.is_same = verdicts->settled_changes == outbox->n_held_changes;
    if (!settling.is_same) {
        collect_reasons(&settling, outbox);
        write_refusals(&settling);
    }
    list_foreach (it, &verdicts->jobs) {
        struct job *job = container_of(it, struct job, link);

        job->ended = job->revision <= revision && end_job(&settling, job);
    }
    if (settling.txn) {
        /* Lost in a power cut, the data plane says it again. */
        store_relax(catalog_store(verdicts->catalog));
        r = txn_commit(settling.txn, NULL, 0, NULL);
    }
    if (r == 0)
        forget_jobs(verdicts);
    if (r == 0 && !settling.is_same)
        remember(&settling);
    map_done(&settling.reasons);
    return r;
}
