/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "defragment-plan.h"

#include <errno.h>
#include <sys/stat.h>

#include "extent-walk.h"
#include "file-error.h"

/* A part of the file that is contiguous on the disk, and may be moved, or may not. */
typedef struct {
    uint64_t start, end; /* bytes; end 0: there is none */
    uint64_t shared;     /* bytes */
    bool movable;
} Run;

/* Small runs that follow each other without a hole; pieces is 0 where there is none. */
typedef struct {
    RlDefragmentRange range;
    uint64_t shared, pieces;
} Group;

/* What is found if what is shared may be moved, or may not. */
typedef struct {
    bool unshare;
    uint64_t limit;
    RlDefragmentPlan *plan; /* only its numbers count if it has no ranges */
    Run run;
    Group group;
} Search;

typedef struct {
    Search wanted, possible;
    uint64_t size; /* of the file, in whole blocks */
} Planning;

static void
add_group(RlDefragmentPlan *plan, const Group *group)
{
    if (plan->ranges && plan->ranges->len >= RL_DEFRAGMENT_RANGES_MAX) {
        plan->partial = true;
        return;
    }
    if (plan->ranges)
        g_array_append_val(plan->ranges, group->range);
    plan->pieces += group->pieces;
    plan->bytes += group->range.end - group->range.start;
    plan->shared += group->shared;
}

static void
end_group(Search *search)
{
    if (search->group.pieces > 1)
        add_group(search->plan, &search->group);
    search->group = (Group){0};
}

static void
end_run(Search *search)
{
    const Run *run = &search->run;
    Group *group = &search->group;

    if (!run->end)
        return;
    if (!run->movable || run->end - run->start >= search->limit ||
        (group->pieces && group->range.end != run->start))
        end_group(search);
    if (!run->movable || run->end - run->start >= search->limit)
        return;
    if (!group->pieces)
        group->range.start = run->start;
    group->range.end = run->end;
    group->shared += run->shared;
    group->pieces++;
}

static void
end_search(Search *search)
{
    end_run(search);
    end_group(search);
}

/* Its blocks behind the end of the file are no part of it. */
static void
search_extent(Search *search, const struct fiemap_extent *extent, bool joined, uint64_t size)
{
    bool shared = extent->fe_flags & FIEMAP_EXTENT_SHARED;
    bool movable =
        rl_extent_is_plain(extent) && extent->fe_logical < size && (!shared || search->unshare);
    Run *run = &search->run;

    if (!joined || movable != run->movable) {
        end_run(search);
        *run = (Run){.start = extent->fe_logical, .movable = movable};
    }
    run->end = movable ? MIN(rl_extent_end(extent), size) : rl_extent_end(extent);
    if (movable && shared)
        run->shared += run->end - extent->fe_logical;
}

static bool
add_extent(const struct fiemap_extent *extent, bool joined, void *data)
{
    Planning *planning = data;

    if (!joined)
        planning->wanted.plan->extents++;
    search_extent(&planning->wanted, extent, joined, planning->size);
    search_extent(&planning->possible, extent, joined, planning->size);
    return true;
}

bool
rl_defragment_plan(int fd, const RlDefragmentRule *rule, const RlProgress *progress,
                   RlDefragmentPlan *ret_plan, GError **error)
{
    RlDefragmentPlan possible = {0};
    struct stat st;

    *ret_plan = (RlDefragmentPlan){.ranges = g_array_new(FALSE, FALSE, sizeof(RlDefragmentRange))};
    if (fstat(fd, &st) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    uint64_t block = MAX((uint64_t) st.st_blksize, 1);
    Planning planning = {
        .wanted = {.unshare = rule->unshare, .limit = rule->limit, .plan = ret_plan},
        .possible = {.unshare = true, .limit = rule->limit, .plan = &possible},
        .size = ((uint64_t) st.st_size + block - 1) / block * block};
    if (!rl_extent_walk(fd, add_extent, &planning, progress, error))
        return false;
    end_search(&planning.wanted);
    end_search(&planning.possible);
    if (!ret_plan->partial && possible.pieces > ret_plan->pieces)
        ret_plan->left = possible.pieces - ret_plan->pieces;
    return true;
}

void
rl_defragment_plan_clear(RlDefragmentPlan *plan)
{
    if (plan->ranges)
        g_array_unref(plan->ranges);
    plan->ranges = NULL;
}
