/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes as no document that is read here has them, but whoever builds one may. */
#include "xml/node.h"

#include "harness/xml-testing.h"
#include "xml/strict.h"

#define OTHER_NS "urn:some:namespace"

static void
test_what_is_an_element(void)
{
    xmlDoc *document = xmlNewDoc(BAD_CAST "1.0");
    xmlNode *root = xmlNewDocNode(document, NULL, BAD_CAST "text", NULL);
    xmlNode *text = xmlNewDocText(document, BAD_CAST "some");

    xmlDocSetRootElement(document, root);
    xmlAddChild(root, text);
    /* libxml2 calls text so, too. */
    g_assert_cmpstr((const char *) text->name, ==, "text");
    g_assert_true(rl_xml_is(root, NULL, "text"));
    g_assert_false(rl_xml_is(text, NULL, "text"));
    xmlFreeDoc(document);
}

/* One without a name is not ours, and not the lack of one. */
static void
test_nameless_namespace(void)
{
    xmlDoc *document = xmlNewDoc(BAD_CAST "1.0");
    xmlNode *root = xmlNewDocNode(document, NULL, BAD_CAST "a", NULL);

    xmlDocSetRootElement(document, root);
    xmlSetNs(root, xmlNewNs(root, NULL, BAD_CAST "p"));
    g_assert_nonnull(root->ns);
    g_assert_null(root->ns->href);
    g_assert_false(rl_xml_is(root, OTHER_NS, "a"));
    g_assert_false(rl_xml_is(root, NULL, "a"));
    g_assert_true(rl_xml_check_elsewhere(root, NULL, NULL));
    xmlFreeDoc(document);
}

static void
test_pieces_of_text(void)
{
    xmlDoc *document = xmlNewDoc(BAD_CAST "1.0");
    xmlNode *root = xmlNewDocNode(document, NULL, BAD_CAST "a", NULL);
    GError *error = NULL;

    xmlDocSetRootElement(document, root);
    xmlAddChild(root, xmlNewCDataBlock(document, BAD_CAST "one ", 4));
    xmlAddChild(root, xmlNewDocComment(document, BAD_CAST "no text"));
    xmlAddChild(root, xmlNewDocText(document, NULL));
    xmlAddChild(root, xmlNewDocComment(document, BAD_CAST "between texts that would be one"));
    xmlAddChild(root, xmlNewDocText(document, BAD_CAST "two"));
    g_autofree char *text = rl_xml_text(root, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, "one two");
    xmlFreeDoc(document);
}

void
add_tests(void)
{
    g_test_add_func("/xml-node/what-is-an-element", test_what_is_an_element);
    g_test_add_func("/xml-node/nameless-namespace", test_nameless_namespace);
    g_test_add_func("/xml-node/pieces-of-text", test_pieces_of_text);
}
