/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/format/ended-note.h"
#include "common/image/write-witness.h"
#include "common/operation/maintenance.h"
#include "common/operation/prune.h"
#include "common/pool/census.h"
#include "end-run.h"
#include "refresh-daemon.h"
#include "xml/documents.h"

/* A guest that dies hard can keep its disks for a while; one that goes on living (a failed
 * reconnect) keeps them for good, and its next release comes when it ends. */
#define PATIENCE_MS (120 * 1000)

/* Ends what the hook could not. Says whether there is a new revision. */
static bool
finish_pending(const RlTask *task, const RlWork *work)
{
    g_autoptr(GError) error = NULL;
    bool committed = false;

    if (!rl_witness_ask(work->owner.uuid, &work->owner, &error) ||
        !rl_end_run(task->use, &work->owner, work->ending, work->file, PATIENCE_MS, &committed,
                    &error))
        rl_log_warning("domain %s: %s", work->owner.name, error->message);
    rl_witness_dismiss(work->owner.uuid, false);
    return committed;
}

static void
warn(const char *name, const GError *error)
{
    rl_log_warning("%s: cleanup after the run failed: %s", name, error->message);
}

/* It may have been deleted since that was noted. */
static bool
is_snapshot_of(const RlPool *pool, const char *name, const char *source)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, NULL);

    return volume && rl_volume_exists(volume) && volume->kind == RL_KIND_SNAPSHOT &&
           strcmp(volume->record->source, source) == 0;
}

/* Snapshots of what was committed start from something else now, so their precaches are stale. */
static void
maintain_snapshots(const RlPool *pool, const char *source)
{
    g_autoptr(GPtrArray) names = rl_census_snapshots(pool, source);

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autoptr(GError) error = NULL;
        if (is_snapshot_of(pool, name, source) && !rl_volume_maintain(pool, name, false, &error))
            warn(name, error);
    }
}

/* The volume may have given back the space that others waited for at their end. */
static void
end_others(const RlPool *pool)
{
    g_autoptr(GPtrArray) names = rl_ended_list(pool->dev, pool->ino);

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autoptr(GError) error = NULL;
        bool committed;
        if (!rl_volume_end_late(pool, name, &committed, &error))
            warn(name, error);
        if (committed)
            rl_refresh_daemon(pool->path, name);
    }
}

static void
do_task(const RlTask *task, const RlWork *work)
{
    bool committed = task->pending ? finish_pending(task, work) : task->committed;
    g_autoptr(GError) error = NULL;
    g_autoptr(RlPool) pool = rl_pool_open(task->use->root, rl_xml_documents(), &error);

    if (pool)
        pool->actor = work->owner.name;
    /* What users see first, what takes long last. */
    if (!pool || (committed && !rl_volume_tidy(pool, task->use->name, &error))) {
        warn(task->use->name, error);
        return;
    }
    rl_refresh_daemon(pool->path, task->use->name);
    if (!rl_volume_maintain(pool, task->use->name, false, &error))
        warn(task->use->name, error);
    if (committed)
        maintain_snapshots(pool, task->use->name);
    end_others(pool);
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
rl_worker_start(const RlWork *work)
{
    pid_t middle = fork();

    if (middle < 0) {
        rl_log_warning("domain %s: cannot start the worker process: fork failed", work->owner.name);
        return;
    }
    if (middle > 0) {
        waitpid(middle, NULL, 0);
        return;
    }
    /* Twice forked, it is nobody's child and no zombie of libvirtd's; in a session of its own no
     * signal for the daemon's reaches it. */
    setsid();
    /* One for each volume: none waits for another's. */
    for (guint i = 0; i < work->tasks->len; i++) {
        const RlTask *task = &g_array_index(work->tasks, RlTask, i);
        pid_t worker = fork();
        if (worker < 0)
            rl_log_warning("domain %s: cannot start the worker process of volume '%s': fork failed",
                           work->owner.name, task->use->name);
        if (worker != 0)
            continue;
        detach_output();
        do_task(task, work);
        _exit(0);
    }
    _exit(0);
}

bool
rl_worker_detach(const char *domain)
{
    pid_t middle = fork();

    if (middle < 0)
        rl_log_warning("domain %s: cannot start the worker process: fork failed", domain);
    if (middle > 0)
        waitpid(middle, NULL, 0);
    if (middle != 0)
        return false;
    setsid();
    pid_t worker = fork();
    if (worker < 0)
        rl_log_warning("domain %s: cannot start the worker process: fork failed", domain);
    if (worker != 0)
        _exit(0);
    detach_output();
    return true;
}
