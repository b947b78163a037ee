/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broken-job.h"

#include <string.h>

#include "common/base/autofd.h"
#include "common/base/log.h"
#include "common/fs/lease.h"
#include "common/image/suspect.h"
#include "common/pool/volume.h"
#include "owner.h"
#include "run-record.h"
#include "status-file.h"

static bool
is_snapshot(const RlStatus *status)
{
    return strcmp(status->async, "snapshot") == 0;
}

/* A disk without a target is each. */
static const RlDisk *
find_job(const GPtrArray *pivoting, const RlDisk *disk)
{
    for (guint i = 0; i < pivoting->len; i++) {
        const RlDisk *job = g_ptr_array_index(pivoting, i);
        if (!job->target || !disk->target || g_strcmp0(job->target, disk->target) == 0)
            return job;
    }
    return NULL;
}

/* The dirty image, owned by the caller, if it may be committed at the end of the run of @owner. */
static int
open_dirty(const RlDomainVolume *use, const RlDomainRef *owner, GError **error)
{
    RlPool *pool = rl_domain_volume_pool(use, error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_find(pool, use->name, error) : NULL;
    g_autoptr(RlImageOwner) run = NULL;

    if (!volume || !volume->dirty.there ||
        (volume->kind != RL_KIND_PERSISTENT && volume->kind != RL_KIND_DIRECT))
        return -1;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, error);
    if (fd < 0 || !rl_image_owner_get(fd, &run, error) || !run || run->readonly ||
        !rl_image_owner_is_of(run, owner))
        return -1;
    return rl_fd_steal(&fd);
}

/* @job is NULL for a snapshot. */
static bool
mark(const RlDomain *domain, const RlDomainVolume *use, const RlDisk *job, GError **error)
{
    RlDomainRef owner = rl_domain_ref_of(domain);
    g_autoptr(GError) cause = NULL;

    rl_autofd int fd = open_dirty(use, &owner, &cause);
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (fd < 0)
        return true;
    if (job)
        rl_log_warning("volume '%s': the end of domain '%s' has interrupted a block job to '%s', "
                       "and it is not known which of the two files has the last writes. The image "
                       "is marked suspect",
                       use->name, domain->name, job->mirror ? job->mirror : "?");
    else
        rl_log_warning("volume '%s': the end of domain '%s' has interrupted a snapshot, and it is "
                       "not known whether the last writes are in the snapshot's file. The image is "
                       "marked suspect",
                       use->name, domain->name);
    return rl_suspect_mark_of_job(fd, error);
}

static bool
mark_disk(const RlDomain *domain, RlDisk *disk, const RlDisk *job, GError **error)
{
    g_autoptr(GPtrArray) uses = rl_domain_volumes_new(), disks = g_ptr_array_new();
    RlDomain part = *domain;

    g_ptr_array_add(disks, disk);
    part.disks = disks;
    if (!rl_domain_volumes_find_started(&part, uses, error))
        return false;
    for (guint i = 0; i < uses->len; i++)
        if (!mark(domain, g_ptr_array_index(uses, i), job, error))
            return false;
    return true;
}

bool
rl_broken_job_mark(const RlDomain *domain, const RlStatus *status, bool snapshots, GError **error)
{
    bool snapshot = snapshots && is_snapshot(status);

    if (status->pivoting->len == 0 && !snapshot)
        return true;
    for (guint i = 0; i < domain->disks->len; i++) {
        RlDisk *disk = g_ptr_array_index(domain->disks, i);
        const RlDisk *job = find_job(status->pivoting, disk);
        if ((job || snapshot) && !mark_disk(domain, disk, job, error))
            return false;
    }
    return true;
}

/* By the layers that its disks had then. */
bool
rl_broken_job_recall(const RlDomain *domain, GError **error)
{
    RlDomainRef owner = rl_domain_ref_of(domain);
    RlRunRecord note;

    if (strcmp(owner.driver, "qemu") != 0 || !rl_run_record_read(&owner, &note) || note.ended)
        return true;
    g_autoptr(RlStatus) status = rl_status_file_read(domain, NULL);
    if (!status || (status->pivoting->len == 0 && !is_snapshot(status)))
        return true;
    g_autoptr(RlDomain) then = rl_status_file_read_domain(domain, error);
    return then && rl_broken_job_mark(then, status, true, error);
}

/* In a migration nobody may have the images open for writing. A disk that is transient lies below a
 * file of libvirt's. */
static bool
may_look(const RlDomain *domain)
{
    g_autoptr(RlStatus) status = strcmp(rl_domain_ref_of(domain).driver, "qemu") == 0
                                     ? rl_status_file_read(domain, NULL)
                                     : NULL;

    if (!status || strcmp(status->state, "running") != 0 || strstr(status->async, "migration"))
        return false;
    for (guint i = 0; i < domain->disks->len; i++)
        if (((const RlDisk *) g_ptr_array_index(domain->disks, i))->transient)
            return false;
    return true;
}

static bool
look(const RlDomain *domain, const RlDomainVolume *use, GError **error)
{
    RlDomainRef owner = rl_domain_ref_of(domain);

    rl_autofd int fd = open_dirty(use, &owner, error);
    if (fd < 0 || rl_lease_has_writer(fd))
        return fd >= 0 || !error || !*error;
    rl_log_warning("volume '%s': libvirt says that it is a disk of domain '%s', which runs, but no "
                   "process has its dirty image open for writing: a snapshot or block job was "
                   "interrupted when libvirt's daemon ended. The image is marked suspect. Find the "
                   "file that the device model has open for writing before you stop the domain",
                   use->name, domain->name);
    return rl_suspect_mark_of_job(fd, error);
}

void
rl_broken_job_look(const RlDomain *domain, const GPtrArray *uses)
{
    if (uses->len == 0 || !may_look(domain))
        return;
    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        g_autoptr(GError) error = NULL;
        if (!use->readonly && !use->overlaid && !use->noted && !look(domain, use, &error))
            rl_log_warning("domain '%s': cannot find out whether it writes to volume '%s': %s",
                           domain->name, use->name, error->message);
    }
}
