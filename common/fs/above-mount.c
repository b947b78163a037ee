/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "above-mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/base/autofd.h"
#include "common/base/error.h"

/* What the kernel puts behind the path of a directory that was removed. */
#define DELETED "//deleted"

/* btrfs: BTRFS_FIRST_FREE_OBJECTID, the directory of a subvolume; BTRFS_FS_TREE_OBJECTID, the
 * topmost subvolume; FILEID_BTRFS_WITHOUT_PARENT. */
#define BTRFS_DIRECTORY 256
#define BTRFS_TOP 5
#define BTRFS_HANDLE_TYPE 0x4d

typedef struct {
    const GPtrArray *mounts;
    const RlMount *mount;
    int fd;
    RlAboveVisit visit;
} Search;

typedef struct {
    char *path;      /* in the file system */
    struct statx st; /* of it */
} Found;

static bool
look(int fd, const char *name, struct statx *ret_st)
{
    return statx(fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
                 STATX_INO | STATX_MNT_ID, ret_st) == 0;
}

static bool
is_same(const struct statx *a, const struct statx *b)
{
    return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
           a->stx_dev_minor == b->stx_dev_minor;
}

/* Opens the topmost directory of the btrfs that @fd lies on, mounted or not. */
static int
open_btrfs_top(int fd)
{
    const uint64_t ids[] = {BTRFS_DIRECTORY, BTRFS_TOP};
    const uint32_t generation = 0; /* any */
    g_autofree struct file_handle *handle =
        g_malloc(sizeof(*handle) + sizeof(ids) + sizeof(generation));
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    /* It must be open to be read, which @fd need not be. */
    rl_autofd int opened = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    handle->handle_bytes = sizeof(ids) + sizeof(generation);
    handle->handle_type = BTRFS_HANDLE_TYPE;
    memcpy(handle->f_handle, ids, sizeof(ids));
    memcpy(handle->f_handle + sizeof(ids), &generation, sizeof(generation));
    return opened < 0 ? -1 : open_by_handle_at(opened, handle, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Mounts the whole file system from its block device, where nobody else sees it. The kernel has it
 * mounted, so that is only another view of the same. */
static int
mount_whole(const RlMount *mount, const char *device)
{
    rl_autofd int context = fsopen(mount->type, FSOPEN_CLOEXEC);

    if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "source", device, 0) < 0 ||
        (mount->readonly && fsconfig(context, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0) ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    return fsmount(context, FSMOUNT_CLOEXEC,
                   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

static bool
has_block_device(const RlMount *mount)
{
    return !g_str_has_prefix(mount->device, "0:");
}

/* Opens the topmost directory of the file system of @mount, which @fd lies on, where no mount shows
 * it. */
static int
open_hidden_top(const RlMount *mount, int fd)
{
    if (strcmp(mount->type, "btrfs") == 0)
        return open_btrfs_top(fd);
    if (!has_block_device(mount))
        return -1;
    g_autofree char *device = g_strdup_printf("/dev/block/%s", mount->device);
    int top = mount_whole(mount, device);
    return top >= 0 || mount->source[0] != '/' ? top : mount_whole(mount, mount->source);
}

/* Opens what @mount shows, without what is mounted on parts of it. -1 where another mount hides it.
 */
static int
open_mount(const RlMount *mount)
{
    rl_autofd int fd = open(mount->point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct statx st;

    if (fd < 0 || !look(fd, "", &st) || st.stx_mnt_id != mount->id)
        return -1;
    int alone = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return alone >= 0 ? alone : rl_fd_steal(&fd);
}

/* Opens the directory nearest to the top of the file system that a mount shows and that is above
 * what is looked from; its path is *@ret_path, borrowed. -1 where there is none. */
static int
open_visible_top(const Search *search, const char **ret_path)
{
    rl_autofd int top = -1;

    *ret_path = NULL;
    for (guint i = 0; i < search->mounts->len; i++) {
        const RlMount *other = g_ptr_array_index(search->mounts, i);
        const char *below = rl_mounts_below(other->root, search->mount->root);
        if (strcmp(other->device, search->mount->device) != 0 || !below || !*below ||
            (*ret_path && strlen(other->root) >= strlen(*ret_path)))
            continue;
        int fd = open_mount(other);
        if (fd < 0)
            continue;
        rl_fd_close(&top);
        top = fd;
        *ret_path = other->root;
    }
    return rl_fd_steal(&top);
}

/* Visits @top, whose path is @path, and the directories from there down to what is looked from.
 * *@ret_arrived is false where the way does not lead there. */
static bool
walk_down(const Search *search, int top, const char *path, Found *found, bool *ret_arrived,
          GError **error)
{
    g_auto(GStrv) names = g_strsplit(rl_mounts_below(path, search->mount->root), "/", -1);
    g_autofree char *at = g_strdup(path);
    rl_autofd int dir = top;
    struct statx st, wanted;

    *ret_arrived = false;
    for (char **name = names; *name; name++) {
        g_autoptr(GError) cause = NULL;
        if (search->visit(dir, at, &cause)) {
            g_free(found->path);
            found->path = g_strdup(at);
            look(dir, "", &found->st);
        }
        if (cause) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        int next = openat(dir, *name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return true;
        rl_fd_close(&dir);
        dir = next;
        char *longer = g_build_filename(at, *name, NULL);
        g_free(at);
        at = longer;
    }
    *ret_arrived = look(dir, "", &st) && look(search->fd, "", &wanted) && is_same(&st, &wanted);
    return true;
}

/* A path by which what was @found is reached, owned by the caller; NULL where there is none. */
static char *
find_path(const Search *search, const Found *found)
{
    for (guint i = 0; i < search->mounts->len; i++) {
        const RlMount *other = g_ptr_array_index(search->mounts, i);
        const char *below = rl_mounts_below(other->root, found->path);
        struct statx st;
        if (strcmp(other->device, search->mount->device) != 0 || !below)
            continue;
        g_autofree char *path =
            *below ? g_build_filename(other->point, below, NULL) : g_strdup(other->point);
        if (look(AT_FDCWD, path, &st) && is_same(&st, &found->st))
            return g_steal_pointer(&path);
    }
    return NULL;
}

static bool
refuse(const RlMount *mount, GError **error)
{
    return rl_fail(
        error, RL_ERROR_STATE,
        "cannot determine what is above '%s': only the directory '%s' of the file system (%s, %s) "
        "is mounted there, and the parent directories of that directory are mounted nowhere. Mount "
        "the whole file system somewhere as well",
        mount->point, mount->root, mount->type, mount->source);
}

bool
rl_above_find(const GPtrArray *mounts, const RlMount *mount, int fd, RlAboveVisit visit,
              char **ret_path, char **ret_inside, GError **error)
{
    const Search search = {mounts, mount, fd, visit};
    g_autofree char *path = NULL;
    Found found = {0};
    const char *visible;
    bool arrived = false;

    *ret_path = *ret_inside = NULL;
    /* No path of a file system: one of the kernel's own, as of namespaces. */
    if (strcmp(mount->root, "/") == 0 || mount->root[0] != '/' ||
        g_str_has_suffix(mount->root, DELETED))
        return true;

    int top = open_visible_top(&search, &visible);
    bool whole = visible && strcmp(visible, "/") == 0;
    int hidden = whole ? -1 : open_hidden_top(mount, fd);
    if (hidden >= 0) {
        rl_fd_close(&top);
        top = hidden;
        visible = "/";
        whole = true;
    }
    bool told = top < 0 || walk_down(&search, top, visible, &found, &arrived, error);
    g_autofree char *found_path = found.path;
    if (!told)
        return false;
    if (found_path && arrived) {
        path = find_path(&search, &found);
        if (!path)
            return refuse(mount, error);
        *ret_path = g_steal_pointer(&path);
        *ret_inside = g_strdup(rl_mounts_below(found_path, mount->root));
        return true;
    }
    bool could_hold_one = has_block_device(mount) || strcmp(mount->type, "btrfs") == 0;
    return (arrived && whole) || !could_hold_one || refuse(mount, error);
}
