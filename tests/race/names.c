/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who and what takes part in the race. */
#include "race.h"

#include "common/operation/pool-build.h"
#include "xml/documents.h"

#include <string.h>

const char *const volume_names[VOLUMES] = {"a", "b", "app/deep/c", "s", "tmp/v", "d"};
const RlKind volume_kinds[VOLUMES] = {RL_KIND_PERSISTENT, RL_KIND_PERSISTENT, RL_KIND_PERSISTENT,
                                      RL_KIND_SNAPSHOT,   RL_KIND_VOLATILE,   RL_KIND_DIRECT};
const int volume_keep[VOLUMES] = {3, 1, 0, 3, 3, 3};

bool
has_link(int volume)
{
    return !strchr(volume_names[volume], '/');
}

int
volume_find(const char *name)
{
    for (int i = 0; i < VOLUMES; i++)
        if (strcmp(volume_names[i], name) == 0)
            return i;
    return -1;
}

/* Odd ones are Xen's: there an image that was not written to may be told by its dates. */
RlDomainRef
owner_of(int owner)
{
    static char uuids[BY_HAND + 1][40], names[BY_HAND + 1][16];

    g_snprintf(uuids[owner], sizeof(uuids[0]), "%08d-1111-4111-8111-111111111111", owner);
    g_snprintf(names[owner], sizeof(names[0]), "domain%d", owner);
    return (RlDomainRef){.driver = owner == BY_HAND ? RL_OWNER_BY_HAND
                                   : owner % 2      ? "libxl"
                                                    : "qemu",
                         .uuid = uuids[owner],
                         .name = names[owner]};
}

int
owner_find(const RlImageOwner *run)
{
    for (int i = 1; run && i <= BY_HAND; i++) {
        RlDomainRef owner = owner_of(i);
        if (rl_image_owner_is_of(run, &owner))
            return i;
    }
    return run ? -1 : 0;
}

char *
label_of(int label)
{
    return g_strdup_printf("label-%d", label);
}

int
label_find(const char *label)
{
    return g_str_has_prefix(label, "label-") ? atoi(label + strlen("label-")) : 0;
}

const char *
op_name(OpKind kind)
{
    static const char *const names[OP_KINDS] = {"create",
                                                "clone",
                                                "label",
                                                "revert",
                                                "upload",
                                                "start",
                                                "arrive",
                                                "arrived",
                                                "refute",
                                                "drop-arrival",
                                                "claim",
                                                "pass-on",
                                                "note-end",
                                                "end-late",
                                                "open",
                                                "write",
                                                "close",
                                                "stop",
                                                "unstart",
                                                "save",
                                                "keep",
                                                "announce",
                                                "restore",
                                                "confirm",
                                                "continue",
                                                "discard",
                                                "resize",
                                                "delete",
                                                "delete-revision",
                                                "tidy",
                                                "maintain",
                                                "list",
                                                "state",
                                                "read",
                                                "age",
                                                "edit",
                                                "foreign",
                                                "take-away",
                                                "quiet"};

    return names[kind];
}

void
make_pool(const char *path)
{
    g_autoptr(RlOptions) options = rl_options_new();
    RlAccess access = {(mode_t) -1, (uid_t) -1, (gid_t) -1};
    GError *error = NULL;

    for (int i = 0; i < VOLUMES; i++)
        rl_options_add_rule(options, volume_names[i], volume_keep[i],
                            volume_kinds[i] == RL_KIND_SNAPSHOT ? -1 : (int) volume_kinds[i]);
    options->path_links = true;
    rl_pool_build(path, options, &access, rl_xml_documents(), &error);
    g_assert_no_error(error);
}

RlPool *
open_pool(void)
{
    GError *error = NULL;
    RlPool *pool = rl_pool_open(pool_path, rl_xml_documents(), &error);

    g_assert_no_error(error);
    return pool;
}
