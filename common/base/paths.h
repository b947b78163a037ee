/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where on the host, outside of pools, our files are. */
#pragma once

/* Locks, and notes that a boot of the host takes away: a directory that only root may enter. */
#ifndef RL_LOCK_DIR
#define RL_LOCK_DIR "/run/libvirt-reflink"
#endif

/* What is to be known of saved domains also after that: root's, as is libvirt's directory. */
#ifndef RL_SAVED_DIR
#define RL_SAVED_DIR "/var/lib/libvirt/reflink-saves"
#endif

/* What the note that a run has left images to be marked begins with (format/unmarked-run.h). */
#define RL_UNMARKED_NAME "unmarked"
