/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel asks the test what is to become of each such call of the thread
 * (SECCOMP_RET_USER_NOTIF).
 */
#include "disturb.h"

#include "common/base/autofd.h"
#include "common/pool/pool.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NOT_YET (-2)

typedef struct {
    Lab *lab;
    long nr, also;
    Attempt attempt;
    int listener; /* NOT_YET until there is one */
    bool done;
    GError *error;
} Run;

static const long all_calls[] = {
    SYS_openat,     SYS_openat2,   SYS_read,       SYS_pread64,   SYS_write,     SYS_pwrite64,
    SYS_getdents64, SYS_fstat,     SYS_newfstatat, SYS_fstatfs,   SYS_fsync,     SYS_fdatasync,
    SYS_ftruncate,  SYS_fallocate, SYS_linkat,     SYS_renameat2, SYS_unlinkat,  SYS_mkdirat,
    SYS_fchown,     SYS_fchmod,    SYS_utimensat,  SYS_fgetxattr, SYS_fsetxattr, SYS_fremovexattr,
    SYS_flock,      SYS_ioctl,     SYS_lseek,      SYS_eventfd2,  SYS_fcntl,     SYS_socket,
#ifdef __x86_64__
    SYS_rename,     SYS_renameat,  SYS_mkdir,      SYS_rmdir,     SYS_unlink,    SYS_readlink,
    SYS_stat,       SYS_lstat,     SYS_access,     SYS_open,
#endif
};

static void
ask_about(GArray *filter, long nr)
{
    const struct sock_filter is_it = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (guint32) nr, 0, 1),
                             ask = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);

    g_array_append_val(filter, is_it);
    g_array_append_val(filter, ask);
}

/* From here on each such call of this thread is asked about at the descriptor that is returned. */
static int
listen_to(long nr, long also)
{
    g_autoptr(GArray) filter = g_array_new(FALSE, FALSE, sizeof(struct sock_filter));
    const struct sock_filter load = BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             offsetof(struct seccomp_data, nr)),
                             allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

    g_array_append_val(filter, load);
    for (size_t i = 0; !nr && i < G_N_ELEMENTS(all_calls); i++)
        ask_about(filter, all_calls[i]);
    if (nr)
        ask_about(filter, nr);
    if (also)
        ask_about(filter, also);
    g_array_append_val(filter, allow);

    struct sock_fprog program = {(unsigned short) filter->len, (void *) filter->data};
    g_assert_cmpint(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
    return (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                         &program);
}

static gpointer
run(gpointer data)
{
    Run *run = data;

    /* Told without a call: whoever is to answer does not know the listener yet. */
    __atomic_store_n(&run->listener, listen_to(run->nr, run->also), __ATOMIC_RELEASE);
    run->done = run->attempt(run->lab, &run->error);
    return NULL;
}

static void
answer(int listener, Disturbance *disturbance, Lab *lab)
{
    struct seccomp_notif asked = {0};
    struct seccomp_notif_resp said = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    guint first = disturbance->first;

    /* ENOENT: whoever asked was killed. */
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
        return;
    guint number = ++disturbance->made;
    said.id = asked.id;
    if (number >= first && (!disturbance->count || number < first + disturbance->count)) {
        int code = disturbance->before ? disturbance->before(lab) : 0;
        code = code ? code : disturbance->code;
        if (code)
            said.flags = 0;
        said.error = -code;
    }
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &said);
}

bool
disturb(Lab *lab, Disturbance *disturbance, Attempt attempt, GError **error)
{
    Run one = {.lab = lab,
               .nr = disturbance->nr,
               .also = disturbance->also,
               .attempt = attempt,
               .listener = NOT_YET};
    GThread *thread = g_thread_new("disturbed", run, &one);
    rl_autofd int listener = -1;

    disturbance->made = 0;
    while ((listener = __atomic_load_n(&one.listener, __ATOMIC_ACQUIRE)) == NOT_YET)
        g_usleep(100);
    if (listener < 0)
        g_error("seccomp has no listeners here");
    /* Until the last thread with this filter has ended. */
    for (struct pollfd waiting = {.fd = listener, .events = POLLIN};;) {
        g_assert_cmpint(poll(&waiting, 1, -1), ==, 1);
        if (waiting.revents & POLLIN)
            answer(listener, disturbance, lab);
        else if (waiting.revents & POLLHUP)
            break;
    }
    g_thread_join(thread);
    if (one.error)
        g_propagate_error(error, one.error);
    return one.done;
}

void
fails_without(Lab *lab, long nr, Attempt attempt)
{
    Disturbance all = {.nr = nr, .first = 1, .code = EIO};
    GError *error = NULL;

    g_assert_false(disturb(lab, &all, attempt, &error));
    g_assert_nonnull(error);
    g_assert_cmpint(all.made, >, 0);
    g_error_free(error);
}

bool
try_start(Lab *lab, const char *name, const RlDomainRef *owner, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, name, owner, 0, error);

    return started != NULL;
}

bool
try_stop(Lab *lab, const char *name, const RlDomainRef *owner, GError **error)
{
    RlStop stop;

    return rl_volume_stop(lab->pool, name, owner, &stop, error);
}
