/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "live-domain.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "libvirt-client.h"

struct RlLiveDomain {
    RlLibvirtClient library;
    const char *driver;
    virConnectPtr connection;
    virDomainPtr domain;
    char *name;
    char uuid[VIR_UUID_STRING_BUFLEN];
};

static bool
is_wanted(const char *wanted, size_t index)
{
    return !wanted || strcmp(rl_libvirt_drivers[index].driver, wanted) == 0;
}

/* Looks for @text in one driver. False where it is not there; @live->connection is NULL then. */
static bool
look(RlLiveDomain *live, size_t index, const char *text, bool *ret_answered, GString *reasons)
{
    const RlLibvirtClient *library = &live->library;

    live->driver = rl_libvirt_drivers[index].driver;
    live->connection = library->virConnectOpen(rl_libvirt_drivers[index].uri);
    if (!live->connection) {
        g_string_append_printf(reasons, "%s%s: %s", reasons->len > 0 ? "; " : "",
                               rl_libvirt_drivers[index].uri, library->virGetLastErrorMessage());
        return false;
    }
    *ret_answered = true;
    live->domain = library->virDomainLookupByName(live->connection, text);
    if (!live->domain && g_uuid_string_is_valid(text))
        live->domain = library->virDomainLookupByUUIDString(live->connection, text);
    if (live->domain)
        return true;
    library->virConnectClose(live->connection);
    live->connection = NULL;
    return false;
}

static bool
find(RlLiveDomain *live, const char *text, const char *driver, GError **error)
{
    g_autoptr(GString) reasons = g_string_new(NULL);
    bool answered = false;

    for (size_t i = 0; i < RL_LIBVIRT_DRIVERS; i++)
        if (is_wanted(driver, i) && look(live, i, text, &answered, reasons))
            return true;
    return answered ? rl_fail(error, RL_ERROR_NOT_FOUND,
                              "libvirt has no domain '%s'. 'virsh list --all' lists them", text)
                    : rl_fail(error, RL_ERROR_STATE,
                              "cannot find domain '%s': libvirt's daemon does not answer (%s). "
                              "Start it",
                              text, reasons->str);
}

static bool
refuse(const RlLiveDomain *live, const char *what, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE, "domain '%s': libvirt %s: %s", live->name, what,
                   live->library.virGetLastErrorMessage());
}

bool
rl_live_domain_runs(const RlLiveDomain *live)
{
    return live->library.virDomainIsActive(live->domain) == 1;
}

RlLiveDomain *
rl_live_domain_find(const char *text, const char *driver, GError **error)
{
    g_autoptr(RlLiveDomain) live = g_new0(RlLiveDomain, 1);
    const RlLibvirtClient *library = &live->library;

    if (!rl_libvirt_client_load(&live->library, error) || !find(live, text, driver, error))
        return NULL;
    live->name = g_strdup(library->virDomainGetName(live->domain));
    if (library->virDomainGetUUIDString(live->domain, live->uuid) < 0) {
        refuse(live, "does not return the UUID of the domain", error);
        return NULL;
    }
    if (rl_live_domain_runs(live))
        return g_steal_pointer(&live);
    rl_fail(error, RL_ERROR_STATE, "domain '%s' is not running", live->name);
    return NULL;
}

RlDomainRef
rl_live_domain_ref(const RlLiveDomain *live)
{
    return (RlDomainRef){.driver = live->driver, .uuid = live->uuid, .name = live->name};
}

char *
rl_live_domain_xml(const RlLiveDomain *live, RlLiveFlags which, GError **error)
{
    unsigned flags = which == RL_LIVE_DEFINED ? VIR_DOMAIN_XML_INACTIVE : 0;
    char *xml = live->library.virDomainGetXMLDesc(live->domain, flags);
    char *copy = g_strdup(xml);

    free(xml);
    if (!copy)
        refuse(live, "does not return the XML of the domain", error);
    return copy;
}

RlDomain *
rl_live_domain_read(const RlLiveDomain *live, RlLiveFlags which, GError **error)
{
    g_autofree char *xml = rl_live_domain_xml(live, which, error);

    return xml ? rl_xml_domain_parse(xml, strlen(xml), live->name, error) : NULL;
}

/* libvirt's drivers let a query wait for a change of the same domain (VIR_JOB_QUERY in
 * src/conf/virdomainjob.h); this one asks for least, and needs nothing of the guest. */
bool
rl_live_domain_settle(const RlLiveDomain *live, GError **error)
{
    virDomainMemoryStatStruct stats;

    return !rl_live_domain_runs(live) ||
           live->library.virDomainMemoryStats(live->domain, &stats, 1, 0) >= 0 ||
           !rl_live_domain_runs(live) ||
           refuse(live, "does not finish another operation on the domain", error);
}

bool
rl_live_domain_is_defined(const RlLiveDomain *live)
{
    return live->library.virDomainIsPersistent(live->domain) == 1;
}

static unsigned
flags_of(guint where)
{
    return (where & RL_LIVE_RUN ? VIR_DOMAIN_AFFECT_LIVE : 0) |
           (where & RL_LIVE_DEFINED ? VIR_DOMAIN_AFFECT_CONFIG : 0);
}

bool
rl_live_domain_attach(const RlLiveDomain *live, const char *xml, guint where, GError **error)
{
    return live->library.virDomainAttachDeviceFlags(live->domain, xml, flags_of(where)) == 0 ||
           refuse(live, "cannot attach the disk", error);
}

bool
rl_live_domain_detach(const RlLiveDomain *live, const char *xml, guint where, GError **error)
{
    if (live->library.virDomainDetachDeviceFlags(live->domain, xml, flags_of(where)) == 0)
        return true;
    /* What QEMU says where the guest was asked before and has not answered yet (qmp_device_del() in
     * system/qdev-monitor.c). */
    return strstr(live->library.virGetLastErrorMessage(), "already in the process of unplug") ||
           refuse(live, "cannot detach the disk", error);
}

bool
rl_live_domain_freeze(const RlLiveDomain *live, int *ret_count, GError **error)
{
    *ret_count = live->library.virDomainFSFreeze(live->domain, NULL, 0, 0);
    return *ret_count >= 0 ||
           refuse(live,
                  "cannot freeze its guest's file systems (qemu-guest-agent must run in the "
                  "guest, and the domain needs the channel org.qemu.guest_agent.0)",
                  error);
}

bool
rl_live_domain_thaw(const RlLiveDomain *live, GError **error)
{
    return live->library.virDomainFSThaw(live->domain, NULL, 0, 0) >= 0 ||
           refuse(live, "cannot thaw its guest's file systems", error);
}

bool
rl_live_domain_is_lost(const RlLiveDomain *live)
{
    return live->library.virConnectIsAlive(live->connection) != 1;
}

void
rl_live_domain_free(RlLiveDomain *live)
{
    if (!live)
        return;
    if (live->domain)
        live->library.virDomainFree(live->domain);
    if (live->connection)
        live->library.virConnectClose(live->connection);
    g_free(live->name);
    g_free(live);
}
