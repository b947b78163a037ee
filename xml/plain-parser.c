/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plain-parser.h"

#ifdef HAVE_EXPAT

#include <expat.h>
#include <stdbool.h>
#include <string.h>

#define SIZE_MAX_PLAIN ((size_t) 1 << 20)
#define DEPTH_MAX 128
#define ATTRIBUTES_MAX 64    /* of one element, with its namespaces */
#define NAMESPACES_MAX 64    /* of the document */
#define NAME_LENGTH_MAX 1024 /* of each part of one, in bytes */
#define LINE_MAX_PLAIN 65534 /* from then on a node has no room for it */

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
#define NAME_CHARACTERS LETTERS "0123456789.-"
#define URI_CHARACTERS NAME_CHARACTERS ":/#"
/* https://www.w3.org/TR/xml-names/: prefixes and namespaces that are not to be had. */
#define RESERVED_PREFIX "xml"
#define RESERVED_URI "http://www.w3.org/"

typedef struct XML_ParserStruct Expat;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Expat, XML_ParserFree)

typedef struct {
    XML_Parser expat;
    RlXmlDocument *document;
    xmlNode *parent;
    GString *text; /* that its last child will be */
    const char *start, *counted;
    int line; /* of what is counted */
    int depth, n_namespaces;
    bool in_doubt;
} Parser;

static void
doubt(Parser *parser)
{
    parser->in_doubt = true;
    XML_StopParser(parser->expat, XML_FALSE);
}

static char *
copy(Parser *parser, const char *text, size_t length)
{
    char *copied = rl_xml_document_allocate(parser->document, length + 1);

    memcpy(copied, text, length);
    return copied;
}

static xmlNode *
add_node(Parser *parser, xmlElementType type, const char *name)
{
    xmlNode *node = rl_xml_document_allocate(parser->document, sizeof(*node));
    xmlNode *parent = parser->parent;

    node->type = type;
    node->name = (const xmlChar *) name;
    node->line = (unsigned short) MIN(parser->line, LINE_MAX_PLAIN);
    node->parent = parent;
    if (!parent) {
        parser->document->root = node;
        return node;
    }
    node->prev = parent->last;
    *(parent->last ? &parent->last->next : &parent->children) = node;
    parent->last = node;
    return node;
}

static void
end_text(Parser *parser)
{
    GString *text = parser->text;

    if (text->len == 0)
        return;
    add_node(parser, XML_TEXT_NODE, "text")->content =
        (xmlChar *) copy(parser, text->str, text->len);
    g_string_truncate(text, 0);
}

/* Expat 2.9.0 calls the others deprecated: their numbers have 32 bits on some systems. */
#if XML_MAJOR_VERSION > 2 || (XML_MAJOR_VERSION == 2 && XML_MINOR_VERSION >= 9)
#define XML_GetCurrentByteCount XML_GetCurrentByteCount64
#define XML_GetCurrentByteIndex XML_GetCurrentByteIndex64
#endif

/* To the end of what Expat has just read: of an element it is the line where its tag ends. */
static void
count_lines(Parser *parser)
{
    const char *end = parser->start + XML_GetCurrentByteIndex(parser->expat) +
                      XML_GetCurrentByteCount(parser->expat);

    for (; parser->counted < end; parser->counted++)
        parser->line += *parser->counted == '\n';
    if (parser->line > LINE_MAX_PLAIN)
        doubt(parser);
}

/* The name behind the prefix in @name, of which *@ret_prefix is NULL where there is none. Doubt
 * where that is not plain. */
static const char *
split(Parser *parser, const char *name, const char **ret_prefix)
{
    size_t length = strspn(name, NAME_CHARACTERS);

    *ret_prefix = NULL;
    if (length > NAME_LENGTH_MAX)
        doubt(parser);
    if (name[length] == '\0')
        return copy(parser, name, length);
    const char *local = name + length + 1;
    size_t rest = strspn(local, NAME_CHARACTERS);
    if (name[length] != ':' || length == 0 || strspn(local, LETTERS) == 0 ||
        rest > NAME_LENGTH_MAX || local[rest] != '\0') {
        doubt(parser);
        return "";
    }
    *ret_prefix = copy(parser, name, length);
    return copy(parser, local, rest);
}

static xmlNs *
find_namespace(Parser *parser, const xmlNode *node, const char *prefix)
{
    for (; node; node = node->parent)
        for (xmlNs *ns = node->nsDef; ns; ns = ns->next)
            if (g_strcmp0((const char *) ns->prefix, prefix) == 0)
                return ns;
    if (prefix)
        doubt(parser);
    return NULL;
}

/* What follows "xmlns" in the name of an attribute that declares a namespace: ":" and a prefix, or
 * nothing. NULL for another attribute. */
static const char *
after_xmlns(const char *name)
{
    static const char word[] = "xmlns";

    if (!g_str_has_prefix(name, word))
        return NULL;
    const char *end = name + strlen(word);
    return *end == ':' || *end == '\0' ? end : NULL;
}

static bool
is_plain_uri(const char *uri)
{
    size_t length = strspn(uri, URI_CHARACTERS);

    return length > 0 && uri[length] == '\0' && !g_str_has_prefix(uri, RESERVED_URI);
}

static bool
is_plain_prefix(const char *prefix)
{
    size_t length = strspn(prefix, NAME_CHARACTERS);

    return strspn(prefix, LETTERS) > 0 && length <= NAME_LENGTH_MAX && prefix[length] == '\0' &&
           !g_str_has_prefix(prefix, RESERVED_PREFIX);
}

static void
declare(Parser *parser, xmlNode *node, const char *end, const char *uri)
{
    const char *prefix = *end == ':' ? end + 1 : NULL;
    xmlNs *ns = rl_xml_document_allocate(parser->document, sizeof(*ns));

    if (!is_plain_uri(uri) || (prefix && !is_plain_prefix(prefix)) ||
        ++parser->n_namespaces > NAMESPACES_MAX)
        doubt(parser);
    ns->type = XML_NAMESPACE_DECL;
    ns->href = (const xmlChar *) copy(parser, uri, strlen(uri));
    ns->prefix = (const xmlChar *) (prefix ? copy(parser, prefix, strlen(prefix)) : NULL);
    ns->next = node->nsDef;
    node->nsDef = ns;
}

/* Of a part of the attributes that is known already. */
static bool
has_attribute(const xmlNode *node, const char *name)
{
    for (const xmlAttr *other = node->properties; other; other = other->next)
        if (strcmp((const char *) other->name, name) == 0)
            return true;
    return false;
}

static xmlAttr *
add_attribute(Parser *parser, xmlNode *node, xmlAttr *last, const char *const *attribute)
{
    xmlAttr *added = rl_xml_document_allocate(parser->document, sizeof(*added));
    xmlNode *text = rl_xml_document_allocate(parser->document, sizeof(*text));
    const char *prefix;

    added->type = XML_ATTRIBUTE_NODE;
    added->parent = node;
    added->name = (const xmlChar *) split(parser, attribute[0], &prefix);
    added->ns = prefix ? find_namespace(parser, node, prefix) : NULL;
    added->children = added->last = text;
    added->prev = last;
    text->type = XML_TEXT_NODE;
    text->name = (const xmlChar *) "text";
    text->parent = (xmlNode *) added;
    text->content = (xmlChar *) copy(parser, attribute[1], strlen(attribute[1]));
    if (has_attribute(node, (const char *) added->name))
        doubt(parser);
    *(last ? &last->next : &node->properties) = added;
    return added;
}

static void
add_attributes(Parser *parser, xmlNode *node, const char *const *attributes)
{
    xmlAttr *last = NULL;
    int n = 0;

    for (; attributes[2 * n]; n++) {
        const char *end = after_xmlns(attributes[2 * n]);
        if (end)
            declare(parser, node, end, attributes[2 * n + 1]);
    }
    if (n > ATTRIBUTES_MAX) {
        doubt(parser);
        return;
    }
    for (int i = 0; i < n; i++)
        if (!after_xmlns(attributes[2 * i]))
            last = add_attribute(parser, node, last, attributes + 2 * i);
}

/* Also where there is doubt: the end of an empty element may still be told. */
static void
begin_element(void *data, const char *name, const char **attributes)
{
    Parser *parser = data;
    const char *prefix;

    end_text(parser);
    count_lines(parser);
    xmlNode *node = add_node(parser, XML_ELEMENT_NODE, split(parser, name, &prefix));
    parser->parent = node;
    add_attributes(parser, node, attributes);
    node->ns = find_namespace(parser, node, prefix);
    if (++parser->depth > DEPTH_MAX)
        doubt(parser);
}

static void
end_element(void *data, const char *name)
{
    Parser *parser = data;

    (void) name;
    end_text(parser);
    parser->parent = parser->parent->parent;
    parser->depth--;
}

static void
take_text(void *data, const char *text, int length)
{
    Parser *parser = data;

    g_string_append_len(parser->text, text, length);
}

/* Those around the root element mean nothing to anybody. */
static void
take_instruction(void *data, const char *target, const char *words)
{
    Parser *parser = data;

    if (!parser->parent)
        return;
    end_text(parser);
    const char *prefix, *name = split(parser, target, &prefix);
    xmlNode *node = add_node(parser, XML_PI_NODE, name);
    node->content = (xmlChar *) copy(parser, words, strlen(words));
    if (prefix)
        doubt(parser);
}

/* Called before anything that it declares is read. */
static void
refuse_doctype(void *data, const char *name, const char *system_id, const char *public_id,
               int has_subset)
{
    (void) name, (void) system_id, (void) public_id, (void) has_subset;
    doubt(data);
}

static void
refuse_declaration(void *data, const char *version, const char *encoding, int standalone)
{
    (void) version, (void) encoding, (void) standalone;
    doubt(data);
}

static bool
parse(Parser *parser, const char *text, size_t length)
{
    XML_Parser expat = parser->expat;

    XML_SetUserData(expat, parser);
    XML_SetElementHandler(expat, begin_element, end_element);
    XML_SetCharacterDataHandler(expat, take_text);
    XML_SetProcessingInstructionHandler(expat, take_instruction);
    XML_SetStartDoctypeDeclHandler(expat, refuse_doctype);
    XML_SetXmlDeclHandler(expat, refuse_declaration);
    return XML_Parse(expat, text, (int) length, XML_TRUE) == XML_STATUS_OK && !parser->in_doubt;
}

RlXmlDocument *
rl_xml_parse_plain(const char *text, size_t length)
{
    if (length > SIZE_MAX_PLAIN)
        return NULL;
    /* Whatever a declaration says. */
    g_autoptr(Expat) expat = XML_ParserCreate("UTF-8");
    g_autoptr(RlXmlDocument) document = rl_xml_document_new();
    g_autoptr(GString) run = g_string_new(NULL);
    Parser parser = {.expat = expat,
                     .document = document,
                     .text = run,
                     .start = text,
                     .counted = text,
                     .line = 1};

    return parse(&parser, text, length) ? g_steal_pointer(&document) : NULL;
}

#else

RlXmlDocument *
rl_xml_parse_plain(const char *text, size_t length)
{
    (void) text, (void) length;
    return NULL;
}

#endif
