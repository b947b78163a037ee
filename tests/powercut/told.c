/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "told.h"

#include <string.h>

/* A step as its marks tell it. */
typedef struct {
    guint begin, done; /* entries of the recording */
    StepFlags flags;
    char *volume;
    char *words;
    GHashTable *looks; /* after it */
} ToldStep;

struct Told {
    const Recording *recording;
    GArray *steps; /* ToldStep */
    GArray *sizes; /* uint64_t */
};

static ToldStep *
step_at(const Told *told, guint i)
{
    return &g_array_index(told->steps, ToldStep, i);
}

/* --- Reading */

static void
note_sizes(Told *told, GHashTable *looks)
{
    GHashTableIter iter;
    gpointer look;

    g_hash_table_iter_init(&iter, looks);
    while (g_hash_table_iter_next(&iter, NULL, &look)) {
        const char *word = ((Look *) look)->size;
        uint64_t size = word ? g_ascii_strtoull(word + strlen("size="), NULL, 10) : 0;
        bool known = size == 0;
        for (guint i = 0; i < told->sizes->len && !known; i++)
            known = g_array_index(told->sizes, uint64_t, i) == size;
        if (!known)
            g_array_append_val(told->sizes, size);
    }
}

static void
read_mark(Told *told, guint entry, const char *text)
{
    ToldStep step = {.begin = entry, .done = G_MAXUINT};

    if (g_str_has_prefix(text, "begin ")) {
        g_auto(GStrv) words = g_strsplit(text, " ", 4);
        step.flags = (StepFlags) g_ascii_strtoull(words[1], NULL, 10);
        step.volume = g_strdup(words[2]);
        step.words = g_strdup(words[3]);
        g_array_append_val(told->steps, step);
    } else if (g_str_has_prefix(text, "done\n")) {
        ToldStep *last = step_at(told, told->steps->len - 1);
        last->done = entry;
        last->looks = looks_read(text + strlen("done\n"));
        note_sizes(told, last->looks);
    }
}

static void
clear_step(gpointer data)
{
    ToldStep *step = data;

    g_free(step->volume);
    g_free(step->words);
    if (step->looks)
        g_hash_table_unref(step->looks);
}

Told *
told_new(const Recording *recording)
{
    Told *told = g_new0(Told, 1);

    told->recording = recording;
    told->steps = g_array_new(FALSE, TRUE, sizeof(ToldStep));
    g_array_set_clear_func(told->steps, clear_step);
    told->sizes = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    for (guint i = 0; i < recording->entries->len; i++)
        if (recording_entry(recording, i)->type == RECORD_MARK)
            read_mark(told, i, recording_entry(recording, i)->data);
    if (!told->steps->len || !step_at(told, told->steps->len - 1)->looks)
        g_error("there is no whole story in the recording");
    return told;
}

void
told_free(Told *told)
{
    if (!told)
        return;
    g_array_unref(told->steps);
    g_array_unref(told->sizes);
    g_free(told);
}

/* --- Moments */

guint
told_first_epoch(const Told *told)
{
    guint epoch = 0;

    while (recording_epoch(told->recording, epoch)->end <= step_at(told, 0)->begin)
        epoch++;
    return epoch;
}

/* So many steps had begun when the epoch ended. */
static guint
steps_begun(const Told *told, guint epoch)
{
    guint end = recording_epoch(told->recording, epoch)->end, i = 0;

    while (i < told->steps->len && step_at(told, i)->begin < end)
        i++;
    return i;
}

static bool
had_returned(const Told *told, guint step, guint epoch)
{
    return step_at(told, step)->done < recording_epoch(told->recording, epoch)->end;
}

char *
told_moment(const Told *told, guint epoch)
{
    guint begun = steps_begun(told, epoch);

    if (!begun)
        return g_strdup("before the story");
    return g_strdup_printf("%s step %u, %s", had_returned(told, begun - 1, epoch) ? "after" : "in",
                           begun, step_at(told, begun - 1)->words);
}

bool
told_has_pool(const Told *told, guint epoch)
{
    return had_returned(told, 0, epoch);
}

bool
told_is_renaming(const Told *told, guint epoch)
{
    guint begun = steps_begun(told, epoch);

    return begun && (step_at(told, begun - 1)->flags & STEP_MOVES) &&
           !had_returned(told, begun - 1, epoch);
}

/* One may get its name by a step of another. */
static void
add_names(GPtrArray *names, GHashTable *looks)
{
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, looks);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        if (!g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
            g_ptr_array_add(names, name);
}

GPtrArray *
told_volumes(const Told *told, guint epoch)
{
    guint begun = steps_begun(told, epoch);
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; i < begun; i++) {
        char *volume = step_at(told, i)->volume;
        if (!g_ptr_array_find_with_equal_func(names, volume, g_str_equal, NULL))
            g_ptr_array_add(names, volume);
    }
    if (begun)
        add_names(names, step_at(told, begun - 1)->looks);
    return names;
}

const GArray *
told_sizes(const Told *told)
{
    return told->sizes;
}

/* --- Stages */

/* Steps are counted from 1 here: 0 is before the story. */
static const Look *
look_after(const Told *told, guint steps, const char *volume)
{
    return looks_find(steps ? step_at(told, steps - 1)->looks : NULL, volume);
}

/* A template's new size is its snapshots', too. */
static bool
promises(const Told *told, guint i, const char *volume, StepFlags promise)
{
    const ToldStep *step = step_at(told, i - 1);

    if (!(step->flags & promise))
        return false;
    return strcmp(step->volume, volume) == 0 ||
           (promise == STEP_NAMES &&
            !look_equal(look_after(told, i, volume), look_after(told, i - 1, volume)));
}

static guint
last_promise(const Told *told, guint epoch, const char *volume, StepFlags promise)
{
    guint i = steps_begun(told, epoch);

    while (i > 0 && !(promises(told, i, volume, promise) && had_returned(told, i - 1, epoch)))
        i--;
    return i;
}

GArray *
told_stages(const Told *told, guint epoch, const char *volume, StepFlags promise)
{
    guint begun = steps_begun(told, epoch), i = last_promise(told, epoch, volume, promise);
    GArray *stages = g_array_new(FALSE, FALSE, sizeof(Stage));
    Stage stage = {.look = look_after(told, i, volume)};

    g_array_append_val(stages, stage);
    for (i++; i <= begun; i++) {
        stage = (Stage){look_after(told, i, volume), step_at(told, i - 1)->flags};
        if (!look_equal(stage.look, look_after(told, i - 1, volume)))
            g_array_append_val(stages, stage);
    }
    return stages;
}

const Stage *
told_stage(const GArray *stages, guint i)
{
    return &g_array_index(stages, Stage, i);
}

static uint64_t
highest_number(const Look *look)
{
    uint64_t highest = 0;

    for (guint i = 0; i < look->revisions->len; i++) {
        const char *line = g_ptr_array_index(look->revisions, i);
        highest = MAX(highest, look_revision_number(line));
    }
    return highest;
}

uint64_t
told_highest(const Told *told, guint epoch, const char *volume)
{
    uint64_t highest = 0;

    for (guint i = last_promise(told, epoch, volume, STEP_NAMES);
         i > 0 && look_after(told, i, volume)->there; i--)
        highest = MAX(highest, highest_number(look_after(told, i, volume)));
    return highest;
}
