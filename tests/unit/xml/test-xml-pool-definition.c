/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/pool-definition.h"

#include "harness/xml-testing.h"

static RlPoolDefinition *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    RlPoolDefinition *definition =
        rl_xml_pool_definition_parse(text, strlen(text), "p.xml", &error);

    g_assert_no_error(error);
    return definition;
}

static void
refuse(const char *text, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_xml_pool_definition_parse(text, strlen(text), "p.xml", &error));
    take_xml_error(error, words, text);
}

static void
test_reflink(void)
{
    g_autoptr(RlPoolDefinition) defined =
        parse("<pool type='dir' " NS "><name>p</name><target><path>/a</path></target>"
              "<reflink:options><reflink:revisions keep='7'/></reflink:options></pool>");
    g_autoptr(RlPoolDefinition) active =
        parse("<poolstate><pool type='dir' " NS "><reflink:options/></pool></poolstate>");

    g_assert_true(defined->directory);
    g_assert_cmpstr(defined->path, ==, "/a");
    g_assert_cmpint(defined->options->keep.newest, ==, 7);
    g_assert_nonnull(active->options);
    g_assert_null(active->path);
}

static void
test_other(void)
{
    g_autoptr(RlPoolDefinition) plain =
        parse("<pool type='dir'><target><path>/a</path></target></pool>");
    g_autoptr(RlPoolDefinition) logical = parse("<pool type='logical'><target/></pool>");

    g_assert_true(plain->directory);
    g_assert_null(plain->options);
    g_assert_false(logical->directory);
    g_assert_null(logical->path);
    rl_pool_definition_free(NULL);
}

/* What is written says what is read of it. */
static void
test_format(void)
{
    g_autoptr(RlOptions) options = rl_options_new();
    options->keep.newest = 3;
    options->fallback_copy = true;
    g_autofree char *text = rl_xml_pool_definition_format("a&b", "uuid", "/a<b", options);
    g_autoptr(RlPoolDefinition) read = parse(text);

    g_assert_true(read->directory);
    g_assert_cmpstr(read->path, ==, "/a<b");
    g_assert_true(rl_options_equal(read->options, options));
    g_assert_nonnull(strstr(text, "<name>a&amp;b</name>"));
    g_assert_nonnull(strstr(text, "<uuid>uuid</uuid>"));
    g_autofree char *new = rl_xml_pool_definition_format("a", NULL, "/a", options);
    g_assert_null(strstr(new, "uuid"));
}

static void
test_refused(void)
{
    refuse("<pool>", "line 1");
    refuse("<poolstate/>", "no <pool>");
    refuse("<domain/>", "no <pool>");
    refuse("<pool type='dir' " NS "><reflink:options><reflink:wrong/></reflink:options></pool>",
           "wrong");
}

void
add_tests(void)
{
    g_test_add_func("/xml/pool-definition/reflink", test_reflink);
    g_test_add_func("/xml/pool-definition/other", test_other);
    g_test_add_func("/xml/pool-definition/format", test_format);
    g_test_add_func("/xml/pool-definition/refused", test_refused);
}
