/* The supervisor: starts the control process and the data process, and starts anew what ends.
 *
 * Traffic depends on neither of the other two. The control process ends with its supervisor; the data process
 * goes on serving when its supervisor is killed, until the data process of the next supervisor has taken over from it.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "control/node.h"
#include "slbd/options.h"
#include "slbd/parts.h"
#include "slbd/watchdog.h"

#define RESTART_FIRST  (100 * NSEC_PER_MSEC)
#define RESTART_MAX    (5 * NSEC_PER_SEC)
#define RESTART_FORGET (10 * NSEC_PER_SEC) /* a process that lived for so long is no repeater */
#define CONTROL_END    (5 * NSEC_PER_SEC) /* a stopping control process that takes longer is killed */
#define ABORT_END      (10 * NSEC_PER_SEC) /* for a hung process to leave a core file */
#define ARGS_MAX       64u

struct child {
    const char *name;
    const char *args[ARGS_MAX + 1]; /* after the program; NULL-terminated */
    unsigned n_args;
    bool ends_with_us;
    pid_t pid; /* 0: does not run */
    nsec started_at;
    nsec due_at;      /* pid 0: when it is started; NSEC_NEVER: not again */
    nsec restart_for; /* the next pause */
    enum supervised_role role;
    struct supervised_page *page; /* borrowed */
    int page_fd;
    nsec watchdog_for;
    struct watchdog watchdog;
    int hung_loop; /* that it is being ended for; WATCHDOG_FINE: none */
    nsec kill_at;  /* it was told to abort and has not; NSEC_NEVER */
};

struct supervisor {
    struct child control, data;
    bool stopping;
    nsec kill_at;                 /* of a stopping control process; NSEC_NEVER */
    struct supervised_page *page; /* lives as long as the process */
    int page_fd;
    char state_path[300];
    char admin[ADDR_TEXT_MAX + 1];
    char workers[16];
};

/* --- starting ------------------------------------------------------------------------------ */

static void child_arg(struct child *child, const char *arg)
{
    assert(child->n_args < ARGS_MAX);
    child->args[child->n_args++] = arg;
}

static void child_option(struct child *child, const char *name, const char *value)
{
    child_arg(child, name);
    child_arg(child, value);
}

static void child_init(struct supervisor *supervisor, struct child *child,
    enum supervised_role role, const struct slbd_options *options)
{
    *child = (struct child){
        .name = supervised_role_name(role),
        .role = role,
        .ends_with_us = role == SUPERVISED_CONTROL,
        .page = supervisor->page,
        .page_fd = supervisor->page_fd,
        .watchdog_for = options->watchdog_for,
        .hung_loop = WATCHDOG_FINE,
        .kill_at = NSEC_NEVER,
    };
    child_arg(child, child->name);
}

static void control_init(struct supervisor *supervisor, const struct slbd_options *options)
{
    struct child *child = &supervisor->control;

    child_init(supervisor, child, SUPERVISED_CONTROL, options);
    if (options->node_path)
        child_option(child, "--node", options->node_path);
    if (options->log_level == LOG_DEBUG)
        child_arg(child, "--verbose");
}

static void data_init(
    struct supervisor *supervisor, const struct slbd_options *options, const struct node_conf *node)
{
    struct child *child = &supervisor->data;

    child_init(supervisor, child, SUPERVISED_DATA, options);
    (void)snprintf(
        supervisor->state_path, sizeof(supervisor->state_path), "%s/data.json", node->state_dir);
    child_option(child, "--run-dir", node->run_dir);
    child_option(child, "--state", supervisor->state_path);
    if (node->admin.family != 0) {
        supervisor->admin[addr_format(&node->admin, supervisor->admin)] = '\0';
        child_option(child, "--admin", supervisor->admin);
    }
    if (node->access_log[0] != '\0')
        child_option(child, "--access-log", node->access_log);
    if (node->workers > 0) {
        (void)snprintf(supervisor->workers, sizeof(supervisor->workers), "%u", node->workers);
        child_option(child, "--workers", supervisor->workers);
    }
    for (unsigned i = 0; i < options->n_passed; i++)
        child_arg(child, options->passed[i]);
}

/* In the new process. A group of its own: Ctrl-C in a terminal is for the supervisor, who passes it on once. */
static _Noreturn void child_exec(struct child *child, pid_t supervisor)
{
    union {
        const char **given;
        char *const *plain; /* execv takes its texts as they are */
    } args;
    const char *argv[ARGS_MAX + 2] = {"slbd"};
    sigset_t set;

    memcpy(argv + 1, child->args, sizeof(child->args));
    args.given = argv;
    (void)setpgid(0, 0);
    if (child->ends_with_us && (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != supervisor))
        _exit(1);
    /* What would end a process by default waits until it listens to it; to be ended at once by others is right. */
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    (void)pthread_sigmask(SIG_SETMASK, &set, NULL);
    supervised_pass(child->page_fd);
    /* The program that runs, also when a newer one lies in its place: both processes are of one version. */
    (void)execv("/proc/self/exe", args.plain);
    log_line(
        LOG_ERROR, "the %s process cannot be started: %s", child->name, strerrordesc_np(errno));
    _exit(1);
}

static void child_ended(struct child *child, nsec now)
{
    nsec pause = child->restart_for;

    child->pid = 0;
    child->hung_loop = WATCHDOG_FINE;
    child->kill_at = NSEC_NEVER;
    if (now - child->started_at >= RESTART_FORGET)
        pause = 0;
    child->restart_for = pause == 0 ? RESTART_FIRST : MIN(pause * 2, RESTART_MAX);
    child->due_at = now + pause;
}

static void child_start(struct child *child, nsec now)
{
    struct supervised *shared = &child->page->roles[child->role];
    pid_t self = getpid();
    pid_t pid;

    /* Loops of the process before. */
    atomic_store(&shared->watched, false);
    memset(shared->loops, 0, sizeof(shared->loops));
    watchdog_start(&child->watchdog, child->watchdog_for, now);
    child->started_at = now;
    pid = fork();
    if (pid == 0)
        child_exec(child, self);
    if (pid < 0) {
        log_line(
            LOG_ERROR, "the %s process cannot be started: %s", child->name, strerrordesc_np(errno));
        child_ended(child, now);
        return;
    }
    child->pid = pid;
    log_line(LOG_NOTICE, "%s: process %d", child->name, (int)pid);
}

/* --- what happens -------------------------------------------------------------------------- */

static void tell_end(const struct child *child, int status, nsec pause)
{
    char how[64];

    if (child->hung_loop != WATCHDOG_FINE)
        (void)snprintf(how, sizeof(how), "hung and was ended by signal %d", WTERMSIG(status));
    else if (WIFSIGNALED(status))
        (void)snprintf(how, sizeof(how), "was ended by signal %d", WTERMSIG(status));
    else
        (void)snprintf(how, sizeof(how), "ended with code %d", WEXITSTATUS(status));
    if (pause == NSEC_NEVER)
        log_line(LOG_NOTICE, "%s: process %d %s", child->name, (int)child->pid, how);
    else
        log_line(LOG_WARNING, "%s: process %d %s; the next one starts in %lld ms", child->name,
            (int)child->pid, how, (long long)(pause / NSEC_PER_MSEC));
}

/* For those who look at the node later. */
static void note_restart(const struct child *child, int status)
{
    struct supervised *shared = &child->page->roles[child->role];
    enum restart_reason reason = RESTART_EXIT;
    int detail = WEXITSTATUS(status);

    if (child->hung_loop != WATCHDOG_FINE) {
        reason = RESTART_HUNG;
        detail = child->hung_loop;
    } else if (WIFSIGNALED(status)) {
        reason = RESTART_SIGNAL;
        detail = WTERMSIG(status);
    }
    (void)atomic_fetch_add(&shared->restarts[reason], 1);
    atomic_store(&shared->last_reason, reason);
    atomic_store(&shared->last_detail, detail);
    atomic_store(&shared->last_at_ms, clock_wall() / NSEC_PER_MSEC);
}

static void reap(struct supervisor *supervisor, nsec now)
{
    struct child *const children[] = {&supervisor->control, &supervisor->data};
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < ARRAY_LEN(children); i++) {
            struct child *child = children[i];
            struct child was = *child;

            if (pid != child->pid)
                continue;
            child_ended(child, now);
            if (supervisor->stopping)
                child->due_at = NSEC_NEVER;
            else
                note_restart(&was, status);
            tell_end(&was, status, supervisor->stopping ? NSEC_NEVER : child->due_at - now);
        }
    }
}

static void child_signal(const struct child *child, int signal)
{
    if (child->pid > 0)
        (void)kill(child->pid, signal);
}

/* Control ends first: what it still has in hand reaches the data plane, which then finishes its connections. */
static void stop(struct supervisor *supervisor, nsec now)
{
    bool again = supervisor->stopping;

    supervisor->stopping = true;
    supervisor->control.due_at = NSEC_NEVER;
    supervisor->data.due_at = NSEC_NEVER;
    if (supervisor->control.pid > 0) {
        child_signal(&supervisor->control, again ? SIGKILL : SIGTERM);
        supervisor->kill_at = now + CONTROL_END;
    } else {
        child_signal(&supervisor->data, SIGTERM);
    }
}

static void on_signal(struct supervisor *supervisor, int signal, nsec now)
{
    bool had_control = supervisor->control.pid > 0;

    switch (signal) {
    case SIGCHLD:
        reap(supervisor, now);
        if (supervisor->stopping && had_control && supervisor->control.pid == 0)
            child_signal(&supervisor->data, SIGTERM);
        break;
    case SIGTERM:
    case SIGINT:
        stop(supervisor, now);
        break;
    case SIGHUP:
        log_line(LOG_NOTICE,
            "control reads the API's certificate anew; the node file is read at the start only");
        child_signal(&supervisor->control, SIGHUP);
        break;
    case SIGUSR1:
        child_signal(&supervisor->data, SIGUSR1);
        break;
    default:
        break;
    }
}

/* --- processes that hang ------------------------------------------------------------------- */

static void tell_hung(const struct child *child, int loop)
{
    const struct supervised_loop *shared = &child->page->roles[child->role].loops[loop];
    struct thread_facts facts = {.state = '?'};
    char name[32] = "main loop";

    if (loop > 0)
        (void)snprintf(name, sizeof(name), "worker %d", loop - 1);
    (void)thread_facts_read(child->pid, atomic_load(&shared->thread), &facts);
    log_line(LOG_ERROR,
        "%s: process %d hangs and is ended: its %s (thread %u, state %c) has not turned for %lld s",
        child->name, (int)child->pid, name, atomic_load(&shared->thread), facts.state,
        (long long)(child->watchdog.deadline / NSEC_PER_SEC));
}

/* Ended as a whole, the data process too: its other workers' connections are lost, but only the thread that hangs could hand
 * anything over, and what it carried would hang for ever. */
static void child_watch(struct child *child, nsec now)
{
    int loop;

    if (child->pid == 0)
        return;
    if (child->kill_at <= now) {
        log_line(
            LOG_WARNING, "%s: process %d does not end and is killed", child->name, (int)child->pid);
        child_signal(child, SIGKILL);
        child->kill_at = NSEC_NEVER;
    }
    loop = watchdog_look(
        &child->watchdog, &child->page->roles[child->role], child->pid, now, thread_facts_read);
    if (loop == WATCHDOG_FINE || child->hung_loop != WATCHDOG_FINE)
        return;
    tell_hung(child, loop);
    child->hung_loop = loop;
    child->kill_at = now + ABORT_END;
    child_signal(child, SIGABRT);
    child_signal(child, SIGCONT); /* if it was stopped, it takes the other one now */
}

static nsec child_next_at(const struct child *child)
{
    if (child->pid == 0)
        return child->due_at;
    return MIN(child->kill_at, watchdog_next_at(&child->watchdog));
}

/* When something is to be done although no signal comes. */
static nsec next_at(const struct supervisor *supervisor)
{
    const struct child *control = &supervisor->control;
    nsec at = MIN(child_next_at(control), child_next_at(&supervisor->data));

    return supervisor->stopping && control->pid > 0 ? MIN(at, supervisor->kill_at) : at;
}

static void do_due(struct supervisor *supervisor, nsec now)
{
    if (supervisor->data.pid == 0 && supervisor->data.due_at <= now)
        child_start(&supervisor->data, now);
    if (supervisor->control.pid == 0 && supervisor->control.due_at <= now)
        child_start(&supervisor->control, now);
    if (supervisor->stopping && supervisor->control.pid > 0 && supervisor->kill_at <= now) {
        log_line(LOG_WARNING, "control: process %d does not end and is killed",
            (int)supervisor->control.pid);
        child_signal(&supervisor->control, SIGKILL);
        supervisor->kill_at = NSEC_NEVER;
    }
    child_watch(&supervisor->data, now);
    child_watch(&supervisor->control, now);
}

static int wait_signal(const sigset_t *set, nsec until, nsec now)
{
    nsec left = MAX(until - now, 0);
    struct timespec wait = {.tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC};

    return until == NSEC_NEVER ? sigwaitinfo(set, NULL) : sigtimedwait(set, NULL, &wait);
}

static void supervise_until_stopped(struct supervisor *supervisor, const sigset_t *set)
{
    for (;;) {
        int signal;

        do_due(supervisor, clock_mono());
        if (supervisor->stopping && supervisor->control.pid == 0 && supervisor->data.pid == 0)
            return;
        signal = wait_signal(set, next_at(supervisor), clock_mono());
        if (signal > 0)
            on_signal(supervisor, signal, clock_mono());
    }
}

/* --- one supervisor per node --------------------------------------------------------------- */

static int prepare_dir(const char *path)
{
    int r = file_make_dirs(path, 0700);

    if (r < 0)
        log_line(LOG_ERROR, "%s cannot be made: %s", path, strerrordesc_np(-r));
    return r;
}

/* Two of them would take the data plane away from one another for ever, or share the state and the traffic of one node.
 * The lock goes with the process, however it ends. Returns the descriptor or -errno, logged. */
static int lock_dir(const char *dir, const char *name)
{
    char path[300];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0 && errno == EWOULDBLOCK) {
        log_line(LOG_ERROR, "another slbd supervises %s", dir);
        close(fd);
        return -EWOULDBLOCK;
    }
    log_line(LOG_ERROR, "%s cannot be locked: %s", path, strerrordesc_np(errno));
    if (fd >= 0)
        close(fd);
    return -EIO;
}

int supervise(const struct slbd_options *options, const struct node_conf *node)
{
    struct supervisor supervisor = {.kill_at = NSEC_NEVER};
    sigset_t set;
    int run_lock, state_lock;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (prepare_dir(node->state_dir) < 0 || prepare_dir(node->run_dir) < 0)
        return 1;
    run_lock = lock_dir(node->run_dir, "supervisor.lock");
    if (run_lock < 0)
        return 1;
    state_lock = lock_dir(node->state_dir, "node.lock"); /* both may be one directory */
    if (state_lock < 0) {
        close(run_lock);
        return 1;
    }
    supervisor.page = supervised_make(&supervisor.page_fd);
    if (supervisor.page) {
        atomic_store(&supervisor.page->every, options->watchdog_for / WATCHDOG_LOOKS);
        control_init(&supervisor, options);
        data_init(&supervisor, options, node);
        supervise_until_stopped(&supervisor, &set);
    } else {
        log_line(LOG_ERROR, "there is no memory to share with the processes: %s",
            strerrordesc_np(errno));
    }
    close(state_lock);
    close(run_lock);
    return supervisor.page ? 0 : 1;
}
