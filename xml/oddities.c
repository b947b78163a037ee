/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "oddities.h"

#include "node.h"
#include "text.h"

#include <stdbool.h>
#include <string.h>

#define SPACE " \t\r\n"
#define LIBVIRTS "http://libvirt.org/schemas/domain/"

/* The document was parsed: its declaration is as it has to be. */
#define ENCODING "\\A(?:\xef\xbb\xbf)?<\\?xml\\s[^?]*\\sencoding\\s*=\\s*['\"]([^'\"]*)"

char *
rl_xml_oddity_of_text(const char *text, size_t length)
{
    g_autoptr(GRegex) pattern = g_regex_new(ENCODING, G_REGEX_RAW, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    if (!g_regex_match_full(pattern, text, (gssize) length, 0, 0, &match, NULL))
        return NULL;
    g_autofree char *encoding = g_match_info_fetch(match, 1);
    if (g_ascii_strcasecmp(encoding, "UTF-8") == 0)
        return NULL;
    g_autofree char *shown = rl_xml_shorten(encoding);
    return g_strdup_printf("the declared encoding '%s'", shown);
}

static bool
is_blank(const xmlNode *text)
{
    const char *content = (const char *) text->content;

    return content[strspn(content, SPACE)] == '\0';
}

/* Both parsers make text of a CDATA section. */
static bool
has_text(const xmlNode *node)
{
    for (const xmlNode *child = node->children; child; child = child->next)
        if (child->type == XML_TEXT_NODE && !is_blank(child))
            return true;
    return false;
}

/* Of a disk or a layer, one of each counts. */
static bool
is_second(const xmlNode *node)
{
    static const char *const names[] = {"source", "driver", "format", "backingStore", "dataStore"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp((const char *) node->name, names[i]) == 0)
            return rl_xml_child(node->parent, names[i]) != node;
    return false;
}

static char *
find_attribute(const xmlNode *node)
{
    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next)
        if (attribute->ns) {
            g_autofree char *shown = rl_xml_shorten((const char *) attribute->name);
            return g_strdup_printf("attribute '%s' in a namespace", shown);
        }
    return NULL;
}

/* @node is in the domain itself where @top, and in a disk where @in_disk. */
static char *
look_at(const xmlNode *node, bool top, bool in_disk)
{
    const char *uri = node->ns ? (const char *) node->ns->href : NULL;
    char *found = find_attribute(node);

    if (found)
        return found;
    if (uri && !(top && g_str_has_prefix(uri, LIBVIRTS)))
        return g_strdup("a namespace");
    if (rl_xml_first_element(node) && has_text(node))
        return g_strdup("text beside elements");
    return in_disk && is_second(node) ? g_strdup("a second one") : NULL;
}

static char *
say(const xmlNode *node, char *what)
{
    g_autofree char *element = rl_xml_describe(node), *found = what;

    return found ? g_strdup_printf("%s at %s", found, element) : NULL;
}

/* The parser allows no deep nesting. @libvirts: below an element of one of libvirt's namespaces. */
static char *
walk(const xmlNode *parent, bool top, bool libvirts, bool in_disk)
{
    char *found = NULL;

    for (const xmlNode *node = rl_xml_first_element(parent); node && !found;
         node = rl_xml_next_element(node)) {
        if (top && rl_xml_is(node, NULL, "metadata"))
            continue;
        bool own = libvirts || (top && node->ns);
        bool disk = in_disk || rl_xml_is(node, NULL, "disk");
        found = say(node, look_at(node, top || own, in_disk));
        if (!found)
            found = walk(node, false, own, disk);
    }
    return found;
}

char *
rl_xml_oddity_of_domain(const xmlNode *domain)
{
    char *found = say(domain, look_at(domain, false, false));

    return found ? found : walk(domain, true, false, false);
}
