/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "spare-image.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/format/file-name.h"
#include "common/fs/dir-iter.h"
#include "common/fs/dirfd.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/fs/page-cache.h"
#include "common/fs/path-holders.h"
#include "common/fs/readers.h"
#include "common/fs/security-labels.h"
#include "common/fs/xattr.h"
#include "partial-image.h"

#define LABEL "security.selinux"
#define LABEL_MAX 4096 /* a longer one is no label of libvirt's */

/* Newer content shares more with what is to come. */
static bool
is_better(const struct stat *st, const struct stat *best)
{
    return S_ISREG(st->st_mode) && st->st_nlink == 1 && st->st_size > 0 &&
           (!best->st_ino || st->st_mtim.tv_sec > best->st_mtim.tv_sec ||
            (st->st_mtim.tv_sec == best->st_mtim.tv_sec &&
             st->st_mtim.tv_nsec > best->st_mtim.tv_nsec));
}

static bool
is_image_of(const RlVolume *volume, const char *file)
{
    RlFileName name = rl_file_name_parse(file);

    return name.role == RL_FILE_TEMP && strcmp(name.leaf, volume->name->leaf) == 0 &&
           strstr(file, ".img");
}

/* Its name, owned by the caller; NULL where there is none. */
static char *
find(const RlVolume *volume)
{
    g_autoptr(RlDirIter) entries = volume->dir < 0 ? NULL : rl_dir_iter_open(volume->dir, NULL);
    g_autofree char *found = NULL;
    struct stat st, best = {0};
    const char *file;

    while (entries && (file = rl_dir_iter_next(entries))) {
        if (!is_image_of(volume, file) || rl_partial_is_kept(volume->dir, file) ||
            fstatat(volume->dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0 || !is_better(&st, &best))
            continue;
        best = st;
        g_free(found);
        found = g_strdup(file);
    }
    return g_steal_pointer(&found);
}

/* What a device model's process can give to an image that is its own stays on that: nothing of it
 * goes to the next run. NOCOW has to be the same in both images that share anyway; btrfs itself
 * notes what does not get smaller by compression. */
static bool
has_usual_flags(int fd, int dir)
{
    struct fsxattr own, usual;
    int flags;

    return ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 &&
           !(flags & ~(FS_NOCOW_FL | FS_NOCOMP_FL | FS_EXTENT_FL)) &&
           ioctl(fd, FS_IOC_FSGETXATTR, &own) == 0 && ioctl(dir, FS_IOC_FSGETXATTR, &usual) == 0 &&
           own.fsx_projid == (usual.fsx_xflags & FS_XFLAG_PROJINHERIT ? usual.fsx_projid : 0) &&
           own.fsx_extsize == 0 && own.fsx_cowextsize == 0;
}

/* A new file gets the label of its directory; so the image @clean has that which is right there. */
static bool
has_same_label(int fd, int clean)
{
    char own[LABEL_MAX], usual[LABEL_MAX];
    ssize_t length = fgetxattr(fd, LABEL, own, sizeof(own));

    return length >= 0 && fgetxattr(clean, LABEL, usual, sizeof(usual)) == length &&
           memcmp(own, usual, (size_t) length) == 0;
}

/* What a revision that is nothing else, or a precache, has; not what says that an image is part of
 * a stream, is read, is an overlay, or has any other meaning. */
static bool
is_usual(const char *name)
{
    static const char *const usual[] = {
        RL_ATTR_PREFIX RL_ATTR_ID,         RL_ATTR_PREFIX RL_ATTR_HIGHEST,
        RL_ATTR_PREFIX RL_ATTR_HIGHEST_OF, RL_ATTR_PREFIX RL_ATTR_CLEAN_SINCE,
        RL_ATTR_PREFIX RL_ATTR_BASE,       RL_ATTR_PREFIX RL_ATTR_BASE_DATE,
        RL_ATTR_PREFIX RL_ATTR_MADE,       RL_ATTR_PREFIX RL_ATTR_USED_BY,
        RL_ATTR_PREFIX RL_ATTR_LINKS,      RL_ATTR_PREFIX RL_ATTR_LINKS_AT,
        RL_ATTR_PREFIX RL_ATTR_SIZE,       "system.posix_acl_access"};

    for (size_t i = 0; i < G_N_ELEMENTS(usual); i++)
        if (strcmp(name, usual[i]) == 0)
            return true;
    return false;
}

static bool
has_usual_attributes(int fd, int clean)
{
    g_auto(GStrv) names = rl_xattr_list(fd, NULL);

    for (size_t i = 0; names && names[i]; i++)
        if (!is_usual(names[i]) && (strcmp(names[i], LABEL) != 0 || !has_same_label(fd, clean)))
            return false;
    return names;
}

static bool
has_its_name(const RlVolume *volume, const RlSpareImage *spare, struct stat *ret_st)
{
    struct stat named;

    return fstat(spare->fd, ret_st) == 0 && ret_st->st_nlink == 1 &&
           fstatat(volume->dir, spare->file, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           rl_stat_same(ret_st, &named);
}

/* The lock is as in rl_tmpfile_remove_litter(): what is no litter is no spare image. The longest
 * look comes last. */
static bool
is_free(const RlVolume *volume, const RlSpareImage *spare, int clean)
{
    struct stat st;

    return flock(spare->fd, LOCK_EX | LOCK_NB) == 0 && rl_lease_take(spare->fd) &&
           has_its_name(volume, spare, &st) && !rl_readers_are_noted(st.st_dev, st.st_ino) &&
           has_usual_flags(spare->fd, volume->dir) && has_usual_attributes(spare->fd, clean) &&
           rl_page_cache_drop(spare->fd, (uint64_t) st.st_size) &&
           !rl_file_has_path_holder(spare->fd, spare->file);
}

bool
rl_spare_take(const RlVolume *volume, int clean, RlSpareImage *ret_spare)
{
    g_auto(RlSpareImage) spare = {.fd = -1, .file = find(volume)};

    *ret_spare = (RlSpareImage){.fd = -1};
    if (spare.file)
        spare.fd = rl_dirfd_open_file(volume->dir, spare.file, O_RDWR, NULL);
    if (spare.fd < 0 || !is_free(volume, &spare, clean))
        return false;
    *ret_spare = spare;
    spare = (RlSpareImage){.fd = -1};
    return true;
}

bool
rl_spare_is_ours(const RlVolume *volume, const RlSpareImage *spare)
{
    struct stat st;

    return rl_lease_is_held(spare->fd) && has_its_name(volume, spare, &st);
}

bool
rl_spare_strip(const RlSpareImage *spare, GError **error)
{
    g_auto(GStrv) names = rl_xattr_list(spare->fd, error);

    if (!names)
        return false;
    for (size_t i = 0; names[i]; i++)
        if (g_str_has_prefix(names[i], RL_ATTR_PREFIX) &&
            !rl_xattr_remove(spare->fd, names[i] + strlen(RL_ATTR_PREFIX), error))
            return false;
    rl_security_labels_forget(spare->fd);
    return true;
}

void
rl_spare_close(RlSpareImage *spare)
{
    rl_fd_close(&spare->fd);
    g_clear_pointer(&spare->file, g_free);
}
