/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "show-volume.h"

#include "backend/cli/cli.h"
#include "common/base/autofd.h"
#include "common/format/image-base.h"
#include "common/format/image-id.h"
#include "common/pool/pool-mark.h"
#include "revision-changes.h"

RlLook *
rl_look(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlLook) look = g_new0(RlLook, 1);

    look->volume = rl_volume_find(pool, name, error);
    if (!look->volume ||
        !rl_state_get_below(look->volume, &look->state, &look->run, &look->below, error))
        return NULL;
    return g_steal_pointer(&look);
}

void
rl_look_free(RlLook *look)
{
    if (!look)
        return;
    rl_volume_close(look->volume);
    rl_image_owner_free(look->run);
    g_free(look->below);
    g_free(look);
}

/* Any doubt is yes. */
static bool
is_from(const RlVolume *volume, const RlVolume *source)
{
    rl_autofd int dirty = rl_volume_open_image(volume, volume->dirty_file, NULL);
    rl_autofd int clean = rl_volume_open_image(source, source->clean_file, NULL);
    g_autofree char *id = NULL;
    RlImageBase base = {0};

    if (dirty < 0 || clean < 0 || !rl_image_id_get(clean, &id, NULL) ||
        !rl_image_base_get(dirty, &base, NULL))
        return true;
    bool same = rl_image_base_is(&base, id, &source->clean.st);
    rl_image_base_free_members(&base);
    return same;
}

/* It has its only image under the other name until it stops. */
static bool
is_direct_run(const RlVolume *source)
{
    return source->kind == RL_KIND_DIRECT && source->dirty.there;
}

const char *
rl_look_source_state(const RlLook *look)
{
    const RlVolume *volume = look->volume;

    if (volume->kind != RL_KIND_SNAPSHOT || !volume->record)
        return NULL;
    g_autoptr(RlVolume) source = rl_volume_open(volume->pool, volume->record->source, NULL);
    if (!source || !(source->clean.there || is_direct_run(source)))
        return "gone";
    return volume->dirty.there && !is_from(volume, source) ? "outdated" : "current";
}

const RlImage *
rl_look_image(const RlLook *look)
{
    const RlVolume *volume = look->volume;

    return volume->dirty.there ? &volume->dirty : volume->clean.there ? &volume->clean : NULL;
}

const char *
rl_look_next_step(const RlLook *look)
{
    bool keeps = look->volume->kind == RL_KIND_PERSISTENT || look->volume->kind == RL_KIND_DIRECT;

    if (look->run && look->run->ended)
        return "free some space, and type 'virt-reflink stop' to commit it";
    switch (look->state) {
    case RL_STATE_LEFT:
        return keeps ? "the next start continues with it; 'virt-reflink stop' commits it, "
                       "'virt-reflink discard' drops it"
                     : "the next start drops it, unless it was kept; 'virt-reflink continue' "
                       "keeps it";
    case RL_STATE_SAVED:
        return "restore its domain, or decide with 'virt-reflink continue' or 'discard'";
    case RL_STATE_SUSPECT:
    case RL_STATE_FOREIGN:
        return "examine its content, and decide with 'virt-reflink continue' or 'discard'";
    case RL_STATE_BELOW:
        return "merge the overlay with 'virsh blockcommit --active --pivot' while the domain runs";
    case RL_STATE_ORPHAN:
        return "clone it to a named revision, 'virsh vol-clone VOLUME VOLUME@rescued'";
    case RL_STATE_STOPPED:
    case RL_STATE_RUNNING:
        break;
    }
    return NULL;
}

static void
write_image(RlJson *json, const char *name, const RlVolume *volume, const char *file,
            const RlImage *image)
{
    if (!image->there)
        return;
    g_autofree char *path = g_build_filename(volume->pool->path, volume->name->dir, file, NULL);
    rl_json_begin_object(json, name);
    rl_json_string(json, "path", path);
    rl_json_number(json, "size", (guint64) image->st.st_size);
    rl_json_number(json, "allocated", (guint64) image->st.st_blocks * 512);
    rl_json_time(json, "modified", image->st.st_mtim.tv_sec);
    rl_json_end(json);
}

static void
write_domain(RlJson *json, const RlImageOwner *run)
{
    gint64 since_us = rl_image_owner_began_us(run);

    rl_json_begin_object(json, "domain");
    rl_json_string(json, "name", run->name);
    rl_json_string(json, "uuid", run->uuid);
    rl_json_string(json, "driver", run->driver);
    if (since_us > 0)
        rl_json_time(json, "since", (time_t) (since_us / G_USEC_PER_SEC));
    rl_json_bool(json, "waits_for_space", run->ended);
    rl_json_end(json);
}

void
rl_look_json(const RlLook *look, RlJson *json)
{
    const RlVolume *volume = look->volume;
    const RlImage *image = rl_look_image(look);
    uint64_t capacity;

    rl_json_string(json, "kind", rl_kind_to_string(volume->kind));
    rl_json_string(json, "state", rl_state_to_string(look->state));
    if (rl_volume_capacity(volume, &capacity, NULL))
        rl_json_number(json, "size", capacity);
    rl_json_number(json, "allocated", image ? (guint64) image->st.st_blocks * 512 : 0);
    if (volume->clean.there)
        rl_json_time(json, "last_commit", volume->clean.st.st_mtim.tv_sec);
    if (volume->record && volume->record->source) {
        rl_json_string(json, "source", volume->record->source);
        rl_json_string(json, "source_state", rl_look_source_state(look));
    }
    if (look->run)
        write_domain(json, look->run);
    if (look->below)
        rl_json_string(json, "overlay_of", look->below);
    if (volume->contradictory)
        rl_json_bool(json, "contradictory", true);
    write_image(json, "clean_image", volume, volume->clean_file, &volume->clean);
    write_image(json, "dirty_image", volume, volume->dirty_file, &volume->dirty);
    write_image(json, "precache", volume, volume->precache_file, &volume->precache);
    if (rl_look_next_step(look))
        rl_json_string(json, "next_step", rl_look_next_step(look));
}

static void
write_changed(RlJson *json, const RlChanged *changed, const char *volume)
{
    if (!changed->before)
        return;
    g_autofree char *since = rl_revision_name(changed->before, volume);
    rl_json_string(json, "changed_since", since);
    rl_json_number(json, "changed", changed->bytes);
    rl_json_bool(json, "changed_exact", changed->exact);
}

void
rl_look_revisions_json(const GPtrArray *revisions, const GArray *changes, const char *name,
                       RlJson *json)
{
    rl_json_begin_array(json, "revisions");
    for (guint i = 0; i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        g_autofree char *text = rl_revision_name(revision, name);
        rl_json_begin_object(json, NULL);
        rl_json_string(json, "name", text);
        if (revision->label)
            rl_json_string(json, "label", revision->label);
        else
            rl_json_number(json, "number", revision->number);
        rl_json_time(json, "modified", revision->st.st_mtim.tv_sec);
        rl_json_time(json, "put_aside", revision->st.st_ctim.tv_sec);
        rl_json_number(json, "size", (guint64) revision->st.st_size);
        rl_json_number(json, "allocated", (guint64) revision->st.st_blocks * 512);
        if (changes)
            write_changed(json, &g_array_index(changes, RlChanged, i), name);
        rl_json_end(json);
    }
    rl_json_end(json);
}

void
rl_look_warn_if_blind(const RlPool *pool)
{
    g_autoptr(GError) error = NULL;

    if (!rl_pool_mark_check(pool, &error))
        rl_call_warn(NULL, "%s", error->message);
}
