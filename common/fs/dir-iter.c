/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dir-iter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/base/autofd.h"
#include "file-error.h"

RlDirIter *
rl_dir_iter_open(int dir, GError **error)
{
    /* A descriptor of its own: its position is not shared with anybody else's reading of @dir. */
    rl_autofd int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);

    if (!stream) {
        rl_fail_file(error, errno, dir, "cannot read directory");
        return NULL;
    }
    rl_fd_steal(&fd);

    RlDirIter *entries = g_new0(RlDirIter, 1);
    entries->stream = stream;
    return entries;
}

const char *
rl_dir_iter_next(RlDirIter *entries)
{
    const struct dirent *entry;

    errno = 0;
    while ((entry = readdir(entries->stream))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        entries->type = entry->d_type;
        return entry->d_name;
    }
    entries->failure = errno;
    return NULL;
}

bool
rl_dir_iter_are_all(const RlDirIter *entries, GError **error)
{
    if (entries->failure != 0)
        return rl_fail_file(error, entries->failure, dirfd(entries->stream),
                            "cannot read all of directory");
    return true;
}

void
rl_dir_iter_close(RlDirIter *entries)
{
    if (!entries)
        return;
    closedir(entries->stream);
    g_free(entries);
}
