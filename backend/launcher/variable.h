/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the hook program knows the launcher: all that they know of each other. */
#pragma once

/* In the environment of the hook program: the process number of the launcher that waits for it. */
#define RL_LAUNCHER_VARIABLE "LIBVIRT_REFLINK_LAUNCHER"
