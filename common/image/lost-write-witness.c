/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lost-write-witness.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-mark.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/pool/volume.h"
#include "suspect.h"
#include "witness-process.h"

#define PATIENCE_SECONDS 5

static char *
socket_path(const char *key)
{
    return g_strdup_printf("%s/%s", RL_WITNESS_DIR, key);
}

/* Connects to the process under @key and says what is wanted. -1 where there is none. */
static int
call(const char *key, char wish)
{
    static const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    g_autofree char *path = socket_path(key);
    rl_autofd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;

    if (fd < 0 || !rl_witness_set_address(path, &address) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
        connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
        send(fd, &wish, 1, MSG_NOSIGNAL) != 1)
        return -1;
    return rl_fd_steal(&fd);
}

/* The descriptors that the process under @key has, owned by the caller; NULL where there are none.
 * @writes, of RL_WITNESS_IMAGES_MAX bytes, may be NULL. */
static GArray *
take_with(const char *key, char *writes)
{
    rl_autofd int fd = call(key, RL_WITNESS_GIVE);
    RlWitnessControl control = {0};
    char first;
    struct iovec data = {writes ? writes : &first, writes ? RL_WITNESS_IMAGES_MAX : 1};
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

static GArray *
take(const char *key)
{
    return take_with(key, NULL);
}

/* Until the process has closed its end. */
static void
wait_for_end(int fd)
{
    char byte;

    while (recv(fd, &byte, 1, 0) > 0)
        continue;
}

/* Has the image @fd, which the process under @key keeps, passed to another domain's run? */
static bool
is_passed_on(int fd, const char *key)
{
    g_autoptr(RlImageOwner) run = NULL;

    return rl_image_owner_get(fd, &run, NULL) && run && g_strcmp0(run->witness, key) == 0;
}

static RlWrites
writes_of(char byte)
{
    const char *at = byte ? strchr(RL_WITNESS_WRITES, byte) : NULL;

    return at ? (RlWrites) (at - RL_WITNESS_WRITES) : RL_WRITES_UNKNOWN;
}

static bool
has_image(const GArray *images, int fd)
{
    struct stat wanted, st;

    for (guint i = 0; i < images->len; i++)
        if (fstat(fd, &wanted) == 0 && fstat(g_array_index(images, int, i), &st) == 0 &&
            rl_stat_same(&st, &wanted))
            return true;
    return false;
}

/* Is the image @fd, which nobody writes to, of a run of @owner that nobody has ended? It is ended
 * with the run that begins now. */
static bool
is_left(int fd, const RlDomainRef *owner)
{
    g_autoptr(RlImageOwner) run = NULL;

    return rl_image_owner_get(fd, &run, NULL) && run && rl_image_owner_is_of(run, owner) &&
           !rl_lease_has_writer(fd);
}

/* Adds to @images those that the process under @key has for other domains' runs by now, and for an
 * earlier one of @owner's; and to @before how they were written to. */
static void
inherit(const char *key, const RlDomainRef *owner, GArray *images, GArray *before)
{
    char bytes[RL_WITNESS_IMAGES_MAX] = {0};
    g_autoptr(GArray) kept = take_with(key, bytes);

    for (guint i = 0; kept && i < kept->len && images->len < RL_WITNESS_IMAGES_MAX; i++) {
        int *fd = &g_array_index(kept, int, i);
        bool passed_on = is_passed_on(*fd, key);
        if (has_image(images, *fd) || (!passed_on && !is_left(*fd, owner)))
            continue;
        /* Of one that is written to the spans cannot be told apart. */
        RlWrites writes = passed_on ? RL_WRITES_UNKNOWN : writes_of(bytes[i]);
        int stolen = rl_fd_steal(fd);
        g_array_append_val(images, stolen);
        g_array_append_val(before, writes);
    }
}

void
rl_witness_begin(const char *key, const RlDomainRef *owner, GArray *images)
{
    g_autofree char *path = socket_path(key);
    g_autoptr(GArray) writes = g_array_new(FALSE, FALSE, sizeof(RlWrites));

    inherit(key, owner, images, writes);
    rl_autofd int before = call(key, RL_WITNESS_LEAVE);
    if (before >= 0)
        wait_for_end(before);
    if (images->len == 0)
        return;
    if (!rl_witness_process_start(path, images, writes))
        rl_log_warning("domain %s: write errors of its images will go unnoticed: %s", owner->name,
                       g_strerror(errno));
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

    return !images || rl_witness_images_ask(images, owner, error);
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
    g_autofree char *path = rl_witness_link(fd);
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
    rl_log_warning("volume '%s': the file system of its dirty image failed while the image was in "
                   "use, and was mounted again. The image is marked suspect",
                   volume->name->volume);
    return rl_suspect_mark(fd, error);
}

static bool
pass_on(const GArray *images, const RlDomainRef *owner, const RlVolume *volume, GError **error)
{
    struct stat st;

    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, NULL);
    if (fd < 0 || fstat(fd, &st) < 0 || !has_lost(images, volume, &st))
        return true;
    return mark_lost(volume, fd, owner, error);
}

/* What cannot be looked at now is not ended either: then it is NULL, without an error. */
static RlVolume *
find_dirty(const RlPool *pool, const char *name)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, NULL);

    return volume && volume->dirty.there ? g_steal_pointer(&volume) : NULL;
}

bool
rl_witness_pass_on(const char *key, const RlDomainRef *owner, const RlPool *pool, const char *name,
                   GError **error)
{
    g_autoptr(GArray) images = take(key);
    g_autoptr(RlVolume) volume = images ? find_dirty(pool, name) : NULL;

    return !volume || pass_on(images, owner, volume, error);
}

bool
rl_witness_ask_volume(const char *key, const RlDomainRef *owner, const RlPool *pool,
                      const char *name, GError **error)
{
    g_autoptr(GArray) images = take(key);
    g_autoptr(RlVolume) volume = images ? find_dirty(pool, name) : NULL;

    for (guint i = 0; volume && i < images->len; i++) {
        int fd = g_array_index(images, int, i);
        struct stat st;
        if (fstat(fd, &st) == 0 && rl_stat_same(&st, &volume->dirty.st) &&
            !rl_witness_image_ask(fd, owner, error))
            return false;
    }
    return !volume || pass_on(images, owner, volume, error);
}

void
rl_witness_find_writes(const char *key, int fd, RlWrites *writes)
{
    char bytes[RL_WITNESS_IMAGES_MAX] = {0};
    g_autoptr(GArray) images = take_with(key, bytes);
    struct stat st, kept;

    for (guint i = 0; images && i < images->len; i++)
        if (fstat(fd, &st) == 0 && fstat(g_array_index(images, int, i), &kept) == 0 &&
            rl_stat_same(&st, &kept))
            *writes = MAX(*writes, writes_of(bytes[i]));
}

bool
rl_witness_require_taken(int fd, const RlPool *pool, const char *volume, GError **error)
{
    g_autoptr(RlImageOwner) run = NULL;
    struct stat st, kept;

    if (fstat(fd, &st) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot examine its image", volume);
    if (!rl_image_owner_get(fd, &run, error))
        return false;
    g_autofree char *key = run ? rl_witness_key_of(run, pool, volume) : NULL;
    g_autoptr(GArray) images = key ? take(key) : NULL;
    for (guint i = 0; images && i < images->len; i++) {
        int image = g_array_index(images, int, i);
        if (fstat(image, &kept) < 0 || !rl_stat_same(&kept, &st) || fsync(image) == 0)
            continue;
        return rl_witness_mark(image, errno, error) &&
               rl_fail(error, RL_ERROR_STATE,
                       "volume '%s': no named revision was made, since writes to its dirty image "
                       "failed. The image is suspect now. 'virsh vol-download' reads the last "
                       "committed state. To make a named revision of the present state "
                       "nevertheless, try again",
                       volume);
    }
    return true;
}

static bool
has_passed_on(const char *key)
{
    g_autoptr(GArray) images = take(key);

    for (guint i = 0; images && i < images->len; i++)
        if (is_passed_on(g_array_index(images, int, i), key))
            return true;
    return false;
}

void
rl_witness_dismiss(const char *key, bool at_once)
{
    rl_autofd int fd =
        call(key, at_once && !has_passed_on(key) ? RL_WITNESS_LEAVE : RL_WITNESS_LOOK);

    if (fd >= 0)
        wait_for_end(fd);
}
