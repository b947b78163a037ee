/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of volumes and revisions as users write them: "appvms/foo/private", "web1@7",
 * "web1@current". */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define RL_NAME_COMPONENTS_MAX 8
/* The longest leaf whose every derived file name fits NAME_MAX:
 * LEAF.img.18446744073709551615@2018-01-02T05:06:07Z is 46 bytes longer than LEAF. */
#define RL_NAME_COMPONENT_MAX (255 - 46)
/* A name of one component, as most clients make them, lives in this folder. */
#define RL_NAME_FOLDER "volumes"

typedef enum {
    RL_NAME_HEAD,     /* the volume itself */
    RL_NAME_REVISION, /* NAME@7: automatic revision 7 */
    RL_NAME_LABEL,    /* NAME@before-upgrade: a named revision */
    RL_NAME_CURRENT,  /* NAME@current: what the volume is to become; never listed */
} RlNameForm;

typedef struct {
    char *text;   /* the whole, as the user wrote it */
    char *volume; /* without what follows the @ */
    char *dir;    /* the directory below the pool: "appvms/foo", or RL_NAME_FOLDER */
    char *leaf;   /* the last component: "private" */
    RlNameForm form;
    uint64_t number; /* of RL_NAME_REVISION, from 1 */
    char *label;     /* of RL_NAME_LABEL */
} RlName;

/**
 * rl_name_parse:
 * Returns the parts of @text, owned by the caller; NULL with RL_ERROR_NAME and the rule it broke.
 */
RlName *rl_name_parse(const char *text, GError **error);

/**
 * rl_name_parse_volume:
 * As rl_name_parse(), for a place where only a volume's own name will do (no @).
 */
RlName *rl_name_parse_volume(const char *text, GError **error);

/**
 * rl_name_join:
 * Returns the volume's name for @leaf in @dir ("web1" for the folder RL_NAME_FOLDER), owned by the
 * caller.
 */
char *rl_name_join(const char *dir, const char *leaf);

/**
 * rl_name_free:
 * Frees @name; nothing for NULL.
 */
void rl_name_free(RlName *name);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlName, rl_name_free)

/**
 * rl_name_check_component:
 * True if @component may stand between slashes. Else false, with RL_ERROR_NAME and the rule in
 * @error.
 */
bool rl_name_check_component(const char *component, GError **error);

/**
 * rl_name_check_leaf:
 * True if @leaf may be the last component: what rl_name_check_component() asks, and no ending that
 * would make its files another volume's.
 */
bool rl_name_check_leaf(const char *leaf, GError **error);

/**
 * rl_name_check_label:
 * True if @label may name a revision of the volume with the last component @leaf.
 */
bool rl_name_check_label(const char *leaf, const char *label, GError **error);
