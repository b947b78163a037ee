/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "backend/cli/known-pools.h"
#include "backend/cli/pool-place.h"
#include "common/base/error.h"
#include "common/fs/shared-fs.h"
#include "common/operation/pool-build.h"
#include "common/pool/free-space.h"
#include "common/pool/pool-mark.h"
#include "doctor.h"
#include "xml/documents.h"

/* What an inactive pool is started with. */
static void
report_unbuilt(RlReport *report, const char *topic, const RlKnownPool *known, const GError *error)
{
    g_autofree char *point = rl_pool_place_unmounted(known->path);

    if (point)
        rl_report_wrong(report, topic,
                        "the file system at '%s' is not mounted (/etc/fstab has it): type 'mount "
                        "%s', then 'virsh -c " RL_SYSTEM_URI " pool-start %s'",
                        point, point, known->name);
    else
        rl_report_wrong(report, topic,
                        "%s: mount its file system; if there is none, type 'virsh -c " RL_SYSTEM_URI
                        " pool-build %s'",
                        error->message, known->name);
}

static bool
report_error(RlReport *report, const char *topic, GError **error)
{
    rl_report_wrong(report, topic, "%s", (*error)->message);
    g_clear_error(error);
    return false;
}

/* Without its options in the XML only the marker says that it is a reflink pool: on the directory
 * below a file system that is not mounted it would be a plain pool. */
static bool
look_at_options(RlReport *report, const char *topic, const RlKnownPool *known)
{
    bool lost = known->definition && !known->definition->options;

    if (!lost && (!known->state || known->state->options))
        return true;
    if (lost)
        rl_report_wrong(report, topic,
                        "its definition has no <reflink:options>; its marker still has them: type "
                        "'virsh -c " RL_SYSTEM_URI " pool-edit %s', and put those of '%s/%s' into "
                        "<pool>",
                        known->name, known->path, RL_POOL_MARKER);
    else
        rl_report_wrong(report, topic,
                        "the active pool has no <reflink:options>: a daemon without the module has "
                        "read it: type 'virsh -c " RL_SYSTEM_URI " pool-destroy %s', then the same "
                        "with 'pool-start', while no domain runs on it",
                        known->name);
    return false;
}

static bool
look_at_marks(RlReport *report, const char *topic, const RlPool *pool)
{
    g_autoptr(GError) error = NULL;

    if (!rl_pool_mark_check(pool, &error) ||
        !rl_shared_fs_require_none(pool->root, pool->path, &error) || !rl_pool_probe(pool, &error))
        return report_error(report, topic, &error);
    return true;
}

static bool
look_at_space(RlReport *report, const char *topic, const RlPool *pool, char **ret_space)
{
    g_autoptr(GError) error = NULL;
    bool low;

    if (!rl_free_space_look(pool, &low, ret_space, &error))
        return report_error(report, topic, &error);
    if (!low)
        return true;
    rl_report_wrong(
        report, topic,
        "%s; a commit needs space: delete volumes or revisions ('virsh -c " RL_SYSTEM_URI
        " vol-delete'), or enlarge the file system",
        *ret_space);
    return false;
}

static void
look_at_pool(RlReport *report, const RlKnownPool *known)
{
    g_autofree char *topic = g_strconcat("pool ", known->name, NULL);
    g_autofree char *space = NULL, *place = rl_pool_place_describe(known->path);
    g_autoptr(GError) error = NULL;
    g_autoptr(RlPool) pool = rl_pool_open(known->path, rl_xml_documents(), &error);

    if (!pool) {
        if (g_error_matches(error, RL_ERROR, RL_ERROR_NOT_BUILT) ||
            rl_error_is_errno(error, ENOENT))
            report_unbuilt(report, topic, known, error);
        else
            report_error(report, topic, &error);
        look_at_options(report, topic, known);
        return;
    }
    bool good = look_at_options(report, topic, known);
    good = look_at_marks(report, topic, pool) && good;
    good = look_at_space(report, topic, pool, &space) && good;
    if (good)
        rl_report_ok(report, topic, "%s, '%s' on %s, %s, %s", known->state ? "active" : "inactive",
                     known->path, place,
                     pool->options->fallback_copy ? "images may be copied" : "reflinks work",
                     space);
}

/* Has it our options, or its directory a marker? Else it is a plain pool. */
static bool
is_reflink(const RlKnownPool *known)
{
    RlMarker marker;

    if ((known->definition && known->definition->options) ||
        (known->state && known->state->options))
        return true;
    return rl_pool_look(known->path, &marker, NULL) && marker != RL_MARKER_NONE;
}

void
rl_doctor_pools(RlReport *report)
{
    g_autoptr(GPtrArray) pools = NULL;
    guint seen = 0;

    if (rl_report_needs_root(report, "pools"))
        return;
    pools = rl_known_pools_read();
    for (guint i = 0; i < pools->len; i++) {
        const RlKnownPool *known = g_ptr_array_index(pools, i);
        if (known->problem)
            rl_report_wrong(report, "pool", "libvirt's file of pool '%s' cannot be read: %s",
                            known->name, known->problem);
        if (!known->path || !is_reflink(known))
            continue;
        seen++;
        look_at_pool(report, known);
    }
    if (seen == 0)
        rl_report_ok(report, "pools", "libvirt knows no reflink pool");
}
