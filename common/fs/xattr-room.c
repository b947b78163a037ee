/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xattr-room.h"

#include <glib.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "common/base/log.h"
#include "file-error.h"
#include "xattr.h"

#define OWNERS "user."

/* An item is a leaf of the tree at most. */
#define ITEM_MAX (64 * 1024)

/* ext4 has room for one block of attributes in a file. Who owns an image while its domain runs can
 * fill that, and no mark of ours would fit. What he put there goes. */
static bool
make_room_in_block(int fd)
{
    g_autofree char *names = g_malloc(XATTR_LIST_MAX);
    bool made = false;

    /* Without a run, it is not he. */
    if (fgetxattr(fd, RL_ATTR_PREFIX RL_ATTR_RUN, NULL, 0) < 0)
        return false;
    ssize_t length = flistxattr(fd, names, XATTR_LIST_MAX);
    for (ssize_t at = 0; at < length; at += (ssize_t) strlen(names + at) + 1)
        if (g_str_has_prefix(names + at, OWNERS))
            made = fremovexattr(fd, names + at) == 0 || made;
    return made;
}

/* What btrfs finds an attribute by: fs/btrfs/ctree.h, btrfs_name_hash(). Only here: a CRC-32C with
 * another beginning, and not inverted. */
static uint32_t
btrfs_hash(const char *name)
{
    uint32_t crc = 0xfffffffe;

    for (; *name; name++) {
        crc ^= (uint8_t) *name;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
    }
    return crc;
}

/* Removes what @item, of @size bytes, has of the owner's. */
static bool
remove_of_item(int fd, const uint8_t *item, size_t size)
{
    struct btrfs_dir_item entry;
    bool made = false;

    while (size >= sizeof(entry)) {
        memcpy(&entry, item, sizeof(entry));
        size_t name_length = GUINT16_FROM_LE(entry.name_len);
        size_t length = sizeof(entry) + name_length + GUINT16_FROM_LE(entry.data_len);
        if (length > size)
            break;
        g_autofree char *name = g_strndup((const char *) item + sizeof(entry), name_length);
        if (g_str_has_prefix(name, OWNERS))
            made = fremovexattr(fd, name) == 0 || made;
        item += length;
        size -= length;
    }
    return made;
}

/* The names are taken from the tree: a file can have more attributes than flistxattr(2) lists. */
static bool
make_room_in_item(int fd, const char *name)
{
    g_autofree struct btrfs_ioctl_search_args_v2 *search = g_malloc0(sizeof(*search) + ITEM_MAX);
    struct btrfs_ioctl_search_header header;
    uint32_t hash = btrfs_hash(name);
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    search->buf_size = ITEM_MAX;
    search->key = (struct btrfs_ioctl_search_key){.min_objectid = st.st_ino,
                                                  .max_objectid = st.st_ino,
                                                  .min_offset = hash,
                                                  .max_offset = hash,
                                                  .max_transid = UINT64_MAX,
                                                  .min_type = BTRFS_XATTR_ITEM_KEY,
                                                  .max_type = BTRFS_XATTR_ITEM_KEY,
                                                  .nr_items = 1};
    if (ioctl(fd, BTRFS_IOC_TREE_SEARCH_V2, search) < 0 || search->key.nr_items == 0)
        return false;
    memcpy(&header, search->buf, sizeof(header));
    if (header.len > ITEM_MAX - sizeof(header))
        return false;
    return remove_of_item(fd, search->buf + sizeof(header), header.len);
}

bool
rl_xattr_make_room(int fd, const char *name)
{
    struct statfs fs;
    bool made = false;

    if (fstatfs(fd, &fs) < 0)
        return false;
    /* Where blocks are what is missing, it is not he. */
    if (fs.f_type == EXT4_SUPER_MAGIC && fs.f_bfree > 0)
        made = make_room_in_block(fd);
    if (fs.f_type == BTRFS_SUPER_MAGIC)
        made = make_room_in_item(fd, name);
    if (!made)
        return false;
    g_autofree char *label = rl_file_label(fd);
    rl_log_warning("%s had no room for an attribute of the pool: attributes user.* of this file "
                   "were removed",
                   label);
    return true;
}
