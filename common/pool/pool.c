/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/volume-name.h"
#include "common/fs/dir-iter.h"
#include "common/fs/dirfd.h"
#include "common/fs/lease.h"
#include "common/fs/xattr.h"

/* A thousand rules with long patterns fit. */
#define MARKER_SIZE_MAX (8 * 1024 * 1024)

/* A marker decides what is done with a directory, so only one that root (or whoever we are) wrote
 * counts. */
static bool
is_trusted(const struct stat *st)
{
    return S_ISREG(st->st_mode) && (st->st_uid == 0 || st->st_uid == geteuid()) &&
           !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* In a directory like /tmp anybody can put a file, and has no say in what others have there: that
 * is no reason to stop them. Elsewhere, who can put one can take the images away as well. */
static bool
is_anybodys(const struct stat *dir, const struct stat *marker)
{
    return (dir->st_mode & S_ISVTX) && marker->st_uid != 0 && marker->st_uid != dir->st_uid;
}

static bool
refuse_to_guess(const char *path, int code, GError **error)
{
    return rl_fail_errno(error, code, "cannot determine whether '%s' is a reflink pool", path);
}

/* A file system without such attributes, or one that root may not look into, has no pool. */
static bool
cannot_have_mark(const GError *error)
{
    static const int codes[] = {EOPNOTSUPP, EACCES, EPERM, ENOENT, ENOTDIR};

    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
        if (rl_error_is_errno(error, codes[i]))
            return true;
    return false;
}

bool
rl_pool_has_lost_marker(int root, bool *ret_lost, GError **error)
{
    g_autofree char *mark = NULL;
    g_autoptr(GError) cause = NULL;

    *ret_lost = rl_xattr_get_at(root, ".", RL_ATTR_POOL, &mark, &cause) && mark;
    if (!cause || cannot_have_mark(cause))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

/* There is no marker that counts: was there one? */
static bool
look_at_mark(int root, const char *path, RlMarker *ret_marker, GError **error)
{
    bool lost;

    if (!rl_pool_has_lost_marker(root, &lost, error)) {
        g_prefix_error(error, "cannot determine whether '%s' is a reflink pool: ", path);
        return false;
    }
    *ret_marker = lost ? RL_MARKER_LOST : RL_MARKER_NONE;
    return true;
}

bool
rl_pool_look_at(int root, const char *path, RlMarker *ret_marker, GError **error)
{
    struct stat dir, st;

    *ret_marker = RL_MARKER_NONE;
    if (fstatat(root, RL_POOL_MARKER, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? look_at_mark(root, path, ret_marker, error)
                               : refuse_to_guess(path, errno, error);
    }
    if (!is_trusted(&st) && fstat(root, &dir) == 0 && is_anybodys(&dir, &st))
        return look_at_mark(root, path, ret_marker, error);
    *ret_marker = is_trusted(&st) ? RL_MARKER_GOOD : RL_MARKER_UNTRUSTED;
    return true;
}

/* There is nothing at a path that fails with this. */
static bool
is_nowhere(int code)
{
    return code == ENOENT || code == ENOTDIR || code == ELOOP || code == ENAMETOOLONG;
}

static bool
refuse_untrusted(const char *path, GError **error)
{
    return rl_fail(
        error, RL_ERROR_UNTRUSTED,
        "untrusted marker '%s/%s': it must be a regular file that belongs to root and that others "
        "cannot write to. Another user may have changed the options in it. Stop the pool and type "
        "'virsh pool-build', which writes the marker again with the options of the pool's "
        "definition; or check the options in the marker, and type 'chown root' and 'chmod 644'",
        path, RL_POOL_MARKER);
}

static bool
refuse_unbuilt(int root, const char *path, GError **error)
{
    bool lost;

    if (rl_pool_has_lost_marker(root, &lost, NULL) && lost)
        return rl_fail(
            error, RL_ERROR_NOT_BUILT,
            "pool '%s' is not built: its directory is a reflink pool, but its '%s' is missing. "
            "Write it again with 'virsh pool-build' of a pool whose XML has <reflink:options>; or, "
            "if the directory is not to be a reflink pool, type 'setfattr -x " RL_ATTR_PREFIX
                RL_ATTR_POOL "'",
            path, RL_POOL_MARKER);
    return rl_fail(error, RL_ERROR_NOT_BUILT,
                   "'%s' is not a reflink pool: it has no '%s' (its file system is not mounted, or "
                   "it was not built)",
                   path, RL_POOL_MARKER);
}

/* Something lies under the marker's name that is none. */
static bool
is_no_file(const GError *error)
{
    return rl_error_is_errno(error, ELOOP) || g_error_matches(error, RL_ERROR, RL_ERROR_INVALID);
}

/* What was looked at is what is read: under its name there may be another by now. */
static RlOptions *
read_options(int root, const char *path, const RlDocuments *documents, GError **error)
{
    g_autofree char *what = g_build_filename(path, RL_POOL_MARKER, NULL);
    g_autoptr(GError) cause = NULL;
    rl_autofd int fd = rl_dirfd_open_file(root, RL_POOL_MARKER, O_RDONLY, &cause);
    struct stat st;
    size_t length;

    if (rl_error_is_errno(cause, ENOENT)) {
        refuse_unbuilt(root, path, error);
        return NULL;
    }
    bool untrusted = fd < 0 ? is_no_file(cause) : fstat(fd, &st) < 0 || !is_trusted(&st);
    if (untrusted) {
        refuse_untrusted(path, error);
        return NULL;
    }
    g_autofree char *text =
        fd < 0 ? NULL : rl_dirfd_read_opened(fd, RL_POOL_MARKER, MARKER_SIZE_MAX, &length, &cause);
    if (!text) {
        g_propagate_prefixed_error(error, g_steal_pointer(&cause), "pool '%s': ", path);
        return NULL;
    }
    RlOptions *options = documents->options_parse(text, length, what, &cause);
    if (!options)
        g_set_error(error, cause->domain, cause->code,
                    "%s. 'virsh pool-build' writes the marker again", cause->message);
    return options;
}

/* The pool at @path without its options. */
static RlPool *
open_directory(const char *path, const RlDocuments *documents, GError **error)
{
    rl_autofd int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    if (root < 0 || fstat(root, &st) < 0) {
        rl_fail_errno(error, errno, "cannot open the pool directory '%s'%s", path,
                      errno == ENOENT ? " (its file system is not mounted, or it was not built)"
                                      : "");
        return NULL;
    }
    RlPool *pool = g_new0(RlPool, 1);
    pool->root = rl_fd_steal(&root);
    pool->dev = st.st_dev;
    pool->ino = st.st_ino;
    pool->path = g_strdup(path);
    pool->documents = documents;
    return pool;
}

RlPool *
rl_pool_open(const char *path, const RlDocuments *documents, GError **error)
{
    g_autoptr(RlPool) pool = open_directory(path, documents, error);

    if (!pool || !(pool->options = read_options(pool->root, path, documents, error)))
        return NULL;
    return g_steal_pointer(&pool);
}

RlPool *
rl_pool_open_to_look(const char *path, const RlDocuments *documents, GError **error)
{
    RlPool *pool = open_directory(path, documents, error);

    if (!pool)
        return NULL;
    pool->options = read_options(pool->root, path, documents, &pool->fault);
    if (!pool->options)
        pool->options = rl_options_new();
    return pool;
}

bool
rl_pool_require_sound(const RlPool *pool, GError **error)
{
    if (pool->fault && error)
        *error = g_error_copy(pool->fault);
    return !pool->fault;
}

void
rl_pool_close(RlPool *pool)
{
    if (!pool)
        return;
    close(pool->root);
    rl_options_free(pool->options);
    g_clear_error(&pool->fault);
    g_free(pool->path);
    g_free(pool);
}

bool
rl_pool_look(const char *path, RlMarker *ret_marker, GError **error)
{
    rl_autofd int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    *ret_marker = RL_MARKER_NONE;
    if (root < 0) {
        if (is_nowhere(errno))
            return true;
        return refuse_to_guess(path, errno, error);
    }
    return rl_pool_look_at(root, path, ret_marker, error);
}

bool
rl_pool_has_marker(const char *path)
{
    RlMarker marker;

    rl_pool_look(path, &marker, NULL);
    return marker == RL_MARKER_GOOD;
}

bool
rl_pool_has_links(const RlPool *pool, const char *dir)
{
    return pool->options->path_links && strcmp(dir, RL_NAME_FOLDER) == 0;
}

/* Somebody's backup of a marker ends in a tilde, too. */
static bool
is_temporary_marker(const char *name)
{
    if (!g_str_has_prefix(name, RL_POOL_MARKER "~"))
        return false;
    const char *digits = name + strlen(RL_POOL_MARKER "~");
    return strlen(digits) == 6 && strspn(digits, "0123456789abcdef") == 6;
}

bool
rl_pool_is_marker(const char *name)
{
    return strcmp(name, RL_POOL_MARKER) == 0 || is_temporary_marker(name);
}

/* Whoever writes one at the same time has it open. */
static void
sweep_markers(int root)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(root, NULL);
    const char *name;

    while (entries && (name = rl_dir_iter_next(entries)))
        if (is_temporary_marker(name) && !rl_lease_has_writer_at(root, name))
            unlinkat(root, name, 0);
}

bool
rl_pool_write_marker(int root, const char *text, GError **error)
{
    if (!rl_tmpfile_write(root, RL_POOL_MARKER, text, 0644, error))
        return false;
    sweep_markers(root);
    return true;
}

RlOptions *
rl_pool_read_options(const RlPool *pool, GError **error)
{
    return read_options(pool->root, pool->path, pool->documents, error);
}

RlLock *
rl_pool_lock_marker(const RlPool *pool, GError **error)
{
    /* No volume has such a name. */
    return rl_pool_lock(pool, "~marker", "write the marker", error);
}

bool
rl_pool_set_options(RlPool *pool, const RlOptions *options, GError **error)
{
    g_autoptr(RlLock) lock = rl_pool_lock_marker(pool, error);
    g_autoptr(RlOptions) copy = rl_options_copy(options);
    g_autoptr(RlOptions) there = NULL;

    if (!lock)
        return false;
    /* Somebody may have given it its mark since it was opened. A marker that is gone was the
     * pool's that is open. */
    there = rl_pool_read_options(pool, NULL);
    g_free(copy->mark);
    copy->mark = g_strdup(there ? there->mark : pool->options->mark);
    g_autofree char *text = pool->documents->options_format(copy);
    if (!rl_pool_write_marker(pool->root, text, error))
        return false;
    rl_options_free(pool->options);
    pool->options = g_steal_pointer(&copy);
    return true;
}

char *
rl_pool_real_path(const RlPool *pool)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", pool->root);
    char *path = g_file_read_link(self, NULL);

    return path ? path : g_strdup(pool->path);
}

bool
rl_pool_space(const RlPool *pool, uint64_t *ret_capacity, uint64_t *ret_free, GError **error)
{
    struct statvfs fs;

    if (fstatvfs(pool->root, &fs) < 0)
        return rl_fail_errno(error, errno, "cannot determine the free space of pool '%s'",
                             pool->path);
    *ret_capacity = (uint64_t) fs.f_frsize * fs.f_blocks;
    *ret_free = (uint64_t) fs.f_frsize * fs.f_bfree;
    return true;
}

RlLock *
rl_pool_lock(const RlPool *pool, const char *volume, const char *purpose, GError **error)
{
    return rl_pool_require_sound(pool, error)
               ? rl_lock_take(pool->dev, pool->ino, volume, purpose, RL_LOCK_TIMEOUT_MS, error)
               : NULL;
}
