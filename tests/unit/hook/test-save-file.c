/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a save file in a directory that may be the device models' user's. */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/hook/calling-daemon.c"
#include "backend/hook/calling-thread.c"
#include "backend/hook/daemon-version.c"
#include "backend/hook/save-file.c"
#include "backend/hook/saved-memory.c"

#define UUID "00000000-0000-4000-8000-00000000000a"
#define OTHER "00000000-0000-4000-8000-00000000000b"
#define XML "<domain type='kvm'><name>vm</name><uuid>" UUID "</uuid><devices/></domain>"

static char *dir;

static char *
in_dir(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

/* A whole save file of qemu's, whose header claims @xml_size bytes. */
static char *
put_save(const char *name, uint32_t xml_size)
{
    char *path = in_dir(name);
    g_autoptr(GString) text = g_string_new("LibvirtQemudSave");
    uint32_t numbers[2] = {2, xml_size};

    g_string_append_len(text, (const char *) numbers, sizeof(numbers));
    while (text->len < drivers[RL_SAVE_FILE_QEMU].header_size)
        g_string_append_c(text, '\0');
    g_string_append_len(text, XML, sizeof(XML));
    g_string_append(text, "the guest's memory");
    g_assert_true(g_file_set_contents(path, text->str, (gssize) text->len, NULL));
    return path;
}

static bool
is_read(const char *path, const char *uuid)
{
    g_autoptr(RlMemory) memory = rl_save_file_read(path, RL_SAVE_FILE_QEMU, uuid);

    return memory != NULL;
}

static void
assert_refused(const char *path, const char *reason)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(open_regular(path, &error), ==, -1);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, reason));
    g_assert_false(is_read(path, UUID));
}

static void
test_regular(void)
{
    g_autofree char *save = put_save("vm.save", sizeof(XML)), *large = put_save("l", UINT32_MAX);
    g_autofree char *linked_dir = in_dir("linked"), *inside = in_dir("linked/vm.save");

    g_assert_true(is_read(save, UUID));
    g_assert_false(is_read(save, OTHER));
    g_assert_false(is_read(large, UUID));
    /* An administrator may have the directory elsewhere. */
    g_assert_cmpint(symlink(".", linked_dir), ==, 0);
    g_assert_true(is_read(inside, UUID));
}

static void
test_others(void)
{
    g_autofree char *save = put_save("target", sizeof(XML)), *link = in_dir("link.save");
    g_autofree char *fifo = in_dir("fifo.save"), *subdir = in_dir("dir.save");
    g_autofree char *missing = in_dir("missing.save"), *outside = in_dir("no/vm.save");

    g_assert_cmpint(symlink(save, link), ==, 0);
    assert_refused(link, "symbolic link");
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    assert_refused(fifo, "not a regular file");
    g_assert_cmpint(g_mkdir(subdir, 0700), ==, 0);
    assert_refused(subdir, "not a regular file");
    assert_refused(missing, "No such file");
    assert_refused(outside, "cannot open directory");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("save-file-XXXXXX", NULL);
    g_test_add_func("/save-file/regular", test_regular);
    g_test_add_func("/save-file/others", test_others);
    int failed = g_test_run();
    g_autofree char *command = g_strdup_printf("rm -r '%s'", dir);
    return system(command) != 0 || failed;
}
