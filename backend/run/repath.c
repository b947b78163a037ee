/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/image-path.h"
#include "backend/cli/question.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/format/image-owner.h"
#include "common/format/volume-name.h"
#include "common/image/short-path.h"
#include "common/pool/volume-state.h"
#include "common/pool/volume.h"
#include "defined-domain.h"
#include "xml/disk-sources.h"
#include "xml/domain.h"

#define WHAT "given another path in a definition"

/* A disk that gets another path. */
typedef struct {
    char *volume, *target, *old, *path;
} Change;

/* A domain whose disks get other paths. */
typedef struct {
    const RlDefinedDomain *domain; /* borrowed */
    GPtrArray *changes;            /* Change */
    char *before, *after;          /* the definition */
} Plan;

static void
change_free(void *data)
{
    Change *change = data;

    g_free(change->volume);
    g_free(change->target);
    g_free(change->old);
    g_free(change->path);
    g_free(change);
}

static void
plan_free(Plan *plan)
{
    g_ptr_array_unref(plan->changes);
    g_free(plan->before);
    g_free(plan->after);
    g_free(plan);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

/* The name of the volume of @pool that the path @file below it means as a disk, owned by the
 * caller: by its dirty image, or by its link. NULL for all else, such as a clean image. */
static char *
volume_of(const RlPool *pool, const char *file)
{
    g_autofree char *dir = g_path_get_dirname(file), *base = g_path_get_basename(file);
    RlFileName parsed = rl_file_name_parse(base);

    if (!strchr(file, '/'))
        return rl_short_path_volume(pool, file);
    return parsed.role == RL_FILE_DIRTY ? rl_name_join(dir, parsed.leaf) : NULL;
}

/* What @disk is to get, owned by the caller; NULL where it stays as it is. */
static Change *
find_change(const RlPool *pool, const char *root, const RlDisk *disk)
{
    size_t length = strlen(root);

    if (!disk->path || !g_str_has_prefix(disk->path, root) || disk->path[length] != '/')
        return NULL;
    g_autofree char *volume = volume_of(pool, disk->path + length + 1);
    g_autofree char *path = volume ? rl_disk_path(pool, volume, NULL) : NULL;
    if (!path || strcmp(path, disk->path) == 0)
        return NULL;
    Change *change = g_new0(Change, 1);
    *change = (Change){.volume = g_steal_pointer(&volume),
                       .target = g_strdup(disk->target),
                       .old = g_strdup(disk->path),
                       .path = g_steal_pointer(&path)};
    return change;
}

static bool
write_after(Plan *plan, const RlDomain *parsed, GError **error)
{
    g_autoptr(GHashTable) paths = g_hash_table_new(g_str_hash, g_str_equal);
    guint n;

    if (parsed->odd)
        return rl_fail(error, RL_ERROR_XML, "libvirt may read its definition in another way: %s",
                       parsed->odd);
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = g_ptr_array_index(plan->changes, i);
        g_hash_table_insert(paths, change->old, change->path);
    }
    plan->after = rl_xml_disk_sources_replace(plan->before, paths, parsed->name, &n, error);
    /* A disk of another type has its path in another attribute. */
    return plan->after && (n == plan->changes->len ||
                           rl_fail(error, RL_ERROR_XML,
                                   "it names some of its volumes in another place than <source "
                                   "file='...'>. Change its paths with 'virsh edit'"));
}

/* What there is to do for @domain: maybe nothing. NULL where that cannot be told. */
static Plan *
make_plan(const RlPool *pool, const RlDefinedDomain *domain, GError **error)
{
    g_autoptr(Plan) plan = g_new0(Plan, 1);
    g_autofree char *root = rl_image_root(pool);
    const char *name = rl_defined_domain_ref(domain).name;

    plan->domain = domain;
    plan->changes = g_ptr_array_new_with_free_func(change_free);
    plan->before = rl_defined_domain_xml(domain, error);
    g_autoptr(RlDomain) parsed =
        plan->before ? rl_xml_domain_parse(plan->before, strlen(plan->before), name, error) : NULL;
    for (guint i = 0; parsed && i < parsed->disks->len; i++) {
        Change *change = find_change(pool, root, g_ptr_array_index(parsed->disks, i));
        if (change)
            g_ptr_array_add(plan->changes, change);
    }
    if (!parsed || (plan->changes->len > 0 && !write_after(plan, parsed, error)))
        return NULL;
    return g_steal_pointer(&plan);
}

/* The run of a leftover is noted with its domain, and an overlay has the path in its header. */
static bool
require_at_rest(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_autoptr(RlImageOwner) run = NULL;
    g_autofree char *below = NULL;
    RlState state;

    if (!volume || !rl_state_get_below(volume, &state, &run, &below, error))
        return false;
    if (below)
        return rl_state_refuse_below(volume, WHAT, below, error);
    if (state != RL_STATE_STOPPED)
        return rl_fail(error, RL_ERROR_STATE,
                       "volume '%s' cannot be " WHAT ": it has a dirty image (%s). Stop, continue "
                       "or discard it first: see virt-reflink(8)",
                       name, rl_state_to_string(state));
    return rl_state_require_no_base(volume, WHAT, error);
}

static bool
require_permitted(const RlPool *pool, const Plan *plan, GError **error)
{
    if (!rl_defined_domain_require_off(plan->domain, error))
        return false;
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = g_ptr_array_index(plan->changes, i);
        if (!rl_defined_domain_require_unnamed(plan->domain, change->old, error) ||
            !require_at_rest(pool, change->volume, error))
            return false;
    }
    return true;
}

/* libvirt cannot compare and define in one step: what somebody else defines between our look and
 * our definition, a moment, is lost. What was defined since the question is not. */
static bool
define(const RlPool *pool, const Plan *plan, GError **error)
{
    g_autofree char *now = NULL;
    const char *name = rl_defined_domain_ref(plan->domain).name;

    if (!require_permitted(pool, plan, error))
        return false;
    now = rl_defined_domain_xml(plan->domain, error);
    if (!now)
        return false;
    if (strcmp(now, plan->before) != 0)
        return rl_fail(error, RL_ERROR_STATE,
                       "domain '%s' was not changed: its definition has changed meanwhile. Type "
                       "the command again",
                       name);
    if (!rl_defined_domain_define(plan->domain, plan->after, error))
        return false;
    g_autoptr(Plan) left = make_plan(pool, plan->domain, error);
    return left && (left->changes->len == 0 ||
                    rl_fail(error, RL_ERROR_STATE,
                            "libvirt has defined domain '%s' with other paths than it was given. "
                            "Look at 'virsh dumpxml %s --inactive'",
                            name, name));
}

/* @cause, which it takes, is why @domain stays as it is: what the command ends with if that is the
 * one that was asked for. */
static void
note_refusal(const RlCall *call, const RlDefinedDomain *domain, GPtrArray *refused, GError *cause,
             GError **error)
{
    const char *name = rl_defined_domain_ref(domain).name;

    rl_error_about(&cause, "domain", name);
    g_ptr_array_add(refused, g_strdup(name));
    if (rl_call_name(call, 0)) {
        g_propagate_error(error, cause);
        return;
    }
    rl_call_warn(call, "%s", cause->message);
    g_error_free(cause);
}

static GPtrArray *
make_plans(const RlCall *call, const RlDefinedDomains *domains, GPtrArray *refused, GError **error)
{
    const GPtrArray *list = rl_defined_domains_list(domains);
    GPtrArray *plans = g_ptr_array_new_with_free_func((GDestroyNotify) plan_free);

    for (guint i = 0; i < list->len; i++) {
        const RlDefinedDomain *domain = g_ptr_array_index(list, i);
        g_autoptr(GError) cause = NULL;
        g_autoptr(Plan) plan = make_plan(call->pool, domain, &cause);
        if (plan && plan->changes->len == 0)
            continue;
        if (plan && require_permitted(call->pool, plan, &cause))
            g_ptr_array_add(plans, g_steal_pointer(&plan));
        else
            note_refusal(call, domain, refused, g_steal_pointer(&cause), error);
    }
    return plans;
}

static void
show_plan(const RlCall *call, const Plan *plan)
{
    RlJson *json = call->document->json;
    const RlDomainRef domain = rl_defined_domain_ref(plan->domain);

    rl_json_begin_object(json, NULL);
    rl_document_domain(json, &domain);
    rl_json_begin_array(json, "disks");
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = g_ptr_array_index(plan->changes, i);
        rl_json_begin_object(json, NULL);
        rl_json_string(json, "target", change->target);
        rl_json_string(json, "volume", change->volume);
        rl_json_string(json, "old_path", change->old);
        rl_json_string(json, "path", change->path);
        rl_json_end(json);
        rl_call_say(call, "domain %s, disk %s: %s -> %s", domain.name,
                    change->target ? change->target : "?", change->old, change->path);
    }
    rl_json_end(json);
    rl_json_end(json);
}

static void
define_all(RlCall *call, const GPtrArray *plans, GPtrArray *refused, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < plans->len; i++) {
        const Plan *plan = g_ptr_array_index(plans, i);
        g_autoptr(GError) cause = NULL;
        if (define(call->pool, plan, &cause)) {
            const char *name = rl_defined_domain_ref(plan->domain).name;
            g_ptr_array_add(names, (char *) name);
            rl_call_say(call, "The definition of domain %s is changed.", name);
        } else {
            note_refusal(call, plan->domain, refused, g_steal_pointer(&cause), error);
        }
    }
    call->document->changed = names->len > 0;
    rl_document_strings(call->document->json, "redefined", names);
}

static RlExit
run(RlCall *call, const RlDefinedDomains *domains, bool yes, bool dry_run, GError **error)
{
    g_autoptr(GPtrArray) refused = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) plans = make_plans(call, domains, refused, error);
    RlJson *json = call->document->json;

    rl_json_begin_array(json, "domains");
    for (guint i = 0; i < plans->len; i++)
        show_plan(call, g_ptr_array_index(plans, i));
    rl_json_end(json);
    call->document->planned = dry_run;
    if (plans->len == 0 && refused->len == 0)
        rl_call_say(call, "There is nothing to change.");
    if (!dry_run && plans->len > 0 &&
        !rl_ask(call, yes, error, "Change the definitions of %u domains?", plans->len))
        return RL_EXIT_FAILED;
    if (!dry_run)
        define_all(call, plans, refused, error);
    rl_document_strings(json, "refused", refused);
    return rl_call_done(refused->len == 0);
}

RlExit
rl_command_repath(RlCall *call, GError **error)
{
    gboolean yes = FALSE, dry_run = FALSE;
    const GOptionEntry options[] = {
        {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &dry_run, "Say what would be changed", NULL},
        {"yes", 'y', 0, G_OPTION_ARG_NONE, &yes, "Ask no question", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    g_autoptr(RlDefinedDomains) domains = rl_defined_domains_find(rl_call_name(call, 0), error);
    return domains ? run(call, domains, yes, dry_run, error) : RL_EXIT_FAILED;
}
