/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access-note.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/base/boot.h"
#include "file-error.h"
#include "full-access.h"
#include "inode.h"
#include "readers.h"
#include "xattr.h"

/* Of a note, and of one for readers. */
#define PARTS 7
#define PARTS_FOR_READERS 8
#define FOR_READERS "read"

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
format(const RlFullAccess *full, const Circumstances *at)
{
    GString *out = g_string_new(NULL);

    g_string_printf(out, "0%o %u %u", (guint) full->access.mode, (guint) full->access.uid,
                    (guint) full->access.gid);
    if (full->list || at->inode)
        g_string_append_c(out, ' ');
    for (guint i = 0; full->list && i < full->list->len; i++)
        g_string_append_printf(out, "%02x", full->list->data[i]);
    if (at->inode)
        g_string_append_printf(out, "%s %s %s%s", full->list ? "" : "-", at->inode,
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
parse(const char *text, RlFullAccess *ret_full, Circumstances *ret_at)
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
         !parse_list(parts[3], &ret_full->list)))
        return false;
    if (says_all) {
        ret_at->inode = g_strconcat(parts[4], " ", parts[5], NULL);
        ret_at->boot = g_strdup(parts[count - 1]);
        ret_at->for_readers = for_readers;
    }
    ret_full->access = (RlAccess){(mode_t) mode, (uid_t) uid, (gid_t) gid};
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
note_counts(int dir, const char *name, const RlFullAccess *noted, const Circumstances *at,
            Note *ret_note, GError **error)
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
read_note(const Image *image, const char *text, RlFullAccess *ret_full, Note *ret_note,
          GError **error)
{
    g_auto(Circumstances) at = {0};

    *ret_note = NOTE_NONE;
    bool sane = text && parse(text, ret_full, &at);
    at.for_readers |= image->at_rest;
    if (sane && !note_counts(image->dir, image->name, ret_full, &at, ret_note, error))
        return false;
    if (*ret_note == NOTE_NONE)
        rl_full_access_clear(ret_full);
    return true;
}

static bool
get_note(int fd, bool at_rest, RlFullAccess *ret_full, Note *ret_note, GError **error)
{
    const Image image = {fd, "", at_rest};
    g_autofree char *text = NULL;

    return rl_xattr_get(fd, RL_ATTR_ACCESS, &text, error) &&
           read_note(&image, text, ret_full, ret_note, error);
}

/* *@ret_noted is false where there is no note, or none that counts. */
static bool
get_noted(int fd, RlFullAccess *ret_full, bool *ret_noted, GError **error)
{
    Note note;

    if (!get_note(fd, false, ret_full, &note, error))
        return false;
    *ret_noted = note != NOTE_NONE;
    return true;
}

/* What the file @fd has at rest: what is noted on it, else what it has. */
bool
rl_access_get_at_rest(int fd, RlFullAccess *ret_full, GError **error)
{
    g_auto(RlFullAccess) now = {0};
    mode_t bits = 0;
    bool noted;

    if (!get_noted(fd, ret_full, &noted, error))
        return false;
    if (noted)
        return true;
    /* Its owner may change between two looks, but a note comes before that. */
    if (!rl_full_access_get(fd, &now, &bits, error) || !get_noted(fd, ret_full, &noted, error))
        return false;
    if (!noted) {
        ret_full->access = now.access;
        ret_full->list = g_steal_pointer(&now.list);
    }
    return true;
}

/* A run's note stays where readers come, since it counts longer. */
static bool
note_access(int fd, bool for_readers, bool at_rest, GError **error)
{
    g_auto(Circumstances) at = {.for_readers = for_readers};
    g_auto(RlFullAccess) full = {0};
    mode_t bits = 0;
    Note note;

    if (!get_note(fd, at_rest, &full, &note, error))
        return false;
    if (note == NOTE_FITS && for_readers)
        return true;
    if ((note == NOTE_NONE && !rl_full_access_get(fd, &full, &bits, error)) ||
        !rl_inode_describe(fd, "", &at.inode, error) || !(at.boot = rl_boot_id(error)))
        return false;
    g_autofree char *text = format(&full, &at);
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
    g_auto(RlFullAccess) full = {0};

    if (!rl_xattr_get(fd, RL_ATTR_ACCESS, &noted, error))
        return false;
    if (!noted || !parse(noted, &full, &at))
        return note_access(fd, false, false, error);
    at.for_readers = false;
    g_autofree char *text = format(&full, &at);
    return rl_xattr_set(fd, RL_ATTR_ACCESS, text, error);
}

bool
rl_access_copy_note(int from, int to, GError **error)
{
    g_auto(Circumstances) at = {0};
    g_autofree char *noted = NULL;
    g_auto(RlFullAccess) full = {0};

    if (!rl_xattr_get(from, RL_ATTR_ACCESS, &noted, error))
        return false;
    if (!noted)
        return true;
    bool for_readers = parse(noted, &full, &at) && at.for_readers;
    return rl_access_copy(from, to, error) && note_access(to, for_readers, false, error);
}

bool
rl_access_put_back(int fd, GError **error)
{
    g_auto(RlFullAccess) full = {0}, now = {0};
    mode_t bits = 0;
    bool noted;

    if (!get_noted(fd, &full, &noted, error))
        return false;
    if (noted)
        return rl_full_access_set(fd, &full, error);
    /* A run that began before there were notes. */
    if (!rl_full_access_get(fd, &now, &bits, error))
        return false;
    now.access.mode = rl_access_mode_without_list(now.access.mode, now.list) & ~(mode_t) S_IWOTH;
    return rl_access_set(fd, &now.access, error);
}

bool
rl_access_noted(int dir, const char *name, RlAccess *ret_access)
{
    const Image image = {dir, name, false};
    g_autofree char *text = NULL;
    g_auto(RlFullAccess) full = {0};
    Note note;

    if (!rl_xattr_get_at(dir, name, RL_ATTR_ACCESS, &text, NULL) ||
        !read_note(&image, text, &full, &note, NULL) || note == NOTE_NONE)
        return false;
    *ret_access = full.access;
    ret_access->mode = rl_access_mode_without_list(full.access.mode, full.list);
    return true;
}

bool
rl_access_settle(int fd, bool keep, GError **error)
{
    g_auto(RlFullAccess) full = {0};
    bool noted;

    if (!get_noted(fd, &full, &noted, error) || (noted && !rl_full_access_set(fd, &full, error)))
        return false;
    return keep || rl_xattr_remove(fd, RL_ATTR_ACCESS, error);
}
