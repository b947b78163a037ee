/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clean image becomes a revision: its number, and its second name. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/format/highest-note.h"
#include "common/fs/inode.h"
#include "common/fs/project-id.h"
#include "common/fs/xattr.h"
#include "new-revision.h"

/* A number that wraps around would make a name that is no revision's. */
static bool
next_number(const RlVolume *volume, uint64_t highest, uint64_t *ret_number, GError **error)
{
    if (highest == UINT64_MAX)
        return rl_fail(
            error, RL_ERROR_STATE,
            "volume '%s': there is no number for its next revision after %" G_GUINT64_FORMAT
            ". Clone the volume to a new one",
            volume->name->volume, highest);
    *ret_number = highest + 1;
    return true;
}

bool
rl_new_revision_number(const RlVolume *volume, int fd, uint64_t *ret_number, bool *ret_linked,
                       GError **error)
{
    uint64_t highest;
    bool sure;

    if (!rl_highest_get(fd, &highest, &sure, error))
        return false;
    /* One link: no commit was cut off. The number was noted on this inode, which we committed and
     * which is no copy of that, so no other number was given since: there is no need to look
     * through a long history. */
    if (sure && highest > 0 && volume->clean.st.st_nlink == 1) {
        *ret_linked = false;
        return next_number(volume, highest, ret_number, error);
    }

    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
    if (!revisions)
        return false;
    const RlRevision *newest = rl_revisions_newest(revisions);
    if (newest && rl_stat_same(&newest->st, &volume->clean.st)) {
        *ret_number = newest->number;
        *ret_linked = true;
        return true;
    }
    *ret_linked = false;
    return next_number(volume, MAX(highest, newest ? newest->number : 0), ret_number, error);
}

bool
rl_new_revision_highest(const RlVolume *volume, int fd, uint64_t *ret_highest, GError **error)
{
    g_autoptr(GPtrArray) revisions = NULL;
    uint64_t highest;
    bool sure;

    if (!rl_highest_get(fd, &highest, &sure, error))
        return false;
    revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
    if (!revisions)
        return false;
    const RlRevision *newest = rl_revisions_newest(revisions);
    *ret_highest = MAX(highest, newest ? newest->number : 0);
    return true;
}

bool
rl_new_revision_known_highest(const RlVolume *volume, int fd, uint64_t *ret_highest, GError **error)
{
    bool sure;

    return rl_highest_get(fd, ret_highest, &sure, error) &&
           (sure || rl_new_revision_highest(volume, fd, ret_highest, error));
}

bool
rl_new_revision_keep_highest(const RlVolume *volume, int fd, int to, GError **error)
{
    uint64_t highest, known;

    if (!rl_new_revision_highest(volume, fd, &highest, error) ||
        !rl_xattr_get_number(to, RL_ATTR_HIGHEST, &known, error))
        return false;
    if (highest <= known)
        return true;
    if (!rl_highest_set(to, highest, error))
        return false;
    return fsync(to) == 0 ||
           rl_fail_errno(error, errno,
                         "volume '%s': cannot record the number of its newest revision",
                         volume->name->volume);
}

bool
rl_new_revision_link(const RlVolume *volume, uint64_t number, GError **error)
{
    g_autofree char *file =
        rl_file_name_revision(volume->name->leaf, number, volume->clean.st.st_mtim.tv_sec);

    if (rl_project_link(volume->dir, volume->clean_file, file) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot make revision '%s' of '%s'%s",
                             volume->name->volume, file, volume->clean_file,
                             rl_project_hint(errno));
    rl_volume_log(volume, "linked %s as %s", volume->clean_file, file);
    return true;
}

/* Two images with one number come from an administrator who put a revision in the clean image's
 * place, with all that is noted on it. Then the names on disk tell the number. */
static bool
link_anew(const RlVolume *volume, int fd, uint64_t *number, GError **error)
{
    uint64_t highest;

    return rl_new_revision_highest(volume, fd, &highest, error) &&
           next_number(volume, highest, number, error) &&
           rl_new_revision_link(volume, *number, error);
}

bool
rl_new_revision_make(const RlVolume *volume, int fd, bool linked, uint64_t *number, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!linked && !rl_new_revision_link(volume, *number, &cause)) {
        if (!rl_error_is_errno(cause, EEXIST)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        if (!link_anew(volume, fd, number, error))
            return false;
    }
    return rl_highest_clear(fd, error);
}

/* Numbers are never given twice: libvirt may still list this one. */
bool
rl_new_revision_unlink(const RlVolume *volume, int fd, uint64_t number, GError **error)
{
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
    const RlRevision *revision = revisions ? rl_revisions_find(revisions, number, NULL) : NULL;
    uint64_t highest;

    if (!revision || !rl_stat_same(&revision->st, &volume->clean.st))
        return revisions != NULL;
    if (!rl_new_revision_highest(volume, fd, &highest, error) ||
        !rl_highest_set(fd, MAX(highest, number), error))
        return false;
    if (unlinkat(volume->dir, revision->file, 0) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot remove '%s'", volume->name->volume,
                             revision->file);
    rl_volume_log(volume, "unlinked %s", revision->file);
    return true;
}
