/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A volume at rest gets the same image in large extents. To all who noted which image it was, it is
 * that one still; nothing that is shared, or in use, is touched. */
#include "common/operation/defragment.h"

#include "common/base/autofd.h"
#include "common/format/image-base.h"
#include "common/format/image-id.h"
#include "common/format/image-mark.h"
#include "common/format/state-id.h"
#include "common/fs/fragmentation.h"
#include "common/fs/readers.h"
#include "common/fs/xattr.h"
#include "common/operation/maintenance.h"
#include "common/operation/precache.h"
#include "harness/disturb.h"
#include "harness/scatter.h"
#include "harness/sending.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define V "a/b/private"
#define SIZE (2 * MIB)

static const RlDefragment usual = {.rule = {.limit = MIB}};
static const RlDefragment unsharing = {.rule = {.limit = MIB, .unshare = true}};

/* Its clean image, closed by the caller, is @length bytes of fragments from @start on; it is dated
 * a minute back. */
static void
scatter_clean(Lab *lab, const char *name, uint64_t start, uint64_t length)
{
    g_autofree char *bytes = g_malloc(length), *path = lab_file(lab, name, RL_FILE_CLEAN);
    rl_autofd int fd = image_open(lab, name, RL_FILE_CLEAN, O_RDWR);
    GError *error = NULL;

    for (uint64_t i = 0; i < length; i++)
        bytes[i] = (char) ((start + i) / 512 + i % 251);
    memcpy(bytes, "text", 5);
    g_assert_cmpint(pwrite(fd, bytes, length, (off_t) start), ==, (gssize) length);
    g_assert_cmpint(fsync(fd), ==, 0);
    scatter(fd, start, length, &error);
    g_assert_no_error(error);
    set_mtime(path, time(NULL) - 60, 123456789);
}

static void
make_fragmented(Lab *lab, const char *name)
{
    lab_create(lab, name, "text", SIZE);
    scatter_clean(lab, name, 0, MIB);
}

static void
maintain(Lab *lab, const char *name)
{
    GError *error = NULL;

    rl_volume_maintain(lab->pool, name, true, &error);
    g_assert_no_error(error);
}

static RlDefragmented
defragment(Lab *lab, const char *name, const RlDefragment *how)
{
    RlDefragmented found = {0};
    GError *error = NULL;
    bool done = rl_volume_defragment(lab->pool, name, how, &found, &error);

    g_assert_no_error(error);
    g_assert_true(done);
    return found;
}

static void
refused(Lab *lab, const char *name, int code, const char *words)
{
    RlDefragmented found;
    GError *error = NULL;

    g_assert_false(rl_volume_defragment_plan(lab->pool, name, &usual, &found, &error));
    take_error(error, code, words);
    error = NULL;
    g_assert_false(rl_volume_defragment(lab->pool, name, &usual, &found, &error));
    take_error(error, code, words);
}

static char *
content(Lab *lab, const char *name, RlFileRole role)
{
    g_autofree char *path = lab_file(lab, name, role);

    return read_at(path, 0, SIZE);
}

static uint64_t
extents(Lab *lab, const char *name, RlFileRole role)
{
    rl_autofd int fd = image_open(lab, name, role, O_RDONLY);

    return scatter_count(fd);
}

static RlStateId
state_of(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_CLEAN, O_RDONLY);
    RlStateId state = {0};

    g_assert_true(rl_state_id_get(fd, &state, NULL));
    return state;
}

static uint64_t
shared_bytes(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_CLEAN, O_RDONLY);
    RlFragmentation found;

    g_assert_true(rl_fragmentation_get(fd, NULL, &found, NULL));
    return found.shared;
}

static void
assert_no_litter(Lab *lab)
{
    g_autofree char *files = list_tree(lab->path);

    g_assert_null(strstr(files, ".img~"));
}

/* The precache shares all blocks with the clean image; that is no reason to leave these. */
static void
test_stopped(Lab *lab)
{
    make_fragmented(lab, V);
    maintain(lab, V);
    g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
    g_assert_cmpint(shared_bytes(lab, V), >=, MIB);
    g_autofree char *before = content(lab, V, RL_FILE_CLEAN),
                    *path = lab_file(lab, V, RL_FILE_CLEAN);
    rl_autofd int reader = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    struct stat was = look(path);
    RlStateId state = state_of(lab, V);

    RlDefragmented found = defragment(lab, V, &usual);
    g_assert_cmpint(found.ranges, ==, 1);
    g_assert_cmpint(found.plan.bytes, ==, MIB);
    g_assert_cmpint(found.plan.extents, >=, 256);
    g_assert_cmpint(found.after, <=, 8);
    g_assert_cmpint(extents(lab, V, RL_FILE_CLEAN), ==, found.after);
    g_autofree char *after = content(lab, V, RL_FILE_CLEAN), *old = g_malloc(SIZE);
    g_assert_cmpint(memcmp(before, after, SIZE), ==, 0);
    g_assert_cmpint(pread(reader, old, SIZE, 0), ==, SIZE); /* who reads the old one keeps it */
    g_assert_cmpint(memcmp(before, old, SIZE), ==, 0);
    struct stat is = look(path);
    g_assert_cmpint(is.st_ino, !=, was.st_ino);
    g_assert_cmpint(is.st_mtim.tv_sec, ==, was.st_mtim.tv_sec);
    g_assert_cmpint(is.st_mtim.tv_nsec, ==, was.st_mtim.tv_nsec);
    g_assert_cmpint(is.st_mode, ==, was.st_mode);
    RlStateId state_after = state_of(lab, V);
    g_assert_true(rl_state_id_same(&state, &state_after));
    assert_revisions(lab, V, "");
    g_assert_false(image_is_there(lab, V, RL_FILE_PRECACHE));
    assert_no_litter(lab);
    found = defragment(lab, V, &usual);
    g_assert_cmpint(found.ranges, ==, 0);
}

/* The next start is quick, and what it does not write counts as not written. */
static void
test_next_runs(Lab *lab)
{
    make_fragmented(lab, V);
    maintain(lab, V);
    defragment(lab, V, &usual);
    maintain(lab, V);
    g_assert_cmpint(extents(lab, V, RL_FILE_PRECACHE), <=, 8);
    ino_t inode = image_inode(lab, V, RL_FILE_PRECACHE);
    lab_start(lab, V, &alice);
    g_assert_cmpint(image_inode(lab, V, RL_FILE_DIRTY), ==, inode);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
    assert_revisions(lab, V, "");
    lab_run(lab, V, "more");
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "text");
    image_is(lab, V, RL_FILE_CLEAN, "more");
}

/* A snapshot that runs was started from this very state. */
static void
test_snapshots(Lab *lab)
{
    RlImageBase base = {0};
    g_autofree char *id = NULL;

    make_fragmented(lab, V);
    lab_create_kind(lab, "a/b/root", RL_KIND_SNAPSHOT, V, NULL, SIZE);
    lab_start(lab, "a/b/root", &alice);
    RlDefragmented found = defragment(lab, V, &usual);
    g_assert_cmpint(found.ranges, ==, 0);
    g_assert_cmpint(found.plan.left, >=, 256);
    found = defragment(lab, V, &unsharing);
    g_assert_cmpint(found.plan.shared, ==, MIB);
    rl_autofd int dirty = image_open(lab, "a/b/root", RL_FILE_DIRTY, O_RDONLY);
    rl_autofd int clean = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    struct stat st;
    g_assert_true(rl_image_base_get(dirty, &base, NULL) && rl_image_id_get(clean, &id, NULL));
    g_assert_cmpint(fstat(clean, &st), ==, 0);
    g_assert_cmpstr(base.id, ==, id);
    g_assert_true(rl_image_base_is(&base, id, &st));
    rl_image_base_free_members(&base);
    g_autofree char *is = content(lab, "a/b/root", RL_FILE_DIRTY),
                    *was = content(lab, V, RL_FILE_CLEAN);
    g_assert_cmpint(memcmp(is, was, SIZE), ==, 0);
    lab_stop(lab, "a/b/root", &alice, RL_STOP_DROPPED);
    maintain(lab, "a/b/root");
    lab_start(lab, "a/b/root", &alice);
    image_is(lab, "a/b/root", RL_FILE_DIRTY, "text");
}

static void
test_named_revision_stays_shared(Lab *lab)
{
    make_fragmented(lab, V);
    send_label(lab, V, V "@named");
    RlDefragmented found = defragment(lab, V, &usual);
    g_assert_cmpint(found.ranges, ==, 0);
    g_assert_cmpint(found.plan.left, >=, 256);
    scatter_clean(lab, V, MIB / 2, MIB); /* half of that is new */
    uint64_t shared = shared_bytes(lab, V);
    g_autofree char *before = content(lab, V, RL_FILE_CLEAN);
    found = defragment(lab, V, &usual);
    g_assert_cmpint(found.plan.bytes, ==, MIB);
    g_assert_cmpint(found.plan.shared, ==, 0);
    g_assert_cmpint(shared_bytes(lab, V), ==, shared);
    g_autofree char *after = content(lab, V, RL_FILE_CLEAN);
    g_assert_cmpint(memcmp(before, after, SIZE), ==, 0);
    found = defragment(lab, V, &unsharing);
    g_assert_cmpint(found.plan.shared, ==, MIB / 2);
    g_autofree char *unshared = content(lab, V, RL_FILE_CLEAN);
    g_assert_cmpint(memcmp(before, unshared, SIZE), ==, 0);
    g_assert_cmpint(extents(lab, V, RL_FILE_CLEAN), <=, 8);
    revision_is(lab, V, "named", "text");
    assert_revisions(lab, V, "named");
}

/* Nothing says which name a backup's link has, or a commit's that was cut off: no two images get
 * one id. */
static void
test_second_name(Lab *lab)
{
    make_fragmented(lab, V);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *other = lab_path(lab, "backup");
    g_autofree char *before = content(lab, V, RL_FILE_CLEAN);
    RlStateId state = state_of(lab, V);
    g_assert_cmpint(link(clean, other), ==, 0);
    struct stat was = look(clean);
    defragment(lab, V, &usual);
    RlStateId now = state_of(lab, V);
    g_assert_false(rl_state_id_same(&state, &now));
    g_assert_cmpint(look(other).st_ino, ==, was.st_ino);
    g_assert_cmpint(look(clean).st_mtim.tv_sec, ==, was.st_mtim.tv_sec);
    g_autofree char *kept = read_at(other, 0, SIZE), *after = content(lab, V, RL_FILE_CLEAN);
    g_assert_cmpint(memcmp(before, kept, SIZE), ==, 0);
    g_assert_cmpint(memcmp(before, after, SIZE), ==, 0);
}

/* As which state it was received still counts: the next stream of changes fits. */
static void
test_received(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, SENT, "text", SIZE);
    scatter_clean(lab, SENT, 0, MIB);
    send_label(lab, SENT, SENT "@first");
    send_move(lab, SENT "@first", NULL, SENT_COPY);
    {
        rl_autofd int fd = image_open(lab, SENT_COPY, RL_FILE_CLEAN, O_RDWR);
        g_autofree char *path = lab_file(lab, SENT_COPY, RL_FILE_CLEAN);
        struct stat st = look(path);
        scatter(fd, 0, MIB, &error);
        g_assert_no_error(error);
        set_mtime(path, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
    defragment(lab, SENT_COPY, &usual);
    defragment(lab, SENT, &unsharing);
    lab_run(lab, SENT, "more");
    send_move(lab, SENT, SENT "@first", SENT_COPY);
    send_same_volumes(lab);
}

static void
test_direct(Lab *lab)
{
    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "text", SIZE);
    scatter_clean(lab, V, 0, MIB);
    defragment(lab, V, &usual);
    g_assert_cmpint(extents(lab, V, RL_FILE_CLEAN), <=, 8);
    lab_start(lab, V, &alice);
    refused(lab, V, RL_ERROR_STATE, "'a/b/private' & running");
}

static void
test_refused(Lab *lab)
{
    refused(lab, V, RL_ERROR_NOT_FOUND, "'a/b/private'");
    make_fragmented(lab, V);
    lab_create_kind(lab, "a/b/root", RL_KIND_SNAPSHOT, V, NULL, SIZE);
    refused(lab, "a/b/root", RL_ERROR_UNSUPPORTED, "'a/b/root' & snapshot volume");
    lab_create_kind(lab, "a/b/scratch", RL_KIND_VOLATILE, NULL, NULL, SIZE);
    refused(lab, "a/b/scratch", RL_ERROR_UNSUPPORTED, "'a/b/scratch' & volatile volume");

    rl_autofd int clean = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    bool set;
    g_assert_true(rl_xattr_set_new(clean, RL_ATTR_LAYER, "1", &set, NULL));
    refused(lab, V, RL_ERROR_STATE, "'a/b/private' & overlay");
    g_assert_true(rl_xattr_remove(clean, RL_ATTR_LAYER, NULL));

    /* Of a domain that reads it, which may be saved, the inode is noted. */
    struct stat st;
    char file[RL_READERS_FILE_SIZE];
    g_assert_no_errno(fstat(clean, &st));
    rl_readers_file(st.st_dev, st.st_ino, file);
    g_autofree char *list = g_build_filename(RL_READERS_DIR, file, NULL);
    g_assert_no_errno(g_mkdir_with_parents(RL_READERS_DIR, 0700));
    make_file(list, "");
    refused(lab, V, RL_ERROR_BUSY, "'a/b/private' & reads");
    g_assert_no_errno(unlink(list));

    lab_start(lab, V, &alice);
    refused(lab, V, RL_ERROR_STATE, "'a/b/private' & running");
    {
        rl_autofd int dirty = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        g_assert_true(rl_mark_set(dirty, RL_MARK_SAVED, NULL));
        refused(lab, V, RL_ERROR_STATE, "'a/b/private' & saved");
        g_assert_true(rl_mark_set(dirty, RL_MARK_SUSPECT, NULL));
        refused(lab, V, RL_ERROR_STATE, "'a/b/private' & suspect");
        g_assert_true(rl_mark_clear(dirty, NULL));
    }
    lab_crash(lab, V);
    refused(lab, V, RL_ERROR_STATE, "'a/b/private' & leftover");
    g_assert_cmpint(extents(lab, V, RL_FILE_CLEAN), >=, 256);
    assert_no_litter(lab);
}

static void
test_written_to(Lab *lab)
{
    RlDefragmented found;
    GError *error = NULL;

    make_fragmented(lab, V);
    rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    g_assert_cmpint(writer, >=, 0);
    g_assert_false(rl_volume_defragment(lab->pool, V, &usual, &found, &error));
    take_error(error, RL_ERROR_BUSY, "'a/b/private'");
}

static void
start_it(uint64_t at, uint64_t size, uint64_t moved, void *data)
{
    (void) size, (void) moved;
    if (at == MIB) /* all is copied */
        lab_start(data, V, &alice);
}

static void
test_started_meanwhile(Lab *lab)
{
    const RlDefragment how = {.rule = usual.rule, .progress = {start_it, lab}};
    RlDefragmented found;
    GError *error = NULL;

    make_fragmented(lab, V);
    ino_t inode = image_inode(lab, V, RL_FILE_CLEAN);
    g_assert_false(rl_volume_defragment(lab->pool, V, &how, &found, &error));
    take_error(error, RL_ERROR_BUSY, "'a/b/private' & meanwhile & stays as it was");
    g_assert_cmpint(image_inode(lab, V, RL_FILE_CLEAN), ==, inode);
    image_write(lab, V, RL_FILE_DIRTY, "run ");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "run ");
    revision_is(lab, V, "1", "text");
    assert_no_litter(lab);
}

static void
try_turn(uint64_t at, uint64_t size, uint64_t moved, void *data)
{
    Lab *lab = data;
    GError *error = NULL;

    (void) size, (void) moved;
    if (at != MIB)
        return;
    RlLock *turn =
        rl_lock_take(lab->pool->dev, lab->pool->ino, V "~maintenance", "a test", 1, &error);
    g_assert_null(turn);
    take_error(error, RL_ERROR_BUSY, "maintenance");
}

/* Nobody makes a precache while blocks are moved. */
static void
test_has_the_turn(Lab *lab)
{
    const RlDefragment how = {.rule = usual.rule, .progress = {try_turn, lab}};

    make_fragmented(lab, V);
    defragment(lab, V, &how);
    maintain(lab, V);
    g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
}

static void
start_and_stop_it(uint64_t at, uint64_t size, uint64_t moved, void *data)
{
    Lab *lab = data;

    (void) size, (void) moved;
    if (at != MIB)
        return;
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
    g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
}

/* A run that wrote nothing leaves its image as the precache, in the old blocks. */
static void
test_precache_comes_meanwhile(Lab *lab)
{
    const RlDefragment how = {.rule = usual.rule, .progress = {start_and_stop_it, lab}};

    make_fragmented(lab, V);
    defragment(lab, V, &how);
    g_assert_cmpint(extents(lab, V, RL_FILE_CLEAN), <=, 8);
    g_assert_false(image_is_there(lab, V, RL_FILE_PRECACHE));
    maintain(lab, V);
    g_assert_cmpint(extents(lab, V, RL_FILE_PRECACHE), <=, 8);
    assert_no_litter(lab);
}

/* The precache is another volume's dirty image as well, by a mistake of an administrator. */
static void
test_linked_precache(Lab *lab)
{
    make_fragmented(lab, V);
    maintain(lab, V);
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE), *other = lab_path(lab, "other");
    g_assert_cmpint(link(precache, other), ==, 0);
    RlDefragmented found = defragment(lab, V, &usual);
    g_assert_cmpint(found.ranges, ==, 0);
    g_autofree char *kept = read_at(other, 0, 5);
    g_assert_cmpstr(kept, ==, "text");
}

static void
test_no_reflinks(Lab *lab)
{
    lab_create(lab, V, "text", SIZE);
    refused(lab, V, RL_ERROR_UNSUPPORTED, "XFS & btrfs");
}

void
add_tests(void)
{
    lab_add_on("/defragment-volume/stopped", "xfs btrfs", test_stopped);
    lab_add_on("/defragment-volume/next-runs", "xfs btrfs", test_next_runs);
    lab_add_on("/defragment-volume/snapshots", "xfs btrfs", test_snapshots);
    lab_add_on("/defragment-volume/named-revision-stays-shared", "xfs btrfs",
               test_named_revision_stays_shared);
    lab_add_on("/defragment-volume/second-name", "xfs btrfs", test_second_name);
    lab_add_on("/defragment-volume/received", "xfs btrfs", test_received);
    lab_add_on("/defragment-volume/direct", "xfs btrfs", test_direct);
    lab_add_on("/defragment-volume/refused", "xfs btrfs", test_refused);
    lab_add_on("/defragment-volume/written-to", "xfs btrfs", test_written_to);
    lab_add_on("/defragment-volume/started-meanwhile", "xfs btrfs", test_started_meanwhile);
    lab_add_on("/defragment-volume/has-the-turn", "xfs btrfs", test_has_the_turn);
    lab_add_on("/defragment-volume/precache-comes-meanwhile", "xfs btrfs",
               test_precache_comes_meanwhile);
    lab_add_on("/defragment-volume/linked-precache", "xfs btrfs", test_linked_precache);
    lab_add_on("/defragment-volume/no-reflinks", "ext4", test_no_reflinks);
}
