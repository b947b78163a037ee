/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "begin-replacement.h"

#include <errno.h>
#include <unistd.h>

#include "before-edit.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/highest-note.h"
#include "common/format/image-id.h"
#include "common/fs/inode.h"
#include "common/image/new-revision.h"
#include "common/pool/writers.h"

bool
rl_replace_foretell(RlStagedImage *draft, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(draft->pool, draft->name->volume, error);
    bool linked;

    if (!volume || !rl_staged_check_replaceable(volume, error))
        return false;
    rl_autofd int clean = rl_volume_open_image(volume, volume->clean_file, error);
    if (clean < 0 || !rl_new_revision_number(volume, clean, &draft->revision, &linked, error))
        return false;
    /* The state before an edit gets a number first. If it does not, one is left out. */
    draft->revision += rl_edit_is(volume) && draft->revision < UINT64_MAX;
    draft->replaced = volume->clean.st;
    return true;
}

static bool
check_foretold(const RlStagedImage *draft, const RlVolume *volume, uint64_t number, GError **error)
{
    if (draft->revision == 0 ||
        (number <= draft->revision && rl_stat_same(&volume->clean.st, &draft->replaced) &&
         rl_stat_same_date(&volume->clean.st, &draft->replaced)))
        return true;
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' was changed meanwhile: its content was not replaced. Try again",
                   draft->name->volume);
}

static bool
link_number(RlStagedImage *draft, const RlVolume *volume, int clean, GError **error)
{
    uint64_t number;
    bool linked;

    if (!rl_new_revision_number(volume, clean, &number, &linked, error) ||
        !check_foretold(draft, volume, number, error))
        return false;
    if (draft->revision == 0)
        draft->revision = number;
    if (linked && number == draft->revision)
        return true;
    return (!linked || rl_new_revision_unlink(volume, clean, number, error)) &&
           rl_new_revision_link(volume, draft->revision, error);
}

bool
rl_replace_begin(RlStagedImage *draft, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(draft->pool, draft->name->volume, error);

    if (!volume || !rl_edit_require_kept(volume, error))
        return false;
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "replace", error);
    if (!lock || !rl_staged_check_replaceable(volume, error) ||
        !rl_edit_require_none(volume, error))
        return false;
    rl_autofd int clean = rl_volume_open_image(volume, volume->clean_file, error);
    if (clean < 0 ||
        !rl_clean_require_unwritten(volume->name->volume, volume->clean_file, clean,
                                    RL_CLEAN_PATIENCE_MS, error) ||
        !rl_image_id_ensure(clean, &draft->replaced_id, error) ||
        !link_number(draft, volume, clean, error))
        return false;
    draft->replaced = volume->clean.st;
    draft->replaced_fd = rl_fd_steal(&clean);
    draft->linked = true;
    return rl_volume_sync(volume, error);
}

void
rl_replace_undo(RlStagedImage *draft)
{
    g_autoptr(RlVolume) volume = rl_volume_open(draft->pool, draft->name->volume, NULL);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "undo a replacement", NULL) : NULL;

    if (!lock || volume->dir < 0 || !volume->clean.there)
        return;
    rl_autofd int clean = rl_volume_open_image(volume, volume->clean_file, NULL);
    if (clean >= 0)
        rl_new_revision_unlink(volume, clean, draft->revision, NULL);
}
