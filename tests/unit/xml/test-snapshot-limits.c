/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reading of libvirt's records of snapshots has an end, and what cannot be read is not taken
 * for nothing. */
#include "xml/definitions.h"
#include "xml/snapshot-records.h"

#include "harness/disturb.h"
#include "harness/host-files.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define DIR "var/lib/libvirt/qemu/snapshot/"

static GHashTable *
read_anna(RlImageSearch *search, GError **error)
{
    g_assert_true(rl_image_search_begin(search, IMAGE));
    return rl_snapshot_records_read(search, "anna", error);
}

/* Those of many domains are read in one search: it is the search that has an end. */
static void
test_end(Host *host, gconstpointer data)
{
    g_auto(RlImageSearch) first = {.top = host->top};
    g_auto(RlImageSearch) late = {.top = host->top, .until_us = 1};
    g_auto(RlImageSearch) many = {.top = host->top, .files = 20000};
    GError *error = NULL;

    (void) data;
    host_put_snapshot(host, DIR "anna/1.xml", "/o/1", IMAGE);
    g_autoptr(GHashTable) bases = read_anna(&first, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_hash_table_size(bases), ==, 1);
    g_assert_null(read_anna(&late, &error));
    take_error(error, RL_ERROR_INVALID, "longer than 10 seconds");
    error = NULL;
    g_assert_null(read_anna(&many, &error));
    take_error(error, RL_ERROR_INVALID, "more than 20000 snapshots");
}

static int
remove_record(Lab *lab)
{
    g_autofree char *path = g_build_filename(lab->path, DIR "anna/1.xml", NULL);

    g_assert_cmpint(unlink(path), ==, 0);
    return 0;
}

/* True with no record; else with the one that is there. */
static bool
finds_none(Lab *lab, GError **error)
{
    g_auto(RlImageSearch) search = {.top = lab->path};
    g_autoptr(GHashTable) bases = read_anna(&search, error);

    g_assert_cmpuint(search.files, <=, 1);
    return bases && g_hash_table_size(bases) == 0;
}

/* libvirt removes a record that was about to be read: there is none. */
static void
test_removed(Host *host, gconstpointer data)
{
    Lab lab = {.path = host->top};
    /* The mounts, the directory above, its entries, and the record. */
    Disturbance fourth = {.nr = SYS_openat, .first = 4, .count = 1, .before = remove_record};
    GError *error = NULL;

    (void) data;
    host_put_snapshot(host, DIR "anna/1.xml", "/o/1", IMAGE);
    g_assert_false(finds_none(&lab, &error));
    g_assert_true(disturb(&lab, &fourth, finds_none, &error));
    g_assert_no_error(error);
}

static bool
is_read(Lab *lab, GError **error)
{
    g_auto(RlImageSearch) search = {.top = lab->path};
    g_autoptr(GHashTable) bases = read_anna(&search, error);

    return bases != NULL;
}

/* A directory that cannot be opened is no empty one. */
static void
test_unreadable(Host *host, gconstpointer data)
{
    Lab lab = {.path = host->top};
    Disturbance above = {.nr = SYS_openat, .first = 2, .count = 1, .code = EMFILE};
    Disturbance entries = {.nr = SYS_openat, .first = 3, .count = 1, .code = EMFILE};
    Disturbance record = {.nr = SYS_openat, .first = 4, .count = 1, .code = EMFILE};
    Disturbance *const all[] = {&above, &entries, &record};

    (void) data;
    host_put_snapshot(host, DIR "anna/1.xml", "/o/1", IMAGE);
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        GError *error = NULL;
        g_assert_false(disturb(&lab, all[i], is_read, &error));
        g_assert_nonnull(error);
        g_error_free(error);
    }
    g_assert_true(is_read(&lab, NULL));
}

/* Neither the snapshot's disk nor the domain's says which one it is. */
static void
test_no_target(Host *host, gconstpointer data)
{
    static const char *const overlays[] = {
        "<source file='/o/1'/>", "<source protocol='rbd' name='p/1'><host name='h'/></source>"};
    static const char *const before[] = {
        "<disk type='network'><source protocol='rbd' name='p/0'><host name='h'/></source></disk>",
        "<disk type='file'><source file='" IMAGE "'/></disk>"};

    (void) data;
    host_put_domain(host, "etc/libvirt/qemu/anna.xml",
                    "<driver type='qcow2'/><source file='/o/1'/>");
    for (size_t i = 0; i < 4; i++) {
        g_autofree char *record =
            g_strdup_printf("<domainsnapshot><disks><disk snapshot='external'>%s</disk></disks>"
                            "<domain type='kvm'><name>anna</name><uuid>" UUID_A "</uuid><devices>"
                            "%s</devices></domain></domainsnapshot>",
                            overlays[i / 2], before[i % 2]);
        host_put(host, DIR "anna/1.xml", record);
        /* The overlay has a path, and so has what it is on. */
        host_finds(host, IMAGE, false, i == 1 ? "anna" : NULL);
        host_finds(host, "/pool/a/c-dirty.img", false, NULL);
    }
}

/* The records of two that are not defined are behind links: each doubt is of one of them, and of
 * one that has let go there is none. */
static void
test_let_go(Host *host, gconstpointer data)
{
    const char *const bert[] = {"bert", NULL}, *const both[] = {"bert", "carl", NULL};
    static const char *const names[] = {"bert", "carl"};

    (void) data;
    host_put_snapshot(host, DIR "elsewhere/1.xml", "/o/1", "/none");
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *link = g_build_filename(host->top, DIR, names[i], NULL);
        g_assert_cmpint(symlink("elsewhere", link), ==, 0);
    }
    g_autofree char *one = rl_xml_definitions_find_below(host->top, IMAGE, false, UUID_B, bert);
    g_autofree char *none = rl_xml_definitions_find_below(host->top, IMAGE, false, UUID_B, both);
    g_assert_cmpstr(one, ==, "carl");
    g_assert_null(none);
    g_autofree char *of_bert = rl_xml_definitions_doubt_below(host->top, IMAGE, "bert");
    g_autofree char *of_carl = rl_xml_definitions_doubt_below(host->top, IMAGE, "carl");
    g_autofree char *of_dora = rl_xml_definitions_doubt_below(host->top, IMAGE, "dora");
    g_assert_true(of_bert && strstr(of_bert, DIR "bert'"));
    g_assert_true(of_carl && strstr(of_carl, DIR "carl'"));
    g_assert_null(of_dora);
}

/* The first reason is the one that is told. */
static void
test_first_doubt(Host *host, gconstpointer data)
{
    g_auto(RlImageSearch) search = {.top = host->top, .image = IMAGE, .doubt_of = "anna"};
    g_autoptr(GError) first = NULL, second = NULL;

    (void) data;
    rl_fail(&first, RL_ERROR_INVALID, "the first");
    rl_fail(&second, RL_ERROR_INVALID, "the second");
    rl_snapshot_records_note_doubt(&search, "bert", first);
    g_assert_null(search.doubt);
    rl_snapshot_records_note_doubt(&search, "anna", first);
    rl_snapshot_records_note_doubt(&search, "anna", second);
    g_assert_true(search.doubt && strstr(search.doubt, "the first"));
    g_assert_null(strstr(search.doubt, "the second"));
}

/* An overlay of anna's was given to one that is left out of the search. */
static void
test_given_to_excepted(Host *host, gconstpointer data)
{
    g_autofree char *otto =
        host_domain("otto", UUID_B, "<driver type='qcow2'/><source file='/o/1'/>");

    (void) data;
    host_put_snapshot(host, DIR "anna/1.xml", "/o/1", IMAGE);
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/2'/>");
    host_put(host, "etc/libvirt/libxl/otto.xml", otto);
    host_finds(host, IMAGE, false, "anna");
    g_autofree char *found = rl_xml_definitions_find_below(host->top, IMAGE, false, NULL, NULL);
    g_assert_cmpstr(found, ==, "otto");
}

void
add_tests(void)
{
    static const HostTest tests[] = {
        {"/xml/snapshot-limits/end", test_end},
        {"/xml/snapshot-limits/removed", test_removed},
        {"/xml/snapshot-limits/unreadable", test_unreadable},
        {"/xml/snapshot-limits/no-target", test_no_target},
        {"/xml/snapshot-limits/let-go", test_let_go},
        {"/xml/snapshot-limits/first-doubt", test_first_doubt},
        {"/xml/snapshot-limits/given-to-excepted", test_given_to_excepted},
    };

    host_add_tests(tests, G_N_ELEMENTS(tests));
}
