/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes of domains: apart for each driver, and those of an earlier version, which were not. */
#include <glib.h>
#include <string.h>

/* So that notes lie where this test can see them. */
static char *place;
#define RL_LOCK_DIR place
#include "backend/hook/domain-note.c"
#include "backend/hook/last-save.c"
#include "backend/hook/note.c"
#undef NOTE
#include "backend/hook/refused.c"

#define UUID "00000000-0000-4000-8000-00000000000a"

static const RlDomain vm = {.type = (char *) "kvm", .uuid = (char *) UUID, .name = (char *) "vm"};
static const RlDomain xen = {.type = (char *) "xen", .uuid = (char *) UUID, .name = (char *) "vm"};

static void
note_of_earlier_version(const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(place, name, NULL);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
assert_saved(const RlDomain *domain, const char *wanted)
{
    RlMemory memory = {0};

    rl_last_save_read(domain, &memory);
    g_assert_cmpstr(memory.save, ==, wanted);
    g_free(memory.save);
}

static void
test_drivers(void)
{
    rl_refused_note(&vm);
    g_assert_false(rl_refused_take(&xen));
    g_assert_true(rl_refused_take(&vm));
    g_assert_false(rl_refused_take(&vm));

    rl_last_save_note(&vm, "one");
    rl_last_save_note(&xen, "two");
    assert_saved(&vm, "one");
    assert_saved(&xen, "two");
    rl_last_save_forget(&vm);
    assert_saved(&vm, NULL);
    assert_saved(&xen, "two");
    rl_last_save_forget(&xen);
}

/* For which there is room where /run is full. */
static void
test_reuse(void)
{
    g_assert_true(rl_domain_note_write("started", &vm, "a long list of volumes\n", NULL));
    g_assert_true(rl_domain_note_reuse("started", "saved", &vm, "three 3\n", NULL));
    g_assert_false(rl_domain_note_is_there("started", &vm));
    assert_saved(&vm, "three");
    rl_last_save_forget(&vm);
    g_assert_false(rl_domain_note_reuse("started", "saved", &vm, "four 4\n", NULL));
    assert_saved(&vm, NULL);
}

/* The module was upgraded while the domain ran. */
static void
test_earlier_version(void)
{
    note_of_earlier_version("refused-" UUID, "");
    g_assert_true(rl_domain_note_is_there("refused", &vm));
    g_assert_true(rl_refused_take(&vm));
    g_assert_false(rl_refused_take(&vm));

    note_of_earlier_version("saved-" UUID, "old 5\n");
    assert_saved(&vm, "old");
    rl_last_save_note(&vm, "new");
    assert_saved(&vm, "new");
    rl_last_save_forget(&vm);
    assert_saved(&vm, NULL);
    note_of_earlier_version("saved-" UUID, "old 5\n");
    rl_last_save_forget(&vm);
    assert_saved(&vm, NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    place = g_dir_make_tmp(NULL, NULL);
    g_test_add_func("/domain-note/drivers", test_drivers);
    g_test_add_func("/domain-note/reuse", test_reuse);
    g_test_add_func("/domain-note/earlier-version", test_earlier_version);

    int status = g_test_run();
    g_assert_cmpint(rmdir(place), ==, 0);
    g_free(place);
    return status;
}
