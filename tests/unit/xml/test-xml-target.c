/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/pool-target.h"

#include "harness/xml-testing.h"

static void
assert_path(const char *text, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = rl_xml_target_path(text, strlen(text), "p.xml", &error);

    g_assert_no_error(error);
    g_assert_cmpstr(path, ==, wanted);
}

static void
refuse(const char *text, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_xml_target_path(text, strlen(text), "p.xml", &error));
    g_assert_true(error && g_str_has_prefix(error->message, "p.xml: "));
    take_xml_error(error, words, text);
}

/* As libvirt writes a pool's definition, and its state. */
static void
test_path(void)
{
    assert_path("<pool type='dir'><name>p</name><target><path>/a&amp;b</path></target></pool>",
                "/a&b");
    assert_path(
        "<poolstate><pool><target><permissions/><path>/x</path></target></pool></poolstate>", "/x");
}

static void
test_none(void)
{
    refuse("<pool><name>p</name></pool>", "no <pool>");
    refuse("<pool><target/></pool>", "no <pool>");
    refuse("<poolstate><target><path>/x</path></target></poolstate>", "no <pool>");
    refuse("<domain><target><path>/x</path></target></domain>", "no <pool>");
    refuse("<pool><target><path>x</path></target></pool>", "absolute");
    refuse("<pool><target><path/></target></pool>", "absolute");
    refuse("<pool><target><path>/x<y/></path></target></pool>", "<y>");
    refuse("<pool>", "line 1");
}

void
add_tests(void)
{
    g_test_add_func("/xml/target/path", test_path);
    g_test_add_func("/xml/target/none", test_none);
}
