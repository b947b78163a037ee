/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the files are that are installed together with this command. */
#pragma once

#include <glib.h>

/**
 * rl_installed_backends:
 * Returns the directory of storage backends that libvirt's daemon is to load from, owned by the
 * caller: beside this program, so that a tree that was staged or moved works, or else where it was
 * to be installed.
 */
char *rl_installed_backends(void);

/**
 * rl_installed_hook, rl_installed_hook_program:
 * Returns the path of the program that libvirt's hooks lead to, and of the one that that runs. As
 * above.
 */
char *rl_installed_hook(void);
char *rl_installed_hook_program(void);

/**
 * rl_installed_builder:
 * Returns the program that builds the module for the libvirt that is installed; static. NULL where
 * the package that has it is not installed.
 */
const char *rl_installed_builder(void);
