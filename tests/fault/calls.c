/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The errnos of each call: of ENOSPC, EIO, EINTR, EDQUOT, ENOMEM, EACCES and EAGAIN (for the log,
 * which may be full) those that its manual page names (for calls on attributes and times: those of
 * stat(2), too), and EIO for what reads or changes a disk, which file systems give whether a page
 * says so or not.
 *
 * Left out: calls that concern no file (futex, clone, eventfd, ...), or the log; lseek(2) that
 * reads nothing and fcntl(2) but for leases, which have none of these; and mmap and brk: without
 * memory GLib ends the process by design, which is a kill. */
enum {
    FD = 1 << 0,     /* the first argument is a descriptor; counts if that is of a path */
    PATH = 1 << 1,   /* the first argument is a path */
    PATHAT = 1 << 2, /* the second is */
    SHORT = 1 << 3,  /* the third is a length, and it may do less */
    RUNS = 1 << 4,
    SYNC = 1 << 5,
    CHANGES = 1 << 6, /* it can change what is there */
    LOG = 1 << 7,     /* nothing but the log makes it */
};

/* How proc(5) names one. The log's are all that there are. */
#define SOCKET "socket:"

typedef struct {
    long nr;
    const char *name;
    int flags;
    int errnos[CALL_ERRNOS_MAX + 1];
} Kind;

static const Kind kinds[] = {
    {SYS_open, "open", PATH, {EIO, EINTR, ENOMEM, EACCES}},
    {SYS_openat, "openat", PATHAT, {EIO, EINTR, ENOMEM, EACCES}},
    {SYS_openat2, "openat2", PATHAT, {EIO, EINTR, ENOMEM, EACCES}},
    {SYS_close, "close", FD | RUNS, {EIO, EINTR, ENOSPC, EDQUOT}},
    {SYS_read, "read", FD | SHORT, {EIO, EINTR}},
    {SYS_pread64, "pread", FD | SHORT, {EIO, EINTR}},
    {SYS_lseek, "lseek", FD, {EIO}},
    {SYS_write, "write", FD | SHORT | CHANGES, {ENOSPC, EIO, EINTR, EDQUOT}},
    {SYS_pwrite64, "pwrite", FD | SHORT | CHANGES, {ENOSPC, EIO, EINTR, EDQUOT}},
    {SYS_copy_file_range, "copy_file_range", FD | CHANGES, {ENOSPC, EIO, ENOMEM}},
    {SYS_getdents64, "getdents", FD, {EIO, ENOMEM}},
    {SYS_stat, "stat", PATH, {EIO, ENOMEM, EACCES}},
    {SYS_lstat, "lstat", PATH, {EIO, ENOMEM, EACCES}},
    {SYS_fstat, "fstat", FD, {EIO, ENOMEM}},
    {SYS_newfstatat, "fstatat", PATHAT, {EIO, ENOMEM, EACCES}},
    {SYS_statx, "statx", PATHAT, {EIO, ENOMEM, EACCES}},
    {SYS_access, "access", PATH, {EIO, ENOMEM, EACCES}},
    {SYS_faccessat, "faccessat", PATHAT, {EIO, ENOMEM, EACCES}},
    {SYS_faccessat2, "faccessat2", PATHAT, {EIO, ENOMEM, EACCES}},
    {SYS_readlink, "readlink", PATH, {EIO, ENOMEM, EACCES}},
    {SYS_readlinkat, "readlinkat", PATHAT, {EIO, ENOMEM, EACCES}},
    {SYS_statfs, "statfs", PATH, {EIO, EINTR, ENOMEM, EACCES}},
    {SYS_fstatfs, "fstatfs", FD, {EIO, EINTR, ENOMEM}},
    {SYS_fsync, "fsync", FD | SYNC | CHANGES, {ENOSPC, EIO, EINTR, EDQUOT}},
    {SYS_fdatasync, "fdatasync", FD | SYNC | CHANGES, {ENOSPC, EIO, EINTR, EDQUOT}},
    {SYS_truncate, "truncate", PATH | CHANGES, {EIO, EINTR, EACCES}},
    {SYS_ftruncate, "ftruncate", FD | CHANGES, {EIO, EINTR, ENOSPC, EDQUOT}},
    {SYS_fallocate, "fallocate", FD | CHANGES, {ENOSPC, EIO, EINTR, EDQUOT}},
    {SYS_linkat, "linkat", PATHAT | CHANGES, {ENOSPC, EIO, EDQUOT, ENOMEM, EACCES}},
    {SYS_symlinkat, "symlinkat", PATH | CHANGES, {ENOSPC, EIO, EDQUOT, ENOMEM, EACCES}},
    {SYS_rename, "rename", PATH | CHANGES, {ENOSPC, EIO, EDQUOT, ENOMEM, EACCES}},
    {SYS_renameat, "renameat", PATHAT | CHANGES, {ENOSPC, EIO, EDQUOT, ENOMEM, EACCES}},
    {SYS_renameat2, "renameat2", PATHAT | CHANGES, {ENOSPC, EIO, EDQUOT, ENOMEM, EACCES}},
    {SYS_unlink, "unlink", PATH | CHANGES, {EIO, ENOMEM, EACCES}},
    {SYS_unlinkat, "unlinkat", PATHAT | CHANGES, {EIO, ENOMEM, EACCES}},
    {SYS_mkdir, "mkdir", PATH | CHANGES, {ENOSPC, EIO, EDQUOT, ENOMEM, EACCES}},
    {SYS_mkdirat, "mkdirat", PATHAT | CHANGES, {ENOSPC, EIO, EDQUOT, ENOMEM, EACCES}},
    {SYS_rmdir, "rmdir", PATH | CHANGES, {EIO, ENOMEM, EACCES}},
    {SYS_chmod, "chmod", PATH | CHANGES, {EIO, ENOMEM, EACCES}},
    {SYS_fchmod, "fchmod", FD | CHANGES, {EIO, ENOMEM}},
    {SYS_fchmodat, "fchmodat", PATHAT | CHANGES, {EIO, ENOMEM, EACCES}},
    {SYS_fchown, "fchown", FD | CHANGES, {EIO, ENOMEM, EDQUOT}},
    {SYS_fchownat, "fchownat", PATHAT | CHANGES, {EIO, ENOMEM, EDQUOT, EACCES}},
    {SYS_utimensat, "utimensat", PATHAT | CHANGES, {EIO, ENOMEM, EACCES}},
    {SYS_fgetxattr, "fgetxattr", FD, {EIO, ENOMEM, EACCES}},
    {SYS_lgetxattr, "lgetxattr", PATH, {EIO, ENOMEM, EACCES}},
    {SYS_flistxattr, "flistxattr", FD, {E2BIG, EIO, ENOMEM}},
    {SYS_fsetxattr, "fsetxattr", FD | CHANGES, {ENOSPC, EIO, EDQUOT, ENOMEM, EACCES}},
    {SYS_fremovexattr, "fremovexattr", FD | CHANGES, {ENOSPC, EIO, EDQUOT, ENOMEM, EACCES}},
    {SYS_flock, "flock", FD, {EINTR, ENOMEM}},
    {SYS_socket, "socket", LOG, {ENOMEM, EACCES}},
    {SYS_sendto, "sendto", LOG, {EAGAIN, EINTR, ENOMEM, EACCES}},
    {SYS_fcntl, "fcntl", FD, {EACCES, ENOMEM}},
    {SYS_ioctl, "ioctl", FD | CHANGES, {ENOSPC, EIO, EINTR, EDQUOT, ENOMEM}},
};

/* Opening can need space only where it makes a file. */
static const int open_makes[] = {ENOSPC, EDQUOT, EIO, EINTR, ENOMEM, EACCES, 0};
static const int ioctl_flags[] = {EIO, ENOMEM, EACCES, 0};
static const int ioctl_loop[] = {EIO, EINTR, ENOMEM, EACCES, 0};

static const Kind *
find(guint64 nr)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if ((guint64) kinds[i].nr == nr)
            return &kinds[i];
    return NULL;
}

long
call_number(size_t index)
{
    return index < G_N_ELEMENTS(kinds) ? kinds[index].nr : -1;
}

static void
read_memory(pid_t tid, guint64 address, void *buffer, size_t size)
{
    struct iovec local = {buffer, size}, remote = {GSIZE_TO_POINTER(address), size};
    ssize_t n = process_vm_readv(tid, &local, 1, &remote, 1, 0);

    /* It may end before @size bytes, at the end of a page. */
    if (n < 0) {
        size_t first = 4096 - address % 4096;
        local.iov_len = remote.iov_len = MIN(size, first);
        process_vm_readv(tid, &local, 1, &remote, 1, 0);
    }
}

static char *
read_path(pid_t tid, guint64 address)
{
    char path[512] = "";

    read_memory(tid, address, path, sizeof(path) - 1);
    return g_strndup(path, sizeof(path) - 1);
}

/* What the descriptor @fd of @tid is; NULL where it is neither a socket nor anything with a path.
 */
static char *
read_fd(pid_t tid, int fd, bool *ret_is_dir)
{
    g_autofree char *self = g_strdup_printf("/proc/%d/fd/%d", (int) tid, fd);
    char path[512];
    struct stat st;
    ssize_t n = readlink(self, path, sizeof(path) - 1);

    path[MAX(n, 0)] = '\0';
    if (path[0] != '/' && !g_str_has_prefix(path, SOCKET))
        return NULL;
    *ret_is_dir = stat(self, &st) == 0 && S_ISDIR(st.st_mode);
    return g_strdup(path);
}

static guint64
open_flags(pid_t tid, guint64 nr, const guint64 *args)
{
    struct open_how how = {0};

    if (nr == SYS_open)
        return args[1];
    if (nr == SYS_openat)
        return args[2];
    read_memory(tid, args[2], &how, sizeof(how));
    return how.flags;
}

/* False for the commands of fcntl(2) and ioctl(2) that have none of the errnos. */
static bool
set_errnos(Call *call, const Kind *kind, pid_t tid, const guint64 *args)
{
    const int *errnos = kind->errnos;

    if (kind->nr == SYS_open || kind->nr == SYS_openat || kind->nr == SYS_openat2) {
        guint64 flags = open_flags(tid, call->nr, args);
        if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE)
            errnos = open_makes;
        call->changes = errnos == open_makes;
    }
    if (kind->nr == SYS_lseek && args[2] != SEEK_DATA && args[2] != SEEK_HOLE &&
        args[2] != SEEK_END)
        return false;
    if (kind->nr == SYS_fcntl && (args[1] != F_SETLEASE || args[2] == F_UNLCK))
        return false;
    if (kind->nr == SYS_ioctl && args[1] != FICLONE)
        errnos =
            args[1] == LOOP_GET_STATUS64 || args[1] == LOOP_SET_CAPACITY ? ioctl_loop : ioctl_flags;
    for (int i = 0; i <= CALL_ERRNOS_MAX && errnos[i]; i++)
        call->errnos[i] = errnos[i];
    return true;
}

/* A look through all processes takes other calls each time. */
static bool
is_of_processes(const char *path)
{
    if (!path || !g_str_has_prefix(path, "/proc"))
        return false;
    path += strlen("/proc");
    if (*path == '\0')
        return true;
    size_t number = strspn(path + 1, "0123456789");
    path += number + 1;
    return number > 0 &&
           (*path == '\0' || g_str_has_prefix(path, "/task") || g_str_has_prefix(path, "/fd"));
}

/* What a call of that kind is about, owned by the caller; NULL if that does not count. */
static char *
read_subject(const Kind *kind, pid_t tid, const guint64 *args, bool *ret_is_dir)
{
    if (kind->flags & LOG)
        return g_strdup("the log");
    if (kind->flags & PATH)
        return read_path(tid, args[0]);
    g_autofree char *opened = read_fd(tid, (int) args[0], ret_is_dir);
    if (is_of_processes(opened))
        return NULL;
    return kind->flags & FD ? g_steal_pointer(&opened) : read_path(tid, args[1]);
}

bool
call_read(pid_t tid, guint64 nr, const guint64 *args, Call *ret_call)
{
    const Kind *kind = find(nr);
    g_autofree char *what = NULL;
    Call call = {.nr = nr};
    bool is_dir = false;

    if (!kind || !set_errnos(&call, kind, tid, args))
        return false;
    what = read_subject(kind, tid, args, &is_dir);
    if (!what)
        return false;
    call.changes |= (kind->flags & CHANGES) != 0;
    call.logs = (kind->flags & LOG) || g_str_has_prefix(what, SOCKET);
    call.runs = kind->flags & RUNS;
    /* A sysctl is read at once or not at all: the kernel gives no second half of it. */
    call.length = (kind->flags & SHORT) && !g_str_has_prefix(what, "/proc/sys/") ? args[2] : 0;
    call.asks_for_users = kind->nr == SYS_fcntl;
    /* The mounting is told by the file system's type, its device, and sysfs. */
    call.asks_for_boot = g_str_has_suffix(what, "/boot_id") || g_str_has_prefix(what, "/sys/") ||
                         kind->nr == SYS_fstatfs || *what == '\0';
    call.syncs = kind->flags & SYNC;
    call.syncs_dir = (kind->flags & SYNC) && is_dir;
    call.syncs_dirty = (kind->flags & SYNC) && g_str_has_suffix(what, "-dirty.img");
    call.text = g_strdup_printf("%s(%s)", kind->name, what);
    *ret_call = call;
    return true;
}

const char *
call_errno_name(int code)
{
    switch (code) {
    case ENOSPC:
        return "ENOSPC";
    case EIO:
        return "EIO";
    case EINTR:
        return "EINTR";
    case EDQUOT:
        return "EDQUOT";
    case ENOMEM:
        return "ENOMEM";
    case EAGAIN:
        return "EAGAIN";
    case EACCES:
        return "EACCES";
    case E2BIG:
        return "E2BIG";
    default:
        return "?";
    }
}
