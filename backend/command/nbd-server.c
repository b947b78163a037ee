/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nbd-server.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/inode.h"

/* linux/un.h cannot be had beside sys/un.h. */
#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif

#define BACKLOG 16

/* Descriptors of the server: a socket that is handed to it is the first one behind stderr
 * (sd_listen_fds(3)). */
#define SOCKET 3
#define IMAGE 4
#define IMAGE_PATH "/proc/self/fd/4"
/* What it is to end with where it cannot be run at all, as shells do. */
#define NO_PROGRAM 127

static bool
fill_address(const char *path, struct sockaddr_un *address, GError **error)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path))
        return rl_fail(error, RL_ERROR_INVALID,
                       "the path of the socket '%s' is longer than %zu bytes", path,
                       sizeof(address->sun_path) - 1);
    memcpy(address->sun_path, path, strlen(path) + 1);
    return true;
}

/* What ends the server, and what tells of its end. */
static sigset_t
end_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    return signals;
}

int
rl_nbd_listen(const char *path, GError **error)
{
    struct sockaddr_un address;
    sigset_t signals = end_signals();
    rl_autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (!fill_address(path, &address, error))
        return -1;
    /* One that comes as soon as the socket is seen must find it removed, too. */
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (fd < 0) {
        rl_fail_errno(error, errno, "cannot make a socket");
        return -1;
    }
    /* From its first moment on nobody else can open it. */
    mode_t before = umask(0177);
    int failed = bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ? errno : 0;
    umask(before);
    if (failed == EADDRINUSE)
        rl_fail(error, RL_ERROR_EXISTS, "'%s' exists already. Remove it, or choose another socket",
                path);
    else if (failed)
        rl_fail_errno(error, failed, "cannot make the socket '%s'", path);
    if (failed)
        return -1;
    if (listen(fd, BACKLOG) == 0)
        return rl_fd_steal(&fd);
    rl_fail_errno(error, errno, "cannot listen at the socket '%s'", path);
    rl_nbd_unlink(path, fd);
    return -1;
}

void
rl_nbd_unlink(const char *path, int socket)
{
    rl_autofd int bound = ioctl(socket, SIOCUNIXFILE);
    struct stat ours, there;

    /* Who has put something else there, as another export, keeps that. A kernel that does not say
     * what is ours (it asks for CAP_NET_ADMIN) leaves it with being a socket. */
    if (lstat(path, &there) == 0 && S_ISSOCK(there.st_mode) &&
        (bound < 0 || (fstat(bound, &ours) == 0 && rl_stat_same(&ours, &there))))
        unlink(path);
}

char *
rl_nbd_uri(const char *path, const char *export)
{
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    g_autofree char *escaped = g_uri_escape_bytes((const guint8 *) absolute, strlen(absolute), "/");

    return g_strconcat("nbd+unix:///", export, "?socket=", escaped, NULL);
}

/* What runs, and the package that has it. */
typedef struct {
    const char *name, *package;
} Program;

static Program
program_of(const RlNbdWish *wish)
{
    static const Program qemu_nbd = {"qemu-nbd", "qemu-utils"},
                         storage_daemon = {"qemu-storage-daemon", "qemu-system-common"};

    return wish->bitmap ? storage_daemon : qemu_nbd;
}

/* Both do not return. The image is no other program's to lock: nobody writes to it. */
static void
become_qemu_nbd(const RlNbdWish *wish)
{
    static const char options[] = "driver=raw,read-only=on,file.driver=file,file.locking=off,"
                                  "file.filename=" IMAGE_PATH;
    const char *const argv[] = {"qemu-nbd",   "--read-only",
                                "--shared=0", "--image-opts",
                                options,      wish->once ? NULL : "--persistent",
                                NULL};
    char pid[32];

    snprintf(pid, sizeof(pid), "%d", (int) getpid());
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", pid, 1);
    execvp(argv[0], (char *const *) argv);
    _exit(NO_PROGRAM);
}

/* Its monitor is at its stdin and stdout. */
static void
become_storage_daemon(const RlNbdBitmap *bitmap)
{
    static const char file[] = "driver=file,node-name=file,read-only=on,locking=off,"
                               "filename=" IMAGE_PATH,
                      socket[] = "addr.type=fd,addr.str=" G_STRINGIFY(SOCKET) ",max-connections=0";
    char marks[128];
    const char *const argv[] = {"qemu-storage-daemon",
                                "--chardev",
                                "stdio,id=monitor",
                                "--monitor",
                                "monitor",
                                "--blockdev",
                                file,
                                "--blockdev",
                                "driver=raw,node-name=disk,read-only=on,file=file",
                                "--blockdev",
                                marks,
                                "--nbd-server",
                                socket,
                                NULL};

    snprintf(marks, sizeof(marks),
             "driver=null-co,node-name=marks,read-zeroes=on,size=%" G_GUINT64_FORMAT, bitmap->size);
    execvp(argv[0], (char *const *) argv);
    _exit(NO_PROGRAM);
}

/* In the new process, which ends with @parent: @in and @out are its stdin and stdout, or -1. Does
 * not return. */
static void
become_server(const RlNbdWish *wish, int socket, int in, int out, pid_t parent)
{
    int from = fcntl(socket, F_DUPFD_CLOEXEC, IMAGE + 1);
    int image = fcntl(wish->image, F_DUPFD_CLOEXEC, IMAGE + 1);
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || from < 0 || image < 0 ||
        (in >= 0 && (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)) ||
        dup2(from, SOCKET) < 0 || dup2(image, IMAGE) < 0)
        _exit(EXIT_FAILURE);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (wish->bitmap)
        become_storage_daemon(wish->bitmap);
    become_qemu_nbd(wish);
}

/* Until the server @pid has ended; *@ret_asked is true where a signal has ended it. */
static bool
wait_for_end(pid_t pid, const sigset_t *signals, bool *ret_asked, int *ret_status)
{
    for (;;) {
        int signal = sigwaitinfo(signals, NULL);
        if (signal < 0 && errno != EINTR)
            return false;
        if (signal > 0 && signal != SIGCHLD) {
            *ret_asked = true;
            kill(pid, SIGTERM);
        }
        pid_t ended = waitpid(pid, ret_status, WNOHANG);
        if (ended == pid)
            return true;
        if (ended < 0)
            return false;
    }
}

static bool
judge(const RlNbdWish *wish, bool asked, int status, GError **error)
{
    const Program program = program_of(wish);
    bool exited = WIFEXITED(status);

    if (asked || (exited && WEXITSTATUS(status) == 0))
        return true;
    if (exited && WEXITSTATUS(status) == NO_PROGRAM)
        return rl_fail(error, RL_ERROR_UNSUPPORTED, "%s is missing. Install the package %s",
                       program.name, program.package);
    return rl_fail(error, RL_ERROR_INVALID, "%s failed: %s %d", program.name,
                   exited ? "it ended with the status" : "it was ended by the signal",
                   exited ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* The server is ended where it does not do as it is told; one that is missing has ended. */
static bool
set_bitmap(const RlNbdWish *wish, pid_t pid, int requests, int answers, GError **error)
{
    g_autoptr(GError) cause = NULL;
    int status;

    if (rl_nbd_bitmap_set(wish->bitmap, requests, answers, wish->path, &cause))
        return true;
    kill(pid, SIGTERM);
    bool missing =
        waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == NO_PROGRAM;
    if (missing)
        return judge(wish, false, status, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
rl_nbd_serve(const RlNbdWish *wish, int socket, GError **error)
{
    pid_t parent = getpid();
    sigset_t signals = end_signals();
    rl_autofd int in = -1, requests = -1, answers = -1, out = -1;
    bool asked = false;
    int status = 0, to[2], from[2];

    signal(SIGCHLD, SIG_DFL); /* who has started us may have chosen not to hear of it */
    if (wish->bitmap) {
        if (pipe2(to, O_CLOEXEC) < 0)
            return rl_fail_errno(error, errno, "cannot make a pipe");
        in = to[0], requests = to[1];
        if (pipe2(from, O_CLOEXEC) < 0)
            return rl_fail_errno(error, errno, "cannot make a pipe");
        answers = from[0], out = from[1];
    }

    pid_t pid = fork();
    if (pid == 0)
        become_server(wish, socket, in, out, parent);
    if (pid < 0)
        return rl_fail_errno(error, errno, "cannot start %s", program_of(wish).name);
    rl_fd_close(&in);
    rl_fd_close(&out);
    if (wish->bitmap &&
        !set_bitmap(wish, pid, rl_fd_steal(&requests), rl_fd_steal(&answers), error))
        return false;
    wish->ready(wish->data);
    if (!wait_for_end(pid, &signals, &asked, &status))
        return rl_fail_errno(error, errno, "cannot wait for %s", program_of(wish).name);
    return judge(wish, asked, status, error);
}
