/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* By which paths and names an image is meant. */
#include "xml/image-search.h"

#include "common/base/autofd.h"
#include "harness/host-files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file system of another kind has a file that is called as the volume "version" is. */
#define FOREIGN "/proc/version"

static bool
is_image(const RlImageSearch *search, const char *top, const char *path)
{
    g_autofree char *whole = g_strconcat(top, path, NULL);

    return rl_image_search_is_image(search, whole);
}

/* The pool was moved: the way that led to it is cut off at a file, or is not there. A way that
 * cannot be looked at says nothing. */
static void
test_moved(Host *host, gconstpointer data)
{
    g_autofree char *image = g_build_filename(host->top, "now/a/b-dirty.img", NULL);
    g_autofree char *long_name = g_strnfill(300, 'x');
    g_autofree char *too_long = g_strdup_printf("/%s/a/b-dirty.img", long_name);
    g_auto(RlImageSearch) search = {.top = host->top};

    (void) data;
    host_put(host, "now/a/b-dirty.img", "");
    host_put(host, "file", "");
    host_put(host, "other/a/b-dirty.img", "");
    g_assert_true(rl_image_search_begin(&search, image));
    g_assert_true(is_image(&search, host->top, "/now/a/b-dirty.img"));
    g_assert_true(is_image(&search, host->top, "/before/a/b-dirty.img"));
    g_assert_true(is_image(&search, host->top, "/file/a/b-dirty.img"));
    g_assert_false(is_image(&search, host->top, too_long));
    g_assert_false(is_image(&search, host->top, "/other/a/b-dirty.img"));
    /* Nor does a file below the image, or another name. */
    g_assert_false(is_image(&search, host->top, "/before/c/b-dirty.img"));
}

static bool
is_layer(const RlImageSearch *search, const char *top, const char *path)
{
    g_autofree char *whole = g_strconcat(top, path, NULL);

    return rl_image_search_is_layer(search, whole);
}

/* What lay on the short path of its volume needs that. A disk of that name can be any file. */
static void
test_moved_short(Host *host, gconstpointer data)
{
    g_autofree char *image = g_build_filename(host->top, "now/volumes/b-dirty.img", NULL);
    g_autofree char *longer = g_build_filename(host->top, "now/a/b-dirty.img", NULL);
    g_auto(RlImageSearch) search = {.top = host->top},
                          permits = {.top = host->top, .permits = true};
    g_auto(RlImageSearch) other = {.top = host->top};

    (void) data;
    host_put(host, "now/volumes/b-dirty.img", "");
    host_put(host, "now/a/b-dirty.img", "");
    host_put(host, "used/b", "");
    g_assert_true(rl_image_search_begin(&search, image));
    g_assert_true(rl_image_search_begin(&permits, image));
    g_assert_true(rl_image_search_begin(&other, longer));
    g_assert_true(is_layer(&search, host->top, "/before/b"));
    g_assert_true(is_layer(&search, host->top, "/before/b.img"));
    g_assert_true(is_layer(&search, host->top, "/now/b"));
    g_assert_true(is_layer(&search, host->top, "/used/b.img"));
    g_assert_false(is_layer(&search, host->top, "/used/b"));
    g_assert_false(is_layer(&search, host->top, "/before/b.qcow2"));
    g_assert_false(is_layer(&search, host->top, "/before/bb"));
    g_assert_false(is_layer(&permits, host->top, "/before/b"));
    g_assert_false(is_layer(&other, host->top, "/before/b"));
    g_assert_false(is_image(&search, host->top, "/before/b"));
}

static void
put_link(const Host *host, const char *target, const char *file)
{
    g_autofree char *path = g_build_filename(host->top, file, NULL);

    g_assert_cmpint(symlink(target, path), ==, 0);
}

static bool
is_beside(const RlImageSearch *search, const char *top, const char *path)
{
    g_autofree char *whole = g_strconcat(top, path, NULL);

    return rl_image_search_is_beside(search, whole);
}

/* libvirt calls the overlay on the short path of "a.b" as one on "a". The short path of another
 * volume is none, whatever form it has; a link that is no short path can be one. */
static void
test_beside_short_path(Host *host, gconstpointer data)
{
    g_autofree char *image = g_build_filename(host->top, "now/volumes/a.b-dirty.img", NULL);
    g_autofree char *longer = g_build_filename(host->top, "now/x/a.b-dirty.img", NULL);
    g_auto(RlImageSearch) search = {.top = host->top}, other = {.top = host->top};
    g_auto(RlImageSearch) permits = {.top = host->top, .permits = true};

    (void) data;
    host_put(host, "now/volumes/a.b-dirty.img", "");
    host_put(host, "now/x/a.b-dirty.img", "");
    put_link(host, "volumes/a.t-dirty.img", "now/a.t");
    put_link(host, "volumes/a.t.img", "now/a.t.img");
    put_link(host, "elsewhere/a.u-dirty.img", "now/a.u");
    put_link(host, "volumes/zz-dirty.img", "now/a.v");
    put_link(host, "volumes/a.w-dirty.img", "now/a.wx");
    put_link(host, "volumes/a.y.img.1@2026-01-01T00:00:00Z", "now/a.y");
    g_assert_true(rl_image_search_begin(&search, image));
    g_assert_true(rl_image_search_begin(&other, longer));
    g_assert_true(rl_image_search_begin(&permits, image));
    g_assert_true(is_beside(&search, host->top, "/now/a.s"));
    g_assert_false(is_beside(&search, host->top, "/now/a.b"));
    g_assert_false(is_beside(&search, host->top, "/now/a.b.img"));
    g_assert_true(is_beside(&search, host->top, "/now/a.b.s"));
    g_assert_false(is_beside(&search, host->top, "/now/ab"));
    g_assert_false(is_beside(&search, host->top, "/now/c.s"));
    g_assert_false(is_beside(&search, host->top, "/now/x/a.s"));
    g_assert_false(is_beside(&search, host->top, "/now/a.t"));
    g_assert_false(is_beside(&search, host->top, "/now/a.t.img"));
    g_assert_true(is_beside(&search, host->top, "/now/a.u"));
    g_assert_true(is_beside(&search, host->top, "/now/a.v"));
    g_assert_true(is_beside(&search, host->top, "/now/a.wx"));
    g_assert_true(is_beside(&search, host->top, "/now/a.y"));
    g_assert_false(is_beside(&other, host->top, "/now/a.s"));
    g_assert_false(is_beside(&permits, host->top, "/now/a.s"));
}

/* A number of a file says nothing of a file system's other. */
static void
test_other_file_system(Host *host, gconstpointer data)
{
    g_autofree char *image = g_build_filename(host->top, "version-dirty.img", NULL);
    g_auto(RlImageSearch) search = {.top = host->top};

    (void) data;
    if (access(FOREIGN, F_OK) < 0) {
        g_test_skip("no " FOREIGN);
        return;
    }
    host_put(host, "version-dirty.img", "");
    host_put(host, "version", "");
    g_assert_true(rl_image_search_begin(&search, image));
    g_assert_false(rl_image_search_is_image(&search, FOREIGN));
    g_assert_false(is_image(&search, host->top, "/version"));
    g_assert_true(is_image(&search, host->top, "/version-dirty.img"));
}

static void
test_let_go(Host *host, gconstpointer data)
{
    const char *const names[] = {"anna", NULL};
    const RlImageSearch search = {.top = host->top, .let_go = names}, none = {.top = host->top};

    (void) data;
    g_assert_true(rl_image_search_has_let_go(&search, "anna"));
    g_assert_false(rl_image_search_has_let_go(&search, "bert"));
    g_assert_false(rl_image_search_has_let_go(&search, NULL));
    g_assert_false(rl_image_search_has_let_go(&none, "anna"));
}

static bool
is_roots_only(const char *path)
{
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

    return rl_image_search_is_roots_only(fd);
}

/* What another user can have written does not count, nor what cannot be looked at. */
static void
test_roots_only(Host *host, gconstpointer data)
{
    g_autofree char *path = g_build_filename(host->top, "file", NULL);
    g_autofree char *second = g_build_filename(host->top, "second", NULL);

    (void) data;
    host_put(host, "file", "x");
    g_assert_cmpint(chmod(path, 0644), ==, 0);
    g_assert_true(is_roots_only(path));
    g_assert_false(is_roots_only(second));
    g_assert_cmpint(chmod(path, 0664), ==, 0);
    g_assert_false(is_roots_only(path));
    g_assert_cmpint(chmod(path, 0646), ==, 0);
    g_assert_false(is_roots_only(path));
    g_assert_cmpint(chmod(path, 0600), ==, 0);
    g_assert_cmpint(link(path, second), ==, 0);
    g_assert_false(is_roots_only(path));
    g_assert_cmpint(unlink(second), ==, 0);
    g_assert_true(is_roots_only(path));
    g_assert_cmpint(chown(path, 12345, 0), ==, 0);
    g_assert_false(is_roots_only(path));
}

/* A pool that libvirt does not know may have another name now: what keeps an image is believed,
 * what permits something is not. */
static void
test_unknown_pool(Host *host, gconstpointer data)
{
    g_auto(RlImageSearch) keeps = {.top = host->top};
    g_auto(RlImageSearch) permits = {.top = host->top, .permits = true};

    (void) data;
    g_assert_true(rl_image_search_begin(&keeps, IMAGE));
    g_assert_true(rl_image_search_begin(&permits, IMAGE));
    g_assert_true(rl_image_search_is_volume(&keeps, "p", "a/b"));
    g_assert_false(rl_image_search_is_volume(&permits, "p", "a/b"));
    g_assert_false(rl_image_search_is_volume(&keeps, "p", "a/c"));
    g_assert_false(rl_image_search_is_volume(&keeps, "p", "a//b"));
    g_assert_false(rl_image_search_is_volume(&keeps, "../p", "a/b"));
    host_put(host, "etc/libvirt/storage/p.xml",
             "<pool type='dir'><name>p</name><target><path>/pool</path></target></pool>");
    g_assert_true(rl_image_search_is_volume(&permits, "p", "a/b"));
}

/* The link that is a volume's path leads to another file at rest, and to the image as soon as that
 * is there. Other links to the clean image do not. */
static void
test_path_at_rest(Host *host, gconstpointer data)
{
    g_autofree char *image = g_build_filename(host->top, "pool/volumes/web-dirty.img", NULL);
    g_autofree char *link = g_build_filename(host->top, "pool/web", NULL);
    g_autofree char *other = g_build_filename(host->top, "pool/web.img", NULL);
    g_auto(RlImageSearch) keeps = {.top = host->top};
    g_auto(RlImageSearch) permits = {.top = host->top, .permits = true};

    (void) data;
    host_put(host, "pool/volumes/web.img", "");
    g_assert_cmpint(symlink("volumes/web.img", link), ==, 0);
    g_assert_cmpint(symlink("/volumes/web.img", other), ==, 0);
    g_assert_true(rl_image_search_begin(&keeps, image));
    g_assert_true(rl_image_search_begin(&permits, image));
    for (int i = 0; i < 2; i++) {
        g_assert_true(is_image(&keeps, host->top, "/pool/web"));
        g_assert_true(is_image(&permits, host->top, "/pool/web"));
        g_assert_false(is_image(&permits, host->top, "/pool/web.img"));
        g_assert_false(is_image(&permits, host->top, "/pool/volumes/web.img"));
        g_assert_false(is_image(&permits, host->top, "/pool/volumes/web"));
        host_put(host, "pool/volumes/web-dirty.img", "");
    }
}

/* Nor do links elsewhere that lead on to another file by the volume's link, or in a circle. */
static void
test_link_to_path(Host *host, gconstpointer data)
{
    g_autofree char *image = g_build_filename(host->top, "pool/volumes/web-dirty.img", NULL);
    g_auto(RlImageSearch) keeps = {.top = host->top};
    g_auto(RlImageSearch) permits = {.top = host->top, .permits = true};
    static const char *const links[][2] = {
        {"pool/web", "volumes/web.img"},  {"first", "images/second"},
        {"images/second", "../pool/web"}, {"images/straight", "../pool/volumes/web.img"},
        {"images/circle", "circle"},      {"images/nowhere", "../none/web"}};

    (void) data;
    host_put(host, "pool/volumes/web.img", "");
    host_put(host, "images/other", "");
    for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
        g_autofree char *link = g_build_filename(host->top, links[i][0], NULL);
        g_assert_cmpint(symlink(links[i][1], link), ==, 0);
    }
    g_assert_true(rl_image_search_begin(&keeps, image));
    g_assert_true(rl_image_search_begin(&permits, image));
    g_assert_true(is_image(&keeps, host->top, "/first"));
    g_assert_true(is_image(&keeps, host->top, "/images/../first"));
    g_assert_false(is_image(&permits, host->top, "/first"));
    for (size_t i = 3; i < G_N_ELEMENTS(links); i++) {
        g_autofree char *path = g_strconcat("/", links[i][0], NULL);
        g_assert_false(is_image(&keeps, host->top, path));
    }
    g_assert_false(is_image(&keeps, host->top, "/images/other"));
}

/* No search begins at what is not the image of a run. */
static void
test_begin(Host *host, gconstpointer data)
{
    static const char *const none[] = {"/pool/a/b.img", "/pool/a/b", "/", "/pool/a/b-precache.img"};

    (void) data;
    for (size_t i = 0; i < G_N_ELEMENTS(none); i++) {
        g_auto(RlImageSearch) search = {.top = host->top};
        g_assert_false(rl_image_search_begin(&search, none[i]));
    }
}

void
add_tests(void)
{
    static const HostTest tests[] = {
        {"/xml/image-search/moved", test_moved},
        {"/xml/image-search/moved-short", test_moved_short},
        {"/xml/image-search/beside-short-path", test_beside_short_path},
        {"/xml/image-search/other-file-system", test_other_file_system},
        {"/xml/image-search/let-go", test_let_go},
        {"/xml/image-search/roots-only", test_roots_only},
        {"/xml/image-search/unknown-pool", test_unknown_pool},
        {"/xml/image-search/path-at-rest", test_path_at_rest},
        {"/xml/image-search/link-to-path", test_link_to_path},
        {"/xml/image-search/begin", test_begin},
    };

    host_add_tests(tests, G_N_ELEMENTS(tests));
}
