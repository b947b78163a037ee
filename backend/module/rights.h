/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a call really does, asked of libvirt's access control. libvirt itself asks for the right to
 * create when a volume is created, whatever its name and its source. But who creates NAME@current
 * writes to NAME, and who creates a clone or a snapshot volume reads another one. */
#pragma once

#include "storage_conf.h"
#include "virstorageobj.h"

typedef enum {
    RL_RIGHT_READ,   /* storage_vol:data_read, as for a download */
    RL_RIGHT_WRITE,  /* storage_vol:data_write, as for an upload */
    RL_RIGHT_CREATE, /* storage_vol:create, of a name that libvirt was not given as it is */
    RL_RIGHT_RESIZE, /* storage_vol:resize */
    RL_RIGHT_DELETE, /* storage_vol:delete */
} RlRight;

/**
 * rl_rights_require:
 * 0 if the caller of this thread has @right on the volume @name of the pool @pool. Else -1 with
 * libvirt's error set, VIR_ERR_ACCESS_DENIED. libvirt's access manager decides, also on a caller
 * without an identity: its driver "polkit" refuses one. The drivers of a daemon's connections share
 * its storage driver, which does not tell which of them the call came through: a right that is
 * granted through any of them counts.
 */
int rl_rights_require(const virStoragePoolDef *pool, const char *name, RlRight right);

/**
 * rl_rights_require_source:
 * The same for reading @input, the source of a clone into @obj, in whatever pool it is. libvirt
 * does not say in which: that is looked up by the daemon's own right. -1 also where it is not
 * found. Call it without the lock of any pool.
 */
int rl_rights_require_source(virStoragePoolObj *obj, const virStorageVolDef *input);
