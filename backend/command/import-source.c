/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "import-source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/lease.h"
#include "common/fs/openers.h"
#include "common/fs/page-cache.h"
#include "common/fs/path-writers.h"
#include "common/fs/shared-fs.h"
#include "common/fs/stable-copy.h"
#include "common/fs/tmpfile.h"
#include "qemu-img.h"

static bool
is_raw(const RlImportSource *source)
{
    return strcmp(source->format, "raw") == 0;
}

static bool
refuse_written(const RlImportSource *source, GError **error)
{
    g_autofree char *opener = rl_opener_describe(source->fd, RL_OPENERS_WRITING);

    return rl_fail(error, RL_ERROR_BUSY,
                   "%s has '%s' open for writing. End that process, then import the file again",
                   opener ? opener : "a process", source->path);
}

/* A file system that other hosts have, or a program serves, gives none, or it says nothing. */
static bool
has_leases(const RlImportSource *source)
{
    struct statfs fs;

    return S_ISREG(source->st.st_mode) && fstatfs(source->fd, &fs) == 0 &&
           !rl_shared_fs_name((uint64_t) fs.f_type);
}

/* Puts a copy of the file, which is nobody else's, in its place. */
static bool
copy(RlImportSource *source, const RlPool *pool, GError **error)
{
    const RlCopyWatch watch = {.progress = pool->progress};
    RlAccess access = RL_ACCESS_DEFAULT;
    rl_autofd int to = rl_tmpfile_open(pool->root, &access, error);

    if (to < 0 || !rl_stable_copy(source->fd, to, &watch, error)) {
        g_prefix_error(error,
                       "cannot copy '%s', to which other programs could write while it is "
                       "read, to the pool: ",
                       source->path);
        return false;
    }
    rl_fd_close(&source->fd);
    source->fd = rl_fd_steal(&to);
    source->leased = false;
    return true;
}

/* Not so for raw ones: they name nothing. */
static bool
keep_from_writers(RlImportSource *source, const RlPool *pool, GError **error)
{
    if (is_raw(source))
        return true;
    if (!has_leases(source))
        return copy(source, pool, error);
    source->leased = rl_lease_take_for_reading(source->fd);
    if (!source->leased)
        return errno == EAGAIN ? refuse_written(source, error) : copy(source, pool, error);
    /* A read into a page of it may have been begun that fills it yet. */
    return rl_page_cache_drop(source->fd, (uint64_t) source->st.st_size) ||
           copy(source, pool, error);
}

/* Whose the directory is could have put a link there, to what he may not read: it would become his
 * disk. */
static bool
open_file(RlImportSource *source, GError **error)
{
    source->fd = rl_path_open_by_roots_links(source->path, O_RDONLY | O_NONBLOCK);
    if (source->fd < 0 && errno == ELOOP)
        return rl_fail(
            error, RL_ERROR_INVALID,
            "'%s' is, or leads through, a symbolic link in a directory that users other than "
            "root can write to: they could change the target of the link. Name "
            "the file itself (realpath)",
            source->path);
    if (source->fd < 0)
        return rl_fail_errno(error, errno, "cannot open '%s'", source->path);
    if (fstat(source->fd, &source->st) < 0)
        return rl_fail_errno(error, errno, "cannot examine '%s'", source->path);
    return S_ISREG(source->st.st_mode) || S_ISBLK(source->st.st_mode) ||
           rl_fail(error, RL_ERROR_INVALID, "'%s' is neither a regular file nor a block device",
                   source->path);
}

bool
rl_import_source_open(RlImportSource *source, const RlPool *pool, GError **error)
{
    if (!open_file(source, error) || !keep_from_writers(source, pool, error))
        return false;
    if (is_raw(source) || rl_qemu_img_size(source->fd, source->format, &source->size, error))
        return true;
    g_prefix_error(error, "cannot import '%s' as %s: ", source->path, source->format);
    return false;
}

bool
rl_import_source_require_same(const RlImportSource *source, GError **error)
{
    struct stat now;

    if (fstat(source->fd, &now) < 0)
        return rl_fail_errno(error, errno, "cannot examine '%s'", source->path);
    bool copied = now.st_dev != source->st.st_dev || now.st_ino != source->st.st_ino;
    bool held = !source->leased || rl_lease_is_held_for_reading(source->fd);
    return copied ||
           (held && now.st_ctim.tv_sec == source->st.st_ctim.tv_sec &&
            now.st_ctim.tv_nsec == source->st.st_ctim.tv_nsec) ||
           rl_fail(error, RL_ERROR_BUSY, "'%s' was changed while it was read. Import it again",
                   source->path);
}

void
rl_import_source_close(RlImportSource *source)
{
    rl_fd_close(&source->fd);
}
