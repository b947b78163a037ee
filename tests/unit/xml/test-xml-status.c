/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/status.h"

#include "harness/xml-testing.h"

#define UUID "00000000-0000-4000-8000-00000000000A"
#define DOMAIN "<domain type='kvm' id='1'><name>vm</name><uuid>" UUID "</uuid></domain>"

static RlStatus *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    RlStatus *status = rl_xml_status_parse(text, strlen(text), "vm.xml", &error);

    g_assert_no_error(error);
    return status;
}

static void
refuse(const char *text, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_xml_status_parse(text, strlen(text), "vm.xml", &error));
    g_assert_true(error && g_str_has_prefix(error->message, "vm.xml: "));
    take_xml_error(error, words, text);
}

/* As libvirt writes it. */
static void
test_status(void)
{
    g_autoptr(RlStatus) status =
        parse("<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE.\n-->\n"
              "<domstatus state='paused' reason='migration' pid='256'>\n"
              "  <taint flag='x'/><monitor path='/x' type='unix'/><vcpus/>\n"
              "  <job type='none' async='migration out' phase='confirm3' flags='0x341'>\n"
              "    <disk dev='hda' migrating='no'/><disk dev='hdb' migrating='yes'><a/></disk>\n"
              "    <disk migrating='yes'/><other dev='hdc' migrating='yes'/>\n"
              "  </job>\n  " DOMAIN "\n</domstatus>\n");

    g_assert_cmpstr(status->uuid, ==, "00000000-0000-4000-8000-00000000000a");
    g_assert_cmpstr(status->state, ==, "paused");
    g_assert_cmpstr(status->reason, ==, "migration");
    g_assert_cmpstr(status->job, ==, "none");
    g_assert_cmpstr(status->async, ==, "migration out");
    g_assert_cmpstr(status->phase, ==, "confirm3");
    g_assert_cmpuint(status->copied->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(status->copied, 0), ==, "hdb");
}

static void
test_no_job(void)
{
    g_autoptr(RlStatus) status =
        parse("<domstatus state='running' reason='booted'>" DOMAIN "</domstatus>");

    g_assert_cmpstr(status->job, ==, "none");
    g_assert_cmpstr(status->async, ==, "none");
    g_assert_cmpstr(status->phase, ==, "none");
    g_assert_cmpuint(status->copied->len, ==, 0);
}

#define DISK(path, target, mirror)                                            \
    "<disk type='file' device='disk'><driver type='raw'/><source file='" path \
    "'/><target dev='" target "'/>" mirror "</disk>"

/* libvirt writes 'pivot' down when the emulator has agreed, and an empty word when the job ends. */
static void
test_pivoting(void)
{
    g_autoptr(RlStatus) status = parse(
        "<domstatus state='running' reason='booted'><domain><uuid>" UUID "</uuid><devices>" DISK(
            "/a", "hda",
            "<mirror type='file' file='/old' job='copy' ready='pivot'>"
            "<source file='/b'/></mirror>") DISK("/c", "hdb", "<mirror file='/d' ready='yes'/>")
            DISK("/e", "hdc", "<mirror file='/f' job='active-commit' ready='pivot'/>")
                DISK("/g", "hdd", "<mirror file='/h' ready='abort'/>") DISK("/i", "hde", "") DISK(
                    "/j", "hdf", "<mirror file='/k' job=''/>") "</devices></domain></domstatus>");

    g_assert_cmpuint(status->pivoting->len, ==, 3);
    const RlDisk *copy = g_ptr_array_index(status->pivoting, 0),
                 *commit = g_ptr_array_index(status->pivoting, 1);
    g_assert_cmpstr(copy->target, ==, "hda");
    g_assert_cmpstr(copy->mirror, ==, "/b");
    g_assert_cmpstr(commit->target, ==, "hdc");
    g_assert_cmpstr(commit->mirror, ==, "/f");
    g_assert_cmpstr(((const RlDisk *) g_ptr_array_index(status->pivoting, 2))->target, ==, "hdf");
}

static void
test_refused(void)
{
    refuse("<domain/>", "<domstatus>");
    refuse("<domstatus state='running'>" DOMAIN "</domstatus>", "<domstatus> & reason");
    refuse("<domstatus reason='booted'>" DOMAIN "</domstatus>", "<domstatus> & reason");
    refuse("<domstatus state='running' reason='booted'/>", "<uuid>");
    refuse("<domstatus state='running' reason='booted'><domain/></domstatus>", "<uuid>");
    refuse("<domstatus state='running' reason='booted'><domain><uuid>x</uuid></domain></domstatus>",
           "UUID");
    refuse("<domstatus state='running' reason='booted'>" DOMAIN DOMAIN "</domstatus>",
           "second & <domain>");
    refuse("<domstatus state='running' reason='booted'><domain><uuid>" UUID "</uuid><uuid>" UUID
           "</uuid></domain></domstatus>",
           "second & <uuid>");
    refuse("<domstatus state='running' reason='booted'><domain><uuid><b/></uuid></domain>"
           "</domstatus>",
           "<b>");
    refuse("<domstatus state='running' reason='booted'><domain><uuid>" UUID "</uuid><devices>"
           "<disk device='new'><mirror ready='pivot'/></disk></devices></domain></domstatus>",
           "new");
    refuse("<domstatus state='running' reason='booted'><job/><job/>" DOMAIN "</domstatus>",
           "second & <job>");
    refuse("<!DOCTYPE domstatus><domstatus state='a' reason='b'>" DOMAIN "</domstatus>",
           "document type");
    refuse("<domstatus state='running' reason='booted'>", "line 1");
}

static void
test_free(void)
{
    rl_status_free(NULL);
}

void
add_tests(void)
{
    g_test_add_func("/xml/status/status", test_status);
    g_test_add_func("/xml/status/no-job", test_no_job);
    g_test_add_func("/xml/status/pivoting", test_pivoting);
    g_test_add_func("/xml/status/refused", test_refused);
    g_test_add_func("/xml/status/free", test_free);
}
