/* Pictures of examples: from .npy files to PNG. */
#ifndef HO_REPORT_IMAGES_H
#define HO_REPORT_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Small pictures of the same size: rows of pixels, 8 bits a channel, 1 or 3 channels side by side. */
typedef struct ho_images {
    int count, height, width, channels;
    uint8_t *pixels; /* NULL: there are no pictures */
} ho_images;

/* Reads a .npy file of `count` pictures: (n,H,W), (n,C,H,W) or (n,H,W,C) with C 1 or 3. Large ones are scaled down. A
 * file of (n,d) has no pictures. */
ho_status ho_images_read(const char *path, size_t count, ho_images *images, ho_error *error);
/* Picture i as the address of an image in the page ("data:image/png;base64,..."); free(). */
ho_status ho_images_address(const ho_images *images, int i, char **address, ho_error *error);
/* The integer factor that makes a picture about `size` pixels large. */
int ho_images_scale(const ho_images *images, int size);

typedef enum ho_images_frame { HO_IMAGES_PLAIN, HO_IMAGES_ORIGINAL, HO_IMAGES_REPLACED } ho_images_frame;

/* All pictures, each with its frame, as one PNG file; free(). */
ho_status ho_images_sheet(const ho_images *images, const ho_images_frame *frames, uint8_t **png, size_t *size,
                          ho_error *error);

#endif
