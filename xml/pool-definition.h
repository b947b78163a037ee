/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A storage pool as libvirt has written it down: its definition, or the state of an active one. */
#pragma once

#include "common/format/pool-options.h"
#include "pool-target.h"

#include <stdbool.h>

typedef struct {
    bool directory;     /* it is of the type "dir" */
    char *path;         /* of its target; NULL where it has none */
    RlOptions *options; /* <reflink:options>; NULL where it has none */
} RlPoolDefinition;

/**
 * rl_xml_pool_definition_parse:
 * Reads the <pool>, or the <poolstate> around one, in the @length bytes at @text. @what names it in
 * messages. Returns it, owned by the caller. Fails with RL_ERROR_XML as rl_xml_parse() and
 * rl_xml_options_from_nodes() do, above RL_POOL_SIZE_MAX, or if there is no pool.
 */
RlPoolDefinition *rl_xml_pool_definition_parse(const char *text, size_t length, const char *what,
                                               GError **error);

/**
 * rl_xml_pool_definition_format:
 * Returns the <pool> of the type "dir" that is called @name, at @path, with @options, as
 * virsh pool-define takes it, owned by the caller. @uuid is the pool's; NULL: libvirt chooses one.
 */
char *rl_xml_pool_definition_format(const char *name, const char *uuid, const char *path,
                                    const RlOptions *options);

/**
 * rl_pool_definition_free:
 * Frees @definition; nothing for NULL.
 */
void rl_pool_definition_free(RlPoolDefinition *definition);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlPoolDefinition, rl_pool_definition_free)
