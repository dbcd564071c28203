#include "plane/plane.h"

static struct plane_listener *worker_listener(struct plane_worker *w, uint32_t slot)
{
    uint32_t n = w->n_listeners > 0 ? w->n_listeners : 16;

    if (slot >= w->n_listeners) {
        while (n <= slot)
            n *= 2;
        w->listeners = base_realloc(w->listeners, n * sizeof(*w->listeners));
        memset(w->listeners + w->n_listeners, 0, (n - w->n_listeners) * sizeof(*w->listeners));
        w->n_listeners = n;
    }
    return &w->listeners[slot];
}

static void listener_close(struct plane_listener *listener)
{
    if (listener->http)
        proxy_unlisten(listener->http);
    if (listener->l4)
        l4_unlisten(listener->l4);
    *listener = (struct plane_listener){0};
}

static void listener_open(struct plane_worker *w, struct plane_listener *listener,
    const struct listener_conf *conf, const int *fds)
{
    if (conf->protocol == PROTOCOL_HTTP)
        listener->http = proxy_listen(w->proxy, conf, fds);
    else
        listener->l4 = l4_listen(w->l4, conf, fds);
}

/* The old view is still current here: what is closed takes its last references from it. */
static void worker_close_listeners(struct plane_worker *w, const struct change_item *items,
    uint32_t n_items, const int *const *fds)
{
    for (uint32_t i = 0; i < n_items; i++) {
        const struct change_item *item = &items[i];

        if (item->kind == KIND_LISTENER && item->before && (!item->after || fds[i]))
            listener_close(worker_listener(w, item->slot));
    }
}

static void worker_open_listeners(struct plane_worker *w, const struct change_item *items,
    uint32_t n_items, const int *const *fds)
{
    for (uint32_t i = 0; i < n_items; i++) {
        const struct change_item *item = &items[i];
        struct plane_listener *listener;

        if (item->kind != KIND_LISTENER || !item->after)
            continue;
        listener = worker_listener(w, item->slot);
        if (fds[i])
            listener_open(w, listener, item->after, fds[i]);
        else if (listener->http)
            proxy_relisten(listener->http, item->after);
        else if (listener->l4)
            l4_relisten(listener->l4, item->after);
    }
}

void plane_worker_apply(struct plane_worker *w, struct snapshot_view *view,
    const struct change_item *items, uint32_t n_items, const int *const *fds)
{
    struct snapshot_view *before = w->view;

    worker_close_listeners(w, items, n_items, fds);
    groups_apply(&w->groups, items, n_items);
    w->view = view;
    proxy_set_view(w->proxy, view);
    l4_set_view(w->l4, view);
    worker_open_listeners(w, items, n_items, fds);
    if (before)
        view_unref(before);
}

void plane_worker_stop_accepting(struct plane_worker *w)
{
    for (uint32_t i = 0; i < w->n_listeners; i++) {
        if (w->listeners[i].http)
            proxy_stop_accepting(w->listeners[i].http);
        if (w->listeners[i].l4)
            l4_stop_accepting(w->listeners[i].l4);
    }
}

void plane_worker_start_accepting(struct plane_worker *w)
{
    for (uint32_t i = 0; i < w->n_listeners; i++) {
        if (w->listeners[i].http)
            proxy_start_accepting(w->listeners[i].http);
        if (w->listeners[i].l4)
            l4_start_accepting(w->listeners[i].l4);
    }
}

void plane_worker_drain(struct plane_worker *w, bool stopping)
{
    for (uint32_t i = 0; i < w->n_listeners; i++) {
        struct plane_listener *listener = &w->listeners[i];

        if (listener->http)
            proxy_stop_accepting(listener->http);
        if (listener->l4 && !(stopping && listener->l4->udp))
            l4_stop_accepting(listener->l4);
    }
    proxy_drain(w->proxy, stopping);
    l4_drain(w->l4);
}

void plane_worker_cut(struct plane_worker *w)
{
    proxy_cut(w->proxy);
    l4_cut(w->l4);
}

uint32_t plane_worker_active(const struct plane_worker *w)
{
    return proxy_active(w->proxy) + l4_active(w->l4);
}

uint32_t plane_worker_udp_active(const struct plane_worker *w)
{
    return l4_udp_active(w->l4);
}
