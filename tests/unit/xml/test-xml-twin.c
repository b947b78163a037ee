/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is read without libxml2 is what libxml2 reads, of documents of all kinds and of what is left
 * of them after some bytes were changed. */
#include "harness/xml-twin.h"

#include "harness/xml-testing.h"
#include "xml/libxml2.h"
#include "xml/plain-parser.h"

#include <string.h>

#define ROUNDS 40000

static const char *const documents[] = {
    "<a/>",
    "\n<!-- c --><?p q?><a b='1'>\xc3\xa4</a>\n<!-- d --><?e?>",
    "\xef\xbb\xbf<a\n b='1'\n/>",
    "<a b=\"x\n\ty\r\nz\r\" c = '&#10;&lt;&gt;&amp;&quot;&apos;&#x41;'>one\r\ntwo\rthree&#13;</a>",
    "<a><![CDATA[x ]] > & <b> \r\n]]>]]&gt;<![CDATA[]]></a >",
    "<a xmlns='urn:d' xmlns:p='urn:p' p:x='1' y='2'><p:b xmlns:q='urn:p' q:y='1'><c/></p:b>"
    "<b xmlns:p='urn:other' p:x='1'/></a>",
    "<a><?pi  some words ?><?empty?><b></b>text<!-- - -->more</a>",
    "<domain type='kvm' id='1'>\n  <name>vm &amp; co</name>\n  <devices>\n    <disk type='file'>\n"
    "      <source file='/a/b&#x20;c'/>\n      <backingStore/>\n    </disk>\n  "
    "</devices>\n</domain>\n",
    "<_A.-1 xmlnsa='\xf0\x9f\x98\x80'>\xef\xbf\xbd</_A.-1>",
};

/* libxml2 takes some of them, too. */
static const char *const unusual[] = {
    "<?xml version='1.0' encoding='UTF-8'?><a/>",
    "<!DOCTYPE a><a/>",
    "<a xmlns=''/>",
    "<a xmlns:p=''/>",
    "<a xmlns:p='a&amp;b'/>",
    "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
    "<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
    "<a xmlns:xmlq='urn:q'/>",
    "<a xmlns:='urn:q'/>",
    "<a xmlns:p:q='urn:q'/>",
    "<a xmlns:-='urn:q'/>",
    "<a xml:space='preserve'/>",
    "<p:a/>",
    "<a p:b=''/>",
    "<a xmlns:p='urn:p' p:b='' b=''/>",
    "<a xmlns:p='urn:p'><p:1/></a>",
    "<a xmlns:p='urn:p'><p:/></a>",
    "<a xmlns:p='urn:p'><p:b:c/></a>",
    "<:a/>",
    "<a><?p:q r?></a>",
    "<\xc3\xa4/>",
    "<a \xce\xb1='1'/>",
};

static const char *const broken[] = {
    "<a b='1' b='2'/>",
    "<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>",
    "<a xmlns:p='u' xmlns:p='v'/>",
    "<a b='<'/>",
    "<a b=1/>",
    "<a b/>",
    "<a b='1'c='2'/>",
    "<a>]]></a>",
    "<a>&#x;</a>",
    "<a>&#x110000;</a>",
    "<a>&#xd800;</a>",
    "<a>&#1;</a>",
    "<a>& </a>",
    "<a>&amp</a>",
    "<a>&x;</a>",
    "<a><!-- -- --></a>",
    "<a><!-- --->",
    "<a><!x></a>",
    "<a><?xml version='1.0'?></a>",
    "<a><?XML x?></a>",
    "<a><?p",
    "<a><?p+?></a>",
    " <?xml version='1.0'?><a/>",
    "<a></b>",
    "<a></a",
    "<a></a x>",
    "<a/><b/>",
    "<a/>x",
    "x<a/>",
    "<1/>",
    "<a><-/></a>",
    "<!DOCTYPE a><a/>",
    "<!-- c --><!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
    "<![CDATA[x]]><a/>",
    "<a>\x7f\xef\xbf\xbe</a>",
    "<a b='\x02'/>",
    "<a\xc3\x97/>",
    "</a>",
    "<",
    "<a",
    "<a ",
    "<a b",
    "<a b=",
    "<a b='",
};

static void
test_whole(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(documents); i++)
        g_assert_true(xml_twin_check(documents[i], strlen(documents[i])));
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++)
        g_assert_false(xml_twin_check(broken[i], strlen(broken[i])));
    for (size_t i = 0; i < G_N_ELEMENTS(unusual); i++)
        g_assert_false(xml_twin_check(unusual[i], strlen(unusual[i])));
}

static void
test_cut(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(documents); i++)
        for (size_t length = 1; length < strlen(documents[i]); length++) {
            g_autofree char *text = g_strndup(documents[i], length);
            xml_twin_check(text, length);
        }
}

/* Some bytes become others that mean something, or parts of another document. */
static void
test_changed(void)
{
    static const char bytes[] = "<>/='\"&;:!?-[] \n\r\tax#1.\x01";
    g_autoptr(GRand) random = g_rand_new_with_seed(20);

    for (int round = 0; round < ROUNDS; round++) {
        const char *base = documents[g_rand_int_range(random, 0, G_N_ELEMENTS(documents))];
        g_autoptr(GString) text = g_string_new(base);
        for (int n = g_rand_int_range(random, 1, 4); n > 0; n--) {
            gint at = g_rand_int_range(random, 0, (gint) text->len);
            const char *other = broken[g_rand_int_range(random, 0, G_N_ELEMENTS(broken))];
            switch (g_rand_int_range(random, 0, 4)) {
            case 0:
                text->str[at] = bytes[g_rand_int_range(random, 0, sizeof(bytes) - 1)];
                break;
            case 1:
                g_string_erase(text, at, 1);
                break;
            case 2:
                g_string_insert_c(text, at, bytes[g_rand_int_range(random, 0, sizeof(bytes) - 1)]);
                break;
            default:
                g_string_insert(text, at, other);
            }
        }
        xml_twin_check(text->str, text->len);
    }
}

/* @n times @word, between the others. */
static void
check_many(const char *begin, const char *word, int n, const char *end, bool plain)
{
    g_autoptr(GString) text = g_string_new(begin);

    for (int i = 0; i < n; i++)
        g_string_append_printf(text, word, i);
    g_string_append(text, end);
    g_assert_true(xml_twin_check(text->str, text->len) == plain);
}

static void
test_limits(void)
{
    check_many("<a>", "\n", 65533, "<b/></a>", true);
    check_many("<a>", "\n", 65534, "<b/></a>", false);
    check_many("<a", " b%d=''", 64, "/>", true);
    check_many("<a", " b%d=''", 65, "/>", false);
    check_many("<a>", "<b xmlns:c='d'/>", 64, "</a>", true);
    check_many("<a>", "<b xmlns:c='d'/>", 65, "</a>", false);
    check_many("<a>", "<b>", 127, "<c/>", false); /* not even well-formed */
    check_many("<a>", "x", (1 << 20) - 7, "</a>", true);
    check_many("<a>", "x", (1 << 20) - 6, "</a>", false);
}

/* libxml2 refuses names of more than 50,000 bytes. */
static void
test_names(void)
{
    static const char *const begins[] = {"<", "<a:", "<a ", "<a xmlns:", "<a><?"};
    static const char *const ends[] = {"/>", " xmlns:a='u'/>", "=''/>", "='u'/>", " b?></a>"};

    for (size_t i = 0; i < G_N_ELEMENTS(begins); i++) {
        check_many(begins[i], "n", 1024, ends[i], true);
        check_many(begins[i], "n", 1025, ends[i], false);
        check_many(begins[i], "n", 60000, ends[i], false);
    }
}

static void
test_depth(void)
{
    for (int depth = 128; depth <= 129; depth++) {
        g_autoptr(GString) text = g_string_new(NULL);
        for (int i = 0; i < 2 * depth; i++)
            g_string_append(text, i < depth ? "<a>" : "</a>");
        g_assert_true(xml_twin_check(text->str, text->len) == (depth == 128));
    }
}

static void
test_no_library(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(rl_xml_parse_with_libxml2("libnone.so.0", "<a/>", 4, "doc.xml", &error));
    take_xml_error(g_steal_pointer(&error), "doc.xml: cannot load libnone.so.0", "<a/>");
}

void
add_tests(void)
{
    g_test_add_func("/xml/twin/limits", test_limits);
    g_test_add_func("/xml/twin/names", test_names);
    g_test_add_func("/xml/twin/depth", test_depth);
    g_test_add_func("/xml/twin/no-library", test_no_library);
    g_test_add_func("/xml/twin/whole", test_whole);
    g_test_add_func("/xml/twin/cut", test_cut);
    g_test_add_func("/xml/twin/changed", test_changed);
}
