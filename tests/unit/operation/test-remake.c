/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* The revision that is pruned, or the precache that is stale, becomes the next precache, unless
 * others could see that, or there is any other doubt; then that is cloned. */
#include "common/operation/maintenance.h"

#include "common/base/autofd.h"
#include "common/format/image-domain.h"
#include "common/fs/inode.h"
#include "common/fs/xattr.h"
#include "common/image/content.h"
#include "common/image/partial-image.h"
#include "common/operation/precache.h"
#include "common/operation/resize.h"
#include "harness/disturb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define V "a/b/private"

/* Which inode the file @path is, as no other one, owned by the caller: its number is soon
 * another's.
 */
static char *
inode_at(const char *path)
{
    char *inode;

    g_assert_true(rl_inode_describe(AT_FDCWD, path, &inode, NULL));
    g_assert_nonnull(inode);
    return inode;
}

static bool
is_inode(Lab *lab, const char *name, RlFileRole role, const char *inode)
{
    g_autofree char *path = lab_file(lab, name, role), *now = inode_at(path);

    return strcmp(now, inode) == 0;
}

static char *
inode_of(Lab *lab, const char *name, RlFileRole role)
{
    g_autofree char *path = lab_file(lab, name, role);

    return inode_at(path);
}

/* Clean "three"; what is pruned next is "two", and "one" became the precache. */
static void
make_history(Lab *lab)
{
    lab_options(lab, 1);
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    lab_run(lab, V, "three");
}

static void
assert_precache(Lab *lab, const char *text)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN),
                    *precache = lab_file(lab, V, RL_FILE_PRECACHE);
    g_autofree char *was = read_at(clean, 0, MIB), *is = read_at(precache, 0, MIB);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    g_autoptr(RlBase) base = rl_base_open(volume, NULL);
    rl_autofd int fd = -1;

    image_is(lab, V, RL_FILE_PRECACHE, text);
    g_assert_cmpint(memcmp(was, is, MIB), ==, 0);
    g_assert_true(rl_precache_is_valid(volume, base, &fd));
    g_assert_cmpuint(look(precache).st_nlink, ==, 1);
}

/* The worker, after a stop: nothing is left but what has to be. */
static void
maintain(Lab *lab)
{
    GError *error = NULL;
    g_autofree char *dir = lab_path(lab, "a/b");

    rl_volume_maintain(lab->pool, V, true, &error);
    g_assert_no_error(error);
    g_autofree char *files = list(dir);
    g_assert_null(strchr(files, '~'));
}

static void
test_of_a_revision(Lab *lab)
{
    make_history(lab);
    for (int i = 0; i < 6; i++) {
        g_autofree char *text = g_strdup_printf("run %d", i), *which = g_strdup_printf("%d", i + 2);
        g_autofree char *goes = revision_path(lab, V, which);
        g_autofree char *inode = inode_at(goes);
        lab_run(lab, V, text);
        g_assert_cmpint(is_inode(lab, V, RL_FILE_PRECACHE, inode), ==, lab->reflinks);
        assert_precache(lab, text);
        g_assert_false(is_there(goes));
    }
}

/* Nothing is left of what was noted of it before, and each domain may have it. */
static void
test_is_as_new(Lab *lab)
{
    static const char *const kept[] = {RL_ATTR_BASE, RL_ATTR_BASE_DATE, RL_ATTR_MADE,
                                       RL_ATTR_USED_BY, RL_ATTR_CLEAN_SINCE};
    g_autoptr(GError) error = NULL;

    make_history(lab);
    lab_run(lab, V, "four");
    rl_autofd int fd = image_open(lab, V, RL_FILE_PRECACHE, O_RDONLY);
    g_auto(GStrv) names = rl_xattr_list(fd, &error);
    g_assert_no_error(error);
    for (char **name = names; *name; name++) {
        bool known = !g_str_has_prefix(*name, RL_ATTR_PREFIX);
        for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
            known |= !known && strcmp(*name + strlen(RL_ATTR_PREFIX), kept[i]) == 0;
        if (!known)
            g_error("%s is still there", *name);
    }
    rl_fd_close(&fd);
    g_autofree char *inode = inode_of(lab, V, RL_FILE_PRECACHE);
    lab_start(lab, V, &bob);
    g_assert_true(is_inode(lab, V, RL_FILE_DIRTY, inode));
    image_is(lab, V, RL_FILE_DIRTY, "four");
    image_write(lab, V, RL_FILE_DIRTY, "five");
    image_is(lab, V, RL_FILE_CLEAN, "four");
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    revision_is(lab, V, "4", "four");
}

/* A template got a new state: its snapshots' precaches are stale, not all of them. */
static void
test_of_a_stale_precache(Lab *lab)
{
    GError *error = NULL;

    make_history(lab);
    lab_create_kind(lab, "a/b/root", RL_KIND_SNAPSHOT, V, NULL, 2 * MIB);
    rl_volume_maintain(lab->pool, "a/b/root", false, &error);
    g_autofree char *inode = inode_of(lab, "a/b/root", RL_FILE_PRECACHE);
    lab_run(lab, V, "four");
    rl_volume_maintain(lab->pool, "a/b/root", false, &error);
    g_assert_no_error(error);
    g_assert_cmpint(is_inode(lab, "a/b/root", RL_FILE_PRECACHE, inode), ==, lab->reflinks);
    g_assert_cmpint(image_size(lab, "a/b/root", RL_FILE_PRECACHE), ==, 2 * MIB);
    lab_start(lab, "a/b/root", &alice);
    image_is(lab, "a/b/root", RL_FILE_DIRTY, "four");
    /* What a domain was on is dropped, and never its next run's. */
    g_autofree char *dirty = inode_of(lab, "a/b/root", RL_FILE_DIRTY);
    lab_stop(lab, "a/b/root", &alice, RL_STOP_DROPPED);
    rl_volume_maintain(lab->pool, "a/b/root", false, &error);
    g_assert_no_error(error);
    g_assert_false(is_inode(lab, "a/b/root", RL_FILE_PRECACHE, dirty));
}

static void
test_of_another_size(Lab *lab)
{
    const uint64_t sizes[] = {3 * MIB, MIB, 2 * MIB + 512};

    make_history(lab);
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        GError *error = NULL;
        g_autofree char *text = g_strdup_printf("size %zu", i),
                        *before = g_strdup_printf("size %zu", i - 1);
        g_assert_true(rl_volume_resize(lab->pool, V, sizes[i], false, &error));
        g_assert_no_error(error);
        maintain(lab);
        assert_precache(lab, i ? before : "three");
        g_assert_cmpuint((uint64_t) image_size(lab, V, RL_FILE_PRECACHE), ==, sizes[i]);
        lab_run(lab, V, text);
        assert_precache(lab, text);
    }
}

/* --- Others have to do with what goes. */

/* Commits "four" and lets the worker come; the precache must not be the revision that went. */
static void
assert_cloned(Lab *lab, const char *inode)
{
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "four");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    maintain(lab);
    g_assert_false(is_inode(lab, V, RL_FILE_PRECACHE, inode));
    assert_precache(lab, "four");
    assert_revisions(lab, V, "3");
}

static void
test_with_another_name(Lab *lab)
{
    g_autofree char *backup = lab_path(lab, "a/backup");

    make_history(lab);
    g_autofree char *goes = revision_path(lab, V, "2");
    g_autofree char *inode = inode_at(goes);
    g_assert_cmpint(link(goes, backup), ==, 0);
    assert_cloned(lab, inode);
    g_autofree char *text = read_at(backup, 0, 3);
    g_assert_cmpstr(text, ==, "two");
}

typedef int (*Hold)(const char *path, const char *place);

static int
hold_mounted(const char *path, const char *place)
{
    g_assert_true(g_file_set_contents(place, "", 0, NULL));
    g_assert_cmpint(mount(path, place, NULL, MS_BIND, NULL), ==, 0);
    return -1;
}

/* As a service with BindReadOnlyPaths=, or a container, has it: in a mount namespace of its own.
 * What is returned ends it. */
static int
hold_mounted_elsewhere(const char *path, const char *place)
{
    int life[2], ready[2];
    char byte;

    g_assert_true(g_file_set_contents(place, "", 0, NULL));
    g_assert_cmpint(pipe2(life, O_CLOEXEC) | pipe2(ready, O_CLOEXEC), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        close(life[1]);
        bool done = unshare(CLONE_NEWNS) == 0 &&
                    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                    mount(path, place, NULL, MS_BIND, NULL) == 0;
        _exit(write(ready[1], done ? "y" : "n", 1) == 1 ? (int) read(life[0], &byte, 1) : 1);
    }
    g_assert_cmpint(child, >, 0);
    close(life[0]);
    close(ready[1]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    g_assert_cmpint(byte, ==, 'y');
    close(ready[0]);
    return life[1];
}

/* As a server of files has it for each that its client knows (virtiofsd). */
static int
hold_path(const char *path, const char *place)
{
    (void) place;
    return open(path, O_PATH | O_CLOEXEC);
}

static void *
hold_path_alone(void *path)
{
    bool done = unshare(CLONE_FILES) == 0 && open(path, O_PATH | O_CLOEXEC) >= 0;

    if (write(STDOUT_FILENO, done ? "y" : "n", 1) == 1)
        for (;;)
            pause();
    return NULL;
}

/* In a thread that has descriptors of its own. What is returned ends the process. */
static int
hold_path_in_thread(const char *path, const char *place)
{
    int life[2], ready[2];
    char byte;

    (void) place;
    g_assert_cmpint(pipe2(life, O_CLOEXEC) | pipe2(ready, O_CLOEXEC), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        close(life[1]);
        dup2(ready[1], STDOUT_FILENO);
        _exit(pthread_create(&thread, NULL, hold_path_alone, (char *) path) == 0
                  ? (int) read(life[0], &byte, 1)
                  : 1);
    }
    g_assert_cmpint(child, >, 0);
    close(life[0]);
    close(ready[1]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    g_assert_cmpint(byte, ==, 'y');
    close(ready[0]);
    return life[1];
}

/* A mount without a place. */
static int
hold_detached(const char *path, const char *place)
{
    (void) place;
    return (int) syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

/* Nobody has it open, and it has one name. */
static void
test_held_by_its_path(Lab *lab)
{
    const Hold holds[] = {hold_mounted, hold_mounted_elsewhere, hold_path, hold_path_in_thread,
                          hold_detached};
    g_autofree char *place = lab_path(lab, "a/mounted");

    make_history(lab);
    for (size_t i = 0; i < G_N_ELEMENTS(holds); i++) {
        g_autofree char *which = g_strdup_printf("%zu", 2 * i + 2),
                        *text = g_strdup_printf("text %zu", i);
        g_autofree char *goes = revision_path(lab, V, which), *inode = inode_at(goes);
        rl_autofd int held = holds[i](goes, place);
        lab_run(lab, V, text);
        g_assert_false(is_inode(lab, V, RL_FILE_PRECACHE, inode));
        assert_precache(lab, text);
        if (holds[i] == hold_mounted) {
            g_autofree char *shown = read_at(place, 0, 3);
            g_assert_cmpstr(shown, ==, "two");
            g_assert_cmpint(umount2(place, MNT_DETACH), ==, 0);
        }
        rl_fd_close(&held);
        if (holds[i] == hold_mounted_elsewhere || holds[i] == hold_path_in_thread)
            wait(NULL);
        g_autofree char *next = g_strdup_printf("%zu", 2 * i + 3);
        g_autofree char *free = revision_path(lab, V, next), *again = inode_at(free);
        lab_run(lab, V, text);
        g_assert_cmpint(is_inode(lab, V, RL_FILE_PRECACHE, again), ==, lab->reflinks);
    }
}

/* A download of what was just dropped goes on to its end. */
static void
test_with_a_reader(Lab *lab)
{
    char text[4] = "";

    make_history(lab);
    g_autofree char *stale = lab_file(lab, V, RL_FILE_PRECACHE);
    rl_autofd int reader = open(stale, O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(reader, >=, 0);
    g_autofree char *inode = inode_at(stale);
    set_mtime(stale, 1, 1);
    image_write(lab, V, RL_FILE_CLEAN, "new");
    maintain(lab);
    g_assert_false(is_inode(lab, V, RL_FILE_PRECACHE, inode));
    g_assert_cmpint(pread(reader, text, 3, 0), ==, 3);
    g_assert_cmpstr(text, ==, "thr");
}

static void
set_user_attribute(const char *path)
{
    g_assert_cmpint(setxattr(path, "user.of-the-device-model", "1", 1, 0), ==, 0);
}

static void
set_flag(const char *path)
{
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    int flags;

    g_assert_cmpint(ioctl(fd, FS_IOC_GETFLAGS, &flags), ==, 0);
    flags |= FS_NODUMP_FL;
    g_assert_cmpint(ioctl(fd, FS_IOC_SETFLAGS, &flags), ==, 0);
}

static void
set_run(const char *path)
{
    g_assert_cmpint(setxattr(path, RL_ATTR_PREFIX RL_ATTR_RUN, "1", 1, 0), ==, 0);
}

static void
set_partial(const char *path)
{
    g_assert_cmpint(setxattr(path, RL_ATTR_PREFIX RL_ATTR_PARTIAL, "1", 1, 0), ==, 0);
}

static void
set_unknown(const char *path)
{
    g_assert_cmpint(setxattr(path, RL_ATTR_PREFIX "of-a-later-version", "1", 1, 0), ==, 0);
}

static void
set_label(const char *path)
{
    g_assert_cmpint(setxattr(path, "trusted.libvirt.security.dac", "+0:+0", 5, 0), ==, 0);
}

static void
set_other_security(const char *path)
{
    g_assert_cmpint(setxattr(path, "security.of-another-module", "1", 1, 0), ==, 0);
}

static void
test_with_marks(Lab *lab)
{
    void (*const set[])(const char *path) = {set_user_attribute, set_flag,  set_run,
                                             set_partial,        set_label, set_unknown,
                                             set_other_security};

    for (size_t i = 0; i < G_N_ELEMENTS(set); i++) {
        g_autofree char *name = g_strdup_printf("%zu", i);
        if (i == 0)
            make_history(lab);
        else
            lab_run(lab, V, name);
        g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
        g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, "private", NULL);
        g_autofree char *goes = lab_path(lab, "a/b"),
                        *path = g_build_filename(goes, rl_revisions_newest(revisions)->file, NULL);
        set[i](path);
        g_autofree char *inode = inode_at(path);
        lab_run(lab, V, "next");
        g_assert_false(is_inode(lab, V, RL_FILE_PRECACHE, inode));
        assert_precache(lab, "next");
    }
}

/* A page that something is still to be read into: the process that began it has closed the image.
 */
static void
test_with_a_page_that_is_held(Lab *lab)
{
    int ends[2];

    make_history(lab);
    g_autofree char *goes = revision_path(lab, V, "2");
    g_autofree char *inode = inode_at(goes);
    rl_autofd int fd = open(goes, O_RDONLY | O_CLOEXEC);
    char *page = mmap(NULL, 4 * KIB, PROT_READ, MAP_SHARED, fd, 0);
    g_assert_true(page != MAP_FAILED);
    g_assert_true(page[0] == 't');
    const struct iovec part = {page, 4 * KIB};
    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    g_assert_cmpint(vmsplice(ends[1], &part, 1, 0), ==, (gssize) (4 * KIB));
    g_assert_cmpint(munmap(page, 4 * KIB), ==, 0);
    rl_fd_close(&fd);
    assert_cloned(lab, inode);
    close(ends[0]);
    close(ends[1]);
}

/* --- What happens meanwhile. */

static guint seen; /* temporaries that were seen so */

/* Somebody opens the temporary file that it is: it waits until that is nobody's. */
static int
open_the_temporary(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "a/b");
    DIR *dir = opendir(path);
    const struct dirent *entry;

    while ((entry = readdir(dir))) {
        if (!strchr(entry->d_name, '~'))
            continue;
        g_assert_cmpint(openat(dirfd(dir), entry->d_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC), ==,
                        -1);
        g_assert_cmpint(errno, ==, EWOULDBLOCK);
        seen++;
    }
    closedir(dir);
    return 0;
}

ATTEMPT(maintains, rl_volume_maintain(lab->pool, V, true, error))

/* Is disturbed while the worker makes the precache after a run. */
static void
disturb_worker(Lab *lab, Disturbance *disturbance)
{
    GError *error = NULL;

    make_history(lab);
    g_autofree char *goes = revision_path(lab, V, "2");
    g_autofree char *inode = inode_at(goes);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "four");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    g_assert_true(disturb(lab, disturbance, maintains, &error));
    g_assert_no_error(error);
    g_assert_false(is_inode(lab, V, RL_FILE_PRECACHE, inode));
    assert_precache(lab, "four");
    g_autofree char *dir = lab_path(lab, "a/b"), *files = list(dir);
    g_assert_null(strchr(files, '~'));
}

static void
test_opened_meanwhile(Lab *lab)
{
    /* Its date comes last. */
    Disturbance late = {.nr = SYS_utimensat, .first = 1, .count = 1, .before = open_the_temporary};

    seen = 0;
    disturb_worker(lab, &late);
    g_assert_cmpuint(seen, ==, 1);
}

/* What is noted on it goes first. It is not opened. */
static int
see_it_unchanged(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "a/b");
    DIR *dir = opendir(path);
    const struct dirent *entry;

    while ((entry = readdir(dir))) {
        g_autofree char *file = g_build_filename(path, entry->d_name, NULL);
        if (strchr(entry->d_name, '~') && lgetxattr(file, RL_ATTR_PREFIX RL_ATTR_ID, NULL, 0) > 0)
            seen++;
    }
    closedir(dir);
    return EIO;
}

/* Before anything of it is changed no power cut may give it its old name back. */
static void
test_its_name_is_durable_first(Lab *lab)
{
    Disturbance sync = {.nr = SYS_fsync, .first = 1, .count = 1, .before = see_it_unchanged};

    seen = 0;
    disturb_worker(lab, &sync);
    g_assert_cmpuint(seen, ==, 1);
}

/* A start does not wait for it, and needs none. */
static int
start_meanwhile(Lab *lab)
{
    lab_start(lab, V, &bob);
    image_is(lab, V, RL_FILE_DIRTY, "four");
    return 0;
}

static void
test_started_meanwhile(Lab *lab)
{
    Disturbance late = {.nr = SYS_utimensat, .first = 1, .count = 1, .before = start_meanwhile};
    GError *error = NULL;

    make_history(lab);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "four");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    g_assert_true(disturb(lab, &late, maintains, &error));
    g_assert_no_error(error);
    g_assert_false(image_is_there(lab, V, RL_FILE_PRECACHE));
    g_autofree char *dir = lab_path(lab, "a/b"), *files = list(dir);
    g_assert_null(strchr(files, '~'));
}

/* What came of a stream is kept for its rest, however well it would do. */
static void
test_with_a_part_of_a_stream(Lab *lab)
{
    static const char note[] = "524288,x";
    g_autofree char *dir = lab_path(lab, "a/b"), *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *part = g_build_filename(dir, "private.img~0a1b2c", NULL);
    g_autofree char *data = NULL;
    GError *error = NULL;
    gsize length;

    make_history(lab);
    g_assert_true(g_file_get_contents(clean, &data, &length, NULL));
    g_assert_true(g_file_set_contents(part, data, (gssize) length, NULL));
    g_assert_cmpint(setxattr(part, RL_ATTR_PREFIX RL_ATTR_PARTIAL, note, sizeof(note) - 1, 0), ==,
                    0);
    rl_autofd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_true(rl_partial_is_kept(fd, "private.img~0a1b2c"));
    g_autofree char *inode = inode_at(part);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "four");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    /* Written last: it would be taken first. */
    set_mtime(part, 4000000000, 0);
    rl_volume_maintain(lab->pool, V, true, &error);
    g_assert_no_error(error);
    g_assert_true(rl_partial_is_kept(fd, "private.img~0a1b2c"));
    g_autofree char *now = inode_at(part);
    g_assert_cmpstr(now, ==, inode);
    assert_precache(lab, "four");
}

static char *read_name; /* of the revision that is opened */
static char read_text[4];

static bool
reads_revision(Lab *lab, GError **error)
{
    rl_autofd int fd = rl_content_open(lab->pool, read_name, false, error);

    if (fd < 0)
        return false;
    g_assert_cmpint(pread(fd, read_text, sizeof(read_text) - 1, 0), ==, 3);
    return true;
}

static int
maintain_meanwhile(Lab *lab)
{
    maintain(lab);
    return 0;
}

/* A process that opens a revision while the worker comes has that revision, or none. */
static void
test_read_meanwhile(Lab *lab)
{
    make_history(lab);
    for (guint i = 1; i < 24; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strdup_printf("w%02u", i);
        Disturbance disturbance = {
            .nr = SYS_openat, .first = i, .count = 1, .before = maintain_meanwhile};
        g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
        lab_start(lab, V, &alice);
        image_write(lab, V, RL_FILE_DIRTY, text);
        lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
        /* The older of two, which goes. */
        g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, "private", NULL);
        const RlRevision *oldest = g_ptr_array_index(revisions, 0);
        g_autofree char *name = rl_revision_name(oldest, V), *dir = lab_path(lab, "a/b");
        g_autofree char *path = g_build_filename(dir, oldest->file, NULL);
        g_autofree char *was = read_at(path, 0, 3);
        read_name = name;
        if (disturb(lab, &disturbance, reads_revision, &error))
            g_assert_cmpmem(read_text, 3, was, 3);
        maintain(lab);
    }
}

void
add_tests(void)
{
    lab_add("/remake/of-a-revision", test_of_a_revision);
    lab_add_on("/remake/is-as-new", "xfs btrfs", test_is_as_new);
    lab_add("/remake/of-a-stale-precache", test_of_a_stale_precache);
    lab_add("/remake/of-another-size", test_of_another_size);
    lab_add("/remake/with-another-name", test_with_another_name);
    lab_add("/remake/held-by-its-path", test_held_by_its_path);
    lab_add("/remake/with-a-reader", test_with_a_reader);
    lab_add("/remake/with-marks", test_with_marks);
    lab_add("/remake/with-a-page-that-is-held", test_with_a_page_that_is_held);
    lab_add_on("/remake/opened-meanwhile", "xfs btrfs", test_opened_meanwhile);
    lab_add_on("/remake/its-name-is-durable-first", "xfs btrfs", test_its_name_is_durable_first);
    lab_add_on("/remake/started-meanwhile", "xfs btrfs", test_started_meanwhile);
    lab_add_on("/remake/with-a-part-of-a-stream", "xfs btrfs", test_with_a_part_of_a_stream);
    lab_add_on("/remake/read-meanwhile", "xfs btrfs", test_read_meanwhile);
}
