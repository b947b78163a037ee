/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "strict.h"

#include "namespace.h"
#include "node.h"
#include "text.h"

#include <string.h>

/* What all versions of our namespace begin with. */
#define FAMILY "urn:libvirt-reflink:"

static bool
is_plain_value(const xmlAttr *attribute)
{
    for (const xmlNode *part = attribute->children; part; part = part->next)
        if (part->type != XML_TEXT_NODE)
            return false;
    return true;
}

/* With its prefix, short enough for a message. */
static char *
full_name(const xmlAttr *attribute)
{
    const char *prefix = attribute->ns ? (const char *) attribute->ns->prefix : NULL;
    g_autofree char *full =
        g_strconcat(prefix ? prefix : "", prefix ? ":" : "", (const char *) attribute->name, NULL);

    return rl_xml_shorten(full);
}

bool
rl_xml_check_attributes(const xmlNode *node, const char *const *known, GError **error)
{
    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
        const char *name = (const char *) attribute->name;
        g_autofree char *shown = full_name(attribute);
        g_autofree char *element = rl_xml_describe(node);

        if (attribute->ns || !g_strv_contains(known, name))
            return rl_xml_fail(node, error, "unknown attribute '%s' of %s", shown, element);
        if (!is_plain_value(attribute))
            return rl_xml_fail(node, error,
                               "an entity reference is not allowed in attribute '%s' of %s", shown,
                               element);
    }
    return true;
}

static bool
is_blank(const xmlNode *text)
{
    const char *content = text->content ? (const char *) text->content : "";

    return content[strspn(content, " \t\r\n")] == '\0';
}

bool
rl_xml_check_no_text(const xmlNode *node, GError **error)
{
    for (const xmlNode *child = node->children; child; child = child->next) {
        g_autofree char *element = rl_xml_describe(node);
        bool text = child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE;

        if (text && !is_blank(child))
            return rl_xml_fail(node, error, "text is not allowed in %s", element);
        if (child->type == XML_ENTITY_REF_NODE)
            return rl_xml_fail(node, error, "an entity reference is not allowed in %s", element);
    }
    return true;
}

bool
rl_xml_check_empty(const xmlNode *node, GError **error)
{
    const xmlNode *child = rl_xml_first_element(node);

    if (!child)
        return rl_xml_check_no_text(node, error);
    g_autofree char *inner = rl_xml_describe(child);
    g_autofree char *outer = rl_xml_describe(node);
    return rl_xml_fail(child, error, "unknown element %s in %s", inner, outer);
}

/* @thing is the element or attribute in words; @ns and @name are its own. */
static bool
check_foreign(const xmlNode *node, const xmlNs *ns, const char *name, const char *thing,
              GError **error)
{
    const char *uri = ns && ns->href ? (const char *) ns->href : "";
    g_autofree char *shown = rl_xml_shorten(uri);

    if (!ns) {
        if (!g_str_has_prefix(name, RL_XML_PREFIX ":"))
            return true;
        return rl_xml_fail(node, error, "%s: the prefix is not declared; add xmlns:%s='%s'", thing,
                           RL_XML_PREFIX, RL_XML_NAMESPACE);
    }
    if (strcmp(uri, RL_XML_NAMESPACE) == 0)
        return rl_xml_fail(node, error, "%s is not allowed here", thing);
    if (g_str_has_prefix(uri, FAMILY) || g_strcmp0((const char *) ns->prefix, RL_XML_PREFIX) == 0)
        return rl_xml_fail(node, error, "%s: unknown namespace '%s', known is '%s'", thing, shown,
                           RL_XML_NAMESPACE);
    return true;
}

static bool
check_one(const xmlNode *node, GError **error)
{
    g_autofree char *element = rl_xml_describe(node);
    g_autofree char *thing = g_strconcat("element ", element, NULL);

    if (!check_foreign(node, node->ns, (const char *) node->name, thing, error))
        return false;
    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
        const char *name = (const char *) attribute->name;
        g_autofree char *shown = full_name(attribute);
        g_autofree char *what = g_strdup_printf("attribute '%s' of %s", shown, element);
        if (!check_foreign(node, attribute->ns, name, what, error))
            return false;
    }
    return true;
}

/* The element after @node in document order, below @root and not below @skip. Without recursion:
 * how deep a tree is that libvirt parsed is not ours to say. */
static const xmlNode *
following(const xmlNode *node, const xmlNode *root, const xmlNode *skip)
{
    const xmlNode *next = node == skip ? NULL : rl_xml_first_element(node);

    while (!next && node != root) {
        next = rl_xml_next_element(node);
        node = node->parent;
    }
    return next;
}

bool
rl_xml_check_elsewhere(const xmlNode *root, const xmlNode *skip, GError **error)
{
    for (const xmlNode *node = root; node; node = following(node, root, skip))
        if (node != skip && !check_one(node, error))
            return false;
    return true;
}
