/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/format/image-owner.h"
#include "common/format/image-save.h"

#include "common/base/autofd.h"
#include "common/base/boot.h"
#include "common/format/image-mark.h"
#include "common/fs/xattr.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

static int
new_file(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "f");

    make_file(path, "x");
    return open(path, O_RDONLY | O_CLOEXEC);
}

static RlImageOwner *
get(int fd)
{
    g_autoptr(GError) error = NULL;
    RlImageOwner *run = NULL;

    rl_image_owner_get(fd, &run, &error);
    g_assert_no_error(error);
    return run;
}

static void
set(int fd, const RlDomainRef *owner, RlOwnerTraits traits)
{
    g_autoptr(GError) error = NULL;

    rl_image_owner_set(fd, owner, traits, &error);
    g_assert_no_error(error);
}

static void
test_is_remembered(Lab *lab)
{
    rl_autofd int fd = new_file(lab);
    g_autoptr(RlImageOwner) nobody = get(fd);
    g_autoptr(RlImageOwner) run = NULL, reader = NULL;

    g_assert_null(nobody);
    set(fd, &alice, (RlOwnerTraits){.written = true});
    run = get(fd);
    g_assert_cmpstr(run->driver, ==, "qemu");
    g_assert_cmpstr(run->uuid, ==, alice.uuid);
    g_assert_cmpstr(run->name, ==, "alice");
    g_assert_true(run->written);
    g_assert_false(run->readonly);
    g_assert_true(rl_image_owner_is_fresh(run));
    g_assert_true(rl_image_owner_is_of(run, &alice));
    g_assert_false(rl_image_owner_is_of(run, &bob));

    set(fd, &bob, (RlOwnerTraits){.readonly = true});
    reader = get(fd);
    g_assert_true(rl_image_owner_is_of(reader, &bob));
    g_assert_false(reader->written);
    g_assert_true(reader->readonly);
}

/* Two hypervisors may know one UUID, and a domain may be renamed. */
static void
test_who_is_the_same(Lab *lab)
{
    rl_autofd int fd = new_file(lab);
    RlDomainRef xen = alice, renamed = alice;

    xen.driver = "libxl";
    renamed.name = "alice2";
    set(fd, &alice, (RlOwnerTraits){0});
    g_autoptr(RlImageOwner) run = get(fd);
    g_assert_false(rl_image_owner_is_of(run, &xen));
    g_assert_true(rl_image_owner_is_of(run, &renamed));
}

/* Who is late with the end of one run must not end the next one. */
static void
test_later_run(Lab *lab)
{
    rl_autofd int fd = new_file(lab);
    RlDomainRef late = alice;

    late.until_us = rl_boot_clock_us();
    g_usleep(10);
    set(fd, &alice, (RlOwnerTraits){0});
    g_autoptr(RlImageOwner) run = get(fd);
    g_assert_true(rl_image_owner_is_of(run, &alice));
    g_assert_false(rl_image_owner_is_of(run, &late));
    late.until_us = rl_boot_clock_us();
    g_assert_true(rl_image_owner_is_of(run, &late));

    /* Another boot's clock says nothing about ours. */
    g_free(run->boot_id);
    run->boot_id = g_strdup("another");
    run->since_us += G_USEC_PER_SEC;
    g_assert_true(rl_image_owner_is_of(run, &late));
}

static void
test_names_of_all_sorts(Lab *lab)
{
    const char *const names[] = {"", " a ", "a\nuuid=x", "[run]", "a\\nb", "a;b=c#d", "\xc3\xa4"};
    rl_autofd int fd = new_file(lab);

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        RlDomainRef owner = alice;
        owner.name = names[i];
        set(fd, &owner, (RlOwnerTraits){.written = true});
        g_autoptr(RlImageOwner) run = get(fd);
        g_assert_cmpstr(run->name, ==, names[i]);
        g_assert_cmpstr(run->uuid, ==, alice.uuid);
    }
}

/* The longest names still leave room for the other attributes; they are for people, so cutting one
 * is fine. */
static void
test_enormous_name(Lab *lab)
{
    rl_autofd int fd = new_file(lab);
    GString *name = g_string_new(NULL);
    RlDomainRef owner = alice;

    for (int i = 0; i < 5000; i++)
        g_string_append(name, "\xf0\x9f\x92\xbe");
    owner.name = name->str;
    set(fd, &owner, (RlOwnerTraits){.written = true});
    g_autoptr(RlImageOwner) run = get(fd);
    g_assert_true(rl_image_owner_is_of(run, &alice));
    g_assert_true(g_str_has_prefix(name->str, run->name));
    g_assert_cmpuint(strlen(run->name), >, 100);
    g_assert_true(rl_xattr_set(fd, RL_ATTR_ID, "0123456789abcdef0123456789abcdef", NULL));
    g_string_free(name, TRUE);
}

/* Of damage we know nothing, and so it counts as a run that wrote. */
static void
test_damage_is_read_carefully(Lab *lab)
{
    const char *const damage[] = {"", "x", "[run]\n", "[run]\nwritten=perhaps\n", "[other]\na=b\n"};
    rl_autofd int fd = new_file(lab);

    for (size_t i = 0; i < G_N_ELEMENTS(damage); i++) {
        g_assert_true(rl_xattr_set(fd, RL_ATTR_RUN, damage[i], NULL));
        g_autoptr(RlImageOwner) run = get(fd);
        g_assert_nonnull(run);
        g_assert_cmpstr(run->uuid, ==, "unknown");
        g_assert_true(run->written);
        g_assert_false(rl_image_owner_is_fresh(run));
    }
}

static void
test_grows_old(Lab *lab)
{
    rl_autofd int fd = new_file(lab);
    gint64 grace_us = (gint64) RL_OWNER_GRACE_SECONDS * G_USEC_PER_SEC;

    set(fd, &alice, (RlOwnerTraits){0});
    g_autoptr(RlImageOwner) run = get(fd);
    gint64 since_us = run->since_us;
    run->since_us = since_us - grace_us + G_USEC_PER_SEC * 60;
    g_assert_true(rl_image_owner_is_fresh(run));
    run->since_us = since_us - grace_us - 1;
    g_assert_false(rl_image_owner_is_fresh(run));
    run->since_us = since_us + G_USEC_PER_SEC * 60;
    g_assert_false(rl_image_owner_is_fresh(run));
    run->since_us = G_MININT64; /* of damage; no clock says so */
    g_assert_false(rl_image_owner_is_fresh(run));
    run->since_us = G_MAXINT64;
    g_assert_false(rl_image_owner_is_fresh(run));
    run->since_us = since_us;
    run->boot_id[0] ^= 1;
    g_assert_false(rl_image_owner_is_fresh(run));
}

static void
test_clear(Lab *lab)
{
    rl_autofd int fd = new_file(lab);
    g_autoptr(RlImageOwner) run = NULL;

    set(fd, &alice, (RlOwnerTraits){0});
    g_assert_true(rl_image_owner_clear(fd, NULL));
    g_assert_true(rl_image_owner_clear(fd, NULL));
    run = get(fd);
    g_assert_null(run);
    rl_image_owner_free(NULL);
}

static void
test_open_as_the_run_would(Lab *lab)
{
    rl_autofd int fd = new_file(lab);
    g_autofree char *path = lab_path(lab, "f");
    RlImageOwner writes = {.readonly = false}, reads = {.readonly = true};

    g_assert_false(rl_image_owner_is_open(&reads, fd));
    {
        rl_autofd int reader = open(path, O_RDONLY | O_CLOEXEC);
        g_assert_cmpint(reader, >=, 0);
        g_assert_true(rl_image_owner_is_open(&reads, fd));
        g_assert_false(rl_image_owner_is_open(&writes, fd));
        g_assert_false(rl_image_owner_is_open(NULL, fd));
    }
    rl_autofd int writer = open(path, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(writer, >=, 0);
    g_assert_true(rl_image_owner_is_open(&writes, fd));
    g_assert_true(rl_image_owner_is_open(&reads, fd));
    g_assert_true(rl_image_owner_is_open(NULL, fd));
}

static RlMark
hold_of(int fd)
{
    g_autoptr(GError) error = NULL;
    RlMark hold = (RlMark) 99;

    rl_mark_get(fd, &hold, &error);
    g_assert_no_error(error);
    return hold;
}

static void
test_hold(Lab *lab)
{
    const RlMark holds[] = {RL_MARK_SAVED, RL_MARK_SUSPECT, RL_MARK_RESTORED, RL_MARK_KEPT};
    rl_autofd int fd = new_file(lab);

    g_assert_cmpint(hold_of(fd), ==, RL_MARK_FOREIGN);
    g_assert_true(rl_xattr_set(fd, RL_ATTR_BASE, "0", NULL));
    g_assert_cmpint(hold_of(fd), ==, RL_MARK_NONE);
    for (size_t i = 0; i < G_N_ELEMENTS(holds); i++) {
        g_assert_true(rl_mark_set(fd, holds[i], NULL));
        g_assert_cmpint(hold_of(fd), ==, holds[i]);
    }
    g_assert_true(rl_xattr_set(fd, RL_ATTR_HOLD, "of a later version", NULL));
    g_assert_cmpint(hold_of(fd), ==, RL_MARK_SUSPECT);
    g_assert_true(rl_mark_clear(fd, NULL));
    g_assert_cmpint(hold_of(fd), ==, RL_MARK_NONE);
}

static void
test_save_file(Lab *lab)
{
    rl_autofd int fd = new_file(lab);
    g_autofree char *path = lab_path(lab, "memory");

    g_assert_false(rl_mark_file_is_gone(fd));
    make_file(path, "memory");
    g_assert_true(rl_mark_set_file(fd, path, NULL));
    g_assert_false(rl_mark_file_is_gone(fd));
    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_true(rl_mark_file_is_gone(fd));
    /* Versions that could not tell the directory, and those that noted its number alone. */
    g_assert_true(rl_xattr_set(fd, RL_ATTR_SAVE_DIR, "0", NULL));
    g_assert_true(rl_mark_file_is_gone(fd));
    g_autofree char *dir = g_path_get_dirname(path);
    struct stat st;
    g_assert_cmpint(stat(dir, &st), ==, 0);
    g_autofree char *number = g_strdup_printf("%lu", (unsigned long) st.st_ino);
    g_assert_true(rl_xattr_set(fd, RL_ATTR_SAVE_DIR, number, NULL));
    g_assert_true(rl_mark_file_is_gone(fd));
    g_assert_true(rl_xattr_set(fd, RL_ATTR_SAVE_DIR, "1", NULL));
    g_assert_false(rl_mark_file_is_gone(fd));
    g_assert_true(rl_xattr_set(fd, RL_ATTR_SAVE_DIR, "12345 1.0", NULL));
    g_assert_false(rl_mark_file_is_gone(fd));
    make_file(path, "memory");
    g_assert_true(rl_mark_set_file(fd, path, NULL));
    g_assert_cmpint(unlink(path), ==, 0);
    /* The start of a guest is confirmed before it runs; it may be saved still. */
    g_assert_true(rl_mark_clear(fd, NULL));
    g_assert_true(rl_mark_file_is_gone(fd));
    g_assert_true(rl_mark_set(fd, RL_MARK_KEPT, NULL));
    g_assert_false(rl_mark_file_is_gone(fd));
}

/* What is noted of a save is optional, and can be damaged. */
static void
test_no_save(Lab *lab)
{
    RlImageOwner run = {.boot_id = (char *) ""};
    rl_autofd int fd = new_file(lab);

    rl_save_free(NULL);
    g_assert_true(rl_save_keep_for(fd, &run, NULL));
    g_assert_true(rl_save_note_waiting(fd, true, NULL));
    g_assert_true(rl_save_confirm(fd, NULL));
    g_assert_true(rl_xattr_set(fd, RL_ATTR_SAVE, "damaged", NULL));
    g_assert_false(rl_save_keep_for(fd, &run, NULL));
    g_assert_true(rl_save_note_waiting(fd, true, NULL));
    g_assert_false(rl_save_confirm(fd, NULL));
    g_assert_true(rl_save_is_of_run(fd, &run));
    /* A time that nobody can count with is none, and each memory that is known is known once. */
    const RlMemory one = {.save = (char *) "1", .digest = (char *) "d"};
    RlSave *save = NULL;
    for (int i = 0; i < 3; i++)
        g_assert_true(rl_save_note(fd, &run, &one, NULL));
    g_assert_true(rl_save_keep_for(fd, &run, NULL));
    g_assert_true(rl_save_get(fd, &save, NULL));
    g_assert_true(rl_save_is_earlier(save, "d"));
    g_assert_cmpuint(g_strv_length(save->earlier), ==, 1);
    rl_save_free(save);
    g_assert_true(rl_xattr_set(
        fd, RL_ATTR_SAVE,
        "[save]\nbegun=-1\nended=9223372036854775807\ndate=1\ndate-ns=1\nsize=1\n", NULL));
    g_assert_true(rl_save_get(fd, &save, NULL));
    g_assert_cmpint(save->begun_us + save->ended_us, ==, 0);
    rl_save_free(save);
    g_assert_false(rl_save_is_earlier(&(RlSave){.earlier = (char *[]){NULL}}, NULL));
    g_assert_false(rl_mark_restore_is_announced(fd));
    g_assert_true(rl_xattr_set(fd, RL_ATTR_RESTORE, "one-word", NULL));
    g_assert_false(rl_mark_restore_is_announced(fd));
    g_assert_true(rl_mark_only_read(RL_MARK_KEPT_READONLY, NULL));
    g_assert_false(rl_mark_only_read(RL_MARK_KEPT, NULL));
    /* Whose image is kept may have been noted without a name. */
    g_autofree char *name = NULL;
    g_assert_true(rl_xattr_set(fd, RL_ATTR_KEPT_OF, "uuid-alone", NULL));
    g_assert_true(rl_mark_find_other_kept_of(fd, &alice, &name, NULL));
    g_assert_cmpstr(name, ==, "?");
}

static void
remount_memory(const char *dir)
{
    umount2(dir, 0);
    g_assert_cmpint(mount("none", dir, "tmpfs", 0, NULL), ==, 0);
}

/* Another file system there has the same number for its topmost directory. */
static void
test_save_file_elsewhere(Lab *lab)
{
    rl_autofd int fd = new_file(lab);
    g_autofree char *dir = lab_path(lab, "mnt"), *path = g_build_filename(dir, "memory", NULL);
    struct stat before, after;
    struct statx born;

    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    remount_memory(dir);
    make_file(path, "memory");
    g_assert_cmpint(stat(dir, &before), ==, 0);
    g_assert_true(rl_mark_set_file(fd, path, NULL));
    remount_memory(dir);
    g_assert_cmpint(stat(dir, &after), ==, 0);
    g_assert_cmpint(before.st_ino, ==, after.st_ino);
    g_assert_cmpint(statx(AT_FDCWD, dir, 0, STATX_BTIME, &born), ==, 0);
    if (born.stx_mask & STATX_BTIME)
        g_assert_false(rl_mark_file_is_gone(fd));
    /* What an earlier version noted, and where it could not be told. */
    g_assert_true(rl_xattr_set_number(fd, RL_ATTR_SAVE_DIR, after.st_ino, NULL));
    g_assert_true(rl_mark_file_is_gone(fd));
    g_assert_true(rl_xattr_set_number(fd, RL_ATTR_SAVE_DIR, 0, NULL));
    g_assert_true(rl_mark_file_is_gone(fd));
    g_assert_true(rl_xattr_set_number(fd, RL_ATTR_SAVE_DIR, after.st_ino * 10, NULL));
    g_assert_false(rl_mark_file_is_gone(fd));
    g_assert_cmpint(umount2(dir, 0), ==, 0);
}

static void
test_restore_is_announced(Lab *lab)
{
    rl_autofd int fd = new_file(lab);

    g_assert_false(rl_mark_restore_is_announced(fd));
    g_assert_true(rl_mark_announce_restore(fd, NULL));
    g_assert_true(rl_mark_restore_is_announced(fd));
    g_assert_true(rl_mark_clear(fd, NULL));
    g_assert_false(rl_mark_restore_is_announced(fd));
    g_assert_true(rl_xattr_set(fd, RL_ATTR_RESTORE, "nonsense", NULL));
    g_assert_false(rl_mark_restore_is_announced(fd));

    g_autofree char *boot = rl_boot_id(NULL);
    g_autofree char *early = g_strconcat(boot, " -9223372036854775808", NULL);
    g_assert_true(rl_xattr_set(fd, RL_ATTR_RESTORE, early, NULL));
    g_assert_false(rl_mark_restore_is_announced(fd));
}

void
add_tests(void)
{
    lab_add("/run/is-remembered", test_is_remembered);
    lab_add("/run/who-is-the-same", test_who_is_the_same);
    lab_add("/run/later-run", test_later_run);
    lab_add("/run/names-of-all-sorts", test_names_of_all_sorts);
    lab_add("/run/enormous-name", test_enormous_name);
    lab_add("/run/damage-is-read-carefully", test_damage_is_read_carefully);
    lab_add("/run/grows-old", test_grows_old);
    lab_add("/run/clear", test_clear);
    lab_add("/run/open-as-the-run-would", test_open_as_the_run_would);
    lab_add("/hold/marks", test_hold);
    lab_add("/run/no-save", test_no_save);
    lab_add("/hold/save-file", test_save_file);
    lab_add("/hold/save-file-elsewhere", test_save_file_elsewhere);
    lab_add("/hold/restore-is-announced", test_restore_is_announced);
}
