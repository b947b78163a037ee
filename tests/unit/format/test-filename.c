/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/format/file-name.h"

#include "common/format/volume-name.h"

#include <string.h>

static void
is(const char *file, RlFileRole role, const char *leaf)
{
    RlFileName name = rl_file_name_parse(file);

    if (name.role != role)
        g_error("'%s' has the role %d, not %d", file, name.role, role);
    g_assert_cmpstr(name.leaf, ==, leaf);
}

static void
is_other(const char *file)
{
    is(file, RL_FILE_OTHER, "");
}

static char *
longest_leaf(void)
{
    return g_strnfill(RL_NAME_COMPONENT_MAX, 'n');
}

/* Whatever we call a file, we know it again; and its name fits a directory. */
static void
check_derived(const char *leaf)
{
    const RlFileRole roles[] = {RL_FILE_CLEAN, RL_FILE_DIRTY, RL_FILE_PRECACHE, RL_FILE_RECORD};

    for (size_t i = 0; i < G_N_ELEMENTS(roles); i++) {
        g_autofree char *file = rl_file_name(leaf, roles[i]);
        g_assert_cmpuint(strlen(file), <=, 255);
        is(file, roles[i], leaf);
    }

    g_autofree char *revision = rl_file_name_revision(leaf, G_MAXUINT64, 1514869567);
    g_autofree char *label = rl_file_name_label(leaf, "l");
    g_autofree char *temp = rl_file_name_temp(leaf);
    g_assert_cmpuint(strlen(revision), <=, 255);
    g_assert_cmpuint(strlen(temp), <=, 255);
    is(revision, RL_FILE_REVISION, leaf);
    g_assert_cmpuint(rl_file_name_parse(revision).number, ==, G_MAXUINT64);
    is(label, RL_FILE_LABEL, leaf);
    g_assert_cmpstr(rl_file_name_parse(label).label, ==, "l");
    is(temp, RL_FILE_TEMP, leaf);
}

static void
test_derived_names_parse_back(void)
{
    g_autofree char *longest = longest_leaf();

    check_derived("private");
    check_derived("a.b");
    check_derived("x-dirty-y");
    check_derived("\xc3\xa4 b");
    check_derived("-");
    check_derived(longest);
}

static void
test_names_on_disk(void)
{
    g_autofree char *clean = rl_file_name("p", RL_FILE_CLEAN);
    g_autofree char *dirty = rl_file_name("p", RL_FILE_DIRTY);
    g_autofree char *precache = rl_file_name("p", RL_FILE_PRECACHE);
    g_autofree char *record = rl_file_name("p", RL_FILE_RECORD);
    g_autofree char *revision = rl_file_name_revision("p", 3, 1514869567);
    g_autofree char *label = rl_file_name_label("p", "before-upgrade");
    g_autofree char *temp = rl_file_name_temp("p"), *other = rl_file_name_temp("p");

    g_assert_cmpstr(clean, ==, "p.img");
    g_assert_cmpstr(dirty, ==, "p-dirty.img");
    g_assert_cmpstr(precache, ==, "p-precache.img");
    g_assert_cmpstr(record, ==, "p.volume.xml");
    g_assert_cmpstr(revision, ==, "p.img.3@2018-01-02T05:06:07Z");
    g_assert_cmpstr(label, ==, "p.img@before-upgrade");
    g_assert_true(g_str_has_prefix(temp, "p.img~"));
    g_assert_cmpuint(strlen(temp), ==, strlen("p.img~XXXXXX"));
    g_assert_cmpstr(temp, !=, other);
}

/* What Qubes' driver leaves. */
static void
test_qubes_forms(void)
{
    is("private.img", RL_FILE_CLEAN, "private");
    is("private-dirty.img", RL_FILE_DIRTY, "private");
    is("private-precache.img", RL_FILE_PRECACHE, "private");
    is("private-import.img", RL_FILE_IMPORT, "private");
    is("private.img.3@2018-01-02T05:06:07Z", RL_FILE_REVISION, "private");
    is("private.img@2018-01-02T03:04:05Z", RL_FILE_LABEL, "private");
    is("private.img~abc123", RL_FILE_TEMP, "private");
    is("private-dirty.img~abc123", RL_FILE_TEMP, "private");
    is("private.img~before", RL_FILE_OTHER, "");
    is("private.img~261129", RL_FILE_OTHER, "");
    is("private.img~decade", RL_FILE_OTHER, "");
    is("private.img~24dec6", RL_FILE_OTHER, "");
    is("private.img~1feb27", RL_FILE_OTHER, "");
    is("private.img~abc123_x", RL_FILE_PEER_TEMP, "private");
    is("private.img~original", RL_FILE_OTHER, "");
    is("private.img~20180102", RL_FILE_OTHER, "");
    g_assert_cmpuint(rl_file_name_parse("private.img.3@2018-01-02T05:06:07Z").number, ==, 3);
}

static void
test_revisions_that_are_none(void)
{
    const char *const files[] = {
        "p.img.0@2018-01-02T05:06:07Z",
        "p.img.03@2018-01-02T05:06:07Z",
        "p.img.18446744073709551616@2018-01-02T05:06:07Z",
        "p.img.-3@2018-01-02T05:06:07Z",
        "p.img.@2018-01-02T05:06:07Z",
        "p.img.3@",
        "p.img.3",
        "p.img.",
        "p.img.3@2018-01-02T05:06:07",
        "p.img.3@2018-01-02T05:06:07Z2",
        "p.img.3@2018-01-02 05:06:07Z",
        "p.img.3@x018-01-02T05:06:07Z",
        "p.img.3x@2018-01-02T05:06:07Z",
        "p-dirty.img.3@2018-01-02T05:06:07Z",
        ".img.3@2018-01-02T05:06:07Z",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        is_other(files[i]);
}

static void
test_labels_that_are_none(void)
{
    const char *const files[] = {"p.img@",    "p.img@7",   "p.img@007", "p.img@current", "p.img@-a",
                                 "p.img@a b", "p.img@a@b", ".img@a",    "p-dirty.img@a", "@a"};

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        is_other(files[i]);
    is("p.img@x.img", RL_FILE_LABEL, "p");
    is("p.img@x-dirty.img", RL_FILE_LABEL, "p");
}

static void
test_hostile_names(void)
{
    g_autofree char *longest = longest_leaf();
    g_autofree char *too_long = g_strconcat(longest, "n.img", NULL);
    const char *const files[] = {"",
                                 ".img",
                                 "-dirty.img",
                                 "img",
                                 "p",
                                 "p.IMG",
                                 "p.img ",
                                 "p.img\n",
                                 "a\n.img",
                                 ".p.img",
                                 "a@b.img",
                                 "a-dirty-dirty.img",
                                 "a-precache-dirty.img",
                                 "a.img.img",
                                 "a.imgx.img",
                                 "a.img-dirty.img",
                                 "\xff.img",
                                 "a.volume.xml.img",
                                 "a.volume.xml-dirty.img",
                                 "a-dirty.volume.xml",
                                 ".volume.xml",
                                 ".reflink-pool.xml",
                                 "lost+found",
                                 "~",
                                 "a~b.img"};

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        is_other(files[i]);
    is_other(too_long);
}

/* Temporary files are removed without asking, so nothing may pass for one that a person's backup
 * tool makes. */
static void
test_backups_are_no_temporaries(void)
{
    is_other("p.img~");
    is_other("p.img~1");
    is_other("p~0a1b2c");
    is_other("p.img.111111111111111111111@2018-01-02T05:06:07Z");
    is_other("p.img.~1~");
    is_other("p.img~ my copy");
    is_other("p.img~before.img");
    is_other("p~.img");
    is("p.img~0a1b2c", RL_FILE_TEMP, "p");
    is("p.volume.xml~0a1b2c", RL_FILE_TEMP, "p");
    is("p.img.3@2018-01-02T05:06:07Z~0a1b2c", RL_FILE_TEMP, "p");
}

/* A hostile or broken time stamp must not change the shape. */
static void
test_times_stay_in_shape(void)
{
    const time_t times[] = {0, -1, G_MININT64, G_MAXINT64, 253402300799, 253402300800, 951782400};

    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autofree char *file = rl_file_name_revision("p", 1, times[i]);
        is(file, RL_FILE_REVISION, "p");
    }
    g_autofree char *leap = rl_file_name_revision("p", 1, 951782400);
    g_assert_cmpstr(leap, ==, "p.img.1@2000-02-29T00:00:00Z");
}

void
add_tests(void)
{
    /* The time in a name is UTC, wherever the host is. */
    g_setenv("TZ", "Asia/Kathmandu", TRUE);
    g_test_add_func("/filename/derived-names-parse-back", test_derived_names_parse_back);
    g_test_add_func("/filename/names-on-disk", test_names_on_disk);
    g_test_add_func("/filename/qubes-forms", test_qubes_forms);
    g_test_add_func("/filename/revisions-that-are-none", test_revisions_that_are_none);
    g_test_add_func("/filename/labels-that-are-none", test_labels_that_are_none);
    g_test_add_func("/filename/hostile-names", test_hostile_names);
    g_test_add_func("/filename/backups-are-no-temporaries", test_backups_are_no_temporaries);
    g_test_add_func("/filename/times-stay-in-shape", test_times_stay_in_shape);
}
