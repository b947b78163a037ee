/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "end-run.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/fs/lease.h"
#include "common/fs/shared-fs.h"
#include "common/image/short-path.h"
#include "common/image/write-witness.h"
#include "common/operation/arrival.h"
#include "common/operation/claim.h"
#include "common/operation/save.h"
#include "common/operation/start.h"
#include "common/pool/writers.h"
#include "owner.h"
#include "xml/definitions.h"
#include "xml/documents.h"

/* The domain did not run. What it was to go on with stays for the next start: the disks of a
 * restore, and what an earlier run left. What was made for it is put back. */
static bool
undo(const RlPool *pool, const RlDomainVolume *use, const RlDomainRef *owner, GError **error)
{
    RlStarted started = {.volume = use->name};
    bool done;

    if (rl_volume_is_continued(pool, use->name, owner))
        return rl_volume_keep(pool, use->name, owner, &done, error);
    return rl_volume_unstart(pool, &started, owner, error);
}

/* Another domain that runs has been given the disk: from now on it is its own, and ends with it. */
static bool
pass_on(const RlPool *pool, const RlVolume *volume, const RlDomainRef *owner)
{
    g_autofree char *image =
        g_build_filename(pool->path, volume->name->dir, volume->dirty_file, NULL);
    g_autoptr(GError) error = NULL;
    bool overlaid, done = false;
    g_autoptr(RlDomain) user = rl_xml_definitions_find_running(image, owner->uuid, &overlaid);

    if (!user)
        return false;
    RlDomainRef to = rl_domain_ref_of(user);
    if (!rl_volume_pass_on(pool, volume->name->volume, owner, &to, overlaid, &done, &error))
        rl_log_warning("volume '%s': cannot be given to domain '%s', which has it as a disk: %s",
                       volume->name->volume, to.name, error->message);
    return done;
}

/* May the volume be ended that no disk of the domain is on any more? If somebody has it open, be it
 * to read only, then that may be the domain nevertheless, on an overlay that its XML does not show.
 * False with *@ret_gone where there is nothing to end: it is another's, or nobody's. */
static bool
check_noted(const RlPool *pool, const RlDomainVolume *use, const RlDomainRef *owner, bool *ret_gone,
            GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlVolume) volume = rl_volume_find(pool, use->name, &cause);

    *ret_gone =
        g_error_matches(cause, RL_ERROR, RL_ERROR_NOT_FOUND) || (volume && !volume->dirty.there);
    if (*ret_gone)
        return false;
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, error);
    if (fd < 0 || !rl_image_owner_get(fd, &run, error))
        return false;
    *ret_gone = !run || !rl_image_owner_is_of(run, owner);
    if (*ret_gone)
        return false;
    *ret_gone = pass_on(pool, volume, owner);
    if (*ret_gone)
        return false;
    /* Those who share what is only read are told apart where it is ended. */
    return run->readonly || !rl_lease_has_opener(fd) ||
           rl_fail(error, RL_ERROR_BUSY, "volume '%s': somebody still has its dirty image open",
                   use->name);
}

/* The guest never ran here. */
static bool
drop_arrival(const RlPool *pool, const RlDomainVolume *use, const RlDomainRef *owner,
             GError **error)
{
    bool done;

    return rl_volume_drop_arrival(pool, use->name, owner, &done, error) &&
           (done || rl_volume_keep(pool, use->name, owner, &done, error));
}

/* The guest goes on on another host, with disks of its own: here its run is over like any other.
 * Not so where the directory can be the other host's as well: then these are its disks. */
static bool
has_left(const RlPool *pool, RlEndReason ending)
{
    return ending == RL_END_MIGRATED && rl_shared_fs_is_private(pool->root);
}

static bool
try_once(const RlPool *pool, const RlDomainVolume *use, const RlDomainRef *owner,
         RlEndReason ending, const char *file, bool *ret_committed, GError **error)
{
    g_autoptr(GError) cause = NULL;
    RlStop stop;
    bool done, gone = false;

    *ret_committed = false;
    if (use->noted && !check_noted(pool, use, owner, &gone, error))
        return gone;
    if (ending == RL_END_SAVED && use->overlaid)
        return rl_volume_save_below(pool, use->name, owner, file, &done, error);
    if (ending == RL_END_SAVED)
        return rl_volume_save(pool, use->name, owner, file, &done, error);
    if (use->overlaid)
        return rl_volume_keep_below(pool, use->name, owner, &done, error);
    /* A restore that fails late ends like a crash, but the domain has never run. */
    if (rl_volume_is_unconfirmed(pool, use->name, owner, &cause))
        return rl_volume_keep(pool, use->name, owner, &done, error);
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (ending == RL_END_FAILED)
        return undo(pool, use, owner, error);
    if (ending == RL_END_ARRIVING)
        return drop_arrival(pool, use, owner, error);
    /* What is on top of it may have newer writes. */
    if (use->doubtful || (ending != RL_END_STOPPED && !has_left(pool, ending)))
        return rl_volume_keep(pool, use->name, owner, &done, error);
    if (!rl_volume_stop(pool, use->name, owner, &stop, error))
        return false;
    *ret_committed = stop == RL_STOP_COMMITTED;
    /* What nobody saw arrive is left for a person. */
    return stop != RL_STOP_HELD || rl_volume_keep(pool, use->name, owner, &done, error);
}

bool
rl_end_run(const RlDomainVolume *use, const RlDomainRef *owner, RlEndReason ending,
           const char *file, int patience_ms, bool *ret_committed, GError **error)
{
    g_autoptr(RlPool) pool = rl_pool_open(use->root, rl_xml_documents(), error);
    int pause_ms = 10;

    if (!pool)
        return false;
    /* A disk that the domain was given while it ran. */
    g_autofree char *by_hand = rl_witness_key_by_hand(pool, use->name);
    for (int waited_ms = 0;; waited_ms += pause_ms, pause_ms = MIN(pause_ms * 2, 500)) {
        g_autoptr(GError) cause = NULL;
        rl_witness_ask(by_hand, owner);
        /* Whoever still had it open may have written on. */
        if (waited_ms > 0)
            rl_witness_ask(owner->uuid, owner);
        if (try_once(pool, use, owner, ending, file, ret_committed, &cause)) {
            rl_witness_dismiss(by_hand, true);
            rl_short_path_tidy(pool, use->name);
            return true;
        }
        if (!g_error_matches(cause, RL_ERROR, RL_ERROR_BUSY) || waited_ms >= patience_ms) {
            rl_clean_name_writer(pool, use->name, &cause);
            rl_error_about(&cause, "volume", use->name);
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        g_usleep((gulong) pause_ms * 1000);
    }
}
