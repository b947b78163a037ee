/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs that an administrator began, and who saw them from their beginning. */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/pool.h"

/**
 * rl_by_hand_domain:
 * The key of the domain that began the run on the volume @name (rl_witness_key_of()), owned by the
 * caller; NULL where none did.
 */
char *rl_by_hand_domain(const RlPool *pool, const char *name);

/**
 * rl_by_hand_ask:
 * Asks who saw the run on the volume @name from its beginning: the witness of @key, an
 * administrator's, and that of @domain (may be NULL), as a domain that has the volume now may have
 * been given what an administrator started. False with what rl_witness_ask_volume() says.
 */
bool rl_by_hand_ask(const char *key, const char *domain, const RlPool *pool, const char *name,
                    GError **error);

/**
 * rl_by_hand_watch:
 * Before anybody writes to the dirty image of the volume @name: has a process see its writes from
 * now on, under the key @owner->witness (rl_witness_begin()).
 */
void rl_by_hand_watch(const RlPool *pool, const char *name, const RlDomainRef *owner);
