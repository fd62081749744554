#include "report/images.h"

#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/npy.h"
#include "report/text.h"

/* Pixels on a side: of a picture that is read, on the page, and on the contact sheet. */
#define MOST_SIDE  4096
#define TILE_SIDE  64
#define SHEET_SIDE 96
/* The contact sheet, in pixels. */
#define SHEET_COLUMNS 10
#define FRAME         3
#define GAP           6

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* How the numbers of a file are arranged. */
typedef struct layout {
    int64_t height, width, channels;
    int64_t row, column, channel; /* distance from one to the next */
} layout;

static bool is_channels(int64_t count)
{
    return count == 1 || count == 3;
}

static bool lay_out(const ho_npy *array, layout *l)
{
    const int64_t *d = array->dims;
    if (array->rank == 3)
        *l = (layout){d[1], d[2], 1, d[2], 1, 1};
    else if (array->rank == 4 && is_channels(d[1]))
        *l = (layout){d[2], d[3], d[1], d[3], 1, d[2] * d[3]};
    else if (array->rank == 4 && is_channels(d[3]))
        *l = (layout){d[1], d[2], d[3], d[2] * d[3], d[3], 1};
    else
        return false;
    return l->height > 0 && l->width > 0 && l->height <= MOST_SIDE && l->width <= MOST_SIDE;
}

static ho_status range(const char *path, const ho_npy *array, double *least, double *largest, ho_error *error)
{
    *least = *largest = ho_npy_entry(array, 0);
    for (int64_t i = 0; i < array->count; i++) {
        double value = ho_npy_entry(array, i);
        if (!isfinite(value))
            return ho_fail(error, HO_INVALID, "%s: entry %lld is not finite", path, (long long)i);
        *least = fmin(*least, value);
        *largest = fmax(*largest, value);
    }
    return HO_OK;
}

/* The mean over the part of a square of side x side pixels that is inside the picture. */
static double mean_of(const ho_npy *array, const layout *l, int64_t from, int64_t y, int64_t x, int64_t side)
{
    double sum = 0;
    int64_t count = 0;
    for (int64_t i = y * side; i < (y + 1) * side && i < l->height; i++)
        for (int64_t j = x * side; j < (x + 1) * side && j < l->width; j++, count++)
            sum += ho_npy_entry(array, from + i * l->row + j * l->column);
    return sum / (double)count;
}

static void convert(const ho_npy *array, const layout *l, double least, double largest, ho_images *images)
{
    int64_t longest = l->height > l->width ? l->height : l->width, side = (longest + TILE_SIDE - 1) / TILE_SIDE;
    images->height = (int)((l->height + side - 1) / side);
    images->width = (int)((l->width + side - 1) / side);
    images->channels = (int)l->channels;
    uint8_t *pixel = images->pixels =
        ho_alloc((size_t)images->count * (size_t)(images->height * images->width * images->channels));
    double factor = largest > least ? 255 / (largest - least) : 0;
    for (int64_t n = 0; n < images->count; n++)
        for (int64_t y = 0; y < images->height; y++)
            for (int64_t x = 0; x < images->width; x++)
                for (int64_t c = 0; c < l->channels; c++) {
                    int64_t from = n * l->height * l->width * l->channels + c * l->channel;
                    double value = (mean_of(array, l, from, y, x, side) - least) * factor;
                    *pixel++ = (uint8_t)lround(fmin(fmax(value, 0), 255));
                }
}

ho_status ho_images_read(const char *path, size_t count, ho_images *images, ho_error *error)
{
    ho_npy array = {0};
    layout l;
    double least, largest;
    if (ho_npy_read(path, &array, error) != HO_OK)
        return error->status;
    images->count = (int)count;
    if (array.rank < 1 || array.dims[0] != (int64_t)count)
        ho_fail(error, HO_INVALID, "%s: expected %zu pictures, one for each row of lowest.csv", path, count);
    else if (array.rank != 2 && !lay_out(&array, &l))
        ho_fail(error, HO_INVALID,
                "%s: expected pictures (n,H,W), (n,C,H,W) or (n,H,W,C) with C 1 or 3 and H and W from 1 to %d", path,
                MOST_SIDE);
    else if (array.rank != 2 && range(path, &array, &least, &largest, error) == HO_OK)
        convert(&array, &l, least, largest, images);
    ho_npy_free(&array);
    return error->status;
}

/* ---- PNG --------------------------------------------------------------------------------------------------------- */

static ho_status encode(const uint8_t *pixels, int width, int height, int channels, uint8_t **png, size_t *size,
                        ho_error *error)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    image.width = (png_uint_32)width;
    image.height = (png_uint_32)height;
    image.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    png_alloc_size_t bytes = 0;
    *png = NULL;
    if (png_image_write_to_memory(&image, NULL, &bytes, 0, pixels, 0, NULL)) {
        *png = ho_alloc(bytes);
        if (png_image_write_to_memory(&image, *png, &bytes, 0, pixels, 0, NULL)) {
            *size = bytes;
            return HO_OK;
        }
    }
    free(*png);
    *png = NULL;
    return ho_fail(error, HO_FAILED, "cannot encode a picture as PNG: %s", image.message);
}

static void put_base64(const uint8_t *bytes, size_t size, FILE *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16;
        three |= i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0;
        three |= i + 2 < size ? bytes[i + 2] : 0;
        fputc(digits[three >> 18], out);
        fputc(digits[three >> 12 & 63], out);
        fputc(i + 1 < size ? digits[three >> 6 & 63] : '=', out);
        fputc(i + 2 < size ? digits[three & 63] : '=', out);
    }
}

static const uint8_t *picture(const ho_images *images, int i)
{
    return images->pixels + (size_t)i * (size_t)(images->height * images->width * images->channels);
}

ho_status ho_images_address(const ho_images *images, int i, char **address, ho_error *error)
{
    uint8_t *png;
    size_t size = 0, length;
    if (encode(picture(images, i), images->width, images->height, images->channels, &png, &size, error) != HO_OK)
        return error->status;
    FILE *out = ho_text_open(address, &length);
    fputs("data:image/png;base64,", out);
    put_base64(png, size, out);
    ho_text_close(out);
    free(png);
    return HO_OK;
}

int ho_images_scale(const ho_images *images, int size)
{
    int longest = images->height > images->width ? images->height : images->width;
    return longest < size ? size / longest : 1;
}

/* ---- the contact sheet ------------------------------------------------------------------------------------------- */

typedef struct canvas {
    uint8_t *pixels; /* RGB */
    int width;
} canvas;

static void fill(const canvas *c, int top, int left, int height, int width, const uint8_t colour[3])
{
    for (int y = top; y < top + height; y++)
        for (int x = left; x < left + width; x++)
            memcpy(c->pixels + ((size_t)y * (size_t)c->width + (size_t)x) * 3, colour, 3);
}

static void place(const canvas *c, const ho_images *images, int i, int top, int left, int scale)
{
    const uint8_t *pixel = picture(images, i);
    for (int y = 0; y < images->height; y++)
        for (int x = 0; x < images->width; x++, pixel += images->channels) {
            const uint8_t grey[3] = {pixel[0], pixel[0], pixel[0]};
            fill(c, top + y * scale, left + x * scale, scale, scale, images->channels == 3 ? pixel : grey);
        }
}

ho_status ho_images_sheet(const ho_images *images, const ho_images_frame *frames, uint8_t **png, size_t *size,
                          ho_error *error)
{
    static const uint8_t white[3] = {255, 255, 255}, original[3] = {0x94, 0xa3, 0xb3}, replaced[3] = {0xa4, 0x16, 0x1a};
    int scale = ho_images_scale(images, SHEET_SIDE), columns = images->count;
    columns = columns < SHEET_COLUMNS ? columns : SHEET_COLUMNS;
    int rows = (images->count + columns - 1) / columns;
    int wide = images->width * scale + 2 * FRAME, high = images->height * scale + 2 * FRAME;
    int width = columns * (wide + GAP) + GAP, height = rows * (high + GAP) + GAP;
    canvas c = {ho_alloc((size_t)width * (size_t)height * 3), width};
    fill(&c, 0, 0, height, width, white);
    for (int i = 0; i < images->count; i++) {
        int top = GAP + i / columns * (high + GAP), left = GAP + i % columns * (wide + GAP);
        if (frames[i] != HO_IMAGES_PLAIN)
            fill(&c, top, left, high, wide, frames[i] == HO_IMAGES_REPLACED ? replaced : original);
        place(&c, images, i, top + FRAME, left + FRAME, scale);
    }
    ho_status status = encode(c.pixels, width, height, 3, png, size, error);
    free(c.pixels);
    return status;
}
