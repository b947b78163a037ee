/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/fs/xattr.h"
#include "common/image/content.h"
#include "common/operation/staged-image.h"
#include "common/operation/start.h"

#include "common/base/autofd.h"
#include "common/operation/maintenance.h"
#include "common/operation/resize.h"
#include "common/pool/volume-state.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#define V "a/b/private"

static void
maintain(Lab *lab, const char *name)
{
    GError *error = NULL;

    rl_volume_maintain(lab->pool, name, false, &error);
    g_assert_no_error(error);
}

static void
check_shared(Lab *lab, const char *name_a, RlFileRole a, const char *name_b, RlFileRole b)
{
    g_autofree char *left = lab_file(lab, name_a, a), *right = lab_file(lab, name_b, b);

    g_assert_cmpint(shares_data(left, right), ==, lab->reflinks);
}

static void
test_persistent_is_cloned(Lab *lab)
{
    lab_create(lab, V, "first", MIB);
    ino_t clean = image_inode(lab, V, RL_FILE_CLEAN);
    lab_start(lab, V, &alice);
    check_shared(lab, V, RL_FILE_CLEAN, V, RL_FILE_DIRTY);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, MIB);
    image_write(lab, V, RL_FILE_DIRTY, "second");
    image_is(lab, V, RL_FILE_CLEAN, "first");
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_CLEAN), ==, clean);

    g_autofree char *dir = lab_path(lab, "a/b");
    assert_list(dir, "private-dirty.img private.img");
}

/* Mode, owner and date are the clean image's. */
static void
test_dirty_looks_like_clean(Lab *lab)
{
    lab_create(lab, V, "first", MIB);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    struct stat st = look(clean);

    g_assert_cmpint(chown(clean, 1234, 5678), ==, 0);
    g_assert_cmpint(chmod(clean, 0640), ==, 0);
    lab_start(lab, V, &alice);
    g_assert_cmpuint(look(dirty).st_uid, ==, 1234);
    g_assert_cmpuint(look(dirty).st_gid, ==, 5678);
    g_assert_cmpuint(look(dirty).st_mode & 07777, ==, 0640);
    g_assert_cmpint(look(dirty).st_mtim.tv_sec, ==, st.st_mtim.tv_sec);
    g_assert_cmpint(look(dirty).st_mtim.tv_nsec, ==, 123456789);
}

static void
test_precache_is_renamed(Lab *lab)
{
    lab_create(lab, V, "first", MIB);
    maintain(lab, V);
    ino_t precache = image_inode(lab, V, RL_FILE_PRECACHE);
    lab_start(lab, V, &alice);
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_DIRTY), ==, precache);
    g_assert_false(image_is_there(lab, V, RL_FILE_PRECACHE));
}

static void
never_used(Lab *lab, const char *why)
{
    ino_t stale = image_inode(lab, V, RL_FILE_PRECACHE);
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE);

    write_at(precache, 100 * KIB, "mark of the stale one");
    if (strcmp(why, "date") != 0) {
        g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
        struct stat st = look(clean);
        set_mtime(precache, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
    lab_start(lab, V, &alice);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    g_autofree char *mark = read_at(dirty, 100 * KIB, 10);
    g_assert_cmpstr(mark, ==, "");
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_DIRTY), !=, stale);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
}

static void
test_stale_precache_is_never_used(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE);
    g_autofree char *copy = g_strconcat(clean, ".copy", NULL);

    lab_create(lab, V, "first", MIB);
    maintain(lab, V);
    never_used(lab, "date");
    maintain(lab, V);
    set_size(precache, 2 * MIB);
    never_used(lab, "size");

    /* Another image of the same date and size in the clean one's place. */
    maintain(lab, V);
    g_autofree char *command =
        g_strdup_printf("cp -p '%s' '%s' && mv '%s' '%s'", clean, copy, copy, clean);
    g_assert_cmpint(system(command), ==, 0);
    never_used(lab, "base");

    /* Whoever may write to the one need not be who may write to the other. */
    maintain(lab, V);
    g_assert_cmpint(chmod(precache, 0666), ==, 0);
    never_used(lab, "mode");
    maintain(lab, V);
    g_assert_cmpint(chown(precache, 1234, -1), ==, 0);
    never_used(lab, "owner");
    maintain(lab, V);
    g_assert_cmpint(chown(precache, -1, 1234), ==, 0);
    never_used(lab, "group");
}

static void
test_second_domain_is_refused(Lab *lab)
{
    g_autofree char *words = g_strdup_printf("'%s' & 'alice' & qemu & %s", V, alice.uuid);

    lab_create(lab, V, "first", MIB);
    lab_start(lab, V, &alice);
    ino_t dirty = image_inode(lab, V, RL_FILE_DIRTY);
    lab_start_fails(lab, V, &bob, RL_ERROR_BUSY, words); /* not open yet, but soon */
    rl_autofd int writer = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    lab_start_fails(lab, V, &bob, RL_ERROR_BUSY, words);
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_DIRTY), ==, dirty);
    rl_fd_close(&writer);
    lab_start(lab, V, &alice); /* the same domain takes over */
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_DIRTY), ==, dirty);
}

static void
hold_dirty(void *lab)
{
    image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
}

static void *
kill_soon(void *child)
{
    g_usleep(200 * 1000);
    kill_child(GPOINTER_TO_INT(child));
    return NULL;
}

/* A loop device of the run before detaches late. */
static void
test_same_domain_waits_for_itself(Lab *lab)
{
    lab_create(lab, V, "first", MIB);
    lab_start(lab, V, &alice);
    pid_t child = child_that_holds(hold_dirty, lab);
    GThread *thread = g_thread_new("end", kill_soon, GINT_TO_POINTER(child));
    lab_start(lab, V, &alice);
    g_thread_join(thread);
}

static void
test_anonymous_writer_is_refused(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create(lab, V, "first", MIB);
    make_file(dirty, "by hand");
    set_size(dirty, MIB);
    rl_autofd int writer = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    lab_start_fails(lab, V, &alice, RL_ERROR_BUSY, "open for writing");
}

/* Of many domains that start at once one gets it. */
static void
test_one_of_many_wins(Lab *lab)
{
    pid_t children[6];
    int won = 0;

    lab_create(lab, V, "first", MIB);
    for (int i = 0; i < 6; i++) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        /* Not g_uuid_string_random(): forked processes would all get the same. */
        g_autofree char *uuid = g_strdup_printf("%d", i);
        RlDomainRef owner = {.driver = "qemu", .uuid = uuid, .name = "one of many"};
        g_autoptr(GError) error = NULL;
        g_autoptr(RlPool) pool = rl_pool_open(lab->path, lab->pool->documents, NULL);
        g_autoptr(RlStarted) started = rl_volume_start(pool, V, &owner, 0, &error);
        _exit(started ? 0 : g_error_matches(error, RL_ERROR, RL_ERROR_BUSY) ? 1 : 2);
    }
    for (int i = 0; i < 6; i++) {
        int status;
        g_assert_cmpint(waitpid(children[i], &status, 0), ==, children[i]);
        g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        won += WEXITSTATUS(status) == 0;
    }
    g_assert_cmpint(won, ==, 1);
    g_autofree char *dir = lab_path(lab, "a/b");
    assert_list(dir, "private-dirty.img private.img");
}

static void
test_snapshot_is_its_source_as_of_now(Lab *lab)
{
    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_start(lab, "a/root", &alice);
    check_shared(lab, "t/root", RL_FILE_CLEAN, "a/root", RL_FILE_DIRTY);
    image_is(lab, "a/root", RL_FILE_DIRTY, "one");

    lab_run(lab, "t/root", "two");
    image_is(lab, "a/root", RL_FILE_DIRTY, "one");
    image_write(lab, "a/root", RL_FILE_DIRTY, "mine");
    image_is(lab, "t/root", RL_FILE_CLEAN, "two");
    lab_stop(lab, "a/root", &alice, RL_STOP_DROPPED);
    lab_start(lab, "a/root", &alice);
    image_is(lab, "a/root", RL_FILE_DIRTY, "two");
}

static void
test_snapshot_precache_follows_the_source(Lab *lab)
{
    /* Under qemu the device model owns the image and could forge its dates; see stop.c. */
    const RlDomainRef xen = {
        .driver = "libxl", .uuid = "33333333-3333-4333-8333-333333333333", .name = "xen"};

    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    maintain(lab, "a/root");
    ino_t precache = image_inode(lab, "a/root", RL_FILE_PRECACHE);
    lab_start(lab, "a/root", &xen);
    g_assert_cmpuint(image_inode(lab, "a/root", RL_FILE_DIRTY), ==, precache);
    lab_stop(lab, "a/root", &xen, RL_STOP_UNWRITTEN);
    lab_run(lab, "t/root", "two");
    lab_start(lab, "a/root", &xen);
    image_is(lab, "a/root", RL_FILE_DIRTY, "two");
}

static void
test_larger_snapshot(Lab *lab)
{
    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 3 * MIB);
    maintain(lab, "a/root");
    lab_start(lab, "a/root", &alice);
    g_assert_cmpint(image_size(lab, "a/root", RL_FILE_DIRTY), ==, 3 * MIB);
    image_is(lab, "a/root", RL_FILE_DIRTY, "one");
}

static void
test_volatile_is_empty(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, "tmp", RL_FILE_DIRTY);

    lab_create_kind(lab, "tmp", RL_KIND_VOLATILE, NULL, NULL, 5 * MIB + 512);
    lab_start(lab, "tmp", &alice);
    g_assert_cmpint(look(dirty).st_size, ==, 5 * MIB + 512);
    g_assert_cmpint(look(dirty).st_blocks, <=, 8); /* an attribute may need a block */
    g_assert_cmpuint(look(dirty).st_mode & 07777, ==, 0600);
}

static void
test_direct_is_renamed(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "db");

    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    ino_t inode = image_inode(lab, "db/main", RL_FILE_CLEAN);
    lab_start(lab, "db/main", &alice);
    g_assert_cmpuint(image_inode(lab, "db/main", RL_FILE_DIRTY), ==, inode);
    assert_list(dir, "main-dirty.img main.volume.xml");
    lab_start_fails(lab, "db/main", &bob, RL_ERROR_BUSY, "'alice'");
    lab_start(lab, "db/main", &alice);
    g_assert_cmpuint(image_inode(lab, "db/main", RL_FILE_DIRTY), ==, inode);
}

/* Whoever has another name of it, or reads it, must not see it change. */
static void
test_direct_is_unshared(Lab *lab)
{
    g_autofree char *backup = lab_path(lab, "db/backup");
    g_autofree char *clean = lab_file(lab, "db/main", RL_FILE_CLEAN);
    char text[4];

    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    g_assert_cmpint(link(clean, backup), ==, 0);
    lab_start(lab, "db/main", &alice);
    g_assert_cmpuint(image_inode(lab, "db/main", RL_FILE_DIRTY), !=, look(backup).st_ino);
    image_write(lab, "db/main", RL_FILE_DIRTY, "two");
    lab_stop(lab, "db/main", &alice, RL_STOP_RETURNED);

    rl_autofd int reader = image_open(lab, "db/main", RL_FILE_CLEAN, O_RDONLY);
    lab_start(lab, "db/main", &alice);
    image_is(lab, "db/main", RL_FILE_DIRTY, "two");
    image_write(lab, "db/main", RL_FILE_DIRTY, "six");
    g_assert_cmpint(pread(reader, text, 4, 0), ==, 4);
    g_assert_cmpstr(text, ==, "two");
    g_autofree char *kept = read_at(backup, 0, 4);
    g_assert_cmpstr(kept, ==, "one");
    g_autofree char *dir = lab_path(lab, "db");
    assert_list(dir, "backup main-dirty.img main.volume.xml");
}

/* Nor does an overlay on it see it change: that state stays, as a revision, and only once. */
static void
test_direct_below_an_overlay(Lab *lab)
{
    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    ino_t inode = image_inode(lab, "db/main", RL_FILE_CLEAN);
    {
        rl_autofd int fd = image_open(lab, "db/main", RL_FILE_CLEAN, O_RDONLY);
        g_assert_true(rl_xattr_set(fd, RL_ATTR_LAYER, "1", NULL));
    }
    lab_start(lab, "db/main", &alice);
    g_assert_cmpuint(image_inode(lab, "db/main", RL_FILE_DIRTY), !=, inode);
    image_write(lab, "db/main", RL_FILE_DIRTY, "two");
    lab_stop(lab, "db/main", &alice, RL_STOP_RETURNED);
    revision_is(lab, "db/main", "1", "one");

    inode = image_inode(lab, "db/main", RL_FILE_CLEAN);
    lab_start(lab, "db/main", &alice);
    g_assert_cmpuint(image_inode(lab, "db/main", RL_FILE_DIRTY), ==, inode);
    lab_stop(lab, "db/main", &alice, RL_STOP_RETURNED);
    assert_revisions(lab, "db/main", "1");
}

static void
test_what_is_not_there(Lab *lab)
{
    g_autofree char *tree = list_tree(lab->path);
    GError *error = NULL;

    lab_start_fails(lab, "missing", &alice, RL_ERROR_NOT_FOUND, "'missing'");
    lab_start_fails(lab, "a/b/c", &alice, RL_ERROR_NOT_FOUND, "'a/b/c'");
    lab_start_fails(lab, "../a", &alice, RL_ERROR_NAME, "'.'");
    lab_start_fails(lab, "a@7", &alice, RL_ERROR_NAME, "revision");
    g_assert_null(rl_volume_start(lab->pool, "a@current", &alice, 0, &error));
    g_clear_error(&error);
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, tree);
}

/* A domain that only reads and did not start leaves the image to whoever reads it as well. */
static void
test_unstart_leaves_readers(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) first = rl_volume_start(lab->pool, V, &alice, RL_START_READONLY, &error);
    g_assert_no_error(error);
    int reader = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    lab_stop(lab, V, &alice, RL_STOP_NOT_OWNED);
    g_assert_true(rl_volume_unstart(lab->pool, first, &alice, &error));
    g_assert_true(image_is_there(lab, V, RL_FILE_DIRTY));
    close(reader);
    lab_start(lab, V, &bob);
}

static uint64_t
number_of(int fd, const char *key)
{
    uint64_t number;

    g_assert_true(rl_xattr_get_number(fd, key, &number, NULL));
    return number;
}

/* A backup's second name for the clean image: the pool is looked through once. */
static void
test_other_names_are_noted(Lab *lab)
{
    g_autofree char *other = lab_path(lab, "a/other"), *two = lab_path(lab, "a/b/two.img");

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "a/tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_assert_cmpint(link(clean, other), ==, 0);
    rl_autofd int fd = open(clean, O_RDONLY | O_CLOEXEC);
    uint64_t noted = 0;
    for (int i = 0; i < 3; i++) {
        lab_start(lab, V, &alice);
        lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
        g_assert_cmpuint(number_of(fd, RL_ATTR_LINKS), ==, 2);
        if (noted)
            g_assert_cmpuint(number_of(fd, RL_ATTR_LINKS_AT), ==, noted);
        noted = number_of(fd, RL_ATTR_LINKS_AT);
        g_usleep(150 * 1000);
    }
    /* As many names, but another one. */
    g_assert_cmpint(unlink(other), ==, 0);
    g_assert_cmpint(link(clean, two), ==, 0);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "one file & 'a/b/two'");
}

/* Half of the volume is gone: there is no state at rest to read. */
static void
test_no_clean_image(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_assert_cmpint(unlink(clean), ==, 0);
    g_assert_cmpint(rl_content_open(lab->pool, V, false, &error), ==, -1);
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "no clean");

    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_image_owner_clear(fd, NULL));
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    g_assert_false(rl_staged_check_replaceable(volume, &error));
    take_error(error, RL_ERROR_STATE, "no clean");
}

/* A clean image that ends within a sector stays as it is; the domain gets whole ones. */
static void
test_sectors(Lab *lab)
{
    const char *const names[] = {V, "db/main"};
    const RlStop stops[] = {RL_STOP_COMMITTED, RL_STOP_RETURNED};

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    lab_create_kind(lab, "snap", RL_KIND_SNAPSHOT, V, NULL, 0);
    lab_create_kind(lab, "tmp", RL_KIND_VOLATILE, NULL, NULL, 1000);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *clean = lab_file(lab, names[i], RL_FILE_CLEAN);
        set_size(clean, 64 * KIB - 100);
        set_mtime(clean, time(NULL) - 60, 123456789);
    }
    lab_start(lab, "snap", &xen);
    g_assert_cmpint(image_size(lab, "snap", RL_FILE_DIRTY), ==, 64 * KIB);
    lab_start(lab, "tmp", &xen);
    g_assert_cmpint(image_size(lab, "tmp", RL_FILE_DIRTY), ==, 1024);
    for (int i = 0; i < 2; i++) {
        lab_start(lab, V, &xen);
        g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, 64 * KIB);
        lab_stop(lab, V, &xen, RL_STOP_UNWRITTEN);
        g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, 64 * KIB - 100);
        g_assert_true(rl_volume_maintain(lab->pool, V, false, NULL));
        g_assert_cmpint(image_size(lab, V, RL_FILE_PRECACHE), ==, 64 * KIB);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        lab_start(lab, names[i], &xen);
        g_assert_cmpint(image_size(lab, names[i], RL_FILE_DIRTY), ==, 64 * KIB);
        image_is(lab, names[i], RL_FILE_DIRTY, "one");
        image_write(lab, names[i], RL_FILE_DIRTY, "two");
        lab_stop(lab, names[i], &xen, stops[i]);
        g_assert_cmpint(image_size(lab, names[i], RL_FILE_CLEAN), ==, 64 * KIB);
    }
}

/* A leftover is not grown by itself: under Xen its end would be missing, if another driver's run
 * left it. */
static void
test_sectors_of_a_leftover(Lab *lab)
{
    const RlDomainRef *const owners[] = {&alice, &xen};

    for (size_t i = 0; i < G_N_ELEMENTS(owners); i++) {
        g_autofree char *name = g_strdup_printf("v%zu", i);
        g_autofree char *dirty = lab_file(lab, name, RL_FILE_DIRTY);
        lab_create(lab, name, "one", MIB);
        lab_start(lab, name, owners[i]);
        set_size(dirty, 2 * MIB - 100); /* virsh blockresize */
        g_autoptr(RlImageOwner) run = NULL;
        rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDWR);
        g_assert_true(rl_image_owner_get(fd, &run, NULL));
        run->boot_id[0] ^= 1; /* the host lost power */
        g_assert_true(rl_image_owner_put_back(fd, run, NULL));
        rl_fd_close(&fd);
        if (owners[i] == &alice) {
            GError *error = NULL;
            lab_start_fails(lab, name, &xen, RL_ERROR_STATE, "512");
            g_assert_true(rl_volume_resize(lab->pool, name, 2 * MIB - 100, false, &error));
        }
        lab_start(lab, name, &xen);
        g_assert_cmpint(image_size(lab, name, RL_FILE_DIRTY), ==,
                        2 * MIB - (owners[i] == &alice ? 0 : 100));
    }
}

void
add_tests(void)
{
    lab_add("/start/persistent-is-cloned", test_persistent_is_cloned);
    lab_add("/start/dirty-looks-like-clean", test_dirty_looks_like_clean);
    lab_add("/start/precache-is-renamed", test_precache_is_renamed);
    lab_add("/start/stale-precache-is-never-used", test_stale_precache_is_never_used);
    lab_add("/start/second-domain-is-refused", test_second_domain_is_refused);
    lab_add("/start/same-domain-waits-for-itself", test_same_domain_waits_for_itself);
    lab_add("/start/anonymous-writer-is-refused", test_anonymous_writer_is_refused);
    lab_add("/start/one-of-many-wins", test_one_of_many_wins);
    lab_add("/start/snapshot-is-its-source-as-of-now", test_snapshot_is_its_source_as_of_now);
    lab_add("/start/snapshot-precache-follows-the-source",
            test_snapshot_precache_follows_the_source);
    lab_add("/start/larger-snapshot", test_larger_snapshot);
    lab_add("/start/volatile-is-empty", test_volatile_is_empty);
    lab_add("/start/direct-is-renamed", test_direct_is_renamed);
    lab_add("/start/direct-is-unshared", test_direct_is_unshared);
    lab_add("/start/direct-below-an-overlay", test_direct_below_an_overlay);
    lab_add("/start/what-is-not-there", test_what_is_not_there);
    lab_add("/start/unstart-leaves-readers", test_unstart_leaves_readers);
    lab_add("/start/other-names-are-noted", test_other_names_are_noted);
    lab_add("/start/no-clean-image", test_no_clean_image);
    lab_add("/start/sectors", test_sectors);
    lab_add("/start/sectors-of-a-leftover", test_sectors_of_a_leftover);
}
