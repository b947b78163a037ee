/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A start that we have refused has put back all that it did. libvirt's qemu driver calls `release`
 * for it all the same: then nothing is to be ended, least of all what an earlier run has left. */
#pragma once

#include "xml/domain.h"

/**
 * rl_refused_note:
 * Notes that the start of @domain was refused. A failure is only logged.
 */
void rl_refused_note(const RlDomain *domain);

/**
 * rl_refused_take:
 * True if that was noted; it is taken back.
 */
bool rl_refused_take(const RlDomain *domain);
