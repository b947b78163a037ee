/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "elf-build-id.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

/* The description of the note in the segment of @size bytes at @notes; a note is a header, a name
 * and a description, padded to four bytes. */
static char *
search_notes(const char *notes, gsize size)
{
    for (gsize at = 0; at + sizeof(ElfW(Nhdr)) <= size;) {
        ElfW(Nhdr) note;
        memcpy(&note, notes + at, sizeof(note));
        gsize name = at + sizeof(note);
        gsize description = name + ((note.n_namesz + (gsize) 3) & ~(gsize) 3);
        if (description + note.n_descsz > size)
            return NULL;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + name, "GNU", 4) == 0) {
            GString *id = g_string_new(NULL);
            for (gsize i = 0; i < note.n_descsz; i++)
                g_string_append_printf(id, "%02x", (unsigned char) notes[description + i]);
            return g_string_free(id, FALSE);
        }
        at = description + ((note.n_descsz + (gsize) 3) & ~(gsize) 3);
    }
    return NULL;
}

char *
rl_elf_build_id(const char *path)
{
    g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, NULL);
    const char *bytes = file ? g_mapped_file_get_contents(file) : NULL;
    gsize size = file ? g_mapped_file_get_length(file) : 0;
    ElfW(Ehdr) header;

    if (size < sizeof(header))
        return NULL;
    memcpy(&header, bytes, sizeof(header));
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        header.e_phentsize != sizeof(ElfW(Phdr)))
        return NULL;
    for (gsize i = 0; i < header.e_phnum; i++) {
        gsize at = header.e_phoff + i * sizeof(ElfW(Phdr));
        ElfW(Phdr) segment;
        if (at > size || size - at < sizeof(segment))
            return NULL;
        memcpy(&segment, bytes + at, sizeof(segment));
        if (segment.p_type != PT_NOTE || segment.p_offset > size ||
            size - segment.p_offset < segment.p_filesz)
            continue;
        char *id = search_notes(bytes + segment.p_offset, segment.p_filesz);
        if (id)
            return id;
    }
    return NULL;
}
