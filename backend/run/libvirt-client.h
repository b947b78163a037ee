/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's client library. It takes longer to load than most commands take to run: who needs it
 * loads it. */
#pragma once

#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdbool.h>

#define RL_LIBVIRT_FUNCTIONS(f)       \
    f(virSetErrorFunc);               \
    f(virGetLastErrorCode);           \
    f(virGetLastErrorMessage);        \
    f(virConnectOpen);                \
    f(virConnectClose);               \
    f(virConnectIsAlive);             \
    f(virConnectListAllDomains);      \
    f(virDomainLookupByName);         \
    f(virDomainLookupByUUIDString);   \
    f(virDomainGetName);              \
    f(virDomainGetUUIDString);        \
    f(virDomainIsActive);             \
    f(virDomainIsPersistent);         \
    f(virDomainGetXMLDesc);           \
    f(virDomainDefineXMLFlags);       \
    f(virDomainHasManagedSaveImage);  \
    f(virDomainListAllSnapshots);     \
    f(virDomainSnapshotGetName);      \
    f(virDomainSnapshotGetXMLDesc);   \
    f(virDomainSnapshotFree);         \
    f(virDomainListAllCheckpoints);   \
    f(virDomainCheckpointGetName);    \
    f(virDomainCheckpointGetXMLDesc); \
    f(virDomainCheckpointFree);       \
    f(virDomainAttachDeviceFlags);    \
    f(virDomainDetachDeviceFlags);    \
    f(virDomainMemoryStats);          \
    f(virDomainFSFreeze);             \
    f(virDomainFSThaw);               \
    f(virDomainFree)

#define RL_LIBVIRT_MEMBER(function) __typeof__(&(function)) function
typedef struct {
    RL_LIBVIRT_FUNCTIONS(RL_LIBVIRT_MEMBER);
} RlLibvirtClient;
#undef RL_LIBVIRT_MEMBER

/* The drivers whose hooks we are. */
#define RL_LIBVIRT_DRIVERS 2
extern const struct RlLibvirtDriver {
    const char *driver, *uri;
} rl_libvirt_drivers[RL_LIBVIRT_DRIVERS];

/**
 * rl_libvirt_client_load:
 * Loads the library and finds its functions; it prints no errors. False with RL_ERROR_UNSUPPORTED
 * where it cannot be loaded.
 */
bool rl_libvirt_client_load(RlLibvirtClient *client, GError **error);
