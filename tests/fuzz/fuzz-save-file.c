/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libxl's save files say of themselves. The first byte tells how the rest is taken: as a whole
 * file, or as the document in one whose header is right. */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>

#include "common/fd.h"
#include "domain-properties.h"

/* For what is static in it. */
#include "backend/hook/save-file.c"

#define UUID "11111111-1111-4111-8111-111111111111"

static int
make_file(const uint8_t *data, size_t size, bool with_header)
{
    int fd = memfd_create("save", MFD_CLOEXEC);
    Header header = {.version = 2, .xml_size = (uint32_t) size};

    memcpy(header.magic, MAGIC, MAGIC_SIZE);
    if (with_header)
        g_assert_cmpint(write(fd, &header, sizeof(header)), ==, sizeof(header));
    g_assert_cmpint(write(fd, data, size), ==, (gssize) size);
    return fd;
}

/* The file is right up to the last byte that it says it has, and the domain in it is whole. */
static void
check_held(int fd)
{
    Header header;
    struct stat st;

    g_assert_cmpint(pread(fd, &header, sizeof(header), 0), ==, sizeof(header));
    g_assert_cmpint(memcmp(header.magic, MAGIC, MAGIC_SIZE), ==, 0);
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmpint(st.st_size, >=, (gint64) (sizeof(header) + header.xml_size));

    g_autofree char *text = g_malloc0(header.xml_size + 1);
    g_assert_cmpint(pread(fd, text, header.xml_size, sizeof(header)), ==, header.xml_size);
    g_autoptr(RlDomain) domain = rl_xml_domain_parse(text, strlen(text), "save file", NULL);
    check_domain(domain);
    g_assert_cmpstr(domain->uuid, ==, UUID);

    g_assert_cmpint(ftruncate(fd, (off_t) (sizeof(header) + header.xml_size - 1)), ==, 0);
    g_assert_false(holds_domain(fd, UUID));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    rl_autofd int fd = make_file(data + 1, size - 1, data[0] % 2);
    g_assert_false(holds_domain(fd, "22222222-2222-4222-8222-222222222222") &&
                   holds_domain(fd, UUID));
    if (holds_domain(fd, UUID))
        check_held(fd);
    return 0;
}
