/* The data process. */
#include "base/file.h"
#include "engine/supervised.h"
#include "slbd/options.h"
#include "slbd/parts.h"

static void on_signal(void *arg, uint32_t signal)
{
    struct plane *plane = arg;

    switch (signal) {
    case SIGHUP:
        plane_reload(plane);
        break;
    case SIGUSR1:
        if (plane->log)
            access_log_reopen(plane->log);
        break;
    default:
        plane_stop(plane);
        break;
    }
}

/* One for the main loop and one for each worker; the caller's, who frees them after the plane. */
static struct beat *start_beats(const struct plane *plane)
{
    struct beat *beats = base_calloc(plane->n_workers + 1, sizeof(*beats));

    beat_start(&beats[0], plane->engine, SUPERVISED_DATA, 0);
    for (unsigned i = 0; i < plane->n_workers; i++)
        beat_start(&beats[i + 1], plane->workers[i].worker->engine, SUPERVISED_DATA, i + 1);
    return beats;
}

int data_run(const struct slbd_options *options, const sigset_t *set)
{
    struct signals signals = {0};
    struct plane *plane = plane_new(&options->plane);
    struct beat *beats;
    int r;

    if (!plane) {
        log_line(LOG_ERROR, "the data plane cannot be set up: %s", strerrordesc_np(errno));
        return 1;
    }
    beats = start_beats(plane);
    r = signals_open(&signals, plane->engine, set, on_signal, plane);
    if (r == 0)
        r = plane_start(plane);
    if (r == 0) {
        log_line(LOG_NOTICE, "slbd %s: %u workers", SLB_VERSION, plane->n_workers);
        r = plane_run(plane);
    }
    beats_end(SUPERVISED_DATA);
    signals_close(&signals);
    plane_free(plane);
    free(beats);
    return r < 0 ? 1 : 0;
}

int data_check(const char *path)
{
    CLEANUP(builder_free) struct builder *builder = builder_new();
    struct candidate *candidate;
    struct errors errors;
    struct text text;
    int r;

    text_init(&text, SNAPSHOT_JSON_MAX);
    r = file_read(path, &text);
    if (r < 0) {
        (void)fprintf(stderr, "slbd: %s cannot be read: %s\n", path, strerrordesc_np(-r));
        text_done(&text);
        return 1;
    }
    errors_init(&errors, 1000);
    r = builder_prepare(builder, text_span(&text), true, &errors, &candidate);
    if (r == 0) {
        (void)printf("%s: version %llu, %u resources, valid\n", path,
            (unsigned long long)candidate->snapshot->version, candidate->n_items);
        builder_abandon(builder, candidate);
    }
    print_errors(&errors);
    errors_done(&errors);
    text_done(&text);
    return r < 0 ? 1 : 0;
}
