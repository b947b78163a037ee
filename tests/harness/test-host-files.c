/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a test leaves is removed, and nothing else: tests run as root. */
#include "harness/host-files.h"

#include <unistd.h>

/* A link in the tree may lead anywhere. */
static void
test_links_stay(Host *host, gconstpointer data)
{
    g_autofree char *tree = g_build_filename(host->top, "tree", NULL);
    g_autofree char *other = g_build_filename(host->top, "other", NULL);
    g_autofree char *link = g_build_filename(tree, "link", NULL);
    g_autofree char *kept = g_build_filename(other, "kept", NULL);

    (void) data;
    host_put(host, "tree/folder/file", "x");
    host_put(host, "other/kept", "x");
    g_assert_cmpint(symlink(other, link), ==, 0);
    host_remove_tree(tree);
    g_assert_false(g_file_test(tree, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(kept, G_FILE_TEST_EXISTS));
}

void
add_tests(void)
{
    static const HostTest tests[] = {{"/harness/host-files/links-stay", test_links_stay}};

    host_add_tests(tests, G_N_ELEMENTS(tests));
}
