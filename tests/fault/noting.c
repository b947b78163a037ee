/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is noted besides the state of an image: which save it is part of, that its run waits for
 * space, that a file is an external snapshot's; and that a pool's notes can be seen. */
#include "operations.h"

#include "common/base/autofd.h"
#include "common/format/ended-note.h"
#include "common/format/image-save.h"
#include "common/fs/xattr.h"
#include "common/operation/maintenance.h"
#include "common/operation/save.h"
#include "common/pool/overlay-file.h"
#include "common/pool/pool-mark.h"

#include <errno.h>
#include <fcntl.h>

#define SNAP "vm/private-dirty.one" /* a snapshot "one.img" has its file there */

static bool
running(const char *work, GError **error)
{
    return make_private(work, error) && start_for(work, V, &alice, error) &&
           fill(work, V, 4, error);
}

/* --- saves */

/* What was in memory when the disk was filled with 4, and with 5: look_state() compares them. */
static const RlMemory memory_of_4 = {
    .file = (char *) "file", .digest = (char *) "of 4", .save = (char *) "save of 4"};
static const RlMemory memory_of_5 = {
    .file = (char *) "file", .digest = (char *) "of 5", .save = (char *) "save of 5"};

static RlDomainRef
alice_with(const RlMemory *memory)
{
    RlDomainRef owner = alice;

    owner.memory = memory;
    return owner;
}

static bool
save_as(const char *work, const RlMemory *memory, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    g_autofree char *file = g_build_filename(work, "outside", NULL);
    RlDomainRef owner = alice_with(memory);
    bool done;

    return pool && rl_volume_save(pool, V, &owner, file, &done, error) &&
           (done || rl_fail(error, RL_ERROR_STATE, "nothing was saved"));
}

static bool
restore_as(const char *work, const RlMemory *memory, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    g_autoptr(RlStarted) started = NULL;
    RlDomainRef owner = alice_with(memory);

    if (!pool || !rl_volume_announce_restore(pool, V, &owner, error))
        return false;
    started = rl_volume_start(pool, V, &owner, RL_START_RESTORED, error);
    return started != NULL;
}

static bool
confirm(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_volume_confirm(pool, V, &alice, error);
}

/* It was saved, restored, and has run on. */
static bool
running_again(const char *work, GError **error)
{
    return running(work, error) && save_as(work, &memory_of_4, error) &&
           restore_as(work, &memory_of_4, error) && confirm(work, error) && fill(work, V, 5, error);
}

static bool
save_again(const char *work, GError **error)
{
    return save_as(work, &memory_of_5, error);
}

static bool
saved_again(const char *work, GError **error)
{
    return running_again(work, error) && save_again(work, error);
}

/* Whatever cannot be read, the memory of the first save does not run on the disk of the second. */
static bool
restore_earlier(const char *work, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (restore_as(work, &memory_of_4, &cause))
        g_error("the memory of one save was restored on the disk of another");
    if (g_error_matches(cause, RL_ERROR, RL_ERROR_STATE))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

static bool
restore_last(const char *work, GError **error)
{
    return restore_as(work, &memory_of_5, error);
}

/* --- runs that wait for space */

/* Its domain is not about to open it, whatever else is known. */
static bool
waiting(const char *work, GError **error)
{
    g_autofree char *path = file_of(work, V, RL_FILE_DIRTY);
    g_autoptr(RlImageOwner) run = NULL;

    if (!running(work, error))
        return false;
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !rl_image_owner_get(fd, &run, error) || !run)
        return rl_fail(error, RL_ERROR_INVALID, "'%s' has no run", path);
    run->since_us -= (gint64) (RL_OWNER_GRACE_SECONDS + 1) * G_USEC_PER_SEC;
    return rl_image_owner_put_back(fd, run, error);
}

/* The note is in memory, where each point begins with nothing; false where there is no run. */
static bool
note_ended(const RlPool *pool, const char *work)
{
    g_autofree char *path = file_of(work, V, RL_FILE_DIRTY);
    g_autoptr(RlImageOwner) run = NULL;

    fault_pause();
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool runs = fd >= 0 && rl_image_owner_get(fd, &run, NULL) && run;
    if (runs)
        rl_ended_note(pool->dev, pool->ino, V, fd, run->since_us);
    fault_resume();
    return runs;
}

static bool
end_late(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    bool committed;

    if (!pool || !note_ended(pool, work) || !rl_volume_end_late(pool, V, &committed, error))
        return false;
    return committed || rl_fail(error, RL_ERROR_STATE, "nothing was committed");
}

/* After a crash the note is there still; but if it came late, nobody is known to run on the image
 * any more: the domain is started once more, and goes on with what was left. */
static bool
end_late_again(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    bool committed;
    RlStop stop;

    if (!pool || !rl_volume_end_late(pool, V, &committed, error))
        return false;
    return committed ||
           (start_for(work, V, &alice, error) && rl_volume_stop(pool, V, &alice, &stop, error));
}

/* --- external snapshots' files */

/* Of a domain that is off, so that all else would take it for a volume. */
static bool
with_snapshot_file(const char *work, GError **error)
{
    g_autofree char *path = file_of(work, SNAP, RL_FILE_CLEAN);

    if (!make_private(work, error))
        return false;
    rl_autofd int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    return fd >= 0 && rl_model_write(fd, SIZE, 5, error);
}

static bool
claim_overlay(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    bool is;

    return pool && rl_overlay_claim(pool, SNAP, &alice, &is, error) &&
           (is || rl_fail(error, RL_ERROR_STATE, "it is not taken for an overlay"));
}

/* --- pools of the version before */

static bool
unmarked(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = make_private(work, error) ? pool_of(work, error) : NULL;
    g_autoptr(RlOptions) options = pool ? rl_options_copy(pool->options) : NULL;

    if (!options)
        return false;
    g_clear_pointer(&options->mark, g_free);
    g_autofree char *text = pool->documents->options_format(options);
    return rl_pool_write_marker(pool->root, text, error) &&
           rl_xattr_remove(pool->root, RL_ATTR_POOL, error);
}

static bool
mark_pool(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_pool_mark_require(pool, error);
}

const Operation noting_operations[] = {
    {"save-again", running_again, save_again, NULL, 0},
    {"restore-earlier", saved_again, restore_earlier, NULL, 0},
    {"restore-last", saved_again, restore_last, NULL, 0},
    {"end-late", waiting, end_late, end_late_again, OP_LEAVES | OP_ERROR_COMES_LATE},
    {"overlay-file", with_snapshot_file, claim_overlay, NULL, 0},
    {"pool-mark", unmarked, mark_pool, NULL, OP_MAY_DO_NOTHING},
    {0},
};
