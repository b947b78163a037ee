/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What the owner of an image put in the way of the pool's attributes goes, and nothing else. */
#include "common/fs/xattr-room.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#define NAME RL_ATTR_PREFIX "k"
#define TRUSTED "trusted.other"

static int
new_file(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "f");

    make_file(path, "x");
    return open(path, O_RDWR | O_CLOEXEC);
}

static void
put(int fd, const char *name)
{
    g_assert_cmpint(fsetxattr(fd, name, "1", 1, 0), ==, 0);
}

static bool
has(int fd, const char *name)
{
    return fgetxattr(fd, name, NULL, 0) >= 0;
}

/* On ext4, all of the owner's while there is a run, since only then is it he who fills the block.
 */
static void
test_block(Lab *lab)
{
    rl_autofd int fd = new_file(lab);

    put(fd, "user.a");
    put(fd, "user.b");
    put(fd, TRUSTED);
    g_assert_false(rl_xattr_make_room(fd, NAME));
    g_assert_true(has(fd, "user.a") && has(fd, "user.b"));
    put(fd, RL_ATTR_PREFIX RL_ATTR_RUN);
    g_assert_true(rl_xattr_make_room(fd, NAME));
    g_assert_false(has(fd, "user.a") || has(fd, "user.b"));
    g_assert_true(has(fd, TRUSTED) && has(fd, RL_ATTR_PREFIX RL_ATTR_RUN));
    g_assert_false(rl_xattr_make_room(fd, NAME));
}

/* One byte less of what a CRC-32C has gone through. */
static guint32
byte_back(guint32 crc)
{
    for (int bit = 0; bit < 8; bit++)
        crc = crc & 0x80000000 ? ((crc ^ 0x82f63b78) << 1) | 1 : crc << 1;
    return crc;
}

static guint32
hash(const char *name)
{
    guint32 crc = 0xfffffffe;

    for (; *name; name++) {
        crc ^= (guint8) *name;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
    }
    return crc;
}

/* A name that begins with @prefix, and that btrfs finds where it finds NAME: it puts both into one
 * item. Owned by the caller. */
static char *
same_hash(const char *prefix)
{
    guint32 wanted = hash(NAME);

    for (int i = 0; i < 4; i++)
        wanted = byte_back(wanted);
    for (guint i = 0;; i++) {
        g_autofree char *begin = g_strdup_printf("%s%u", prefix, i);
        const guint32 end = GUINT32_TO_LE(wanted ^ hash(begin));
        char bytes[5] = "";
        memcpy(bytes, &end, 4);
        if (strlen(bytes) == 4)
            return g_strconcat(begin, bytes, NULL);
    }
}

/* On btrfs, what is in the item of the name. */
static void
test_item(Lab *lab)
{
    rl_autofd int fd = new_file(lab);
    g_autofree char *users = same_hash("user."), *trusted = same_hash("trusted.");

    put(fd, "user.a");
    g_assert_false(rl_xattr_make_room(fd, NAME)); /* there is no such item */
    put(fd, trusted);
    g_assert_false(rl_xattr_make_room(fd, NAME)); /* nothing of the owner's is in it */
    put(fd, users);
    g_assert_true(rl_xattr_make_room(fd, NAME));
    g_assert_false(has(fd, users));
    g_assert_true(has(fd, trusted) && has(fd, "user.a"));
}

static bool
makes_room(Lab *lab, GError **error)
{
    g_autofree char *path = lab_path(lab, "f");
    rl_autofd int fd = open(path, O_RDWR | O_CLOEXEC);

    (void) error;
    return rl_xattr_make_room(fd, NAME);
}

/* Where a look fails, or a removal, all stays. */
static void
test_no_look(Lab *lab)
{
    static const long calls[] = {SYS_fstatfs, SYS_ioctl, SYS_newfstatat, SYS_flistxattr,
                                 SYS_fremovexattr};
    g_autofree char *users = same_hash("user.");
    rl_autofd int fd = new_file(lab);

    put(fd, users);
    put(fd, RL_ATTR_PREFIX RL_ATTR_RUN);
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        Disturbance all = {.nr = calls[i], .first = 1, .code = EIO};
        if (calls[i] == SYS_newfstatat)
            all.also = SYS_fstat;
        bool made = disturb(lab, &all, makes_room, NULL);
        if (all.made > 0) {
            g_assert_false(made);
            g_assert_true(has(fd, users));
        } else if (made) {
            put(fd, users);
        }
    }
    g_assert_true(makes_room(lab, NULL));
    g_assert_false(has(fd, users));
}

/* XFS has room for all: nothing is in the way. */
static void
test_no_limit(Lab *lab)
{
    rl_autofd int fd = new_file(lab);

    put(fd, "user.a");
    put(fd, RL_ATTR_PREFIX RL_ATTR_RUN);
    g_assert_false(rl_xattr_make_room(fd, NAME));
    g_assert_false(rl_xattr_make_room(-1, NAME));
    g_assert_true(has(fd, "user.a"));
}

void
add_tests(void)
{
    lab_add_on("/xattr-room/block", "ext4", test_block);
    lab_add_on("/xattr-room/item", "btrfs", test_item);
    lab_add_on("/xattr-room/no-look", "btrfs ext4", test_no_look);
    lab_add_on("/xattr-room/no-limit", "xfs", test_no_limit);
}
