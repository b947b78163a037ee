/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What saved domains have read, as it is noted outside of pools. */
#include <glib.h>
#include <string.h>

/* So that the notes lie where this test can see them. */
static char *place;
#define RL_SAVED_DIR place
#include "backend/hook/saved-reads.c"

#define UUID "00000000-0000-4000-8000-00000000000a"

static const RlDomain vm = {.type = (char *) "kvm", .uuid = (char *) UUID, .name = (char *) "vm"};
static const RlDomain xen = {.type = (char *) "xen", .uuid = (char *) UUID, .name = (char *) "vm"};

/* Notes that @domain was saved, having read @state. */
static gint64
save(const RlDomain *domain, const char *digest, const char *state)
{
    const RlMemory memory = {.digest = (char *) digest};
    char *reads[] = {(char *) state, NULL};

    rl_saved_reads_note(domain, &memory, reads);
    return g_get_real_time();
}

static void
assert_read(const RlDomain *domain, const char *digest, gint64 date_us, const char *wanted)
{
    RlMemory memory = {.digest = (char *) digest, .date_us = date_us};

    rl_saved_reads_give(domain, &memory);
    g_assert_cmpstr(memory.reads ? memory.reads[0] : NULL, ==, wanted);
    g_assert_cmpint(memory.noted_us > 0, ==, wanted != NULL);
    g_strfreev(memory.reads);
}

static void
forget_all(void)
{
    static const char *const names[] = {"qemu-" UUID, "libxl-" UUID, "qemu-" UUID ".ran"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(place, names[i], NULL);
        unlink(path);
    }
}

/* By the digest, where it is known; of each driver's domain apart. */
static void
test_digest(void)
{
    assert_read(&vm, "d1", 0, NULL);
    save(&vm, "d1", "hdb one 1 1.0");
    gint64 now = save(&vm, "d2", "hdb two 1 1.0");
    save(&xen, "d1", "xvdb three 1 1.0");
    assert_read(&vm, "d1", now, "hdb one 1 1.0");
    assert_read(&vm, "d2", 0, "hdb two 1 1.0");
    assert_read(&vm, "d3", now, NULL);
    assert_read(&xen, "d1", 0, "xvdb three 1 1.0");
    forget_all();
}

/* By the file's date, and where that is younger, if the domain has not run since. */
static void
test_date(void)
{
    gint64 now = save(&vm, NULL, "hdb one 1 1.0"), later = now + (gint64) 3600 * G_USEC_PER_SEC;

    assert_read(&vm, NULL, 0, NULL);
    assert_read(&vm, NULL, now - (gint64) 3600 * G_USEC_PER_SEC, NULL);
    assert_read(&vm, "d1", now - G_USEC_PER_SEC, "hdb one 1 1.0");
    assert_read(&vm, "d1", later, "hdb one 1 1.0");
    rl_saved_reads_ran(&vm);
    assert_read(&vm, "d1", later, NULL);
    assert_read(&vm, "d1", now, "hdb one 1 1.0");
    save(&vm, NULL, "hdb two 1 1.0");
    assert_read(&vm, "d1", later, "hdb two 1 1.0");
    forget_all();
    rl_saved_reads_ran(&vm);
    save(&vm, NULL, "hdb one 1 1.0");
    assert_read(&vm, NULL, later, "hdb one 1 1.0");
    forget_all();
}

/* Only the last saves are noted, and what is no note of ours says nothing. */
static void
test_limits(void)
{
    g_autofree char *path = g_build_filename(place, "qemu-" UUID, NULL), *text = NULL;

    for (int i = 0; i < SAVES_MAX + 1; i++) {
        g_autofree char *digest = g_strdup_printf("d%d", i);
        save(&vm, digest, "hdb one 1 1.0");
    }
    assert_read(&vm, "d0", 0, NULL);
    assert_read(&vm, "d1", 0, "hdb one 1 1.0");
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_null(strstr(text, "save d0 "));

    static const char *const bad[] = {"", "read hdb one 1 1.0\n", "save\nread x\n",
                                      "save d1 x\nread hdb one 1 1.0\n", "save d1 -1\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_true(g_file_set_contents(path, bad[i], -1, NULL));
        assert_read(&vm, "d1", g_get_real_time(), NULL);
    }
    forget_all();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    place = g_dir_make_tmp("saved-reads-XXXXXX", NULL);
    g_assert_nonnull(place);
    g_test_add_func("/saved-reads/digest", test_digest);
    g_test_add_func("/saved-reads/date", test_date);
    g_test_add_func("/saved-reads/limits", test_limits);
    int result = g_test_run();
    g_assert_cmpint(rmdir(place), ==, 0);
    g_free(place);
    return result;
}
