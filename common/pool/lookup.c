/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which pool a file lies in: the nearest marker above it. Where a mount shows a part of a file
 * system only, the way up goes on in that, and not where the mount happens to be. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/above-mount.h"
#include "common/fs/real-path.h"
#include "pool.h"

/* No file has a longer path, also where that of a symbolic link and what it points to were joined:
 * the kernel takes less than PATH_MAX of either. But a domain's XML can name one of megabytes. */
#define PATH_SIZE_MAX (2 * (size_t) PATH_MAX)

/* One search. */
typedef struct {
    const char *path;
    char *whole;       /* the file's real path */
    char *dir;         /* the directory that it has come to, on the way up */
    GPtrArray *mounts; /* read when the first mount is crossed */
    char *root, *inside;
} Find;

static void
find_clear(Find *find)
{
    g_free(find->whole);
    g_free(find->dir);
    if (find->mounts)
        g_ptr_array_unref(find->mounts);
    g_free(find->root);
    g_free(find->inside);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Find, find_clear)

/* There is nothing at a path that fails with this. */
static bool
is_nowhere(int code)
{
    return code == ENOENT || code == ENOTDIR || code == ELOOP || code == ENAMETOOLONG;
}

static bool
fail_unknown(const char *path, int code, GError **error)
{
    if (code == EXDEV)
        return rl_fail(
            error, RL_ERROR_INVALID,
            "cannot determine whether '%s' lies in a reflink pool: the path leads through a link "
            "of /proc to a file of another process. Use the path of the file itself",
            path);
    return rl_fail_errno(error, code, "cannot determine whether '%s' lies in a reflink pool", path);
}

/* The real path of the deepest directory on the way to @path that can be reached; what is left of
 * @path is in *@ret_rest. */
static char *
resolve_directory(const char *path, char **ret_rest, GError **error)
{
    g_autofree char *prefix = g_path_get_dirname(path);

    for (;;) {
        rl_autofd int fd = rl_real_path_open(prefix, O_DIRECTORY);
        if (fd >= 0) {
            size_t length = strcmp(prefix, "/") == 0 ? 1 : strlen(prefix) + 1;
            *ret_rest = g_strdup(path + MIN(length, strlen(path)));
            char *dir = rl_real_path_of(fd, error);
            if (!dir)
                g_prefix_error(error,
                               "cannot determine whether '%s' lies in a reflink pool: ", path);
            return dir;
        }
        if (strcmp(prefix, "/") == 0 || (errno != EACCES && !is_nowhere(errno))) {
            fail_unknown(path, errno, error);
            return NULL;
        }
        char *parent = g_path_get_dirname(prefix);
        g_free(prefix);
        prefix = parent;
    }
}

/* @rest below @dir, without its dots and double slashes; NULL where it leads up, which only the
 * kernel could follow, and not through what does not exist. */
static char *
join_rest(const char *dir, const char *rest)
{
    g_auto(GStrv) components = g_strsplit(rest, "/", -1);

    if (g_strv_contains((const char *const *) components, ".."))
        return NULL;
    return g_canonicalize_filename(rest + strspn(rest, "/"), dir);
}

/* Where root may not look is a file system of somebody else's (FUSE, NFS): a pool needs attributes
 * there that only root has. */
static bool
has_marker(int dir, const char *path, GError **error)
{
    g_autoptr(GError) cause = NULL;
    RlMarker marker;

    if (!rl_pool_look_at(dir, path, &marker, &cause) && !rl_error_is_errno(cause, EACCES))
        g_propagate_error(error, g_steal_pointer(&cause));
    return marker != RL_MARKER_NONE;
}

/* @fd is at @path on the way up. If that is what is mounted there, what lies above it in its file
 * system is looked at. */
static bool
cross(Find *find, int fd, const char *path, GError **error)
{
    g_autofree char *inside = NULL;
    struct statx st;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
        return fail_unknown(find->path, errno, error);
    if (!(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return true;
    if (!find->mounts && !(find->mounts = rl_mounts_read(error)))
        return false;
    const RlMount *mount = rl_mounts_find(find->mounts, st.stx_mnt_id);
    if (!mount)
        return true;
    if (!rl_above_find(find->mounts, mount, fd, has_marker, &find->root, &inside, error)) {
        g_prefix_error(error, "cannot determine whether '%s' lies in a reflink pool: ", find->path);
        return false;
    }
    const char *rest = rl_mounts_below(path, find->whole);
    if (find->root)
        find->inside = *rest ? g_build_filename(inside, rest, NULL) : g_steal_pointer(&inside);
    return true;
}

/* A single file can be mounted, too. */
static bool
cross_file(Find *find, GError **error)
{
    rl_autofd int fd = open(find->whole, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return true;
    /* What a symbolic link says the caller reads. A magic link says no path. */
    if (fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
        rl_autofd int end = rl_real_path_open(find->whole, 0);
        if (end < 0 && errno == EXDEV)
            return fail_unknown(find->path, EXDEV, error);
    }
    return cross(find, fd, find->whole, error);
}

/* What is relative to a directory of libvirt's leads somewhere, and so may what is too long for one
 * system call: that is no answer. */
static bool
require_path(const char *path, GError **error)
{
    bool absolute = path[0] == '/';

    if (absolute && strlen(path) < PATH_SIZE_MAX)
        return true;
    return rl_fail(error, RL_ERROR_INVALID,
                   "cannot determine whether '%.200s%s' lies in a reflink pool: %s", path,
                   strlen(path) > 200 ? "..." : "",
                   absolute ? "the path is too long" : "the path is not absolute");
}

/* Looks at the directory that the search has come to. */
static bool
step(Find *find, GError **error)
{
    rl_autofd int fd = open(find->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GError) cause = NULL;

    if (fd < 0)
        return is_nowhere(errno) || errno == EACCES ||
               rl_fail_errno(error, errno, "cannot determine whether '%s' is a reflink pool",
                             find->dir);
    /* The topmost directory is nobody's pool. */
    bool found = strcmp(find->dir, "/") != 0 && has_marker(fd, find->dir, &cause);
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (!found || strlen(find->whole) <= strlen(find->dir))
        return cross(find, fd, find->dir, error);
    find->inside = g_strdup(find->whole + strlen(find->dir) + 1);
    find->root = g_strdup(find->dir);
    return true;
}

bool
rl_pool_find(const char *path, char **ret_root, char **ret_inside, GError **error)
{
    g_autofree char *rest = NULL;
    g_auto(Find) find = {.path = path};

    *ret_root = *ret_inside = NULL;
    if (!require_path(path, error))
        return false;
    find.dir = resolve_directory(path, &rest, error);
    if (!find.dir)
        return false;
    find.whole = join_rest(find.dir, rest);
    if (!find.whole)
        return true;
    if (!cross_file(&find, error))
        return false;
    for (bool top = false; !find.root && !top;) {
        if (!step(&find, error))
            return false;
        top = strcmp(find.dir, "/") == 0;
        char *parent = g_path_get_dirname(find.dir);
        g_free(find.dir);
        find.dir = parent;
    }
    *ret_root = g_steal_pointer(&find.root);
    *ret_inside = g_steal_pointer(&find.inside);
    return true;
}
