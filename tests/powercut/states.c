/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "states.h"

#include "common/base/autofd.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECE ((uint64_t) 4096)
/* So often no epoch has had anything new: there is nothing more. */
#define PATIENCE 20

static const char *const kinds[] = {"all", "first", "without", "only", "some", "torn"};

char *
state_name(const State *state)
{
    return g_strdup_printf("%u.%s.%" G_GUINT64_FORMAT, state->epoch, kinds[state->kind], state->n);
}

bool
state_parse(const char *name, State *ret_state)
{
    g_auto(GStrv) parts = g_strsplit(name, ".", 3);
    guint64 epoch;

    if (g_strv_length(parts) != 3 ||
        !g_ascii_string_to_unsigned(parts[0], 10, 0, G_MAXUINT, &epoch, NULL) ||
        !g_ascii_string_to_unsigned(parts[2], 10, 0, G_MAXUINT64, &ret_state->n, NULL))
        return false;
    ret_state->epoch = (guint) epoch;
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        ret_state->kind = (StateKind) i;
        if (strcmp(parts[1], kinds[i]) == 0)
            return true;
    }
    return false;
}

static void
apply_torn(const RecordEntry *entry, char *disk, GRand *rand)
{
    for (uint64_t from = 0; from < entry->length; from += PIECE)
        if (g_rand_boolean(rand))
            record_apply_part(entry, disk, from, MIN(PIECE, entry->length - from));
}

static bool
is_on_disk(const State *state, guint64 i, GRand *rand)
{
    switch (state->kind) {
    case STATE_ALL:
    case STATE_TORN:
        return true;
    case STATE_FIRST:
        return i < state->n;
    case STATE_WITHOUT:
        return i != state->n;
    case STATE_ONLY:
        return i == state->n;
    case STATE_SOME:
        return g_rand_boolean(rand);
    }
    g_assert_not_reached();
}

void
state_build(const Recording *recording, const State *state, char *disk)
{
    const RecordEpoch *epoch = recording_epoch(recording, state->epoch);
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32) state->n);

    for (guint i = 0; i < epoch->writes->len; i++) {
        const RecordEntry *entry =
            recording_entry(recording, g_array_index(epoch->writes, guint, i));
        if (!is_on_disk(state, i, rand))
            continue;
        if (state->kind == STATE_TORN)
            apply_torn(entry, disk, rand);
        else
            record_apply(entry, disk);
    }
}

/* --- Choosing */

typedef struct {
    const Recording *recording;
    guint wanted;
    GRand *rand;
    GArray *chosen;   /* State */
    GHashTable *seen; /* of guint64: hashes of contents */

    guint first;
    char *disk;     /* as it is when the epoch begins */
    guint64 hash;   /* of that */
    GArray *pieces; /* of guint64: those that the epoch's writes touch */
    char *before;   /* what is there when it begins */
} Choice;

/* Of one piece at its place; that of a disk is those of its pieces, xored. */
static guint64
hash_piece(guint64 number, const char *bytes)
{
    guint64 hash = number * 0x9e3779b97f4a7c15u + 1, word;

    for (uint64_t i = 0; i < PIECE; i += sizeof(word)) {
        memcpy(&word, bytes + i, sizeof(word));
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    return hash;
}

static gint
compare_numbers(gconstpointer a, gconstpointer b)
{
    guint64 left = *(const guint64 *) a, right = *(const guint64 *) b;

    return left < right ? -1 : left > right;
}

static void
find_pieces(Choice *choice, const RecordEpoch *epoch)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(guint64));

    for (guint i = 0; i < epoch->writes->len; i++) {
        const RecordEntry *entry =
            recording_entry(choice->recording, g_array_index(epoch->writes, guint, i));
        for (guint64 n = entry->offset / PIECE; n * PIECE < entry->offset + entry->length; n++)
            g_array_append_val(all, n);
    }
    g_array_sort(all, compare_numbers);
    g_array_set_size(choice->pieces, 0);
    for (guint i = 0; i < all->len; i++)
        if (i == 0 || g_array_index(all, guint64, i) != g_array_index(all, guint64, i - 1))
            g_array_append_val(choice->pieces, g_array_index(all, guint64, i));

    g_free(choice->before);
    choice->before = g_malloc(choice->pieces->len * PIECE);
    for (guint i = 0; i < choice->pieces->len; i++)
        memcpy(choice->before + i * PIECE,
               choice->disk + g_array_index(choice->pieces, guint64, i) * PIECE, PIECE);
}

/* The content's hash if the disk went into @state now. It stays in it. */
static guint64
go_into(Choice *choice, const State *state)
{
    guint64 hash = choice->hash;

    state_build(choice->recording, state, choice->disk);
    for (guint i = 0; i < choice->pieces->len; i++) {
        guint64 number = g_array_index(choice->pieces, guint64, i);
        const char *now = choice->disk + number * PIECE, *before = choice->before + i * PIECE;
        if (memcmp(now, before, PIECE) != 0)
            hash ^= hash_piece(number, before) ^ hash_piece(number, now);
    }
    return hash;
}

static void
come_back(Choice *choice)
{
    for (guint i = 0; i < choice->pieces->len; i++)
        memcpy(choice->disk + g_array_index(choice->pieces, guint64, i) * PIECE,
               choice->before + i * PIECE, PIECE);
}

/* Takes @state in if its content is a new one. */
static bool
consider(Choice *choice, State *state)
{
    if (choice->chosen->len >= choice->wanted && state->kind != STATE_ALL)
        return false;
    state->hash = go_into(choice, state);
    come_back(choice);
    if (!g_hash_table_add(choice->seen, g_memdup2(&state->hash, sizeof(state->hash))))
        return false;
    g_array_append_val(choice->chosen, *state);
    return true;
}

static State
any_state(Choice *choice, guint epoch, guint writes)
{
    State state = {.epoch = epoch,
                   .kind = (StateKind) g_rand_int_range(choice->rand, STATE_FIRST, STATE_TORN + 1)};

    state.n = state.kind == STATE_SOME || state.kind == STATE_TORN
                  ? g_rand_int(choice->rand)
                  : g_rand_int(choice->rand) % writes;
    return state;
}

/* Goes through all epochs, and asks each for up to @more states; for 0 for its flush. */
static void
go_through(Choice *choice, guint more)
{
    /* As it was when the first epoch began. */
    g_assert_cmpint(madvise(choice->disk, choice->recording->size, MADV_DONTNEED), ==, 0);
    choice->hash = 0;
    for (guint number = choice->first; number < choice->recording->epochs->len; number++) {
        const RecordEpoch *epoch = recording_epoch(choice->recording, number);
        State all = {.epoch = number, .kind = STATE_ALL};
        if (!epoch->writes->len)
            continue;
        find_pieces(choice, epoch);
        if (!more)
            consider(choice, &all);
        for (guint i = 0; i < more; i++) {
            State state = any_state(choice, number, epoch->writes->len);
            consider(choice, &state);
        }
        choice->hash = go_into(choice, &all);
    }
}

static gint
compare_states(gconstpointer a, gconstpointer b)
{
    guint left = ((const State *) a)->epoch, right = ((const State *) b)->epoch;

    return left < right ? -1 : left > right;
}

/* A private mapping of the disk as it is when the epoch @first begins: what is done to it can be
 * forgotten at once. */
static char *
make_disk(const Recording *recording, guint first)
{
    rl_autofd int memory = memfd_create("disk", MFD_CLOEXEC);
    size_t size = recording->size;

    g_assert_cmpint(ftruncate(memory, (off_t) size), ==, 0);
    char *begin = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    char *disk = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, memory, 0);
    g_assert_true(begin != MAP_FAILED && disk != MAP_FAILED);
    for (guint number = 0; number < first; number++)
        state_build(recording, &(State){.epoch = number, .kind = STATE_ALL}, begin);
    munmap(begin, size);
    return disk;
}

GArray *
states_choose(const Recording *recording, guint first, guint wanted, guint32 seed)
{
    guint epochs = recording->epochs->len - first, patience = PATIENCE;
    Choice choice = {
        .recording = recording,
        .first = first,
        .wanted = wanted,
        .rand = g_rand_new_with_seed(seed),
        .chosen = g_array_new(FALSE, TRUE, sizeof(State)),
        .seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
        .disk = make_disk(recording, first),
        .pieces = g_array_new(FALSE, FALSE, sizeof(guint64)),
    };

    go_through(&choice, 0);
    while (choice.chosen->len < wanted && patience) {
        guint before = choice.chosen->len;
        go_through(&choice, (wanted - before) / epochs + 1);
        patience = choice.chosen->len > before ? PATIENCE : patience - 1;
    }
    g_array_sort(choice.chosen, compare_states);

    munmap(choice.disk, recording->size);
    g_rand_free(choice.rand);
    g_hash_table_unref(choice.seen);
    g_array_unref(choice.pieces);
    g_free(choice.before);
    return choice.chosen;
}
