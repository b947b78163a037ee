/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's daemon is told of a pool. It can wait for good for a daemon that hangs: for what a
 * person has asked for. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_define_pool_find:
 * *@ret_uuid is the UUID of libvirt's pool @name, owned by the caller; NULL where it has none.
 * False with RL_ERROR_EXISTS where that is another directory than @path, or with RL_ERROR_STATE
 * where the daemon cannot be asked.
 */
bool rl_define_pool_find(const char *name, const char *path, char **ret_uuid, GError **error);

/**
 * rl_define_pool:
 * Defines the pool @name as @xml says, marks it to start with the daemon, and starts it; *@ret_was
 * is true where it was active already, and goes on by its former definition. RL_ERROR_STATE with
 * what libvirt says; or where its daemon has not loaded the module and takes the pool for a plain
 * one: then the definition is taken back, if it is new.
 */
bool rl_define_pool(const char *name, const char *xml, bool *ret_was, GError **error);
