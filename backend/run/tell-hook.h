/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt calls no hook when a running domain is given a disk: so the command does. */
#pragma once

#include "live-domain.h"

/**
 * rl_tell_hook:
 * Runs the hook program as libvirt's daemon does when it comes back and finds @live running: what
 * its XML names now is noted as its own, so that it ends with the domain, also if it is detached
 * before. A failure is only logged: then the XML says so, as long as it names the disk.
 */
void rl_tell_hook(const RlLiveDomain *live);
