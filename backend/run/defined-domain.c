/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "defined-domain.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "libvirt-client.h"
#include "xml/disk-sources.h"

struct RlDefinedDomain {
    const RlLibvirtClient *library;
    const char *driver;
    virConnectPtr connection; /* borrowed */
    virDomainPtr domain;
    char *name;
    char uuid[VIR_UUID_STRING_BUFLEN];
};

struct RlDefinedDomains {
    RlLibvirtClient library;
    virConnectPtr connections[RL_LIBVIRT_DRIVERS];
    GPtrArray *list;
};

static void
domain_free(void *data)
{
    RlDefinedDomain *domain = data;

    domain->library->virDomainFree(domain->domain);
    g_free(domain->name);
    g_free(domain);
}

static bool
refuse(const RlDefinedDomain *domain, const char *what, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE, "domain '%s': libvirt %s: %s", domain->name, what,
                   domain->library->virGetLastErrorMessage());
}

/* Takes @found. */
static bool
add(RlDefinedDomains *domains, size_t index, virDomainPtr found, GError **error)
{
    RlDefinedDomain *domain = g_new0(RlDefinedDomain, 1);

    *domain = (RlDefinedDomain){.library = &domains->library,
                                .driver = rl_libvirt_drivers[index].driver,
                                .connection = domains->connections[index],
                                .domain = found,
                                .name = g_strdup(domains->library.virDomainGetName(found))};
    g_ptr_array_add(domains->list, domain);
    return domains->library.virDomainGetUUIDString(found, domain->uuid) == 0 ||
           refuse(domain, "does not return the UUID of the domain", error);
}

static bool
add_one(RlDefinedDomains *domains, size_t index, const char *text, GError **error)
{
    const RlLibvirtClient *library = &domains->library;
    virConnectPtr connection = domains->connections[index];
    virDomainPtr found = library->virDomainLookupByName(connection, text);

    if (!found && g_uuid_string_is_valid(text))
        found = library->virDomainLookupByUUIDString(connection, text);
    return !found || add(domains, index, found, error);
}

static bool
add_all(RlDefinedDomains *domains, size_t index, GError **error)
{
    const RlLibvirtClient *library = &domains->library;
    virDomainPtr *found = NULL;
    int n = library->virConnectListAllDomains(domains->connections[index], &found,
                                              VIR_CONNECT_LIST_DOMAINS_PERSISTENT);
    bool done = n >= 0;

    if (!done)
        rl_fail(error, RL_ERROR_STATE, "cannot list the domains of %s: %s",
                rl_libvirt_drivers[index].uri, library->virGetLastErrorMessage());
    for (int i = 0; i < n; i++) {
        if (done)
            done = add(domains, index, found[i], error);
        else
            library->virDomainFree(found[i]);
    }
    free(found);
    return done;
}

static bool
find(RlDefinedDomains *domains, const char *text, GError **error)
{
    const RlLibvirtClient *library = &domains->library;
    g_autoptr(GString) reasons = g_string_new(NULL);
    bool answered = false;

    for (size_t i = 0; i < RL_LIBVIRT_DRIVERS; i++) {
        domains->connections[i] = library->virConnectOpen(rl_libvirt_drivers[i].uri);
        if (!domains->connections[i]) {
            g_string_append_printf(reasons, "%s%s: %s", reasons->len > 0 ? "; " : "",
                                   rl_libvirt_drivers[i].uri, library->virGetLastErrorMessage());
            continue;
        }
        answered = true;
        if (text ? !add_one(domains, i, text, error) : !add_all(domains, i, error))
            return false;
        if (text && domains->list->len > 0)
            return true;
    }
    if (!answered)
        return rl_fail(error, RL_ERROR_STATE,
                       "cannot find domains: libvirt's daemon does not answer (%s). Start it",
                       reasons->str);
    return !text || rl_fail(error, RL_ERROR_NOT_FOUND,
                            "libvirt has no domain '%s'. 'virsh list --all' lists them", text);
}

RlDefinedDomains *
rl_defined_domains_find(const char *text, GError **error)
{
    g_autoptr(RlDefinedDomains) domains = g_new0(RlDefinedDomains, 1);

    domains->list = g_ptr_array_new_with_free_func(domain_free);
    if (!rl_libvirt_client_load(&domains->library, error) || !find(domains, text, error))
        return NULL;
    return g_steal_pointer(&domains);
}

const GPtrArray *
rl_defined_domains_list(const RlDefinedDomains *domains)
{
    return domains->list;
}

void
rl_defined_domains_free(RlDefinedDomains *domains)
{
    if (!domains)
        return;
    g_ptr_array_unref(domains->list);
    for (size_t i = 0; i < RL_LIBVIRT_DRIVERS; i++)
        if (domains->connections[i])
            domains->library.virConnectClose(domains->connections[i]);
    g_free(domains);
}

RlDomainRef
rl_defined_domain_ref(const RlDefinedDomain *domain)
{
    return (RlDomainRef){.driver = domain->driver, .uuid = domain->uuid, .name = domain->name};
}

char *
rl_defined_domain_xml(const RlDefinedDomain *domain, GError **error)
{
    char *xml = domain->library->virDomainGetXMLDesc(domain->domain, VIR_DOMAIN_XML_INACTIVE |
                                                                         VIR_DOMAIN_XML_SECURE);
    char *copy = g_strdup(xml);

    free(xml);
    if (!copy)
        refuse(domain, "does not return the XML of the domain", error);
    return copy;
}

bool
rl_defined_domain_require_off(const RlDefinedDomain *domain, GError **error)
{
    int runs = domain->library->virDomainIsActive(domain->domain);
    int saved = runs == 0 ? domain->library->virDomainHasManagedSaveImage(domain->domain, 0) : 0;

    if (runs < 0 || saved < 0)
        return refuse(domain, "does not report whether the domain runs or is saved", error);
    if (runs > 0)
        return rl_fail(error, RL_ERROR_STATE,
                       "domain '%s' cannot get other paths: it is running. Shut it down first",
                       domain->name);
    return saved == 0 ||
           rl_fail(error, RL_ERROR_STATE,
                   "domain '%s' cannot get other paths: it is saved (virsh managedsave), and the "
                   "saved domain has the former paths. Start it and shut it down first",
                   domain->name);
}

/* Takes @xml, which is libvirt's record of @name, a @kind of @domain. */
static bool
require_unnamed_in(const RlDefinedDomain *domain, const char *kind, const char *name, char *xml,
                   const char *path, GError **error)
{
    g_autofree char *copy = g_strdup(xml);
    g_autofree char *what = g_strdup_printf("%s '%s' of domain '%s'", kind, name, domain->name);
    bool named;

    free(xml);
    if (!copy)
        return refuse(domain, "does not return the XML of the domain's snapshots or checkpoints",
                      error);
    if (!rl_xml_names_path(copy, path, what, &named, error))
        return false;
    return !named || rl_fail(error, RL_ERROR_STATE,
                             "domain '%s' cannot get other paths: its %s '%s' names '%s'. Delete "
                             "that with 'virsh %s-delete' first",
                             domain->name, kind, name, path, kind);
}

/* @n is how many there are, or that libvirt failed. The driver may not have such. */
static bool
is_told(const RlDefinedDomain *domain, int n, GError **error)
{
    return n >= 0 || domain->library->virGetLastErrorCode() == VIR_ERR_NO_SUPPORT ||
           refuse(domain, "does not list the snapshots or checkpoints of the domain", error);
}

static bool
require_no_snapshot(const RlDefinedDomain *domain, const char *path, GError **error)
{
    const RlLibvirtClient *library = domain->library;
    virDomainSnapshotPtr *found = NULL;
    int n = library->virDomainListAllSnapshots(domain->domain, &found, 0);
    bool done = is_told(domain, n, error);

    for (int i = 0; i < n; i++) {
        done = done &&
               require_unnamed_in(domain, "snapshot", library->virDomainSnapshotGetName(found[i]),
                                  library->virDomainSnapshotGetXMLDesc(found[i], 0), path, error);
        library->virDomainSnapshotFree(found[i]);
    }
    free(found);
    return done;
}

static bool
require_no_checkpoint(const RlDefinedDomain *domain, const char *path, GError **error)
{
    const RlLibvirtClient *library = domain->library;
    virDomainCheckpointPtr *found = NULL;
    int n = library->virDomainListAllCheckpoints(domain->domain, &found, 0);
    bool done = is_told(domain, n, error);

    for (int i = 0; i < n; i++) {
        done = done && require_unnamed_in(
                           domain, "checkpoint", library->virDomainCheckpointGetName(found[i]),
                           library->virDomainCheckpointGetXMLDesc(found[i], 0), path, error);
        library->virDomainCheckpointFree(found[i]);
    }
    free(found);
    return done;
}

bool
rl_defined_domain_require_unnamed(const RlDefinedDomain *domain, const char *path, GError **error)
{
    return require_no_snapshot(domain, path, error) && require_no_checkpoint(domain, path, error);
}

bool
rl_defined_domain_define(const RlDefinedDomain *domain, const char *xml, GError **error)
{
    virDomainPtr defined = domain->library->virDomainDefineXMLFlags(domain->connection, xml, 0);

    if (!defined)
        return refuse(domain, "cannot define it anew", error);
    domain->library->virDomainFree(defined);
    return true;
}
