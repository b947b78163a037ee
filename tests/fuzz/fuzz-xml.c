/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes that may be XML: what is read without libxml2 is what it reads. */
#include "fuzz.h"

#include "harness/xml-twin.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        xml_twin_check((const char *) data, size);
    return 0;
}
