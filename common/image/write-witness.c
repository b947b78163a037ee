/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "write-witness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-mark.h"
#include "common/fs/dir-iter.h"
#include "common/fs/dirfd.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/pool/volume.h"
#include "dirty-image.h"
#include "suspect.h"

#define WITNESS_DIR RL_LOCK_DIR "/witness"
/* open(2): "Linux reserves the special, nonstandard access mode 3". */
#define NEITHER_READ_NOR_WRITE 3
/* unix(7), SCM_MAX_FD is 253. */
#define IMAGES_MAX 250
#define LOOK_EVERY_MS (60 * 1000)
#define PATIENCE_SECONDS 5

/* What a client wants: one byte. */
enum { GIVE = 'g', LOOK = 'l', LEAVE = 'x' };

typedef struct {
    char *path; /* of its socket */
    int listener;
    const GArray *images;
} Witness;

char *
rl_witness_key_by_hand(const RlPool *pool, const char *volume)
{
    g_autofree char *text =
        g_strdup_printf("%ju-%ju-%s", (uintmax_t) pool->dev, (uintmax_t) pool->ino, volume);

    return g_compute_checksum_for_string(G_CHECKSUM_SHA1, text, -1);
}

static void
close_image(void *fd)
{
    rl_fd_close(fd);
}

GArray *
rl_witness_new(void)
{
    GArray *images = g_array_new(FALSE, FALSE, sizeof(int));

    g_array_set_clear_func(images, close_image);
    return images;
}

void
rl_witness_add(GArray *images, const RlPool *pool, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, &error);
    int fd = -1;

    if (volume && volume->kind != RL_KIND_PERSISTENT && volume->kind != RL_KIND_DIRECT)
        return;
    if (volume && images->len < IMAGES_MAX)
        fd = rl_dirfd_open_file(volume->dir, volume->dirty_file, NEITHER_READ_NOR_WRITE, &error);
    if (fd >= 0)
        g_array_append_val(images, fd);
    else
        rl_log_warning("%s: write errors of its image will go unnoticed: %s", name,
                       error ? error->message : "too many disks");
}

static char *
socket_path(const char *key)
{
    return g_strdup_printf("%s/%s", WITNESS_DIR, key);
}

static bool
set_address(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    return g_strlcpy(address->sun_path, path, sizeof(address->sun_path)) <
           sizeof(address->sun_path);
}

/* Connects to the process under @key and says what is wanted. -1 where there is none. */
static int
call(const char *key, char wish)
{
    static const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    g_autofree char *path = socket_path(key);
    rl_autofd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;

    if (fd < 0 || !set_address(path, &address) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
        connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
        send(fd, &wish, 1, MSG_NOSIGNAL) != 1)
        return -1;
    return rl_fd_steal(&fd);
}

typedef union {
    char space[CMSG_SPACE(IMAGES_MAX * sizeof(int))];
    struct cmsghdr align;
} Control;

static void
give(const Witness *witness, int client)
{
    size_t size = witness->images->len * sizeof(int);
    Control control = {0};
    char byte = GIVE;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), witness->images->data, size);
    sendmsg(client, &message, MSG_NOSIGNAL);
}

/* The descriptors that the process under @key has, owned by the caller; NULL where there are none.
 */
static GArray *
take(const char *key)
{
    rl_autofd int fd = call(key, GIVE);
    Control control = {0};
    char byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof(control.space)};

    if (fd < 0 || recvmsg(fd, &message, MSG_CMSG_CLOEXEC) <= 0)
        return NULL;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS)
        return NULL;
    GArray *images = rl_witness_new();
    g_array_append_vals(images, CMSG_DATA(header),
                        (guint) ((header->cmsg_len - CMSG_LEN(0)) / sizeof(int)));
    return images;
}

/* Does anybody still run on one of them, or is about to? Else no file system is to be kept from
 * being unmounted. */
static bool
is_needed(const GArray *images)
{
    for (guint i = 0; i < images->len; i++) {
        int fd = g_array_index(images, int, i);
        g_autoptr(RlImageOwner) run = NULL;
        struct stat st;
        if (fstat(fd, &st) == 0 && st.st_nlink > 0 && rl_image_owner_get(fd, &run, NULL) && run &&
            (rl_image_owner_is_fresh(run) || rl_image_owner_is_held(run, fd)))
            return true;
    }
    return false;
}

static bool
serve_client(const Witness *witness)
{
    rl_autofd int client = accept4(witness->listener, NULL, NULL, SOCK_CLOEXEC);
    char wish = 0;

    if (client < 0 || recv(client, &wish, 1, 0) != 1)
        return true;
    if (wish == GIVE)
        give(witness, client);
    if (wish != LEAVE && (wish != LOOK || is_needed(witness->images)))
        return true;
    /* Before the client sees that we are through. */
    for (guint i = 0; i < witness->images->len; i++)
        close(g_array_index(witness->images, int, i));
    unlink(witness->path);
    return false;
}

static bool
is_kept(const Witness *witness, int fd)
{
    for (guint i = 0; i < witness->images->len; i++)
        if (g_array_index(witness->images, int, i) == fd)
            return true;
    return fd == witness->listener;
}

/* The descriptors that this process has from the one it was forked from and does not need. */
static GArray *
list_others(const Witness *witness)
{
    GArray *others = g_array_new(FALSE, FALSE, sizeof(int));
    rl_autofd int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(RlDirIter) entries = dir < 0 ? NULL : rl_dir_iter_open(dir, NULL);
    const char *name;

    while (entries && (name = rl_dir_iter_next(entries))) {
        int fd = (int) g_ascii_strtoll(name, NULL, 10);
        if (fd > 2 && !is_kept(witness, fd))
            g_array_append_val(others, fd);
    }
    return others;
}

/* libvirt reads a hook's output until it is closed, and nothing else is to be held open. */
static void
close_others(const Witness *witness)
{
    g_autoptr(GArray) others = list_others(witness);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; fd <= 2; fd++)
        if (null < 0 || dup2(null, fd) < 0)
            close(fd);
    for (guint i = 0; i < others->len; i++)
        close(g_array_index(others, int, i));
}

static void
serve(const Witness *witness)
{
    struct pollfd poll_fd = {.fd = witness->listener, .events = POLLIN};

    prctl(PR_SET_NAME, "reflink-witness");
    signal(SIGPIPE, SIG_IGN);
    if (chdir("/") < 0)
        return;
    close_others(witness);
    for (;;) {
        int ready = poll(&poll_fd, 1, LOOK_EVERY_MS);
        if (ready > 0 && !serve_client(witness))
            return;
        if (ready == 0 && !is_needed(witness->images)) {
            unlink(witness->path);
            return;
        }
        if (ready < 0 && errno != EINTR)
            return;
    }
}

/* Twice forked, as the hook's worker. */
static bool
detach(const Witness *witness)
{
    pid_t middle = fork();

    if (middle < 0)
        return false;
    if (middle > 0) {
        waitpid(middle, NULL, 0);
        return true;
    }
    setsid();
    if (fork() == 0)
        serve(witness);
    g_free(witness->path); /* neither process returns to whose it is */
    _exit(0);
}

static int
listen_at(const char *path)
{
    rl_autofd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;

    g_mkdir_with_parents(WITNESS_DIR, 0700);
    unlink(path);
    if (fd < 0 || !set_address(path, &address) ||
        bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 16) < 0)
        return -1;
    return rl_fd_steal(&fd);
}

/* Until the process has closed its end. */
static void
wait_for_end(int fd)
{
    char byte;

    while (recv(fd, &byte, 1, 0) > 0)
        continue;
}

void
rl_witness_begin(const char *key, const RlDomainRef *owner, const GArray *images)
{
    g_autofree char *path = socket_path(key);
    rl_autofd int before = call(key, LEAVE);

    if (before >= 0)
        wait_for_end(before);
    if (images->len == 0)
        return;
    rl_autofd int listener = listen_at(path);
    const Witness witness = {path, listener, images};
    if (listener < 0 || !detach(&witness))
        rl_log_warning("domain %s: write errors of its images will go unnoticed: %s", owner->name,
                       g_strerror(errno));
}

static char *
link_of(int fd)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);

    return g_file_read_link(self, NULL);
}

/* The kernel has told nobody else: to this descriptor the image was open before its run. */
static bool
mark_suspect(int fd, int code, GError **error)
{
    g_autofree char *path = link_of(fd);

    rl_log_warning("%s: writing it out failed (%s): the image is suspect", path ? path : "an image",
                   g_strerror(code));
    if (rl_suspect_mark(fd, error))
        return true;
    g_prefix_error(error, "%s: writing it out failed, and that cannot be recorded: ",
                   path ? path : "an image");
    return false;
}

bool
rl_witness_is_there(const char *key)
{
    g_autofree char *path = socket_path(key);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

bool
rl_witness_ask(const char *key, const RlDomainRef *owner, GError **error)
{
    g_autoptr(GArray) images = take(key);
    g_autoptr(GError) first = NULL;

    for (guint i = 0; images && i < images->len; i++) {
        int fd = g_array_index(images, int, i);
        g_autoptr(RlImageOwner) run = NULL;
        if (!rl_image_owner_get(fd, &run, NULL) || !run)
            continue;
        bool ended = owner ? rl_image_owner_is_of(run, owner) : !rl_lease_has_writer(fd);
        if (ended && fsync(fd) < 0)
            mark_suspect(fd, errno, first ? NULL : &first);
    }
    if (!first)
        return true;
    g_propagate_error(error, g_steal_pointer(&first));
    return false;
}

/* The inode number of @fd, proc(5); a file system that has shut itself down refuses fstat(2). 0
 * where it cannot be told. */
static uint64_t
inode_of(int fd)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", fd), *text = NULL;
    const char *at = g_file_get_contents(path, &text, NULL, NULL) ? strstr(text, "ino:") : NULL;

    return at ? g_ascii_strtoull(at + strlen("ino:"), NULL, 10) : 0;
}

/* Is @fd the image of @volume with the status @st, by its number and name, on a file system that
 * does not take writes any more? */
static bool
is_lost(int fd, const RlVolume *volume, const struct stat *st)
{
    g_autofree char *path = link_of(fd);
    g_autofree char *leaf = path ? g_path_get_basename(path) : NULL;

    return inode_of(fd) == st->st_ino && g_strcmp0(leaf, volume->dirty_file) == 0 && fsync(fd) < 0;
}

/* Was the image with the status @st lost by one of the descriptors @images, and is none of them
 * that image itself? */
static bool
has_lost(const GArray *images, const RlVolume *volume, const struct stat *st)
{
    bool lost = false;

    for (guint i = 0; i < images->len; i++) {
        int fd = g_array_index(images, int, i);
        struct stat seen;
        if (fstat(fd, &seen) == 0 && rl_stat_same(&seen, st))
            return false;
        lost |= is_lost(fd, volume, st);
    }
    return lost;
}

static bool
mark_lost(const RlVolume *volume, int fd, const RlDomainRef *owner, GError **error)
{
    g_autoptr(RlImageOwner) run = NULL;
    RlMark mark;

    if (!rl_image_owner_get(fd, &run, error) || !rl_mark_get(fd, &mark, error))
        return false;
    bool ours = run && (!owner || rl_image_owner_is_of(run, owner));
    if (!ours || mark == RL_MARK_SUSPECT || mark == RL_MARK_FOREIGN)
        return true;
    rl_log_warning("volume '%s': the file system of its dirty image failed while that was in use, "
                   "and was mounted again: marked suspect",
                   volume->name->volume);
    return rl_suspect_mark(fd, error);
}

bool
rl_witness_pass_on(const char *key, const RlDomainRef *owner, const RlPool *pool, const char *name,
                   GError **error)
{
    g_autoptr(GArray) images = take(key);
    g_autoptr(RlVolume) volume = images ? rl_volume_find(pool, name, NULL) : NULL;
    struct stat st;

    /* What cannot be looked at now is not ended either. */
    if (!volume || !volume->dirty.there)
        return true;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, NULL);
    if (fd < 0 || fstat(fd, &st) < 0 || !has_lost(images, volume, &st))
        return true;
    return mark_lost(volume, fd, owner, error);
}

void
rl_witness_dismiss(const char *key, bool at_once)
{
    rl_autofd int fd = call(key, at_once ? LEAVE : LOOK);

    if (fd >= 0)
        wait_for_end(fd);
}
