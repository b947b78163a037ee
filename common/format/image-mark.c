/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-mark.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/boot.h"
#include "common/fs/xattr.h"
#include "image-owner.h"

/* libvirt makes the two calls one right after the other; in between is the start of a process. */
#define ANNOUNCEMENT_SECONDS 30

static const char *const words[] = {
    [RL_MARK_SAVED] = "saved",
    [RL_MARK_SUSPECT] = "suspect",
    [RL_MARK_RESTORED] = "restored",
    [RL_MARK_KEPT] = "kept",
    [RL_MARK_KEPT_READONLY] = "kept-readonly",
};

/* To versions that do not know it, it is suspect like any word that they do not know. */
#define SUSPECT_OF_JOB "suspect-job"

/* Takes away what only means something together with a mark. */
static bool
forget_save(int fd, GError **error)
{
    return rl_mark_forget_file(fd, error) && rl_xattr_remove(fd, RL_ATTR_RESTORE, error);
}

static bool
set(int fd, RlMark hold, const char *word, GError **error)
{
    /* What belongs to a save means nothing any more, unless a restore is to fail. A write error is
     * noted first of all: without the rest that is noted, too. */
    bool noted = hold == RL_MARK_SUSPECT && rl_xattr_set(fd, RL_ATTR_HOLD, word, NULL);
    if (hold != RL_MARK_SAVED && hold != RL_MARK_RESTORED && !forget_save(fd, error))
        return false;
    return noted || rl_xattr_set(fd, RL_ATTR_HOLD, word, error);
}

bool
rl_mark_set(int fd, RlMark hold, GError **error)
{
    return set(fd, hold, words[hold], error);
}

bool
rl_mark_set_suspect_of_job(int fd, GError **error)
{
    return set(fd, RL_MARK_SUSPECT, SUSPECT_OF_JOB, error);
}

bool
rl_mark_is_suspect_of_job(int fd)
{
    g_autofree char *word = NULL;

    return rl_xattr_get(fd, RL_ATTR_HOLD, &word, NULL) && g_strcmp0(word, SUSPECT_OF_JOB) == 0;
}

bool
rl_mark_get(int fd, RlMark *ret_hold, GError **error)
{
    return rl_mark_get_of(fd, false, ret_hold, error);
}

bool
rl_mark_get_of(int fd, bool ours, RlMark *ret_hold, GError **error)
{
    g_autofree char *word = NULL;

    if (!rl_xattr_get(fd, RL_ATTR_HOLD, &word, error) ||
        (!word && !ours && !rl_xattr_has_any(fd, &ours, error)))
        return false;
    if (!word && !ours) {
        *ret_hold = RL_MARK_FOREIGN;
        return true;
    }
    *ret_hold =
        word ? RL_MARK_SUSPECT : RL_MARK_NONE; /* the careful reading of what we do not know */
    for (size_t i = RL_MARK_SAVED; word && i < G_N_ELEMENTS(words); i++)
        if (strcmp(word, words[i]) == 0)
            *ret_hold = (RlMark) i;
    return true;
}

bool
rl_mark_is_kept(RlMark hold)
{
    return hold == RL_MARK_KEPT || hold == RL_MARK_KEPT_READONLY;
}

bool
rl_mark_only_read(RlMark hold, const RlImageOwner *run)
{
    return run ? run->readonly : hold == RL_MARK_KEPT_READONLY;
}

RlMark
rl_mark_to_keep(RlMark hold, const RlImageOwner *run)
{
    return rl_mark_only_read(hold, run) ? RL_MARK_KEPT_READONLY : RL_MARK_KEPT;
}

bool
rl_mark_clear(int fd, GError **error)
{
    /* The mark goes last: as long as it is there, nothing has changed for anybody. */
    static const char *const keys[] = {RL_ATTR_RESTORE, RL_ATTR_KEPT_OF, RL_ATTR_LET_GO,
                                       RL_ATTR_HOLD};

    return rl_xattr_remove_all(fd, keys, G_N_ELEMENTS(keys), error);
}

bool
rl_mark_note_kept_of(int fd, const RlDomainRef *owner, GError **error)
{
    g_autofree char *text = g_strdup_printf("%s %s", owner->uuid, owner->name);

    return rl_xattr_set(fd, RL_ATTR_KEPT_OF, text, error);
}

bool
rl_mark_forget_kept_of(int fd, GError **error)
{
    return rl_xattr_remove(fd, RL_ATTR_KEPT_OF, error);
}

bool
rl_mark_find_other_kept_of(int fd, const RlDomainRef *owner, char **ret_name, GError **error)
{
    g_autofree char *text = NULL;

    *ret_name = NULL;
    if (!rl_xattr_get(fd, RL_ATTR_KEPT_OF, &text, error))
        return false;
    g_auto(GStrv) words = text ? g_strsplit(text, " ", 2) : NULL;
    if (words && g_strcmp0(words[0], owner->uuid) != 0)
        *ret_name = g_strdup(words[0] && words[1] ? words[1] : "?");
    return true;
}

/* Which directory the file @path is in, owned by the caller: its inode number, and behind a space
 * when it was born, where the file system tells: the topmost directories of two file systems have
 * the same number, and a device's number is another one after a boot. NULL where it cannot be told.
 */
static char *
directory_of(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    struct statx st;

    if (statx(AT_FDCWD, dir, AT_NO_AUTOMOUNT, STATX_INO | STATX_BTIME, &st) < 0)
        return NULL;
    if (!(st.stx_mask & STATX_BTIME))
        return g_strdup_printf("%" G_GUINT64_FORMAT, (guint64) st.stx_ino);
    return g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT ".%09u", (guint64) st.stx_ino,
                           (gint64) st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
}

/* @noted is "0" where it could not be told. Earlier versions noted the inode number alone. */
static bool
is_directory(const char *now, const char *noted)
{
    if (!noted || strcmp(noted, "0") == 0 || strcmp(now, noted) == 0)
        return true;
    size_t number = strlen(noted);
    return !strchr(noted, ' ') && strncmp(now, noted, number) == 0 && now[number] == ' ';
}

bool
rl_mark_set_file(int fd, const char *path, GError **error)
{
    g_autofree char *dir = directory_of(path);

    return rl_xattr_set(fd, RL_ATTR_SAVE_DIR, dir ? dir : "0", error) &&
           rl_xattr_set(fd, RL_ATTR_SAVE_FILE, path, error);
}

bool
rl_mark_forget_file(int fd, GError **error)
{
    return rl_xattr_remove(fd, RL_ATTR_SAVE_FILE, error) &&
           rl_xattr_remove(fd, RL_ATTR_SAVE_DIR, error);
}

bool
rl_mark_file_is_gone(int fd)
{
    g_autofree char *path = NULL, *noted = NULL;
    struct stat st;

    if (!rl_xattr_get(fd, RL_ATTR_SAVE_FILE, &path, NULL) || !path || stat(path, &st) == 0 ||
        errno != ENOENT || !rl_xattr_get(fd, RL_ATTR_SAVE_DIR, &noted, NULL))
        return false;
    /* It may be on a file system that is not mounted now. */
    g_autofree char *now = directory_of(path);
    return now && is_directory(now, noted);
}

bool
rl_mark_announce_restore(int fd, GError **error)
{
    g_autofree char *boot = rl_boot_id(error);
    g_autofree char *text =
        boot ? g_strdup_printf("%s %" G_GINT64_FORMAT, boot, rl_boot_clock_us()) : NULL;

    g_autoptr(RlImageOwner) run = NULL;

    /* A restore that is refused leaves a leftover as it was. */
    return text && rl_image_owner_get(fd, &run, error) &&
           rl_image_owner_expect_change(fd, run, error) &&
           rl_xattr_set(fd, RL_ATTR_RESTORE, text, error);
}

bool
rl_mark_restore_is_announced(int fd)
{
    g_autofree char *text = NULL, *boot = rl_boot_id(NULL);

    if (!boot || !rl_xattr_get(fd, RL_ATTR_RESTORE, &text, NULL) || !text)
        return false;
    g_auto(GStrv) parts = g_strsplit(text, " ", 2);
    return g_strv_length(parts) == 2 &&
           rl_boot_was_within(ANNOUNCEMENT_SECONDS, parts[0], g_ascii_strtoll(parts[1], NULL, 10));
}
