/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "revision-source.h"

#include "backend/libvirt/pool-registry.h"
#include "common/format/volume-name.h"
#include "common/pool/revision-list.h"
#include "xml/documents.h"

bool
rl_revision_source_find(const char *pool_name, const char *text, RlRevisionSource *revision,
                        GError **error)
{
    g_autofree char *root = NULL;

    if (!text || !rl_pools_reflink_root(pool_name, &root, error))
        return !text;
    g_autoptr(RlName) name = root ? rl_name_parse(text, NULL) : NULL;
    if (!name || (name->form != RL_NAME_REVISION && name->form != RL_NAME_LABEL))
        return true;
    revision->pool = rl_pool_open(root, rl_xml_documents(), error);
    revision->volume = revision->pool ? rl_volume_open(revision->pool, name->volume, error) : NULL;
    if (!revision->volume || revision->volume->dir < 0)
        return revision->volume != NULL;
    g_autoptr(GPtrArray) all = rl_revisions_list(revision->volume->dir, name->leaf, error);
    const RlRevision *found;
    if (!all || !rl_revisions_find_named(all, name, &found, error))
        return false;
    if (found) {
        revision->file = g_strdup(found->file);
        revision->labelled = found->label != NULL;
    }
    return true;
}

void
rl_revision_source_clear(RlRevisionSource *revision)
{
    g_clear_pointer(&revision->file, g_free);
    g_clear_pointer(&revision->volume, rl_volume_close);
    g_clear_pointer(&revision->pool, rl_pool_close);
}
