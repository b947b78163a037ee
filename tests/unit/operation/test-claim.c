/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Volumes that become a running domain's, which it was not started on. */
#include "common/operation/claim.h"

#include "common/base/autofd.h"
#include "common/format/ended-note.h"
#include "common/format/image-mark.h"
#include "common/format/image-overlays.h"
#include "common/fs/xattr.h"
#include "common/operation/save.h"
#include "harness/lab.h"
#include "xml/documents.h"

#include <fcntl.h>
#include <string.h>

#define V "web/data"

static void
claim(Lab *lab, const RlDomainRef *owner, bool overlaid, bool wanted)
{
    GError *error = NULL;
    bool done;

    g_assert_true(rl_volume_claim(lab->pool, V, &(RlClaim){.to = owner, .overlaid = overlaid},
                                  &done, &error));
    g_assert_no_error(error);
    g_assert_cmpint(done, ==, wanted);
}

static RlImageOwner *
run_of(Lab *lab)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    RlImageOwner *run;

    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    return run;
}

static void
assert_below(Lab *lab, const char *wanted)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_autofree char *name = NULL;

    g_assert_true(rl_overlays_other(fd, NULL, &name, NULL));
    g_assert_cmpstr(name, ==, wanted);
}

/* What is noted of the run stays; the end is the domain's. */
static void
test_by_hand(Lab *lab)
{
    lab_create(lab, V, "old", MIB);
    claim(lab, &alice, false, false); /* nothing is there */
    lab_start(lab, V, &by_hand);
    g_autoptr(RlImageOwner) before = run_of(lab);
    image_write(lab, V, RL_FILE_DIRTY, "new");
    claim(lab, &alice, false, true);
    g_autoptr(RlImageOwner) after = run_of(lab);
    g_assert_true(rl_image_owner_is_of(after, &alice));
    g_assert_cmpstr(after->boot_id, ==, before->boot_id);
    g_assert_cmpint(after->since_us, ==, before->since_us);
    g_assert_cmpint(after->written, ==, before->written);
    claim(lab, &alice, false, false); /* it is its already */
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "new");
}

/* A domain that was started to read it only was given the disk again, to write. */
static void
test_read_before(Lab *lab)
{
    lab_create(lab, V, "old", MIB);
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_READONLY));
    image_write(lab, V, RL_FILE_DIRTY, "new");
    claim(lab, &bob, false, false); /* about to open it, as far as anybody knows */
    claim(lab, &alice, false, true);
    g_autoptr(RlImageOwner) run = run_of(lab);
    g_assert_true(rl_image_owner_is_of(run, &alice) && run->written && !run->readonly);
    claim(lab, &alice, false, false);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "new");
}

/* Below an overlay it stays as it is, for that domain. */
static void
test_overlaid(Lab *lab)
{
    bool done;

    lab_create(lab, V, "old", MIB);
    lab_start(lab, V, &by_hand);
    claim(lab, &alice, true, true);
    assert_below(lab, "alice");
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &alice, .overlaid = true}, &done, NULL));
    g_assert_true(done);
    claim(lab, &bob, false, false); /* it is below another's */
    claim(lab, &bob, true, true);   /* but may be below both */
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &bob, .overlaid = true}, &done, NULL));
    g_assert_true(done);
    lab_start_fails(lab, V, &xen, RL_ERROR_STATE, "external snapshot & 'alice'");
}

/* A domain that goes on with an overlay on it need not wait for the administrator. */
static void
test_start_on_overlay(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "old", MIB);
    lab_start(lab, V, &by_hand);
    lab_start_fails(lab, V, &alice, RL_ERROR_BUSY, "virt-reflink start");
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, V, &alice, RL_START_OVERLAID, &error);
    g_assert_no_error(error);
    g_assert_true(started->continued);
    assert_below(lab, "alice");
    lab_start_fails(lab, V, &bob, RL_ERROR_BUSY, "'alice'");
}

/* What somebody else may need is left alone. */
static void
test_not_free(Lab *lab)
{
    lab_create(lab, V, "old", MIB);
    lab_start(lab, V, &alice);
    claim(lab, &bob, false, false);

    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_image_owner_set(fd, &by_hand, (RlOwnerTraits){0}, NULL));
    g_assert_true(rl_mark_set(fd, RL_MARK_SAVED, NULL));
    claim(lab, &bob, false, false);
    g_assert_true(rl_mark_set(fd, RL_MARK_SUSPECT, NULL));
    claim(lab, &bob, false, false);
    g_assert_true(rl_mark_clear(fd, NULL));
    g_assert_true(rl_image_owner_clear(fd, NULL));
    /* It may be a saved domain's, in a copy without attributes. */
    g_autofree char *base = NULL;
    g_assert_true(rl_xattr_get(fd, RL_ATTR_BASE, &base, NULL));
    g_assert_true(rl_xattr_remove(fd, RL_ATTR_BASE, NULL));
    claim(lab, &bob, false, false);
    g_assert_true(rl_xattr_set(fd, RL_ATTR_BASE, base, NULL));
    claim(lab, &bob, false, true);
    g_autoptr(RlImageOwner) run = run_of(lab);
    g_assert_true(rl_image_owner_is_of(run, &bob) && run->written);
}

/* Another domain that runs on it is not ended by somebody else. */
static void
test_held(Lab *lab)
{
    lab_create(lab, V, "old", MIB);
    lab_start(lab, V, &alice);
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        g_autoptr(RlImageOwner) run = run_of(lab);
        g_assert_true(rl_image_owner_leave(fd, run, NULL)); /* begun long ago */
    }
    int device = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    claim(lab, &bob, false, false);
    close(device);
    claim(lab, &bob, false, true);
}

/* A domain only read it when the host went down; another one is given it to write to, and ends. */
static void
test_only_read(Lab *lab)
{
    lab_create(lab, V, "old", MIB);
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_READONLY));
    claim(lab, &bob, false, false); /* alice's emulator may be about to open it */
    lab_crash(lab, V);
    int reader = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    claim(lab, &bob, false, false);
    close(reader);
    claim(lab, &bob, false, true);
    image_write(lab, V, RL_FILE_DIRTY, "bob's");
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "bob's");
}

/* That the run before has ended says nothing of the one that it is now. */
static void
test_ended(Lab *lab)
{
    RlStop stop;

    lab_create(lab, V, "old", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "alice's");
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        g_autoptr(RlImageOwner) run = run_of(lab);
        rl_ended_note(lab->pool->dev, lab->pool->ino, V, fd, run->since_us);
    }
    claim(lab, &bob, false, true);
    image_write(lab, V, RL_FILE_DIRTY, "bob runs");
    g_assert_true(rl_volume_stop_ended(lab->pool, V, &stop, NULL));
    g_assert_cmpint(stop, ==, RL_STOP_NOTHING);
    image_is(lab, V, RL_FILE_CLEAN, "old");
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "bob runs");
}

/* An administrator keeps what a crash left of it, and has a look at it from a rescue domain. */
static void
test_kept(Lab *lab)
{
    lab_create(lab, "web/template", "old", MIB);
    lab_create_kind(lab, V, RL_KIND_SNAPSHOT, "web/template", NULL, 0);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "alice's");
    lab_crash(lab, V);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    claim(lab, &bob, false, false);
    lab_stop(lab, V, &bob, RL_STOP_NOT_OWNED);
    image_is(lab, V, RL_FILE_DIRTY, "alice's");
    claim(lab, &bob, true, true);
    assert_below(lab, "bob");
}

static bool
alice_has_let_go(const char *image, const char *uuid)
{
    return g_str_has_suffix(image, "/web/data-dirty.img") && strcmp(uuid, alice.uuid) == 0;
}

/* It was just started, for alice, who runs on other disks now. */
static void
test_let_go(Lab *lab)
{
    RlDocuments documents = *lab->pool->documents;

    lab_create(lab, V, "old", MIB);
    lab_start(lab, V, &alice);
    claim(lab, &bob, false, false);
    documents.has_let_go = alice_has_let_go;
    lab->pool->documents = &documents;
    claim(lab, &bob, false, true);
    lab->pool->documents = rl_xml_documents();
    lab_stop(lab, V, &alice, RL_STOP_NOT_OWNED);
}

static void
pass_on(Lab *lab, const RlDomainRef *from, bool overlaid, bool wanted)
{
    GError *error = NULL;
    bool done;

    g_assert_true(rl_volume_pass_on(
        lab->pool, V, &(RlClaim){.from = from, .to = &bob, .overlaid = overlaid}, &done, &error));
    g_assert_no_error(error);
    g_assert_cmpint(done, ==, wanted);
}

/* Alice has ended, and bob runs on the disk, or on an overlay on it. */
static void
test_pass_on(Lab *lab)
{
    bool done;

    lab_create(lab, V, "old", MIB);
    pass_on(lab, &alice, false, false);
    lab_start(lab, V, &alice);
    pass_on(lab, &xen, false, false);
    pass_on(lab, &alice, false, true);
    pass_on(lab, &alice, false, false);
    image_write(lab, V, RL_FILE_DIRTY, "bob's");
    lab_stop(lab, V, &alice, RL_STOP_NOT_OWNED);
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "bob's");

    lab_start(lab, V, &alice);
    g_assert_true(rl_volume_save(lab->pool, V, &alice, &done, NULL) && done);
    pass_on(lab, &alice, true, false);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &alice);
    pass_on(lab, &alice, true, true);
    assert_below(lab, "bob");
    lab_create(lab, "web/read", "old", MIB);
    rl_started_free(lab_start_with(lab, "web/read", &alice, RL_START_READONLY));
    g_assert_true(rl_volume_pass_on(lab->pool, "web/read",
                                    &(RlClaim){.from = &alice, .to = &bob, .overlaid = false},
                                    &done, NULL));
    g_assert_false(done);
    g_assert_false(rl_volume_pass_on(lab->pool, "web/none",
                                     &(RlClaim){.from = &alice, .to = &bob, .overlaid = false},
                                     &done, NULL));
}

void
add_tests(void)
{
    lab_add("/claim/by-hand", test_by_hand);
    lab_add("/claim/read-before", test_read_before);
    lab_add("/claim/overlaid", test_overlaid);
    lab_add("/claim/start-on-overlay", test_start_on_overlay);
    lab_add("/claim/not-free", test_not_free);
    lab_add("/claim/held", test_held);
    lab_add("/claim/only-read", test_only_read);
    lab_add("/claim/ended", test_ended);
    lab_add("/claim/kept", test_kept);
    lab_add("/claim/let-go", test_let_go);
    lab_add("/claim/pass-on", test_pass_on);
}
