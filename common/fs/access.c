/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/boot.h"
#include "common/base/log.h"
#include "file-error.h"
#include "inode.h"
#include "readers.h"
#include "xattr.h"

#define LIST_NAME "system.posix_acl_access"
#define LABELS "trusted.libvirt.security."
/* Five entries and a few users; our attributes and libvirt's. What is longer is read all the same.
 */
#define LIST_USUAL 1024
/* Of a note, and of one for readers. */
#define PARTS 7
#define PARTS_FOR_READERS 8
#define FOR_READERS "read"

/* Everything that rl_access_copy() gives. */
typedef struct {
    RlAccess access;
    GByteArray *list; /* the access list as the kernel has it, NULL where there is none */
} Whole;

static void
whole_clear(Whole *whole)
{
    g_clear_pointer(&whole->list, g_byte_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Whole, whole_clear)

/* Of the file at @path, of @fd where that is NULL. */
static ssize_t
read_list(int fd, const char *path, void *buffer, size_t size)
{
    return path ? lgetxattr(path, LIST_NAME, buffer, size) : fgetxattr(fd, LIST_NAME, buffer, size);
}

/* *@ret_list is NULL where there is no list, also on a file system that knows none. */
static bool
get_list(int fd, const char *path, GByteArray **ret_list, GError **error)
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

static bool
lists_are_equal(const GByteArray *a, const GByteArray *b)
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
static mode_t
mode_without_list(mode_t mode, const GByteArray *list)
{
    int group = list ? entry_rights(list, ACL_GROUP_OBJ) : -1;
    int mask = list ? entry_rights(list, ACL_MASK) : -1;

    mode &= 0777;
    if (group < 0 || mask < 0)
        return mode;
    return (mode & 0707) | ((mode_t) (group & mask) << 3);
}

static bool
get_whole(int fd, Whole *ret_whole, mode_t *ret_bits, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    if (!get_list(fd, NULL, &ret_whole->list, error))
        return false;
    ret_whole->access = (RlAccess){st.st_mode & 0777, st.st_uid, st.st_gid};
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

static bool
is_owned(const RlAccess *now, const RlAccess *wanted)
{
    return (wanted->uid == (uid_t) -1 || wanted->uid == now->uid) &&
           (wanted->gid == (gid_t) -1 || wanted->gid == now->gid);
}

/* Until then the former owner may give it another list, after every look; *@ret_same says whether
 * it has the wanted one. */
static bool
take_over(int fd, const Whole *wanted, bool *ret_same, GError **error)
{
    const RlAccess *access = &wanted->access;
    g_autoptr(GByteArray) list = NULL;

    if (fchown(fd, access->uid, access->gid) < 0)
        return rl_fail_file(error, errno, fd, "cannot set the owner of");
    if (!get_list(fd, NULL, &list, error))
        return false;
    *ret_same = lists_are_equal(list, wanted->list);
    return *ret_same || !list || take_list_away(fd, access->mode, error);
}

static bool
set_whole(int fd, const Whole *wanted, GError **error)
{
    const RlAccess *access = &wanted->access;
    mode_t mode = access->mode & 0777, bits = 0;
    g_auto(Whole) now = {0};

    if (!get_whole(fd, &now, &bits, error))
        return false;
    bool same_list = lists_are_equal(now.list, wanted->list);
    bool owned = is_owned(&now.access, access);
    if (same_list && owned && bits == mode)
        return true;
    if (now.list && !same_list && !take_list_away(fd, mode, error))
        return false;
    if (!owned && !take_over(fd, wanted, &same_list, error))
        return false;
    /* The list brings the right mode with it; until then its mask is in nobody's favour. */
    bool give = wanted->list && !same_list;
    return set_mode(fd, give ? mode & 0700 : mode, error) &&
           (!give || give_list(fd, wanted->list, error));
}

bool
rl_access_set(int fd, const RlAccess *access, GError **error)
{
    const Whole wanted = {.access = *access};

    return set_whole(fd, &wanted, error);
}

/* On what, when and for what an access is noted. */
typedef struct {
    char *inode, *boot;
    bool for_readers;
} Circumstances;

static void
circumstances_clear(Circumstances *at)
{
    g_clear_pointer(&at->inode, g_free);
    g_clear_pointer(&at->boot, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Circumstances, circumstances_clear)

/* "MODE OWNER GROUP LIST INODE BIRTH [read] BOOT", the mode in octal digits, the list in
 * hexadecimal ones or "-". Where the inode cannot be named, and in notes of before, it ends with
 * the list, which is left out where there is none. */
static char *
format(const Whole *whole, const Circumstances *at)
{
    GString *out = g_string_new(NULL);

    g_string_printf(out, "0%o %u %u", (guint) whole->access.mode, (guint) whole->access.uid,
                    (guint) whole->access.gid);
    if (whole->list || at->inode)
        g_string_append_c(out, ' ');
    for (guint i = 0; whole->list && i < whole->list->len; i++)
        g_string_append_printf(out, "%02x", whole->list->data[i]);
    if (at->inode)
        g_string_append_printf(out, "%s %s %s%s", whole->list ? "" : "-", at->inode,
                               at->for_readers ? FOR_READERS " " : "", at->boot);
    return g_string_free(out, FALSE);
}

static bool
parse_number(const char *text, guint base, guint64 most, guint64 *ret_number)
{
    return g_ascii_string_to_unsigned(text, base, 0, most, ret_number, NULL);
}

static bool
parse_list(const char *digits, GByteArray **ret_list)
{
    g_autoptr(GByteArray) list = g_byte_array_new();

    for (; digits[0] && digits[1]; digits += 2) {
        int high = g_ascii_xdigit_value(digits[0]), low = g_ascii_xdigit_value(digits[1]);
        if (high < 0 || low < 0)
            return false;
        guint8 byte = (guint8) (high << 4 | low);
        g_byte_array_append(list, &byte, 1);
    }
    if (digits[0])
        return false;
    *ret_list = g_steal_pointer(&list);
    return true;
}

/* @ret_at is zeroes where it does not say that. */
static bool
parse(const char *text, Whole *ret_whole, Circumstances *ret_at)
{
    g_auto(GStrv) parts = g_strsplit(text, " ", PARTS_FOR_READERS + 1);
    guint count = g_strv_length(parts);
    bool for_readers = count == PARTS_FOR_READERS && strcmp(parts[6], FOR_READERS) == 0;
    bool says_all = count == PARTS || for_readers;
    guint64 mode, uid, gid;

    if ((count != 3 && count != 4 && !says_all) || !parse_number(parts[0], 8, 0777, &mode) ||
        !parse_number(parts[1], 10, G_MAXUINT32 - 1, &uid) ||
        !parse_number(parts[2], 10, G_MAXUINT32 - 1, &gid) ||
        (count > 3 && !(says_all && strcmp(parts[3], "-") == 0) &&
         !parse_list(parts[3], &ret_whole->list)))
        return false;
    if (says_all) {
        ret_at->inode = g_strconcat(parts[4], " ", parts[5], NULL);
        ret_at->boot = g_strdup(parts[count - 1]);
        ret_at->for_readers = for_readers;
    }
    ret_whole->access = (RlAccess){(mode_t) mode, (uid_t) uid, (gid_t) gid};
    return true;
}

typedef enum {
    NOTE_NONE,    /* none, or none that counts */
    NOTE_EARLIER, /* of readers or runs that are not known any more; it counts as yet */
    NOTE_FITS,
} Note;

/* Of readers nothing is known after a boot, or where the list of them was lost, nor on a copy of
 * the image, which has the note as well: then no device model was made its owner since. Whoever is
 * its owner by then and was not before is a device model that had it, else the administrator has
 * set its access since. Root is no device model. */
static bool
note_counts(int dir, const char *name, const Whole *noted, const Circumstances *at, Note *ret_note,
            GError **error)
{
    g_autofree char *here = NULL, *now = NULL;
    struct stat st;

    *ret_note = NOTE_NONE;
    if (at->inode && !rl_inode_describe(dir, name, &here, error))
        return false;
    if (at->boot && !(now = rl_boot_id(error)))
        return false;
    if (fstatat(dir, name, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
        return rl_fail_file_at(error, errno, dir, name, "cannot examine");
    if (g_strcmp0(at->inode, here) == 0 && at->boot && strcmp(at->boot, now) == 0 &&
        (!at->for_readers || rl_readers_are_noted(st.st_dev, st.st_ino)))
        *ret_note = NOTE_FITS;
    else if (st.st_uid != 0 && st.st_uid != noted->access.uid)
        *ret_note = NOTE_EARLIER;
    return true;
}

typedef struct {
    int dir;
    const char *name; /* "" for @dir itself */
    bool at_rest;     /* it is known that no run is on it */
} Image;

/* What @text, noted on @image, says. At rest a note for a run is of a start that was cut off, and
 * counts as one for readers. */
static bool
read_note(const Image *image, const char *text, Whole *ret_whole, Note *ret_note, GError **error)
{
    g_auto(Circumstances) at = {0};

    *ret_note = NOTE_NONE;
    bool sane = text && parse(text, ret_whole, &at);
    at.for_readers |= image->at_rest;
    if (sane && !note_counts(image->dir, image->name, ret_whole, &at, ret_note, error))
        return false;
    if (*ret_note == NOTE_NONE)
        whole_clear(ret_whole);
    return true;
}

static bool
get_note(int fd, bool at_rest, Whole *ret_whole, Note *ret_note, GError **error)
{
    const Image image = {fd, "", at_rest};
    g_autofree char *text = NULL;

    return rl_xattr_get(fd, RL_ATTR_ACCESS, &text, error) &&
           read_note(&image, text, ret_whole, ret_note, error);
}

/* *@ret_noted is false where there is no note, or none that counts. */
static bool
get_noted(int fd, Whole *ret_whole, bool *ret_noted, GError **error)
{
    Note note;

    if (!get_note(fd, false, ret_whole, &note, error))
        return false;
    *ret_noted = note != NOTE_NONE;
    return true;
}

/* What the file @fd has at rest: what is noted on it, else what it has. */
static bool
get_at_rest(int fd, Whole *ret_whole, GError **error)
{
    g_auto(Whole) now = {0};
    mode_t bits = 0;
    bool noted;

    if (!get_noted(fd, ret_whole, &noted, error))
        return false;
    if (noted)
        return true;
    /* Its owner may change between two looks, but a note comes before that. */
    if (!get_whole(fd, &now, &bits, error) || !get_noted(fd, ret_whole, &noted, error))
        return false;
    if (!noted) {
        ret_whole->access = now.access;
        ret_whole->list = g_steal_pointer(&now.list);
    }
    return true;
}

bool
rl_access_copy(int from, int to, GError **error)
{
    g_auto(Whole) wanted = {0};

    return get_at_rest(from, &wanted, error) && set_whole(to, &wanted, error);
}

bool
rl_access_is_same(int from, int to)
{
    g_auto(Whole) a = {0}, b = {0};
    mode_t bits = 0;

    return get_at_rest(from, &a, NULL) && get_whole(to, &b, &bits, NULL) &&
           is_owned(&a.access, &b.access) && a.access.mode == bits &&
           lists_are_equal(a.list, b.list);
}

/* A run's note stays where readers come, since it counts longer. */
static bool
note_access(int fd, bool for_readers, bool at_rest, GError **error)
{
    g_auto(Circumstances) at = {.for_readers = for_readers};
    g_auto(Whole) whole = {0};
    mode_t bits = 0;
    Note note;

    if (!get_note(fd, at_rest, &whole, &note, error))
        return false;
    if (note == NOTE_FITS && for_readers)
        return true;
    if ((note == NOTE_NONE && !get_whole(fd, &whole, &bits, error)) ||
        !rl_inode_describe(fd, "", &at.inode, error) || !(at.boot = rl_boot_id(error)))
        return false;
    g_autofree char *text = format(&whole, &at);
    return rl_xattr_set(fd, RL_ATTR_ACCESS, text, error);
}

bool
rl_access_note(int fd, GError **error)
{
    return note_access(fd, false, false, error);
}

bool
rl_access_note_for_readers(int fd, bool at_rest, GError **error)
{
    return note_access(fd, true, at_rest, error);
}

bool
rl_access_note_lasts(int fd, GError **error)
{
    g_auto(Circumstances) at = {0};
    g_autofree char *noted = NULL;
    g_auto(Whole) whole = {0};

    if (!rl_xattr_get(fd, RL_ATTR_ACCESS, &noted, error))
        return false;
    if (!noted || !parse(noted, &whole, &at))
        return note_access(fd, false, false, error);
    at.for_readers = false;
    g_autofree char *text = format(&whole, &at);
    return rl_xattr_set(fd, RL_ATTR_ACCESS, text, error);
}

bool
rl_access_copy_note(int from, int to, GError **error)
{
    g_auto(Circumstances) at = {0};
    g_autofree char *noted = NULL;
    g_auto(Whole) whole = {0};

    if (!rl_xattr_get(from, RL_ATTR_ACCESS, &noted, error))
        return false;
    if (!noted)
        return true;
    bool for_readers = parse(noted, &whole, &at) && at.for_readers;
    return rl_access_copy(from, to, error) && note_access(to, for_readers, false, error);
}

bool
rl_access_put_back(int fd, GError **error)
{
    g_auto(Whole) whole = {0}, now = {0};
    mode_t bits = 0;
    bool noted;

    if (!get_noted(fd, &whole, &noted, error))
        return false;
    if (noted)
        return set_whole(fd, &whole, error);
    /* A run that began before there were notes. */
    if (!get_whole(fd, &now, &bits, error))
        return false;
    now.access.mode = mode_without_list(now.access.mode, now.list) & ~(mode_t) S_IWOTH;
    return rl_access_set(fd, &now.access, error);
}

bool
rl_access_noted(int dir, const char *name, RlAccess *ret_access)
{
    const Image image = {dir, name, false};
    g_autofree char *text = NULL;
    g_auto(Whole) whole = {0};
    Note note;

    if (!rl_xattr_get_at(dir, name, RL_ATTR_ACCESS, &text, NULL) ||
        !read_note(&image, text, &whole, &note, NULL) || note == NOTE_NONE)
        return false;
    *ret_access = whole.access;
    ret_access->mode = mode_without_list(whole.access.mode, whole.list);
    return true;
}

void
rl_access_of(int dir, const char *name, const struct stat *st, RlAccess *ret_access)
{
    g_autoptr(GByteArray) list = NULL;
    mode_t mode = st->st_mode & 0777;

    /* No device model is root: most images need no look. */
    if (st->st_uid != 0 && rl_access_noted(dir, name, ret_access))
        return;
    /* Without rights there is nothing that a list could give. There is no getxattrat(2) before
     * Linux 6.13. */
    if (mode & 0070) {
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", dir, name);
        if (get_list(-1, path, &list, NULL))
            mode = mode_without_list(mode, list);
    }
    *ret_access = (RlAccess){mode, st->st_uid, st->st_gid};
}

bool
rl_access_settle(int fd, bool keep, GError **error)
{
    g_auto(Whole) whole = {0};
    bool noted;

    if (!get_noted(fd, &whole, &noted, error) || (noted && !set_whole(fd, &whole, error)))
        return false;
    return keep || rl_xattr_remove(fd, RL_ATTR_ACCESS, error);
}

static void
forget(int fd, const char *name)
{
    if (fremovexattr(fd, name) == 0 || errno == ENODATA)
        return;
    g_autofree char *label = rl_file_label(fd);
    rl_log_warning("cannot remove libvirt's attribute '%s' of %s: %s", name, label,
                   g_strerror(errno));
}

/* The owner of an image can give it more attributes than flistxattr(2) lists. These are what
 * libvirt's drivers write (libvirt, src/security/security_util.c, as of 9.0). */
static void
forget_known(int fd)
{
    static const char *const drivers[] = {"dac", "selinux", "apparmor"};
    static const char *const parts[] = {"", "ref_", "timestamp_"};

    for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++)
        for (size_t j = 0; j < G_N_ELEMENTS(parts); j++) {
            g_autofree char *name = g_strconcat(LABELS, parts[j], drivers[i], NULL);
            forget(fd, name);
        }
}

static void
forget_listed(int fd, const char *names, size_t length)
{
    for (const char *name = names; name < names + length; name += strlen(name) + 1)
        if (g_str_has_prefix(name, LABELS))
            forget(fd, name);
}

void
rl_access_forget_labels(int fd)
{
    char names[LIST_USUAL];
    ssize_t length = flistxattr(fd, names, sizeof(names));

    if (length < 0)
        forget_known(fd);
    else
        forget_listed(fd, names, (size_t) length);
}
