/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* What stands in for the module finds the same as that, by code of its own. */
#include "backend/shim/file-part.h"
#include "backend/shim/listing.h"
#include "backend/shim/place.h"
#include "backend/shim/running.h"
#include "backend/shim/stand-in-options.h"
#include "backend/shim/xml-text.h"
#include "common/fs/xattr.h"
#include "common/pool/scan.h"
#include "harness/lab.h"
#include "xml/namespace.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool
is_listed(RlFileRole role)
{
    return role == RL_FILE_CLEAN || role == RL_FILE_DIRTY || role == RL_FILE_RECORD ||
           role == RL_FILE_REVISION || role == RL_FILE_LABEL;
}

/* Names that cannot stand in XML are left out later. */
static void
assert_same_part(const char *file)
{
    RlFileName wanted = rl_file_name_parse(file);
    g_autofree char *written = rl_xml_text_encode(file);
    RlFilePart part;
    bool found = rl_file_part(file, &part);

    if (!written)
        return;
    if (found != is_listed(wanted.role))
        g_error("'%s' is %sfound", file, found ? "" : "not ");
    if (!found)
        return;
    g_autofree char *leaf = g_strndup(file, (gsize) part.leaf_length);
    g_autofree char *revision = g_strndup(part.revision, (gsize) part.revision_length);
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, wanted.number);
    g_assert_cmpstr(leaf, ==, wanted.leaf);
    if (wanted.role == RL_FILE_REVISION)
        g_assert_cmpstr(revision, ==, number);
    else
        g_assert_cmpstr(revision, ==, wanted.role == RL_FILE_LABEL ? wanted.label : "");
}

static void
test_known_names(void)
{
    static const char *const files[] = {
        "a.img",
        "a-dirty.img",
        "a-precache.img",
        "a-import.img",
        "a.volume.xml",
        "a.img~abc123",
        "a.img.3@2018-01-02T05:06:07Z",
        "a.img.03@2018-01-02T05:06:07Z",
        "a.img.18446744073709551615@2018-01-02T05:06:07Z",
        "a.img.18446744073709551616@2018-01-02T05:06:07Z",
        "a.img.99999999999999999999@2018-01-02T05:06:07Z",
        "a.img.3@2018-01-02T05:06:07",
        "a.img.3",
        "a.img.@",
        "a.img.3@",
        "a.img@label",
        "a.img@3",
        "a.img@current",
        "a.img@-x",
        "a.img@",
        "a.img@x y",
        "a-dirty.img@x",
        "a-dirty.img.3@2018-01-02T05:06:07Z",
        ".img",
        "-dirty.img",
        ".volume.xml",
        ".a.img",
        "a.volume.xml.img",
        "a@b.img",
        "a",
        "",
        "a.img.img",
        "\xc3\xa9.img",
        "\xff.img",
        "a\x01.img",
        "it's & <more>.img",
    };
    g_autofree char *longest = g_strnfill(RL_NAME_COMPONENT_MAX, 'x');
    g_autofree char *fits = g_strconcat(longest, ".img", NULL);
    g_autofree char *longer = g_strconcat("y", fits, NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        assert_same_part(files[i]);
    assert_same_part(fits);
    assert_same_part(longer);
}

static void
test_chance_names(void)
{
    static const char *const pieces[] = {
        "a",
        "B",
        "0",
        "3",
        "12",
        "-dirty",
        "-precache",
        "-import",
        ".img",
        ".volume.xml",
        "@",
        ".",
        "~",
        "abc12f",
        "2018-01-02T05:06:07Z",
        "label",
        "current",
        "-",
        "_",
        " ",
        "\xc3\xa9",
        "\xc3",
        ":",
        "+",
        "volumes",
        "&",
        "'",
        "18446744073709551615",
    };

    for (int i = 0; i < 200000; i++) {
        g_autoptr(GString) file = g_string_new(NULL);
        for (int n = g_test_rand_int_range(1, 7); n > 0; n--)
            g_string_append(file, pieces[g_test_rand_int_range(0, (gint32) G_N_ELEMENTS(pieces))]);
        assert_same_part(file->str);
    }
}

static void
test_text(void)
{
    static const char *const bad[] = {"\x01",
                                      "\x7f",
                                      "\xff",
                                      "\xc3",
                                      "\xc0\xaf",
                                      "\xe0\x80\xaf",
                                      "\xed\xa0\x80",
                                      "\xef\xbf\xbe",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xc2\x85",
                                      "a\nb",
                                      "\xe2\x82"};
    g_autofree char *written = rl_xml_text_encode("<it's> & \"\xe2\x82\xac\" \xf0\x9f\x98\x80");
    g_autofree char *plain = rl_xml_text_decode(written);
    g_autofree char *path = rl_xml_text_element(
        "<pool><path>x</path><target>\n<path>/a&amp;b</path>", "target", "path");
    g_autofree char *value = rl_xml_text_escape("a\t\n\r<'\x7f\xc2\x85");

    g_assert_cmpstr(value, ==, "a&#9;&#10;&#13;&lt;&apos;\x7f\xc2\x85");
    g_assert_cmpstr(written, ==,
                    "&lt;it&apos;s&gt; &amp; &quot;\xe2\x82\xac&quot; \xf0\x9f\x98\x80");
    g_assert_cmpstr(plain, ==, "<it's> & \"\xe2\x82\xac\" \xf0\x9f\x98\x80");
    g_assert_cmpstr(path, ==, "/a&amp;b");
    g_assert_null(rl_xml_text_decode("&#65;"));
    g_assert_null(rl_xml_text_decode("&"));
    g_assert_null(rl_xml_text_element("<pool></pool>", "target", "path"));
    g_assert_null(rl_xml_text_element("<target></target>", "target", "path"));
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_null(rl_xml_text_encode(bad[i]));
}

static void
assert_same_listing(Lab *lab)
{
    g_autoptr(GPtrArray) scanned = rl_scan(lab->pool, NULL);
    g_autoptr(GPtrArray) wanted = g_ptr_array_new_with_free_func(g_free);
    RlListing listing = rl_listing(lab->path, false);

    for (guint i = 0; i < scanned->len; i++) {
        const RlListed *listed = g_ptr_array_index(scanned, i);
        if (listed->exists)
            g_ptr_array_add(wanted, g_strdup_printf("%s %s/%s-dirty.img", listed->name, listed->dir,
                                                    listed->leaf));
        for (guint j = 0; j < listed->revisions->len; j++) {
            const RlRevision *revision = g_ptr_array_index(listed->revisions, j);
            g_autofree char *name = rl_revision_name(revision, listed->name);
            g_ptr_array_add(wanted, g_strdup_printf("%s %s/%s", name, listed->dir, revision->file));
        }
    }
    g_assert_true(listing.complete);
    g_assert_cmpuint(listing.n, ==, wanted->len);
    for (size_t i = 0; i < listing.n; i++) {
        const RlEntry *entry = &listing.entries[i];
        g_autofree char *text = g_strdup_printf("%s %s", entry->name, entry->file);
        g_assert_true(g_ptr_array_find_with_equal_func(wanted, text, g_str_equal, NULL));
    }
    rl_listing_free(&listing);
}

static void
test_listing(Lab *lab)
{
    static const char *const strange[] = {"root.img", "vm/.hidden.img", "vm/private.img~abc123",
                                          "vm/fifo"};

    assert_same_listing(lab);
    lab_create(lab, "vm/private", "text", 64 * KIB);
    lab_create(lab, "vm/deep/er/data", "text", 128 * KIB);
    lab_create(lab, "short", "text", 4 * KIB);
    lab_create_kind(lab, "vm/volatile", RL_KIND_VOLATILE, NULL, NULL, 4 * KIB);
    lab_run(lab, "vm/private", "more");
    lab_start(lab, "vm/private", &alice);
    for (size_t i = 0; i < G_N_ELEMENTS(strange); i++) {
        g_autofree char *path = g_build_filename(lab->path, strange[i], NULL);
        g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    }
    g_autofree char *link = g_build_filename(lab->path, "vm", "link.img", NULL);
    g_autofree char *loop = g_build_filename(lab->path, "loop", NULL);
    g_assert_cmpint(symlink("private.img", link), ==, 0);
    g_assert_cmpint(symlink(".", loop), ==, 0);
    assert_same_listing(lab);
    g_autofree char *other = g_build_filename(lab->path, "vm", "other", NULL);
    g_autofree char *marker = g_build_filename(other, RL_POOL_MARKER, NULL);
    g_autofree char *image = g_build_filename(other, "image.img", NULL);
    g_assert_cmpint(mkdir(other, 0755), ==, 0);
    g_assert_true(g_file_set_contents(image, "x", 1, NULL));
    assert_same_listing(lab);
    g_assert_true(g_file_set_contents(marker, "x", 1, NULL));
    assert_same_listing(lab);
}

/* Of one name, what a running domain writes to counts. */
static void
test_sizes(Lab *lab)
{
    lab_create(lab, "vm/private", "text", 64 * KIB);
    lab_start(lab, "vm/private", &alice);
    g_autofree char *dirty = g_build_filename(lab->path, "vm", "private-dirty.img", NULL);
    g_assert_cmpint(truncate(dirty, 128 * 1024), ==, 0);

    RlListing listing = rl_listing(lab->path, false);
    g_assert_cmpuint(listing.n, ==, 1);
    g_assert_cmpuint(listing.entries[0].size, ==, 128 * 1024);
    rl_listing_free(&listing);
    g_autofree char *vm = g_build_filename(lab->path, "vm", NULL);
    listing = rl_listing(vm, true);
    g_assert_cmpuint(listing.n, ==, 2);
    g_assert_cmpstr(listing.entries[0].name, ==, "private-dirty.img");
    rl_listing_free(&listing);
    g_autofree char *none = g_build_filename(lab->path, "none", NULL);
    listing = rl_listing(none, false);
    g_assert_false(listing.complete);
    g_assert_cmpuint(listing.n, ==, 0);
}

static void
test_place(Lab *lab)
{
    g_autofree char *vm = g_build_filename(lab->path, "vm", NULL);
    g_autofree char *deep = g_build_filename(vm, "deep", NULL);
    g_autofree char *image = g_build_filename(deep, "x.img", NULL);
    g_autofree char *marker = g_build_filename(lab->path, RL_POOL_MARKER, NULL);
    g_autofree char *above = g_path_get_dirname(lab->path);
    g_autofree char *link = g_strconcat(lab->path, "-link", NULL);

    g_assert_cmpint(g_mkdir_with_parents(deep, 0755), ==, 0);
    g_assert_cmpint(symlink(deep, link), ==, 0);
    g_assert_cmpint(rl_place(lab->path), ==, RL_PLACE_POOL);
    g_assert_cmpint(rl_place(deep), ==, RL_PLACE_WITHIN);
    g_assert_cmpint(rl_place(link), ==, RL_PLACE_WITHIN);
    g_assert_cmpint(rl_place_of_file(image), ==, RL_PLACE_WITHIN);
    g_assert_cmpint(rl_place_of_file(marker), ==, RL_PLACE_POOL);
    g_assert_cmpint(rl_place(above), ==, RL_PLACE_ELSEWHERE);
    g_assert_cmpint(rl_place(image), ==, RL_PLACE_ELSEWHERE);
    g_assert_cmpint(rl_place("/"), ==, RL_PLACE_ELSEWHERE);
    g_assert_cmpint(rl_place(""), ==, RL_PLACE_ELSEWHERE);
    g_assert_cmpint(rl_place_of_file("none"), ==, RL_PLACE_ELSEWHERE);
    g_assert_cmpint(unlink(link), ==, 0);

    /* The mark stays where the marker is gone. */
    g_assert_cmpint(unlink(marker), ==, 0);
    g_assert_true(rl_xattr_set(lab->pool->root, RL_ATTR_POOL, "mark", NULL));
    g_assert_cmpint(rl_place(lab->path), ==, RL_PLACE_POOL);
    g_assert_cmpint(rl_place(deep), ==, RL_PLACE_WITHIN);
    g_assert_true(rl_xattr_remove(lab->pool->root, RL_ATTR_POOL, NULL));
    g_assert_cmpint(rl_place(lab->path), ==, RL_PLACE_ELSEWHERE);

    /* As in /tmp. */
    g_assert_true(g_file_set_contents(marker, "x", 1, NULL));
    g_assert_cmpint(chown(marker, 1001, 1001), ==, 0);
    g_assert_cmpint(rl_place(lab->path), ==, RL_PLACE_POOL);
    g_assert_cmpint(chmod(lab->path, 01777), ==, 0);
    g_assert_cmpint(rl_place(lab->path), ==, RL_PLACE_ELSEWHERE);
}

static bool
needs(void)
{
    return rl_running_needs("it&apos;s", "/a&amp;b");
}

static bool
needs_with_status(const char *text)
{
    return g_file_set_contents("/run/libvirt/qemu/vm.xml", text, -1, NULL) && needs();
}

/* Root without its capabilities may look as little into a directory as root under SELinux. */
static bool
needs_without_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

    return chmod("/run/libvirt/qemu", 0) == 0 && syscall(SYS_capset, &header, none) == 0 && needs();
}

/* In a process with a /run of its own. Returns the number of the step that is wrong. */
static int
try_running(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("run", "/run", "tmpfs", 0, NULL) < 0)
        return 1;
    if (needs() || g_mkdir_with_parents("/run/libvirt/qemu", 0755) < 0 || needs())
        return 2;
    if (!needs_with_status("<source pool='it&apos;s' volume='x'/>"))
        return 3;
    if (!needs_with_status("<source file='/a&amp;b/c'/>"))
        return 4;
    if (needs_with_status("<source pool='its' file='/a&amp;bc'/>"))
        return 5;
    return needs_without_capabilities() ? 0 : 6;
}

static void
test_running(void)
{
    pid_t child = fork();
    int status;

    g_assert_cmpint(child, >=, 0);
    if (child == 0)
        _exit(try_running());
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
}

static void
test_constants(void)
{
    g_assert_cmpstr(RL_PLACE_MARKER, ==, RL_POOL_MARKER);
    g_assert_cmpstr(RL_OPTIONS_NAMESPACE, ==, RL_XML_NAMESPACE);
    g_assert_cmpstr(RL_OPTIONS_PREFIX, ==, RL_XML_PREFIX);
}

void
add_tests(void)
{
    g_test_add_func("/stand-in/names", test_known_names);
    g_test_add_func("/stand-in/chance", test_chance_names);
    g_test_add_func("/stand-in/text", test_text);
    g_test_add_func("/stand-in/running", test_running);
    g_test_add_func("/stand-in/constants", test_constants);
    lab_add("/stand-in/listing", test_listing);
    lab_add("/stand-in/sizes", test_sizes);
    lab_add("/stand-in/place", test_place);
}
