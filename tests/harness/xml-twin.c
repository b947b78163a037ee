/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "harness/xml-twin.h"

#include "harness/xml-autoptr.h"
#include "xml/plain-parser.h"

#include <libxml/parser.h>
#include <string.h>

static void
remember_doctype(void *data, const xmlChar *name, const xmlChar *public_id,
                 const xmlChar *system_id)
{
    xmlParserCtxt *parser = data;

    (void) name;
    (void) public_id;
    (void) system_id;
    parser->_private = parser;
    xmlStopParser(parser);
}

static void
say_nothing(void *data, const xmlError *problem)
{
    (void) data;
    (void) problem;
}

/* NULL where it is not well-formed, or has a document type. */
static xmlDoc *
read_by_libxml2(const char *text, size_t length)
{
    xmlParserCtxt *parser = xmlNewParserCtxt();

    parser->sax->serror = (xmlStructuredErrorFunc) say_nothing;
    parser->sax->internalSubset = remember_doctype;
    xmlDoc *document = xmlCtxtReadMemory(parser, text, (int) length, NULL, "UTF-8",
                                         XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA |
                                             XML_PARSE_BIG_LINES);
    if (document && (parser->_private || !xmlDocGetRootElement(document)))
        g_clear_pointer(&document, xmlFreeDoc);
    xmlFreeParserCtxt(parser);
    return document;
}

static bool
is_text(const xmlNode *node)
{
    return node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
}

/* What a node says, with its children: pieces of text are one. */
static void
describe(const xmlNode *node, GString *out)
{
    if (node->type == XML_PI_NODE)
        g_string_append_printf(out, "<?%s %s?>", node->name,
                               node->content ? (const char *) node->content : "");
    else if (is_text(node))
        g_string_append(out, node->content ? (const char *) node->content : "");
    if (node->type != XML_ELEMENT_NODE)
        return;
    g_string_append_printf(out, "<{%s}{%s}%s", node->ns ? (const char *) node->ns->href : "",
                           node->ns && node->ns->prefix ? (const char *) node->ns->prefix : "",
                           node->name);
    g_string_append_printf(out, "@%d", node->line);
    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
        g_string_append_printf(out, " {%s}%s=\"",
                               attribute->ns ? (const char *) attribute->ns->href : "",
                               attribute->name);
        for (const xmlNode *part = attribute->children; part; part = part->next)
            g_string_append(out, part->content ? (const char *) part->content : "");
        g_string_append(out, "\"");
    }
    g_string_append(out, ">");
    for (const xmlNode *child = node->children; child; child = child->next)
        describe(child, out);
    g_string_append(out, "</>");
}

bool
xml_twin_check(const char *text, size_t length)
{
    if (memchr(text, '\0', length) || !g_utf8_validate(text, (gssize) length, NULL))
        return false;
    g_autoptr(RlXmlDocument) ours = rl_xml_parse_plain(text, length);
    if (!ours)
        return false;
    g_autoptr(xmlDoc) theirs = read_by_libxml2(text, length);
    if (!theirs)
        g_error("libxml2 refuses: %.*s", (int) length, text);
    g_autoptr(GString) one = g_string_new(NULL), other = g_string_new(NULL);
    describe(ours->root, one);
    describe(xmlDocGetRootElement(theirs), other);
    if (strcmp(one->str, other->str) != 0)
        g_error("of %.*s\nExpat reads    %s\nlibxml2 reads %s", (int) length, text, one->str,
                other->str);
    return true;
}
