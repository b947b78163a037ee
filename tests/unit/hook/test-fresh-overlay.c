/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Overlays as qemu-img makes them, and what a guest or somebody else has made of them. */
#include "backend/hook/fresh-overlay.c"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "common/base/autofd.h"

static char *dir;

static char *
overlay(void)
{
    return g_build_filename(dir, "overlay", NULL);
}

static void
run(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *command = g_strdup_vprintf(format, args);
    va_end(args);
    int status;
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
}

static void
make(const char *options)
{
    run("qemu-img create -q -f qcow2 -o %s,backing_file=%s/base,backing_fmt=raw %s/overlay",
        options, dir, dir);
}

static bool
is_fresh(void)
{
    g_autofree char *path = overlay();
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

    return rl_overlay_is_fresh(fd);
}

/* Writes @size bytes into the file itself. */
static void
poke(off_t at, const char *bytes, size_t size)
{
    g_autofree char *path = overlay();
    rl_autofd int fd = open(path, O_WRONLY | O_CLOEXEC);

    g_assert_cmpint(pwrite(fd, bytes, size, at), ==, (ssize_t) size);
}

static void
test_made(void)
{
    const char *const options[] = {"compat=0.10", "compat=1.1", "extended_l2=on",
                                   "compression_type=zlib", "cluster_size=64k"};

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        make(options[i]);
        g_assert_true(is_fresh());
    }
    make("preallocation=metadata,extended_l2=on");
    g_assert_false(is_fresh());
    run("qemu-img create -q -f qcow2 -o data_file=%s/data %s/overlay 1M", dir, dir);
    g_assert_false(is_fresh());
    run("qemu-img create -q -f raw %s/overlay 1M", dir);
    g_assert_false(is_fresh());
}

/* At its beginning, and where another page of the table says so. */
static void
test_used(void)
{
    const char *const places[] = {"0", "100G"};

    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        make("compat=1.1");
        run("qemu-io -f qcow2 -c 'write -q %s 512' %s/overlay", places[i], dir);
        g_assert_false(is_fresh());
        make("compat=1.1");
        run("qemu-io -f qcow2 -c 'write -q -z %s 64k' %s/overlay", places[i], dir);
        g_assert_false(is_fresh());
    }
    make("compat=1.1");
    run("qemu-img snapshot -c one %s/overlay", dir);
    g_assert_false(is_fresh());
}

static void
test_odd(void)
{
    static const struct {
        off_t at;
        char byte;
    } odd[] = {
        {0, 'X'},         {VERSION_AT + 3, 4}, {VERSION_AT + 3, 1},
        {L1_SIZE_AT, 1},  {L1_OFFSET_AT, 127}, {FEATURES_AT + 7, 64},
        {FEATURES_AT, 1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(odd); i++) {
        make("compat=1.1");
        g_assert_true(is_fresh());
        poke(odd[i].at, &odd[i].byte, 1);
        g_assert_false(is_fresh());
    }
    g_autofree char *path = overlay();
    g_assert_cmpint(truncate(path, 0), ==, 0);
    g_assert_false(is_fresh());
    g_assert_false(rl_overlay_is_fresh(-1));
}

int
main(int argc, char **argv)
{
    g_autofree char *program = g_find_program_in_path("qemu-io");

    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("fresh-XXXXXX", NULL);
    if (program) {
        run("qemu-img create -q -f raw %s/base 128G", dir);
        g_test_add_func("/hook/fresh-overlay/made", test_made);
        g_test_add_func("/hook/fresh-overlay/used", test_used);
        g_test_add_func("/hook/fresh-overlay/odd", test_odd);
    }
    int failed = g_test_run();
    run("rm -r %s", dir);
    g_free(dir);
    return failed;
}
