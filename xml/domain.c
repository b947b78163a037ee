/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain.h"

#include "node.h"
#include "oddities.h"
#include "parser.h"
#include "process-labels.h"
#include "text.h"

static void
free_disk(void *data)
{
    rl_disk_free(data);
}

void
rl_domain_free(RlDomain *domain)
{
    if (!domain)
        return;
    g_free(domain->name);
    g_free(domain->uuid);
    g_free(domain->type);
    g_free(domain->odd);
    g_ptr_array_unref(domain->disks);
    if (domain->files)
        g_ptr_array_unref(domain->files);
    if (domain->labels)
        g_ptr_array_unref(domain->labels);
    g_free(domain);
}

/* Returns the text of the child @name, which must be there and not be empty. */
static char *
required_text(const xmlNode *root, const char *name, GError **error)
{
    const xmlNode *node = rl_xml_child(root, name);

    if (!node) {
        rl_xml_fail(root, error, "<domain> needs <%s>", name);
        return NULL;
    }
    g_autofree char *text = rl_xml_text(node, error);
    if (text && text[0] == '\0') {
        rl_xml_fail(node, error, "<%s> of <domain> is empty", name);
        return NULL;
    }
    return g_steal_pointer(&text);
}

static bool
read_identity(RlDomain *domain, const xmlNode *root, GError **error)
{
    if (!rl_xml_is(root, NULL, "domain")) {
        g_autofree char *element = rl_xml_describe(root);
        return rl_xml_fail(root, error, "the root element is %s, not <domain>", element);
    }
    domain->type = rl_xml_attribute(root, "type");
    if (!domain->type || domain->type[0] == '\0')
        return rl_xml_fail(root, error, "<domain> needs the attribute type");
    domain->name = required_text(root, "name", error);
    if (!domain->name)
        return false;

    g_autofree char *uuid = required_text(root, "uuid", error);
    if (!uuid)
        return false;
    if (!g_uuid_string_is_valid(uuid)) {
        g_autofree char *shown = rl_xml_shorten(uuid);
        return rl_xml_fail(root, error, "'%s' in <uuid> is not a UUID", shown);
    }
    domain->uuid = g_ascii_strdown(uuid, -1);
    return true;
}

static bool
add_disk(RlDomain *domain, const xmlNode *node, GError **error)
{
    if (domain->disks->len >= RL_DOMAIN_DISKS_MAX)
        return rl_xml_fail(node, error, "more than %d disks", RL_DOMAIN_DISKS_MAX);

    RlDisk *disk = rl_xml_disk_from_node(node, error);
    if (!disk)
        return false;
    g_ptr_array_add(domain->disks, disk);
    return true;
}

static bool
read_devices(RlDomain *domain, const xmlNode *devices, GError **error)
{
    for (const xmlNode *child = rl_xml_first_element(devices); child;
         child = rl_xml_next_element(child))
        if (rl_xml_is(child, NULL, "disk") && !add_disk(domain, child, error))
            return false;
    return true;
}

static bool
read_domain(RlDomain *domain, const xmlNode *root, GError **error)
{
    if (!read_identity(domain, root, error))
        return false;
    for (const xmlNode *child = rl_xml_first_element(root); child;
         child = rl_xml_next_element(child))
        if (rl_xml_is(child, NULL, "devices") && !read_devices(domain, child, error))
            return false;
    return true;
}

RlDomain *
rl_xml_domain_from_node(const xmlNode *node, GError **error)
{
    g_autoptr(RlDomain) domain = g_new0(RlDomain, 1);

    domain->disks = g_ptr_array_new_with_free_func(free_disk);
    if (!read_domain(domain, node, error))
        return NULL;
    domain->files = rl_xml_named_files(node);
    domain->labels = rl_xml_process_labels(node);
    domain->odd = rl_xml_oddity_of_domain(node);
    return g_steal_pointer(&domain);
}

RlDomain *
rl_xml_domain_parse(const char *text, size_t length, const char *what, GError **error)
{
    g_autoptr(RlXmlDocument) document = rl_xml_parse(text, length, RL_DOMAIN_SIZE_MAX, what, error);
    if (!document)
        return NULL;

    RlDomain *domain = rl_xml_domain_from_node(document->root, error);
    if (!domain)
        g_prefix_error(error, "%s: ", what);
    if (domain && !domain->odd)
        domain->odd = rl_xml_oddity_of_text(text, length);
    return domain;
}

RlDomain *
rl_xml_domain_parse_kept(const char *text, size_t length, const char *what, GError **error)
{
    g_autoptr(RlXmlDocument) document = rl_xml_parse(text, length, RL_DOMAIN_SIZE_MAX, what, error);
    const xmlNode *root = document ? document->root : NULL;

    if (!document)
        return NULL;
    bool wrapped = rl_xml_is(root, NULL, "domstatus") || rl_xml_is(root, NULL, "domainsnapshot");
    const xmlNode *node = wrapped ? rl_xml_child(root, "domain") : root;
    RlDomain *domain = node ? rl_xml_domain_from_node(node, error) : NULL;
    if (!node)
        rl_xml_fail(root, error, "there is no <domain>");
    if (!domain)
        g_prefix_error(error, "%s: ", what);
    return domain;
}
