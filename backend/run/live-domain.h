/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain that runs, through libvirt's API: what a person asks for that only its driver can do.
 * libvirt's library may wait for good for a daemon that hangs, as it does in virsh. */
#pragma once

#include "common/format/image-owner.h"
#include "xml/domain.h"

typedef struct RlLiveDomain RlLiveDomain;

/* What a change is for. */
typedef enum {
    RL_LIVE_RUN = 1 << 0,     /* the domain that runs */
    RL_LIVE_DEFINED = 1 << 1, /* its definition: the next run */
} RlLiveFlags;

/**
 * rl_live_domain_find:
 * Returns the domain with the name or UUID @text of this host's @driver ("qemu", "libxl"; NULL: of
 * either), owned by the caller, who ends it with rl_live_domain_free(). NULL with
 * RL_ERROR_NOT_FOUND where there is none, RL_ERROR_STATE where it does not run or no daemon
 * answers, RL_ERROR_UNSUPPORTED without libvirt's library.
 */
RlLiveDomain *rl_live_domain_find(const char *text, const char *driver, GError **error);

/**
 * rl_live_domain_ref:
 * Who runs on the volumes of @live; borrowed.
 */
RlDomainRef rl_live_domain_ref(const RlLiveDomain *live);

/**
 * rl_live_domain_xml:
 * Returns the XML of @live as it is now (RL_LIVE_RUN) or as it is defined (RL_LIVE_DEFINED), owned
 * by the caller; NULL with RL_ERROR_STATE and what libvirt says.
 */
char *rl_live_domain_xml(const RlLiveDomain *live, RlLiveFlags which, GError **error);

/**
 * rl_live_domain_read:
 * The same, parsed.
 */
RlDomain *rl_live_domain_read(const RlLiveDomain *live, RlLiveFlags which, GError **error);

/**
 * rl_live_domain_runs:
 * False if @live has ended since: its end has ended the runs on its volumes.
 */
bool rl_live_domain_runs(const RlLiveDomain *live);

/**
 * rl_live_domain_settle:
 * Waits until libvirt has finished what it is doing to @live, such as attaching a disk for a client
 * that was killed, or what follows when a guest has released one. False with RL_ERROR_STATE where
 * it does not within its own time, half a minute.
 */
bool rl_live_domain_settle(const RlLiveDomain *live, GError **error);

/**
 * rl_live_domain_is_defined:
 * True if @live has a definition: else it is gone when it ends.
 */
bool rl_live_domain_is_defined(const RlLiveDomain *live);

/**
 * rl_live_domain_attach, rl_live_domain_detach:
 * Gives the device @xml to @live, or takes it away. False with RL_ERROR_STATE and what libvirt
 * says. A device that was taken away is gone when the guest has released it, which may come later:
 * then rl_live_domain_xml() does not have it any more. Where rl_live_domain_is_lost() is true after
 * a failure, libvirt may have done it nevertheless.
 */
bool rl_live_domain_attach(const RlLiveDomain *live, const char *xml, guint where, GError **error);
bool rl_live_domain_detach(const RlLiveDomain *live, const char *xml, guint where, GError **error);

/**
 * rl_live_domain_freeze, rl_live_domain_thaw:
 * Has the guest's agent freeze all file systems of the guest, *@ret_count in number, or thaw them.
 * libvirt waits for the agent as long as the guest takes. False with RL_ERROR_STATE and what
 * libvirt says: then nothing is frozen, unless rl_live_domain_is_lost() is true.
 */
bool rl_live_domain_freeze(const RlLiveDomain *live, int *ret_count, GError **error);
bool rl_live_domain_thaw(const RlLiveDomain *live, GError **error);

/**
 * rl_live_domain_is_lost:
 * True if the daemon has gone while it was asked.
 */
bool rl_live_domain_is_lost(const RlLiveDomain *live);

/**
 * rl_live_domain_free:
 * Closes the connection and frees @live; nothing for NULL.
 */
void rl_live_domain_free(RlLiveDomain *live);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlLiveDomain, rl_live_domain_free)
