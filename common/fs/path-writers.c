/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "path-writers.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/autofd.h"

/* As many as the kernel follows (path_resolution(7)). */
#define LINKS_MAX 40
#define GROUPS_MAX 1024

typedef struct {
    const RlWriter *writer;
    int dir;    /* the directory that the walk has come to */
    char *rest; /* of the path */
    int links;
    GHashTable *who; /* where all are asked for, not one: see note_writers() */
    bool only_links; /* nothing matters but who can have put a link there */
    bool missing;    /* the walk has come to a name that is not there */
} Walk;

static void
walk_clear(Walk *walk)
{
    if (walk->dir >= 0)
        close(walk->dir);
    g_free(walk->rest);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Walk, walk_clear)

static bool
has_access_list(int dir)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", dir);

    return getxattr(self, "system.posix_acl_access", NULL, 0) > 0;
}

static bool
may_write(const RlWriter *writer, int dir, const struct stat *st)
{
    if (writer->anyone)
        return st->st_uid != 0 || (st->st_mode & (S_IWGRP | S_IWOTH)) != 0;
    if (st->st_uid == writer->uid || (st->st_mode & S_IWOTH) != 0)
        return true;
    if (!(st->st_mode & S_IWGRP))
        return false;
    for (guint i = 0; writer->gids && i < writer->gids->len; i++)
        if (g_array_index(writer->gids, gid_t, i) == st->st_gid)
            return true;
    return has_access_list(dir);
}

/* Can the entry of the directory be another one at once? @entry is NULL where there is none. */
static bool
may_replace(const Walk *walk, const struct stat *st, const struct stat *entry)
{
    const RlWriter *writer = walk->writer;

    if (!may_write(writer, walk->dir, st))
        return false;
    bool owns = writer->anyone ? st->st_uid != 0 : st->st_uid == writer->uid;
    if (owns || !entry || !(st->st_mode & S_ISVTX))
        return true;
    return writer->anyone ? entry->st_uid != 0 : entry->st_uid == writer->uid;
}

/* Adds who can make the entry of the directory another one: "u" and a user, "g" and a group, or "*"
 * for any user. An access list may name any. */
static void
note_writers(const Walk *walk, const struct stat *st, const struct stat *entry)
{
    bool sticky = entry && (st->st_mode & S_ISVTX);

    if (st->st_uid != 0)
        g_hash_table_add(walk->who, g_strdup_printf("u%u", (unsigned) st->st_uid));
    if (!(st->st_mode & (S_IWGRP | S_IWOTH)))
        return;
    if (sticky && entry->st_uid != 0)
        g_hash_table_add(walk->who, g_strdup_printf("u%u", (unsigned) entry->st_uid));
    if (sticky)
        return;
    if ((st->st_mode & S_IWOTH) || has_access_list(walk->dir))
        g_hash_table_add(walk->who, g_strdup("*"));
    else
        g_hash_table_add(walk->who, g_strdup_printf("g%u", (unsigned) st->st_gid));
}

/* Takes the next name from the rest; owned by the caller, NULL where there is none. */
static char *
take_name(Walk *walk)
{
    const char *begin = walk->rest + strspn(walk->rest, "/");
    size_t length = strcspn(begin, "/");

    if (length == 0)
        return NULL;
    char *name = g_strndup(begin, length), *rest = g_strdup(begin + length);
    g_free(walk->rest);
    walk->rest = rest;
    return name;
}

/* Goes on at what the link @link in the directory says. */
static bool
follow(Walk *walk, int link)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(link, "", target, sizeof(target));

    if (++walk->links > LINKS_MAX || length <= 0 || length == (ssize_t) sizeof(target))
        return false;
    char *rest = g_strdup_printf("%.*s/%s", (int) length, target, walk->rest);
    g_free(walk->rest);
    walk->rest = rest;
    if (target[0] != '/')
        return true;
    close(walk->dir);
    walk->dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return walk->dir >= 0;
}

/* One name on. True if it can be changed, and in *@ret_end if the walk is over. */
static bool
step(Walk *walk, const char *name, bool *ret_end)
{
    rl_autofd int fd = openat(walk->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    bool missing = fd < 0 && errno == ENOENT;
    struct stat st, entry;

    *ret_end = true;
    if (fstat(walk->dir, &st) < 0 || (fd < 0 ? !missing : fstat(fd, &entry) < 0))
        return true;
    /* The way up is nobody's to change but by moving the directory: that was looked at. */
    walk->missing = missing;
    bool named = strcmp(name, "..") != 0 && strcmp(name, ".") != 0 &&
                 !(walk->only_links && (missing || !S_ISLNK(entry.st_mode)));
    if (named && walk->who)
        note_writers(walk, &st, missing ? NULL : &entry);
    else if (named && may_replace(walk, &st, missing ? NULL : &entry))
        return true;
    if (missing)
        return false;
    *ret_end = false;
    if (S_ISLNK(entry.st_mode))
        return !follow(walk, fd);
    close(walk->dir);
    walk->dir = rl_fd_steal(&fd);
    return false;
}

/* To the end of @path. True if it can be changed, or cannot be followed. */
static bool
go(Walk *walk, const char *path)
{
    bool changed = path[0] != '/', end = false;

    walk->rest = g_strdup(path);
    walk->dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (walk->dir < 0)
        return true;
    while (!changed && !end) {
        g_autofree char *name = take_name(walk);
        if (!name)
            break;
        changed = step(walk, name, &end);
    }
    return changed;
}

bool
rl_path_can_be_changed(const char *path, const RlWriter *writer)
{
    g_auto(Walk) walk = {.writer = writer, .dir = -1};

    return go(&walk, path);
}

/* Owned by the caller; NULL where the path cannot be followed. */
static GHashTable *
find_writers(const char *path)
{
    g_autoptr(GHashTable) who = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(Walk) walk = {.who = who, .dir = -1};

    return go(&walk, path) ? NULL : g_steal_pointer(&who);
}

bool
rl_path_is_changed_by_same(const char *path, const char *known)
{
    g_autoptr(GHashTable) who = find_writers(path), others = known ? find_writers(known) : NULL;
    GHashTableIter iter;
    gpointer key;

    if (!who)
        return false;
    g_hash_table_iter_init(&iter, who);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        if (!others || !(g_hash_table_contains(others, key) || g_hash_table_contains(others, "*")))
            return false;
    return true;
}

int
rl_path_open_by_roots_links(const char *path, int flags)
{
    static const RlWriter anyone = {.anyone = true};
    g_auto(Walk) walk = {.writer = &anyone, .dir = -1, .only_links = true};
    g_autofree char *here = path[0] == '/' ? NULL : g_get_current_dir();
    g_autofree char *whole = here ? g_build_filename(here, path, NULL) : g_strdup(path);

    errno = 0;
    if (go(&walk, whole) || walk.missing) {
        if (errno == 0)
            errno = walk.missing ? ENOENT : ELOOP;
        return -1;
    }
    g_autofree char *end = g_strdup_printf("/proc/self/fd/%d", walk.dir);
    return open(end, flags | O_CLOEXEC);
}

void
rl_writer_set_user(RlWriter *writer, uid_t uid)
{
    const struct passwd *user = getpwuid(uid);
    g_autofree gid_t *gids = g_new(gid_t, GROUPS_MAX);
    int number = GROUPS_MAX;

    writer->uid = uid;
    writer->gids = g_array_new(FALSE, FALSE, sizeof(gid_t));
    if (user && getgrouplist(user->pw_name, user->pw_gid, gids, &number) >= 0)
        g_array_append_vals(writer->gids, gids, (guint) number);
}

void
rl_writer_clear(RlWriter *writer)
{
    g_clear_pointer(&writer->gids, g_array_unref);
}
