/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "witness-process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/detach.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/file-name.h"
#include "common/format/image-mark.h"
#include "common/format/lost-writes-note.h"
#include "common/fs/dir-iter.h"
#include "witness-images.h"

#define LOOK_EVERY_MS (60 * 1000)

typedef struct {
    char *path; /* of its socket */
    int listener;
    const GArray *images;
    RlWriteWatch *writes;
    GPtrArray *names; /* of notes on them (rl_lost_name()), with NULL where there is none */
} Witness;

bool
rl_witness_set_address(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    return g_strlcpy(address->sun_path, path, sizeof(address->sun_path)) <
           sizeof(address->sun_path);
}

static void
give(const Witness *witness, int client)
{
    size_t size = witness->images->len * sizeof(int);
    RlWitnessControl control = {0};
    char writes[RL_WITNESS_IMAGES_MAX] = {0};
    struct iovec data = {writes, witness->images->len};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    for (guint i = 0; i < witness->images->len; i++)
        writes[i] = RL_WITNESS_WRITES[rl_write_watch_get(witness->writes, i)];
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), witness->images->data, size);
    sendmsg(client, &message, MSG_NOSIGNAL);
}

static bool
is_suspect(int fd)
{
    RlMark mark;
    bool lost;

    return !rl_mark_get(fd, &mark, NULL) || mark == RL_MARK_SUSPECT ||
           !rl_lost_is_noted(fd, &lost, NULL) || lost;
}

/* An administrator who has started a volume may attach it at any time, until he has to decide about
 * it. */
static bool
is_going_on(const RlImageOwner *run, int fd)
{
    return rl_image_owner_is_fresh(run) || rl_image_owner_is_held(run, fd) ||
           (rl_image_owner_is_by_hand(run) && rl_image_owner_began_us(run) != 0 && !is_suspect(fd));
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
            is_going_on(run, fd))
            return true;
    }
    return false;
}

/* Is @fd a dirty image, by the name that the file has now? */
static bool
is_dirty(int fd)
{
    g_autofree char *path = rl_witness_link(fd);
    g_autofree char *leaf = path ? g_path_get_basename(path) : NULL;

    return leaf && rl_file_name_parse(leaf).role == RL_FILE_DIRTY;
}

/* Of the image @fd nothing can be read: its file system has failed. So it is in no state to be
 * marked, nor is its run to be ended; it will be, when that is mounted again. */
static bool
is_unreadable(int fd)
{
    g_autoptr(RlImageOwner) run = NULL;
    struct stat st;

    return fstat(fd, &st) < 0 || !rl_image_owner_get(fd, &run, NULL);
}

/* By then no descriptor is there that knows what was lost. */
static void
note_unreadable(const Witness *witness)
{
    for (guint i = 0; i < witness->images->len; i++) {
        int fd = g_array_index(witness->images, int, i);
        const char *name = g_ptr_array_index(witness->names, i);
        g_autoptr(GError) error = NULL;
        if (name && is_unreadable(fd) && is_dirty(fd) && fsync(fd) < 0 &&
            !rl_lost_note_as(name, &error))
            rl_log_warning("cannot record that writes were lost: %s", error->message);
    }
}

/* As long as its file system tells. */
static GPtrArray *
name_images(const GArray *images)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < images->len; i++)
        g_ptr_array_add(names, rl_lost_name(g_array_index(images, int, i), NULL));
    return names;
}

/* Before the client sees that we are through. Of a run that nobody has ended, and nobody goes on
 * with, it is the last to know. */
static void
leave(const Witness *witness, bool asked)
{
    if (!asked)
        rl_witness_images_ask(witness->images, NULL, NULL);
    note_unreadable(witness);
    for (guint i = 0; i < witness->images->len; i++)
        close(g_array_index(witness->images, int, i));
    unlink(witness->path);
}

static bool
serve_client(const Witness *witness)
{
    rl_autofd int client = accept4(witness->listener, NULL, NULL, SOCK_CLOEXEC);
    char wish = 0;

    if (client < 0 || recv(client, &wish, 1, 0) != 1)
        return true;
    if (wish == RL_WITNESS_GIVE)
        give(witness, client);
    if (wish != RL_WITNESS_LEAVE && (wish != RL_WITNESS_LOOK || is_needed(witness->images)))
        return true;
    leave(witness, wish == RL_WITNESS_LEAVE);
    return false;
}

static bool
is_kept(const Witness *witness, int fd)
{
    for (guint i = 0; i < witness->images->len; i++)
        if (g_array_index(witness->images, int, i) == fd)
            return true;
    return fd == witness->listener || fd == rl_write_watch_fd(witness->writes);
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
    struct pollfd fds[] = {
        {.fd = witness->listener, .events = POLLIN},
        {.fd = rl_write_watch_fd(witness->writes), .events = POLLIN},
    };

    prctl(PR_SET_NAME, "reflink-witness");
    /* It has little to do, and sees that an image is at rest only before somebody opens it again.
     */
    setpriority(PRIO_PROCESS, 0, -20);
    signal(SIGPIPE, SIG_IGN);
    if (chdir("/") < 0)
        return;
    close_others(witness);
    for (;;) {
        int ready = poll(fds, G_N_ELEMENTS(fds), LOOK_EVERY_MS);
        if (ready > 0 && fds[1].revents)
            rl_write_watch_read(witness->writes);
        if (ready > 0 && fds[0].revents && !serve_client(witness))
            return;
        if (ready == 0 && !is_needed(witness->images)) {
            leave(witness, false);
            return;
        }
        if (ready < 0 && errno != EINTR)
            return;
    }
}

static bool
detach(const Witness *witness)
{
    pid_t pid = rl_detach();

    if (pid != 0)
        return pid > 0;
    serve(witness);
    g_ptr_array_unref(witness->names); /* it does not return to whose these are */
    rl_write_watch_free(witness->writes);
    g_free(witness->path);
    _exit(0);
}

static int
listen_at(const char *path)
{
    rl_autofd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;

    g_mkdir_with_parents(RL_WITNESS_DIR, 0700);
    unlink(path);
    if (fd < 0 || !rl_witness_set_address(path, &address) ||
        bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 16) < 0)
        return -1;
    return rl_fd_steal(&fd);
}

bool
rl_witness_process_start(char *path, const GArray *images, const GArray *before)
{
    rl_autofd int listener = listen_at(path);
    g_autoptr(GPtrArray) names = name_images(images);
    g_autoptr(RlWriteWatch) writes = rl_write_watch_new(images);
    const Witness witness = {path, listener, images, writes, names};

    for (guint i = 0; i < before->len; i++)
        rl_write_watch_resume(writes, images->len - before->len + i,
                              g_array_index(before, RlWrites, i));
    return listener >= 0 && detach(&witness);
}
