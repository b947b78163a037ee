/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's qemu driver keeps a file about each domain that runs. It is still there when the hook
 * is called with `stopped`, and then says how the run ends. */
#pragma once

#include "xml/domain.h"
#include "xml/status.h"

#ifndef RL_QEMU_STATUS_DIR
#define RL_QEMU_STATUS_DIR "/run/libvirt/qemu"
#endif

/**
 * rl_status_file_read:
 * Reads the status file of @domain. Returns the status, owned by the caller. NULL with @error:
 * ENOENT where there is none (libvirt has not written any yet, or the run is over);
 * RL_ERROR_UNTRUSTED where the file is not root's alone, or its directory not its owner's;
 * RL_ERROR_INVALID where it is no regular file, too long, or another domain's; RL_ERROR_XML where
 * it is damaged.
 */
RlStatus *rl_status_file_read(const RlDomain *domain, GError **error);

/**
 * rl_status_file_read_domain:
 * Reads the same file for the XML of @domain in it, owned by the caller. Fails in the same way.
 */
RlDomain *rl_status_file_read_domain(const RlDomain *domain, GError **error);

/**
 * rl_status_file_is_latest:
 * True if no other user than root can have put an older file of the same run back: the directory is
 * root's alone.
 */
bool rl_status_file_is_latest(void);
