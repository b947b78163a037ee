/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "common/format/image-owner.h"
#include "xml/domain.h"

#include <string.h>

/**
 * rl_domain_ref_of:
 * Says who runs on the volumes of @domain; the strings are the domain's.
 */
static inline RlDomainRef
rl_domain_ref_of(const RlDomain *domain)
{
    return (RlDomainRef){
        .driver = strcmp(domain->type, "xen") == 0 ? "libxl" : "qemu",
        .uuid = domain->uuid,
        .name = domain->name,
    };
}
