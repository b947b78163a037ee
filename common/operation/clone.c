/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clone.h"

#include <string.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/image/content.h"
#include "common/image/lost-write-witness.h"

bool
rl_clone_require_fit(const RlStagedImage *draft, const char *from, GError **error)
{
    if (draft->asked.given && draft->asked.kind == RL_KIND_VOLATILE)
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "volume '%s' cannot be made from another volume: it is to be volatile, and "
                       "so empty at each start. Create it without a source",
                       draft->name->volume);
    if (draft->asked.given && draft->asked.kind == RL_KIND_SNAPSHOT)
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "volume '%s' cannot be a clone of another volume: it is to be a snapshot. "
                       "Create it with a <backingStore>, which names its source",
                       draft->name->volume);
    if (draft->name->form != RL_NAME_LABEL)
        return true;
    if (draft->asked.given)
        return rl_fail(
            error, RL_ERROR_INVALID,
            "cannot make revision '%s': a revision has no kind of its own. Leave out '@kind='",
            draft->name->text);
    g_autoptr(RlName) name = from ? rl_name_parse(from, NULL) : NULL;
    if (name && strcmp(name->volume, draft->name->volume) == 0)
        return true;
    return rl_fail(error, RL_ERROR_INVALID,
                   "'%s' can only be made from '%s' or one of its revisions", draft->name->text,
                   draft->name->volume);
}

int
rl_clone_open(RlStagedImage *draft, const RlPool *pool, const char *from, GError **error)
{
    bool live = draft->name->form == RL_NAME_LABEL;

    if (!rl_content_require_whole(pool, from, error))
        return -1;
    rl_autofd int fd = rl_content_open(pool, from, live, error);
    if (fd < 0 || (live && !rl_witness_require_taken(fd, pool, draft->name->volume, error)))
        return -1;
    bool same_pool = pool->dev == draft->pool->dev && pool->ino == draft->pool->ino;
    g_free(draft->origin);
    draft->origin =
        g_strdup_printf("'%s'%s%s", from, same_pool ? "" : " in ", same_pool ? "" : pool->path);
    return rl_fd_steal(&fd);
}

/* What is made from another volume is persistent, unless its name asks for direct. */
static bool
publish_volume(RlStagedImage *draft, uint64_t capacity, GError **error)
{
    g_autoptr(RlRecord) record = draft->asked.given && draft->asked.kind == RL_KIND_DIRECT
                                     ? rl_record_new(RL_KIND_DIRECT, NULL, capacity)
                                     : NULL;

    return rl_staged_create(draft, record, capacity, error);
}

bool
rl_clone_publish(RlStagedImage *draft, uint64_t capacity, GError **error)
{
    switch (draft->name->form) {
    case RL_NAME_HEAD:
        return publish_volume(draft, capacity, error);
    case RL_NAME_LABEL:
        return rl_staged_label(draft, error);
    case RL_NAME_CURRENT:
        return rl_staged_replace(draft, error);
    case RL_NAME_REVISION:
        break;
    }
    g_assert_not_reached();
}

/* The others get the volume's own access when they are published. */
static bool
give_access(const RlStagedImage *draft, int from, GError **error)
{
    return draft->name->form != RL_NAME_HEAD || rl_access_copy(from, draft->fd, error);
}

RlStagedImage *
rl_clone_begin(RlPool *pool, const char *to, GError **error)
{
    RlAskedKind asked;
    g_autofree char *name = rl_asked_kind_split(to, &asked, error);
    g_autoptr(RlStagedImage) draft = NULL;

    if (!name) {
        rl_pool_close(pool);
        return NULL;
    }
    draft = rl_staged_begin(pool, name, error);
    if (draft)
        draft->asked = asked;
    return g_steal_pointer(&draft);
}

RlStagedImage *
rl_clone_fill(RlPool *pool, const char *to, const char *from, GError **error)
{
    g_autoptr(RlStagedImage) draft = rl_clone_begin(pool, to, error);

    if (!draft || !rl_clone_require_fit(draft, from, error))
        return NULL;
    /* First: what cannot be read costs no revision number. */
    rl_autofd int fd = rl_clone_open(draft, draft->pool, from, error);
    if (fd < 0 || !rl_staged_open(draft, &RL_ACCESS_DEFAULT, error) ||
        !rl_staged_fill(draft, fd, 0, draft->pool->options->fallback_copy, error) ||
        !give_access(draft, fd, error))
        return NULL;
    return g_steal_pointer(&draft);
}

RlStagedImage *
rl_clone_make(RlPool *pool, const char *to, const char *from, GError **error)
{
    g_autoptr(RlStagedImage) draft = rl_clone_fill(pool, to, from, error);

    return draft && rl_clone_publish(draft, 0, error) ? g_steal_pointer(&draft) : NULL;
}
