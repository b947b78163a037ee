/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does libvirt call our hook? What lies in its directory of hooks says so. The shim asks as well,
 * which has no library but libc. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define RL_HOOKS_DIR "/etc/libvirt/hooks"

/**
 * rl_hook_driver:
 * The names of libvirt's drivers that our hook knows, by their number from 0; NULL behind the last.
 */
const char *rl_hook_driver(size_t i);

/**
 * rl_hook_driver_is_installed:
 * True if libvirt has the driver @driver on this host.
 */
bool rl_hook_driver_is_installed(const char *driver);

typedef enum {
    RL_HOOK_LINKED,
    RL_HOOK_MISSING,        /* there is no file of ours */
    RL_HOOK_DANGLING,       /* a link of ours leads to no file */
    RL_HOOK_NOT_EXECUTABLE, /* libvirt passes over such a file */
    RL_HOOK_HIDDEN,         /* none is seen, in a directory that this user may not look into */
} RlHookLink;

/**
 * rl_hook_link_find:
 * Looks below @hooks (RL_HOOKS_DIR) for our hook of libvirt's driver @driver ("qemu", "libxl"), in
 * the places where libvirt looks (virHookCheck() in src/util/virhook.c): the program DRIVER and the
 * programs in DRIVER.d. A file is ours if it leads to a program "libvirt-reflink-hook", or has
 * "reflink" in its name, as an administrator's script around ours may. Writes the path of the file
 * into @ret_path, of @size bytes; where there is none, the path that it should have.
 */
RlHookLink rl_hook_link_find(const char *hooks, const char *driver, char *ret_path, size_t size);
