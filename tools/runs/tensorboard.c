/*
 * TensorBoard's event files: a TFRecord for each event, an Event in the wire format of protocol buffers.
 *
 *   record: length (uint64), masked CRC-32C of the length, the bytes, masked CRC-32C of the bytes; little endian
 *   Event: 1 wall_time (double), 2 step (varint), 3 file_version (string), 5 summary (message)
 *   Summary: 1 value (message); Value: 1 tag (string), 2 simple_value (float)
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runs/curves.h"

typedef struct bytes {
    uint8_t *at;
    size_t count, capacity;
} bytes;

struct ho_events {
    bytes file, event, summary, value;
};

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static void put(bytes *b, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ho_grow((void **)&b->at, &b->capacity, b->count, 1);
        b->at[b->count++] = ((const uint8_t *)from)[i];
    }
}

static void put_little(bytes *b, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        put(b, &(uint8_t){(uint8_t)(number >> 8 * i)}, 1);
}

static void put_varint(bytes *b, uint64_t number)
{
    for (; number > 127; number >>= 7)
        put(b, &(uint8_t){(uint8_t)(number | 128)}, 1);
    put(b, &(uint8_t){(uint8_t)number}, 1);
}

/* ---- the wire format --------------------------------------------------------------------------------------------- */

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

static void put_tag(bytes *b, uint64_t field, uint64_t type)
{
    put_varint(b, field << 3 | type);
}

static void put_text(bytes *b, uint64_t field, const void *text, size_t size)
{
    put_tag(b, field, LENGTH);
    put_varint(b, size);
    put(b, text, size);
}

static void put_double(bytes *b, uint64_t field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_tag(b, field, FIXED64);
    put_little(b, bits, sizeof bits);
}

static void put_float(bytes *b, uint64_t field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_tag(b, field, FIXED32);
    put_little(b, bits, sizeof bits);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static uint32_t masked_crc(const uint8_t *at, size_t size)
{
    uint32_t crc = ~(uint32_t)0;
    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0); /* Castagnoli's polynomial, reflected */
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static void put_record(bytes *file, const bytes *event)
{
    const size_t start = file->count;
    put_little(file, event->count, 8);
    put_little(file, masked_crc(file->at + start, 8), 4);
    put(file, event->at, event->count);
    put_little(file, masked_crc(event->at, event->count), 4);
}

ho_events *ho_events_new(double wall_time)
{
    static const char version[] = "brain.Event:2";
    ho_events *events = ho_alloc(sizeof *events);
    put_double(&events->event, 1, wall_time);
    put_text(&events->event, 3, version, sizeof version - 1);
    put_record(&events->file, &events->event);
    return events;
}

void ho_events_add(ho_events *e, double wall_time, int64_t step, const char *tag, double value)
{
    e->event.count = e->summary.count = e->value.count = 0;
    put_text(&e->value, 1, tag, strlen(tag));
    put_float(&e->value, 2, (float)value);
    put_text(&e->summary, 1, e->value.at, e->value.count);
    put_double(&e->event, 1, wall_time);
    put_tag(&e->event, 2, VARINT);
    put_varint(&e->event, (uint64_t)step);
    put_text(&e->event, 5, e->summary.at, e->summary.count);
    put_record(&e->file, &e->event);
}

const void *ho_events_bytes(const ho_events *events, size_t *size)
{
    *size = events->file.count;
    return events->file.at;
}

void ho_events_free(ho_events *events)
{
    free(events->file.at);
    free(events->event.at);
    free(events->summary.at);
    free(events->value.at);
    free(events);
}
