/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/format/image-overlays.h"
#include "common/operation/stop.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <string.h>

#define V "a/b/private"

static void
test_dirty_becomes_clean(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    ino_t clean = image_inode(lab, V, RL_FILE_CLEAN);
    lab_start(lab, V, &alice);
    ino_t dirty = image_inode(lab, V, RL_FILE_DIRTY);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);

    g_assert_cmpuint(image_inode(lab, V, RL_FILE_CLEAN), ==, dirty);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "one");
    g_autofree char *revision = revision_path(lab, V, "1");
    g_assert_cmpuint(look(revision).st_ino, ==, clean);
    g_assert_cmpuint(look(revision).st_nlink, ==, 1);
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
}

/* The name says when the state was made, not when it was replaced; in UTC. */
static void
test_revision_is_dated(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dir = lab_path(lab, "a/b");

    set_mtime(clean, 1514869567, 999999999);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    assert_list(dir, "private.img private.img.1@2018-01-02T05:06:07Z");
}

static void
remove_revision(Lab *lab, const char *text)
{
    g_autoptr(RlName) name = rl_name_parse(text, NULL);
    GError *error = NULL;

    rl_revision_delete(lab->pool, name, &error);
    g_assert_no_error(error);
}

static void
test_numbers_only_grow(Lab *lab)
{
    lab_create(lab, V, "0", MIB);
    lab_run(lab, V, "1");
    lab_run(lab, V, "2");
    assert_revisions(lab, V, "1 2");
    remove_revision(lab, V "@2");
    remove_revision(lab, V "@1");
    assert_revisions(lab, V, "");
    lab_run(lab, V, "3");
    assert_revisions(lab, V, "3");

    lab_options(lab, 0);
    lab_run(lab, V, "4");
    assert_revisions(lab, V, "");
    lab_options(lab, 2);
    lab_run(lab, V, "5");
    lab_run(lab, V, "6");
    lab_run(lab, V, "7");
    assert_revisions(lab, V, "6 7");
    revision_is(lab, V, "7", "6");
}

/* Where another driver replaced the image our number is lost; then the names on disk decide. */
static void
test_numbers_without_the_attribute(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *old = g_strconcat(clean, ".41@2018-01-02T05:06:07Z", NULL);

    make_file(clean, "adopted");
    make_file(old, "older");
    lab_run(lab, V, "1");
    assert_revisions(lab, V, "41 42");
    revision_is(lab, V, "42", "adopted");
    revision_is(lab, V, "41", "older");
}

static void
test_no_number_is_left(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *old = g_strconcat(clean, ".18446744073709551615@2018-01-02T05:06:07Z", NULL);

    make_file(clean, "adopted");
    make_file(old, "older");
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "new");
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, "number");
    image_is(lab, V, RL_FILE_CLEAN, "adopted");
    image_is(lab, V, RL_FILE_DIRTY, "new");
}

static void
test_unwritten_makes_no_revision(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    ino_t dirty = image_inode(lab, V, RL_FILE_DIRTY);
    for (int i = 0; i < 3; i++) {
        rl_autofd int reader = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
        g_assert_cmpuint(image_inode(lab, V, RL_FILE_PRECACHE), ==, dirty);
        assert_revisions(lab, V, "");
        /* It would read what the next domain writes. */
        rl_fd_close(&reader);
        lab_start(lab, V, &alice);
        g_assert_cmpuint(image_inode(lab, V, RL_FILE_DIRTY), ==, dirty);
    }
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    assert_revisions(lab, V, "1");
}

/* Dates of the clean image that leave a doubt: a guest's write may get, or may have been given, the
 * very same. */
static time_t
doubtful_seconds(int which)
{
    const time_t ago[] = {0, -1000, 3600}; /* just now; the future; long ago */

    return time(NULL) - ago[which];
}

static long
doubtful_nanoseconds(int which)
{
    return which < 2 ? 123456789 : 0; /* a whole second: as backup programs put it back */
}

#define DOUBTS 3

/* Where blocks are shared these tell; elsewhere a doubt means written. */
static void
test_doubt_and_unwritten(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, V, "one", MIB);
    for (int i = 0; i < DOUBTS; i++) {
        set_mtime(clean, doubtful_seconds(i), doubtful_nanoseconds(i));
        lab_start(lab, V, &alice);
        lab_stop(lab, V, &alice, lab->reflinks ? RL_STOP_UNWRITTEN : RL_STOP_COMMITTED);
    }
    set_mtime(clean, time(NULL) - 3, 123456789);
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
    assert_revisions(lab, V, lab->reflinks ? "" : "1 2 3");
}

/* The date is that of the clean image again after the guest has written. */
static void
test_doubt_and_written(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create(lab, V, "one", MIB);
    for (int i = 0; i < DOUBTS; i++) {
        g_autofree char *text = g_strdup_printf("order %d", i);
        set_mtime(clean, doubtful_seconds(i), doubtful_nanoseconds(i));
        lab_start(lab, V, &alice);
        image_write(lab, V, RL_FILE_DIRTY, text);
        set_mtime(dirty, look(clean).st_mtim.tv_sec, look(clean).st_mtim.tv_nsec);
        lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
        image_is(lab, V, RL_FILE_CLEAN, text);
    }
    assert_revisions(lab, V, "1 2 3");
}

/* A hole, a block behind the end of the data, a block like the one that was there. */
static void
test_doubt_and_little_written(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create(lab, V, "one", MIB);
    for (int i = 0; i < 3; i++) {
        set_mtime(clean, time(NULL) - 3600, 0);
        lab_start(lab, V, &alice);
        {
            rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
            if (i == 0)
                g_assert_cmpint(
                    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 32 * KIB, 4 * KIB),
                    ==, 0);
            else
                g_assert_cmpint(pwrite(fd, "c", 1, i == 1 ? (off_t) MIB - 1 : 1000), ==, 1);
        }
        set_mtime(dirty, look(clean).st_mtim.tv_sec, 0);
        lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    }
    assert_revisions(lab, V, "1 2 3");
}

/* The host lost power since: what is on disk of the date may be older than the data. */
static void
test_doubt_after_a_crash(Lab *lab)
{
    for (int written = 0; written < 2; written++) {
        g_autofree char *name = g_strdup_printf("v%d", written);
        g_autofree char *clean = lab_file(lab, name, RL_FILE_CLEAN);
        g_autofree char *dirty = lab_file(lab, name, RL_FILE_DIRTY);
        lab_create(lab, name, "one", MIB);
        lab_start(lab, name, &alice);
        rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDWR);
        g_autoptr(RlImageOwner) run = NULL;
        g_assert_true(rl_image_owner_get(fd, &run, NULL));
        run->boot_id[0] ^= 1;
        g_assert_true(rl_image_owner_put_back(fd, run, NULL));
        rl_fd_close(&fd);
        if (written)
            image_write(lab, name, RL_FILE_DIRTY, "two");
        set_mtime(dirty, look(clean).st_mtim.tv_sec, look(clean).st_mtim.tv_nsec);
        lab_stop(lab, name, NULL,
                 written || !lab->reflinks ? RL_STOP_COMMITTED : RL_STOP_UNWRITTEN);
    }
}

/* Of a snapshot: what would be the next start's precache has the guest's writes in it. */
static void
test_doubt_about_a_snapshot(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, "t/root", RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, "a/root", RL_FILE_DIRTY);

    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 2 * MIB);
    set_mtime(clean, time(NULL) - 3600, 0);
    lab_start(lab, "a/root", &xen);
    lab_stop(lab, "a/root", &xen, lab->reflinks ? RL_STOP_UNWRITTEN : RL_STOP_DROPPED);
    lab_start(lab, "a/root", &xen);
    image_write(lab, "a/root", RL_FILE_DIRTY, "virus");
    set_mtime(dirty, look(clean).st_mtim.tv_sec, 0);
    lab_stop(lab, "a/root", &xen, RL_STOP_DROPPED);
}

/* The smallest traces of a write: a size, a date's nanosecond. */
static void
test_every_trace_counts(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    struct stat st = look(dirty);
    set_mtime(dirty, st.st_mtim.tv_sec, st.st_mtim.tv_nsec + 1);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);

    set_mtime(clean, time(NULL) - 60, 7);
    lab_start(lab, V, &alice);
    st = look(dirty);
    set_size(dirty, MIB + 1);
    set_mtime(dirty, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    assert_revisions(lab, V, "1 2");
}

static void
test_leftover_counts_as_written(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    assert_revisions(lab, V, "1");
}

static void
test_open_for_writing_is_refused(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_autofree char *before = list_tree(lab->path);
    {
        rl_autofd int writer = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
        lab_stop_fails(lab, V, &alice, RL_ERROR_BUSY, "'a/b/private'");
        lab_stop_fails(lab, V, NULL, RL_ERROR_BUSY, "dirty image open");
        g_autofree char *after = list_tree(lab->path);
        g_assert_cmpstr(after, ==, before);
    }
    rl_autofd int reader = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(GError) error = NULL;
    RlStop stop;
    g_assert_false(rl_volume_stop(lab->pool, V, NULL, &stop, &error));
    g_assert_true(g_error_matches(error, RL_ERROR, RL_ERROR_BUSY));
    g_assert_null(strstr(error->message, "writing")); /* nobody has it so */
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

static void
test_whose_it_is(Lab *lab)
{
    RlDomainRef namesake = {.driver = "libxl", .uuid = alice.uuid, .name = alice.name};

    lab_create(lab, V, "one", MIB);
    lab_stop(lab, V, &alice, RL_STOP_NOTHING);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &bob, RL_STOP_NOT_OWNED);
    lab_stop(lab, V, &namesake, RL_STOP_NOT_OWNED);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, "started");
    image_is(lab, V, RL_FILE_DIRTY, "two");
    RlDomainRef by_hand = {.driver = RL_OWNER_BY_HAND, .uuid = alice.uuid, .name = "by hand"};
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    lab_start(lab, V, &by_hand);
    image_write(lab, V, RL_FILE_DIRTY, "three");
    lab_stop(lab, V, NULL, RL_STOP_COMMITTED);
    lab_stop_fails(lab, "missing", &alice, RL_ERROR_NOT_FOUND, "'missing'");
}

static void
test_snapshot_is_dropped(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a");

    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_start(lab, "a/root", &alice);
    image_write(lab, "a/root", RL_FILE_DIRTY, "mine");
    lab_stop(lab, "a/root", &alice, RL_STOP_DROPPED);
    assert_list(dir, "root.img~ root.volume.xml");
    image_is(lab, "t/root", RL_FILE_CLEAN, "one");
    assert_revisions(lab, "a/root", "");
    rl_volume_maintain(lab->pool, "a/root", false, NULL);
    assert_list(dir, "root-precache.img root.volume.xml");
}

/* A device model that owns the image could set its date back: then the date says nothing. */
static void
test_unwritten_snapshot(Lab *lab)
{
    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 2 * MIB);
    lab_start(lab, "a/root", &alice);
    lab_stop(lab, "a/root", &alice, RL_STOP_DROPPED);
    lab_start(lab, "a/root", &xen);
    ino_t inode = image_inode(lab, "a/root", RL_FILE_DIRTY);
    lab_stop(lab, "a/root", &xen, RL_STOP_UNWRITTEN);
    lab_start(lab, "a/root", &xen);
    g_assert_cmpuint(image_inode(lab, "a/root", RL_FILE_DIRTY), ==, inode);
}

/* What an administrator started, a domain of any driver may have had. */
static void
test_unwritten_snapshot_by_hand(Lab *lab)
{
    const RlDomainRef by_hand = {.driver = RL_OWNER_BY_HAND, .uuid = alice.uuid, .name = "by hand"};

    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 2 * MIB);
    lab_start(lab, "a/root", &by_hand);
    lab_stop(lab, "a/root", NULL, RL_STOP_DROPPED);
}

/* Its domain ends, and another one that is off has an overlay on the image. */
static void
test_below_another(Lab *lab)
{
    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 2 * MIB);
    lab_create(lab, V, "one", MIB);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "a/root" : V;
        lab_start(lab, name, &alice);
        image_write(lab, name, RL_FILE_DIRTY, "two");
        {
            rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
            g_assert_true(rl_overlays_add(fd, &alice, NULL));
            g_assert_true(rl_overlays_add(fd, &bob, NULL));
        }
        lab_stop(lab, name, &alice, RL_STOP_HELD);
        image_is(lab, name, RL_FILE_DIRTY, "two");
    }
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* Unwritten, but its source is another one by now: nothing to keep. */
static void
test_outdated_snapshot_is_dropped(Lab *lab)
{
    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_start(lab, "a/root", &xen);
    lab_run(lab, "t/root", "two");
    lab_stop(lab, "a/root", &xen, RL_STOP_DROPPED);
}

static void
test_volatile_keeps_its_size_only(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, "tmp", RL_FILE_DIRTY);

    lab_create_kind(lab, "tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_start(lab, "tmp", &alice);
    write_at(dirty, 0, "secret");
    set_size(dirty, 2 * MIB);
    lab_stop(lab, "tmp", &alice, RL_STOP_DROPPED);
    lab_start(lab, "tmp", &alice);
    g_assert_cmpint(image_size(lab, "tmp", RL_FILE_DIRTY), ==, 2 * MIB);
    image_is(lab, "tmp", RL_FILE_DIRTY, "");
}

static void
test_direct_returns(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "db");

    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    ino_t inode = image_inode(lab, "db/main", RL_FILE_CLEAN);
    for (int i = 0; i < 2; i++) {
        lab_start(lab, "db/main", &alice);
        image_write(lab, "db/main", RL_FILE_DIRTY, i ? "three" : "two");
        lab_stop(lab, "db/main", &alice, RL_STOP_RETURNED);
        assert_list(dir, "main.img main.volume.xml");
    }
    g_assert_cmpuint(image_inode(lab, "db/main", RL_FILE_CLEAN), ==, inode);
    image_is(lab, "db/main", RL_FILE_CLEAN, "three");
}

/* What was said of the dirty image is not said of the clean one. */
static void
test_clean_image_has_no_run(Lab *lab)
{
    const char *const keys[] = {RL_ATTR_RUN, RL_ATTR_HOLD, RL_ATTR_BASE, RL_ATTR_BASE_DATE,
                                RL_ATTR_MADE};
    const char *const names[] = {V, "db/main"};

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    for (size_t n = 0; n < G_N_ELEMENTS(names); n++) {
        lab_start(lab, names[n], &alice);
        image_write(lab, names[n], RL_FILE_DIRTY, "two");
        lab_stop(lab, names[n], &alice, n ? RL_STOP_RETURNED : RL_STOP_COMMITTED);
        rl_autofd int fd = image_open(lab, names[n], RL_FILE_CLEAN, O_RDONLY);
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
            g_autofree char *value = NULL;
            g_assert_true(rl_xattr_get(fd, keys[i], &value, NULL));
            g_assert_null(value);
        }
    }
}

int
main(int argc, char **argv)
{
    g_setenv("TZ", "Asia/Kathmandu", TRUE);
    g_test_init(&argc, &argv, NULL);
    lab_add("/stop/dirty-becomes-clean", test_dirty_becomes_clean);
    lab_add("/stop/revision-is-dated", test_revision_is_dated);
    lab_add("/stop/numbers-only-grow", test_numbers_only_grow);
    lab_add("/stop/numbers-without-the-attribute", test_numbers_without_the_attribute);
    lab_add("/stop/no-number-is-left", test_no_number_is_left);
    lab_add("/stop/unwritten-makes-no-revision", test_unwritten_makes_no_revision);
    lab_add("/stop/doubt-and-unwritten", test_doubt_and_unwritten);
    lab_add("/stop/doubt-and-written", test_doubt_and_written);
    lab_add("/stop/doubt-and-little-written", test_doubt_and_little_written);
    lab_add("/stop/doubt-after-a-crash", test_doubt_after_a_crash);
    lab_add("/stop/doubt-about-a-snapshot", test_doubt_about_a_snapshot);
    lab_add("/stop/every-trace-counts", test_every_trace_counts);
    lab_add("/stop/leftover-counts-as-written", test_leftover_counts_as_written);
    lab_add("/stop/open-for-writing-is-refused", test_open_for_writing_is_refused);
    lab_add("/stop/whose-it-is", test_whose_it_is);
    lab_add("/stop/snapshot-is-dropped", test_snapshot_is_dropped);
    lab_add("/stop/unwritten-snapshot", test_unwritten_snapshot);
    lab_add("/stop/unwritten-snapshot-by-hand", test_unwritten_snapshot_by_hand);
    lab_add("/stop/below-another", test_below_another);
    lab_add("/stop/outdated-snapshot-is-dropped", test_outdated_snapshot_is_dropped);
    lab_add("/stop/volatile-keeps-its-size-only", test_volatile_keeps_its_size_only);
    lab_add("/stop/direct-returns", test_direct_returns);
    lab_add("/stop/clean-image-has-no-run", test_clean_image_has_no_run);
    return g_test_run();
}
