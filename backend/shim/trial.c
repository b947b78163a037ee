/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A crash is this process's alone: no handler of the daemon's sees it, and no core is written. */
__attribute__((noreturn)) static void
be_the_child(const char *(*prove)(void), int out)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP, SIGPIPE};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 0);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        signal(crashes[i], SIG_DFL);

    const char *wrong = prove();
    if (wrong && write(out, wrong, strlen(wrong)) < 0)
        _exit(2);
    _exit(wrong ? 1 : 0);
}

static int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads what the child says, to its end. False if that does not come in time. */
static bool
listen(int in, char *text, size_t size)
{
    const int64_t end = now_ms() + RL_TRIAL_SECONDS * 1000;
    size_t length = 0;

    text[0] = '\0';
    for (;;) {
        struct pollfd ready = {.fd = in, .events = POLLIN};
        int64_t left = end - now_ms();
        int n = left > 0 ? poll(&ready, 1, (int) left) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        ssize_t got = read(in, text + length, size - 1 - length);
        if (got <= 0)
            return true;
        length += (size_t) got;
        text[length] = '\0';
    }
}

/* As rl_trial(). Says in *@ret_in_time whether the child came to an end by itself. */
static bool
try_once(const char *(*prove)(void), char *ret_why, size_t size, bool *ret_in_time)
{
    int ends[2], status;
    pid_t child;

    *ret_in_time = true;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        snprintf(ret_why, size, "it could not be tried: %s", strerror(errno));
        return false;
    }
    if ((child = fork()) < 0) {
        snprintf(ret_why, size, "it could not be tried: %s", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    if (child == 0)
        be_the_child(prove, ends[1]);
    close(ends[1]);
    bool in_time = *ret_in_time = listen(ends[0], ret_why, size);
    close(ends[0]);
    if (!in_time)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) {
            snprintf(ret_why, size, "the process that tried it cannot be waited for: %s",
                     strerror(errno));
            return false;
        }
    if (!in_time)
        snprintf(ret_why, size, "its trial did not end in time");
    else if (WIFSIGNALED(status))
        snprintf(ret_why, size, "its trial ended with signal %d", WTERMSIG(status));
    return in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A lock that another thread of the daemon had at the fork is never released in the child: the next
 * one is not likely to meet that. */
bool
rl_trial(const char *(*prove)(void), char *ret_why, size_t size)
{
    bool fits = false, in_time = false;

    for (int i = 0; i < RL_TRIAL_ATTEMPTS && !in_time; i++)
        fits = try_once(prove, ret_why, size, &in_time);
    return fits;
}
