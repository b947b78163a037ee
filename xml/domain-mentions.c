/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain-mentions.h"

#include <string.h>

#include "autoptr.h"
#include "domain.h"
#include "node.h"
#include "parser.h"
#include "text.h"

/* As a path, not as the beginning of another name. */
static bool
has_path(const char *text, const char *dir)
{
    size_t length = strlen(dir);

    for (const char *at = text; (at = strstr(at, dir)); at += length)
        if (strchr("/,'\" \t\n;:", at[length]))
            return true;
    return false;
}

static bool
is_left_out(const xmlNode *node)
{
    static const char *const names[] = {"disk", "metadata", "description", "title"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (rl_xml_is(node, NULL, names[i]))
            return true;
    return false;
}

static char *
mention(const xmlNode *element, const char *text)
{
    g_autofree char *shown = rl_xml_shorten(text), *name = rl_xml_describe(element);

    return g_strdup_printf("'%s' in %s", shown, name);
}

static char *
find_in_content(const xmlNode *element, const xmlNode *first, const char *dir)
{
    for (const xmlNode *node = first; node; node = node->next)
        if ((node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE) &&
            node->content && has_path((const char *) node->content, dir))
            return mention(element, (const char *) node->content);
    return NULL;
}

/* No deeper than rl_xml_parse() lets it be. */
static char *
find_in(const xmlNode *element, const char *dir)
{
    char *found = find_in_content(element, element->children, dir);

    for (const xmlAttr *attribute = element->properties; !found && attribute;
         attribute = attribute->next)
        found = find_in_content(element, attribute->children, dir);
    for (const xmlNode *child = rl_xml_first_element(element); !found && child;
         child = rl_xml_next_element(child))
        if (!is_left_out(child))
            found = find_in(child, dir);
    return found;
}

char *
rl_xml_mentions_find(const char *text, size_t length, const char *what, const char *dir)
{
    g_autoptr(xmlDoc) document = rl_xml_parse(text, length, RL_DOMAIN_SIZE_MAX, what, NULL);
    const xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
    const xmlNode *domain =
        root && rl_xml_is(root, NULL, "domstatus") ? rl_xml_child(root, "domain") : root;

    return domain ? find_in(domain, dir) : NULL;
}
