/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/pool/pool.h"

#include "common/fs/xattr.h"
#include "common/operation/pool-build.h"
#include "harness/disturb.h"
#include "xml/documents.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

static void
test_open(Lab *lab)
{
    struct stat st = look(lab->path);

    g_assert_cmpstr(lab->pool->path, ==, lab->path);
    g_assert_cmpuint(lab->pool->dev, ==, st.st_dev);
    g_assert_cmpuint(lab->pool->ino, ==, st.st_ino);
    g_assert_cmpint(lab->pool->options->keep.newest, ==, 3);
    g_assert_cmpint(lab->pool->options->fallback_copy, ==, !lab->reflinks);
    rl_pool_close(NULL);
}

static void
refused(Lab *lab, const char *path, int code, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_pool_open(path, lab->pool->documents, &error));
    take_error(error, code, words);
}

static void
refused_errno(Lab *lab, const char *path, int wanted)
{
    GError *error = NULL;

    g_assert_null(rl_pool_open(path, lab->pool->documents, &error));
    take_errno(error, wanted, path);
}

static void
looks(const char *path, RlMarker wanted)
{
    RlMarker marker;
    GError *error = NULL;

    g_assert_true(rl_pool_look(path, &marker, &error));
    g_assert_no_error(error);
    g_assert_cmpint(marker, ==, wanted);
}

static void
test_open_what_is_none(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "dir"), *file = lab_path(lab, "file");
    g_autofree char *missing = lab_path(lab, "missing"), *link = lab_path(lab, "link");

    g_assert_cmpint(mkdir(dir, 0755), ==, 0);
    make_file(file, "x");
    g_assert_cmpint(symlink(lab->path, link), ==, 0);
    looks(link, RL_MARKER_GOOD);
    refused(lab, dir, RL_ERROR_NOT_BUILT, "not built & not mounted");
    refused_errno(lab, file, ENOTDIR);
    refused_errno(lab, missing, ENOENT);
    /* A link is the directory that it leads to now, under its own name. */
    g_autoptr(RlPool) linked = rl_pool_open(link, lab->pool->documents, NULL);
    g_assert_cmpstr(linked->path, ==, link);
    g_assert_cmpuint(linked->dev, ==, lab->pool->dev);
    g_assert_cmpuint(linked->ino, ==, lab->pool->ino);
    g_assert_cmpint(unlink(link), ==, 0);
    g_assert_cmpint(symlink(dir, link), ==, 0);
    refused(lab, link, RL_ERROR_NOT_BUILT, link);
    g_autoptr(RlVolume) volume = rl_volume_open(linked, "a/b", NULL);
    g_assert_nonnull(volume);
    g_assert_cmpint(unlink(link), ==, 0);
    g_assert_cmpint(symlink("link", link), ==, 0);
    refused_errno(lab, link, ELOOP);
}

/* It is only looked at: the volumes are there, with their default options, and none is changed. */
static void
looked_at(Lab *lab, int code, const char *words)
{
    GError *error = NULL;
    g_autoptr(RlPool) pool = rl_pool_open_to_look(lab->path, lab->pool->documents, &error);
    RlStop stop;

    g_assert_no_error(error);
    g_assert_error(pool->fault, RL_ERROR, code);
    g_assert_cmpint(pool->options->keep.newest, ==, RL_KEEP_DEFAULT);
    g_autoptr(RlVolume) volume = rl_volume_find(pool, "a/b", &error);
    g_assert_no_error(error);
    g_assert_true(volume->clean.there);
    g_assert_false(rl_volume_start(pool, "a/b", &alice, 0, &error));
    take_error(g_steal_pointer(&error), code, words);
    g_assert_false(rl_volume_stop(pool, "a/b", NULL, &stop, &error));
    take_error(g_steal_pointer(&error), code, words);
    g_assert_false(image_is_there(lab, "a/b", RL_FILE_DIRTY));
}

static void
test_open_to_look(Lab *lab)
{
    g_autofree char *marker = lab_path(lab, RL_POOL_MARKER), *missing = lab_path(lab, "missing");
    g_autofree char *text = NULL;
    GError *error = NULL;

    lab_create(lab, "a/b", "A", 64 * KIB);
    g_autoptr(RlPool) sound = rl_pool_open_to_look(lab->path, lab->pool->documents, NULL);
    g_assert_no_error(sound->fault);
    g_assert_cmpint(sound->options->keep.newest, ==, 3);
    g_assert_null(rl_pool_open_to_look(missing, lab->pool->documents, &error));
    take_errno(error, ENOENT, missing);
    g_assert_true(g_file_get_contents(marker, &text, NULL, NULL));
    g_assert_cmpint(chmod(marker, 0664), ==, 0);
    looked_at(lab, RL_ERROR_UNTRUSTED, "chmod 644");
    g_assert_cmpint(chmod(marker, 0644), ==, 0);
    make_file(marker, "<nonsense");
    looked_at(lab, RL_ERROR_XML, "build");
    g_assert_cmpint(unlink(marker), ==, 0);
    looked_at(lab, RL_ERROR_NOT_BUILT, "not built");
    make_file(marker, text);
    lab_start(lab, "a/b", &alice);
}

static void
test_damaged_marker(Lab *lab)
{
    g_autofree char *marker = lab_path(lab, RL_POOL_MARKER);

    make_file(marker, "<nonsense");
    refused(lab, lab->path, RL_ERROR_XML, ".reflink-pool.xml");
    make_file(marker, "");
    refused(lab, lab->path, RL_ERROR_XML, ".reflink-pool.xml");
    set_size(marker, 9 * MIB);
    refused(lab, lab->path, RL_ERROR_INVALID, "larger");
}

static void
found(Lab *lab, const char *path, const char *wanted)
{
    g_autofree char *root = NULL, *inside = NULL;
    GError *error = NULL;

    g_assert_true(rl_pool_find(path, &root, &inside, &error));
    g_assert_no_error(error);
    if (!wanted) {
        if (root)
            g_error("'%s' was found in '%s'", path, root);
        return;
    }
    if (!root)
        g_error("'%s' was not found", path);
    g_assert_cmpstr(root, ==, lab->path);
    g_assert_cmpstr(inside, ==, wanted);
}

/* That is never "no pool". */
static void
cannot_tell(const char *path, const char *words)
{
    g_autofree char *root = NULL, *inside = NULL;
    GError *error = NULL;

    g_assert_false(rl_pool_find(path, &root, &inside, &error));
    g_assert_null(root);
    take_error(error, RL_ERROR_INVALID, words);
}

/* It is none to open, and nobody takes the directory for a plain one. */
static void
untrusted(Lab *lab)
{
    looks(lab->path, RL_MARKER_UNTRUSTED);
    g_assert_false(rl_pool_has_marker(lab->path));
    refused(lab, lab->path, RL_ERROR_UNTRUSTED, "cannot write");
}

/* Only what root has marked as a pool's directory has lost its marker. */
static void
forget_mark(Lab *lab)
{
    g_assert_true(rl_xattr_remove(lab->pool->root, RL_ATTR_POOL, NULL));
}

/* A pool whose marker was removed is none to open, and its images are nobody's to start on. */
static void
test_lost_marker(Lab *lab)
{
    g_autofree char *marker = lab_path(lab, RL_POOL_MARKER), *file = lab_path(lab, "a/x.img");
    g_autofree char *around = lab_path(lab, "a"), *text = NULL;
    RlAccess access = {(mode_t) -1, (uid_t) -1, (gid_t) -1};
    g_autoptr(RlOptions) options = rl_options_copy(lab->pool->options);
    GError *error = NULL;

    g_assert_cmpint(unlink(marker), ==, 0);
    looks(lab->path, RL_MARKER_LOST);
    g_assert_false(rl_pool_has_marker(lab->path));
    found(lab, file, "a/x.img");
    refused(lab, lab->path, RL_ERROR_NOT_BUILT, "not built");
    /* A pool inside of it is refused as ever, and it gets its marker back. */
    g_assert_false(rl_pool_build(around, options, &access, rl_xml_documents(), &error));
    take_error(error, RL_ERROR_INVALID, "inside");
    error = NULL;
    g_assert_true(rl_pool_build(lab->path, options, &access, rl_xml_documents(), &error));
    g_assert_no_error(error);
    looks(lab->path, RL_MARKER_GOOD);
    /* The administrator says that it is none any more. */
    g_assert_cmpint(unlink(marker), ==, 0);
    forget_mark(lab);
    looks(lab->path, RL_MARKER_NONE);
    found(lab, file, NULL);
    refused(lab, lab->path, RL_ERROR_NOT_BUILT, "not a reflink pool");
}

/* Nor is a pool built around one. */
static void
test_lost_marker_inside(Lab *lab)
{
    g_autofree char *outer = test_dir(lab->fs), *inner = g_build_filename(outer, "a/b", NULL);
    RlAccess access = {(mode_t) -1, (uid_t) -1, (gid_t) -1};
    GError *error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(inner, 0755), ==, 0);
    g_assert_cmpint(setxattr(inner, RL_ATTR_PREFIX RL_ATTR_POOL, "x", 1, 0), ==, 0);
    g_assert_false(rl_pool_build(outer, lab->pool->options, &access, rl_xml_documents(), &error));
    take_error(error, RL_ERROR_INVALID, inner);
}

static bool
build(Lab *lab, GError **error)
{
    RlAccess access = {(mode_t) -1, (uid_t) -1, (gid_t) -1};

    return rl_pool_build(lab->path, lab->pool->options, &access, rl_xml_documents(), error);
}

/* A build that fails leaves no mark on a directory that had none. */
static void
test_failed_build(Lab *lab)
{
    g_autofree char *marker = lab_path(lab, RL_POOL_MARKER);
    Disturbance rename = {.nr = SYS_renameat, .first = 1, .code = ENOSPC};
    GError *error = NULL;

    g_assert_cmpint(unlink(marker), ==, 0);
    g_assert_false(disturb(lab, &rename, build, &error));
    take_errno(error, ENOSPC, "");
    looks(lab->path, RL_MARKER_LOST);
    forget_mark(lab);
    error = NULL;
    g_assert_false(disturb(lab, &rename, build, &error));
    take_errno(error, ENOSPC, "");
    looks(lab->path, RL_MARKER_NONE);
}

/* A marker decides what is done with a directory: only root's counts. */
static void
test_forged_markers(Lab *lab)
{
    g_autofree char *marker = lab_path(lab, RL_POOL_MARKER), *kept = lab_path(lab, "kept");

    looks(lab->path, RL_MARKER_GOOD);
    g_assert_true(rl_pool_has_marker(lab->path));
    g_assert_cmpint(chmod(marker, 0666), ==, 0);
    untrusted(lab);
    g_assert_cmpint(chmod(marker, 0664), ==, 0);
    untrusted(lab);
    g_assert_cmpint(chmod(marker, 0644), ==, 0);
    g_assert_cmpint(chown(marker, 1234, 0), ==, 0);
    untrusted(lab);
    g_assert_cmpint(chown(marker, 0, 1234), ==, 0);
    looks(lab->path, RL_MARKER_GOOD);
    g_assert_cmpint(link(marker, kept), ==, 0);
    g_assert_cmpint(unlink(marker), ==, 0);
    looks(lab->path, RL_MARKER_LOST);
    g_assert_cmpint(symlink("kept", marker), ==, 0);
    untrusted(lab);
    g_assert_cmpint(unlink(marker), ==, 0);
    g_assert_cmpint(mkfifo(marker, 0600), ==, 0);
    untrusted(lab);
}

/* Where anybody may put a file, one that is not trusted says nothing: else whoever likes could stop
 * those who have disks in /tmp. */
static void
test_anybodys_markers(Lab *lab)
{
    g_autofree char *marker = lab_path(lab, RL_POOL_MARKER), *file = lab_path(lab, "a/x.img");

    g_assert_cmpint(chown(marker, 1234, 0), ==, 0);
    g_assert_cmpint(chmod(lab->path, 01777), ==, 0);
    looks(lab->path, RL_MARKER_LOST);
    found(lab, file, "a/x.img");
    forget_mark(lab);
    looks(lab->path, RL_MARKER_NONE);
    found(lab, file, NULL);
    refused(lab, lab->path, RL_ERROR_UNTRUSTED, "trusted");
    g_assert_cmpint(chown(lab->path, 1234, 0), ==, 0);
    untrusted(lab);
    g_assert_cmpint(chown(lab->path, 0, 0), ==, 0);
    g_assert_cmpint(chown(marker, 0, 0), ==, 0);
    looks(lab->path, RL_MARKER_GOOD);
    g_assert_cmpint(chmod(marker, 0664), ==, 0);
    untrusted(lab);
    found(lab, file, "a/x.img");
}

static bool
look_for_marker(Lab *lab, GError **error)
{
    RlMarker marker = RL_MARKER_GOOD;
    bool told = rl_pool_look(lab->path, &marker, error);

    g_assert_cmpint(marker, ==, told ? RL_MARKER_GOOD : RL_MARKER_NONE);
    return told;
}

static bool
look_for_untrusted(Lab *lab, GError **error)
{
    (void) error;
    looks(lab->path, RL_MARKER_UNTRUSTED);
    return true;
}

/* "I cannot tell" is not "no". */
static void
test_look_fails(Lab *lab)
{
    g_autofree char *marker = lab_path(lab, RL_POOL_MARKER), *loop = lab_path(lab, "loop");
    g_autofree char *through = g_strconcat(loop, "/x", NULL);
    g_autofree char *name = g_strnfill(300, 'x'), *too_long = lab_path(lab, name);
    Disturbance unowned = {.nr = SYS_fstat, .also = SYS_newfstatat, .code = EIO};

    g_assert_cmpint(symlink("loop", loop), ==, 0);
    looks(through, RL_MARKER_NONE);
    looks(too_long, RL_MARKER_NONE);
    looks(marker, RL_MARKER_NONE);
    fails_without(lab, SYS_openat, look_for_marker);
    fails_without(lab, SYS_newfstatat, look_for_marker);
    /* Who may have put it there is not known: a reason for not trusting it. */
    g_assert_cmpint(chown(marker, 1234, 0), ==, 0);
    g_assert_cmpint(chmod(lab->path, 01777), ==, 0);
    forget_mark(lab);
    looks(lab->path, RL_MARKER_NONE);
    unowned.first = 2;
    g_assert_true(disturb(lab, &unowned, look_for_untrusted, NULL));
}

/* Who is not root may have a pool of his own. It is this thread that is not root for a moment, with
 * all that root may. */
static void
test_own_marker(Lab *lab)
{
    g_autofree char *marker = lab_path(lab, RL_POOL_MARKER);

    g_assert_cmpint(chown(marker, 1234, 0), ==, 0);
    int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
    g_assert_cmpint(prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP, 0, 0, 0), ==, 0);
    g_assert_cmpint(syscall(SYS_setresuid, -1, 1234, -1), ==, 0);
    bool own = rl_pool_has_marker(lab->path);
    g_assert_cmpint(syscall(SYS_setresuid, -1, 0, -1), ==, 0);
    g_assert_cmpint(prctl(PR_SET_SECUREBITS, bits, 0, 0, 0), ==, 0);
    g_assert_true(own);
    g_assert_false(rl_pool_has_marker(lab->path));
}

/* A pool's own temporaries are told from somebody's backups of its marker. */
static void
test_names_of_markers(void)
{
    g_assert_true(rl_pool_is_marker(RL_POOL_MARKER));
    g_assert_true(rl_pool_is_marker(RL_POOL_MARKER "~0a1b2c"));
    g_assert_false(rl_pool_is_marker(RL_POOL_MARKER "~before"));
    g_assert_false(rl_pool_is_marker(RL_POOL_MARKER "~1"));
    g_assert_false(rl_pool_is_marker(RL_POOL_MARKER "~"));
    g_assert_false(rl_pool_is_marker(RL_POOL_MARKER ".old"));
}

/* Puts two files into each other's place until it is told to stop. */
typedef struct {
    char *names[2];
    gint stop;
    GThread *thread;
} Swapper;

static gpointer
swap(gpointer data)
{
    Swapper *swapper = data;

    while (!g_atomic_int_get(&swapper->stop))
        g_assert_cmpint(
            renameat2(AT_FDCWD, swapper->names[0], AT_FDCWD, swapper->names[1], RENAME_EXCHANGE),
            ==, 0);
    return NULL;
}

/* Somebody who may write to the directory has a marker of his own there, every other moment. */
static void
test_swapped_markers(Lab *lab)
{
    Swapper swapper = {{lab_path(lab, RL_POOL_MARKER), lab_path(lab, "forged")}, 0, NULL};
    g_autofree char *text = NULL;
    unsigned opened = 0, refusals = 0;

    g_assert_true(g_file_get_contents(swapper.names[0], &text, NULL, NULL));
    strstr(text, "keep='3'")[strlen("keep='")] = '7';
    make_file(swapper.names[1], text);
    g_assert_cmpint(chown(swapper.names[1], 1234, 0), ==, 0);
    swapper.thread = g_thread_new("swapper", swap, &swapper);
    for (unsigned i = 0; i < 200000 && (i < 20000 || opened == 0 || refusals == 0); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(RlPool) pool = rl_pool_open(lab->path, rl_xml_documents(), &error);
        if (pool)
            g_assert_cmpint(pool->options->keep.newest, ==, 3);
        else
            g_assert_error(error, RL_ERROR, RL_ERROR_UNTRUSTED);
        opened += pool != NULL;
        refusals += pool == NULL;
    }
    g_atomic_int_set(&swapper.stop, 1);
    g_thread_join(swapper.thread);
    g_test_message("%u times open, %u times refused", opened, refusals);
    g_assert_cmpuint(opened, >, 0);
    g_assert_cmpuint(refusals, >, 0);
    g_free(swapper.names[0]);
    g_free(swapper.names[1]);
}

static void
test_find(Lab *lab)
{
    const char *const inside[][2] = {
        {"x", "x"},
        {"a/b/x-dirty.img", "a/b/x-dirty.img"},
        {"missing/deep/x", "missing/deep/x"},
        {"a//b/./x", "a/b/x"},
        {"a/../x", "x"},
        {"file/x", "file/x"},
        {"a/b/", "a/b"},
    };
    g_autofree char *dir = lab_path(lab, "a/b"), *file = lab_path(lab, "file");
    g_autofree char *beside = g_strconcat(lab->path, "2/x", NULL);
    g_autofree char *out = lab_path(lab, "../x");

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    make_file(file, "x");
    for (size_t i = 0; i < G_N_ELEMENTS(inside); i++) {
        g_autofree char *path = g_strconcat(lab->path, "/", inside[i][0], NULL);
        found(lab, path, inside[i][1]);
    }
    found(lab, lab->path, NULL); /* the pool does not lie in itself */
    found(lab, beside, NULL);
    found(lab, out, NULL);
    found(lab, "/", NULL);
    found(lab, "/etc/passwd", NULL);
    cannot_tell("", "absolute");
    cannot_tell("relative/x", "'relative/x' & absolute");
    cannot_tell(lab->path + 1, "absolute");
}

static void
test_find_through_links(Lab *lab)
{
    g_autofree char *link = g_strconcat(lab->path, "-link", NULL);
    g_autofree char *through = g_strconcat(link, "/a/x", NULL);
    g_autofree char *deep = g_strconcat(lab->path, "-deep", NULL);
    g_autofree char *through_deep = g_strconcat(deep, "/x", NULL);
    g_autofree char *up = g_strconcat(deep, "/../x", NULL);
    g_autofree char *dir = lab_path(lab, "a/b"), *leaf = lab_path(lab, "a/leaf");
    g_autofree char *away = lab_path(lab, "away"), *away_file = lab_path(lab, "away/x");

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_assert_cmpint(symlink(lab->path, link), ==, 0);
    g_assert_cmpint(symlink(dir, deep), ==, 0);
    g_assert_cmpint(symlink("/etc/passwd", leaf), ==, 0);
    g_assert_cmpint(symlink("/etc", away), ==, 0);
    found(lab, through, "a/x");
    found(lab, through_deep, "a/b/x");
    found(lab, leaf, "a/leaf"); /* the file's own name is never followed */
    found(lab, away_file, NULL);
    /* As the kernel would go: up from where the link leads to. */
    found(lab, up, "a/x");
}

/* What lies below one is not the outer pool's. */
static void
test_find_stops_at_forged_markers(Lab *lab)
{
    g_autofree char *forged = lab_path(lab, "a/" RL_POOL_MARKER), *file = lab_path(lab, "a/b/x");
    g_autofree char *dir = lab_path(lab, "a"), *root = NULL, *inside = NULL;

    make_file(forged, "");
    g_assert_cmpint(chmod(forged, 0666), ==, 0);
    g_assert_true(rl_pool_find(file, &root, &inside, NULL));
    g_assert_cmpstr(root, ==, dir);
    g_assert_cmpstr(inside, ==, "b/x");
}

static void
test_set_options(Lab *lab)
{
    g_autoptr(RlOptions) options = rl_options_copy(lab->pool->options);
    g_autofree char *marker = lab_path(lab, RL_POOL_MARKER);
    GError *error = NULL;

    rl_options_add_rule(options, "db/*", 0, RL_KIND_DIRECT);
    g_assert_true(rl_pool_set_options(lab->pool, options, &error));
    g_assert_no_error(error);
    g_assert_true(rl_options_equal(lab->pool->options, options));
    g_autoptr(RlPool) again = lab_pool(lab);
    g_assert_true(rl_options_equal(again->options, options));
    g_assert_cmpuint(look(marker).st_mode & 07777, ==, 0644);
    assert_list(lab->path, RL_POOL_MARKER);
}

static void
test_space(Lab *lab)
{
    uint64_t capacity, available;
    struct statvfs fs;

    g_assert_cmpint(statvfs(lab->path, &fs), ==, 0);
    g_assert_true(rl_pool_space(lab->pool, &capacity, &available, NULL));
    g_assert_cmpuint(capacity, ==, (uint64_t) fs.f_blocks * fs.f_frsize);
    g_assert_cmpuint(available, <=, capacity);
    g_assert_cmpuint(available, >, 10 * MIB);
}

static bool
find(Lab *lab, GError **error)
{
    g_autofree char *root = NULL, *inside = NULL;
    g_autofree char *path = lab_path(lab, "a/b.img");
    bool told = rl_pool_find(path, &root, &inside, error);

    g_assert_true(told || !root);
    return told && (root || rl_fail(error, RL_ERROR_NOT_FOUND, "as it should be"));
}

/* Where a path leads that no file has is nobody's to tell. */
static void
test_find_leads_nowhere(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "none/../a");

    found(lab, path, NULL);
}

/* @path, then @step again and again up to @length bytes, and a file's name. */
static char *
long_path(const char *path, const char *step, size_t length)
{
    g_autoptr(GString) text = g_string_new(path);

    while (text->len + strlen(step) <= length)
        g_string_append(text, step);
    while (text->len < length)
        g_string_append_c(text, '/');
    g_string_append(text, "/x");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* What no file can have for a path is told at once: each directory on the way would take hours. */
static void
test_find_by_long_paths(Lab *lab)
{
    g_autofree char *longest = long_path(lab->path, "/.", PATH_MAX - 1);
    g_autofree char *deep = long_path(lab->path, "/a", 4 * MIB);
    g_autofree char *dots = long_path(lab->path, "/.", 4 * MIB);
    g_autofree char *slashes = long_path(lab->path, "//", 4 * MIB);
    g_autofree char *elsewhere = long_path("", "/a", 4 * MIB);

    found(lab, longest, "x");
    cannot_tell(deep, "too long");
    cannot_tell(dots, "too long");
    cannot_tell(slashes, "too long");
    cannot_tell(elsewhere, "too long");
}

/* Root may not look everywhere: in what another user mounted, for one, where no pool can be. */
static void
test_find_fails(Lab *lab)
{
    Disturbance denied = {.nr = SYS_newfstatat, .first = 1, .code = EACCES};
    Disturbance shut = {.nr = SYS_openat2, .first = 1, .count = 1, .code = EACCES};
    GError *error = NULL;

    g_assert_true(find(lab, NULL));
    fails_without(lab, SYS_openat2, find);
    fails_without(lab, SYS_openat, find);
    fails_without(lab, SYS_readlink, find);
    fails_without(lab, SYS_newfstatat, find);
    g_assert_false(disturb(lab, &denied, find, &error));
    take_error(error, RL_ERROR_NOT_FOUND, "as it should be");
    g_assert_true(disturb(lab, &shut, find, NULL));
    denied = (Disturbance){.nr = SYS_openat2, .first = 1, .code = ENOENT};
    error = NULL;
    g_assert_false(disturb(lab, &denied, find, &error));
    take_errno(error, ENOENT, "a/b.img");
}

void
add_tests(void)
{
    lab_add("/pool/open", test_open);
    lab_add("/pool/open-what-is-none", test_open_what_is_none);
    lab_add("/pool/open-to-look", test_open_to_look);
    lab_add("/pool/damaged-marker", test_damaged_marker);
    lab_add("/pool/forged-markers", test_forged_markers);
    lab_add("/pool/anybodys-markers", test_anybodys_markers);
    lab_add("/pool/look-fails", test_look_fails);
    lab_add("/pool/own-marker", test_own_marker);
    g_test_add_func("/pool/names-of-markers", test_names_of_markers);
    lab_add_on("/pool/swapped-markers", "xfs btrfs", test_swapped_markers);
    lab_add("/pool/find", test_find);
    lab_add("/pool/find-through-links", test_find_through_links);
    lab_add("/pool/find-stops-at-forged-markers", test_find_stops_at_forged_markers);
    lab_add("/pool/set-options", test_set_options);
    lab_add("/pool/space", test_space);
    lab_add("/pool/find-leads-nowhere", test_find_leads_nowhere);
    lab_add("/pool/find-by-long-paths", test_find_by_long_paths);
    lab_add("/pool/find-fails", test_find_fails);
    lab_add("/pool/lost-marker", test_lost_marker);
    lab_add("/pool/lost-marker-inside", test_lost_marker_inside);
    lab_add("/pool/failed-build", test_failed_build);
}
