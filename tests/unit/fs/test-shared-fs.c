/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/fs/shared-fs.h"

#include "harness/lab.h"

#include <fcntl.h>
#include <linux/magic.h>

static void
test_names(void)
{
    g_assert_cmpstr(rl_shared_fs_name(OCFS2_SUPER_MAGIC), ==, "OCFS2");
    g_assert_cmpstr(rl_shared_fs_name(0x01161970), ==, "GFS2");
    g_assert_cmpstr(rl_shared_fs_name(0xfe534d42), ==, "SMB"); /* the sign bit is set */
    g_assert_cmpstr(rl_shared_fs_name(FUSE_SUPER_MAGIC), ==, "FUSE or virtiofs");
    g_assert_null(rl_shared_fs_name(XFS_SUPER_MAGIC));
    g_assert_null(rl_shared_fs_name(BTRFS_SUPER_MAGIC));
    g_assert_null(rl_shared_fs_name(TMPFS_MAGIC));
}

static void
exported(Lab *lab, const char *line, bool wanted)
{
    g_autofree char *table = g_strdup_printf(
        "# Version 1.1\n# Path Client(Flags) # IPs\n%s\t*(rw,no_root_squash)\n", line);

    g_assert_cmpint(rl_shared_fs_is_exported(lab->pool->root, table), ==, wanted);
}

/* A local file system on a block device is this host's alone, unless its NFS server gives any of it
 * away. */
static void
test_exports(Lab *lab)
{
    GError *error = NULL;
    g_autofree char *parent = g_path_get_dirname(lab->path);
    g_autofree char *below = lab_path(lab, "appvms/web one");
    g_autofree char *sibling = g_strconcat(lab->path, "-of-others", NULL);
    g_autofree char *quoted = g_strdup_printf("%s/appvms/web\\040one", lab->path);

    g_assert_true(rl_shared_fs_require_none(lab->pool->root, lab->path, &error));
    g_assert_no_error(error);
    if (!g_file_test("/var/lib/nfs/etab", G_FILE_TEST_EXISTS))
        g_assert_true(rl_shared_fs_is_private(lab->pool->root));
    g_assert_false(rl_shared_fs_is_exported(lab->pool->root, ""));
    exported(lab, "/proc", false);
    exported(lab, "/there/is/no/such/directory", false);
    exported(lab, sibling, false); /* it does not exist */
    exported(lab, lab->path, true);
    exported(lab, parent, true);
    exported(lab, "/", true);
    exported(lab, below, true);
    exported(lab, quoted, true);
    g_assert_cmpint(g_mkdir_with_parents(sibling, 0700), ==, 0);
    exported(lab, sibling, true); /* the same file system, which has more paths than one */
}

/* What is neither known to be shared nor to be on a block device can be a pool, as far as this
 * goes, but nothing is thrown away there because of it. */
static void
test_unknown(void)
{
    int memory = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (memory < 0) {
        g_test_skip("there is no /dev/shm");
        return;
    }
    g_assert_true(rl_shared_fs_require_none(memory, "/dev/shm", NULL));
    g_assert_false(rl_shared_fs_is_private(memory));
    close(memory);
    GError *error = NULL;
    g_assert_false(rl_shared_fs_require_none(-1, "/gone", &error));
    take_errno(error, EBADF, "'/gone'");
    g_assert_false(rl_shared_fs_is_private(-1));
}

void
add_tests(void)
{
    g_test_add_func("/shared-fs/names", test_names);
    g_test_add_func("/shared-fs/unknown", test_unknown);
    lab_add("/shared-fs/exports", test_exports);
}
