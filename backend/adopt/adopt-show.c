/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "adoption.h"
#include "backend/cli/document.h"
#include "backend/cli/table.h"

/* What a file of a volume is, for a person and for a program. */
static const char *
role_name(RlFileRole role)
{
    switch (role) {
    case RL_FILE_CLEAN:
        return "clean image";
    case RL_FILE_DIRTY:
        return "dirty image";
    case RL_FILE_PRECACHE:
        return "precache";
    case RL_FILE_IMPORT:
        return "unfinished import";
    case RL_FILE_RECORD:
        return "record";
    case RL_FILE_REVISION:
        return "automatic revision";
    case RL_FILE_LABEL:
        return "named revision";
    case RL_FILE_TEMP:
    case RL_FILE_PEER_TEMP:
        return "temporary file";
    case RL_FILE_OTHER:
        break;
    }
    return "foreign";
}

/* Owned by the caller. */
static char *
describe(const RlAdoptFile *file)
{
    switch (file->what) {
    case RL_ADOPT_KEPT:
        return g_strdup(role_name(file->role));
    case RL_ADOPT_MOVED:
        return g_strdup_printf("clean image, as %s", file->to);
    case RL_ADOPT_FOREIGN:
        break;
    }
    return g_strdup_printf("none: %s", file->note);
}

/* By its name, or since a domain has it in another format, as its note says. */
static bool
may_be_overlay(const RlAdoptFile *file)
{
    static const char *const endings[] = {".qcow2", ".qcow", ".qed", ".vmdk", ".vhdx"};

    if (file->what == RL_ADOPT_FOREIGN && strstr(file->note, " in the format "))
        return true;

    for (size_t i = 0; i < G_N_ELEMENTS(endings); i++)
        if (file->what == RL_ADOPT_FOREIGN && g_str_has_suffix(file->path, endings[i]))
            return true;
    return false;
}

static guint
count(const RlAdoption *adoption, bool (*counts)(const RlAdoptFile *file))
{
    guint number = 0;

    for (guint i = 0; i < adoption->files->len; i++)
        number += counts(g_ptr_array_index(adoption->files, i));
    return number;
}

static bool
is_moved(const RlAdoptFile *file)
{
    return file->what == RL_ADOPT_MOVED;
}

static void
show_table(const RlAdoption *adoption)
{
    static const char *const heads[] = {"FILE", ">SIZE", "VOLUME", "BECOMES", NULL};
    RlTable *table = rl_table_new(heads);

    for (guint i = 0; i < adoption->files->len; i++) {
        const RlAdoptFile *file = g_ptr_array_index(adoption->files, i);
        bool has_size = S_ISREG(file->st.st_mode);
        char *const cells[] = {g_strdup(file->path),
                               has_size ? rl_table_size((uint64_t) file->st.st_size)
                                        : g_strdup("-"),
                               g_strdup(file->volume ? file->volume : "-"), describe(file)};
        rl_table_add(table, cells);
    }
    for (guint i = 0; i < adoption->wishes->len; i++) {
        const RlAdoptWish *wish = g_ptr_array_index(adoption->wishes, i);
        char *const cells[] = {g_strdup("-"), g_strdup("-"), g_strdup(wish->volume),
                               wish->source ? g_strdup_printf("snapshot of %s", wish->source)
                                            : g_strdup("volatile volume")};
        rl_table_add(table, cells);
    }
    rl_table_print(table, G_MAXUINT);
}

void
rl_adoption_show(const RlCall *call, const RlAdoption *adoption)
{
    guint moved = count(adoption, is_moved);

    if (call->quiet)
        return;
    show_table(adoption);
    for (guint i = 0; i < adoption->hints->len; i++)
        rl_call_say(call, "%s", (const char *) g_ptr_array_index(adoption->hints, i));
    if (moved > 0 && count(adoption, may_be_overlay) > 0)
        rl_call_say(call, "An image of another format may have a backing file that is renamed "
                          "here: 'qemu-img info' shows it, and 'qemu-img rebase -u' changes it.");
}

static const char *
json_role(const RlAdoptFile *file)
{
    static const char *const words[] = {
        [RL_FILE_OTHER] = NULL,          [RL_FILE_CLEAN] = "clean",
        [RL_FILE_DIRTY] = "dirty",       [RL_FILE_PRECACHE] = "precache",
        [RL_FILE_IMPORT] = "import",     [RL_FILE_RECORD] = "record",
        [RL_FILE_REVISION] = "revision", [RL_FILE_LABEL] = "revision",
        [RL_FILE_TEMP] = "temporary",    [RL_FILE_PEER_TEMP] = "temporary",
    };

    return file->what == RL_ADOPT_FOREIGN ? NULL
           : file->what == RL_ADOPT_MOVED ? "clean"
                                          : words[file->role];
}

void
rl_adoption_note(const RlAdoption *adoption, bool done, RlJson *json)
{
    rl_json_string(json, "pool", adoption->path);
    rl_json_bool(json, "is_pool", adoption->is_pool || done);
    rl_json_bool(json, "done", done);
    rl_json_begin_array(json, "files");
    for (guint i = 0; i < adoption->files->len; i++) {
        const RlAdoptFile *file = g_ptr_array_index(adoption->files, i);
        rl_json_begin_object(json, NULL);
        rl_json_string(json, "file", file->path);
        if (S_ISREG(file->st.st_mode))
            rl_json_number(json, "size", (guint64) file->st.st_size);
        if (file->volume)
            rl_json_string(json, "volume", file->volume);
        if (json_role(file))
            rl_json_string(json, "becomes", json_role(file));
        if (file->to)
            rl_json_string(json, "renamed_to", file->to);
        if (file->note)
            rl_json_string(json, "reason", file->note);
        rl_json_end(json);
    }
    rl_json_end(json);
    rl_document_strings(json, "hints", adoption->hints);
    rl_document_strings(json, "obstacles", adoption->obstacles);
}
