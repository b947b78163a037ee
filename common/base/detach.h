/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process that goes on when its parent ends. */
#pragma once

#include <sys/types.h>

/**
 * rl_detach:
 * fork(2), for a parent that ends soon: then the child is init's, and no zombie of who waits for
 * the parent. It is in a process group of its own before either goes on, so no signal for the
 * parent's reaches it. One fork does what two are usual for: each copies the page tables.
 */
pid_t rl_detach(void);
