/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/volume-record.h"

#include "harness/xml-testing.h"
#include "xml/documents.h"

#define NAME "<name>a/b</name>"
#define CAPACITY "<capacity unit='bytes'>1024</capacity>"
#define OURS "<reflink:volume kind='volatile'/>"

/* A record with @inner in it, to be freed. */
static char *
volume(const char *inner)
{
    return g_strconcat("<volume " NS ">", inner, "</volume>", NULL);
}

static RlRecord *
parse(const char *inner)
{
    g_autofree char *text = volume(inner);
    g_autoptr(GError) error = NULL;
    RlRecord *record = rl_xml_record_parse(text, strlen(text), "root.volume.xml", &error);

    g_assert_no_error(error);
    return record;
}

static void
refuse_bytes(const char *text, size_t length, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_xml_record_parse(text, length, "root.volume.xml", &error));
    g_assert_true(error && g_str_has_prefix(error->message, "root.volume.xml: "));
    take_xml_error(error, words, text);
}

static void
refuse(const char *inner, const char *words)
{
    g_autofree char *text = volume(inner);
    refuse_bytes(text, strlen(text), words);
}

static void
test_kinds(void)
{
    g_autoptr(RlRecord) snapshot =
        parse(NAME CAPACITY "<reflink:volume kind='snapshot' source='vm-templates/debian/root'/>");
    g_autoptr(RlRecord) without = parse(NAME CAPACITY OURS);
    g_autoptr(RlRecord) direct = parse("<reflink:volume kind='direct'/>" CAPACITY NAME);
    g_autoptr(RlRecord) persistent = parse(NAME CAPACITY "<reflink:volume kind='persistent'/>");

    g_assert_cmpint(snapshot->kind, ==, RL_KIND_SNAPSHOT);
    g_assert_cmpstr(snapshot->source, ==, "vm-templates/debian/root");
    g_assert_cmpuint(snapshot->capacity, ==, 1024);
    g_assert_cmpint(without->kind, ==, RL_KIND_VOLATILE);
    g_assert_null(without->source);
    g_assert_cmpint(direct->kind, ==, RL_KIND_DIRECT);
    g_assert_cmpint(persistent->kind, ==, RL_KIND_PERSISTENT);
}

/* What libvirt writes besides, and what a person may have added. */
static void
test_tolerated(void)
{
    g_autoptr(RlRecord) record =
        parse("<!-- c --><key>k</key>" NAME "<physical unit='KiB'>1</physical>" CAPACITY
              "<target><path>/p</path><format type='raw'/></target>" OURS "<later a='1'/>");
    g_assert_cmpint(record->kind, ==, RL_KIND_VOLATILE);
    g_assert_cmpuint(record->capacity, ==, 1024);
}

static void
test_missing_or_twice(void)
{
    refuse(CAPACITY OURS, "<volume> & <name>");
    refuse(NAME OURS, "<volume> & <capacity>");
    refuse(NAME CAPACITY, "<volume> & <reflink:volume>");
    refuse(NAME CAPACITY "<volume kind='direct'/>", "<volume> & <reflink:volume>");
    refuse(NAME NAME CAPACITY OURS, "second & <name>");
    refuse(NAME CAPACITY CAPACITY OURS, "second & <capacity>");
    refuse(NAME CAPACITY OURS "\n" OURS, "line 2 & second & <reflink:volume>");
}

static void
test_unknown(void)
{
    refuse(NAME CAPACITY OURS "<reflink:x/>", "<reflink:x> & <volume>");
    refuse(NAME CAPACITY OURS "<o:x xmlns:o='urn:o'/>", "<o:x> & <volume>");
    refuse(NAME CAPACITY OURS "<target><reflink:volume kind='direct'/></target>",
           "<reflink:volume>");
    refuse(NAME CAPACITY OURS "<target reflink:kind='direct'/>", "'reflink:kind' & <target>");
    refuse("<name reflink:x='1'>a</name>" CAPACITY OURS, "'reflink:x' & <name>");
    refuse(NAME CAPACITY OURS "<target><r:x xmlns:r='urn:libvirt-reflink:9'/></target>",
           "'urn:libvirt-reflink:9'");
    refuse(NAME CAPACITY OURS "text", "text & <volume>");
    refuse(NAME CAPACITY "<reflink:volume kind='direct' sorce='x'/>", "'sorce'");
    refuse(NAME CAPACITY "<reflink:volume kind='direct'>x</reflink:volume>", "text");
    refuse(NAME CAPACITY "<reflink:volume kind='direct'><x/></reflink:volume>", "<x>");
}

static void
test_kind_and_source(void)
{
    g_autofree char *name = repeat("s", 4097);
    g_autofree char *longest =
        g_strdup_printf(NAME CAPACITY "<reflink:volume kind='snapshot' source='%s'/>", name);

    refuse(NAME CAPACITY "<reflink:volume/>", "<reflink:volume> & kind");
    refuse(NAME CAPACITY "<reflink:volume kind='Volatile'/>", "kind='Volatile'");
    refuse(NAME CAPACITY "<reflink:volume kind=''/>", "kind=''");
    refuse(NAME CAPACITY "<reflink:volume kind='snapshot'/>", "kind='snapshot' & source");
    refuse(NAME CAPACITY "<reflink:volume kind='snapshot' source=''/>", "source & empty");
    refuse(NAME CAPACITY "<reflink:volume kind='volatile' source='a'/>", "source & snapshot");
    refuse(NAME CAPACITY "<reflink:volume kind='direct' source=''/>", "source & snapshot");
    refuse(NAME CAPACITY "<reflink:volume kind='persistent' source='a'/>", "source & snapshot");
    refuse(longest, "<reflink:volume> & 4096");
}

static void
test_access(void)
{
    const char *bad[] = {"",
                         "0640",
                         "0640 1",
                         "0640 1 2 3",
                         "0680 1 2",
                         "10000 1 2",
                         "0640 -2 1",
                         "0640 1 -2",
                         "0640 x 1",
                         "0640 1 x",
                         "0640 4294967295 1",
                         "0640 1 4294967295",
                         "0640  1 2",
                         "-1 1 2",
                         "0640,1,2"};

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *inner =
            g_strdup_printf(NAME CAPACITY "<reflink:volume kind='volatile' access='%s'/>", bad[i]);
        refuse(inner, "access=");
    }
    refuse(NAME CAPACITY "<reflink:volume kind='direct' access='0640 1 2'/>", "access & volatile");

    g_autoptr(RlRecord) most =
        parse(NAME CAPACITY "<reflink:volume kind='volatile' access='7777 4294967294 107'/>");
    g_autoptr(RlRecord) least =
        parse(NAME CAPACITY "<reflink:volume kind='volatile' access='0 -1 -1'/>");
    g_autoptr(RlRecord) without = parse(NAME CAPACITY OURS);
    g_assert_cmpuint(most->access.mode, ==, 07777);
    g_assert_cmpuint(most->access.uid, ==, G_MAXUINT32 - 1);
    g_assert_cmpuint(most->access.gid, ==, 107);
    g_assert_cmpuint(least->access.mode, ==, 0);
    g_assert_cmpuint(least->access.gid, ==, (gid_t) -1);
    g_assert_cmpuint(without->access.mode, ==, 0600);
    g_assert_cmpuint(without->access.uid, ==, (uid_t) -1);
}

static void
test_name(void)
{
    g_autofree char *name = repeat("n", 4097);
    g_autofree char *longest = g_strdup_printf("<name>%s</name>" CAPACITY OURS, name);

    refuse("<name/>" CAPACITY OURS, "empty & <name>");
    refuse("<name>a<b/></name>" CAPACITY OURS, "text & <b> & <name>");
    refuse(longest, "<name> & 4096");
}

static void
test_capacity(void)
{
    const char *bad[] = {"",    "-1",
                         "+1",  " 1",
                         "1 ",  "\n1\n",
                         "1.5", "1e9",
                         "0x",  "007",
                         "1G",  "9223372036854775808",
                         "x",   "18446744073709551617"};

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *inner = g_strdup_printf(NAME "<capacity>%s</capacity>" OURS, bad[i]);
        refuse(inner, "<capacity> & 9223372036854775807");
    }
    refuse(NAME "<capacity unit='KiB'>1</capacity>" OURS, "unit='KiB' & <capacity>");
    refuse(NAME "<capacity units='bytes'>1</capacity>" OURS, "'units' & <capacity>");
    refuse(NAME "<capacity><b/></capacity>" OURS, "text & <b> & <capacity>");

    g_autoptr(RlRecord) most = parse(NAME "<capacity>9223372036854775807</capacity>" OURS);
    g_autoptr(RlRecord) least = parse(NAME "<capacity unit='bytes'>0</capacity>" OURS);
    g_assert_cmpuint(most->capacity, ==, G_MAXINT64);
    g_assert_cmpuint(least->capacity, ==, 0);
}

static void
test_hostile(void)
{
    const char *root = "<reflink:volume " NS " kind='direct'/>";
    const char *dtd = "<!DOCTYPE volume [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><volume/>";
    const char *nul = "<volume/>\0<x/>";
    g_autofree char *padding = repeat("          ", RL_RECORD_SIZE_MAX / 10);

    refuse_bytes(root, strlen(root), "<reflink:volume> & <volume>");
    refuse_bytes(dtd, strlen(dtd), "document type");
    refuse_bytes(nul, strlen(nul) + 5, "NUL");
    refuse_bytes("\xff", 1, "UTF-8");
    refuse_bytes("", 0, "empty");
    refuse(padding, "65536");

    g_autofree char *text = volume(NAME CAPACITY OURS);
    for (size_t length = 0; length < strlen(text); length++)
        refuse_bytes(text, length, "root.volume.xml: ");
}

static void
check_round_trip(RlKind kind, const char *source, uint64_t capacity, const char *name)
{
    const RlDocuments *documents = rl_xml_documents();
    g_autoptr(RlRecord) record = rl_record_new(kind, source, capacity);
    g_autofree char *text = documents->record_format(record, name);
    g_autoptr(GError) error = NULL;
    g_autoptr(RlRecord) again = documents->record_parse(text, strlen(text), "r", &error);

    g_assert_no_error(error);
    g_assert_cmpint(again->kind, ==, kind);
    g_assert_cmpstr(again->source, ==, source);
    g_assert_cmpuint(again->capacity, ==, capacity);
    g_autofree char *text_again = rl_xml_record_format(again, name);
    g_assert_cmpstr(text, ==, text_again);
}

static void
test_round_trip(void)
{
    g_autofree char *longest = repeat("'", RL_RECORD_NAME_MAX);

    check_round_trip(RL_KIND_SNAPSHOT, "a & <b>/'c' \"d\"\t", 1, "n<&>\xc3\xa4");
    check_round_trip(RL_KIND_SNAPSHOT, longest, G_MAXINT64, longest);
    check_round_trip(RL_KIND_VOLATILE, NULL, 0, " ");
    check_round_trip(RL_KIND_DIRECT, NULL, 512, "a/b/c");
    check_round_trip(RL_KIND_PERSISTENT, NULL, 512, "a");
}

static void
test_format(void)
{
    g_autoptr(RlRecord) record = rl_record_new(RL_KIND_SNAPSHOT, "t/root", 1024);
    g_autofree char *text = rl_xml_record_format(record, "a/b");

    g_assert_cmpstr(text, ==,
                    "<volume " NS ">\n"
                    "  <name>a/b</name>\n"
                    "  <capacity unit='bytes'>1024</capacity>\n"
                    "  <reflink:volume kind='snapshot' source='t/root'/>\n"
                    "</volume>\n");

    g_autoptr(RlRecord) volatile_one = rl_record_new(RL_KIND_VOLATILE, NULL, 1);
    volatile_one->access = (RlAccess){0640, 107, (gid_t) -1};
    g_autofree char *volatile_text = rl_xml_record_format(volatile_one, "a");
    g_assert_nonnull(strstr(volatile_text, "kind='volatile' access='0640 107 -1'/>"));
}

void
add_tests(void)
{
    g_test_add_func("/xml/record/kinds", test_kinds);
    g_test_add_func("/xml/record/tolerated", test_tolerated);
    g_test_add_func("/xml/record/missing-or-twice", test_missing_or_twice);
    g_test_add_func("/xml/record/unknown", test_unknown);
    g_test_add_func("/xml/record/kind-and-source", test_kind_and_source);
    g_test_add_func("/xml/record/access", test_access);
    g_test_add_func("/xml/record/name", test_name);
    g_test_add_func("/xml/record/capacity", test_capacity);
    g_test_add_func("/xml/record/hostile", test_hostile);
    g_test_add_func("/xml/record/round-trip", test_round_trip);
    g_test_add_func("/xml/record/format", test_format);
}
