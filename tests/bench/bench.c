/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench [OPTION...] [SECTION...]: see tests/bench/run and docs/performance.md. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    void (*function)(const Bench *bench);
    bool reflinks;
} sections[] = {
    {"cycle", bench_cycle, true},   {"unwritten", bench_unwritten, true},
    {"many", bench_many, true},     {"extents", bench_extents, true},
    {"worker", bench_worker, true}, {"scan", bench_scan, true},
    {"hook", bench_hook, true},     {"data", bench_data, true},
    {"copy", bench_copy, false},    {"curves", bench_curves, true},
};

static gboolean quick, full, check;
static char **wanted, *vs;

static const GOptionEntry options[] = {
    {"quick", 0, 0, G_OPTION_ARG_NONE, &quick, "Fewer rounds, smaller files", NULL},
    {"full", 0, 0, G_OPTION_ARG_NONE, &full,
     "A pool of 10,000 volumes instead of 2,000, an image of 8 GiB instead of 1", NULL},
    {"check", 0, 0, G_OPTION_ARG_NONE, &check, "Exit with 1 if a bar was missed", NULL},
    {"vs", 0, 0, G_OPTION_ARG_FILENAME, &vs, "The hook of another build to compare with", "HOOK"},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &wanted, NULL, "[SECTION...]"},
    G_OPTION_ENTRY_NULL,
};

/* The points of the plot only by name: they take long. */
static bool
is_wanted(const char *name)
{
    if (!wanted)
        return strcmp(name, "curves") != 0;
    return g_strv_contains((const char *const *) wanted, name);
}

/* Runs on the file system @fs, if with-filesystems made one. */
static void
run_on(const char *fs, bool reflinks)
{
    g_autofree char *upper = g_ascii_strup(fs, -1);
    g_autofree char *variable = g_strconcat("RL_TEST_DIR_", upper, NULL);
    const char *base = g_getenv(variable);

    for (size_t i = 0; base && i < G_N_ELEMENTS(sections); i++) {
        if (sections[i].reflinks != reflinks || !is_wanted(sections[i].name))
            continue;
        g_autofree char *dir = g_build_filename(base, sections[i].name, NULL);
        Bench bench = {.fs = fs,
                       .dir = dir,
                       .quick = quick,
                       .full = full,
                       .volumes = full ? 10000 : 2000,
                       .extents = 100000,
                       .vs = vs};
        must(g_mkdir_with_parents(dir, 0755));
        sections[i].function(&bench);
    }
}

int
main(int argc, char **argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, options, NULL);
    g_option_context_set_summary(
        context, "Sections: cycle unwritten many extents worker scan hook data copy curves.");
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "bench: %s\n", error->message);
        return 2;
    }
    run_on("xfs", true);
    run_on("btrfs", true);
    run_on("ext4", false);
    printf("\nbars missed: %d\n", table_missed());
    return check && table_missed() > 0 ? 1 : 0;
}
