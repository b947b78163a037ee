/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool-build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/volume-name.h"
#include "common/fs/dir-iter.h"
#include "common/fs/dirfd.h"
#include "common/fs/real-path.h"
#include "common/fs/reflink.h"
#include "common/fs/shared-fs.h"
#include "common/fs/xattr.h"
#include "common/pool/pool-mark.h"
#include "common/pool/scan.h"

/* A few blocks: a file this large is in no file system's inode. */
#define PROBE_SIZE (64 * 1024)
/* As libvirt's own default for the directories of pools. */
#define DIRECTORY_MODE 0711

static bool
probe_attributes(int fd, const char *path, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (rl_xattr_set(fd, "probe", "1", &cause))
        return true;
    return rl_fail(error, RL_ERROR_UNSUPPORTED,
                   "the file system of '%s' does not store extended attributes of the namespace "
                   "trusted (%s), which reflink pools need",
                   path, cause->message);
}

/* Clones real bytes and reads them back: a file system that says yes and does no is none to trust.
 */
static bool
probe_reflink(int root, int from, const char *path, GError **error)
{
    g_autofree char *written = g_malloc(PROBE_SIZE), *read = g_malloc0(PROBE_SIZE);
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(GError) cause = NULL;
    rl_autofd int to = rl_tmpfile_open_for(root, RL_POOL_MARKER, &access, error);

    if (to < 0)
        return false;
    rl_tmpfile_discard(to, root);
    for (size_t i = 0; i < PROBE_SIZE; i++)
        written[i] = (char) (i * 31 + 7);
    if (pwrite(from, written, PROBE_SIZE, 0) != PROBE_SIZE)
        return rl_fail_errno(error, errno, "cannot write to '%s'", path);
    if (!rl_reflink(from, to, &cause)) {
        if (!g_error_matches(cause, RL_ERROR, RL_ERROR_UNSUPPORTED)) {
            g_propagate_prefixed_error(error, g_steal_pointer(&cause), "'%s': ", path);
            return false;
        }
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "the file system of '%s' has no reflinks; <reflink:fallback copy='yes'/> in "
                       "the pool's options permits copies instead",
                       path);
    }
    if (pread(to, read, PROBE_SIZE, 0) != PROBE_SIZE || memcmp(written, read, PROBE_SIZE) != 0)
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "the file system of '%s' made a reflink whose content differs from that "
                       "of its source",
                       path);
    return true;
}

static bool
probe(int root, const char *path, const RlOptions *options, GError **error)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    rl_autofd int fd = rl_tmpfile_open_for(root, RL_POOL_MARKER, &access, error);

    if (fd < 0)
        return false;
    rl_tmpfile_discard(fd, root);
    if (!probe_attributes(fd, path, error))
        return false;
    return options->fallback_copy || probe_reflink(root, fd, path, error);
}

bool
rl_pool_probe(const RlPool *pool, GError **error)
{
    return probe(pool->root, pool->path, pool->options, error);
}

/* The same for a path of the directory itself; @path is for the message. */
static bool
require_outside(const char *self, const char *path, GError **error)
{
    g_autofree char *root = NULL, *inside = NULL;

    if (!rl_pool_find(self, &root, &inside, error))
        return false;
    if (!root)
        return true;
    return rl_fail(error, RL_ERROR_INVALID,
                   "'%s' lies inside the reflink pool '%s'. Choose a directory outside of it", path,
                   root);
}

bool
rl_pool_require_outside(const char *path, GError **error)
{
    /* The directory itself, where @path is a symbolic link to it. */
    g_autofree char *self = g_strconcat(path, "/.", NULL);

    return require_outside(self, path, error);
}

/* A link may lead elsewhere since that was asked. */
static bool
require_opened_outside(int root, const char *path, GError **error)
{
    g_autofree char *real = rl_real_path_of(root, error);
    g_autofree char *self = real ? g_strconcat(real, "/.", NULL) : NULL;

    return self && require_outside(self, path, error);
}

/* A pool's own path may be a symbolic link to its directory, if the administrator made it: whose it
 * is can lead it to any other. */
static bool
check_link(const char *path, const struct stat *link, GError **error)
{
    if (link->st_uid != 0 && link->st_uid != geteuid())
        return rl_fail(error, RL_ERROR_INVALID,
                       "'%s' is a symbolic link that belongs to user %u, who can change it. Use "
                       "the path of the directory, or make the link as root",
                       path, (unsigned) link->st_uid);
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return true;
    return rl_fail(error, RL_ERROR_INVALID,
                   "'%s' is a symbolic link to a missing directory: make the directory first",
                   path);
}

/* Makes what is missing of @path; adds what was made to @made, outermost first. */
static bool
make_directories(const char *path, GPtrArray *made, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path);
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        return check_link(path, &st, error);
    if (lstat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ||
               rl_fail(error, RL_ERROR_INVALID,
                       "'%s' is not a directory, and no pool can be there. Choose another path",
                       path);
    if (errno != ENOENT)
        return rl_fail_errno(error, errno, "cannot examine '%s'", path);
    if (g_file_test(parent, G_FILE_TEST_IS_DIR) == FALSE && !make_directories(parent, made, error))
        return false;
    if (mkdir(path, 0755) < 0)
        return rl_fail_errno(error, errno, "cannot make directory '%s'", path);
    g_ptr_array_add(made, g_strdup(path));

    rl_autofd int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? rl_dirfd_sync(fd, parent, error)
                   : rl_fail_errno(error, errno, "cannot open directory '%s'", parent);
}

/* A pool below the directory @dir, no deeper than volumes can lie, owned by the caller. What cannot
 * be read is passed over: a volume of another pool is refused when it is opened, too. */
static char *
find_inner(int fd, const char *dir, int depth)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(fd, NULL);
    char *found = NULL;
    const char *entry;
    struct stat st;

    while (!found && entries && (entry = rl_dir_iter_next(entries))) {
        rl_autofd int child = openat(fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child < 0)
            continue;
        g_autofree char *path = g_build_filename(dir, entry, NULL);
        bool lost = false;
        if (fstatat(child, RL_POOL_MARKER, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
            (rl_pool_has_lost_marker(child, &lost, NULL) && lost))
            found = g_steal_pointer(&path);
        else if (depth < RL_NAME_COMPONENTS_MAX)
            found = find_inner(child, path, depth + 1);
    }
    return found;
}

/* With a mark: a pool that is built once more keeps the one it has, and a copy that was made
 * without attributes becomes a pool of its own. The attribute comes first: a marker alone is a
 * copy's. */
static bool
write_marker(int root, const char *path, const RlOptions *options, const RlDocuments *documents,
             GError **error)
{
    g_autoptr(RlPool) before = rl_pool_open(path, documents, NULL);
    g_autoptr(RlOptions) marked = rl_options_copy(options);
    g_autofree char *noted = NULL;

    if (!rl_xattr_get(root, RL_ATTR_POOL, &noted, error))
        return false;
    g_free(marked->mark);
    marked->mark = rl_pool_mark_make(root, before ? before->options->mark : NULL, error);
    if (!marked->mark)
        return false;
    g_autofree char *text = documents->options_format(marked);
    if (rl_pool_write_marker(root, text, error))
        return true;
    /* A mark without a marker would be a pool that has lost that. It can be there already, and only
     * not be durable. */
    struct stat st;
    if (!noted && fstatat(root, RL_POOL_MARKER, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        rl_xattr_remove(root, RL_ATTR_POOL, NULL);
    return false;
}

/* Opens the directory @path, if it can be a pool; -1 with @error. */
static int
open_buildable(const char *path, const RlOptions *options, GError **error)
{
    rl_autofd int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (root < 0) {
        rl_fail_errno(error, errno, "cannot open the pool directory '%s'", path);
        return -1;
    }
    if (!require_opened_outside(root, path, error) || !rl_shared_fs_require_none(root, path, error))
        return -1;
    g_autofree char *inner = find_inner(root, path, 2);
    if (inner) {
        rl_fail(error, RL_ERROR_INVALID,
                "the reflink pool '%s' lies inside '%s'. Choose a directory without a pool in it",
                inner, path);
        return -1;
    }
    return probe(root, path, options, error) ? rl_fd_steal(&root) : -1;
}

bool
rl_pool_require_buildable(const char *path, const RlOptions *options, GError **error)
{
    struct stat st;

    if (!rl_pool_require_outside(path, error))
        return false;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && !check_link(path, &st, error))
        return false;
    rl_autofd int root = open_buildable(path, options, error);
    return root >= 0;
}

static bool
set_up(const char *path, const RlOptions *options, const RlAccess *access,
       const RlDocuments *documents, GError **error)
{
    rl_autofd int root = open_buildable(path, options, error);

    if (root < 0)
        return false;
    if ((access->uid != (uid_t) -1 || access->gid != (gid_t) -1) &&
        fchown(root, access->uid, access->gid) < 0)
        return rl_fail_errno(error, errno, "cannot set the user and group of '%s'", path);
    if (access->mode != (mode_t) -1 && fchmod(root, access->mode) < 0)
        return rl_fail_errno(error, errno, "cannot set the mode of '%s'", path);

    if (!write_marker(root, path, options, documents, error))
        return false;
    rl_log_info("%s is a reflink pool now", path);
    return true;
}

bool
rl_pool_build(const char *path, const RlOptions *options, const RlAccess *access,
              const RlDocuments *documents, GError **error)
{
    g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func(g_free);

    if (!rl_pool_require_outside(path, error))
        return false;
    bool there = make_directories(path, made, error);
    RlAccess wanted = *access;
    if (wanted.mode == (mode_t) -1 && made->len > 0)
        wanted.mode = DIRECTORY_MODE;
    if (there && set_up(path, options, &wanted, documents, error))
        return true;
    for (guint i = made->len; i-- > 0;)
        rmdir(g_ptr_array_index(made, i));
    return false;
}

/* Is there anything in the pool besides its marker and empty directories? Names the first in
 * @ret_found. A directory deeper than those of volumes is none of ours; and somebody may have made
 * more of them, one in the other, than a process may have descriptors. */
static bool
has_content(int fd, const char *dir, int depth, char **ret_found)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(fd, NULL);
    const char *entry;

    while (entries && (entry = rl_dir_iter_next(entries))) {
        g_autofree char *path = *dir ? g_strconcat(dir, "/", entry, NULL) : g_strdup(entry);
        if (depth == 0 && rl_pool_is_marker(entry))
            continue;
        rl_autofd int child =
            depth == RL_NAME_COMPONENTS_MAX
                ? -1
                : openat(fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child >= 0 && !has_content(child, path, depth + 1, ret_found))
            continue;
        if (!*ret_found)
            *ret_found = g_steal_pointer(&path);
        return true;
    }
    return !entries || !rl_dir_iter_are_all(entries, NULL);
}

static void
remove_empty_directories(int fd, bool at_root)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(fd, NULL);
    const char *entry;

    while (entries && (entry = rl_dir_iter_next(entries))) {
        if (at_root && rl_pool_is_marker(entry) && strcmp(entry, RL_POOL_MARKER) != 0)
            unlinkat(fd, entry, 0);
        rl_autofd int child = openat(fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child < 0)
            continue;
        remove_empty_directories(child, false);
        unlinkat(fd, entry, AT_REMOVEDIR);
    }
}

bool
rl_pool_delete(RlPool *pool, GError **error)
{
    g_autoptr(GPtrArray) volumes = rl_scan(pool, error);
    g_autofree char *found = NULL;

    if (!volumes)
        return false;
    if (volumes->len > 0)
        return rl_fail(error, RL_ERROR_STATE,
                       "pool '%s' cannot be deleted: it still has volumes ('%s'%s). Delete them "
                       "first",
                       pool->path, ((const RlListed *) g_ptr_array_index(volumes, 0))->name,
                       volumes->len > 1 ? " and others" : "");
    if (has_content(pool->root, "", 0, &found))
        return rl_fail(error, RL_ERROR_STATE,
                       "pool '%s' cannot be deleted: its directory is not empty, there is '%s'. "
                       "Remove that first",
                       pool->path, found ? found : "an unreadable directory");

    /* A symbolic link to the directory is the administrator's, and stays. */
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", pool->root);
    g_autofree char *directory = g_file_read_link(self, NULL);
    remove_empty_directories(pool->root, true);
    if (unlinkat(pool->root, RL_POOL_MARKER, 0) < 0)
        return rl_fail_errno(error, errno, "cannot remove the marker of pool '%s'", pool->path);
    if (rmdir(directory ? directory : pool->path) < 0) {
        /* A mount point, for one. It is the pool that it was. */
        int saved_errno = errno;
        rl_pool_set_options(pool, pool->options, NULL);
        return rl_fail_errno(error, saved_errno, "cannot remove the directory of pool '%s'",
                             pool->path);
    }
    rl_log_info("removed the reflink pool %s", pool->path);
    return true;
}
