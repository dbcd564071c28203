/* The processes that slbd can be. Each returns what main returns. */
#pragma once

#include <signal.h>

#include "base/error.h"
#include "engine/engine.h"
#include "observe/log.h"

struct node_conf;
struct slbd_options;

/* data.c */
int data_run(const struct slbd_options *options, const sigset_t *set) MUST_CHECK;
/* Everything that can be known of a snapshot file without binding a socket. */
int data_check(const char *path) MUST_CHECK;

/* control.c */
int control_main(const struct node_conf *node, const sigset_t *set) MUST_CHECK;

/* supervise.c */
int supervise(const struct slbd_options *options, const struct node_conf *node) MUST_CHECK;

/* signals.c: blocked signals as events of an engine. */
struct signals {
    struct engine_io io;
    struct engine *engine;
    void (*fn)(void *arg, uint32_t signal);
    void *arg;
};
/* 0 or -errno. */
int signals_open(struct signals *signals, struct engine *engine, const sigset_t *set,
    void (*fn)(void *arg, uint32_t signal), void *arg) MUST_CHECK;
/* Zeroed signals are accepted. */
void signals_close(struct signals *signals);

/* One line each on standard error. */
void print_errors(const struct errors *errors);
