/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tracer.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS_MAX 8
#define SYSCALL_STOP (SIGTRAP | 0x80)

/* What tracer and child have in common. */
typedef struct {
    volatile bool inside; /* the first thread's calls count */
    volatile int threads; /* that are alive */
    bool ok;
    char message[512];
} Shared;

typedef struct {
    pid_t tid;
    int count; /* of its calls that counted */
    bool alive;
    bool at_fault; /* it is inside of the call that the fault is for */
} Thread;

typedef struct {
    const Fault *fault;
    GArray *calls;
    Outcome outcome;
    Thread threads[THREADS_MAX];
    int thread_count;
    Call at; /* the call of the fault */
} Trace;

static Shared *shared;
static bool is_child, is_confined;

/* What the test does itself, before and after, need not be durable; only that takes long. */
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int
__wrap_fsync(int fd)
{
    return is_child ? __real_fsync(fd) : 0;
}

int
__wrap_fdatasync(int fd)
{
    return is_child ? __real_fdatasync(fd) : 0;
}

static void
need(bool done, const char *what)
{
    if (!done)
        g_error("%s: %s", what, g_strerror(errno));
}

/* What does not count is the test's own doing. */
static void
count(bool counts)
{
    shared->inside = counts;
}

void
fault_confine(bool confined)
{
    is_confined = confined;
}

/* The mount goes with the process. */
static void
be_confined(void)
{
    g_autofree char *attr = g_strdup_printf("/proc/%d/attr", (int) getpid());
    g_autofree char *dir = g_build_filename(attr, "apparmor", NULL);
    g_autofree char *profile = g_build_filename(dir, "current", NULL);

    need(mount("fault", attr, "tmpfs", 0, NULL) == 0 && mkdir(dir, 0755) == 0 &&
             g_file_set_contents(profile, "libvirtd (enforce)\n", -1, NULL),
         attr);
}

/* Stops at the calls that may count, and at no others: that is cheaper by far than to stop at all
 * of them, twice. */
static void
stop_at_calls(void)
{
    g_autoptr(GArray) filter = g_array_new(FALSE, FALSE, sizeof(struct sock_filter));
    const struct sock_filter load = BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             offsetof(struct seccomp_data, nr)),
                             trace = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
                             allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    long nr;

    g_array_append_val(filter, load);
    for (size_t i = 0; (nr = call_number(i)) >= 0; i++) {
        const struct sock_filter is_it = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (guint32) nr, 0, 1);
        g_array_append_val(filter, is_it);
        g_array_append_val(filter, trace);
    }
    g_array_append_val(filter, allow);
    struct sock_fprog program = {(unsigned short) filter->len, (void *) filter->data};
    need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
             prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0,
         "seccomp");
}

/* Ends with exit(3), so that what it covered is counted. Threads that the steps have left behind
 * are part of it. */
static G_NORETURN void
run_child(const Step *steps, const char *work, bool watched)
{
    g_autofree char *path = g_build_filename(work, "pool", NULL);
    GError *error = NULL;

    is_child = true;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    need(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, "ptrace");
    raise(SIGSTOP);
    if (is_confined)
        be_confined();
    if (watched)
        stop_at_calls();
    count(true);
    shared->ok = steps_play(steps, path, count, &error);
    count(false);
    while (shared->threads > 1)
        g_usleep(100);
    if (!shared->ok)
        g_strlcpy(shared->message, error ? error->message : "false without an error",
                  sizeof(shared->message));
    exit(0);
}

static Thread *
thread_of(Trace *trace, pid_t tid)
{
    for (int i = 0; i < trace->thread_count; i++)
        if (trace->threads[i].tid == tid)
            return &trace->threads[i];
    need(trace->thread_count < THREADS_MAX, "too many threads");
    trace->threads[trace->thread_count] = (Thread){.tid = tid, .alive = true};
    shared->threads++;
    return &trace->threads[trace->thread_count++];
}

static void
set_result(pid_t tid, gint64 result)
{
    need(ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.rax), result) == 0, "ptrace");
}

static void
set_argument_length(pid_t tid, guint64 length)
{
    need(ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.rdx), length) == 0, "ptrace");
}

static void
skip_call(pid_t tid)
{
    need(ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.orig_rax), -1L) == 0, "ptrace");
}

/* The call that the fault is for is about to be made. True if the process is to be killed. */
static bool
arrive(Trace *trace, Thread *thread)
{
    trace->outcome.hit = true;
    thread->at_fault = true;
    switch (trace->fault->kind) {
    case FAULT_KILL_BEFORE:
        return true;
    case FAULT_SHORT:
        set_argument_length(thread->tid, trace->at.length / 2);
        return false;
    case FAULT_ERRNO:
        if (!trace->at.runs)
            skip_call(thread->tid);
        return false;
    default:
        return false;
    }
}

/* It has been made. */
static bool
leave(Trace *trace, Thread *thread)
{
    thread->at_fault = false;
    if (trace->fault->kind == FAULT_ERRNO)
        set_result(thread->tid, -trace->fault->code);
    return trace->fault->kind == FAULT_KILL_AFTER;
}

/* A call that may count is about to be made. True if the process is to be killed. */
static bool
at_call(Trace *trace, Thread *thread)
{
    struct __ptrace_syscall_info info = {0};
    int index = (int) (thread - trace->threads);
    Call call;

    /* Other threads than the first are the operation's alone. */
    if (trace->outcome.hit || (index == 0 && !shared->inside))
        return false;
    need(ptrace(PTRACE_GET_SYSCALL_INFO, thread->tid, sizeof(info), &info) > 0, "ptrace");
    if (!call_read(thread->tid, info.seccomp.nr, (const guint64 *) info.seccomp.args, &call))
        return false;
    call.thread = index;
    call.number = thread->count++;
    bool hit = trace->fault && trace->fault->kind != FAULT_NONE &&
               trace->fault->thread == call.thread && trace->fault->number == call.number;
    if (hit)
        trace->at = call;
    if (trace->calls)
        g_array_append_val(trace->calls, call);
    else
        g_free(call.text);
    return hit && arrive(trace, thread);
}

/* Of the call that the fault is for the end matters, too. */
static void
resume(const Thread *thread, int signal)
{
    /* ESRCH: it was killed meanwhile, with its process. */
    if (ptrace(thread->at_fault ? PTRACE_SYSCALL : PTRACE_CONT, thread->tid, NULL, signal) < 0)
        need(errno == ESRCH, "ptrace");
}

/* The first stop of a thread, and those of the tracer's own making, hide a signal that is none. */
static int
signal_to_deliver(int status)
{
    int signal = WSTOPSIG(status);

    /* SIGTRAP alone is g_error()'s. */
    return signal == SIGSTOP || signal == SYSCALL_STOP || status >> 16 ? 0 : signal;
}

static bool
is_event(int status, int event)
{
    return status >> 8 == (SIGTRAP | (event << 8));
}

static void
follow(Trace *trace, pid_t leader)
{
    int status;

    for (;;) {
        pid_t tid = waitpid(-1, &status, __WALL);
        need(tid > 0, "waitpid");
        Thread *thread = thread_of(trace, tid);
        if (!WIFSTOPPED(status)) {
            if (thread->alive)
                shared->threads--;
            thread->alive = false;
            if (tid != leader)
                continue;
            trace->outcome.died =
                !trace->outcome.killed && (!WIFEXITED(status) || WEXITSTATUS(status));
            return;
        }
        if ((is_event(status, PTRACE_EVENT_SECCOMP) && at_call(trace, thread)) ||
            (WSTOPSIG(status) == SYSCALL_STOP && leave(trace, thread))) {
            trace->outcome.killed = true;
            kill(leader, SIGKILL);
            continue;
        }
        if (is_event(status, PTRACE_EVENT_CLONE)) {
            unsigned long made;
            need(ptrace(PTRACE_GETEVENTMSG, tid, NULL, &made) == 0, "ptrace");
            thread_of(trace, (pid_t) made);
        }
        resume(thread, signal_to_deliver(status));
    }
}

Outcome
fault_run(const Step *steps, const char *work, const Fault *fault, GArray *calls)
{
    Trace trace = {.fault = fault, .calls = calls};
    int status;

    if (!shared) {
        shared =
            mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        need(shared != MAP_FAILED, "mmap");
    }
    *shared = (Shared){0};
    pid_t pid = fork();
    need(pid >= 0, "fork");
    if (pid == 0)
        run_child(steps, work, fault || calls);
    need(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "waitpid");
    need(ptrace(PTRACE_SETOPTIONS, pid, NULL,
                PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACESECCOMP |
                    PTRACE_O_EXITKILL) == 0,
         "ptrace");
    resume(thread_of(&trace, pid), 0);
    follow(&trace, pid);
    trace.outcome.ok = shared->ok && !trace.outcome.killed && !trace.outcome.died;
    g_strlcpy(trace.outcome.message, shared->message, sizeof(trace.outcome.message));
    return trace.outcome;
}
