/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "build-id.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *library;
    char *id;
    bool found;
} Search;

static void
write_hex(char *text, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

/* Looks through one segment of notes: each a header, a name and a description, padded to four
 * bytes. */
static bool
search_notes(const char *notes, size_t size, char *id)
{
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= size;) {
        ElfW(Nhdr) note;
        memcpy(&note, notes + at, sizeof(note));
        const char *name = notes + at + sizeof(note);
        size_t name_size = (note.n_namesz + 3u) & ~3u, size_of_id = note.n_descsz;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(name, "GNU", 4) == 0 &&
            size_of_id * 2 < RL_BUILD_ID_MAX) {
            write_hex(id, (const unsigned char *) name + name_size, size_of_id);
            return true;
        }
        at += sizeof(note) + name_size + ((note.n_descsz + 3u) & ~3u);
    }
    return false;
}

static int
visit(struct dl_phdr_info *info, size_t size, void *data)
{
    Search *search = data;
    const char *slash = strrchr(info->dlpi_name, '/');

    (void) size;
    if (strcmp(slash ? slash + 1 : info->dlpi_name, search->library) != 0)
        return 0;
    for (int i = 0; i < info->dlpi_phnum && !search->found; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_NOTE)
            search->found =
                search_notes((const char *) (uintptr_t) (info->dlpi_addr + segment->p_vaddr),
                             segment->p_memsz, search->id);
    }
    return 1;
}

bool
rl_build_id(const char *library, char ret_id[RL_BUILD_ID_MAX])
{
    Search search = {library, ret_id, false};

    dl_iterate_phdr(visit, &search);
    return search.found;
}
