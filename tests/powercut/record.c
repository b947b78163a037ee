/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record.h"

#include <string.h>
#include <sys/uio.h>

static bool
has_data(uint64_t type)
{
    return type == RECORD_WRITE || type == RECORD_MARK;
}

void
record_append(int file, RecordType type, uint64_t offset, uint64_t length, const void *data)
{
    RecordHead head = {type, offset, length};
    struct iovec parts[] = {{&head, sizeof(head)}, {(void *) data, has_data(type) ? length : 0}};
    ssize_t size = (ssize_t) (parts[0].iov_len + parts[1].iov_len);

    if (writev(file, parts, 2) != size)
        g_error("cannot write the recording: %m");
}

static void
end_epoch(Recording *recording, RecordEpoch *epoch)
{
    epoch->end = recording->entries->len;
    g_array_append_val(recording->epochs, *epoch);
    epoch->first = recording->entries->len;
    epoch->writes = g_array_new(FALSE, FALSE, sizeof(guint));
}

static void
add_entry(Recording *recording, RecordEpoch *epoch, const RecordEntry *entry)
{
    guint number = recording->entries->len;

    if (entry->type == RECORD_FLUSH) {
        end_epoch(recording, epoch);
        return;
    }
    if (entry->type != RECORD_MARK)
        g_array_append_val(epoch->writes, number);
    g_array_append_val(recording->entries, *entry);
}

static void
read_entries(Recording *recording)
{
    const char *bytes = g_mapped_file_get_contents(recording->file);
    size_t left = g_mapped_file_get_length(recording->file);
    RecordEpoch epoch = {.writes = g_array_new(FALSE, FALSE, sizeof(guint))};

    while (left) {
        RecordHead head;
        g_assert_cmpuint(left, >=, sizeof(head));
        memcpy(&head, bytes, sizeof(head));
        bytes += sizeof(head);
        left -= sizeof(head);

        bool data = has_data(head.type);
        RecordEntry entry = {head.type, head.offset, head.length, data ? bytes : NULL};
        if (entry.type != RECORD_MARK)
            recording->size = MAX(recording->size, head.offset + head.length);
        if (data) {
            g_assert_cmpuint(left, >=, head.length);
            bytes += head.length;
            left -= head.length;
        }
        add_entry(recording, &epoch, &entry);
    }
    end_epoch(recording, &epoch);
    g_array_unref(epoch.writes);
}

Recording *
recording_open(const char *path)
{
    Recording *recording = g_new0(Recording, 1);
    GError *error = NULL;

    recording->file = g_mapped_file_new(path, FALSE, &error);
    if (!recording->file)
        g_error("%s", error->message);
    recording->entries = g_array_new(FALSE, FALSE, sizeof(RecordEntry));
    recording->epochs = g_array_new(FALSE, FALSE, sizeof(RecordEpoch));
    read_entries(recording);
    return recording;
}

void
recording_close(Recording *recording)
{
    if (!recording)
        return;
    for (guint i = 0; i < recording->epochs->len; i++)
        g_array_unref(g_array_index(recording->epochs, RecordEpoch, i).writes);
    g_array_unref(recording->epochs);
    g_array_unref(recording->entries);
    g_mapped_file_unref(recording->file);
    g_free(recording);
}

const RecordEntry *
recording_entry(const Recording *recording, guint number)
{
    g_assert_cmpuint(number, <, recording->entries->len);
    return &g_array_index(recording->entries, RecordEntry, number);
}

const RecordEpoch *
recording_epoch(const Recording *recording, guint number)
{
    g_assert_cmpuint(number, <, recording->epochs->len);
    return &g_array_index(recording->epochs, RecordEpoch, number);
}

void
record_apply_part(const RecordEntry *entry, char *disk, uint64_t from, uint64_t length)
{
    g_assert_cmpuint(from + length, <=, entry->length);
    if (entry->type == RECORD_WRITE)
        memcpy(disk + entry->offset + from, entry->data + from, length);
    else if (entry->type == RECORD_ZERO)
        memset(disk + entry->offset + from, 0, length);
}

void
record_apply(const RecordEntry *entry, char *disk)
{
    if (entry->type != RECORD_MARK)
        record_apply_part(entry, disk, 0, entry->length);
}
