/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "name-age.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/format/highest-note.h"
#include "common/fs/xattr.h"
#include "common/pool/left-name.h"

bool
rl_name_age_is_older(int fd, const RlRunRecord *run)
{
    gint64 began_us = run->began_ms * 1000;
    struct statx now;
    uint64_t since;

    return statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &now) == 0 && (now.stx_mask & STATX_BTIME) &&
           now.stx_btime.tv_sec * G_USEC_PER_SEC + now.stx_btime.tv_nsec / 1000 <= began_us &&
           rl_xattr_get_number(fd, RL_ATTR_CLEAN_SINCE, &since, NULL) &&
           since <= (uint64_t) began_us;
}

bool
rl_name_age_may_differ(int fd, const RlReadDisk *read, const RlRunRecord *run)
{
    uint64_t highest;
    bool sure;

    if (strcmp(read->file, read->volume->clean_file) != 0 || rl_name_age_is_older(fd, run))
        return false;
    /* Whose run begins while somebody reads it gets an image of its own, and keeps none of before.
     */
    if (read->volume->kind == RL_KIND_DIRECT)
        return true;
    return !rl_highest_get(fd, &highest, &sure, NULL) || highest > 0 ||
           rl_left_name_is_since(read->volume, run->began_ms * 1000);
}
