/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/parser.h"

#include "harness/xml-testing.h"

#include <glib/gstdio.h>
#include <libxml/xmlerror.h>

#define LIMIT (1 << 20)

static void
refuse_bytes(const char *text, size_t length, size_t limit, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_xml_parse(text, length, limit, "doc.xml", &error));
    g_assert_true(error && g_str_has_prefix(error->message, "doc.xml: "));
    g_assert_null(strpbrk(error->message, "\n\r\t"));
    take_xml_error(error, words, text);
}

static void
refuse(const char *text, const char *words)
{
    refuse_bytes(text, strlen(text), LIMIT, words);
}

static void
accept(const char *text, size_t limit)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlXmlDocument) document = rl_xml_parse(text, strlen(text), limit, "doc.xml", &error);

    g_assert_no_error(error);
    g_assert_nonnull(document);
}

static void
test_good(void)
{
    accept("<a/>", LIMIT);
    accept("<?xml version='1.0' encoding='UTF-8'?>\n<!-- c --><a b='1'>\xc3\xa4</a>\n", LIMIT);
    accept("\xef\xbb\xbf<a/>", LIMIT);
    accept("<a xmlns:p='relative'>&lt;&#10;<![CDATA[x]]></a>", LIMIT);
}

/* Other encodings could say in bytes of theirs what a check of UTF-8 does not see. */
static void
test_always_utf8(void)
{
    const char *text = "<?xml version='1.0' encoding='ISO-8859-1'?><a>\xc3\xa4</a>";
    g_autoptr(RlXmlDocument) document = rl_xml_parse(text, strlen(text), LIMIT, "doc.xml", NULL);
    g_assert_nonnull(document);

    const xmlNode *root = document->root;
    g_assert_cmpstr((const char *) root->children->content, ==, "\xc3\xa4");
    refuse("<a>\n\xe4</a>", "line 2 & UTF-8");
    refuse_bytes("\xff\xfe<\0a\0/\0>\0", 10, LIMIT, "NUL");
    refuse("<a>\xed\xa0\x80</a>", "UTF-8");
}

static void
test_size(void)
{
    refuse("", "empty");
    accept("<abcdef/>", 9);
    refuse_bytes("<abcdef/>", 9, 8, "8 bytes");
    refuse_bytes("<a/>", (size_t) G_MAXINT + 1, G_MAXSIZE, "2147483647");
}

static void
test_nul(void)
{
    refuse_bytes("<a/>\0<b/>", 9, LIMIT, "line 1 & NUL");
    refuse_bytes("<a>\n\n\0</a>", 10, LIMIT, "line 3 & NUL");
    refuse("<a>&#0;</a>", "line 1");
}

static void
test_malformed(void)
{
    refuse("hello", "line 1");
    refuse("<a>\n<b>\n</a>", "line 3: Opening and ending tag mismatch");
    refuse("<a><![CDATA[\nquoted", "CData section not finished");
    refuse("<a/><b/>", "line 1: Extra content");
    refuse("<a b='1' b='2'/>", "Attribute b redefined");
    refuse("<a>\x01</a>", "line 1");
    refuse("<!-- only a comment -->", "doc.xml: ");
}

/* libxml2 quotes a document in its messages; what cannot be printed must not reach a terminal. */
static void
test_quoted(void)
{
    g_autofree char *long_name = g_strnfill(300, 'n');
    g_autofree char *mismatch = g_strdup_printf("<%s></b>", long_name);

    refuse("<a><!-- \x7f[1m -- x --></a>", "\\x{7f}[1m");
    refuse(mismatch, "nnn...");
}

/* Every way of cutting a document off is an error, none is a crash. */
static void
test_truncated(void)
{
    const char *text = "<?xml version='1.0'?><a " NS " b='&amp;'><!-- c --><reflink:c>t&#65;"
                       "</reflink:c><![CDATA[x]]><?pi x?></a>";

    accept(text, LIMIT);
    for (size_t length = 0; length < strlen(text); length++)
        refuse_bytes(text, length, LIMIT, "doc.xml: ");
}

static void
test_doctype(void)
{
    const char *words = "document type";

    refuse("<!DOCTYPE a><a/>", words);
    refuse("<!DOCTYPE a []><a/>", words);
    refuse("<!DOCTYPE a SYSTEM 'http://192.0.2.1/a.dtd'><a/>", words);
    refuse("<!DOCTYPE a PUBLIC 'x' 'file:///etc/passwd'><a/>", words);
    refuse("<!-- c -->\n<!DOCTYPE a [<!ATTLIST a b CDATA 'x'>]><a/>", "line 2 & document type");
    refuse("<!DOCTYPE a [ this is not even", words);
}

static void
test_entity_bombs(void)
{
    GString *bomb = g_string_new("<!DOCTYPE a [<!ENTITY l0 'lol'>");
    for (int i = 1; i < 30; i++)
        g_string_append_printf(bomb, "<!ENTITY l%d '&l%d;&l%d;&l%d;&l%d;'>", i, i - 1, i - 1, i - 1,
                               i - 1);
    g_string_append(bomb, "]><a>&l29;</a>");
    refuse(bomb->str, "document type");
    g_string_free(bomb, TRUE);

    refuse("<!DOCTYPE a [<!ENTITY % p SYSTEM 'file:///dev/zero'>%p;]><a/>", "document type");
    refuse("<!DOCTYPE a [<!ENTITY e '&e;'>]><a b='&e;'/>", "document type");
    refuse("<a>&undeclared;</a>", "undeclared");
    refuse("<a b='&undeclared;'/>", "undeclared");
}

static void
test_external_entity(void)
{
    g_autofree char *secret = NULL;
    int fd = g_file_open_tmp("rl-xml-XXXXXX", &secret, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_assert_true(g_file_set_contents(secret, "secret", -1, NULL));
    g_close(fd, NULL);

    g_autofree char *entity =
        g_strdup_printf("<!DOCTYPE a [<!ENTITY e SYSTEM 'file://%s'>]><a>&e;</a>", secret);
    g_autofree char *include = g_strdup_printf("<a xmlns:xi='http://www.w3.org/2001/XInclude'>"
                                               "<xi:include href='file://%s' parse='text'/></a>",
                                               secret);
    refuse(entity, "document type");

    g_autoptr(RlXmlDocument) document =
        rl_xml_parse(include, strlen(include), LIMIT, "doc.xml", NULL);
    g_assert_nonnull(document);
    g_assert_null(document->root->children->children);
    g_unlink(secret);
}

static void
test_nesting(void)
{
    for (int depth = 200; depth <= 100000; depth *= 500) {
        g_autofree char *open = repeat("<a>", depth);
        g_autofree char *close = repeat("</a>", depth);
        g_autofree char *text = g_strconcat(open, close, NULL);

        if (depth == 200)
            accept(text, LIMIT);
        else
            refuse(text, "Excessive depth");
    }
}

/* Above our own limit libxml2's must still be on. */
static void
test_huge_value(void)
{
    g_autofree char *value = repeat("0123456789", 1100000);
    g_autofree char *text = g_strconcat("<a b='", value, "'/>", NULL);

    refuse_bytes(text, strlen(text), 64 << 20, "line 1");
}

static void
never_called(void *data, const xmlError *problem)
{
    (void) data;
    g_error("libxml2's global handler was called: %s", problem->message);
}

static void
test_quiet(void)
{
    if (g_test_subprocess()) {
        test_malformed();
        test_doctype();
        test_always_utf8();
        xmlSetStructuredErrorFunc(NULL, (xmlStructuredErrorFunc) never_called);
        test_malformed();
        test_doctype();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("");
}

static gpointer
parse_often(gpointer data)
{
    g_autofree char *text = g_strdup_printf("<a>\n</%s>", (const char *) data);

    for (int i = 0; i < 300; i++) {
        refuse(text, data);
        accept("<a/>", LIMIT);
    }
    return NULL;
}

/* The errors of one thread never turn up in another. */
static void
test_threads(void)
{
    const char *names[] = {"one", "two", "three", "four"};
    GThread *threads[G_N_ELEMENTS(names)];

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        threads[i] = g_thread_new(names[i], parse_often, (gpointer) names[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        g_thread_join(threads[i]);
}

void
add_tests(void)
{
    g_test_add_func("/xml/parse/good", test_good);
    g_test_add_func("/xml/parse/always-utf8", test_always_utf8);
    g_test_add_func("/xml/parse/size", test_size);
    g_test_add_func("/xml/parse/nul", test_nul);
    g_test_add_func("/xml/parse/malformed", test_malformed);
    g_test_add_func("/xml/parse/quoted", test_quoted);
    g_test_add_func("/xml/parse/truncated", test_truncated);
    g_test_add_func("/xml/parse/doctype", test_doctype);
    g_test_add_func("/xml/parse/entity-bombs", test_entity_bombs);
    g_test_add_func("/xml/parse/external-entity", test_external_entity);
    g_test_add_func("/xml/parse/nesting", test_nesting);
    g_test_add_func("/xml/parse/huge-value", test_huge_value);
    g_test_add_func("/xml/parse/quiet", test_quiet);
    g_test_add_func("/xml/parse/threads", test_threads);
}
