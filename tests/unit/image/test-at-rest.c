/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Whose an image is that domains only read, at rest or a direct volume's, while libvirt makes their
 * device models its owner. */
#include "harness/disturb.h"
#include "harness/lab.h"
#include "harness/staged.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/paths.h"
#include "common/fs/access-note.h"
#include "common/fs/access.h"
#include "common/fs/xattr.h"
#include "common/image/reader.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/rename.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/operation/staged-image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#define V "a/b/private"
#define OWNER 1234
#define GROUP 5678
#define DEVICE_MODEL 64055

static const char own[] = "0640 1234 5678", models[] = "0666 64055 64055";

static void
assert_access(const char *path, const char *wanted)
{
    struct stat st = look(path);
    g_autofree char *found = g_strdup_printf("0%o %u %u", st.st_mode & 07777, st.st_uid, st.st_gid);

    g_assert_cmpstr(found, ==, wanted);
}

static bool
has_note(const char *path)
{
    return getxattr(path, RL_ATTR_PREFIX RL_ATTR_ACCESS, NULL, 0) >= 0;
}

/* What libvirt does to it, and what a device model can do then. */
static void
be_hostile(const char *path)
{
    g_assert_cmpint(chown(path, DEVICE_MODEL, DEVICE_MODEL), ==, 0);
    g_assert_cmpint(chmod(path, 0666), ==, 0);
}

static char *
create(Lab *lab)
{
    char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, V, "one", MIB);
    g_assert_cmpint(chown(clean, OWNER, GROUP), ==, 0);
    g_assert_cmpint(chmod(clean, 0640), ==, 0);
    return clean;
}

static RlReadImage
begin(Lab *lab, const char *file, const char *reader)
{
    RlReadImage image = {.volume = V, .file = file};
    GError *error = NULL;

    g_assert_true(rl_reader_begin(lab->pool, &image, reader, &error));
    g_assert_no_error(error);
    return image;
}

static void
end(Lab *lab, const RlReadImage *image, const char *reader)
{
    GError *error = NULL;

    g_assert_true(rl_reader_end(lab->pool, image, reader, &error));
    g_assert_no_error(error);
}

static void
opened(Lab *lab, const RlReadImage *image, const char *reader)
{
    GError *error = NULL;

    g_assert_true(rl_reader_opened(lab->pool, image, reader, &error));
    g_assert_no_error(error);
}

static char *
list_path(const RlReadImage *image)
{
    return g_strdup_printf("%s/readers/%lx-%lx", RL_LOCK_DIR, (unsigned long) image->dev,
                           (unsigned long) image->ino);
}

/* As after a crash of the host, or the end of all processes. */
static void
lose_list(const RlReadImage *image)
{
    g_autofree char *path = list_path(image);

    g_assert_cmpint(unlink(path), ==, 0);
}

static void
test_given_back_by_the_last(Lab *lab)
{
    g_autofree char *clean = create(lab);
    RlReadImage image = begin(lab, "private.img", "alice");
    g_autofree char *readers = list_path(&image);

    be_hostile(clean);
    begin(lab, "private.img", "bob");
    opened(lab, &image, "alice");
    assert_access(clean, models); /* bob's device model has not opened it yet */
    begin(lab, "private.img", "carol");
    end(lab, &image, "carol");
    assert_access(clean, models);
    opened(lab, &image, "bob");
    assert_access(clean, own);
    g_assert_true(has_note(clean));
    /* libvirt does it again. */
    be_hostile(clean);
    end(lab, &image, "alice");
    assert_access(clean, own);
    g_assert_true(has_note(clean));
    be_hostile(clean);
    end(lab, &image, "bob");
    assert_access(clean, own);
    g_assert_false(has_note(clean));
    g_assert_false(is_there(readers));
    /* Once more, as when two hooks are called. */
    end(lab, &image, "bob");
    assert_access(clean, own);
}

/* One that is never heard of again holds nobody up for ever. */
static void
test_reader_that_is_gone(Lab *lab)
{
    g_autofree char *clean = create(lab);
    RlReadImage image = begin(lab, "private.img", "alice");
    g_autofree char *readers = list_path(&image);

    be_hostile(clean);
    make_file(readers, "alice -300000000\nbob x y\n\nbob\n");
    begin(lab, "private.img", "bob");
    end(lab, &image, "bob");
    assert_access(clean, own);
}

/* Copies, and whoever asks, take what is noted. */
static void
test_what_is_noted_goes_before(Lab *lab)
{
    g_autofree char *clean = create(lab), *precache = lab_file(lab, V, RL_FILE_PRECACHE);
    g_autoptr(RlVolume) volume = NULL;
    GError *error = NULL;
    RlAccess access, any = {0666, DEVICE_MODEL, DEVICE_MODEL};
    RlReadImage image = begin(lab, "private.img", "alice");

    be_hostile(clean);
    volume = rl_volume_find(lab->pool, V, &error);
    g_assert_no_error(error);
    rl_access_of(volume->dir, volume->clean_file, &volume->clean.st, &access);
    g_assert_cmpuint(access.mode, ==, 0640);
    g_assert_cmpuint(access.uid, ==, OWNER);

    g_autoptr(RlStagedImage) label = rl_staged_new(lab_pool(lab), V "@label", &any, &error);
    rl_autofd int from = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_staged_fill(label, from, 0, true, &error) && rl_staged_label(label, &error));
    g_assert_no_error(error);
    g_autofree char *named = revision_path(lab, V, "label");
    assert_access(named, own);

    /* The commit makes the image that is read a revision: it is found there. */
    opened(lab, &image, "alice");
    lab_run(lab, V, "two");
    assert_access(clean, own);
    g_assert_true(is_there(precache));
    assert_access(precache, own);
    g_autofree char *revision = revision_path(lab, V, "1");
    assert_access(revision, own);
    g_assert_true(has_note(revision));
    be_hostile(revision);
    end(lab, &image, "alice");
    assert_access(revision, own);
    g_assert_false(has_note(revision));
    g_assert_false(has_note(clean));
}

static void
test_after_a_crash(Lab *lab)
{
    g_autofree char *clean = create(lab);
    RlReadImage image = begin(lab, "private.img", "alice");

    be_hostile(clean);
    lose_list(&image);
    /* The next one takes what was noted then. */
    image = begin(lab, "private.img", "alice");
    end(lab, &image, "alice");
    assert_access(clean, own);

    begin(lab, "private.img", "alice");
    be_hostile(clean);
    lose_list(&image);
    /* Or the next commit. */
    lab_run(lab, V, "two");
    g_autofree char *revision = revision_path(lab, V, "1");
    assert_access(clean, own);
    assert_access(revision, own);
    g_assert_false(has_note(revision));
}

/* The note as of an earlier boot of the host. */
static void
reboot(const char *path, const RlReadImage *image)
{
    char text[1024];
    ssize_t length = getxattr(path, RL_ATTR_PREFIX RL_ATTR_ACCESS, text, sizeof(text));

    g_assert_cmpint(length, >, 36);
    g_assert_cmpint(text[length - 36 - 1], ==, ' ');
    text[length - 1] = text[length - 1] == '0' ? '1' : '0';
    g_assert_cmpint(
        setxattr(path, RL_ATTR_PREFIX RL_ATTR_ACCESS, text, (size_t) length, XATTR_REPLACE), ==, 0);
    lose_list(image);
}

static void
make_private(const char *path)
{
    g_assert_cmpint(chown(path, 0, 0), ==, 0);
    g_assert_cmpint(chmod(path, 0600), ==, 0);
}

/* As 'cp -a' of one that is read: what the administrator gives the copy counts. */
static void
test_note_that_was_copied(Lab *lab)
{
    g_autofree char *clean = create(lab), *other = lab_file(lab, "a/b/other", RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, "a/b/other", RL_FILE_DIRTY);
    char text[1024];

    begin(lab, "private.img", "alice");
    lab_create(lab, "a/b/other", "one", MIB);
    ssize_t length = getxattr(clean, RL_ATTR_PREFIX RL_ATTR_ACCESS, text, sizeof(text));
    g_assert_cmpint(length, >, 0);
    g_assert_cmpint(
        setxattr(other, RL_ATTR_PREFIX RL_ATTR_ACCESS, text, (size_t) length, XATTR_CREATE), ==, 0);
    make_private(other);
    lab_start(lab, "a/b/other", &alice);
    assert_access(dirty, "0600 0 0");
    image_write(lab, "a/b/other", RL_FILE_DIRTY, "two");
    lab_stop(lab, "a/b/other", &alice, RL_STOP_COMMITTED);
    assert_access(other, "0600 0 0");

    /* As it was then, it is a device model's. */
    g_assert_cmpint(setxattr(other, RL_ATTR_PREFIX RL_ATTR_ACCESS, text, (size_t) length, 0), ==,
                    0);
    be_hostile(other);
    lab_start(lab, "a/b/other", &alice);
    assert_access(dirty, own);
    image_write(lab, "a/b/other", RL_FILE_DIRTY, "three");
    lab_stop(lab, "a/b/other", &alice, RL_STOP_COMMITTED);
    assert_access(other, own);
}

/* A direct volume's, as it was copied while it ran, and as an administrator takes it. */
static void
test_direct_that_was_copied(Lab *lab)
{
    g_autofree char *copy = lab_path(lab, "a/b/direct-copy"),
                    *clean = lab_file(lab, "a/b/direct", RL_FILE_CLEAN),
                    *dirty = lab_file(lab, "a/b/direct", RL_FILE_DIRTY);

    lab_create_kind(lab, "a/b/direct", RL_KIND_DIRECT, NULL, "one", MIB);
    g_assert_cmpint(chown(clean, OWNER, GROUP), ==, 0);
    g_assert_cmpint(chmod(clean, 0640), ==, 0);
    lab_start(lab, "a/b/direct", &alice);
    be_hostile(dirty);
    const char *const argv[] = {"cp", "-a", dirty, copy, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                               NULL, NULL, NULL));
    g_assert_cmpint(rename(copy, dirty), ==, 0);
    lab_stop(lab, "a/b/direct", &alice, RL_STOP_HELD);
    g_assert_true(rl_volume_continue(lab->pool, "a/b/direct", NULL));
    lab_stop(lab, "a/b/direct", NULL, RL_STOP_RETURNED);
    assert_access(clean, own);
}

/* The host crashed while it was read. */
static void
test_after_a_boot(Lab *lab)
{
    g_autofree char *clean = create(lab);
    RlReadImage image = begin(lab, "private.img", "alice");

    /* It is still the device model's, and so it is given back. */
    be_hostile(clean);
    reboot(clean, &image);
    image = begin(lab, "private.img", "alice");
    end(lab, &image, "alice");
    assert_access(clean, own);
    g_assert_false(has_note(clean));

    image = begin(lab, "private.img", "alice");
    be_hostile(clean);
    reboot(clean, &image);
    make_private(clean);
    lab_run(lab, V, "two");
    assert_access(clean, "0600 0 0");
    g_assert_false(has_note(clean));
    g_autofree char *revision = revision_path(lab, V, "1");
    assert_access(revision, "0600 0 0");
    g_assert_false(has_note(revision));
}

/* The list was lost within the boot, as by who clears /run, and the administrator has set the
 * image's access since. */
static void
test_after_the_list_was_lost(Lab *lab)
{
    g_autofree char *clean = create(lab), *revision = NULL;
    RlReadImage image = begin(lab, "private.img", "alice");

    /* A new reader takes over what it has now. */
    be_hostile(clean);
    lose_list(&image);
    make_private(clean);
    image = begin(lab, "private.img", "bob");
    be_hostile(clean);
    opened(lab, &image, "bob");
    assert_access(clean, "0600 0 0");

    /* So do a run and its commit. */
    be_hostile(clean);
    lose_list(&image);
    g_assert_cmpint(chown(clean, 0, GROUP), ==, 0);
    g_assert_cmpint(chmod(clean, 0640), ==, 0);
    g_assert_true(has_note(clean));
    lab_run(lab, V, "two");
    assert_access(clean, "0640 0 5678");
    g_assert_false(has_note(clean));
    revision = revision_path(lab, V, "1");
    assert_access(revision, "0640 0 5678");
    g_assert_false(has_note(revision));
}

static void
test_image_that_is_gone(Lab *lab)
{
    g_autofree char *clean = create(lab);
    RlReadImage image = begin(lab, "private.img", "alice"),
                missing = {.volume = V, .file = "x.img"};
    GError *error = NULL;

    g_assert_cmpint(unlink(clean), ==, 0);
    end(lab, &image, "alice");
    g_assert_false(rl_reader_begin(lab->pool, &missing, "alice", &error));
    take_errno(error, ENOENT, "x.img");
}

/* A process that opened it for writing while it was the device model's: it is given back, and who
 * has it is told by later looks. */
static void
test_writer_since(Lab *lab)
{
    g_autofree char *clean = create(lab);
    RlReadImage image = begin(lab, "private.img", "alice");

    be_hostile(clean);
    rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    opened(lab, &image, "alice");
    assert_access(clean, own);
    end(lab, &image, "alice");
    assert_access(clean, own);
    g_assert_false(has_note(clean));
}

/* libvirt gives the device model what has the image's name by then: that stays the same one. */
static void
test_no_other_image_while_a_reader_starts(Lab *lab)
{
    g_autofree char *clean = create(lab);
    GError *error = NULL;
    RlStop stop;

    lab_start(lab, V, &bob);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    RlReadImage image = begin(lab, "private.img", "alice");
    g_assert_false(rl_volume_stop(lab->pool, V, &bob, &stop, &error));
    take_error(error, RL_ERROR_BUSY, "'a/b/private' & starting");
    image_is(lab, V, RL_FILE_CLEAN, "one");
    be_hostile(clean);
    opened(lab, &image, "alice");
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    assert_access(clean, own);
    end(lab, &image, "alice");

    image = begin(lab, "private.img", "alice");
    error = NULL;
    g_assert_false(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    take_error(error, RL_ERROR_BUSY, "'a/b/private' & starting");
    end(lab, &image, "alice");
    g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, NULL));
}

static void
assert_is_starting(const GError *error)
{
    g_assert_error(error, RL_ERROR, RL_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, "'" V "'"));
    g_assert_nonnull(strstr(error->message, "starting"));
}

/* While @file of V is about to be opened, no name of V is free for another image. */
static void
keeps_its_names(Lab *lab, const char *file, const char *revision)
{
    RlReadImage image = begin(lab, file, "alice");
    g_autoptr(RlName) name = rl_name_parse(revision, NULL);
    g_autoptr(GError) renamed = NULL, deleted = NULL, dropped = NULL;

    g_assert_false(rl_volume_rename_to(lab->pool, V, "a/b/other", &renamed));
    assert_is_starting(renamed);
    g_assert_false(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, &deleted));
    assert_is_starting(deleted);
    if (strcmp(file, "private.img") != 0) {
        g_assert_false(rl_revision_delete(lab->pool, name, &dropped));
        assert_is_starting(dropped);
    }
    end(lab, &image, "alice");
}

static void
test_no_name_goes_while_a_reader_starts(Lab *lab)
{
    g_autofree char *clean = create(lab);

    lab_run(lab, V, "two");
    staged_label(lab, V, "named");
    g_autofree char *path = revision_path(lab, V, "1"), *revision = g_path_get_basename(path);
    keeps_its_names(lab, "private.img", V "@1");
    keeps_its_names(lab, "private.img@named", V "@named");
    keeps_its_names(lab, revision, V "@1");
    g_autoptr(RlName) named = rl_name_parse(V "@named", NULL);
    g_assert_true(rl_revision_delete(lab->pool, named, NULL));
    g_assert_true(rl_volume_rename_to(lab->pool, V, "a/b/other", NULL));
    g_assert_true(rl_volume_delete(lab->pool, "a/b/other", 0, NULL));
}

/* What readers of before a crash left; while one is about to open it nobody takes it from that. */
static void
test_settle(Lab *lab)
{
    g_autofree char *clean = create(lab);
    RlReadImage image = begin(lab, "private.img", "alice");
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);

    be_hostile(clean);
    g_assert_false(rl_reader_settle(fd, V, 0, NULL));
    assert_access(clean, models);
    opened(lab, &image, "alice");
    be_hostile(clean);
    g_assert_true(rl_reader_settle(fd, V, 0, NULL));
    assert_access(clean, own);
    g_assert_true(has_note(clean));
    be_hostile(clean);
    lose_list(&image);
    g_assert_true(rl_reader_settle(fd, V, 0, NULL));
    assert_access(clean, own);
    g_assert_false(has_note(clean));
    /* Without a note nothing is to be given back. */
    be_hostile(clean);
    g_assert_true(rl_reader_settle(fd, V, 0, NULL));
    assert_access(clean, models);
}

static RlReadImage full_image;
ATTEMPT(open_full, rl_reader_opened(lab->pool, &full_image, "alice", error))

/* There is no space for the list, and the image is given back all the same. */
static void
test_no_room_for_the_list(Lab *lab)
{
    Disturbance no_room = {.nr = SYS_write, .also = SYS_pwrite64, .first = 1, .code = ENOSPC};
    g_autofree char *clean = create(lab);
    g_autoptr(GError) error = NULL;

    full_image = begin(lab, "private.img", "alice");
    be_hostile(clean);
    g_assert_false(disturb(lab, &no_room, open_full, &error));
    assert_access(clean, own);
}

/* The list is no file, or longer than any: the image stays as it is, until that can be told. */
static void
test_unreadable_list(Lab *lab)
{
    g_autofree char *clean = create(lab);
    RlReadImage image = begin(lab, "private.img", "alice");
    g_autofree char *readers = list_path(&image);
    GError *error = NULL;

    be_hostile(clean);
    lose_list(&image);
    g_assert_cmpint(mkdir(readers, 0700), ==, 0);
    g_assert_false(rl_reader_opened(lab->pool, &image, "alice", &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_false(rl_reader_end(lab->pool, &image, "alice", &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_false(rl_reader_begin(lab->pool, &image, "alice", &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_reader_settle(fd, V, 0, NULL));
    assert_access(clean, models);
    g_assert_cmpint(rmdir(readers), ==, 0);
    end(lab, &image, "alice");
    assert_access(clean, own);
}

/* The only image of a direct volume: its note is the run's, and its end gives it back for good. */
static void
test_direct_that_is_read(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "one", MIB);
    g_assert_cmpint(chown(clean, OWNER, GROUP), ==, 0);
    g_assert_cmpint(chmod(clean, 0640), ==, 0);
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_READONLY));
    RlReadImage image = begin(lab, "private-dirty.img", "alice");
    be_hostile(dirty);
    opened(lab, &image, "alice");
    assert_access(dirty, own);
    g_assert_true(has_note(dirty));
    be_hostile(dirty);
    end(lab, &image, "alice");
    assert_access(dirty, own);
    g_assert_true(has_note(dirty));
    be_hostile(dirty);
    lab_stop(lab, V, &alice, RL_STOP_RETURNED);
    assert_access(clean, own);
    g_assert_false(has_note(clean));
}

/* A domain was to read it at rest, and another one was faster to write to it. */
static void
test_direct_that_is_written(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "one", MIB);
    g_assert_cmpint(chown(clean, OWNER, GROUP), ==, 0);
    g_assert_cmpint(chmod(clean, 0640), ==, 0);
    RlReadImage image = begin(lab, "private.img", "alice");
    be_hostile(clean);
    lab_start(lab, V, &bob);
    end(lab, &image, "alice");
    assert_access(dirty, models);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &bob, RL_STOP_RETURNED);
    assert_access(clean, own);
    g_assert_false(has_note(clean));
}

/* A direct image as a start has left it that was cut off before it changed its name. */
static char *
create_cut_off(Lab *lab)
{
    char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "one", MIB);
    g_assert_cmpint(chown(clean, OWNER, GROUP), ==, 0);
    g_assert_cmpint(chmod(clean, 0644), ==, 0);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    g_assert_true(rl_access_note_for_readers(fd, true, NULL));
    g_assert_true(rl_image_owner_set(fd, &bob, (RlOwnerTraits){.written = true}, NULL));
    g_assert_cmpint(chmod(clean, 0640), ==, 0);
    return clean;
}

/* What such a start has noted holds nothing up, and outranks no administrator. */
static void
test_start_that_was_cut_off(Lab *lab)
{
    g_autofree char *clean = create_cut_off(lab);
    RlReadImage image = begin(lab, "private.img", "alice");

    be_hostile(clean);
    opened(lab, &image, "alice");
    assert_access(clean, own);
    be_hostile(clean);
    end(lab, &image, "alice");
    assert_access(clean, own);

    g_assert_cmpint(chmod(clean, 0644), ==, 0);
    g_assert_cmpint(chmod(clean, 0640), ==, 0);
    lab_start(lab, V, &bob);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    /* Even its own owner may be the device model's user. */
    g_assert_cmpint(chmod(dirty, 0666), ==, 0);
    lab_stop(lab, V, &bob, RL_STOP_RETURNED);
    assert_access(clean, own);
    g_assert_false(has_note(clean));
}

/* An administrator, or an earlier version, has left the note of a run on it. */
static void
test_run_on_an_image_at_rest(Lab *lab)
{
    g_autofree char *clean = create_cut_off(lab);
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
        g_assert_true(rl_access_note(fd, NULL));
    }
    g_assert_cmpint(chmod(clean, 0600), ==, 0);
    RlReadImage image = begin(lab, "private.img", "alice");
    be_hostile(clean);
    end(lab, &image, "alice");
    assert_access(clean, "0600 1234 5678");
}

static void
set_append_only(const char *path, bool append_only)
{
    rl_autofd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int flags;

    g_assert_cmpint(ioctl(fd, FS_IOC_GETFLAGS, &flags), ==, 0);
    flags = append_only ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
    g_assert_cmpint(ioctl(fd, FS_IOC_SETFLAGS, &flags), ==, 0);
}

static void
test_start_that_fails(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *dir = lab_path(lab, "a/b");
    g_autoptr(RlImageOwner) run = NULL;
    g_autoptr(GError) error = NULL;

    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "one", MIB);
    set_append_only(dir, true);
    g_assert_null(rl_volume_start(lab->pool, V, &bob, 0, &error));
    g_assert_true(rl_error_is_errno(error, EPERM));
    set_append_only(dir, false);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    g_assert_null(run);
    g_assert_false(has_note(clean));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    lab_add("/at-rest/given-back-by-the-last", test_given_back_by_the_last);
    lab_add("/at-rest/reader-that-is-gone", test_reader_that_is_gone);
    lab_add("/at-rest/what-is-noted-goes-before", test_what_is_noted_goes_before);
    lab_add("/at-rest/after-a-crash", test_after_a_crash);
    lab_add("/at-rest/note-that-was-copied", test_note_that_was_copied);
    lab_add("/at-rest/direct-that-was-copied", test_direct_that_was_copied);
    lab_add("/at-rest/after-a-boot", test_after_a_boot);
    lab_add("/at-rest/after-the-list-was-lost", test_after_the_list_was_lost);
    lab_add("/at-rest/image-that-is-gone", test_image_that_is_gone);
    lab_add("/at-rest/writer-since", test_writer_since);
    lab_add("/at-rest/no-other-image-while-a-reader-starts",
            test_no_other_image_while_a_reader_starts);
    lab_add("/at-rest/no-name-goes-while-a-reader-starts", test_no_name_goes_while_a_reader_starts);
    lab_add("/at-rest/settle", test_settle);
    lab_add("/at-rest/unreadable-list", test_unreadable_list);
    lab_add("/at-rest/direct-that-is-read", test_direct_that_is_read);
    lab_add("/at-rest/direct-that-is-written", test_direct_that_is_written);
    lab_add("/at-rest/start-that-was-cut-off", test_start_that_was_cut_off);
    lab_add("/at-rest/run-on-an-image-at-rest", test_run_on_an_image_at_rest);
    lab_add("/at-rest/no-room-for-the-list", test_no_room_for_the_list);
    lab_add("/at-rest/start-that-fails", test_start_that_fails);
    return g_test_run();
}
