/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "elf-file.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
read_at(int fd, void *to, size_t size, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, to, size, (off_t) offset) == (ssize_t) size;
}

static bool
lies_within(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

/* The section headers come last in what linkers write, so a missing end is found by them. */
static bool
is_whole(int fd, uint64_t size)
{
    ElfW(Ehdr) header;
    ElfW(Phdr) segment;

    if (!read_at(fd, &header, sizeof(header), 0) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_phentsize != sizeof(segment) ||
        !lies_within(header.e_shoff, (uint64_t) header.e_shnum * header.e_shentsize, size))
        return false;
    for (unsigned int i = 0; i < header.e_phnum; i++)
        if (!read_at(fd, &segment, sizeof(segment), header.e_phoff + i * sizeof(segment)) ||
            !lies_within(segment.p_offset, segment.p_filesz, size))
            return false;
    return true;
}

bool
rl_elf_file_is_whole(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd < 0)
        return false;
    bool whole = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && is_whole(fd, (uint64_t) st.st_size);
    close(fd);
    return whole;
}
