/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One of the racing processes: does what its role does, at random, until the round is over. */
#include "child.h"

#include "common/image/repair-paths.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/prune.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/pool/scan.h"
#include "common/pool/volume-state.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

Child child;

bool
chance(int percent)
{
    return g_random_int_range(0, 100) < percent;
}

int
pick(int n)
{
    return g_random_int_range(0, n);
}

Op *
op_begin(OpKind kind, int volume)
{
    Slot *slot = &shared->slots[child.slot];

    if (slot->n_ops >= OPS)
        g_error("there are more than %d operations", OPS);
    Op *op = &slot->ops[slot->n_ops];
    memset(op, 0, sizeof(*op));
    op->kind = kind;
    op->slot = child.slot;
    op->volume = volume;
    op->tag = atomic_fetch_add(&shared->tags, 1) + 1;
    op->begin = stamp();
    watch_op(slot->n_ops);
    atomic_thread_fence(memory_order_release);
    slot->n_ops++;
    return op;
}

void
op_end(Op *op, bool done, GError **error)
{
    op->done = done;
    if (error && *error) {
        op->is_errno = (*error)->domain == RL_ERRNO;
        op->code = (*error)->code;
        g_strlcpy(op->message, (*error)->message, sizeof(op->message));
        if ((*error)->domain != RL_ERRNO && (*error)->domain != RL_ERROR)
            g_error("an error of another kind: %s", (*error)->message);
        g_clear_error(error);
    }
    atomic_store(&op->end, stamp());
}

static void
do_resize(int volume)
{
    Op *op = op_begin(OP_RESIZE, volume);
    GError *error = NULL;

    op->size = (off_t) (2 + pick(5)) * 4096;
    op_end(
        op,
        rl_volume_resize(child.pool, volume_names[volume], (uint64_t) op->size, chance(20), &error),
        &error);
}

static void
do_delete(int volume)
{
    Op *op = op_begin(OP_DELETE, volume);
    GError *error = NULL;

    op->labels = chance(70);
    guint flags = RL_DELETE_USED | (op->labels ? RL_DELETE_NAMED : 0);
    op_end(op, rl_volume_delete(child.pool, volume_names[volume], flags, &error), &error);
}

static void
do_delete_revision(int volume)
{
    uint64_t number = 1;
    int label = 0;
    g_autofree char *text = pick_revision(volume, &number, &label);
    g_autofree char *guess = g_strdup_printf("%s@1", volume_names[volume]);
    Op *op = op_begin(OP_DELETE_REVISION, volume);
    GError *error = NULL;
    g_autoptr(RlName) name = rl_name_parse(text ? text : guess, &error);

    op->number = number;
    op->label = label;
    op_end(op, name && rl_revision_delete(child.pool, name, &error), &error);
}

static void
do_tidy(int volume)
{
    Op *op = op_begin(OP_TIDY, volume);
    GError *error = NULL;

    op_end(op, rl_volume_tidy(child.pool, volume_names[volume], &error), &error);
}

static void
do_maintain(int volume)
{
    Op *op = op_begin(OP_MAINTAIN, volume);
    GError *error = NULL;

    op_end(op, rl_volume_maintain(child.pool, volume_names[volume], chance(50), &error), &error);
}

static void
do_list(int volume)
{
    Op *op = op_begin(OP_LIST, volume);
    GError *error = NULL;
    g_autoptr(GPtrArray) listed = rl_scan(child.pool, &error);

    for (guint i = 0; listed && i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        if (strcmp(one->name, volume_names[volume]) != 0)
            continue;
        op->there = one->exists;
        for (guint j = 0; j < one->revisions->len && j < REVISIONS; j++) {
            const RlRevision *revision = g_ptr_array_index(one->revisions, j);
            if (!revision->label)
                op->numbers[op->n_numbers++] = revision->number;
        }
    }
    op_end(op, listed, &error);
}

static void
do_state(int volume)
{
    Op *op = op_begin(OP_STATE, volume);
    GError *error = NULL;
    g_autoptr(RlVolume) there = rl_volume_find(child.pool, volume_names[volume], &error);
    RlState state = RL_STATE_STOPPED;

    bool done = there && rl_state_get(there, &state, NULL, &error);
    op->state = (int) state;
    op_end(op, done, &error);
}

/* A person ends what was left, one way or the other. */
static void
do_decide(int volume)
{
    static const OpKind kinds[] = {OP_STOP, OP_DISCARD, OP_CONTINUE};
    const char *name = volume_names[volume];
    OpKind kind = kinds[pick(3)];
    Op *op = op_begin(kind, volume);
    GError *error = NULL;

    bool done = kind == OP_STOP      ? rl_volume_stop(child.pool, name, NULL, &op->stop, &error)
                : kind == OP_DISCARD ? rl_volume_discard(child.pool, name, &error)
                                     : rl_volume_continue(child.pool, name, &error);
    op_end(op, done, &error);
}

/* What each role does, and how often. */
static const struct {
    void (*function)(int volume);
    int weight[ROLES];
} actions[] = {
    {do_create, {12, 2, 0, 1}},     {do_clone, {12, 0, 0, 0}},
    {do_label, {8, 0, 0, 4}},       {do_revert, {14, 0, 0, 8}},
    {do_upload, {16, 0, 0, 0}},     {do_resize, {6, 1, 0, 5}},
    {do_delete, {12, 0, 0, 0}},     {do_list, {10, 2, 2, 10}},
    {do_read, {12, 2, 2, 6}},       {do_delete_revision, {8, 0, 0, 4}},
    {do_start, {0, 24, 0, 1}},      {do_write, {0, 28, 0, 1}},
    {do_end_of_run, {0, 22, 0, 1}}, {do_saved, {0, 5, 0, 0}},
    {do_age, {1, 6, 3, 3}},         {do_tidy, {0, 0, 20, 8}},
    {do_maintain, {8, 4, 40, 10}},  {do_decide, {0, 0, 0, 20}},
    {do_state, {4, 4, 10, 12}},     {do_claim, {0, 5, 0, 1}},
    {do_pass_on, {0, 3, 0, 0}},     {do_arrival, {0, 8, 0, 0}},
    {do_end_late, {1, 4, 2, 2}},    {do_start_by_hand, {0, 0, 0, 4}},
    {do_edit, {2, 2, 2, 3}},        {do_foreign, {4, 4, 4, 4}},
};

static void
act(void)
{
    int total = 0;

    if (child.edit.op && chance(70))
        close_edit();
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
        total += actions[i].weight[child.role];
    int left = pick(total);
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
        left -= actions[i].weight[child.role];
        if (left < 0) {
            actions[i].function(pick(VOLUMES));
            return;
        }
    }
}

static void
begin(int slot)
{
    child = (Child){.slot = slot, .role = (Role) pick(ROLES)};
    /* There is no race without somebody who makes volumes, and somebody who runs on them. */
    if (slot < 2)
        child.role = slot == 0 ? ROLE_MODULE : ROLE_HOOK;
    for (int i = 0; i < VOLUMES; i++)
        child.runs[i].fd = -1;
    child.pool = open_pool();
    watch_begin(slot);
}

void
child_run(int slot, guint32 seed)
{
    Slot *mine = &shared->slots[slot];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    g_random_set_seed(seed);
    begin(slot);
    for (int i = 0; i < VOLUMES; i++)
        do_inherit(i);
    while (!*mine->broken && mine->n_ops < OPS - 16 && mine->n_sections < SECTIONS - 64 &&
           atomic_fetch_sub(&shared->quota, 1) > 0)
        act();
    _exit(*mine->broken ? 1 : 0);
}

/* As a refresh of the pool does. */
static void
repair_paths(void)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) listed = rl_scan(child.pool, &error);

    g_assert_no_error(error);
    rl_paths_repair(child.pool, listed);
}

void
quiet_run(int slot)
{
    if (!child.pool)
        begin(slot);
    watch_begin(slot);
    for (int i = 0; i < VOLUMES; i++) {
        take_away(i);
        Op *op = op_begin(OP_QUIET, i);
        GError *error = NULL;
        op_end(op, rl_volume_maintain(child.pool, volume_names[i], true, &error), &error);
    }
    watch_begin(-1);
    repair_paths();
}
