/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where on the host, outside of pools, our files are. */
#pragma once

/* Locks, and notes that a boot of the host takes away: a directory that only root may enter. */
#ifndef RL_LOCK_DIR
#define RL_LOCK_DIR "/run/libvirt-reflink"
#endif
