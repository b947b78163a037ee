/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* The file system of a pool is lost and mounted once more while a run is on, in one boot of the
 * host: the dates of its images may be older than their data, and what was written may be lost. */
#include "common/base/autofd.h"
#include "common/format/image-made.h"
#include "common/format/image-save.h"
#include "common/format/lost-writes-note.h"
#include "common/fs/mounting.h"
#include "common/image/lost-write-witness.h"
#include "common/operation/claim.h"
#include "common/operation/maintenance.h"
#include "common/operation/pool-build.h"
#include "common/operation/save.h"
#include "harness/lab.h"
#include "xml/documents.h"

#include <fcntl.h>
#include <linux/types.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define V "a/b/private"
/* XFS_IOC_GOINGDOWN and EXT4_IOC_SHUTDOWN are the same; 2: without a flush of the log. */
#define SHUT_DOWN _IOR('X', 125, __u32)
#define NO_LOG_FLUSH 2

/* A file system in a file, and a pool on it. */
typedef struct {
    Lab lab;
    char *file, *dir;
    char *devices[2]; /* of the mounts */
    int mounted;
} Inner;

G_GNUC_PRINTF(1, 2) static char *run(const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    char *out = NULL;
    int status;
    va_list args;

    va_start(args, format);
    g_autofree char *line = g_strdup_vprintf(format, args);
    va_end(args);
    g_assert_true(g_spawn_command_line_sync(line, &out, NULL, &status, &error));
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
    return g_strchomp(out);
}

/* By a device of its own each time, as a disk that comes back. */
static void
inner_mount(Inner *inner)
{
    char *device = run("losetup -f --show '%s'", inner->file);
    bool xfs = g_str_equal(inner->lab.fs, "xfs");

    g_free(run("mount %s %s '%s'", xfs ? "-o nouuid" : "", device, inner->dir));
    inner->devices[inner->mounted++] = device;
}

static void
inner_unmount(Inner *inner)
{
    g_clear_pointer(&inner->lab.pool, rl_pool_close);
    g_assert_cmpint(umount2(inner->dir, MNT_DETACH), ==, 0);
}

static void
inner_open(Inner *inner, Lab *outer)
{
    RlAccess access = {(mode_t) -1, (uid_t) -1, (gid_t) -1};
    GError *error = NULL;

    *inner = (Inner){.lab = {.fs = outer->fs, .reflinks = outer->reflinks}};
    g_autofree char *beside = test_dir(outer->fs);
    inner->file = g_build_filename(beside, "fs.img", NULL);
    inner->dir = g_build_filename(beside, "inner", NULL);
    inner->lab.path = g_build_filename(inner->dir, "pool", NULL);
    make_file(inner->file, "");
    set_size(inner->file, 320 * (off_t) MIB);
    g_free(run("mkfs.%s -q '%s'", outer->fs, inner->file));
    g_assert_cmpint(mkdir(inner->dir, 0755), ==, 0);
    inner_mount(inner);
    rl_pool_build(inner->lab.path, outer->pool->options, &access, rl_xml_documents(), &error);
    g_assert_no_error(error);
    inner->lab.pool = lab_pool(&inner->lab);
}

static void
inner_close(Inner *inner)
{
    inner_unmount(inner);
    for (int i = 0; i < inner->mounted; i++) {
        g_free(run("losetup -d %s", inner->devices[i]));
        g_free(inner->devices[i]);
    }
    g_assert_cmpint(unlink(inner->file), ==, 0);
    g_assert_cmpint(rmdir(inner->dir), ==, 0);
    g_free(inner->file);
    g_free(inner->dir);
    g_free(inner->lab.path);
}

static void
inner_remount(Inner *inner)
{
    inner_unmount(inner);
    inner_mount(inner);
    inner->lab.pool = lab_pool(&inner->lab);
}

/* As fdatasync(2) leaves it before a power cut: the data is new and the date is not. */
static void
write_without_date(Lab *lab, const char *text)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    struct stat before = look(dirty);

    image_write(lab, V, RL_FILE_DIRTY, text);
    set_mtime(dirty, before.st_mtim.tv_sec, before.st_mtim.tv_nsec);
}

static void
test_id(Lab *outer)
{
    Inner inner;

    inner_open(&inner, outer);
    uint64_t first = rl_mounting_id(inner.lab.pool->root);
    g_assert_cmpuint(first, !=, 0);
    g_assert_cmpuint(first, ==, rl_mounting_id(inner.lab.pool->root));
    inner_remount(&inner);
    g_assert_cmpuint(rl_mounting_id(inner.lab.pool->root), !=, 0);
    g_assert_cmpuint(rl_mounting_id(inner.lab.pool->root), !=, first);
    inner_close(&inner);
}

static void
test_flushed_writes(Lab *outer)
{
    for (int written = 0; written < 2; written++) {
        Inner inner;
        inner_open(&inner, outer);
        lab_create(&inner.lab, V, "one", MIB);
        lab_start(&inner.lab, V, &alice);
        if (written)
            write_without_date(&inner.lab, "two");
        inner_remount(&inner);
        lab_stop(&inner.lab, V, &alice,
                 written || !outer->reflinks ? RL_STOP_COMMITTED : RL_STOP_UNWRITTEN);
        image_is(&inner.lab, V, RL_FILE_CLEAN, written ? "two" : "one");
        inner_close(&inner);
    }
}

static void
restore(Lab *lab, const RlMemory *memory, GError **error)
{
    RlDomainRef owner = alice;

    owner.memory = memory;
    g_assert_true(rl_volume_announce_restore(lab->pool, V, &owner, NULL));
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, V, &owner, RL_START_RESTORED, error);
    if (started)
        g_assert_true(rl_volume_confirm(lab->pool, V, &alice, NULL));
}

/* A restored domain writes and flushes; its old memory does not fit any more, whatever the date
 * says: after a power cut, and where the file system was mounted once more. */
static void
test_memory(Lab *outer)
{
    const RlMemory monday = {.digest = (char *) "aaaa", .save = (char *) "monday-id"};
    RlDomainRef owner = alice;
    GError *error = NULL;
    Inner inner;
    bool done;

    owner.memory = &monday;
    inner_open(&inner, outer);
    lab_create(&inner.lab, V, "one", MIB);
    lab_start(&inner.lab, V, &alice);
    image_write(&inner.lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(rl_volume_save(inner.lab.pool, V, &owner, &done, NULL) && done);
    inner_remount(&inner); /* what is marked is durable with its date */
    restore(&inner.lab, &monday, &error);
    g_assert_no_error(error);
    restore(&inner.lab, &monday, &error);
    g_assert_no_error(error); /* nothing was written, and no date can be lost */
    write_without_date(&inner.lab, "three");
    lab_crash(&inner.lab, V);
    restore(&inner.lab, &monday, &error);
    take_error(error, RL_ERROR_STATE, V);
    image_is(&inner.lab, V, RL_FILE_DIRTY, "three");
    inner_close(&inner);
}

static void
maintain(Lab *lab)
{
    GError *error = NULL;

    g_assert_true(rl_volume_maintain(lab->pool, V, false, &error));
    g_assert_no_error(error);
}

/* Starts V; @used: it has to get its precache. The image has what the clean one has. */
static void
start_with_precache(Lab *lab, bool used, const char *text)
{
    ino_t precache = image_inode(lab, V, RL_FILE_PRECACHE);

    lab_start(lab, V, &alice);
    g_assert_cmpint(image_inode(lab, V, RL_FILE_DIRTY) == precache, ==, used);
    image_is(lab, V, RL_FILE_DIRTY, text);
}

/* The date of a clean image tells after a power cut that it was edited only where the precache has
 * the same blocks; a copy is as good as long as the file system stays mounted. */
static void
test_precache(Lab *outer)
{
    enum { STAYS, REMOUNTED, OLD_VERSION, COPIED, COPIED_NOW, CASES };

    for (int i = STAYS; i < CASES; i++) {
        Inner inner;
        inner_open(&inner, outer);
        lab_create(&inner.lab, V, "one", MIB);
        maintain(&inner.lab);
        g_autofree char *precache = lab_file(&inner.lab, V, RL_FILE_PRECACHE);
        if (i == OLD_VERSION) {
            rl_autofd int fd = image_open(&inner.lab, V, RL_FILE_PRECACHE, O_RDONLY);
            g_assert_true(rl_image_made_clear(fd, NULL));
        }
        if (i == COPIED || i == COPIED_NOW)
            g_free(run("sh -c 'cp -a --reflink=never \"$1\" \"$1.new\" && "
                       "mv -f \"$1.new\" \"$1\"' sh '%s'",
                       precache));
        if (i == REMOUNTED || i == COPIED)
            inner_remount(&inner);
        start_with_precache(&inner.lab, i == STAYS || (i < COPIED && outer->reflinks), "one");
        inner_close(&inner);
    }
}

/* The clean image got blocks of its own, and kept inode, size and date (xfs_fsr, a backup that was
 * put back over it): on XFS the date of a later edit need not outlive a power cut. */
static void
test_unshared(Lab *outer)
{
    Inner inner;

    inner_open(&inner, outer);
    Lab *lab = &inner.lab;
    lab_create(lab, V, "one", MIB);
    maintain(lab);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    ino_t inode = image_inode(lab, V, RL_FILE_CLEAN);
    g_free(run("sh -c 'cp -a --reflink=never \"$1\" \"$1.copy\" && "
               "cp -a --reflink=never \"$1.copy\" \"$1\" && rm \"$1.copy\"' sh '%s'",
               clean));
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_CLEAN), ==, inode);
    inner_remount(&inner);
    start_with_precache(lab, g_str_equal(outer->fs, "btrfs"), "one");
    inner_close(&inner);
}

/* An edit in place with fdatasync(2), and a power cut. */
static void
test_edited(Lab *outer)
{
    __u32 how = NO_LOG_FLUSH;
    Inner inner;

    inner_open(&inner, outer);
    Lab *lab = &inner.lab;
    lab_create(lab, V, "one", MIB);
    maintain(lab);
    syncfs(lab->pool->root);
    image_write(lab, V, RL_FILE_CLEAN, "two");
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
        g_assert_cmpint(fdatasync(fd), ==, 0);
    }
    g_assert_cmpint(ioctl(lab->pool->root, SHUT_DOWN, &how), ==, 0);
    inner_remount(&inner);
    start_with_precache(lab, false, "two");
    inner_close(&inner);
}

/* In a pool that copies there may be no space for a third image. */
static void
test_full(Lab *outer)
{
    g_autofree char *bytes = g_malloc(MIB);
    Inner inner;

    memset(bytes, 'x', MIB);
    inner_open(&inner, outer);
    Lab *lab = &inner.lab;
    lab_create(lab, V, "one", 120 * MIB);
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
        for (off_t at = 1; at < 120; at++)
            g_assert_cmpint(pwrite(fd, bytes, MIB, at * (off_t) MIB), ==, MIB);
    }
    maintain(lab);
    inner_remount(&inner);
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "one");
    inner_close(&inner);
}

/* What the disk has not taken is known to the descriptor of the file system that is dead. */
static void
test_lost_writes(Lab *outer)
{
    __u32 how = NO_LOG_FLUSH;
    GError *error = NULL;
    Inner inner;

    inner_open(&inner, outer);
    Lab *lab = &inner.lab;
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_autofree char *key = rl_witness_key_by_hand(lab->pool, V);
    g_autoptr(GArray) images = rl_witness_new();
    rl_witness_add(images, lab->pool, V);
    rl_witness_begin(key, &alice, images);
    g_array_set_size(images, 0);
    g_assert_true(rl_witness_pass_on(key, &alice, lab->pool, V, &error));
    g_assert_cmpint(lab_state(lab, V), !=, RL_STATE_SUSPECT);
    syncfs(lab->pool->root);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_cmpint(ioctl(lab->pool->root, SHUT_DOWN, &how), ==, 0);
    inner_remount(&inner);
    g_assert_true(rl_witness_ask(key, &alice, NULL));
    g_assert_true(rl_witness_pass_on(key, &bob, lab->pool, V, &error));
    g_assert_cmpint(lab_state(lab, V), !=, RL_STATE_SUSPECT); /* not his */
    g_assert_true(rl_witness_pass_on(key, &alice, lab->pool, V, &error));
    g_assert_no_error(error);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
    lab_stop(lab, V, &alice, RL_STOP_HELD);
    rl_witness_dismiss(key, true);
    inner_close(&inner);
}

/* The end comes before the other mount, of which nothing can be read, and nobody is there who saw
 * the beginning when it is made: the image is suspect, whatever its device's number. */
static void
lose_before(Lab *outer, bool asked)
{
    __u32 how = NO_LOG_FLUSH;
    Inner inner;

    inner_open(&inner, outer);
    Lab *lab = &inner.lab;
    lab_create(lab, V, "one", MIB);
    lab_create(lab, "other", "one", MIB);
    lab_start(lab, V, &alice);
    lab_start(lab, "other", &alice);
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        g_autoptr(RlImageOwner) run = lab_run_of(lab, V);
        g_assert_true(rl_image_owner_leave(fd, run, NULL)); /* as one that began long ago */
    }
    g_autoptr(GArray) images = rl_witness_new();
    rl_witness_add(images, lab->pool, V);
    rl_witness_begin(alice.uuid, &alice, images);
    g_array_set_size(images, 0);
    syncfs(lab->pool->root);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_cmpint(ioctl(lab->pool->root, SHUT_DOWN, &how), ==, 0);
    if (asked)
        rl_witness_ask(alice.uuid, &alice, NULL);
    rl_witness_dismiss(alice.uuid, asked);
    inner_remount(&inner);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
    g_assert_cmpint(lab_state(lab, "other"), !=, RL_STATE_SUSPECT);
    lab_stop(lab, V, &alice, RL_STOP_HELD);
    inner_close(&inner);
}

static void
test_lost_before(Lab *outer)
{
    lose_before(outer, true);
}

/* Nobody ended it: the process leaves by itself. */
static void
test_lost_unasked(Lab *outer)
{
    lose_before(outer, false);
}

/* What the disk could not be marked with holds until the next boot, and the key under which a run
 * by hand is seen until its end. */
static void
test_noted(Lab *outer)
{
    RlDomainRef owner = {.driver = RL_OWNER_BY_HAND, .uuid = "0", .name = "by hand"};
    const RlClaim claim = {.to = &alice};
    Inner inner;
    bool done;

    inner_open(&inner, outer);
    Lab *lab = &inner.lab;
    lab_create(lab, V, "one", MIB);
    lab_create(lab, "other", "one", MIB);
    g_autofree char *key = rl_witness_key_by_hand(lab->pool, V);
    owner.witness = key;
    lab_start(lab, V, &owner);
    lab_start(lab, "other", &alice);
    {
        rl_autofd int fd = image_open(lab, "other", RL_FILE_DIRTY, O_RDONLY);
        g_assert_true(rl_lost_note(fd, NULL));
    }
    inner_remount(&inner);
    g_assert_cmpint(lab_state(lab, "other"), ==, RL_STATE_SUSPECT);
    {
        rl_autofd int fd = image_open(lab, "other", RL_FILE_DIRTY, O_RDONLY);
        rl_lost_forget(fd);
    }
    g_assert_cmpint(lab_state(lab, "other"), !=, RL_STATE_SUSPECT);
    g_autofree char *before = rl_witness_key_noted(lab->pool, V, NULL);
    g_assert_cmpstr(before, ==, key);
    g_assert_true(rl_volume_claim(lab->pool, V, &claim, &done, NULL) && done);
    g_autofree char *after = rl_witness_key_noted(lab->pool, V, &alice);
    g_assert_cmpstr(after, ==, key);
    inner_close(&inner);
}

void
add_tests(void)
{
    lab_add("/remounted/id", test_id);
    lab_add("/remounted/flushed-writes", test_flushed_writes);
    lab_add("/remounted/memory", test_memory);
    lab_add("/remounted/precache", test_precache);
    lab_add("/remounted/unshared", test_unshared);
    lab_add_on("/remounted/edited", "xfs ext4", test_edited);
    lab_add_on("/remounted/full", "ext4", test_full);
    lab_add_on("/remounted/lost-writes", "xfs ext4", test_lost_writes);
    lab_add_on("/remounted/lost-before", "xfs ext4", test_lost_before);
    lab_add_on("/remounted/lost-unasked", "xfs ext4", test_lost_unasked);
    lab_add("/remounted/noted", test_noted);
}
