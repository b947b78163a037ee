/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file of another program lies where the link to a volume's image is to be: nothing of ours
 * follows, overwrites or removes it. */
#include "check.h"
#include "timeline.h"

/* What the file may have been in some time. */
typedef struct {
    bool known; /* nobody put it there, or took it away, meanwhile */
    bool may_be;
    Image file;
} Foreign;

static bool
is_same(const Image *a, const Image *b)
{
    return a->there == b->there && a->ino == b->ino && a->size == b->size &&
           a->content == b->content;
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    uint64_t left = (*(Op *const *) a)->begin, right = (*(Op *const *) b)->begin;

    return left < right ? -1 : left > right;
}

/* What has been done to it, in order: one process does that, and then the quiet moment. */
static GPtrArray *
ops_of_volume(int volume)
{
    static const OpKind kinds[] = {OP_FOREIGN, OP_TAKE_AWAY};
    GPtrArray *all = g_ptr_array_new();

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        for (guint j = 0; j < ops_of(kinds[i])->len; j++) {
            Op *op = g_ptr_array_index(ops_of(kinds[i]), j);
            if (op->volume == volume)
                g_ptr_array_add(all, op);
        }
    g_ptr_array_sort(all, compare);
    return all;
}

static void
apply(Foreign *foreign, const Op *op)
{
    foreign->known = op->end != 0;
    if (op->kind == OP_TAKE_AWAY)
        foreign->file = (Image){0};
    else if (op->there)
        foreign->file = (Image){true, op->ino, sizeof(Content), op->content};
}

/* Each round begins without. */
static Foreign
foreign_in(int volume, uint64_t from, uint64_t to)
{
    g_autoptr(GPtrArray) all = ops_of_volume(volume);
    Foreign foreign = {.known = true};

    for (guint i = 0; i < all->len; i++) {
        const Op *op = g_ptr_array_index(all, i);
        if (op->begin > to)
            break;
        bool over = op->end && op->end < from;
        foreign.may_be = !over && (foreign.may_be || !foreign.known || foreign.file.there ||
                                   op->kind == OP_FOREIGN);
        apply(&foreign, op);
        foreign.known = foreign.known && over;
    }
    foreign.may_be = foreign.may_be || !foreign.known || foreign.file.there;
    return foreign;
}

bool
was_foreign(int volume, uint64_t from, uint64_t to)
{
    return has_link(volume) && foreign_in(volume, from, to).may_be;
}

void
check_foreign(int volume, const Section *section, const Seen *seen, uint64_t from, uint64_t to)
{
    if (!has_link(volume))
        return;
    Foreign foreign = foreign_in(volume, from, to);
    if (foreign.known && !is_same(&foreign.file, &seen->foreign))
        wrong(volume, section, op_of(section),
              foreign.file.there ? "a file of another program was removed, or written to"
                                 : "a file of another program has come back");
}

/* Who takes it away finds what was put there. */
void
check_foreign_files(int volume)
{
    g_autoptr(GPtrArray) all = ops_of_volume(volume);
    Foreign foreign = {.known = true};

    for (guint i = 0; i < all->len; i++) {
        const Op *op = g_ptr_array_index(all, i);
        if (foreign.known && op->end && !is_same(&foreign.file, &op->found))
            wrong(volume, NULL, op, "a file of another program is not what was put there");
        apply(&foreign, op);
    }
}
