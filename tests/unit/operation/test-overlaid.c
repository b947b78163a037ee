/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Dirty images below an overlay, the file of an external snapshot: nothing takes them away from
 * below it. */

#include "common/base/autofd.h"
#include "common/format/image-overlays.h"
#include "common/fs/xattr.h"
#include "common/operation/claim.h"
#include "common/operation/defragment.h"
#include "common/operation/delete.h"
#include "common/operation/end-of-run.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/operation/upload.h"
#include "common/pool/volume-state.h"
#include "harness/lab.h"
#include "harness/scatter.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define V "a/b/private"

static void
test_overlaid(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_autofree char *before = list_tree(lab->path);
    g_assert_null(rl_volume_start(lab->pool, V, &alice, RL_START_OVERLAID, &error));
    take_error(error, RL_ERROR_STATE, "overlay");
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

/* The base of an external snapshot, while the snapshot's domain is off. */
static void
test_below_an_overlay(Lab *lab)
{
    g_autoptr(RlStarted) started = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &alice, .overlaid = true}, &done, NULL));
    g_assert_true(done);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "external snapshot & 'alice'");
    lab_start_fails(lab, V, &xen, RL_ERROR_STATE, "'virt-reflink continue'");
    image_is(lab, V, RL_FILE_DIRTY, "two");

    /* Its own domain goes on, and with its end the image is one like any other. */
    lab_start(lab, V, &alice);
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, NULL));
    lab_start(lab, V, &bob);
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &bob, .overlaid = true}, &done, NULL));

    /* Neither a start that is put back nor one that is confirmed, nor a save, changes whose it is.
     */
    for (int i = 0; i < 3; i++) {
        g_autoptr(RlStarted) again = rl_volume_start(lab->pool, V, &bob, RL_START_OVERLAID, NULL);
        g_assert_nonnull(again);
        if (i == 0)
            g_assert_true(rl_volume_unstart(lab->pool, again, &bob, NULL));
        else
            g_assert_true(rl_volume_confirm(lab->pool, V, &bob, NULL));
        if (i == 1)
            g_assert_true(rl_volume_keep_as(
                lab->pool, V, &(RlKeep){.owner = &bob, .overlaid = true}, &done, NULL));
        if (i == 2)
            lab_crash(lab, V);
        lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "'bob'");
    }
    g_autoptr(RlStarted) saved = rl_volume_start(lab->pool, V, &bob, RL_START_OVERLAID, NULL);
    g_assert_true(rl_volume_keep_as(
        lab->pool, V, &(RlKeep){.owner = &bob, .saved = true, .overlaid = true, .file = "/nowhere"},
        &done, NULL));
    g_assert_true(done);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "'bob'");
    g_assert_nonnull(saved);

    /* So do others that only read it through an overlay. */
    started = rl_volume_start(lab->pool, V, &alice, RL_START_OVERLAID, NULL);
    g_assert_nonnull(started);
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &alice, .overlaid = true}, &done, NULL));
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "'alice'");
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "'bob'");
    /* A person is told of one of them at a time. */
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "'alice'");
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &bob);
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_assert_cmpint(getxattr(clean, RL_ATTR_PREFIX RL_ATTR_BELOW, NULL, 0), <, 0);
}

static void
assert_below(GError *error, const char *what)
{
    g_autofree char *words =
        g_strdup_printf("'a/b/private' & %s & external snapshot & 'alice'", what);

    take_error(error, RL_ERROR_STATE, words);
}

/* What a person does by hand, or with a volume, would take the base away from under the overlay. */
static void
test_nothing_is_done_below(Lab *lab)
{
    g_autofree char *before = NULL, *after = NULL, *below = NULL;
    g_autoptr(RlVolume) volume = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    GError *error = NULL;
    RlState state;
    RlStop stop;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &alice, .overlaid = true}, &done, NULL));
    volume = rl_volume_open(lab->pool, V, NULL);
    g_assert_true(rl_state_get_below(volume, &state, &run, &below, NULL));
    g_assert_cmpstr(rl_state_to_string(state), ==, "overlaid");
    g_assert_cmpstr(below, ==, "alice");
    g_assert_null(run);
    before = list_tree(lab->path);
    g_assert_false(rl_volume_stop(lab->pool, V, NULL, &stop, &error));
    assert_below(g_steal_pointer(&error), "stopped");
    g_assert_false(rl_volume_discard(lab->pool, V, &error));
    assert_below(g_steal_pointer(&error), "discarded");
    g_assert_false(rl_volume_resize(lab->pool, V, 4 * KIB, false, &error));
    assert_below(g_steal_pointer(&error), "resized");
    g_assert_false(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, &error));
    assert_below(g_steal_pointer(&error), "deleted");
    g_assert_null(rl_upload_begin(lab_pool(lab), V, &error));
    assert_below(g_steal_pointer(&error), "given other content");
    after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, MIB);

    /* While the domain runs on the overlay, and reads what is below it; not when it has merged the
     * two, and writes to it. */
    g_autoptr(RlStarted) on = rl_volume_start(lab->pool, V, &alice, RL_START_OVERLAID, NULL);
    g_assert_nonnull(on);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_RUNNING);
    g_assert_false(rl_volume_resize(lab->pool, V, 4 * KIB, false, &error));
    assert_below(g_steal_pointer(&error), "resized");
    int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, NULL));
    close(fd);
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &alice, .overlaid = true}, &done, NULL));

    /* A person who knows better says so first. */
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* Who continues a saved domain's disks was not told of the overlay. */
static void
test_saved_below_is_continued(Lab *lab)
{
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_assert_true(rl_volume_keep_as(
        lab->pool, V, &(RlKeep){.owner = &alice, .saved = true, .overlaid = true}, &done, NULL));
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SAVED);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_BELOW);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    g_assert_true(rl_volume_delete(lab->pool, V, 0, NULL));
}

static char *
find_own(const char *image, bool directly, const char *except, const char *const *let_go)
{
    (void) let_go;
    return directly || except || !strstr(image, "private-dirty.img") ? NULL : g_strdup("alice");
}

static char *
doubt_own(const char *image, const char *domain)
{
    return strstr(image, "private-dirty.img") && strcmp(domain, "alice") == 0
               ? g_strdup("the snapshots in '/snapshots/alice' cannot be read")
               : NULL;
}

/* An older memory or definition of the domain has the image as its disk, and the present one an
 * overlay on it: neither a start nor an end takes it away from below. */
static void
test_own_overlay(Lab *lab)
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;

    documents.find_domain = find_own;
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        g_assert_true(rl_overlays_add(fd, &alice, NULL));
    }
    lab->pool->documents = &documents;
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "start");
    documents.find_doubt = doubt_own;
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "/snapshots/alice");
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_OVERLAID));
    lab_stop(lab, V, &alice, RL_STOP_HELD);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    image_is(lab, V, RL_FILE_CLEAN, "one");
    /* Merged: libvirt names no overlay any more. */
    lab->pool->documents = real;
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* The first of these that has an overlay on it, as libvirt's files say. */
static char *
find_of(const RlDomainRef *const *domains, bool directly, const char *except,
        const char *const *let_go)
{
    for (; !directly && *domains; domains++)
        if (g_strcmp0(except, (*domains)->uuid) != 0 &&
            !(let_go && g_strv_contains(let_go, (*domains)->name)))
            return g_strdup((*domains)->name);
    return NULL;
}

static char *
find_defined(const char *image, bool directly, const char *except, const char *const *let_go)
{
    static const RlDomainRef *const domains[] = {&alice, NULL};

    return strstr(image, "private-dirty.img") ? find_of(domains, directly, except, let_go) : NULL;
}

static char *
find_two(const char *image, bool directly, const char *except, const char *const *let_go)
{
    static const RlDomainRef *const domains[] = {&alice, &bob, NULL};

    (void) image;
    return find_of(domains, directly, except, let_go);
}

static char *
find_any(const char *image, bool directly, const char *except, const char *const *let_go)
{
    (void) image, (void) let_go;
    return directly || g_strcmp0(except, alice.uuid) == 0 ? NULL : g_strdup("alice");
}

static char *
find_none(const char *image, bool directly, const char *except, const char *const *let_go)
{
    (void) image, (void) directly, (void) except, (void) let_go;
    g_assert_not_reached();
}

static char *
no_doubt(const char *image, const char *domain)
{
    (void) image, (void) domain;
    return NULL;
}

/* A domain that was off got an overlay on what is kept: no run and no note says so. */
static gint64
defined_later(const char *name)
{
    return strcmp(name, "alice") == 0 ? g_get_real_time() + G_USEC_PER_SEC : 0;
}

static void
test_kept_below(Lab *lab)
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;
    GError *error = NULL;
    RlStop result;
    bool done;

    documents.find_domain = find_defined;
    documents.find_doubt = no_doubt;
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, NULL));
    lab->pool->documents = &documents;
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_BELOW);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "external snapshot & 'alice'");
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "external snapshot & 'alice'");
    g_assert_false(rl_volume_stop(lab->pool, V, NULL, &result, &error));
    g_assert_error(error, RL_ERROR, RL_ERROR_STATE);
    g_clear_error(&error);
    g_assert_false(rl_volume_discard(lab->pool, V, &error));
    g_assert_error(error, RL_ERROR, RL_ERROR_STATE);
    g_clear_error(&error);
    g_assert_true(rl_volume_claim(lab->pool, V, &(RlClaim){.to = &bob}, &done, NULL));
    g_assert_false(done);
    /* An administrator lets go of this one, and not of what the domain is defined with later. */
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    documents.defined_us = defined_later;
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_BELOW);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "external snapshot & 'alice'");
    documents.defined_us = real->defined_us;
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    g_assert_true(rl_volume_stop(lab->pool, V, NULL, &result, NULL));
    g_assert_cmpint(result, ==, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    lab->pool->documents = real;
}

static void
assert_below_of(Lab *lab, const char *wanted)
{
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    g_autoptr(RlImageOwner) run = NULL;
    g_autofree char *below = NULL;
    RlState state;

    g_assert_true(rl_state_get_below(volume, &state, &run, &below, NULL));
    g_assert_cmpint(state, ==, wanted ? RL_STATE_BELOW : RL_STATE_LEFT);
    g_assert_cmpstr(below, ==, wanted);
}

/* Of two overlays a person gives up the one that he is told of; one is noted as well, or none. */
static void
test_one_of_two(Lab *lab)
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;
    bool done;

    documents.find_domain = find_two;
    documents.find_doubt = no_doubt;
    lab_create(lab, V, "one", MIB);
    for (int noted = 0; noted < 2; noted++) {
        RlKeep how = {.owner = &bob, .overlaid = noted};
        const char *first = noted ? "bob" : "alice", *second = noted ? "alice" : "bob";
        lab_start(lab, V, &bob);
        image_write(lab, V, RL_FILE_DIRTY, "two");
        g_assert_true(rl_volume_keep_as(lab->pool, V, &how, &done, NULL));
        lab->pool->documents = &documents;
        assert_below_of(lab, first);
        g_assert_true(rl_volume_continue(lab->pool, V, NULL));
        assert_below_of(lab, second);
        lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, second);
        lab_start_fails(lab, V, &xen, RL_ERROR_STATE, second);
        lab_start_fails(lab, V, noted ? &alice : &bob, RL_ERROR_STATE, second);
        g_assert_true(rl_volume_continue(lab->pool, V, NULL));
        assert_below_of(lab, NULL);
        g_assert_true(rl_volume_continue(lab->pool, V, NULL));
        assert_below_of(lab, NULL);
        /* Only of the one that is defined again. */
        documents.defined_us = defined_later;
        assert_below_of(lab, "alice");
        documents.defined_us = real->defined_us;
        lab_stop(lab, V, NULL, RL_STOP_COMMITTED);
        lab->pool->documents = real;
    }
}

static void
forget_attributes(Lab *lab)
{
    g_autofree char *path = lab_file(lab, V, RL_FILE_DIRTY);
    char names[4096];
    ssize_t length = listxattr(path, names, sizeof names);

    for (const char *name = names; name < names + length; name += strlen(name) + 1)
        if (g_str_has_prefix(name, RL_ATTR_PREFIX))
            g_assert_cmpint(removexattr(path, name), ==, 0);
}

/* The host was put back from a backup without attributes: no message names an overlay before the
 * person has decided that the image counts. */
static void
test_foreign_below(Lab *lab)
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;
    GError *error = NULL;
    bool done;

    documents.find_domain = find_defined;
    documents.find_doubt = no_doubt;
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &alice, .overlaid = true}, &done, NULL));
    forget_attributes(lab);
    lab->pool->documents = &documents;
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_FOREIGN);
    g_assert_false(rl_volume_discard(lab->pool, V, &error));
    assert_below(error, "discarded");
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    assert_below_of(lab, "alice");
    lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, "'alice'");
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "'alice'");
    image_is(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    assert_below_of(lab, NULL);
    g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    lab->pool->documents = real;
}

/* The domain of the overlay is refused since the clean image is another one now. */
static void
test_other_base_below(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *backup = g_strconcat(clean, ".backup", NULL);
    GError *error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &alice, .overlaid = true}, &done, NULL));
    make_file(backup, "backup");
    g_assert_cmpint(rename(backup, clean), ==, 0);
    g_assert_null(rl_volume_start(lab->pool, V, &alice, RL_START_OVERLAID, &error));
    take_error(error, RL_ERROR_STATE, "another clean image & 'virt-reflink continue'");
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "external snapshot & 'alice'");
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_OVERLAID));
}

/* The host went down, and no hook could note the overlay: only the run is there. */
static void
test_cut_off_below(Lab *lab)
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;
    bool done;

    documents.find_domain = find_defined;
    documents.find_doubt = no_doubt;
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    lab_crash(lab, V);
    lab->pool->documents = &documents;
    g_assert_true(rl_volume_claim(lab->pool, V, &(RlClaim){.to = &bob}, &done, NULL));
    g_assert_false(done);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "external snapshot & 'alice'");
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_OVERLAID));
    lab->pool->documents = real;
}

/* The end of a run waits for a process that has an image open, and libvirt puts an overlay on that
 * meanwhile: the domain is off. */
static void
test_late_end(Lab *lab)
{
    const char *const names[] = {V, "a/root", "a/tmp", "a/direct"};
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;
    RlDomainRef late = alice;
    bool committed;

    late.late = true;
    documents.find_domain = find_any;
    documents.find_doubt = no_doubt;
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, V, NULL, 0);
    lab_create_kind(lab, "a/tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_create_kind(lab, "a/direct", RL_KIND_DIRECT, NULL, "one", MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        RlEnd how = {.owner = &late, .reason = RL_END_STOPPED};
        lab_start(lab, names[i], &alice);
        image_write(lab, names[i], RL_FILE_DIRTY, "two");
        lab->pool->documents = &documents;
        g_assert_true(rl_volume_end(lab->pool, names[i], &how, &committed, NULL));
        g_assert_false(committed);
        image_is(lab, names[i], RL_FILE_DIRTY, "two");
        g_assert_cmpint(lab_state(lab, names[i]), ==, RL_STATE_BELOW);
        lab_start_fails(lab, names[i], &alice, RL_ERROR_STATE, "external snapshot & 'alice'");
        lab_start_fails(lab, names[i], &bob, RL_ERROR_STATE, "external snapshot & 'alice'");
        rl_started_free(lab_start_with(lab, names[i], &alice, RL_START_OVERLAID));
        lab->pool->documents = real;
    }
}

/* The same, and the end was not made up for. */
static void
test_own_leftover_below(Lab *lab)
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;

    documents.find_domain = find_own;
    documents.find_doubt = no_doubt;
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab->pool->documents = &documents;
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "external snapshot & 'alice'");
    image_is(lab, V, RL_FILE_DIRTY, "two");
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_OVERLAID));
    lab->pool->documents = real;
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* Where it comes in time no overlay is asked for, and a late one without an overlay is like it. */
static void
test_end_in_time(Lab *lab)
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;
    RlDomainRef late = alice;

    late.late = true;
    documents.find_domain = find_none;
    lab_create(lab, V, "one", MIB);
    lab->pool->documents = &documents;
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    lab->pool->documents = real;
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "six");
    lab_stop(lab, V, &late, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "six");
}

/* libvirt puts an overlay on the disk of a domain that is saved, or off. What it is restored on in
 * place, or started on by an older definition, is below that. */
static void
test_own_overlay_of_what_was_off(Lab *lab)
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;
    GError *error = NULL;
    bool done;

    documents.find_domain = find_own;
    documents.find_doubt = no_doubt;
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &alice, .saved = true}, &done, NULL));
    g_assert_true(rl_volume_announce_restore(lab->pool, V, &alice, NULL));
    lab->pool->documents = &documents;
    g_assert_null(rl_volume_start(lab->pool, V, &alice, RL_START_RESTORED, &error));
    take_error(error, RL_ERROR_STATE, "external snapshot & 'alice'");
    lab->pool->documents = real;
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_RESTORED));
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);

    lab_start(lab, V, &by_hand);
    lab_crash(lab, V);
    lab->pool->documents = &documents;
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "external snapshot & 'alice'");
    lab->pool->documents = real;
}

/* It is made while a start waits for who writes to the image at rest: the start has looked before.
 */
static guint looks;

static char *
find_later(const char *image, bool directly, const char *except, const char *const *let_go)
{
    (void) image, (void) directly, (void) except, (void) let_go;
    return looks++ == 0 ? NULL : g_strdup("alice");
}

static char *
find_later_running(const char *image, const char *except)
{
    (void) image, (void) except;
    return looks++ == 0 ? NULL : g_strdup("alice");
}

static void
test_made_beside_a_start(Lab *lab)
{
    const char *const names[] = {"volume", "direct"};
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;
    RlOptions *options = rl_options_copy(lab->pool->options);

    options->path_links = true;
    g_assert_true(rl_pool_set_options(lab->pool, options, NULL));
    rl_options_free(options);
    documents.find_domain = find_later;
    documents.find_running_overlay = find_later_running;
    documents.find_doubt = no_doubt;
    lab_create(lab, "volume", "one", MIB);
    lab_create_kind(lab, "direct", RL_KIND_DIRECT, NULL, "one", MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *clean = lab_file(lab, names[i], RL_FILE_CLEAN);
        rl_autofd int reader = open(clean, O_RDONLY | O_CLOEXEC);
        lab->pool->documents = &documents;
        looks = 0;
        lab_start_fails(lab, names[i], &bob, RL_ERROR_STATE, "external snapshot & 'alice'");
        image_is(lab, names[i], RL_FILE_CLEAN, "one");
        g_assert_false(image_is_there(lab, names[i], RL_FILE_DIRTY));
        GError *error = NULL;
        looks = 0;
        g_assert_null(rl_volume_start(lab->pool, names[i], &bob, RL_START_OVERLAID, &error));
        take_error(error, RL_ERROR_STATE, "external snapshot & 'alice'");
        image_is(lab, names[i], RL_FILE_CLEAN, "one");
        ino_t inode = look(clean).st_ino;
        error = NULL;
        looks = 0;
        g_assert_false(rl_volume_resize(lab->pool, names[i], 2 * MIB, false, &error));
        take_error(error, RL_ERROR_STATE, "resized & external snapshot & 'alice'");
        looks = 0;
        error = NULL;
        g_assert_false(rl_volume_delete(lab->pool, names[i], 0, &error));
        take_error(error, RL_ERROR_STATE, "deleted & external snapshot & 'alice'");
        g_assert_cmpuint(look(clean).st_ino, ==, inode);
        lab->pool->documents = real;
    }
    /* Of who has nothing open nothing more is asked. */
    lab->pool->documents = &documents;
    looks = 0;
    lab_start(lab, "volume", &bob);
    g_assert_cmpuint(looks, ==, 1);
    lab->pool->documents = real;
}

/* A defragmentation looks when its new image is complete. */
static void
test_made_beside_a_defragmentation(Lab *lab)
{
    const RlDefragment how = {.rule = {.limit = MIB}};
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;
    g_autofree char *clean = lab_file(lab, "volume", RL_FILE_CLEAN);
    g_autoptr(RlOptions) options = rl_options_copy(lab->pool->options);
    RlDefragmented found;
    GError *error = NULL;

    options->path_links = true;
    g_assert_true(rl_pool_set_options(lab->pool, options, NULL));
    lab_create(lab, "volume", "one", MIB);
    rl_autofd int fd = open(clean, O_RDWR | O_CLOEXEC);
    g_assert_true(scatter(fd, 0, 64 * KIB, NULL));
    g_assert_no_errno(fsync(fd));
    rl_fd_close(&fd);
    ino_t inode = look(clean).st_ino;
    documents.find_domain = find_later;
    documents.find_doubt = no_doubt;
    lab->pool->documents = &documents;
    looks = 0;
    g_assert_false(rl_volume_defragment(lab->pool, "volume", &how, &found, &error));
    take_error(error, RL_ERROR_STATE, "defragmented & external snapshot & 'alice'");
    lab->pool->documents = real;
    g_assert_cmpuint(look(clean).st_ino, ==, inode);
}

void
add_tests(void)
{
    lab_add("/overlaid/overlaid", test_overlaid);
    lab_add("/overlaid/below-an-overlay", test_below_an_overlay);
    lab_add("/overlaid/nothing-is-done-below", test_nothing_is_done_below);
    lab_add("/overlaid/saved-below-is-continued", test_saved_below_is_continued);
    lab_add("/overlaid/own-overlay", test_own_overlay);
    lab_add("/overlaid/own-overlay-of-what-was-off", test_own_overlay_of_what_was_off);
    lab_add("/overlaid/kept-below", test_kept_below);
    lab_add("/overlaid/one-of-two", test_one_of_two);
    lab_add("/overlaid/foreign-below", test_foreign_below);
    lab_add("/overlaid/other-base-below", test_other_base_below);
    lab_add("/overlaid/cut-off-below", test_cut_off_below);
    lab_add("/overlaid/late-end", test_late_end);
    lab_add("/overlaid/own-leftover-below", test_own_leftover_below);
    lab_add("/overlaid/end-in-time", test_end_in_time);
    lab_add_on("/overlaid/beside-a-start", "xfs btrfs", test_made_beside_a_start);
    lab_add_on("/overlaid/beside-a-defragmentation", "xfs btrfs",
               test_made_beside_a_defragmentation);
}
