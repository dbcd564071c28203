/* The control process. */
#include "control/control.h"

#include <sys/resource.h>

#include "control/secrets.h"
#include "engine/supervised.h"
#include "slbd/parts.h"

/* Its memory has private keys and secrets, which must not lie about in files. */
static void forbid_core_files(void)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
}

static void on_signal(void *arg, uint32_t signal)
{
    if (signal == SIGTERM || signal == SIGINT)
        control_stop(arg);
    else if (signal == SIGHUP)
        control_reload(arg);
}

int control_main(const struct node_conf *node, const sigset_t *set)
{
    struct signals signals = {0};
    struct beat beat = {0};
    struct control *control;
    int r;

    forbid_core_files();
    secrets_init();
    control = control_new(node);
    if (!control)
        return 1;
    beat_start(&beat, control->engine, SUPERVISED_CONTROL, 0);
    r = signals_open(&signals, control->engine, set, on_signal, control);
    if (r == 0)
        r = control_run(control);
    beats_end(SUPERVISED_CONTROL);
    if (r < 0)
        log_line(LOG_ERROR, "the control process ends: %s", strerrordesc_np(-r));
    signals_close(&signals);
    control_free(control);
    return r < 0 ? 1 : 0;
}
