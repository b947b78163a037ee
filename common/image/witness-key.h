/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Under which key a process sees a run's writes (lost-write-witness.h). An image can become another
 * domain's while its guest writes to it; who saw it from the beginning stays the same. */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/pool.h"

/**
 * rl_witness_key_by_hand:
 * The key for a run that a person begins now on one volume, owned by the caller: another one after
 * the file system was mounted under another device number, so it is noted on the image. A domain's
 * is its UUID.
 */
char *rl_witness_key_by_hand(const RlPool *pool, const char *volume);

/**
 * rl_witness_key_of:
 * The key that @run on the volume @volume was begun with, owned by the caller: what is noted of one
 * that has passed to another domain since (RlImageOwner.witness), else that of its owner.
 */
char *rl_witness_key_of(const RlImageOwner *run, const RlPool *pool, const char *volume);

/**
 * rl_witness_key_noted:
 * The same, of the run of @owner (NULL: of any) that is noted on the dirty image of the volume
 * @name; NULL where there is none, or it cannot be read now.
 */
char *rl_witness_key_noted(const RlPool *pool, const char *name, const RlDomainRef *owner);
