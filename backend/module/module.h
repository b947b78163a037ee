/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The functions of the module's vtable and what they share. Their contracts are libvirt's
 * (src/storage/storage_backend.h); each sends a pool that is no reflink pool to the stock function.
 */
#pragma once

#include "storage_backend.h"
#include "virstorageobj.h"

#include "common/pool/pool.h"

/**
 * rl_stock:
 * Returns libvirt's own backend for directory pools, as it was before the module was put in place.
 */
const virStorageBackend *rl_stock(void);

/**
 * rl_is_reflink:
 * 1 if @obj is a reflink pool, by its XML or by the marker in its directory; 0 if it is libvirt's
 * own. -1 with libvirt's error set where that cannot be told, or it lies inside a reflink pool:
 * then nothing may be done with it, for the stock functions would write to images in place.
 */
int rl_is_reflink(virStoragePoolObj *obj);

/**
 * rl_open_pool:
 * Opens the reflink pool of @obj, owned by the caller; NULL with libvirt's error set, also where
 * its path leads to another directory by now, or to that of another active pool.
 */
RlPool *rl_open_pool(virStoragePoolObj *obj);

/**
 * rl_is_reflink_to_look:
 * As rl_is_reflink(), for what only looks and reads: a pool inside a reflink pool is libvirt's own.
 */
int rl_is_reflink_to_look(virStoragePoolObj *obj);

/**
 * rl_open_pool_to_look:
 * As rl_open_pool(), also where the pool has a fault or its directory is another one's, too:
 * nothing may be changed in it then.
 */
RlPool *rl_open_pool_to_look(virStoragePoolObj *obj);

/**
 * rl_pool_take_options:
 * Writes @options (may be NULL), those of the pool's XML, into its marker, if that says something
 * else; links that are no volume's path any more go. False with @error of rl_pool_set_options().
 */
bool rl_pool_take_options(RlPool *pool, const RlOptions *options, GError **error);

/**
 * rl_pool_look_at_mark:
 * For a pool that becomes active: one of an earlier version gets its mark
 * (common/pool/pool-mark.h). A copy of a pool is listed, and who tries to change it is told what to
 * do; the log says it as well.
 */
void rl_pool_look_at_mark(const virStoragePoolDef *def, const RlPool *pool);

/**
 * rl_pool_is_fit:
 * True if @pool, which is libvirt's pool @def, may be worked in; else false with the reason.
 */
bool rl_pool_is_fit(const virStoragePoolDef *def, const RlPool *pool, GError **error);

/**
 * rl_report:
 * Makes @error libvirt's error of this thread, with the code that fits, and frees it. Always
 * returns -1.
 */
int rl_report(GError *error);

/**
 * rl_report_about:
 * The same for the volume or revision @name, which the sentence names in any case.
 */
int rl_report_about(GError *error, const char *name);

/* boot.c */
/**
 * rl_stock_stays_active:
 * For a pool @def that is libvirt's own and that the daemon finds to be active: true if it was so
 * @before, or does not lie inside a reflink pool. The log says if it does.
 */
bool rl_stock_stays_active(const virStoragePoolDef *def, bool before);
int rl_pool_check_cb(virStoragePoolObj *obj, bool *active);

/* pool.c */
int rl_pool_start_cb(virStoragePoolObj *obj);
int rl_pool_stop_cb(virStoragePoolObj *obj);
int rl_pool_build_cb(virStoragePoolObj *obj, unsigned int flags);
int rl_pool_refresh_cb(virStoragePoolObj *obj);
int rl_pool_delete_cb(virStoragePoolObj *obj, unsigned int flags);

/* create.c */
int rl_vol_create_cb(virStoragePoolObj *obj, virStorageVolDef *vol);
int rl_vol_build_cb(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned int flags);
int rl_vol_build_from_cb(virStoragePoolObj *obj, virStorageVolDef *vol, virStorageVolDef *input,
                         unsigned int flags);

/* volume.c */
/**
 * rl_vol_refresh_source:
 * Describes @vol, the source of a clone that lies in @pool, as it is on disk.
 */
int rl_vol_refresh_source(virStorageVolDef *vol, const RlPool *pool);
int rl_vol_refresh_cb(virStoragePoolObj *obj, virStorageVolDef *vol);
int rl_vol_delete_cb(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned int flags);
int rl_vol_resize_cb(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned long long capacity,
                     unsigned int flags);
int rl_vol_wipe_cb(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned int algorithm,
                   unsigned int flags);

/* stream.c */
int rl_vol_upload_cb(virStoragePoolObj *obj, virStorageVolDef *vol, virStreamPtr stream,
                     unsigned long long offset, unsigned long long length, unsigned int flags);
int rl_vol_download_cb(virStoragePoolObj *obj, virStorageVolDef *vol, virStreamPtr stream,
                       unsigned long long offset, unsigned long long length, unsigned int flags);
