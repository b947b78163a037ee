/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One call of virt-reflink adopt: what the directory has, what is to become of it, and what stands
 * in the way. */
#pragma once

#include "backend/cli/cli.h"
#include "backend/cli/json.h"
#include "common/format/volume-name.h"
#include "common/operation/adopt.h"

/* A volume of Qubes OS's driver that is to get a record. */
typedef struct {
    char *volume;
    char *source;     /* of a snapshot volume; NULL: it is to be volatile */
    guint64 capacity; /* of a volatile one, in bytes; 0: that of its dirty image */
} RlAdoptWish;

typedef struct {
    char *path; /* of the directory, absolute */
    int root;   /* it is open as this */
    bool is_pool;
    GPtrArray *files;     /* RlAdoptFile */
    GPtrArray *wishes;    /* RlAdoptWish */
    GPtrArray *obstacles; /* strings: why it cannot be done now, and what to do */
    GPtrArray *hints;     /* strings: what a person may want to do besides */
} RlAdoption;

/**
 * rl_adoption_look_at_uses:
 * Looks for what uses the files of @adoption: domains that run or would not start any more, and
 * processes that have them open for writing, are obstacles. An image that a domain uses in another
 * format, below a disk or as no disk is left as it is.
 */
void rl_adoption_look_at_uses(RlAdoption *adoption);

/**
 * rl_adoption_look_at_wishes:
 * Looks whether the wishes of @adoption can be fulfilled; those that cannot are obstacles. Says in
 * the hints which volumes look as if Qubes OS's driver had left them, and with which option they
 * get their records.
 */
void rl_adoption_look_at_wishes(RlAdoption *adoption);

/**
 * rl_adoption_look_at_pools:
 * Says in the hints which plain pool libvirt has of the directory already, unless @define is the
 * name that it is to get.
 */
void rl_adoption_look_at_pools(RlAdoption *adoption, const char *define);

/**
 * rl_adoption_look_at_owners:
 * Says in the hints which other users than root own images at rest: a device model that was not
 * ended by libvirt, as in a crash of the host, leaves its disks to its user.
 */
void rl_adoption_look_at_owners(RlAdoption *adoption);

/**
 * rl_adoption_show, rl_adoption_note:
 * Prints what is to become of each file, the hints, and what stands in the way; or writes it into
 * the object that is open in @json, with @done what has been done.
 */
void rl_adoption_show(const RlCall *call, const RlAdoption *adoption);
void rl_adoption_note(const RlAdoption *adoption, bool done, RlJson *json);
