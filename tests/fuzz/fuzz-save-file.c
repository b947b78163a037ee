/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What save files say of themselves. The first byte tells which driver's, and how the rest is
 * taken: as a whole file, or as the document in one whose header is right. */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>

#include "common/base/autofd.h"
#include "domain-properties.h"

/* For what is static in it. */
#include "backend/hook/save-file.c"

static int
make_file(const uint8_t *data, size_t size, RlSaveFileDriver driver, bool with_header)
{
    int fd = memfd_create("save", MFD_CLOEXEC);
    Header header = {.version = 2, .xml_size = (uint32_t) size};
    gssize header_size = (gssize) drivers[driver].header_size;
    g_autofree char *bytes = g_malloc0((size_t) header_size);

    memcpy(header.magic, drivers[driver].magic, MAGIC_SIZE);
    memcpy(bytes, &header, sizeof(header));
    if (with_header)
        g_assert_cmpint(write(fd, bytes, (size_t) header_size), ==, header_size);
    g_assert_cmpint(write(fd, data, size), ==, (gssize) size);
    return fd;
}

/* The file is right up to the last byte that it says it has, and the domain in it is whole. */
static void
check_held(int fd, RlSaveFileDriver driver, const char *uuid)
{
    size_t header_size = drivers[driver].header_size;
    Header header;
    struct stat st;

    g_assert_cmpint(pread(fd, &header, sizeof(header), 0), ==, sizeof(header));
    g_assert_cmpint(memcmp(header.magic, drivers[driver].magic, MAGIC_SIZE), ==, 0);
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmpint(st.st_size, >=, (gint64) (header_size + header.xml_size));

    g_autofree char *text = g_malloc0(header.xml_size + 1);
    g_assert_cmpint(pread(fd, text, header.xml_size, (off_t) header_size), ==, header.xml_size);
    g_autoptr(RlDomain) domain = rl_xml_domain_parse(text, strlen(text), "save file", NULL);
    check_domain(domain);
    g_assert_cmpstr(domain->uuid, ==, uuid);

    g_assert_cmpint(ftruncate(fd, (off_t) (header_size + header.xml_size - 1)), ==, 0);
    g_autofree char *cut = read_uuid(fd, driver);
    g_assert_null(cut);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    RlSaveFileDriver driver = data[0] & 2 ? RL_SAVE_FILE_QEMU : RL_SAVE_FILE_LIBXL;
    rl_autofd int fd = make_file(data + 1, size - 1, driver, data[0] % 2);
    g_autofree char *uuid = read_uuid(fd, driver);
    if (uuid)
        check_held(fd, driver, uuid);
    return 0;
}
