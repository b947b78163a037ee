/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Whether a path can be made to lead elsewhere. */
#include "common/fs/path-writers.h"

#include "common/base/autofd.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THEIRS 12345

static void
make(Lab *lab, const char *name, uid_t owner, mode_t mode)
{
    g_autofree char *path = lab_path(lab, name);

    g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
    g_assert_cmpint(chown(path, owner, 0), ==, 0);
    g_assert_cmpint(chmod(path, mode), ==, 0);
}

/* @name in the pool's directory can be changed by anyone but root, and by that user. */
static void
changed(Lab *lab, const char *name, bool by_anyone, bool by_user)
{
    g_autofree char *path = lab_path(lab, name);
    g_auto(RlWriter) user = {0};
    RlWriter anyone = {.anyone = true};

    rl_writer_set_user(&user, THEIRS);
    if (rl_path_can_be_changed(path, &anyone) != by_anyone ||
        rl_path_can_be_changed(path, &user) != by_user)
        g_error("'%s' is told otherwise", name);
}

static void
put(Lab *lab, const char *name, uid_t owner)
{
    g_autofree char *path = lab_path(lab, name);

    make_file(path, "x");
    g_assert_cmpint(chown(path, owner, 0), ==, 0);
}

static void
put_link(Lab *lab, const char *name, const char *target)
{
    g_autofree char *path = lab_path(lab, name);

    g_assert_cmpint(symlink(target, path), ==, 0);
}

static void
test_directories(Lab *lab)
{
    make(lab, "roots", 0, 0755);
    make(lab, "theirs", THEIRS, 0755);
    make(lab, "theirs/roots", 0, 0755);
    make(lab, "anothers", THEIRS + 1, 0775);
    make(lab, "all", 0, 0777);
    make(lab, "group", 0, 0775);
    put(lab, "roots/x", THEIRS);
    changed(lab, "roots/x", false, false);
    changed(lab, "roots/none/x", false, false);
    changed(lab, "theirs/x", true, true);
    changed(lab, "theirs/roots/x", true, true);
    changed(lab, "theirs/../roots/x", false, false); /* that one they cannot move */
    changed(lab, "anothers/x", true, false);
    changed(lab, "all/x", true, true);
    changed(lab, "group/x", true, false);
    changed(lab, "roots/x/x", true, true); /* no directory */
    put(lab, "all/x", 0);
    put(lab, "group/x", 0);
    changed(lab, "all/x", true, true);
    changed(lab, "group/x", true, false);
}

/* A user's groups are those that the system has him in; where they are not known he has none. */
static void
test_groups(Lab *lab)
{
    const struct passwd *user = getpwuid(1);
    g_auto(RlWriter) writer = {0};
    const RlWriter no_groups = {.uid = 1};

    if (!user || user->pw_gid == 0) {
        g_test_skip("no user 1 with a group of his own");
        return;
    }
    const gid_t gid = user->pw_gid;
    make(lab, "theirs", 0, 0775);
    make(lab, "anothers", 0, 0775);
    g_autofree char *theirs = lab_path(lab, "theirs"), *anothers = lab_path(lab, "anothers");
    g_assert_cmpint(chown(theirs, 0, gid), ==, 0);
    g_assert_cmpint(chown(anothers, 0, THEIRS), ==, 0);
    g_autofree char *in_theirs = lab_path(lab, "theirs/x"), *in_other = lab_path(lab, "anothers/x");
    rl_writer_set_user(&writer, 1);
    g_assert_true(rl_path_can_be_changed(in_theirs, &writer));
    g_assert_false(rl_path_can_be_changed(in_other, &writer));
    g_assert_false(rl_path_can_be_changed(in_theirs, &no_groups));
    g_assert_cmpint(chmod(theirs, 0755), ==, 0);
    g_assert_false(rl_path_can_be_changed(in_theirs, &writer));
}

static bool
can_be_changed(Lab *lab, GError **error)
{
    g_autofree char *path = lab_path(lab, "roots/far");
    const RlWriter user = {.uid = THEIRS};

    (void) error;
    return rl_path_can_be_changed(path, &user);
}

/* Of each call that looks at the path: what cannot be looked at may be anything. */
static void
test_unknown(Lab *lab)
{
    static const long calls[] = {SYS_openat, SYS_newfstatat, SYS_readlinkat};
    g_autofree char *end = lab_path(lab, "roots/x");

    make(lab, "roots", 0, 0755);
    put(lab, "roots/x", 0);
    put_link(lab, "roots/far", end);
    g_assert_false(can_be_changed(lab, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        Disturbance count = {
            .nr = calls[i], .also = calls[i] == SYS_newfstatat ? SYS_fstat : 0, .first = G_MAXUINT};
        g_assert_false(disturb(lab, &count, can_be_changed, NULL));
        g_assert_cmpuint(count.made, >, 0);
        for (guint n = 1, calls_made = count.made; n <= calls_made; n++) {
            Disturbance one = count;
            one.first = n;
            one.count = 1;
            one.code = EIO;
            g_assert_true(disturb(lab, &one, can_be_changed, NULL));
        }
    }
}

static void
test_sticky(Lab *lab)
{
    make(lab, "tmp", 0, 01777);
    put(lab, "tmp/roots", 0);
    put(lab, "tmp/theirs", THEIRS);
    put(lab, "tmp/anothers", THEIRS + 1);
    changed(lab, "tmp/roots", false, false);
    changed(lab, "tmp/theirs", true, true);
    changed(lab, "tmp/anothers", true, false);
    changed(lab, "tmp/none", true, true);
}

/* A link is root's where its directory is, and leads to what may not be. */
static void
test_links(Lab *lab)
{
    g_autofree char *theirs = lab_path(lab, "theirs/x");

    make(lab, "roots", 0, 0755);
    make(lab, "theirs", THEIRS, 0755);
    put(lab, "roots/x", 0);
    put_link(lab, "roots/near", "x");
    put_link(lab, "roots/up", "../theirs/x");
    put_link(lab, "roots/far", theirs);
    put_link(lab, "roots/loop", "loop");
    put_link(lab, "roots/nowhere", "none/x");
    put_link(lab, "theirs/back", "../roots/x");
    changed(lab, "roots/near", false, false);
    changed(lab, "roots/nowhere", false, false);
    changed(lab, "roots/up", true, true);
    changed(lab, "roots/far", true, true);
    changed(lab, "roots/loop", true, true);
    changed(lab, "theirs/back", true, true);
    changed(lab, "roots/./../roots//near", false, false);
}

/* Whoever can change @name can change @known as well, both in the pool's directory. */
static void
same(Lab *lab, const char *name, const char *known, bool wanted)
{
    g_autofree char *path = lab_path(lab, name), *other = known ? lab_path(lab, known) : NULL;

    if (rl_path_is_changed_by_same(path, other) != wanted)
        g_error("'%s' against '%s' is told otherwise", name, known ? known : "nothing");
}

static void
test_same(Lab *lab)
{
    make(lab, "roots", 0, 0755);
    make(lab, "theirs", THEIRS, 0755);
    make(lab, "theirs/deep", 0, 0755);
    make(lab, "anothers", THEIRS + 1, 0755);
    make(lab, "all", 0, 0777);
    make(lab, "group", 0, 0775);
    make(lab, "tmp", 0, 01777);
    put(lab, "roots/x", THEIRS);
    put(lab, "tmp/theirs", THEIRS);
    put(lab, "tmp/roots", 0);
    put_link(lab, "roots/link", "../theirs/x");
    same(lab, "roots/x", "roots/x", true);
    same(lab, "roots/none/x", NULL, true);
    same(lab, "theirs/x", NULL, false);
    same(lab, "theirs/x", "roots/x", false);
    same(lab, "theirs/x", "theirs/deep/y", true);
    same(lab, "theirs/deep/y", "theirs/x", true);
    same(lab, "theirs/x", "anothers/x", false);
    same(lab, "theirs/x", "all/x", true);
    same(lab, "theirs/x", "tmp/theirs", true);
    same(lab, "theirs/x", "tmp/roots", false);
    same(lab, "theirs/x", "tmp/none", true);
    same(lab, "tmp/theirs", "theirs/x", true);
    same(lab, "tmp/theirs", "anothers/x", false);
    same(lab, "tmp/none", "theirs/x", false);
    same(lab, "tmp/roots", "roots/x", true);
    same(lab, "all/x", "theirs/x", false);
    same(lab, "group/x", "roots/x", false);
    same(lab, "group/x", "group/y", true);
    same(lab, "roots/link", "roots/x", false);
    same(lab, "roots/link", "theirs/y", true);
    /* What cannot be followed. */
    same(lab, "roots/x/x", "all/x", false);
    same(lab, "theirs/x", "roots/x/x", false);
    g_assert_false(rl_path_is_changed_by_same("etc/passwd", "/etc/passwd"));
    g_assert_true(rl_path_is_changed_by_same("/etc/passwd", "etc/passwd"));
}

/* @name in the pool's directory opens what says @content, or fails with @code. */
static void
opens(Lab *lab, const char *name, const char *content, int code)
{
    g_autofree char *path = lab_path(lab, name);
    rl_autofd int fd = rl_path_open_by_roots_links(path, O_RDONLY);
    char found[2] = "";

    if (content && (fd < 0 || read(fd, found, 1) != 1 || strcmp(found, content) != 0))
        g_error("'%s' opens '%s', %s", name, found, g_strerror(errno));
    if (!content && (fd >= 0 || errno != code))
        g_error("'%s': %s", name, fd < 0 ? g_strerror(errno) : "is opened");
}

static void
test_open(Lab *lab)
{
    g_autofree char *end = lab_path(lab, "roots/x"), *theirs = lab_path(lab, "theirs");

    make(lab, "roots", 0, 0755);
    make(lab, "theirs", THEIRS, 0755);
    make(lab, "theirs/roots", 0, 0755);
    make(lab, "tmp", 0, 01777);
    put(lab, "roots/x", 0);
    put(lab, "theirs/x", THEIRS);
    put_link(lab, "roots/near", "x");
    put_link(lab, "roots/far", theirs);
    put_link(lab, "roots/loop", "loop");
    put_link(lab, "roots/nowhere", "none");
    put_link(lab, "theirs/near", "x");
    put_link(lab, "theirs/far", end);
    put_link(lab, "theirs/way", "../roots");
    put_link(lab, "theirs/roots/link", "../x");
    put_link(lab, "tmp/roots", "../roots/x");
    opens(lab, "roots/x", "x", 0);
    opens(lab, "roots/near", "x", 0);
    opens(lab, "roots/far/x", "x", 0);
    opens(lab, "theirs/x", "x", 0);
    opens(lab, "theirs/../theirs/./x", "x", 0);
    opens(lab, "tmp/roots", "x", 0);
    opens(lab, "theirs/near", NULL, ELOOP);
    opens(lab, "theirs/far", NULL, ELOOP);
    opens(lab, "theirs/way/x", NULL, ELOOP);
    opens(lab, "roots/far/far", NULL, ELOOP);
    opens(lab, "theirs/roots/link", "x", 0); /* they can move the directory, with what is in it */
    opens(lab, "roots/loop", NULL, ELOOP);
    opens(lab, "roots/nowhere", NULL, ENOENT);
    opens(lab, "roots/none", NULL, ENOENT);
    opens(lab, "roots/none/x", NULL, ENOENT);
    opens(lab, "roots/x/x", NULL, ENOTDIR);
    g_assert_cmpint(lchown(end, THEIRS, 0), ==, 0);
    opens(lab, "roots/near", "x", 0);
}

/* As open(2). */
static void
test_open_relative(void)
{
    g_autofree char *before = g_get_current_dir();

    g_assert_cmpint(chdir("/etc"), ==, 0);
    rl_autofd int fd = rl_path_open_by_roots_links("./passwd", O_RDONLY);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(chdir(before), ==, 0);
}

static void
test_relative(void)
{
    RlWriter anyone = {.anyone = true};

    g_assert_true(rl_path_can_be_changed("etc/passwd", &anyone));
    g_assert_false(rl_path_can_be_changed("/etc/passwd", &anyone));
    g_assert_false(rl_path_can_be_changed("/", &anyone));
}

void
add_tests(void)
{
    lab_add("/path-writers/directories", test_directories);
    lab_add("/path-writers/groups", test_groups);
    lab_add("/path-writers/unknown", test_unknown);
    lab_add("/path-writers/sticky", test_sticky);
    lab_add("/path-writers/links", test_links);
    lab_add("/path-writers/same", test_same);
    lab_add("/path-writers/open", test_open);
    g_test_add_func("/path-writers/open-relative", test_open_relative);
    g_test_add_func("/path-writers/relative", test_relative);
}
