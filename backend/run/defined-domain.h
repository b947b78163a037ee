/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The definitions of domains, through libvirt's API: that its daemon has them is what counts. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "common/format/image-owner.h"

typedef struct RlDefinedDomains RlDefinedDomains;
typedef struct RlDefinedDomain RlDefinedDomain;

/**
 * rl_defined_domains_find:
 * Returns the domain with the name or UUID @text of this host's drivers, or for NULL all that are
 * defined; owned by the caller. NULL with RL_ERROR_NOT_FOUND where there is none of that name,
 * RL_ERROR_STATE where no daemon answers, RL_ERROR_UNSUPPORTED without libvirt's library.
 */
RlDefinedDomains *rl_defined_domains_find(const char *text, GError **error);

/**
 * rl_defined_domains_list:
 * Returns the domains (RlDefinedDomain); borrowed.
 */
const GPtrArray *rl_defined_domains_list(const RlDefinedDomains *domains);

/**
 * rl_defined_domains_free:
 * Closes the connections and frees @domains; nothing for NULL.
 */
void rl_defined_domains_free(RlDefinedDomains *domains);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlDefinedDomains, rl_defined_domains_free)

/**
 * rl_defined_domain_ref:
 * Who @domain is; borrowed.
 */
RlDomainRef rl_defined_domain_ref(const RlDefinedDomain *domain);

/**
 * rl_defined_domain_xml:
 * Returns the definition of @domain with its passwords, owned by the caller; NULL with
 * RL_ERROR_STATE and what libvirt says.
 */
char *rl_defined_domain_xml(const RlDefinedDomain *domain, GError **error);

/**
 * rl_defined_domain_require_off:
 * False with RL_ERROR_STATE if @domain runs, or is saved by 'virsh managedsave': the memory that
 * was saved has an XML of its own.
 */
bool rl_defined_domain_require_off(const RlDefinedDomain *domain, GError **error);

/**
 * rl_defined_domain_require_unnamed:
 * False with RL_ERROR_STATE if libvirt's record of a snapshot or a checkpoint of @domain names
 * @path: a revert gives the domain that path again.
 */
bool rl_defined_domain_require_unnamed(const RlDefinedDomain *domain, const char *path,
                                       GError **error);

/**
 * rl_defined_domain_define:
 * Makes @xml the definition of @domain. False with RL_ERROR_STATE and what libvirt says.
 */
bool rl_defined_domain_define(const RlDefinedDomain *domain, const char *xml, GError **error);
