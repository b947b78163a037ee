/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "web1@kind=direct": the name that a client gives a new volume which is to have that kind,
 * whatever the rules of the pool say. It is never a volume's name: the volume is called "web1". */
#pragma once

#include "pool-options.h"

typedef struct {
    bool given;
    RlKind kind; /* a snapshot has to be given a source as well */
} RlAskedKind;

/**
 * rl_asked_kind_split:
 * Returns @text without "@kind=KIND" at its end, and in @ret_asked the kind; a text without it is
 * returned as it is. Owned by the caller. NULL with RL_ERROR_NAME if KIND is none that a name can
 * ask for.
 */
char *rl_asked_kind_split(const char *text, RlAskedKind *ret_asked, GError **error);
