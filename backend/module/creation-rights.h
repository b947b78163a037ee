/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt asks for the right to create, whatever is created. A creation may change more, and this
 * needs more rights: NAME@current changes the content, size and kind of NAME; a new volume changes
 * what snapshot volumes begin with that have its name as their source. */
#pragma once

#include "common/operation/staged-image.h"
#include "rights.h"

/**
 * rl_rights_require_name:
 * 0 if the caller of this thread, whom libvirt has let create @asked in @pool, may create @text,
 * the name that the module made of that. NAME@current needs the right to write to NAME. A name that
 * differs from @asked needs the right to create it: a rule for the revisions of NAME ("NAME@...")
 * says nothing of NAME, which NAME@kind=KIND makes. Else -1 with libvirt's error set.
 */
int rl_rights_require_name(const virStoragePoolDef *pool, const char *text, const char *asked);

/**
 * rl_rights_require_replacement:
 * 0 if @draft, which is filled and about to be published in @pool, replaces no volume; or if the
 * caller of this thread may resize NAME, where its size changes, and delete and create NAME, where
 * it becomes a volume of another kind. Else -1 with libvirt's error set. The right to write to it
 * was asked for before (rl_rights_require_name()).
 */
int rl_rights_require_replacement(const virStoragePoolDef *pool, const RlStagedImage *draft);

/**
 * rl_rights_require_users:
 * 0 if @draft is to be no new volume of @pool, or if the caller of this thread may write to each
 * snapshot volume that has a volume of its name as its source, as far as the last look through the
 * pool has found some. Else -1 with libvirt's error set.
 */
int rl_rights_require_users(const virStoragePoolDef *pool, const RlStagedImage *draft);
