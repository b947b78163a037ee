/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "status.h"

#include "node.h"
#include "parser.h"
#include "text.h"

#include <string.h>

void
rl_status_free(RlStatus *status)
{
    if (!status)
        return;
    g_free(status->uuid);
    g_free(status->state);
    g_free(status->reason);
    g_free(status->job);
    g_free(status->async);
    g_free(status->phase);
    g_ptr_array_unref(status->copied);
    g_ptr_array_unref(status->pivoting);
    g_free(status);
}

/* Of two elements of one name neither counts. */
static bool
find_only(const xmlNode *root, const char *name, const xmlNode **ret_node, GError **error)
{
    *ret_node = NULL;
    for (const xmlNode *child = rl_xml_first_element(root); child;
         child = rl_xml_next_element(child)) {
        if (!rl_xml_is(child, NULL, name))
            continue;
        if (*ret_node)
            return rl_xml_fail(child, error, "a second <%s> is not allowed", name);
        *ret_node = child;
    }
    return true;
}

static char *
word_of(const xmlNode *node, const char *name)
{
    char *word = node ? rl_xml_attribute(node, name) : NULL;

    return word ? word : g_strdup("none");
}

static void
read_copied(RlStatus *status, const xmlNode *job)
{
    for (const xmlNode *child = rl_xml_first_element(job); child;
         child = rl_xml_next_element(child)) {
        g_autofree char *migrating = rl_xml_attribute(child, "migrating");
        g_autofree char *target = rl_xml_attribute(child, "dev");
        if (rl_xml_is(child, NULL, "disk") && target && g_strcmp0(migrating, "yes") == 0)
            g_ptr_array_add(status->copied, g_steal_pointer(&target));
    }
}

static bool
read_job(RlStatus *status, const xmlNode *root, GError **error)
{
    const xmlNode *job;

    if (!find_only(root, "job", &job, error))
        return false;
    status->job = word_of(job, "type");
    status->async = word_of(job, "async");
    status->phase = word_of(job, "phase");
    if (job)
        read_copied(status, job);
    return true;
}

static bool
read_disks(RlStatus *status, const xmlNode *domain, GError **error)
{
    const xmlNode *devices = rl_xml_child(domain, "devices");

    for (const xmlNode *child = devices ? rl_xml_first_element(devices) : NULL; child;
         child = rl_xml_next_element(child)) {
        if (!rl_xml_is(child, NULL, "disk") || !rl_xml_child(child, "mirror"))
            continue;
        g_autoptr(RlDisk) disk = rl_xml_disk_from_node(child, error);
        if (!disk)
            return false;
        if (disk->pivoting)
            g_ptr_array_add(status->pivoting, g_steal_pointer(&disk));
    }
    return true;
}

static bool
read_uuid(RlStatus *status, const xmlNode *domain, GError **error)
{
    const xmlNode *node;

    if (!find_only(domain, "uuid", &node, error))
        return false;
    if (!node)
        return rl_xml_fail(domain, error, "<domain> needs a <uuid>");
    g_autofree char *uuid = rl_xml_text(node, error);
    if (!uuid)
        return false;
    if (!g_uuid_string_is_valid(uuid)) {
        g_autofree char *shown = rl_xml_shorten(uuid);
        return rl_xml_fail(node, error, "'%s' in <uuid> is not a UUID", shown);
    }
    status->uuid = g_ascii_strdown(uuid, -1);
    return true;
}

static bool
read_domain(RlStatus *status, const xmlNode *root, GError **error)
{
    const xmlNode *domain;

    if (!find_only(root, "domain", &domain, error))
        return false;
    if (!domain)
        return rl_xml_fail(root, error, "<domstatus> needs a <domain> with a <uuid>");
    return read_uuid(status, domain, error) && read_disks(status, domain, error);
}

static bool
read_status(RlStatus *status, const xmlNode *root, GError **error)
{
    if (!rl_xml_is(root, NULL, "domstatus")) {
        g_autofree char *element = rl_xml_describe(root);
        return rl_xml_fail(root, error, "the root element is %s, not <domstatus>", element);
    }
    status->state = rl_xml_attribute(root, "state");
    status->reason = rl_xml_attribute(root, "reason");
    if (!status->state || !status->reason)
        return rl_xml_fail(root, error, "<domstatus> needs the attributes state and reason");
    return read_job(status, root, error) && read_domain(status, root, error);
}

RlStatus *
rl_xml_status_parse(const char *text, size_t length, const char *what, GError **error)
{
    g_autoptr(RlXmlDocument) document = rl_xml_parse(text, length, RL_STATUS_SIZE_MAX, what, error);
    if (!document)
        return NULL;

    g_autoptr(RlStatus) status = g_new0(RlStatus, 1);
    status->copied = g_ptr_array_new_with_free_func(g_free);
    status->pivoting = g_ptr_array_new_with_free_func((GDestroyNotify) rl_disk_free);
    if (read_status(status, document->root, error))
        return g_steal_pointer(&status);
    g_prefix_error(error, "%s: ", what);
    return NULL;
}
