/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/libvirt/refresh-daemon.h"
#include "common/base/detach.h"
#include "common/base/log.h"
#include "common/image/lost-write-witness.h"
#include "common/operation/maintenance.h"
#include "common/operation/prune.h"
#include "common/pool/census.h"
#include "common/pool/free-space.h"
#include "end-volume.h"
#include "xml/documents.h"

/* A guest that dies hard can keep its disks for a while; one that goes on living (a failed
 * reconnect) keeps them for good, and its next release comes when it ends. */
#define PATIENCE_MS (120 * 1000)

/* Ends what the hook could not. Says whether there is a new revision. */
static bool
finish_pending(const RlTask *task, const RlWork *work)
{
    g_autoptr(GError) error = NULL;
    RlDomainRef owner = work->owner;
    bool committed = false;

    owner.late = true;
    if (!rl_end_run(task->use, &owner, work->ending, work->file, PATIENCE_MS, &committed, &error))
        rl_log_warning("domain %s: %s", work->owner.name, error->message);
    rl_witness_dismiss(work->owner.uuid, false);
    return committed;
}

static void
warn(const char *name, const GError *error)
{
    rl_log_warning("volume '%s': cleanup after the run failed: %s", name, error->message);
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

static void
ended_late(const RlPool *pool, const char *name, bool committed, const GError *error, void *data)
{
    (void) data;
    if (error)
        warn(name, error);
    if (committed)
        rl_refresh_daemon(pool->path, name);
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
    rl_pool_end_late(pool, ended_late, NULL);
    if (committed)
        rl_free_space_warn(pool);
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

/* One for each volume: none waits for another's. */
static void
start_worker(const RlTask *task, const RlWork *work)
{
    pid_t pid = rl_detach();

    if (pid < 0)
        rl_log_warning("domain %s: cannot start the worker process of volume '%s': fork failed",
                       work->owner.name, task->use->name);
    if (pid != 0)
        return;
    detach_output();
    do_task(task, work);
    _exit(0);
}

void
rl_worker_start(const RlWork *work)
{
    for (guint i = 0; i < work->tasks->len; i++)
        start_worker(&g_array_index(work->tasks, RlTask, i), work);
}

bool
rl_worker_detach(const char *domain)
{
    pid_t pid = rl_detach();

    if (pid < 0)
        rl_log_warning("domain %s: cannot start the worker process: fork failed", domain);
    if (pid != 0)
        return false;
    detach_output();
    return true;
}
