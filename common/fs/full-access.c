/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "full-access.h"

#include <errno.h>
#include <linux/limits.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/log.h"
#include "file-error.h"

#define LIST_NAME "system.posix_acl_access"
/* Five entries and a few users. What is longer is read all the same. */
#define LIST_USUAL 1024

void
rl_full_access_clear(RlFullAccess *full)
{
    g_clear_pointer(&full->list, g_byte_array_unref);
}

/* Of the file at @path, of @fd where that is NULL. */
static ssize_t
read_list(int fd, const char *path, void *buffer, size_t size)
{
    return path ? lgetxattr(path, LIST_NAME, buffer, size) : fgetxattr(fd, LIST_NAME, buffer, size);
}

/* *@ret_list is NULL where there is no list, also on a file system that knows none. */
bool
rl_access_list_get(int fd, const char *path, GByteArray **ret_list, GError **error)
{
    guint8 usual[LIST_USUAL];
    g_autofree guint8 *large = NULL;
    ssize_t length = read_list(fd, path, usual, sizeof(usual));

    if (length < 0 && errno == ERANGE) {
        large = g_malloc(XATTR_SIZE_MAX);
        length = read_list(fd, path, large, XATTR_SIZE_MAX);
    }
    if (length < 0 && errno != ENODATA && errno != EOPNOTSUPP)
        return rl_fail_file(error, errno, fd, "cannot read the access list of");
    *ret_list = NULL;
    if (length > 0)
        *ret_list = g_byte_array_append(g_byte_array_new(), large ? large : usual, (guint) length);
    return true;
}

bool
rl_access_lists_are_equal(const GByteArray *a, const GByteArray *b)
{
    if (!a || !b)
        return a == b;
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* The rights that the entry of @tag gives, as three bits; -1 where there is no such entry. */
static int
entry_rights(const GByteArray *list, int tag)
{
    struct posix_acl_xattr_entry entry;

    for (gsize at = sizeof(struct posix_acl_xattr_header); at + sizeof(entry) <= list->len;
         at += sizeof(entry)) {
        memcpy(&entry, list->data + at, sizeof(entry));
        if (GUINT16_FROM_LE(entry.e_tag) == tag)
            return GUINT16_FROM_LE(entry.e_perm) & 07;
    }
    return -1;
}

/* acl(5): with a mask the group's rights are those of its own entry that the mask has as well. */
mode_t
rl_access_mode_without_list(mode_t mode, const GByteArray *list)
{
    int group = list ? entry_rights(list, ACL_GROUP_OBJ) : -1;
    int mask = list ? entry_rights(list, ACL_MASK) : -1;

    mode &= 0777;
    if (group < 0 || mask < 0)
        return mode;
    return (mode & 0707) | ((mode_t) (group & mask) << 3);
}

bool
rl_full_access_get(int fd, RlFullAccess *ret_full, mode_t *ret_bits, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    if (!rl_access_list_get(fd, NULL, &ret_full->list, error))
        return false;
    ret_full->access = (RlAccess){st.st_mode & 0777, st.st_uid, st.st_gid};
    *ret_bits = st.st_mode & 07777;
    return true;
}

static bool
set_mode(int fd, mode_t mode, GError **error)
{
    return fchmod(fd, mode) == 0 || rl_fail_file(error, errno, fd, "cannot set the mode of");
}

/* The list goes first, and before that all rights but the owner's: without it the group would have
 * what was the mask. chown(2) takes mode bits away, so the mode comes after it. */
static bool
take_list_away(int fd, mode_t mode, GError **error)
{
    if (!set_mode(fd, mode & 0700, error))
        return false;
    return fremovexattr(fd, LIST_NAME) == 0 || errno == ENODATA ||
           rl_fail_file(error, errno, fd, "cannot remove the access list of");
}

static bool
give_list(int fd, const GByteArray *list, GError **error)
{
    return fsetxattr(fd, LIST_NAME, list->data, list->len, 0) == 0 ||
           rl_fail_file(error, errno, fd, "cannot set the access list of");
}

bool
rl_access_owner_fits(const RlAccess *now, const RlAccess *wanted)
{
    return (wanted->uid == (uid_t) -1 || wanted->uid == now->uid) &&
           (wanted->gid == (gid_t) -1 || wanted->gid == now->gid);
}

/* Until then the former owner may give it another list, after every look; *@ret_same says whether
 * it has the wanted one. */
static bool
take_over(int fd, const RlFullAccess *wanted, bool *ret_same, GError **error)
{
    const RlAccess *access = &wanted->access;
    g_autoptr(GByteArray) list = NULL;

    if (fchown(fd, access->uid, access->gid) < 0)
        return rl_fail_file(error, errno, fd, "cannot set the user and group of");
    if (!rl_access_list_get(fd, NULL, &list, error))
        return false;
    *ret_same = rl_access_lists_are_equal(list, wanted->list);
    return *ret_same || !list || take_list_away(fd, access->mode, error);
}

bool
rl_full_access_set(int fd, const RlFullAccess *wanted, GError **error)
{
    const RlAccess *access = &wanted->access;
    mode_t mode = access->mode & 0777, bits = 0;
    g_auto(RlFullAccess) now = {0};

    if (!rl_full_access_get(fd, &now, &bits, error))
        return false;
    bool same_list = rl_access_lists_are_equal(now.list, wanted->list);
    bool owned = rl_access_owner_fits(&now.access, access);
    if (same_list && owned && bits == mode)
        return true;
    if (now.list && !same_list && !take_list_away(fd, mode, error)) {
        /* A full file system keeps the list. Another owner needs no space, and the former one gives
         * no more rights away then. */
        if (!owned && fchown(fd, access->uid, access->gid) < 0)
            rl_log_warning("cannot set the owner of an image either: %s", g_strerror(errno));
        return false;
    }
    if (!owned && !take_over(fd, wanted, &same_list, error))
        return false;
    /* The list brings the right mode with it; until then its mask is in nobody's favour. */
    bool give = wanted->list && !same_list;
    return set_mode(fd, give ? mode & 0700 : mode, error) &&
           (!give || give_list(fd, wanted->list, error));
}
