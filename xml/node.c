/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node.h"

#include "common/base/error.h"
#include "namespace.h"
#include "text.h"

#include <string.h>

bool
rl_xml_is(const xmlNode *node, const char *ns, const char *name)
{
    if (node->type != XML_ELEMENT_NODE || strcmp((const char *) node->name, name) != 0)
        return false;
    if (!ns || !node->ns)
        return !ns && !node->ns;
    return node->ns->href && strcmp((const char *) node->ns->href, ns) == 0;
}

static const xmlNode *
element_from(const xmlNode *node)
{
    while (node && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

const xmlNode *
rl_xml_first_element(const xmlNode *parent)
{
    return element_from(parent->children);
}

const xmlNode *
rl_xml_next_element(const xmlNode *node)
{
    return element_from(node->next);
}

const xmlNode *
rl_xml_child(const xmlNode *parent, const char *name)
{
    const xmlNode *child = rl_xml_first_element(parent);

    while (child && !rl_xml_is(child, NULL, name))
        child = rl_xml_next_element(child);
    return child;
}

/* By hand: libxml2's own functions expand entities on the way. */
static char *
joined_text(const xmlNode *first)
{
    GString *text = g_string_new(NULL);

    for (const xmlNode *node = first; node; node = node->next)
        if ((node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE) && node->content)
            g_string_append(text, (const char *) node->content);
    return g_string_free(text, FALSE);
}

char *
rl_xml_attribute(const xmlNode *node, const char *name)
{
    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next)
        if (!attribute->ns && strcmp((const char *) attribute->name, name) == 0)
            return joined_text(attribute->children);
    return NULL;
}

char *
rl_xml_text(const xmlNode *node, GError **error)
{
    const xmlNode *child = rl_xml_first_element(node);

    if (!child)
        return joined_text(node->children);
    g_autofree char *inner = rl_xml_describe(child);
    g_autofree char *outer = rl_xml_describe(node);
    rl_xml_fail(child, error, "%s in %s, where only text is allowed", inner, outer);
    return NULL;
}

char *
rl_xml_describe(const xmlNode *node)
{
    const char *prefix = node->ns ? (const char *) node->ns->prefix : NULL;

    if (rl_xml_is(node, RL_XML_NAMESPACE, (const char *) node->name))
        prefix = RL_XML_PREFIX;
    g_autofree char *full =
        g_strconcat(prefix ? prefix : "", prefix ? ":" : "", (const char *) node->name, NULL);
    g_autofree char *shown = rl_xml_shorten(full);
    return g_strdup_printf("<%s>", shown);
}

bool
rl_xml_fail(const xmlNode *node, GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    va_end(args);

    return rl_fail(error, RL_ERROR_XML, "line %d: %s", node->line, sentence);
}
