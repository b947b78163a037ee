/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/maintain.h"
#include "xml/documents.h"

/* A guest that dies hard can keep its disks for a while; one that goes on living (a failed
 * reconnect) keeps them for good, and its next release comes when it ends. */
#define PATIENCE_MS (120 * 1000)

static void
maintain(const RlTask *task, bool committed)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlPool) pool = rl_pool_open(task->use->root, rl_xml_documents(), &error);

    if (!pool || !rl_volume_maintain(pool, task->use->name, committed, &error))
        rl_log_warning("%s: %s", task->use->name, error->message);
}

static void
work(const GArray *tasks, const RlOwner *owner)
{
    for (guint i = 0; i < tasks->len; i++) {
        const RlTask *task = &g_array_index(tasks, RlTask, i);
        bool committed = task->committed;
        if (task->pending) {
            g_autoptr(GError) error = NULL;
            RlStop outcome = RL_STOP_NOTHING;
            if (!rl_stop_patiently(task->use, owner, PATIENCE_MS, &outcome, &error))
                rl_log_warning("domain %s: %s", owner->name, error->message);
            committed = outcome == RL_STOP_COMMITTED;
        }
        maintain(task, committed);
    }
}

/* libvirt reads the hook's output until it is closed. */
static void
detach_output(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; fd <= 2; fd++)
        if (null < 0 || dup2(null, fd) < 0)
            close(fd);
}

void
rl_worker_start(const GArray *tasks, const RlOwner *owner)
{
    pid_t middle = fork();

    if (middle < 0) {
        rl_log_warning("domain %s: no worker: fork failed", owner->name);
        return;
    }
    if (middle > 0) {
        waitpid(middle, NULL, 0);
        return;
    }
    /* Twice forked, it is nobody's child and no zombie of libvirtd's; in a session of its own no
     * signal for the daemon's reaches it. */
    setsid();
    if (fork() != 0)
        _exit(0);
    detach_output();
    work(tasks, owner);
    _exit(0);
}
