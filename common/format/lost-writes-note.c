/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lost-writes-note.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/fs/file-error.h"
#include "common/fs/inode.h"
#include "common/fs/tmpfile.h"

#define NOTES_DIR RL_LOCK_DIR "/lost"

/* The subvolume of the image, by an id that outlives its mounts: a snapshot of it has files of the
 * same number and birth. XFS makes that id of the device's number, and needs none. */
static uint64_t
subvolume_of(int fd)
{
    struct statfs fs;
    uint64_t id = 0;

    if (fstatfs(fd, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC)
        memcpy(&id, &fs.f_fsid, MIN(sizeof(id), sizeof(fs.f_fsid)));
    return id;
}

char *
rl_lost_name(int fd, GError **error)
{
    g_autofree char *inode = NULL;
    struct stat st;

    if (!rl_inode_describe(fd, "", &inode, error))
        return NULL;
    if (inode)
        return g_strdup_printf("%" G_GINT64_MODIFIER "x-%s", subvolume_of(fd),
                               g_strdelimit(inode, " ", '-'));
    if (fstat(fd, &st) == 0)
        return g_strdup_printf("%lx-%lx", (unsigned long) st.st_dev, (unsigned long) st.st_ino);
    rl_fail_file(error, errno, fd, "cannot examine");
    return NULL;
}

bool
rl_lost_note_as(const char *name, GError **error)
{
    g_mkdir_with_parents(NOTES_DIR, 0700);
    rl_autofd int dir = open(NOTES_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return rl_fail_errno(error, errno, "cannot open '%s'", NOTES_DIR);
    return rl_tmpfile_write(dir, name, "", 0600, error);
}

bool
rl_lost_note(int fd, GError **error)
{
    g_autofree char *name = rl_lost_name(fd, error);

    return name && rl_lost_note_as(name, error);
}

static char *
path_of(int fd, GError **error)
{
    g_autofree char *name = rl_lost_name(fd, error);

    return name ? g_build_filename(NOTES_DIR, name, NULL) : NULL;
}

bool
rl_lost_is_noted(int fd, bool *ret_lost, GError **error)
{
    struct stat st;

    *ret_lost = false;
    /* Most hosts have lost nothing since they booted, and the image's name takes long to find. */
    if (access(NOTES_DIR, F_OK) < 0 && errno == ENOENT)
        return true;
    g_autofree char *path = path_of(fd, error);
    if (!path)
        return false;
    *ret_lost = lstat(path, &st) == 0;
    return *ret_lost || errno == ENOENT ||
           rl_fail_errno(error, errno, "cannot look for '%s'", path);
}

void
rl_lost_forget(int fd)
{
    g_autofree char *path = path_of(fd, NULL);

    if (path && unlink(path) < 0 && errno != ENOENT)
        rl_log_warning("cannot remove '%s': %s", path, g_strerror(errno));
}
