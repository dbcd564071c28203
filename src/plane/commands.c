/* The control socket: one line in, one line out.
 *
 *   {"version": V, "upsert": [...], "remove": [...]}   applies a change
 *   replace {...}                                      applies a complete set
 *   get status | health | counters | snapshot | names
 *   watch health                                       a line for every change of a server's health
 *
 * Answers are JSON. Lines of one connection are answered in order.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "plane/plane.h"

#define COMMAND_LINE_MAX   (size_t) SNAPSHOT_JSON_MAX
#define COMMAND_OUTPUT_MAX ((size_t)1 << 30)

struct commands {
    struct plane *plane;
    struct acceptor acceptor;
    struct list conns; /* struct command_conn */
    char *path;        /* owned */
    int fd;
};

struct command_conn {
    struct conn conn; /* first */
    struct plane *plane;
    struct list link;
    struct text in; /* bytes of a line that is not complete */
    size_t scanned; /* of in, without a newline */
    bool busy;      /* a change is on its way: later lines wait */
    bool watches;
    bool closed;
};

static void command_conn_free(void *arg, void *object)
{
    struct command_conn *cc = object;

    (void)arg;
    text_done(&cc->in);
    free(cc);
}

static void command_conn_close(struct command_conn *cc)
{
    struct plane *plane = cc->plane;

    if (cc->closed)
        return;
    cc->closed = true;
    list_remove(&cc->link);
    conn_close(&plane->env, &cc->conn);
    if (!cc->busy)
        engine_defer_free(plane->engine, cc, command_conn_free, NULL);
}

static void commands_send(struct command_conn *cc, struct text *line)
{
    struct conn_env *env = &cc->plane->env;

    if (cc->closed)
        return;
    /* Strings have no raw newline, so those that are there stand between values. */
    for (size_t i = 0; i < line->len; i++) {
        if (line->ptr[i] == '\n')
            line->ptr[i] = ' ';
    }
    text_add_char(line, '\n');
    conn_gather(env, &cc->conn, text_span(line));
    if (text_failed(line) || conn_flush(env, &cc->conn) < 0)
        command_conn_close(cc);
}

static void add_errors(struct text *out, const struct errors *errors)
{
    text_add(out, SPAN_LIT("\"errors\":["));
    for (uint32_t i = 0; i < errors->n; i++) {
        const struct error_item *item = &errors->items[i];

        text_add(out, i > 0 ? SPAN_LIT(",{\"resource\":") : SPAN_LIT("{\"resource\":"));
        text_add_json(out, span_of(item->resource));
        text_add(out, SPAN_LIT(",\"field\":"));
        text_add_json(out, span_of(item->field));
        text_add(out, SPAN_LIT(",\"value\":"));
        text_add_json(out, span_of(item->value));
        text_add(out, SPAN_LIT(",\"rule\":"));
        text_add_json(out, span_of(item->rule));
        text_add_char(out, '}');
    }
    text_addf(out, "],\"more_errors\":%u", errors->n_dropped);
}

static void commands_pump(struct command_conn *cc);

static void commands_on_applied(void *arg, uint64_t version, const struct errors *errors)
{
    struct command_conn *cc = arg;
    struct text line;

    cc->busy = false;
    if (cc->closed) {
        engine_defer_free(cc->plane->engine, cc, command_conn_free, NULL);
        return;
    }
    text_init(&line, COMMAND_OUTPUT_MAX);
    text_addf(&line, "{\"version\":%llu,\"ok\":%s", (unsigned long long)version,
        errors->n > 0 ? "false" : "true");
    if (errors->n > 0) {
        text_addf(&line, ",\"in_force\":%llu,",
            (unsigned long long)builder_current(cc->plane->builder)->version);
        add_errors(&line, errors);
    }
    text_add_char(&line, '}');
    commands_send(cc, &line);
    text_done(&line);
    /* The answer may have found the client gone. */
    if (!cc->closed)
        engine_again(cc->plane->engine, &cc->conn.io);
}

static void commands_refuse(struct command_conn *cc, struct span command, const char *rule)
{
    struct errors errors;
    struct text line;

    errors_init(&errors, 1);
    errors_add(&errors, "command", "", command, "%s", rule);
    text_init(&line, COMMAND_OUTPUT_MAX);
    text_add(&line, SPAN_LIT("{\"ok\":false,"));
    add_errors(&line, &errors);
    text_add_char(&line, '}');
    commands_send(cc, &line);
    text_done(&line);
    errors_done(&errors);
}

static void commands_get(struct command_conn *cc, struct span what)
{
    struct plane *plane = cc->plane;
    struct text line;

    text_init(&line, COMMAND_OUTPUT_MAX);
    if (span_eq(what, SPAN_LIT("status")))
        plane_write_status(plane, &line);
    else if (span_eq(what, SPAN_LIT("health")))
        health_encode(plane->health, &line);
    else if (span_eq(what, SPAN_LIT("counters")))
        plane_write_counters(plane, &line);
    else if (span_eq(what, SPAN_LIT("snapshot")))
        builder_encode(plane->builder, &line);
    else if (span_eq(what, SPAN_LIT("names")))
        builder_encode_names(plane->builder, &line);
    if (line.len > 0)
        commands_send(cc, &line);
    else
        commands_refuse(cc, what, "get knows status, health, counters, snapshot and names");
    text_done(&line);
}

static void commands_watch(struct command_conn *cc, struct span what)
{
    struct text line;

    if (!span_eq(what, SPAN_LIT("health"))) {
        commands_refuse(cc, what, "watch knows health");
        return;
    }
    cc->watches = true;
    text_init(&line, 64);
    text_add(&line, SPAN_LIT("{\"ok\":true}"));
    commands_send(cc, &line);
    text_done(&line);
}

static void commands_execute(struct command_conn *cc, struct span line)
{
    struct plane *plane = cc->plane;
    struct span command = span_trim(line);

    if (command.len == 0)
        return;
    if (command.ptr[0] == '{' || span_starts_with(command, SPAN_LIT("replace "))) {
        bool whole = command.ptr[0] != '{';

        cc->busy = true;
        plane_apply(plane, whole ? span_from(command, 8) : command, whole, commands_on_applied, cc);
    } else if (span_starts_with(command, SPAN_LIT("get "))) {
        commands_get(cc, span_trim(span_from(command, 4)));
    } else if (span_starts_with(command, SPAN_LIT("watch "))) {
        commands_watch(cc, span_trim(span_from(command, 6)));
    } else {
        commands_refuse(
            cc, command, "a line is a change in JSON, or begins with replace, get or watch");
    }
}

/* Takes complete lines off the front. */
static void commands_lines(struct command_conn *cc)
{
    size_t at = 0;

    while (!cc->closed && !cc->busy) {
        struct span rest = {cc->in.ptr + at, cc->in.len - at};
        struct span unseen = span_from(rest, MIN(cc->scanned, rest.len));
        size_t newline = rest.len - unseen.len + span_find(unseen, '\n');

        if (newline >= rest.len) {
            cc->scanned = rest.len;
            break;
        }
        cc->scanned = 0;
        at += newline + 1;
        commands_execute(cc, (struct span){rest.ptr, newline});
    }
    if (at > 0 && at <= cc->in.len) {
        memmove(cc->in.ptr, cc->in.ptr + at, cc->in.len - at);
        cc->in.len -= at;
    }
}

static void commands_pump(struct command_conn *cc)
{
    struct conn_env *env = &cc->plane->env;

    commands_lines(cc);
    while (!cc->closed && !cc->busy && cc->conn.io.readable && !cc->conn.read_eof) {
        ssize_t n = conn_read(env, &cc->conn, env->scratch, CONN_SCRATCH_BYTES);

        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            command_conn_close(cc);
            return;
        }
        text_add(&cc->in, (struct span){env->scratch, (size_t)n});
        if (text_failed(&cc->in)) {
            commands_refuse(cc, (struct span){0}, "a line is at most 256 MiB");
            command_conn_close(cc);
            return;
        }
        commands_lines(cc);
    }
}

static void commands_on_ready(struct engine *engine, struct engine_io *io)
{
    struct command_conn *cc = container_of(io, struct command_conn, conn.io);

    (void)engine;
    if (io->failed ||
        (io->writable && cc->conn.out_bytes > 0 && conn_flush(&cc->plane->env, &cc->conn) < 0)) {
        command_conn_close(cc);
        return;
    }
    commands_pump(cc);
}

static void commands_accept(void *arg, struct acceptor *acceptor, int fd, const struct addr *peer)
{
    struct commands *commands = arg;
    struct command_conn *cc = base_zalloc(sizeof(*cc));

    (void)acceptor;
    (void)peer;
    cc->plane = commands->plane;
    text_init(&cc->in, COMMAND_LINE_MAX);
    if (conn_open(&commands->plane->env, &cc->conn, fd, &transport_plain, commands_on_ready) < 0) {
        command_conn_free(NULL, cc);
        return;
    }
    cc->conn.io.readable = false; /* its first line is an event */
    list_add_back(&commands->conns, &cc->link);
}

static int commands_listen(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) + 5 > sizeof(sa.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    /* Bound beside its place and renamed: whoever connects finds the old one or this one. */
    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s.new", path);
    (void)unlink(sa.sun_path);
    if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || chmod(sa.sun_path, 0600) < 0 ||
        listen(fd, 64) < 0 || rename(sa.sun_path, path) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

struct commands *commands_new(struct plane *plane, const char *path)
{
    struct commands *commands = base_zalloc(sizeof(*commands));

    commands->plane = plane;
    commands->path = base_strdup(path);
    list_init(&commands->conns);
    commands->fd = commands_listen(path);
    if (commands->fd < 0 || acceptor_start(&commands->acceptor, plane->engine, commands->fd,
                                commands_accept, commands) < 0) {
        free(commands->path);
        free(commands);
        return NULL;
    }
    return commands;
}

struct commands *commands_free(struct commands *commands)
{
    if (!commands)
        return NULL;
    acceptor_stop(&commands->acceptor);
    list_foreach_safe (it, &commands->conns)
        command_conn_close(container_of(it, struct command_conn, link));
    close(commands->fd);
    free(commands->path);
    free(commands);
    return NULL;
}

void commands_health_event(struct commands *commands, const struct health_event *event)
{
    static const char *const names[] = {"off", "unknown", "up", "down"};

    list_foreach_safe (it, &commands->conns) {
        struct command_conn *cc = container_of(it, struct command_conn, link);
        struct text line;

        if (!cc->watches)
            continue;
        text_init(&line, 4096);
        text_add(&line, SPAN_LIT("{\"event\":\"health\",\"group\":"));
        text_add_json(&line, span_of(event->group->res.id));
        text_add(&line, SPAN_LIT(",\"server\":"));
        text_add_json(&line, span_of(event->server->id));
        text_addf(&line, ",\"before\":\"%s\",\"after\":\"%s\",\"why\":\"%s\",\"status\":%u}",
            names[event->before], names[event->after], event->why, event->status);
        commands_send(cc, &line);
        text_done(&line);
    }
}
