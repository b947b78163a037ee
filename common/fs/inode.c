/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inode.h"

#include <errno.h>
#include <fcntl.h>

#include "file-error.h"

bool
rl_stat_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool
rl_stat_same_date(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool
rl_inode_describe(int dir, const char *name, char **ret_inode, GError **error)
{
    struct statx st;

    *ret_inode = NULL;
    if (statx(dir, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &st) < 0)
        return rl_fail_file_at(error, errno, dir, name, "cannot examine");
    if (st.stx_mask & STATX_BTIME)
        *ret_inode =
            g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT ".%09u", (guint64) st.stx_ino,
                            (gint64) st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
    return true;
}
