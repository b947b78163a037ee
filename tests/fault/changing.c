/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Deleting, resizing, tidying. */
#include "operations.h"

#include "common/base/autofd.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/resize.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool
with_precache(const char *work, GError **error)
{
    return make_private(work, error) && maintain(work, V, error);
}

static bool
running(const char *work, GError **error)
{
    return make_private(work, error) && start_for(work, V, &alice, error) &&
           fill(work, V, 4, error);
}

static bool
left(const char *work, GError **error)
{
    return running(work, error) && make_old(work, V, error);
}

static bool
with_snapshot(const char *work, GError **error)
{
    return make_private(work, error) && make(work, ROOT, RL_KIND_SNAPSHOT, error) &&
           maintain(work, ROOT, error);
}

static bool
with_volatile(const char *work, GError **error)
{
    return build(work, error) && make(work, "deep/er/scratch", RL_KIND_VOLATILE, error);
}

static bool
with_direct(const char *work, GError **error)
{
    return build(work, error) && make(work, DIRECT, RL_KIND_DIRECT, error);
}

static bool
remove_revision(const char *work, const char *text, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    g_autoptr(RlName) name = rl_name_parse(text, error);

    return pool && rl_revision_delete(pool, name, error);
}

static bool
unlabelled(const char *work, GError **error)
{
    return with_precache(work, error) && remove_revision(work, V "@named", error);
}

/* More revisions than are kept, a precache that is none any more, and what a crash left. */
static bool
untidy(const char *work, GError **error)
{
    g_autofree char *temp = g_build_filename(work, "pool/vm/private.img~0123ab", NULL);

    if (!with_precache(work, error))
        return false;
    for (uint64_t tag = 4; tag < 8; tag++)
        if (!start_for(work, V, &alice, error) || !fill(work, V, tag, error) ||
            !stop_for(work, V, &alice, RL_STOP_COMMITTED, error) ||
            (tag == 4 && !maintain(work, V, error)))
            return false;
    rl_autofd int fd = open(temp, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    return fd >= 0 && rl_model_write(fd, SIZE, 9, error);
}

/* A deletion was cut off. */
static bool
gone(const char *work, GError **error)
{
    static const char *const remains[] = {"other-precache.img", "other.img~0123ab"};

    if (!make_private(work, error))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(remains); i++) {
        g_autofree char *path = g_build_filename(work, "pool/vm", remains[i], NULL);
        rl_autofd int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0 || !rl_model_write(fd, SIZE, 9, error))
            return false;
    }
    return true;
}

static bool
remove_volume(const char *work, const char *name, bool with_labels, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_volume_delete(pool, name, with_labels, error);
}

/* What is left of a volume is cleared away by whoever makes one of its name. */
static bool
remove_rest(const char *work, const char *name, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, name, error) : NULL;

    if (!volume)
        return false;
    if (!rl_volume_exists(volume) && !make(work, name, RL_KIND_PERSISTENT, error))
        return false;
    return remove_volume(work, name, true, error);
}

static bool
remove_wholly(const char *work, GError **error)
{
    return remove_rest(work, V, error);
}

static bool
remove_snapshot_wholly(const char *work, GError **error)
{
    return remove_rest(work, ROOT, error);
}

static bool
remove_volatile_wholly(const char *work, GError **error)
{
    return remove_rest(work, "deep/er/scratch", error);
}

static bool
remove_direct_wholly(const char *work, GError **error)
{
    return remove_rest(work, DIRECT, error);
}

static bool
remove_private(const char *work, GError **error)
{
    return remove_volume(work, V, false, error);
}

static bool
remove_with_labels(const char *work, GError **error)
{
    return remove_volume(work, V, true, error);
}

static bool
remove_snapshot(const char *work, GError **error)
{
    return remove_volume(work, ROOT, false, error);
}

static bool
remove_volatile(const char *work, GError **error)
{
    return remove_volume(work, "deep/er/scratch", false, error);
}

static bool
remove_direct(const char *work, GError **error)
{
    return remove_volume(work, DIRECT, false, error);
}

static bool
remove_number(const char *work, GError **error)
{
    return remove_revision(work, V "@2", error);
}

static bool
remove_label(const char *work, GError **error)
{
    return remove_revision(work, V "@named", error);
}

static bool
resize(const char *work, const char *name, uint64_t size, bool allocate, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_volume_resize(pool, name, size, allocate, error);
}

static bool
grow(const char *work, GError **error)
{
    return resize(work, V, 2 * SIZE, false, error);
}

static bool
grow_allocated(const char *work, GError **error)
{
    return resize(work, V, 2 * SIZE, true, error);
}

static bool
shrink(const char *work, GError **error)
{
    return resize(work, V, 8 * RL_MODEL_BLOCK, false, error);
}

static bool
grow_record(const char *work, GError **error)
{
    return resize(work, "deep/er/scratch", 2 * SIZE, false, error);
}

static bool
maintain_private(const char *work, GError **error)
{
    return maintain(work, V, error);
}

static bool
maintain_snapshot(const char *work, GError **error)
{
    return maintain(work, ROOT, error);
}

static bool
maintain_gone(const char *work, GError **error)
{
    return maintain(work, "vm/other", error);
}

static bool
clear_gone(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_volume_clear(pool, "vm/other", error);
}

/* The record is what a deletion drops last but one. */
static bool
gone_direct(const char *work, GError **error)
{
    g_autofree char *image = file_of(work, "vm/other", RL_FILE_CLEAN);

    return gone(work, error) && make(work, "vm/other", RL_KIND_DIRECT, error) &&
           (unlink(image) == 0 || rl_fail_errno(error, errno, "unlink"));
}

static bool
with_plain_snapshot(const char *work, GError **error)
{
    return make_private(work, error) && make(work, ROOT, RL_KIND_SNAPSHOT, error);
}

const Operation changing_operations[] = {
    {"delete", unlabelled, remove_private, remove_wholly, OP_IN_PARTS},
    {"delete-with-labels", with_precache, remove_with_labels, remove_wholly, OP_IN_PARTS},
    {"delete-left", left, remove_with_labels, remove_wholly, OP_IN_PARTS},
    {"delete-snapshot", with_snapshot, remove_snapshot, remove_snapshot_wholly, OP_IN_PARTS},
    {"delete-volatile", with_volatile, remove_volatile, remove_volatile_wholly, OP_IN_PARTS},
    {"delete-direct", with_direct, remove_direct, remove_direct_wholly, OP_IN_PARTS},
    {"delete-revision", with_precache, remove_number, NULL, 0},
    {"delete-label", with_precache, remove_label, NULL, 0},
    {"resize-dirty-grow", running, grow, NULL, OP_ERROR_COMES_LATE},
    {"resize-dirty-allocate", running, grow_allocated, NULL, OP_ERROR_COMES_LATE},
    {"resize-dirty-shrink", running, shrink, NULL, OP_ERROR_COMES_LATE},
    {"resize-device-grow", running, grow, NULL, OP_ERROR_COMES_LATE | OP_ON_DEVICE},
    {"resize-device-shrink", running, shrink, NULL, OP_ERROR_COMES_LATE | OP_ON_DEVICE},
    {"resize-clean-grow", with_precache, grow, NULL, 0},
    {"resize-clean-confined", with_precache, grow, NULL, OP_CONFINED},
    {"resize-clean-allocate", with_precache, grow_allocated, NULL, 0},
    {"resize-clean-shrink", make_private, shrink, NULL, 0},
    {"resize-record", with_volatile, grow_record, NULL, 0},
    {"tidy", untidy, maintain_private, NULL, OP_IN_PARTS | OP_MAY_DO_PARTS},
    {"tidy-snapshot", with_plain_snapshot, maintain_snapshot, NULL, 0},
    {"tidy-confined", with_plain_snapshot, maintain_snapshot, NULL, OP_CONFINED},
    {"tidy-gone", gone, maintain_gone, NULL, 0},
    {"clear-gone", gone, clear_gone, NULL, 0},
    {"clear-record", gone_direct, clear_gone, NULL, 0},
    {0},
};
