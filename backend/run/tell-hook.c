/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tell-hook.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/cli/installed.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"

/* A file with @text that is read from its beginning; -1 with an errno. */
static int
file_of(const char *text, GError **error)
{
    rl_autofd int fd = memfd_create("domain", MFD_CLOEXEC);
    size_t length = strlen(text);

    if (fd >= 0 && pwrite(fd, text, length, 0) == (ssize_t) length)
        return rl_fd_steal(&fd);
    rl_fail_errno(error, errno, "cannot write its XML to a file in memory");
    return -1;
}

static bool
run(const char *name, int input, GError **error)
{
    g_autofree char *program = rl_installed_hook_program();
    const char *argv[] = {program, name, "reconnect", "begin", "-", NULL};
    GPid pid;
    int status;

    if (!g_spawn_async_with_fds(NULL, (char **) argv, NULL,
                                G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                                &pid, input, -1, -1, error))
        return false;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return rl_fail_errno(error, errno, "cannot wait for '%s'", program);
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
           rl_fail(error, RL_ERROR_STATE, "'%s' failed", program);
}

void
rl_tell_hook(const RlLiveDomain *live)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = rl_live_domain_xml(live, RL_LIVE_RUN, &error);
    /* One that has ended meanwhile says what it is defined with, and what that names is not its
     * own: the event is for domains that run. */
    if (xml && !rl_live_domain_runs(live))
        return;
    rl_autofd int input = xml ? file_of(xml, &error) : -1;
    const char *name = rl_live_domain_ref(live).name;

    if (input < 0 || !run(name, input, &error))
        rl_log_warning("domain %s: cannot record that it has been given a disk: %s", name,
                       error->message);
}
