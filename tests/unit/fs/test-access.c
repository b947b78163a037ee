/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Whose an image at rest is, whatever a device model did to the one that it ran on. */
#include "harness/disturb.h"

#include "common/base/autofd.h"
#include "common/fs/access-note.h"
#include "common/fs/access.h"
#include "common/fs/xattr.h"
#include "common/operation/maintenance.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/operation/staged-image.h"
#include "common/operation/upload.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define V "a/b/private"
#define LIST "system.posix_acl_access"
#define OWNER 1234
#define GROUP 5678
#define MODE 0640
/* A user with an entry of his own in the clean image's list, and one whom a device model lets in.
 */
#define FRIEND 1500
#define STRANGER 6666
#define DEVICE_MODEL 64055

typedef struct {
    struct posix_acl_xattr_header header;
    struct posix_acl_xattr_entry entries[5];
} List;

static struct posix_acl_xattr_entry
entry(int tag, int rights, guint32 id)
{
    return (struct posix_acl_xattr_entry){htole16((guint16) tag), htole16((guint16) rights),
                                          htole32(id)};
}

/* rw for the owner, @group for the group, @rights for @user, @mask, @others. */
static void
set_list(const char *path, int group, guint32 user, int rights, int mask, int others)
{
    const guint32 none = (guint32) ACL_UNDEFINED_ID;
    List list = {{htole32(POSIX_ACL_XATTR_VERSION)},
                 {entry(ACL_USER_OBJ, 6, none), entry(ACL_USER, rights, user),
                  entry(ACL_GROUP_OBJ, group, none), entry(ACL_MASK, mask, none),
                  entry(ACL_OTHER, others, none)}};

    g_assert_cmpint(setxattr(path, LIST, &list, sizeof(list), 0), ==, 0);
}

static char *
list_of(const char *path)
{
    guint8 list[4096];
    ssize_t length = getxattr(path, LIST, list, sizeof(list));
    GString *out = g_string_new(NULL);

    for (ssize_t i = 0; i < length; i++)
        g_string_append_printf(out, "%02x", list[i]);
    return g_string_free(out, FALSE);
}

/* Mode, owner, group and list, in words. */
static char *
access_of(const char *path)
{
    struct stat st = look(path);
    g_autofree char *list = list_of(path);

    return g_strdup_printf("0%o %u %u %s", st.st_mode & 07777, st.st_uid, st.st_gid, list);
}

static void
give(const char *path)
{
    g_assert_cmpint(chown(path, OWNER, GROUP), ==, 0);
    g_assert_cmpint(chmod(path, MODE), ==, 0);
}

/* What a device model that its guest has taken over can do to its image, and libvirt does. */
static void
be_hostile(const char *path)
{
    g_assert_cmpint(chown(path, DEVICE_MODEL, DEVICE_MODEL), ==, 0);
    set_list(path, 7, STRANGER, 7, 7, 7);
    g_assert_cmpint(chmod(path, 06777), ==, 0);
    g_assert_cmpint(setxattr(path, "trusted.libvirt.security.dac", "+0:+0", 5, 0), ==, 0);
    g_assert_cmpint(setxattr(path, "trusted.libvirt.security.ref_dac", "1", 1, 0), ==, 0);
}

static void
hostile(Lab *lab, const char *name)
{
    g_autofree char *dirty = lab_file(lab, name, RL_FILE_DIRTY);

    be_hostile(dirty);
}

static void
changed(Lab *lab, const char *name, const char *text)
{
    image_write(lab, name, RL_FILE_DIRTY, text);
    hostile(lab, name);
}

static RlStagedImage *
draft_from(Lab *lab, const char *name, RlFileRole role, const char *to)
{
    RlAccess access = {0666, STRANGER, STRANGER}; /* as a client asks that saw the dirty image */
    GError *error = NULL;
    RlStagedImage *draft = rl_staged_new(lab_pool(lab), to, &access, &error);
    rl_autofd int from = image_open(lab, name, role, O_RDONLY);

    g_assert_no_error(error);
    g_assert_true(rl_staged_fill(draft, from, 0, true, &error));
    g_assert_no_error(error);
    return draft;
}

/* --- operations; each leaves its images at rest */

static void
commit(Lab *lab)
{
    lab_start(lab, V, &alice);
    changed(lab, V, "two");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

static void
commit_by_hand(Lab *lab)
{
    lab_start(lab, V, &(RlDomainRef){.driver = RL_OWNER_BY_HAND, .uuid = "hand", .name = "hand"});
    changed(lab, V, "two");
    lab_stop(lab, V, NULL, RL_STOP_COMMITTED);
}

static void
end_unwritten(Lab *lab)
{
    lab_start(lab, V, &alice);
    hostile(lab, V);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
}

static void
unstart(Lab *lab)
{
    GError *error = NULL;
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, V, &alice, 0, &error);

    g_assert_no_error(error);
    hostile(lab, V);
    g_assert_true(rl_volume_unstart(lab->pool, started, &alice, &error));
    g_assert_no_error(error);
}

/* After a crash of the host libvirt would take the device model for the image's owner at rest. */
static void
go_on_with_leftover(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    g_autofree char *wanted = access_of(clean);

    lab_start(lab, V, &alice);
    changed(lab, V, "two");
    lab_start(lab, V, &alice);
    g_autofree char *found = access_of(dirty);
    g_assert_cmpstr(found, ==, wanted);
    g_assert_cmpint(getxattr(dirty, "trusted.libvirt.security.dac", NULL, 0), ==, -1);
    hostile(lab, V);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

static void
save_and_continue(Lab *lab)
{
    GError *error = NULL;
    bool done;

    lab_start(lab, V, &alice);
    changed(lab, V, "two");
    g_assert_true(rl_volume_save(lab->pool, V, &alice, &done, &error));
    g_assert_true(done);
    g_assert_true(rl_volume_continue(lab->pool, V, &error));
    lab_stop(lab, V, NULL, RL_STOP_COMMITTED);
}

static void
label_running(Lab *lab)
{
    GError *error = NULL;

    lab_start(lab, V, &alice);
    changed(lab, V, "two");
    g_autoptr(RlStagedImage) draft = draft_from(lab, V, RL_FILE_DIRTY, V "@label");
    g_assert_true(rl_staged_label(draft, &error));
    g_assert_no_error(error);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

static void
replace_by_running(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, "a/b/other", "other", MIB);
    lab_start(lab, "a/b/other", &bob);
    changed(lab, "a/b/other", "two");
    g_autoptr(RlStagedImage) draft = draft_from(lab, "a/b/other", RL_FILE_DIRTY, V "@current");
    g_assert_true(rl_staged_replace(draft, &error));
    g_assert_no_error(error);
    lab_stop(lab, "a/b/other", &bob, RL_STOP_COMMITTED);
    g_autofree char *others = lab_file(lab, "a/b/other", RL_FILE_CLEAN);
    g_autofree char *theirs = access_of(others);
    g_assert_cmpstr(theirs, ==, "0600 0 0 ");
}

static void
upload(Lab *lab)
{
    GError *error = NULL;
    g_autoptr(RlStagedImage) draft = rl_upload_begin(lab_pool(lab), V, &error);

    g_assert_no_error(error);
    g_assert_true(rl_upload_commit(draft, 1000, &error));
    g_assert_no_error(error);
}

static void
resize(Lab *lab)
{
    GError *error = NULL;

    g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    g_assert_no_error(error);
}

static void
make_precache(Lab *lab)
{
    GError *error = NULL;

    commit(lab);
    g_assert_true(rl_volume_maintain(lab->pool, V, true, &error));
    g_assert_no_error(error);
    g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
}

static const struct {
    const char *name;
    void (*act)(Lab *lab);
} operations[] = {
    {"commit", commit},
    {"commit by hand", commit_by_hand},
    {"end without a write", end_unwritten},
    {"start that is put back", unstart},
    {"leftover that is gone on with", go_on_with_leftover},
    {"saved, continued", save_and_continue},
    {"named revision of a running volume", label_running},
    {"replacement by a running volume", replace_by_running},
    {"upload", upload},
    {"resize", resize},
    {"precache", make_precache},
};

/* Every image in the volume's directory but those of the volume "other". */
static void
all_are(Lab *lab, const char *operation, const char *wanted)
{
    g_autofree char *path = lab_path(lab, "a/b");
    g_autofree char *names = list(path);
    g_auto(GStrv) files = g_strsplit(names, " ", -1);

    for (char **file = files; *file; file++) {
        g_autofree char *whole = g_build_filename(path, *file, NULL);
        if (g_str_has_prefix(*file, "other") || g_str_has_suffix(*file, ".volume.xml"))
            continue;
        g_autofree char *found = access_of(whole);
        g_test_message("%s: %s", operation, *file);
        g_assert_cmpstr(found, ==, wanted);
        g_assert_cmpint(getxattr(whole, "trusted.libvirt.security.dac", NULL, 0), ==, -1);
        g_assert_cmpint(getxattr(whole, "trusted.libvirt.security.ref_dac", NULL, 0), ==, -1);
    }
}

static void
try_all(Lab *lab, bool with_list)
{
    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
        g_autofree char *remove = g_strdup_printf("rm -rf %s/a", lab->path);
        lab_create(lab, V, "one", MIB);
        give(clean);
        if (with_list)
            set_list(clean, 0, FRIEND, 4, 4, 0);
        g_autofree char *wanted = access_of(clean);
        operations[i].act(lab);
        all_are(lab, operations[i].name, wanted);
        g_assert_cmpint(system(remove), ==, 0);
    }
}

static void
test_access_is_the_volumes(Lab *lab)
{
    try_all(lab, false);
}

static void
test_list_goes_with_it(Lab *lab)
{
    try_all(lab, true);
}

/* --- the other kinds */

static void
test_direct(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    char note[512];

    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "one", MIB);
    give(clean);
    set_list(clean, 0, FRIEND, 4, 4, 0);
    g_autofree char *wanted = access_of(clean);
    lab_start(lab, V, &alice);
    changed(lab, V, "two");
    /* The host crashes; the domain that goes on is made the owner once more. */
    lab_start(lab, V, &alice);
    g_autofree char *between = access_of(dirty);
    g_assert_cmpstr(between, ==, wanted);
    hostile(lab, V);
    lab_stop(lab, V, &alice, RL_STOP_RETURNED);
    all_are(lab, "direct", wanted);
    g_assert_cmpint(getxattr(clean, RL_ATTR_PREFIX RL_ATTR_ACCESS, note, sizeof(note)), ==, -1);

    GError *error = NULL;
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, V, &alice, 0, &error);
    hostile(lab, V);
    g_assert_true(rl_volume_unstart(lab->pool, started, &alice, &error));
    all_are(lab, "direct, put back", wanted);
}

/* A run that began before there were notes: whose it was is not known, but it is not everybody's.
 */
static void
test_direct_without_note(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, V, &alice);
    g_assert_cmpint(removexattr(dirty, RL_ATTR_PREFIX RL_ATTR_ACCESS), ==, 0);
    changed(lab, V, "two");
    lab_stop(lab, V, &alice, RL_STOP_RETURNED);
    g_autofree char *found = access_of(clean);
    g_assert_cmpstr(found, ==, "0775 64055 64055 ");
}

static void
test_snapshot(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, "t/root", RL_FILE_CLEAN);

    lab_create(lab, "t/root", "template", MIB);
    give(clean);
    g_autofree char *wanted = access_of(clean);
    lab_create_kind(lab, V, RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_start(lab, V, &xen);
    hostile(lab, V);
    lab_stop(lab, V, &xen, RL_STOP_UNWRITTEN);
    all_are(lab, "snapshot", wanted);
}

static void
test_volatile_that_was_kept(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    GError *error = NULL;
    bool done;

    lab_create_kind(lab, V, RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_start(lab, V, &alice);
    hostile(lab, V);
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, &error));
    lab_start(lab, V, &alice);
    g_autofree char *found = access_of(dirty);
    g_assert_cmpstr(found, ==, "0600 64055 64055 "); /* the record leaves the owner open */
}

/* Domains that share an image have been counted on it by libvirt, and go on. */
static void
test_labels_stay_with_those_who_stay(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    GError *error = NULL;
    RlStop stop;

    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) first = rl_volume_start(lab->pool, V, &alice, RL_START_READONLY, &error);
    rl_autofd int reader = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    be_hostile(dirty);
    g_autofree char *before = access_of(dirty);
    g_autoptr(RlStarted) second = rl_volume_start(lab->pool, V, &bob, RL_START_READONLY, &error);
    g_assert_no_error(error);
    g_assert_true(rl_volume_stop(lab->pool, V, &bob, &stop, &error));
    g_assert_cmpint(stop, ==, RL_STOP_NOT_OWNED);
    g_autofree char *after = access_of(dirty);
    g_assert_cmpstr(after, ==, before);
    g_assert_cmpint(getxattr(dirty, "trusted.libvirt.security.dac", NULL, 0), ==, 5);
}

/* Who has it open for writing keeps it from coming to rest, whatever its mode is by then. */
static void
test_writer_that_stays(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, V, "one", MIB);
    g_autofree char *wanted = access_of(clean);
    lab_start(lab, V, &alice);
    changed(lab, V, "two");
    rl_autofd int writer = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    lab_stop_fails(lab, V, &alice, RL_ERROR_BUSY, "open");
    image_is(lab, V, RL_FILE_CLEAN, "one");
    rl_fd_close(&writer);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    all_are(lab, "writer", wanted);
}

/* acl(5): with a list the group bits of the mode are its mask. */
static void
test_mask_is_not_the_groups_mode(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    RlAccess access;

    lab_create(lab, V, "one", MIB);
    g_autoptr(RlVolume) volume = rl_volume_find(lab->pool, V, NULL);
    set_list(clean, 0, FRIEND, 6, 6, 0);
    struct stat st = look(clean);
    g_assert_cmpuint(st.st_mode & 0777, ==, 0660);
    rl_access_of(volume->dir, volume->clean_file, &st, &access);
    g_assert_cmpuint(access.mode, ==, 0600);
    set_list(clean, 6, FRIEND, 4, 4, 4);
    st = look(clean);
    rl_access_of(volume->dir, volume->clean_file, &st, &access);
    g_assert_cmpuint(access.mode, ==, 0644);
}

/* A directory's default list is inherited by what is made in it, and a mode opens its mask. */
static void
test_default_list_is_not_inherited(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    const guint32 none = (guint32) ACL_UNDEFINED_ID;
    List list = {{htole32(POSIX_ACL_XATTR_VERSION)},
                 {entry(ACL_USER_OBJ, 7, none), entry(ACL_USER, 7, STRANGER),
                  entry(ACL_GROUP_OBJ, 7, none), entry(ACL_MASK, 7, none),
                  entry(ACL_OTHER, 0, none)}};
    RlAccess access = {0660, OWNER, GROUP};
    GError *error = NULL;

    lab_create(lab, "a/b/first", "x", MIB);
    g_autofree char *dir = lab_path(lab, "a/b");
    g_assert_cmpint(setxattr(dir, "system.posix_acl_default", &list, sizeof(list), 0), ==, 0);
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), V, &access, &error);
    g_assert_true(rl_staged_create(draft, NULL, MIB, &error));
    g_assert_no_error(error);
    g_autofree char *found = access_of(clean);
    g_assert_cmpstr(found, ==, "0660 1234 5678 ");
}

/* --- the note itself */

static void
note(const char *path, const char *text)
{
    g_assert_cmpint(setxattr(path, RL_ATTR_PREFIX RL_ATTR_ACCESS, text, strlen(text), 0), ==, 0);
}

/* What cannot be read is no note: the image keeps what it has, without a right to write for all. */
static void
test_damaged_notes(Lab *lab)
{
    static const char *const damaged[] = {
        "",           "0640",         "0640 1234",         "x 1234 5678",
        "0640 x 5",   "0640 1234 -1", "01777 1234 5678",   "0640 4294967295 5678",
        "0640 1 2 0", "0640 1 2 zz",  "0640 1 2 0200000z", "0640 1234 4294967295",
    };
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    GError *error = NULL;
    RlAccess access;

    lab_create(lab, V, "one", MIB);
    g_autoptr(RlVolume) volume = rl_volume_find(lab->pool, V, NULL);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
        g_test_message("note '%s'", damaged[i]);
        give(clean);
        g_assert_cmpint(chmod(clean, 0666), ==, 0);
        note(clean, damaged[i]);
        g_assert_false(rl_access_noted(volume->dir, volume->clean_file, &access));
        struct stat st = look(clean);
        rl_access_of(volume->dir, volume->clean_file, &st, &access);
        g_assert_cmpuint(access.uid, ==, OWNER);
        g_assert_true(rl_access_settle(fd, true, &error));
        g_assert_true(rl_access_put_back(fd, &error));
        g_assert_no_error(error);
        g_autofree char *found = access_of(clean);
        g_assert_cmpstr(found, ==, "0664 1234 5678 ");
        /* The end of the run takes it away all the same. */
        g_assert_true(rl_access_settle(fd, false, &error));
        g_assert_cmpint(getxattr(clean, RL_ATTR_PREFIX RL_ATTR_ACCESS, NULL, 0), ==, -1);
    }
}

/* A list of so many users that it takes more than one look. */
#define MANY 200

static void
set_long_list(const char *path)
{
    const guint32 none = (guint32) ACL_UNDEFINED_ID;
    struct posix_acl_xattr_header header = {htole32(POSIX_ACL_XATTR_VERSION)};
    g_autoptr(GByteArray) list = g_byte_array_new();
    struct posix_acl_xattr_entry next = entry(ACL_USER_OBJ, 6, none);

    g_byte_array_append(list, (void *) &header, sizeof(header));
    g_byte_array_append(list, (void *) &next, sizeof(next));
    for (guint32 i = 0; i < MANY; i++) {
        next = entry(ACL_USER, 4, 2000 + i);
        g_byte_array_append(list, (void *) &next, sizeof(next));
    }
    const struct posix_acl_xattr_entry last[] = {
        entry(ACL_GROUP_OBJ, 4, none), entry(ACL_MASK, 4, none), entry(ACL_OTHER, 0, none)};
    g_byte_array_append(list, (void *) last, sizeof(last));
    g_assert_cmpint(setxattr(path, LIST, list->data, list->len, 0), ==, 0);
}

static void
test_long_list(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *other = lab_path(lab, "other");
    rl_autofd int to = lab_open(lab, "other", 0);
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    give(clean);
    set_long_list(clean);
    set_list(other, 6, STRANGER, 7, 7, 0);
    g_autofree char *wanted = access_of(clean);
    g_assert_cmpuint(strlen(wanted), >, (MANY * sizeof(struct posix_acl_xattr_entry)) * 2);
    rl_autofd int from = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_false(rl_access_is_same(from, to));
    g_assert_true(rl_access_copy(from, to, &error));
    g_assert_no_error(error);
    g_autofree char *found = access_of(other);
    g_assert_cmpstr(found, ==, wanted);
    g_assert_true(rl_access_is_same(from, to));
}

/* Each call fails once: it says so, and never is the file open to more users than before. */
static int image = -1, target = -1;

ATTEMPT(copy, rl_access_copy(image, target, error))
ATTEMPT(settle, rl_access_settle(target, false, error))
ATTEMPT(put_back, rl_access_put_back(target, error))

/* Returns whether it came to that call. */
static bool
fails_at(Lab *lab, Attempt attempt, const char *path, guint number)
{
    Disturbance disturbance = {.first = number, .count = 1, .code = EIO};
    GError *error = NULL;

    /* An attempt that failed late has set the owner already. */
    g_assert_cmpint(chown(path, 0, 0), ==, 0);
    g_assert_cmpint(chmod(path, 0600), ==, 0);
    set_list(path, 4, FRIEND, 6, 6, 0);
    /* As earlier versions noted it, and the device model still has the image. */
    if (attempt == settle) {
        g_assert_cmpint(chown(path, DEVICE_MODEL, DEVICE_MODEL), ==, 0);
        note(path, "0640 1234 5678");
    }
    bool done = disturb(lab, &disturbance, attempt, &error);
    g_assert_cmpint(look(path).st_mode & 0007, ==, 0);
    if (!done)
        take_errno(error, EIO, "");
    g_assert_cmpint(done, ==, disturbance.made < number);
    if (done && attempt == settle)
        g_assert_cmpuint(look(path).st_uid, ==, OWNER);
    return !done;
}

static void
test_calls_fail(Lab *lab)
{
    const Attempt attempts[] = {copy, settle, put_back};
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *other = lab_path(lab, "other");

    lab_create(lab, V, "one", MIB);
    give(clean);
    set_list(clean, 0, FRIEND, 4, 4, 0);
    image = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    target = lab_open(lab, "other", 0);
    for (size_t i = 0; i < G_N_ELEMENTS(attempts); i++)
        for (guint number = 1; fails_at(lab, attempts[i], other, number); number++)
            ;
    rl_fd_close(&image);
    rl_fd_close(&target);
}

static int
give_a_list(Lab *lab)
{
    g_autofree char *other = lab_path(lab, "other");

    set_list(other, 6, STRANGER, 6, 6, 0);
    return 0;
}

/* Until it is another's, the owner of an image can give it a list. */
static void
test_list_at_the_last_moment(Lab *lab)
{
    g_autofree char *clean = lab_path(lab, "clean"), *other = lab_path(lab, "other");
    Disturbance list = {.nr = SYS_fchown, .first = 1, .count = 1, .before = give_a_list};
    GError *error = NULL;

    image = lab_open(lab, "clean", 0);
    target = lab_open(lab, "other", 0);
    g_assert_cmpint(fchmod(image, 0660), ==, 0);
    for (int with_list = 0; with_list < 2; with_list++) {
        if (with_list)
            set_list(clean, 4, FRIEND, 4, 4, 0);
        g_autofree char *wanted = access_of(clean);
        g_assert_cmpint(chown(other, DEVICE_MODEL, DEVICE_MODEL), ==, 0);
        g_assert_true(disturb(lab, &list, copy, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(list.made, ==, 1);
        g_autofree char *is = access_of(other);
        g_assert_cmpstr(is, ==, wanted);
    }
    rl_fd_close(&image);
    rl_fd_close(&target);
}

void
add_tests(void)
{
    lab_add("/access/damaged-notes", test_damaged_notes);
    lab_add_on("/access/long-list", "xfs", test_long_list);
    lab_add_on("/access/calls-fail", "xfs btrfs", test_calls_fail);
    lab_add_on("/access/list-at-the-last-moment", "xfs btrfs", test_list_at_the_last_moment);
    lab_add("/access/is-the-volumes", test_access_is_the_volumes);
    lab_add("/access/list-goes-with-it", test_list_goes_with_it);
    lab_add("/access/direct", test_direct);
    lab_add("/access/direct-without-note", test_direct_without_note);
    lab_add("/access/snapshot", test_snapshot);
    lab_add("/access/volatile-that-was-kept", test_volatile_that_was_kept);
    lab_add("/access/labels-stay-with-those-who-stay", test_labels_stay_with_those_who_stay);
    lab_add("/access/writer-that-stays", test_writer_that_stays);
    lab_add("/access/mask-is-not-the-groups-mode", test_mask_is_not_the_groups_mode);
    lab_add("/access/default-list-is-not-inherited", test_default_list_is_not_inherited);
}
