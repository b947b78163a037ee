/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options inside a <pool> that somebody else parsed, and options as text. */
#include "xml/pool-options.h"

#include "harness/xml-autoptr.h"
#include "harness/xml-testing.h"
#include "xml/documents.h"

#include <libxml/parser.h>

#define POOL(inner) "<pool type='dir' " NS "><name>p</name>" inner "</pool>"

static RlOptions *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    RlOptions *options = rl_xml_options_parse(text, strlen(text), "marker", &error);

    g_assert_no_error(error);
    return options;
}

/* As libvirt does it: with DTDs, and entities left as references. */
static bool
from_pool(const char *text, RlOptions **ret_options, GError **error)
{
    g_autoptr(xmlDoc) document =
        xmlReadMemory(text, (int) strlen(text), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
    g_assert_nonnull(document);
    return rl_xml_options_from_nodes(xmlDocGetRootElement(document), ret_options, error);
}

static void
refuse_pool(const char *text, const char *words)
{
    RlOptions *const untouched = (RlOptions *) text, *options = untouched;
    GError *error = NULL;

    g_assert_false(from_pool(text, &options, &error));
    g_assert_true(options == untouched);
    take_xml_error(error, words, text);
}

static void
test_found(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlOptions) options = rl_options_new();
    RlOptions *none = options;

    g_assert_true(from_pool(POOL("<target><path>/p</path></target>"), &none, &error));
    g_assert_no_error(error);
    g_assert_null(none);

    g_autoptr(RlOptions) found = NULL;
    g_assert_true(from_pool("<pool xmlns:x='urn:libvirt-reflink:storagepool:1.0' "
                            "xmlns:other='urn:other' other:a='1'><name>p</name>text<other:b/>"
                            "<x:options><x:revisions keep='7'/></x:options><target/></pool>",
                            &found, &error));
    g_assert_no_error(error);
    g_assert_cmpint(found->keep.newest, ==, 7);
}

static void
test_elsewhere(void)
{
    refuse_pool(POOL("<reflink:options/><reflink:options/>"), "second & <reflink:options>");
    refuse_pool(POOL("\n<reflink:option/>"), "line 2 & <reflink:option>");
    refuse_pool(POOL("<target><path/><reflink:options/></target>"), "<reflink:options>");
    refuse_pool(POOL("<reflink:options/><target><reflink:revisions keep='1'/></target>"),
                "<reflink:revisions>");
    refuse_pool(POOL("<target><path><a/></path></target><reflink:b/>"), "<reflink:b>");
    refuse_pool(POOL("<reflink:options><a/></reflink:options>"), "<a>");
    refuse_pool(POOL("<reflink:options><![CDATA[x]]></reflink:options>"), "text");
    refuse_pool(POOL("<target reflink:keep='1'/>"), "'reflink:keep' & <target>");
    refuse_pool("<pool " NS " reflink:a='1'><reflink:options/></pool>", "'reflink:a' & <pool>");
    refuse_pool("<reflink:pool " NS "><reflink:options/></reflink:pool>", "<reflink:pool>");
    refuse_pool(POOL("<o xmlns='urn:libvirt-reflink:storagepool:1.0'/>"), "<reflink:o>");
}

/* Slips that would else make a stock pool of it. */
static void
test_wrong_namespace(void)
{
    refuse_pool("<pool><reflink:options/></pool>", "xmlns:reflink");
    refuse_pool("<pool reflink:a='1'/>", "xmlns:reflink");
    refuse_pool(
        "<pool xmlns:reflink='urn:libvirt-reflink:storagepool:2.0'><reflink:options/></pool>",
        "'urn:libvirt-reflink:storagepool:2.0'");
    refuse_pool("<pool xmlns:r='urn:libvirt-reflink:pool:1.0'><r:options/></pool>",
                "'urn:libvirt-reflink:pool:1.0'");
    refuse_pool("<pool xmlns:reflink='urn:libvirt-reflnk'><reflink:options/></pool>",
                "'urn:libvirt-reflnk'");
}

static void
test_entities(void)
{
    const char *dtd = "<!DOCTYPE pool [<!ENTITY e '5'><!ENTITY f '&e;&e;&e;'>]>";
    g_autofree char *value = g_strconcat(
        dtd, POOL("<reflink:options><reflink:revisions keep='&f;'/></reflink:options>"), NULL);
    g_autofree char *text = g_strconcat(dtd, POOL("<reflink:options>&f;</reflink:options>"), NULL);
    g_autofree char *inner = g_strconcat(dtd,
                                         POOL("<reflink:options><reflink:revisions "
                                              "keep='1'>&e;</reflink:revisions></reflink:options>"),
                                         NULL);

    refuse_pool(value, "'keep' & <reflink:revisions>");
    refuse_pool(text, "<reflink:options>");
    refuse_pool(inner, "<reflink:revisions>");
}

static void
test_format(void)
{
    g_autoptr(RlOptions) options = rl_options_new();
    options->keep.newest = 3;
    options->fallback_copy = true;
    rl_options_add_rule(options, "a'<\"&>b", 5, RL_KIND_DIRECT);
    rl_options_add_rule(options, "c", -1, -1)->backing = RL_KIND_SNAPSHOT;
    g_autofree char *inner = rl_xml_options_format(options, false);
    g_autofree char *whole = rl_xml_options_format(options, true);
    g_autofree char *table = rl_xml_documents()->options_format(options);

    g_assert_cmpstr(
        inner, ==,
        "<reflink:options>\n"
        "  <reflink:revisions keep='3'/>\n"
        "  <reflink:fallback copy='yes'/>\n"
        "  <reflink:volume match='a&apos;&lt;&quot;&amp;&gt;b' keep='5' kind='direct'/>\n"
        "  <reflink:volume match='c' backing='snapshot'/>\n"
        "</reflink:options>\n");
    g_assert_true(g_str_has_prefix(whole, "<reflink:options " NS ">\n"));
    g_assert_cmpstr(strchr(whole, '\n'), ==, strchr(inner, '\n'));
    g_assert_cmpstr(table, ==, whole);
}

static void
check_round_trip(const RlOptions *options)
{
    g_autofree char *text = rl_xml_options_format(options, true);
    g_autofree char *inner = rl_xml_options_format(options, false);
    g_autofree char *pool = g_strconcat("<pool " NS ">\n", inner, "</pool>", NULL);
    g_autoptr(RlOptions) again = parse(text);
    g_autoptr(RlOptions) in_pool = NULL;

    g_assert_true(rl_options_equal(options, again));
    g_assert_true(from_pool(pool, &in_pool, NULL));
    g_assert_true(rl_options_equal(options, in_pool));
    g_autofree char *text_again = rl_xml_options_format(again, true);
    g_assert_cmpstr(text, ==, text_again);
}

static void
test_round_trip(void)
{
    const char *odd[] = {"a'b\"c<d>e&f",
                         " lead and trail ",
                         "tab\tnl\ncr\rcrnl\r\n",
                         "&#10;&amp;lt;",
                         "[!a-z]?*\\*",
                         "]]>",
                         "\xc3\xa4\xf0\x9f\x90\xa7",
                         "\xc2\x85\xe2\x80\xa8"};
    g_autoptr(RlOptions) options = rl_options_new();

    check_round_trip(options);
    for (size_t i = 0; i < G_N_ELEMENTS(odd); i++)
        rl_options_add_rule(options, odd[i], (int) i - 1,
                            i % 2 ? RL_KIND_VOLATILE : RL_KIND_DIRECT);
    rl_options_add_rule(options, "x", 0, -1);
    options->keep.newest = 0;
    options->fallback_copy = true;
    check_round_trip(options);

    /* As much as a pool may say, in its longest form. */
    g_autoptr(RlOptions) most = rl_options_new();
    g_autofree char *quotes = repeat("'", RL_OPTIONS_MATCHES_MAX / RL_OPTIONS_RULES_MAX);
    for (int i = 0; i < RL_OPTIONS_RULES_MAX; i++)
        rl_options_add_rule(most, quotes, RL_KEEP_MAX, RL_KIND_PERSISTENT);
    check_round_trip(most);
}

void
add_tests(void)
{
    g_test_add_func("/xml/pool/found", test_found);
    g_test_add_func("/xml/pool/elsewhere", test_elsewhere);
    g_test_add_func("/xml/pool/wrong-namespace", test_wrong_namespace);
    g_test_add_func("/xml/pool/entities", test_entities);
    g_test_add_func("/xml/pool/format", test_format);
    g_test_add_func("/xml/pool/round-trip", test_round_trip);
}
