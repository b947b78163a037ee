/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool-target.h"

#include "node.h"
#include "parser.h"

static char *
read_path(const xmlNode *root, GError **error)
{
    const xmlNode *pool = rl_xml_is(root, NULL, "poolstate") ? rl_xml_child(root, "pool") : root;
    const xmlNode *target = NULL, *path = NULL;

    if (pool && rl_xml_is(pool, NULL, "pool"))
        target = rl_xml_child(pool, "target");
    if (target)
        path = rl_xml_child(target, "path");
    if (!path) {
        rl_xml_fail(root, error, "there is no <pool> with a <target> that has a <path>");
        return NULL;
    }
    g_autofree char *text = rl_xml_text(path, error);
    if (text && text[0] != '/') {
        rl_xml_fail(path, error, "<path> of <target> must be an absolute path");
        return NULL;
    }
    return g_steal_pointer(&text);
}

char *
rl_xml_target_path(const char *text, size_t length, const char *what, GError **error)
{
    g_autoptr(RlXmlDocument) document = rl_xml_parse(text, length, RL_POOL_SIZE_MAX, what, error);
    char *path = document ? read_path(document->root, error) : NULL;

    if (document && !path)
        g_prefix_error(error, "%s: ", what);
    return path;
}
