/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "live-domain.h"

/* What the other process is told. */
#define FROZEN 'f' /* from now on they may be frozen */
#define THAWED 't' /* there is nothing left to do */

#define TRIES 60 /* a daemon that was killed is started again meanwhile */

struct RlFreeze {
    RlLiveDomain *live;
    int pipe;
    pid_t guard;
};

static void
thaw_late(const char *uuid, const char *driver)
{
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < TRIES; i++) {
        g_clear_error(&error);
        g_autoptr(RlLiveDomain) live = rl_live_domain_find(uuid, driver, &error);
        if (live && rl_live_domain_thaw(live, &error)) {
            rl_log_warning("domain %s: the file systems of its guest are thawed; the process that "
                           "froze them was killed, or could not thaw them",
                           rl_live_domain_ref(live).name);
            return;
        }
        sleep(1);
    }
    rl_log_warning(
        "cannot thaw the file systems of the guest of domain %s, which may be frozen: %s. Type "
        "'virsh domfsthaw %s'",
        uuid, error->message, uuid);
}

/* Waits until it is told that all is done, or the other end of the pipe is closed. */
static void
guard(int end, const char *uuid, const char *driver)
{
    const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    rl_autofd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    char said = 0, last = 0;
    ssize_t n;

    /* Neither what ends the command nor who reads its output reaches this one. */
    setsid();
    for (size_t i = 0; i < G_N_ELEMENTS(ignored); i++)
        signal(ignored[i], SIG_IGN);
    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    while ((n = read(end, &said, 1)) != 0)
        if (n > 0)
            last = said;
        else if (errno != EINTR)
            break;
    if (last == FROZEN)
        thaw_late(uuid, driver);
}

static bool
start_guard(RlFreeze *freeze, const char *uuid, const char *driver, GError **error)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return rl_fail_errno(error, errno, "cannot make a pipe");
    rl_autofd int reads = ends[0];
    freeze->pipe = ends[1];
    freeze->guard = fork();
    if (freeze->guard < 0)
        return rl_fail_errno(error, errno, "cannot make a process that would thaw them");
    if (freeze->guard > 0)
        return true;
    close(freeze->pipe);
    guard(reads, uuid, driver);
    _exit(0);
}

static bool
say(const RlFreeze *freeze, char what, GError **error)
{
    return write(freeze->pipe, &what, 1) == 1 ||
           rl_fail_errno(error, errno, "cannot write to the process that would thaw them");
}

/* The guard ends, with what is left for it to do. */
static void
dismiss(RlFreeze *freeze, bool wait)
{
    if (freeze->pipe >= 0)
        close(freeze->pipe);
    while (wait && freeze->guard > 0 && waitpid(freeze->guard, NULL, 0) < 0 && errno == EINTR)
        continue;
    rl_live_domain_free(freeze->live);
    g_free(freeze);
}

RlFreeze *
rl_freeze_begin(const char *uuid, const char *driver, int *ret_count, GError **error)
{
    RlFreeze *freeze = g_new0(RlFreeze, 1);

    freeze->pipe = -1;
    /* It has no connection yet that the other process would share. */
    if (start_guard(freeze, uuid, driver, error) &&
        (freeze->live = rl_live_domain_find(uuid, driver, error)) && say(freeze, FROZEN, error)) {
        if (rl_live_domain_freeze(freeze->live, ret_count, error))
            return freeze;
        /* Somebody else's freeze may be why. */
        if (!rl_live_domain_is_lost(freeze->live))
            say(freeze, THAWED, NULL);
    }
    dismiss(freeze, false);
    return NULL;
}

bool
rl_freeze_end(RlFreeze *freeze, GError **error)
{
    bool thawed = rl_live_domain_thaw(freeze->live, error) && say(freeze, THAWED, error);

    dismiss(freeze, thawed);
    return thawed;
}
