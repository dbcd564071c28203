#include "control/api/limit.h"

struct bucket {
    char *id;    /* owned; the map's key */
    nsec tokens; /* in nanoseconds of refilling: one token is NSEC_PER_SEC / per_second */
    nsec refilled_at;
};

static struct bucket *bucket_get(struct limits *limits, struct span id, nsec now)
{
    struct bucket *bucket = map_find(&limits->buckets, id);

    if (bucket)
        return bucket;
    bucket = base_zalloc(sizeof(*bucket));
    bucket->id = base_strndup(id.ptr, id.len);
    bucket->tokens = NSEC_PER_SEC;
    bucket->refilled_at = now;
    (void)map_set(&limits->buckets, (struct span){bucket->id, id.len}, bucket);
    return bucket;
}

static void bucket_free(struct bucket *bucket)
{
    free(bucket->id);
    free(bucket);
}

bool limits_take(struct limits *limits, struct span id, nsec now)
{
    struct bucket *bucket = bucket_get(limits, id, now);
    nsec price = NSEC_PER_SEC / (nsec)limits->per_second;

    if (now > bucket->refilled_at) {
        nsec earned = MIN(now - bucket->refilled_at, NSEC_PER_SEC);

        bucket->tokens = MIN(NSEC_PER_SEC, bucket->tokens + earned);
        bucket->refilled_at = now;
    }
    if (bucket->tokens < price)
        return false;
    bucket->tokens -= price;
    return true;
}

void limits_trim(struct limits *limits, nsec now)
{
    struct bucket *bucket;
    struct span key;
    uint32_t pos = 0;

    while ((bucket = map_next(&limits->buckets, &pos, &key))) {
        if (now - bucket->refilled_at < NSEC_PER_SEC)
            continue;
        (void)map_remove(&limits->buckets, key);
        bucket_free(bucket);
    }
}

void limits_done(struct limits *limits)
{
    struct bucket *bucket;
    struct span key;
    uint32_t pos = 0;

    while ((bucket = map_next(&limits->buckets, &pos, &key)))
        bucket_free(bucket);
    map_done(&limits->buckets);
}
