/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/domain-mentions.h"

#include "harness/xml-testing.h"

static void
assert_found(const char *inside, const char *wanted)
{
    g_autofree char *text = g_strdup_printf("<domain><name>d</name>%s</domain>", inside);
    g_autofree char *status =
        g_strdup_printf("<domstatus><other>/srv/pool</other>%s</domstatus>", text);
    g_autofree char *found = rl_xml_mentions_find(text, strlen(text), "d", "/srv/pool");
    g_autofree char *running = rl_xml_mentions_find(status, strlen(status), "d", "/srv/pool");

    g_assert_cmpstr(found, ==, wanted);
    g_assert_cmpstr(running, ==, wanted);
}

static void
test_found(void)
{
    assert_found("<os><kernel>/srv/pool/a.img</kernel></os>", "'/srv/pool/a.img' in <kernel>");
    assert_found("<os><kernel><![CDATA[/srv/pool]]></kernel></os>", "'/srv/pool' in <kernel>");
    assert_found("<a b='x' c='file=/srv/pool,readonly'/>", "'file=/srv/pool,readonly' in <a>");
    assert_found("<a b='/srv/pool2:/srv/pool/x'/>", "'/srv/pool2:/srv/pool/x' in <a>");
    assert_found("<devices><filesystem><source dir='/srv/pool'/></filesystem></devices>",
                 "'/srv/pool' in <source>");
}

static void
test_none(void)
{
    assert_found("", NULL);
    assert_found("<a b='/srv/pool2/x'>/srv/poo<!-- /srv/pool --></a>", NULL);
    assert_found("<devices><disk><source file='/srv/pool/a'/></disk></devices>", NULL);
    assert_found("<metadata><x>/srv/pool</x></metadata><title>/srv/pool</title>", NULL);
    assert_found("<description>/srv/pool</description>", NULL);
    g_assert_null(rl_xml_mentions_find("<a>", 3, "d", "/srv/pool"));
    g_assert_null(rl_xml_mentions_find("<domstatus/>", 12, "d", "/srv/pool"));
}

void
add_tests(void)
{
    g_test_add_func("/xml/mentions/found", test_found);
    g_test_add_func("/xml/mentions/none", test_none);
}
