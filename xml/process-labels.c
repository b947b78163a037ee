/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process-labels.h"

#include <string.h>

#include "node.h"

/* The text of the child @name of @node, owned by the caller; "" where there is none. */
static char *
text_of(const xmlNode *node, const char *name)
{
    const xmlNode *child = rl_xml_child(node, name);
    char *text = child ? rl_xml_text(child, NULL) : NULL;

    return text ? g_strstrip(text) : g_strdup("");
}

/* libvirt makes the label of a dynamic one itself, from a base if there is one
 * (virSecurityLabelDefParseXML()). */
static bool
is_libvirts(const char *model, const char *type, const char *base)
{
    if (strcmp(type, "dynamic") == 0)
        return base[0] == '\0';
    return strcmp(type, "none") == 0 && strcmp(model, "dac") != 0;
}

static void
add(GPtrArray *labels, const xmlNode *node)
{
    g_autofree char *model = rl_xml_attribute(node, "model"),
                    *type = rl_xml_attribute(node, "type"), *label = text_of(node, "label"),
                    *base = text_of(node, "baselabel");
    const char *of = model ? model : "", *is = type ? type : "dynamic";

    if (is_libvirts(of, is, base))
        return;
    if (strcmp(is, "dynamic") == 0)
        label[0] = '\0';
    g_ptr_array_add(labels, g_strstrip(g_strjoin(" ", of, is, label, base, NULL)));
}

GPtrArray *
rl_xml_process_labels(const xmlNode *domain)
{
    GPtrArray *labels = g_ptr_array_new_with_free_func(g_free);

    for (const xmlNode *node = rl_xml_first_element(domain); node; node = rl_xml_next_element(node))
        if (rl_xml_is(node, NULL, "seclabel"))
            add(labels, node);
    return labels;
}
