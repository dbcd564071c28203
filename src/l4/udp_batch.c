#include "l4/udp_batch.h"

#include <netinet/udp.h>
#include <sys/mman.h>

#include "engine/sys.h"

#ifndef UDP_SEGMENT
#    define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#    define UDP_GRO 104
#endif

/* Of trains that are put together here. Segments must fit the path's packets, which are not known here; what came as one
 * train is tried with any size. */
#define UDP_JOIN_SEG_MAX 1452u
#define UDP_JOIN_MAX     64u /* UDP_MAX_SEGMENTS of kernels before 6.9 */
#define UDP_JOIN_BYTES   65000u

struct udp_batch *udp_batch_new(void)
{
    struct udp_batch *batch = base_zalloc(sizeof(*batch));
    /* Not touched before use: a worker that sees small datagrams only pays for a page per slot. */
    void *slots = mmap(NULL, (size_t)UDP_SLOTS * UDP_SLOT_BYTES, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (slots == MAP_FAILED) {
        (void)fprintf(stderr, "no memory for datagrams\n");
        abort();
    }
    /* A huge page would be filled with the gaps between slots. */
    (void)madvise(slots, (size_t)UDP_SLOTS * UDP_SLOT_BYTES, MADV_NOHUGEPAGE);
    batch->slots = slots;
    for (uint32_t i = 0; i < UDP_SLOTS; i++) {
        batch->iov[i] = (struct iovec){batch->slots + (size_t)i * UDP_SLOT_BYTES, UDP_SLOT_BYTES};
        batch->msgs[i].msg_hdr.msg_iov = &batch->iov[i];
        batch->msgs[i].msg_hdr.msg_iovlen = 1;
        batch->msgs[i].msg_hdr.msg_name = &batch->names[i];
        batch->msgs[i].msg_hdr.msg_control = &batch->controls[i];
    }
    batch->used = UINT64_MAX;
    return batch;
}

struct udp_batch *udp_batch_free(struct udp_batch *batch)
{
    if (!batch)
        return NULL;
    list_remove(&batch->job.link);
    (void)munmap(batch->slots, (size_t)UDP_SLOTS * UDP_SLOT_BYTES);
    free(batch);
    return NULL;
}

_Static_assert(UDP_SLOTS == 64, "as many bits");

static uint64_t udp_slot_bits(uint32_t first, uint32_t n)
{
    return n == 0 ? 0 : (UINT64_MAX >> (UDP_SLOTS - n)) << first;
}

int udp_batch_recv(struct udp_batch *batch, int fd, uint32_t first, uint32_t max)
{
    uint64_t offered;
    int n;

    assert(max > 0 && first + max <= UDP_SLOTS);
    offered = udp_slot_bits(first, max);
    for (uint64_t bits = batch->used & offered; bits != 0; bits &= bits - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(bits);
        struct msghdr *hdr = &batch->msgs[i].msg_hdr;

        hdr->msg_namelen = sizeof(batch->names[i]);
        hdr->msg_controllen = sizeof(batch->controls[i]);
    }
    batch->used &= ~offered;
    n = sys_recvmmsg(fd, batch->msgs + first, max);
    if (n > 0)
        batch->used |= udp_slot_bits(first, (uint32_t)n);
    return n;
}

int udp_batch_recv_plain(
    struct udp_batch *batch, int fd, uint32_t first, uint32_t max, int *ret_error)
{
    uint32_t n = 0;
    int error = 0;

    assert(max > 0 && first + max <= UDP_SLOTS);
    while (n < max) {
        struct mmsghdr *msg = &batch->msgs[first + n];
        ssize_t len = sys_recv_datagram(fd, batch->iov[first + n].iov_base, UDP_SLOT_BYTES);

        if (len < 0) {
            error = (int)len;
            break;
        }
        msg->msg_len = (unsigned)len;
        msg->msg_hdr.msg_flags = 0;
        msg->msg_hdr.msg_controllen = 0;
        n++;
    }
    batch->used |= udp_slot_bits(first, n);
    *ret_error = error == -EAGAIN ? 0 : error;
    return n > 0 ? (int)n : error;
}

bool udp_batch_piece(const struct udp_batch *batch, uint32_t slot, struct udp_piece *ret_piece)
{
    const struct mmsghdr *msg = &batch->msgs[slot];
    struct msghdr hdr = msg->msg_hdr;
    struct udp_piece piece = {.ptr = batch->iov[slot].iov_base, .len = msg->msg_len};

    if ((hdr.msg_flags & MSG_TRUNC) != 0)
        return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&hdr); c; c = CMSG_NXTHDR(&hdr, c)) {
        int seg;

        if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
            continue;
        memcpy(&seg, CMSG_DATA(c), sizeof(seg));
        if (seg > 0 && (uint32_t)seg < piece.len)
            piece.seg = (uint32_t)seg;
    }
    *ret_piece = piece;
    return true;
}

void udp_batch_peer(const struct udp_batch *batch, uint32_t slot, struct addr *ret_addr)
{
    addr_from_sockaddr(&batch->names[slot], ret_addr);
}

static void udp_addr_of_v4(const struct in_addr *in, struct addr *ret_addr)
{
    *ret_addr = (struct addr){.family = 4};
    memcpy(ret_addr->ip, in, sizeof(*in));
}

static void udp_addr_of_v6(const struct in6_addr *in6, struct addr *ret_addr)
{
    struct sockaddr_storage sa = {0};
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&sa;

    /* On its way through a socket address a mapped IPv4 address becomes one. */
    sin6->sin6_family = AF_INET6;
    sin6->sin6_addr = *in6;
    addr_from_sockaddr(&sa, ret_addr);
}

bool udp_batch_local(struct udp_batch *batch, uint32_t slot, struct addr *ret_addr)
{
    struct msghdr *hdr = &batch->msgs[slot].msg_hdr;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c; c = CMSG_NXTHDR(hdr, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof(info));
            udp_addr_of_v4(&info.ipi_spec_dst, ret_addr);
            return true;
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof(info));
            udp_addr_of_v6(&info.ipi6_addr, ret_addr);
            return true;
        }
    }
    return false;
}

uint32_t udp_piece_count(const struct udp_piece *piece)
{
    return piece->seg == 0 ? 1 : (piece->len + piece->seg - 1) / piece->seg;
}

/* ---- sending ---- */

void udp_out_begin(struct udp_out *out, int fd)
{
    assert(out->n == 0);
    out->fd = fd;
    out->sent = 0;
    out->sent_bytes = 0;
    out->error = 0;
}

static bool udp_train_joins(
    const struct udp_out *out, const struct udp_train *train, const struct udp_piece *piece)
{
    uint32_t seg = piece->seg ? piece->seg : piece->len;

    return !out->plain && !train->closed && train->seg > 0 && train->seg <= UDP_JOIN_SEG_MAX &&
           piece->len > 0 && (seg == train->seg || (piece->seg == 0 && seg < train->seg)) &&
           train->n + udp_piece_count(piece) <= UDP_JOIN_MAX &&
           train->bytes + piece->len <= UDP_JOIN_BYTES;
}

static void udp_train_add(struct udp_out *out, uint32_t i, const struct udp_piece *piece)
{
    struct udp_train *train = &out->trains[i];

    train->n += udp_piece_count(piece);
    train->bytes += piece->len;
    train->closed = train->seg == 0 || train->bytes % train->seg != 0;
    out->iov[out->n_iov++] = (struct iovec){piece->ptr, piece->len};
    out->msgs[i].msg_hdr.msg_iovlen++;
}

static void udp_train_begin(struct udp_out *out, const struct udp_piece *piece, const void *tag,
    const struct addr *peer, const struct addr *source)
{
    uint32_t i = out->n++;
    struct msghdr *hdr = &out->msgs[i].msg_hdr;

    out->trains[i] = (struct udp_train){
        .tag = tag,
        .seg = piece->seg ? piece->seg : piece->len,
    };
    if (source)
        out->trains[i].source = *source;
    *hdr = (struct msghdr){.msg_iov = &out->iov[out->n_iov]};
    if (peer) {
        hdr->msg_namelen = addr_to_sockaddr(peer, &out->names[i]);
        hdr->msg_name = &out->names[i];
    }
    udp_train_add(out, i, piece);
}

static void udp_out_add_one(struct udp_out *out, const struct udp_piece *piece, const void *tag,
    const struct addr *peer, const struct addr *source)
{
    struct udp_train *last = out->n > 0 ? &out->trains[out->n - 1] : NULL;

    if (out->n_iov == UDP_SLOTS) {
        udp_out_send(out);
        last = NULL;
    }
    if (last && last->tag == tag && udp_train_joins(out, last, piece))
        udp_train_add(out, out->n - 1, piece);
    else
        udp_train_begin(out, piece, tag, peer, source);
}

void udp_out_add(struct udp_out *out, const struct udp_piece *piece, const void *tag,
    const struct addr *peer, const struct addr *source)
{
    struct udp_piece one = {.ptr = piece->ptr};

    if (piece->seg == 0 || !out->plain) {
        udp_out_add_one(out, piece, tag, peer, source);
        return;
    }
    for (uint32_t at = 0; at < piece->len; at += one.len) {
        one.ptr = piece->ptr + at;
        one.len = MIN(piece->seg, piece->len - at);
        udp_out_add_one(out, &one, tag, peer, source);
    }
}

static void udp_put_control(struct msghdr *hdr, int level, int type, const void *data, size_t n)
{
    struct cmsghdr *c = (struct cmsghdr *)((char *)hdr->msg_control + hdr->msg_controllen);

    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), data, n);
    hdr->msg_controllen += CMSG_SPACE(n);
}

/* n: datagrams of the message. */
static void udp_out_control(struct udp_out *out, uint32_t i, struct msghdr *hdr, uint32_t n)
{
    const struct udp_train *train = &out->trains[i];

    hdr->msg_control = &out->controls[i];
    hdr->msg_controllen = 0;
    if (train->source.family == 4) {
        struct in_pktinfo info = {0};

        memcpy(&info.ipi_spec_dst, train->source.ip, sizeof(info.ipi_spec_dst));
        udp_put_control(hdr, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    } else if (train->source.family == 6) {
        struct in6_pktinfo info = {0};

        memcpy(&info.ipi6_addr, train->source.ip, sizeof(info.ipi6_addr));
        udp_put_control(hdr, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
    if (n > 1) {
        uint16_t seg = (uint16_t)train->seg;

        udp_put_control(hdr, IPPROTO_UDP, UDP_SEGMENT, &seg, sizeof(seg));
    }
    if (hdr->msg_controllen == 0)
        hdr->msg_control = NULL;
}

/* Whether the socket, and not the datagram, is the trouble: nothing else would be taken either. */
static bool udp_is_final(int r)
{
    return r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM || r == -ECONNREFUSED;
}

/* Sends one datagram of the train. Returns 0, or the -errno that ends sending. */
static int udp_out_send_one(struct udp_out *out, uint32_t i, struct iovec iov)
{
    struct mmsghdr msg = {.msg_hdr = out->msgs[i].msg_hdr};
    int r;

    msg.msg_hdr.msg_iov = &iov;
    msg.msg_hdr.msg_iovlen = 1;
    udp_out_control(out, i, &msg.msg_hdr, 1);
    r = sys_sendmmsg(out->fd, &msg, 1);
    if (r > 0) {
        out->sent++;
        out->sent_bytes += iov.iov_len;
        return 0;
    }
    out->error = r;
    return udp_is_final(r) ? r : 0;
}

/* Sends the datagrams of a train that the kernel did not take as one: 0, or the -errno that ends sending. */
static int udp_out_split(struct udp_out *out, uint32_t i)
{
    const struct msghdr *whole = &out->msgs[i].msg_hdr;
    uint32_t seg = out->trains[i].seg;
    int r = 0;

    /* Each piece but the last is so many whole datagrams. */
    for (size_t v = 0; v < whole->msg_iovlen; v++) {
        const struct iovec *iov = &whole->msg_iov[v];

        for (size_t at = 0; r == 0 && at < iov->iov_len; at += seg)
            r = udp_out_send_one(out, i,
                (struct iovec){(char *)iov->iov_base + at, MIN((size_t)seg, iov->iov_len - at)});
    }
    return r;
}

/* The first train from `at` on was refused. Returns 0 to go on behind it, or -errno to give up. */
static int udp_out_refused(struct udp_out *out, uint32_t at, int r)
{
    out->error = r;
    if (udp_is_final(r))
        return r;
    if (out->trains[at].n == 1)
        return 0;
    /* EINVAL and EMSGSIZE: segments do not fit the path; EIO: its device cannot do checksums; ENOPROTOOPT:
     * the kernel knows no segments. */
    if (r == -EIO || r == -ENOPROTOOPT)
        out->plain = true;
    out->error = 0;
    return udp_out_split(out, at);
}

static void udp_out_count(struct udp_out *out, uint32_t first, uint32_t n)
{
    for (uint32_t i = first; i < first + n; i++) {
        out->sent += out->trains[i].n;
        out->sent_bytes += out->trains[i].bytes;
    }
}

/* Sends the trains from `at` on: how many went, or the -errno of the first. */
static int udp_out_try(struct udp_out *out, uint32_t at)
{
    const struct msghdr *hdr = &out->msgs[at].msg_hdr;
    ssize_t r;

    if (at + 1 < out->n || hdr->msg_iovlen > 1 || hdr->msg_control)
        return sys_sendmmsg(out->fd, out->msgs + at, out->n - at);
    r = sys_send_datagram(out->fd, hdr->msg_iov, hdr->msg_name, hdr->msg_namelen);
    return r < 0 ? (int)r : 1;
}

void udp_out_send(struct udp_out *out)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < out->n; i++)
        udp_out_control(out, i, &out->msgs[i].msg_hdr, out->trains[i].n);
    while (at < out->n) {
        int r = udp_out_try(out, at);

        if (r > 0)
            udp_out_count(out, at, (uint32_t)r);
        else if (udp_out_refused(out, at, r) < 0)
            break;
        at += r > 0 ? (uint32_t)r : 1;
    }
    out->n = 0;
    out->n_iov = 0;
}
