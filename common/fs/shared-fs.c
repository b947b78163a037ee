/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shared-fs.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "common/base/error.h"

/* bcachefs has one since Linux 6.7, and its number in no header before that. */
#define BCACHEFS_MAGIC 0xca451a4e

static const struct {
    uint64_t type;
    const char *name;
} shared[] = {
    /* linux/magic.h */
    {OCFS2_SUPER_MAGIC, "OCFS2"},
    {NFS_SUPER_MAGIC, "NFS"},
    {CEPH_SUPER_MAGIC, "CephFS"},
    {SMB_SUPER_MAGIC, "SMB"},
    {CIFS_SUPER_MAGIC, "SMB"},
    {SMB2_SUPER_MAGIC, "SMB"},
    {AFS_SUPER_MAGIC, "AFS"},
    {AFS_FS_MAGIC, "AFS"},
    {CODA_SUPER_MAGIC, "Coda"},
    {NCP_SUPER_MAGIC, "NCP"},
    {V9FS_MAGIC, "9p"},
    {FUSE_SUPER_MAGIC, "FUSE or virtiofs"},
    /* Of the kernel too, in no header for programs: fs/gfs2, fs/orangefs, fs/vboxsf. */
    {0x01161970, "GFS2"},
    {0x20030528, "OrangeFS"},
    {0x786f4256, "a shared folder of VirtualBox"},
    /* Others' modules, as stat(1) of coreutils knows them. */
    {0x0bd00bd0, "Lustre"},
    {0x47504653, "GPFS"},
    {0x19830326, "BeeGFS"},
    {0xaad7aaea, "PanFS"},
    {0xbeefdead, "StorNext"},
    {0x61636673, "ACFS"},
    {0x013111a8, "IBRIX"},
    {0xa501fcf5, "VxFS"},
    {0xbacbacbc, "a shared folder of VMware"},
    {0x7c7c6673, "a shared folder of Parallels"},
};

/* What is known to be on a block device, and to have one user. Its owner may be no device in the
 * sense of stat(2): btrfs gives each subvolume a number of its own. */
static const uint64_t private[] = {
    XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, BCACHEFS_MAGIC,
};

/* What is exported now, to the kernel and to those who configure it (exportfs(8), nfsd(7)). */
static const char *const export_tables[] = {"/proc/fs/nfsd/exports", "/var/lib/nfs/etab"};

/* f_type is a signed long, and some of the numbers have 32 bits. */
static bool
get_type(int dir, uint64_t *ret_type)
{
    struct statfs fs;

    if (fstatfs(dir, &fs) < 0)
        return false;
    *ret_type = (uint32_t) fs.f_type;
    return true;
}

const char *
rl_shared_fs_name(uint64_t type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(shared); i++)
        if (shared[i].type == type)
            return shared[i].name;
    return NULL;
}

bool
rl_shared_fs_require_none(int dir, const char *path, GError **error)
{
    uint64_t type;

    if (!get_type(dir, &type))
        return rl_fail_errno(error, errno, "cannot determine the file system of '%s'", path);
    const char *name = rl_shared_fs_name(type);
    return !name || rl_fail(error, RL_ERROR_UNSUPPORTED,
                            "'%s' is on %s, which other hosts can mount as well: this host would "
                            "not see domains that they run on a volume. Use a local file system "
                            "with reflinks (XFS, btrfs)",
                            path, name);
}

/* Paths in these tables have what would end them as \040 (octal). */
static char *
exported_path(const char *line)
{
    g_autofree char *path = g_strndup(line, strcspn(line, " \t"));

    return g_strcompress(path);
}

static bool
lies_in(const char *path, const char *dir)
{
    size_t length = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

    return strncmp(path, dir, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* A subvolume of btrfs is part of what lies around it and looks like a file system of its own. */
static bool
is_same_filesystem(const char *exported, int dir)
{
    struct stat st, exported_st;
    struct statfs fs, exported_fs;

    if (stat(exported, &exported_st) < 0 || statfs(exported, &exported_fs) < 0)
        return errno != ENOENT;
    if (fstat(dir, &st) < 0 || fstatfs(dir, &fs) < 0)
        return true;
    return st.st_dev == exported_st.st_dev ||
           (fs.f_type == BTRFS_SUPER_MAGIC && exported_fs.f_type == BTRFS_SUPER_MAGIC);
}

bool
rl_shared_fs_is_exported(int dir, const char *exports)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", dir);
    g_autofree char *path = g_file_read_link(self, NULL);
    g_auto(GStrv) lines = g_strsplit(exports, "\n", -1);

    if (!path)
        return true;
    for (char **line = lines; *line; line++) {
        if ((*line)[0] != '/')
            continue; /* empty, or a comment */
        g_autofree char *exported = exported_path(*line);
        if (lies_in(path, exported) || lies_in(exported, path) || is_same_filesystem(exported, dir))
            return true;
    }
    return false;
}

static bool
is_in_table(int dir, const char *table)
{
    g_autofree char *exports = NULL;
    g_autoptr(GError) cause = NULL;

    if (!g_file_get_contents(table, &exports, NULL, &cause))
        return !g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    return rl_shared_fs_is_exported(dir, exports);
}

bool
rl_shared_fs_is_private(int dir)
{
    uint64_t type;
    bool known = false;

    if (!get_type(dir, &type))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(private); i++)
        known |= private[i] == type;
    for (size_t i = 0; known && i < G_N_ELEMENTS(export_tables); i++)
        known = !is_in_table(dir, export_tables[i]);
    return known;
}
