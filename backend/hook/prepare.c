/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hook.h"

#include <string.h>

#include "arrival.h"
#include "at-rest.h"
#include "backend/libvirt/xen-disks.h"
#include "broken-job.h"
#include "calling-daemon.h"
#include "claim-all.h"
#include "clean-dates.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/volume-name.h"
#include "common/image/lost-write-witness.h"
#include "common/image/short-path.h"
#include "common/image/volume-path.h"
#include "common/operation/save.h"
#include "common/operation/start.h"
#include "daemon-version.h"
#include "domain-volumes.h"
#include "end-reason.h"
#include "header-layers.h"
#include "layer-base.h"
#include "outside-disks.h"
#include "owner.h"
#include "read-ahead.h"
#include "refused.h"
#include "restore-note.h"
#include "run-record.h"
#include "save-file.h"
#include "saved-reads.h"
#include "saved-xml.h"
#include "started-volumes.h"
#include "unmarked-volumes.h"

/* A domain that was not started through libvirt left no name on the image; under Xen libxl knows
 * it. */
static void
name_xen_owner(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, NULL);

    if (!volume || !g_error_matches(*error, RL_ERROR, RL_ERROR_BUSY))
        return;
    g_autofree char *path =
        g_build_filename(pool->path, volume->name->dir, volume->dirty_file, NULL);
    g_autofree char *owner = rl_xen_disks_owner(path);
    if (!owner)
        return;
    g_autofree char *sentence =
        g_strdup_printf("%s; the Xen domain '%s' has it as a disk", (*error)->message, owner);
    g_clear_error(error);
    rl_fail(error, RL_ERROR_BUSY, "%s", sentence);
}

static RlStarted *
start(const RlDomainVolume *use, const RlDomainRef *owner, RlStartFlags how, GError **error)
{
    RlPool *pool = rl_domain_volume_pool(use, error);
    RlStartFlags flags = (use->readonly ? RL_START_READONLY : 0) |
                         (use->overlaid ? RL_START_OVERLAID : 0) | (how & RL_START_RESTORED);

    if (!pool)
        return NULL;
    /* No migration writes to the others. */
    if (!use->readonly && !use->overlaid)
        flags |= how & RL_START_ARRIVING;
    RlStarted *started = rl_volume_start(pool, use->name, owner, flags, error);
    if (!started) {
        rl_error_about(error, "volume", use->name);
        name_xen_owner(pool, use->name, error);
    }
    return started;
}

/* libvirt opens the path that the module has given the volume. */
static bool
link_path(const RlPool *pool, const RlDomainVolume *use, GError **error)
{
    g_autoptr(RlName) name = rl_name_parse_volume(use->name, error);

    if (!name)
        return false;
    if (!rl_pool_has_links(pool, name->dir))
        return true;
    g_autofree char *inside = rl_volume_path_inside(pool, name->dir, name->leaf);
    return rl_short_path_make(pool, inside ? inside : name->leaf, use->name, error);
}

/* Makes the path good that the domain knows the volume by, before anybody opens it. */
static bool
link_alias(const RlDomainVolume *use, GError **error)
{
    if (!use->alias && !use->pool)
        return true;
    RlPool *pool = rl_domain_volume_pool(use, error);
    return pool && (!use->alias || rl_short_path_make(pool, use->alias, use->name, error)) &&
           (!use->pool || link_path(pool, use, error));
}

static void
put_back(const RlDomainVolume *use, const RlStarted *started, const RlDomainRef *owner)
{
    g_autoptr(GError) error = NULL;
    RlPool *pool = rl_domain_volume_pool(use, &error);

    if (!pool || !rl_volume_unstart(pool, started, owner, &error))
        rl_log_warning("domain %s: cannot undo the start of %s: %s", owner->name, use->name,
                       error->message);
    if (pool)
        rl_short_path_tidy(pool, use->name);
}

/* A domain is restored on all of its disks: those that say which save they are of are of the same.
 */
static bool
require_same_save(const GPtrArray *started, GError **error)
{
    const RlStarted *last = g_ptr_array_index(started, started->len - 1);

    for (guint i = 0; last->save && i + 1 < started->len; i++) {
        const RlStarted *one = g_ptr_array_index(started, i);
        if (one->save && strcmp(one->save, last->save) != 0)
            return rl_fail(
                error, RL_ERROR_STATE,
                "volumes '%s' and '%s' belong to different saves of the domain: one of them was "
                "put back to an earlier state. Put the other back as well, or type 'virt-reflink "
                "continue' for both and start the domain without memory",
                one->volume, last->volume);
    }
    return true;
}

/* libvirt drops a disk whose startupPolicy allows that from the run if its source is not there, but
 * only after it has called us. Where there is a dirty image the domain would get that. */
static bool
is_dropped(const RlDomainVolume *use, const RlDomainRef *owner, RlStartFlags how,
           const GError *cause)
{
    bool may_be_missing = use->startup == RL_STARTUP_OPTIONAL ||
                          (use->startup == RL_STARTUP_REQUISITE && (how & RL_START_RESTORED));

    if (!may_be_missing || strcmp(owner->driver, "qemu") != 0 ||
        !g_error_matches(cause, RL_ERROR, RL_ERROR_NOT_FOUND))
        return false;
    RlPool *pool = rl_domain_volume_pool(use, NULL);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, use->name, NULL) : NULL;
    if (!volume || volume->dirty.there)
        return false;
    rl_log_warning("domain %s: starts without a disk: %s", owner->name, cause->message);
    return true;
}

/* What was started, and for which use. */
typedef struct {
    GPtrArray *started, *uses;
} Started;

static Started
started_new(void)
{
    return (Started){g_ptr_array_new_with_free_func((GDestroyNotify) rl_started_free),
                     g_ptr_array_new()};
}

static void
started_clear(Started *all)
{
    g_ptr_array_unref(all->started);
    g_ptr_array_unref(all->uses);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Started, started_clear)

static void
put_back_all(const Started *all, const RlDomainRef *owner)
{
    for (guint i = all->started->len; i-- > 0;)
        put_back(g_ptr_array_index(all->uses, i), g_ptr_array_index(all->started, i), owner);
}

static bool
start_all(const GPtrArray *uses, const RlDomainRef *owner, RlStartFlags how, Started *all,
          GError **error)
{
    for (guint i = 0; i < uses->len; i++) {
        RlDomainVolume *use = g_ptr_array_index(uses, i);
        g_autoptr(GError) cause = NULL;
        RlStarted *one = start(use, owner, how, &cause);
        if (!one && is_dropped(use, owner, how, cause))
            continue;
        if (one) {
            g_ptr_array_add(all->started, one);
            g_ptr_array_add(all->uses, use);
        }
        if (one && require_same_save(all->started, &cause) && link_alias(use, &cause))
            continue;
        put_back_all(all, owner);
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    return true;
}

static bool
announce_all(const GPtrArray *uses, const RlDomainRef *owner, GError **error)
{
    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        RlPool *pool = rl_domain_volume_pool(use, error);
        if (!pool || !rl_volume_announce_restore(pool, use->name, owner, error))
            return false;
    }
    return true;
}

/* Before the device model has them. Of a run that nobody ended it is asked first. */
static void
call_witness(const GPtrArray *uses, const RlDomainRef *owner)
{
    g_autoptr(GArray) images = rl_witness_new();

    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        RlPool *pool = use->readonly ? NULL : rl_domain_volume_pool(use, NULL);
        if (pool)
            rl_witness_add(images, pool, use->name);
    }
    rl_witness_begin(owner->uuid, owner, images);
}

/* What another run has left, and lost: another domain's, or an administrator's. */
static bool
ask_others(const GPtrArray *uses, GError **error)
{
    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        RlPool *pool = rl_domain_volume_pool(use, NULL);
        g_autofree char *key = pool ? rl_witness_key_noted(pool, use->name, NULL) : NULL;
        if (key && rl_witness_is_there(key) &&
            !rl_witness_ask_volume(key, NULL, pool, use->name, error))
            return false;
    }
    return true;
}

/* And an earlier one of the domain's own. */
static bool
ask_witness(const GPtrArray *uses, const RlDomainRef *owner, GError **error)
{
    return rl_witness_ask(owner->uuid, owner, error) && ask_others(uses, error);
}

/* Only the qemu driver moves disks in a migration. Whether an announced one has failed, and this
 * start is another, is not seen before libvirt says that the domain has started (arrival.h); but
 * who reads a save file is restored from that. */
static bool
begin_run(const RlDomain *domain, const RlDomainRef *owner, bool restored, RlStartFlags *ret_how,
          GError **error)
{
    g_autoptr(RlMemory) memory = NULL;

    bool arriving = strcmp(owner->driver, "qemu") == 0 && rl_run_record_take_announcement(owner) &&
                    !(restored && rl_end_reason_is_read(domain, &memory));
    if (!rl_run_record_begin(owner, arriving, error))
        return false;
    if (restored)
        rl_run_record_restored(owner);
    *ret_how = (arriving ? RL_START_ARRIVING : 0) | (restored ? RL_START_RESTORED : 0);
    return true;
}

/* What is missing in /run would count as if it were not so: at the end of the run, at a save, and
 * for who asks whose an image is. So no domain runs on a volume, or reads one, without. */
static bool
refuse_unnoted(const RlDomain *domain, const GError *cause, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "domain '%s' cannot be started: its run cannot be recorded (%s). Make room in "
                   "/run, then try again",
                   domain->name, cause->message);
}

static bool
note_started(const RlDomain *domain, const GPtrArray *uses, const Started *all,
             const RlDomainRef *owner, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (rl_at_rest_add_started(domain, uses, &cause) &&
        rl_started_volumes_begin(domain, uses, &cause))
        return true;
    put_back_all(all, owner);
    return refuse_unnoted(domain, cause, error);
}

/* False with why the thread that called us is not to restore @domain. An old note is of a restore
 * that came to nothing, unless the daemon still reads the file. */
static bool
require_no_refusal(const RlDomain *domain, GError **error)
{
    g_autoptr(RlMemory) memory = NULL;
    bool old;
    g_autofree char *refusal = rl_restore_notes_take_refusal(domain->uuid, &old);

    if (!refusal ||
        (old && rl_save_file_find(RL_SAVE_FILE_QEMU, domain->uuid, &memory) == RL_SAVE_FILE_NONE))
        return true;
    return rl_fail(error, RL_ERROR_STATE, "%s", refusal);
}

/* What a domain only reads is compared by what its save noted, or else by the file's date. */
static bool
require_dated(const RlDomain *domain, const RlMemory *memory, GError **error)
{
    return !memory->unfound || memory->reads || memory->noted_us != 0 ||
           !rl_clean_dates_has_any(domain) ||
           rl_fail(error, RL_ERROR_STATE,
                   "domain '%s' cannot be restored: the save file is so short that libvirt has "
                   "already read and closed it, so whether the domain's read-only disks are those "
                   "of the save cannot be determined. Start it without the saved memory ('virsh "
                   "start'; after a managed save first 'virsh managedsave-remove')",
                   domain->name);
}

static bool
prepare(const RlDomain *domain, GError **error)
{
    g_autoptr(GPtrArray) uses = rl_domain_volumes_new();
    g_autoptr(RlMemory) memory = NULL;
    g_autoptr(GError) unnoted = NULL;
    g_autofree char *digest = NULL;
    g_auto(Started) all = started_new();
    RlDomainRef owner = rl_domain_ref_of(domain);
    RlStartFlags how = 0;

    if (!require_no_refusal(domain, error) || !rl_broken_job_recall(domain, error) ||
        !rl_outside_disks_require(domain, error) ||
        !rl_domain_volumes_find(domain, true, uses, error))
        return false;
    /* An earlier run that nobody ended may have left some. */
    rl_at_rest_end(domain);
    rl_header_layers_note(domain);
    /* From then on the names stay with these images. */
    if (!rl_at_rest_begin(domain, false, error) || !rl_layer_bases_require(domain, error))
        return false;
    bool restored = false, has_any = uses->len > 0 || rl_clean_dates_has_any(domain);
    if (has_any && !rl_end_reason_is_restored(domain, &restored, &memory, error))
        return false;
    /* Its volumes may lie below overlays, and only `start` finds them. */
    if (!has_any && strcmp(owner.driver, "qemu") == 0)
        restored = rl_restore_notes_take(domain->uuid, &digest) == RL_RESTORE_ANNOUNCED;
    if (restored && memory) {
        rl_clean_dates_give(uses, memory);
        rl_saved_reads_give(domain, memory);
    }
    owner.memory = memory;
    if (restored && memory && !require_dated(domain, memory, error))
        return false;
    if (restored && !rl_clean_dates_require(domain, &owner, error))
        return false;
    bool noted = begin_run(domain, &owner, restored, &how, &unnoted);
    /* It may be given one while it runs. */
    if (uses->len == 0)
        noted = rl_started_volumes_begin(domain, uses, noted ? &unnoted : NULL) && noted;
    if (!noted && has_any)
        return refuse_unnoted(domain, unnoted, error);
    if (!noted)
        rl_log_warning("domain '%s': cannot record its run: %s", domain->name, unnoted->message);
    if (uses->len == 0)
        return true;
    if (!ask_witness(uses, &owner, error))
        return false;
    /* A restore finds out by itself what fits. */
    if (!restored)
        rl_unmarked_volumes_mark(domain, uses);
    /* The libxl driver has not said so before. */
    if (restored && strcmp(domain->type, "xen") == 0 && !announce_all(uses, &owner, error))
        return false;
    if (!start_all(uses, &owner, how, &all, error) ||
        !note_started(domain, uses, &all, &owner, error))
        return false;
    call_witness(uses, &owner);
    if (restored)
        rl_unmarked_volumes_mark(domain, uses);
    return true;
}

static bool
has_layers(const RlDomain *domain)
{
    for (guint i = 0; i < domain->disks->len; i++) {
        const RlDisk *disk = g_ptr_array_index(domain->disks, i);
        if (rl_disk_has_layers(disk))
            return true;
    }
    return false;
}

/* The call that announced the restore was taken back at `prepare`. A file that is open may be that
 * of a restore beside this start. */
static bool
is_restore(const RlDomain *domain, const RlDomainRef *owner, RlMemory **ret_memory)
{
    RlRunRecord note;

    if (strcmp(owner->driver, "qemu") == 0 && (!rl_run_record_read(owner, &note) || !note.restored))
        return false;
    return rl_end_reason_is_read(domain, ret_memory);
}

bool
rl_event_start(const RlDomain *domain, GError **error)
{
    g_autoptr(GPtrArray) uses = rl_domain_volumes_new(), found = g_ptr_array_new();
    g_autoptr(RlMemory) memory = NULL;
    g_autoptr(GError) cause = NULL;
    g_auto(Started) all = started_new();
    RlDomainRef owner = rl_domain_ref_of(domain);

    if (!has_layers(domain))
        return rl_at_rest_begin(domain, true, error);
    /* Before anything is done with a layer. Of a base another one may have had the name at
     * `prepare`. */
    if (!rl_header_layers_require(domain, error) ||
        !rl_domain_volumes_find(domain, true, uses, error) ||
        !rl_at_rest_begin(domain, true, error) || !rl_layer_bases_require(domain, error))
        return false;
    for (guint i = 0; i < uses->len; i++) {
        RlDomainVolume *use = g_ptr_array_index(uses, i);
        if (use->overlaid && !rl_started_volumes_has(domain, use))
            g_ptr_array_add(found, use);
    }
    if (found->len == 0)
        return true;
    bool restored = is_restore(domain, &owner, &memory);
    owner.memory = memory;
    if (!ask_others(found, error) || (restored && !announce_all(found, &owner, error)) ||
        !start_all(found, &owner, restored ? RL_START_RESTORED : 0, &all, error))
        return false;
    if (!rl_started_volumes_add(domain, found, &cause)) {
        put_back_all(&all, &owner);
        return refuse_unnoted(domain, cause, error);
    }
    /* A layer that is merged becomes the guest's disk. In place of the one that has the others. */
    call_witness(uses, &owner);
    return true;
}

bool
rl_event_prepare(const RlDomain *domain, GError **error)
{
    if (!prepare(domain, error)) {
        rl_at_rest_end(domain);
        /* libxl calls no release then: the next one is that of a run. */
        if (strcmp(domain->type, "xen") != 0)
            rl_refused_note(domain);
        return false;
    }
    rl_refused_take(domain);
    return true;
}

/* Without the note the start that follows would count as a plain one. Where a refusal would cost
 * the saved memory, the start's own looks at its disks have to do. */
static bool
note_restore(const RlDomain *domain, GError **error)
{
    g_autoptr(GError) cause = NULL;
    int daemon = rl_calling_daemon_pid();
    g_autofree char *digest = rl_daemon_reads_ahead(daemon) ? rl_read_ahead_digest(daemon) : NULL;

    if (rl_restore_notes_note(domain->uuid, digest, &cause))
        return true;
    if (!rl_daemon_drops_refused_saves(rl_calling_daemon_pid()))
        return rl_fail(error, RL_ERROR_STATE,
                       "domain '%s' cannot be restored: %s. Make room in /run, then try again",
                       domain->name, cause->message);
    rl_log_warning("domain '%s': cannot record that it is restored: %s", domain->name,
                   cause->message);
    return true;
}

/* libvirt has the save open by now. What is no regular file (a pipe, a tape) is not found when the
 * start follows, which would count as a plain one. */
static bool
require_save_file(const RlDomain *domain, GError **error)
{
    g_autoptr(RlMemory) memory = NULL;

    return rl_daemon_reads_ahead(rl_calling_daemon_pid()) ||
           rl_save_file_find(RL_SAVE_FILE_QEMU, domain->uuid, &memory) != RL_SAVE_FILE_NONE ||
           rl_fail(error, RL_ERROR_STATE,
                   "domain '%s' cannot be restored: libvirt's daemon has no regular file open that "
                   "holds its memory. Copy the save to a file, then restore from that",
                   domain->name);
}

static bool
restore(const RlDomain *domain, GError **error)
{
    g_autoptr(GPtrArray) uses = rl_domain_volumes_new();
    RlDomainRef owner = rl_domain_ref_of(domain);

    /* The start that follows would not go on without a disk. */
    if (!rl_saved_xml_require(domain, error) || !rl_domain_volumes_find(domain, false, uses, error))
        return false;
    bool may_have_any = uses->len > 0 || rl_clean_dates_has_any(domain) || has_layers(domain);
    if (may_have_any && !require_save_file(domain, error))
        return false;
    if (domain->disks->len > 0 && !note_restore(domain, error))
        return false;
    return announce_all(uses, &owner, error);
}

bool
rl_event_restore(const RlDomain *domain, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (restore(domain, &cause))
        return true;
    /* The refusal is `prepare`'s, which follows: the memory stays. */
    if (rl_daemon_drops_refused_saves(rl_calling_daemon_pid()) &&
        rl_restore_notes_refuse(domain->uuid, cause->message, NULL))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
rl_event_migrate(const RlDomain *domain, GError **error)
{
    g_autoptr(GPtrArray) uses = rl_domain_volumes_new();
    RlDomainRef owner = rl_domain_ref_of(domain);

    if (strcmp(owner.driver, "qemu") != 0)
        return true;
    return rl_domain_volumes_find(domain, false, uses, error) &&
           (uses->len == 0 || rl_run_record_announce_arrival(&owner, error));
}

bool
rl_event_started(const RlDomain *domain, GError **error)
{
    g_autoptr(GPtrArray) uses = rl_domain_volumes_new();
    RlDomainRef owner = rl_domain_ref_of(domain);
    bool all = true;

    rl_at_rest_opened(domain);
    /* What it cannot tell it has said. */
    rl_domain_volumes_find_started(domain, uses, NULL);
    rl_arrival_watch(domain);
    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        g_autoptr(GError) cause = NULL;
        RlPool *pool = rl_domain_volume_pool(use, &cause);
        if (pool && rl_volume_confirm(pool, use->name, &owner, &cause))
            continue;
        /* The others are to be confirmed nevertheless. */
        if (all)
            g_propagate_error(error, g_steal_pointer(&cause));
        all = false;
    }
    return all;
}

bool
rl_event_reconnect(const RlDomain *domain, GError **error)
{
    g_autoptr(GPtrArray) uses = rl_domain_volumes_new();
    g_autoptr(GError) cause = NULL;
    RlDomainRef owner = rl_domain_ref_of(domain);

    rl_layer_bases_note(domain);
    rl_domain_volumes_find_started(domain, uses, NULL);
    rl_claim_all(uses, &owner);
    rl_broken_job_look(domain, uses);
    if (!rl_started_volumes_add(domain, uses, &cause))
        rl_log_warning("domain '%s': cannot record its volumes: %s", domain->name, cause->message);
    rl_at_rest_add_plugged(domain, uses);
    return rl_event_started(domain, error);
}
