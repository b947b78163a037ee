/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "temporary-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/fs/dir-iter.h"
#include "common/fs/project-id.h"
#include "common/fs/tmpfile.h"
#include "partial-image.h"
#include "volume-path.h"

bool
rl_file_drop(const RlVolume *volume, const char *file, GError **error)
{
    g_autofree char *temp = rl_file_name_temp(volume->name->leaf);

    if (rl_project_rename(volume->dir, file, temp, 0) == 0) {
        rl_volume_log(volume, "dropped %s as %s", file, temp);
        return true;
    }
    if (errno == ENOENT)
        return true;
    /* XFS with parent pointers, the default of newer mkfs.xfs, needs space for a name but none
     * to remove one. On a full disk a deletion is what makes space. */
    if ((errno == ENOSPC || errno == EDQUOT) && unlinkat(volume->dir, file, 0) == 0) {
        rl_volume_log(volume, "removed %s", file);
        return true;
    }
    return rl_fail_errno(error, errno, "volume '%s': cannot remove '%s'%s", volume->name->volume,
                         file, rl_project_hint(errno));
}

bool
rl_dirty_drop(const RlVolume *volume, GError **error)
{
    rl_volume_path_let_go(volume);
    return rl_file_drop(volume, volume->dirty_file, error) && rl_volume_sync(volume, error);
}

void
rl_volume_sweep(const RlVolume *volume)
{
    g_autoptr(RlDirIter) entries = volume->dir < 0 ? NULL : rl_dir_iter_open(volume->dir, NULL);
    const char *file;

    while (entries && (file = rl_dir_iter_next(entries))) {
        RlFileName name = rl_file_name_parse(file);
        if (name.role == RL_FILE_TEMP && strcmp(name.leaf, volume->name->leaf) == 0 &&
            !rl_partial_is_kept(volume->dir, file) && rl_tmpfile_remove_litter(volume->dir, file))
            rl_volume_log(volume, "removed %s", file);
    }
}
