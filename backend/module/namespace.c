/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "namespace.h"

#include "storage_util.h"
#include "virbuffer.h"
#include "virlog.h"

#include "module.h"
#include "xml/pool-options.h"

VIR_LOG_INIT("reflink.namespace");

/* libvirt's own note of a pool that is active. Another version of ours may have written options to
 * it that this one does not know. Were that an error, libvirt would not know the pool any more, and
 * end the domains that run on it. */
static bool
is_state(const xmlXPathContext *context)
{
    const xmlNode *root = xmlDocGetRootElement(context->doc);

    return root && xmlStrEqual(root->name, BAD_CAST "poolstate");
}

static int
parse(xmlXPathContextPtr context, void **data)
{
    GError *error = NULL;
    RlOptions *options = NULL;

    if (!rl_xml_options_from_nodes(context->node, &options, &error)) {
        if (!is_state(context))
            return rl_report(error);
        VIR_WARN("%s (the options in the pool's marker stay in force)", error->message);
        g_error_free(error);
    }
    *data = options;
    return 0;
}

static void
release(void *data)
{
    rl_options_free(data);
}

static int
format(virBuffer *buffer, void *data)
{
    g_autofree char *text = rl_xml_options_format(data, false);

    /* Indents each line. */
    virBufferAddStr(buffer, text);
    return 0;
}

int
rl_namespace_register(void)
{
    /* libvirt copies it. */
    virXMLNamespace ns = {
        .parse = parse,
        .free = release,
        .format = format,
        .prefix = RL_XML_PREFIX,
        .uri = RL_XML_NAMESPACE,
    };

    return virStorageBackendNamespaceInit(VIR_STORAGE_POOL_DIR, &ns);
}

const RlOptions *
rl_namespace_options(const virStoragePoolDef *def)
{
    return def->namespaceData;
}
