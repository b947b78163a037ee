/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool-definition.h"

#include "namespace.h"
#include "node.h"
#include "parser.h"
#include "pool-options.h"

#include <string.h>

void
rl_pool_definition_free(RlPoolDefinition *definition)
{
    if (!definition)
        return;
    g_free(definition->path);
    rl_options_free(definition->options);
    g_free(definition);
}

static bool
read_pool(RlPoolDefinition *definition, const xmlNode *root, GError **error)
{
    const xmlNode *pool = rl_xml_is(root, NULL, "poolstate") ? rl_xml_child(root, "pool") : root;

    if (!pool || !rl_xml_is(pool, NULL, "pool"))
        return rl_xml_fail(root, error, "there is no <pool>");
    const xmlNode *target = rl_xml_child(pool, "target");
    const xmlNode *path = target ? rl_xml_child(target, "path") : NULL;
    g_autofree char *type = rl_xml_attribute(pool, "type");
    definition->directory = g_strcmp0(type, "dir") == 0;
    definition->path = path ? rl_xml_text(path, NULL) : NULL;
    return rl_xml_options_from_nodes(pool, &definition->options, error);
}

RlPoolDefinition *
rl_xml_pool_definition_parse(const char *text, size_t length, const char *what, GError **error)
{
    g_autoptr(RlXmlDocument) document = rl_xml_parse(text, length, RL_POOL_SIZE_MAX, what, error);
    g_autoptr(RlPoolDefinition) definition = g_new0(RlPoolDefinition, 1);

    if (!document)
        return NULL;
    if (read_pool(definition, document->root, error))
        return g_steal_pointer(&definition);
    g_prefix_error(error, "%s: ", what);
    return NULL;
}

/* Each line of @text two spaces further in. */
static void
append_indented(GString *out, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i]; i++)
        if (*lines[i])
            g_string_append_printf(out, "  %s\n", lines[i]);
}

char *
rl_xml_pool_definition_format(const char *name, const char *uuid, const char *path,
                              const RlOptions *options)
{
    g_autofree char *safe_name = g_markup_escape_text(name, -1),
                    *safe_path = g_markup_escape_text(path, -1),
                    *said = rl_xml_options_format(options, false);
    GString *out =
        g_string_new("<pool type='dir' xmlns:" RL_XML_PREFIX "='" RL_XML_NAMESPACE "'>\n");

    g_string_append_printf(out, "  <name>%s</name>\n", safe_name);
    if (uuid)
        g_string_append_printf(out, "  <uuid>%s</uuid>\n", uuid);
    g_string_append_printf(out, "  <target>\n    <path>%s</path>\n  </target>\n", safe_path);
    append_indented(out, said);
    g_string_append(out, "</pool>\n");
    return g_string_free(out, FALSE);
}
