/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domains of libvirt's, running or defined, use which files. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

typedef enum {
    RL_USE_DISK,   /* a disk by its path */
    RL_USE_VOLUME, /* a disk, by the name of a pool and of a volume in it */
    RL_USE_BELOW,  /* a layer below a disk, or what a disk was when a snapshot was made */
    RL_USE_FILE,   /* elsewhere: a kernel, firmware, a log */
} RlUseKind;

typedef struct {
    char *domain;
    bool running;
    bool saved; /* libvirt has a managed save file of it */
    RlUseKind kind;
    char *target;   /* of a disk: the guest's name for it; of RL_USE_FILE the element: "<nvram>" */
    char *path;     /* as the domain names it; of RL_USE_VOLUME the name of the volume */
    char *format;   /* as it says; NULL where it says nothing */
    bool readonly;  /* the domain only reads it */
    struct stat st; /* of the file that is there by that path */
} RlDomainUse;

/**
 * rl_domain_uses_read:
 * Returns the uses (RlDomainUse) of files that are there, owned by the caller. It reads what
 * libvirt's drivers keep of their domains, and asks no daemon. What cannot be read is in no list:
 * libvirt does not know such a domain either.
 */
GPtrArray *rl_domain_uses_read(void);
