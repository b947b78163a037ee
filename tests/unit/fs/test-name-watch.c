/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What the kernel tells of the names of a directory, by whatever path and process they change. */
#include "common/fs/name-watch.h"

#include "common/base/autofd.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* A directory that is watched. */
typedef struct {
    char *path;
    int dir;
    RlNameWatch *watch;
    GHashTable *told;
} Watched;

static void
watched_clear(Watched *watched)
{
    rl_name_watch_free(watched->watch);
    g_hash_table_unref(watched->told);
    rl_fd_close(&watched->dir);
    g_free(watched->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Watched, watched_clear)

static Watched
begin(Lab *lab, const char *name)
{
    Watched watched = {.path = lab_path(lab, name)};

    g_assert_cmpint(g_mkdir_with_parents(watched.path, 0755), ==, 0);
    watched.dir = open(watched.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    watched.watch = rl_name_watch_new(watched.dir);
    watched.told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_assert_nonnull(watched.watch);
    return watched;
}

static void
note(const char *name, void *data)
{
    GHashTable *told = data;

    g_hash_table_add(told, g_strdup(name));
}

/* The reading names exactly these; each may be NULL. */
static void
tells(Watched *watched, const char *first, const char *second)
{
    const char *const names[] = {first, second};
    guint wanted = 0;

    g_hash_table_remove_all(watched->told);
    g_assert_true(rl_name_watch_read(watched->watch, watched->dir, note, watched->told));
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!names[i])
            continue;
        wanted++;
        if (!g_hash_table_contains(watched->told, names[i]))
            g_error("the change of '%s' was not told", names[i]);
    }
    g_assert_cmpuint(g_hash_table_size(watched->told), ==, wanted);
}

static bool
is_lost(Watched *watched)
{
    return !rl_name_watch_read(watched->watch, watched->dir, note, watched->told);
}

static void
link_unnamed(int dir, const char *name)
{
    rl_autofd int fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);

    g_assert_cmpint(linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW), ==, 0);
}

static void
test_names(Lab *lab)
{
    g_auto(Watched) watched = begin(lab, "dir");
    g_auto(Watched) other = begin(lab, "other");
    int dir = watched.dir;

    tells(&watched, NULL, NULL);
    close(openat(dir, "a", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    tells(&watched, "a", NULL);
    g_assert_cmpint(linkat(dir, "a", dir, "b", 0), ==, 0);
    tells(&watched, "b", NULL);
    g_assert_cmpint(renameat(dir, "b", dir, "c"), ==, 0);
    tells(&watched, "b", "c");
    g_assert_cmpint(unlinkat(dir, "c", 0), ==, 0);
    tells(&watched, "c", NULL);
    link_unnamed(dir, "d");
    tells(&watched, "d", NULL);
    g_assert_cmpint(renameat2(dir, "a", dir, "d", RENAME_EXCHANGE), ==, 0);
    tells(&watched, "a", "d");
    g_assert_cmpint(renameat(dir, "d", dir, "a"), ==, 0);
    tells(&watched, "a", "d");
    g_assert_cmpint(symlinkat("a", dir, "e"), ==, 0);
    g_assert_cmpint(mkdirat(dir, "f", 0700), ==, 0);
    tells(&watched, "e", "f");
    tells(&other, NULL, NULL);
    g_assert_cmpint(renameat(dir, "a", other.dir, "g"), ==, 0);
    tells(&watched, "a", NULL);
    tells(&other, "g", NULL);

    /* What changes no name. */
    g_assert_cmpint(fchmodat(other.dir, "g", 0640, 0), ==, 0);
    close(openat(other.dir, "g", O_WRONLY | O_TRUNC | O_CLOEXEC));
    tells(&other, NULL, NULL);
}

static void
add_to(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    make_file(path, "x");
}

/* By another process, in another mount namespace, through a bind mount. */
static void
test_other_paths(Lab *lab)
{
    g_auto(Watched) watched = begin(lab, "dir");
    g_autofree char *bind = lab_path(lab, "bind");

    g_assert_cmpint(g_mkdir_with_parents(bind, 0755), ==, 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(watched.path, bind, NULL, MS_BIND, NULL) < 0)
            _exit(1);
        add_to(bind, "a");
        _exit(0);
    }
    int status;
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
    tells(&watched, "a", NULL);

    /* The directory above is moved: it is the same one. */
    g_auto(Watched) inner = begin(lab, "above/inner");
    g_autofree char *above = lab_path(lab, "above");
    g_autofree char *moved = lab_path(lab, "moved");
    g_autofree char *inside = lab_path(lab, "moved/inner");
    g_assert_cmpint(rename(above, moved), ==, 0);
    add_to(inside, "b");
    tells(&inner, "b", NULL);
}

static void
test_lost(Lab *lab)
{
    g_auto(Watched) moved = begin(lab, "moved");
    g_auto(Watched) removed = begin(lab, "removed");
    g_autofree char *target = lab_path(lab, "target");

    g_assert_cmpint(rename(moved.path, target), ==, 0);
    g_assert_true(is_lost(&moved));
    g_assert_cmpint(rmdir(removed.path), ==, 0);
    rl_fd_close(&removed.dir);
    g_assert_true(is_lost(&removed));

    /* Another one, even if it is where the first one was. */
    g_auto(Watched) first = begin(lab, "first");
    rl_autofd int other = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_false(rl_name_watch_read(first.watch, other, note, first.told));
}

/* More than the kernel keeps, and more than one reading takes. */
static void
test_too_many(Lab *lab)
{
    g_auto(Watched) watched = begin(lab, "dir");
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents("/proc/sys/fs/inotify/max_queued_events", &text, NULL, NULL));
    for (guint64 i = 0; i < g_ascii_strtoull(text, NULL, 10) / 2 + 10; i++) {
        close(openat(watched.dir, "a", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        unlinkat(watched.dir, "a", 0);
    }
    g_assert_true(is_lost(&watched));
}

/* What a child reads its parent would not see. */
static void
test_child(Lab *lab)
{
    g_auto(Watched) watched = begin(lab, "dir");
    int status;

    add_to(watched.path, "a");
    pid_t pid = fork();
    if (pid == 0)
        _exit(is_lost(&watched) ? 0 : 1);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
    tells(&watched, "a", NULL);
}

static void
test_limit(Lab *lab)
{
    g_autoptr(GPtrArray) watches =
        g_ptr_array_new_with_free_func((GDestroyNotify) rl_name_watch_free);
    RlNameWatch *watch;

    while ((watch = rl_name_watch_new(lab->pool->root)))
        g_ptr_array_add(watches, watch);
    g_assert_cmpuint(watches->len, ==, 16);
    g_ptr_array_set_size(watches, 15);
    watch = rl_name_watch_new(lab->pool->root);
    g_assert_nonnull(watch);
    rl_name_watch_free(watch);
}

static void
test_not_told(void)
{
    rl_autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rl_autofd int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    g_assert_null(rl_name_watch_new(proc));
    g_assert_null(rl_name_watch_new(file));
    g_assert_null(rl_name_watch_new(-1));
}

/* A thread changes names, one after the other; each has been told when its system call returns. */
typedef struct {
    int dir;
    gint changed; /* atomic: so many changes have returned */
    gint over;
} Changes;

static void *
change(void *data)
{
    Changes *changes = data;

    for (int i = 0; i < 20000; i++) {
        g_autofree char *name = g_strdup_printf("n%d", i);
        g_autofree char *next = g_strdup_printf("n%d", i + 1);
        if (i == 0)
            close(openat(changes->dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        g_assert_cmpint(renameat(changes->dir, name, changes->dir, next), ==, 0);
        g_atomic_int_set(&changes->changed, i + 1);
    }
    g_atomic_int_set(&changes->over, 1);
    return NULL;
}

static void
note_last(const char *name, void *data)
{
    gint *last = data;

    *last = MAX(*last, (gint) g_ascii_strtoll(name + 1, NULL, 10));
}

static void
test_order(Lab *lab)
{
    g_auto(Watched) watched = begin(lab, "dir");
    Changes changes = {.dir = watched.dir};
    GThread *thread = g_thread_new("names", change, &changes);
    bool over = false;
    gint last = 0;

    while (!over) {
        over = g_atomic_int_get(&changes.over);
        gint changed = g_atomic_int_get(&changes.changed);
        if (!rl_name_watch_read(watched.watch, watched.dir, note_last, &last)) {
            /* We were kept from reading for too long. One change may be under way. */
            rl_name_watch_free(watched.watch);
            watched.watch = rl_name_watch_new(watched.dir);
            last = MAX(last, g_atomic_int_get(&changes.changed) + 1);
            continue;
        }
        if (last < changed && last > 0)
            g_error("change %d has returned, and %d was the last one told", changed, last);
    }
    g_thread_join(thread);
}

void
add_tests(void)
{
    lab_add("/name-watch/names", test_names);
    lab_add("/name-watch/other-paths", test_other_paths);
    lab_add("/name-watch/lost", test_lost);
    lab_add("/name-watch/too-many", test_too_many);
    lab_add("/name-watch/child", test_child);
    lab_add("/name-watch/limit", test_limit);
    lab_add("/name-watch/order", test_order);
    g_test_add_func("/name-watch/not-told", test_not_told);
}
