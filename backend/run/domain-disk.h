/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume as a disk of a domain: in what libvirt says of one, and in what it is given. */
#pragma once

#include "common/pool/pool.h"
#include "xml/domain.h"

/**
 * rl_domain_disk_find:
 * Returns the disk of @domain that is on the dirty image of the volume @name of @pool, by whatever
 * path or name; borrowed. NULL where none is. *@ret_below: the image is a layer below that disk.
 */
const RlDisk *rl_domain_disk_find(const RlDomain *domain, const RlPool *pool, const char *name,
                                  bool *ret_below);

/* A disk that a domain is given. Borrowed; what is NULL libvirt chooses. */
typedef struct {
    const char *driver; /* of libvirt: as in RlDomainRef */
    const char *path;   /* of the dirty image */
    const char *target; /* "sda" */
    const char *bus;    /* "scsi", or NULL */
    bool readonly;
} RlDiskWish;

/**
 * rl_domain_disk_xml:
 * Returns the element <disk> of @wish, owned by the caller.
 */
char *rl_domain_disk_xml(const RlDiskWish *wish);
