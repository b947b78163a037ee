/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a volume has a dirty image that nobody runs on, from what is noted on it. */
#pragma once

#include "show-volume.h"

typedef struct {
    const char *code; /* a word for programs, static: docs/virt-reflink-json.7 lists them */
    char *text;       /* a sentence, without a full stop */
} RlReason;

/**
 * rl_reason_get:
 * Says why the volume of @look is in its state. Returns NULL where it is stopped or running, or
 * where nothing can be read of its dirty image; else owned by the caller.
 */
RlReason *rl_reason_get(const RlLook *look);

/**
 * rl_reason_free:
 * Frees @reason; nothing for NULL.
 */
void rl_reason_free(RlReason *reason);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlReason, rl_reason_free)
