/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/pool/scan.h"

#include "common/operation/pool-build.h"
#include "harness/lab.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#define V "a/b/private"

static GPtrArray *
scan(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *listed = rl_scan(lab->pool, &error);

    g_assert_no_error(error);
    return listed;
}

/* The volumes' names, with a space between; orphans of revisions in brackets. */
static void
assert_names(Lab *lab, const char *wanted)
{
    g_autoptr(GPtrArray) listed = scan(lab);
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        g_string_append_printf(names, one->exists ? "%s%s" : "%s(%s)", i ? " " : "", one->name);
    }
    g_assert_cmpstr(names->str, ==, wanted);
}

static void
put(Lab *lab, const char *relative)
{
    g_autofree char *path = lab_path(lab, relative);

    make_file(path, "x");
}

static const RlListed *
find(GPtrArray *listed, const char *name)
{
    for (guint i = 0; i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        if (strcmp(one->name, name) == 0)
            return one;
    }
    g_error("'%s' is not listed", name);
}

static void
test_all_kinds(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create(lab, "web1", "one", MIB);
    lab_create_kind(lab, "a/tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, V, NULL, 0);
    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    assert_names(lab, "a/b/private a/root a/tmp db/main web1");
    lab_run(lab, V, "two");
    for (const char *const *name =
             (const char *const[]){"a/tmp", "a/root", "db/main", "web1", NULL};
         *name; name++)
        lab_start(lab, *name, &alice);
    assert_names(lab, "a/b/private a/root a/tmp db/main web1");

    g_autoptr(GPtrArray) listed = scan(lab);
    const RlListed *persistent = find(listed, V), *running = find(listed, "web1");
    g_assert_null(persistent->recorded);
    g_assert_cmpuint(persistent->revisions->len, ==, 1);
    g_assert_cmpint(persistent->clean.st.st_size, ==, MIB);
    g_assert_true(running->clean.there && running->dirty.there);
    g_assert_cmpstr(running->dir, ==, "volumes");
    g_assert_cmpstr(running->leaf, ==, "web1");
    g_assert_cmpint(find(listed, "a/tmp")->recorded->kind, ==, RL_KIND_VOLATILE);
    g_assert_cmpstr(find(listed, "a/root")->recorded->record->source, ==, V);
    g_assert_false(find(listed, "db/main")->clean.there);
    g_assert_false(persistent->shared);
}

/* What Qubes' driver leaves is adopted as it is. */
static void
test_qubes_tree(Lab *lab)
{
    g_autofree char *before = NULL;

    put(lab, "appvms/foo/private.img");
    put(lab, "appvms/foo/private.img.3@2018-01-02T05:06:07Z");
    put(lab, "appvms/foo/private.img.12@2018-02-02T05:06:07Z");
    put(lab, "appvms/foo/private.img@2018-01-02T03:04:05Z");
    put(lab, "appvms/foo/private-precache.img");
    put(lab, "appvms/foo/firewall.xml");
    put(lab, "vm-templates/debian/root.img");
    before = list_tree(lab->path);
    assert_names(lab, "appvms/foo/private vm-templates/debian/root");
    assert_revisions(lab, "appvms/foo/private", "3 12 2018-01-02T03:04:05Z");
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

static void
test_foreign_things(Lab *lab)
{
    g_autofree char *fifo = lab_path(lab, "a/fifo.img"), *link = lab_path(lab, "a/link.img");
    g_autofree char *dir = lab_path(lab, "a/dir.img"), *loop = lab_path(lab, "a/loop");
    g_autofree char *hidden = lab_path(lab, "a/unreadable");
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "a/socket.img"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    put(lab, "root.img"); /* the root's own files are none */
    put(lab, "a/good.img");
    put(lab, "a/notes.txt");
    put(lab, "a/x-dirty-dirty.img");
    put(lab, "a/\xff.img");
    put(lab, "a/b\n.img");
    put(lab, "a/only-precache.img");
    put(lab, "a/temp.img~123456");
    put(lab, ".hidden/x.img");
    put(lab, "a/dir.img/x.img");
    put(lab, "a@b/x.img");
    put(lab, "a/secret.volume.xml");
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_cmpint(symlink("good.img", link), ==, 0);
    g_assert_cmpint(symlink("..", loop), ==, 0);
    g_assert_cmpint(mkdir(hidden, 0), ==, 0);
    g_assert_cmpint(fchdir(lab->pool->root), ==, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof(address)), ==, 0);
    g_assert_cmpint(chdir("/"), ==, 0);
    close(fd);
    assert_names(lab, "a/good");
    (void) dir;
}

static void
test_depth(Lab *lab)
{
    put(lab, "1/2/3/4/5/6/7/8.img");
    put(lab, "1/2/3/4/5/6/7/8/9.img");
    put(lab, "volumes/a/b.img");
    assert_names(lab, "1/2/3/4/5/6/7/8 volumes/a/b");
}

static void
test_nested_pool(Lab *lab)
{
    g_autofree char *marker = lab_path(lab, "inner/.reflink-pool.xml");

    put(lab, "inner/a/x.img");
    put(lab, "y/x.img");
    assert_names(lab, "inner/a/x y/x");
    make_file(marker, "");
    assert_names(lab, "y/x");
}

static void
test_shared_images(Lab *lab)
{
    g_autofree char *one = lab_path(lab, "a/one.img"), *two = lab_path(lab, "b/two.img");
    g_autofree char *backup = lab_path(lab, "backup");

    put(lab, "a/one.img");
    put(lab, "b/own.img");
    put(lab, "b/saved.img");
    g_assert_cmpint(link(one, two), ==, 0);
    g_autofree char *saved = lab_path(lab, "b/saved.img");
    g_assert_cmpint(link(saved, backup), ==, 0);
    g_autoptr(GPtrArray) listed = scan(lab);
    g_assert_true(find(listed, "a/one")->shared);
    g_assert_true(find(listed, "b/two")->shared);
    g_assert_false(find(listed, "b/own")->shared);
    g_assert_false(find(listed, "b/saved")->shared);
    lab_start_fails(lab, "a/one", &alice, RL_ERROR_STATE, "one file & 'b/two'");
}

static void
test_orphans(Lab *lab)
{
    put(lab, "a/gone.img.3@2018-01-02T05:06:07Z");
    put(lab, "a/named.img@label");
    put(lab, "a/dirty-dirty.img");
    assert_names(lab, "a/dirty (a/gone) (a/named)");
}

static void
test_contradictory_record(Lab *lab)
{
    g_autofree char *damaged = lab_path(lab, "a/damaged.volume.xml");

    lab_create_kind(lab, "a/tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    put(lab, "a/tmp.img");
    put(lab, "a/damaged.img");
    make_file(damaged, "<nonsense");
    assert_names(lab, "a/damaged a/tmp");
    g_autoptr(GPtrArray) listed = scan(lab);
    g_assert_true(find(listed, "a/tmp")->recorded->contradictory);
    g_assert_cmpint(find(listed, "a/tmp")->recorded->kind, ==, RL_KIND_PERSISTENT);
    g_assert_true(find(listed, "a/damaged")->recorded->contradictory);
}

/* A large pool must not use up the daemon's descriptors, nor lose volumes for it. */
static void
test_many_recorded_volumes(Lab *lab)
{
    struct rlimit before, few = {40, 40};
    enum { COUNT = 100 };

    for (int i = 0; i < COUNT; i++) {
        g_autofree char *name = g_strdup_printf("many/tmp%d", i);
        lab_create_kind(lab, name, RL_KIND_VOLATILE, NULL, NULL, MIB);
    }
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
    few.rlim_max = before.rlim_max;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &few), ==, 0);
    g_autoptr(GPtrArray) listed = scan(lab);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
    g_assert_cmpuint(listed->len, ==, COUNT);
    for (guint i = 0; i < listed->len; i++) {
        uint64_t capacity = 0;
        const RlListed *one = g_ptr_array_index(listed, i);
        g_assert_true(rl_volume_capacity(one->recorded, &capacity, NULL));
        g_assert_cmpuint(capacity, ==, MIB);
    }
}

/* Names that a hash like g_str_hash() has all in one place: "ab" and "bA" weigh the same in it. */
static void
put_colliding(Lab *lab, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        GString *name = g_string_new("many/");
        for (unsigned bit = 0; bit < 16; bit++)
            g_string_append(name, i >> bit & 1 ? "bA" : "ab");
        g_string_append(name, ".img");
        put(lab, name->str);
        g_string_free(name, TRUE);
    }
}

/* The processor's time that a scan takes, in milliseconds. */
static double
cost_of_scan(Lab *lab, guint wanted)
{
    struct timespec before, after;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    g_autoptr(GPtrArray) listed = scan(lab);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    g_assert_cmpuint(listed->len, ==, wanted);
    return (double) (after.tv_sec - before.tv_sec) * 1e3 +
           (double) (after.tv_nsec - before.tv_nsec) / 1e6;
}

/* Whoever chooses the names must not be able to make a scan, which holds up the daemon, take long:
 * four times as many may take eight times as long at most. */
static void
test_colliding_names(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "many");

    g_assert_cmpint(mkdir(dir, 0755), ==, 0);
    put_colliding(lab, 0, 8000);
    double few = cost_of_scan(lab, 8000);
    put_colliding(lab, 8000, 32000);
    double many = cost_of_scan(lab, 32000);
    g_test_message("8000 images: %.0f ms, 32000 images: %.0f ms", few, many);
    g_assert_cmpfloat(many, <, 8 * MAX(few, 10));
}

static void
test_opens_no_image(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, V, "one", MIB);
    /* A date of access long before the others is what any opening for reading would change. */
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    g_assert_cmpint(utimensat(-100, clean, times, 0), ==, 0);
    g_autoptr(GPtrArray) listed = scan(lab);
    g_assert_cmpint(look(clean).st_atim.tv_sec, ==, 1);
}

static void
test_revision_that_is_a_directory(Lab *lab)
{
    g_autofree char *file = rl_file_name_revision("private", 1, 1600000000);
    g_autofree char *dir = lab_path(lab, "a/b"), *path = g_build_filename(dir, file, NULL);

    lab_create(lab, "a/b/private", "one", MIB);
    g_assert_cmpint(mkdir(path, 0700), ==, 0);
    assert_revisions(lab, "a/b/private", "");
}

void
add_tests(void)
{
    lab_add("/scan/all-kinds", test_all_kinds);
    lab_add("/scan/qubes-tree", test_qubes_tree);
    lab_add("/scan/foreign-things", test_foreign_things);
    lab_add("/scan/depth", test_depth);
    lab_add("/scan/nested-pool", test_nested_pool);
    lab_add("/scan/shared-images", test_shared_images);
    lab_add("/scan/orphans", test_orphans);
    lab_add("/scan/contradictory-record", test_contradictory_record);
    lab_add_on("/scan/many-recorded-volumes", "xfs", test_many_recorded_volumes);
    lab_add_on("/scan/colliding-names", "xfs btrfs", test_colliding_names);
    lab_add("/scan/opens-no-image", test_opens_no_image);
    lab_add("/scan/revision-that-is-a-directory", test_revision_that_is_a_directory);
}
