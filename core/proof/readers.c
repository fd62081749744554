/* Data readers: the same again, and files that are cut short or damaged. */
#define _XOPEN_SOURCE 700 /* realpath, mkdtemp, symlink */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "host/dataset.h"
#include "proof/internal.h"

#define MOST_FILES 512 /* of a folder, and of how many of them damage is tried */
#define FEW_FILES  8
#define DEEPEST    6
#define STREAMED   200 /* examples of a damaged stream */

static ho_dataset *read_once(proof *p, const ho_tree *settings, ho_error *error)
{
    ho_instance *instance = ho_instance_new(p->loaded, NULL, settings, NULL, (ho_place){0}, error);
    ho_dataset *data = instance ? ho_dataset_read(instance, error) : NULL;
    ho_instance_free(instance);
    return data;
}

/* All that is read of a file: what is finite, and the beginning of a stream. */
static bool reads(proof *p, const ho_tree *settings, ho_error *error)
{
    ho_instance *instance = ho_instance_new(p->loaded, NULL, settings, NULL, (ho_place){0}, error);
    ho_dataset *data = instance ? ho_dataset_read(instance, error) : NULL;
    ho_dataset *begun = data && p->loaded->calls.data.next ? ho_dataset_next(instance, 0, STREAMED, error) : NULL;
    ho_dataset_free(data);
    ho_dataset_free(begun);
    ho_instance_free(instance);
    return error->status == HO_OK;
}

/* ---- the same again ---------------------------------------------------------------------------------------------- */

static bool same_values(const void *a, const void *b, int64_t count, size_t size)
{
    return (!a && !b) || (a && b && memcmp(a, b, (size_t)count * size) == 0);
}

static ho_status compare(const ho_examples *a, const ho_examples *b, bool unordered, ho_error *error)
{
    if (a->count != b->count || a->features != b->features || a->target_count != b->target_count)
        return ho_proof_fail(error,
                             "a second read gives %" PRId64 " examples of %" PRId64 " features, the first %" PRId64
                             " of %" PRId64,
                             b->count, b->features, a->count, a->features);
    bool same = same_values(a->x32, b->x32, a->count * a->features, sizeof *a->x32) &&
                same_values(a->x64, b->x64, a->count * a->features, sizeof *a->x64);
    for (size_t i = 0; same && i < a->target_count; i++)
        same = a->targets[i].width == b->targets[i].width &&
               same_values(a->targets[i].values, b->targets[i].values, a->count * a->targets[i].width, sizeof(double));
    return same || unordered
               ? HO_OK
               : ho_proof_fail(error,
                               "a second read gives other values: if only their order may change, set `unordered`");
}

ho_status ho_prove_read(proof *p, ho_error *error)
{
    ho_dataset *first = read_once(p, p->settings, error), *second = first ? read_once(p, p->settings, error) : NULL;
    int64_t count = 0;
    for (int part = 0; second && part < 4 && error->status == HO_OK; part++) {
        count += first->parts[part].count;
        compare(&first->parts[part], &second->parts[part], p->loaded->calls.data.unordered, error);
    }
    ho_proof_note(p, "%" PRId64 " examples, twice", count);
    ho_dataset_free(first);
    ho_dataset_free(second);
    return error->status;
}

static bool read_settings(proof *p, ho_error *own)
{
    ho_dataset *data = read_once(p, p->settings, own);
    ho_dataset_free(data);
    return data;
}

ho_status ho_prove_read_memory(proof *p, ho_error *error)
{
    return ho_proof_each_failure(p, "read", read_settings, error);
}

/* ---- damaged files ----------------------------------------------------------------------------------------------- */

/* One file that the reader reads, and the damaged copy that stands in its place for a while. */
typedef struct damage {
    proof *p;
    ho_tree *settings; /* with the copy */
    const char *copy;
    uint8_t *bytes;
    uint64_t size;
    int tried, refused;
    double end; /* when there is time for no more */
} damage;

/* Reads the copy as it now is: data or a refusal that names the file. */
static ho_status try_copy(damage *d, const char *how, uint64_t at, ho_error *error)
{
    ho_error own = {0};
    const bool read = reads(d->p, d->settings, &own);
    d->tried++;
    d->refused += !read;
    if (!read && !strstr(own.text, ho_path_last(d->copy)))
        ho_proof_fail(error, "with %s %s byte %" PRIu64 ": the refusal does not name the file: %s",
                      ho_path_last(d->copy), how, at, own.text);
    return error->status;
}

static ho_status write_copy(const damage *d, uint64_t size, ho_error *error)
{
    FILE *file = fopen(d->copy, "wb");
    const bool written = file && fwrite(d->bytes, 1, size, file) == size;
    if ((file && fclose(file) != 0) || !written)
        return ho_fail(error, HO_FAILED, "%s cannot be written", d->copy);
    return HO_OK;
}

static bool in_time(const damage *d)
{
    return d->p->request->in_process || ho_seconds() < d->end;
}

static ho_status damage_file(damage *d, ho_error *error)
{
    const uint64_t cuts[] = {0, 1, 8, d->size / 3, d->size / 2, d->size - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts && error->status == HO_OK; i++)
        if (cuts[i] < d->size && in_time(d) && write_copy(d, cuts[i], error) == HO_OK)
            try_copy(d, "cut at", cuts[i], error);
    for (int i = 0; i < 24 && d->size > 0 && in_time(d) && error->status == HO_OK; i++) {
        /* The first bytes say what all others mean. */
        const uint64_t head = d->size < 64 ? d->size : 64, range = i < 16 ? head : d->size;
        const uint64_t at = (uint64_t)(ho_proof_uniform(d->p) * (double)range);
        const uint8_t kept = d->bytes[at];
        d->bytes[at] = (uint8_t)(kept ^ (i % 2 ? 0xff : 1 + (int)(ho_proof_uniform(d->p) * 254)));
        if (write_copy(d, d->size, error) == HO_OK)
            try_copy(d, "changed at", at, error);
        d->bytes[at] = kept;
    }
    return error->status;
}

/* Files of a folder that an option names: its copy holds links to all of them. */
typedef struct mirror {
    proof *p;
    const char *from[MOST_FILES], *to[MOST_FILES];
    size_t count;
} mirror;

static void mirror_folder(mirror *m, const char *from, const char *to, int depth)
{
    struct dirent **entries;
    const int count = depth < DEEPEST && mkdir(to, 0700) == 0 ? scandir(from, &entries, NULL, alphasort) : -1;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        const char *source = ho_arena_format(m->p->arena, "%s/%s", from, name);
        const char *copy = ho_arena_format(m->p->arena, "%s/%s", to, name);
        struct stat about;
        char *real = realpath(source, NULL);
        if (real && name[0] != '.' && stat(real, &about) == 0) {
            if (S_ISDIR(about.st_mode)) {
                mirror_folder(m, source, copy, depth + 1);
            } else if (S_ISREG(about.st_mode) && symlink(real, copy) == 0 && m->count < MOST_FILES) {
                m->from[m->count] = source;
                m->to[m->count++] = copy;
            }
        }
        free(real);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void remove_tree(const char *path)
{
    DIR *entries = opendir(path);
    for (const struct dirent *entry; entries && (entry = readdir(entries));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inner = ho_format("%s/%s", path, entry->d_name);
        if (unlink(inner) != 0)
            remove_tree(inner);
        free(inner);
    }
    if (entries)
        closedir(entries);
    rmdir(path);
}

/* One file, damaged where `copy` is, and whole there again in the end. */
static ho_status damage_at(damage *d, const char *from, const char *copy, ho_error *error)
{
    d->copy = copy;
    if (ho_file_read_raw(from, (uint64_t)64 << 20, &d->bytes, &d->size, error) != HO_OK)
        return error->status;
    unlink(copy);
    if (damage_file(d, error) == HO_OK)
        write_copy(d, d->size, error);
    ho_large_free(d->bytes);
    d->bytes = NULL;
    return error->status;
}

/* The option's file, or a few of its folder's, damaged in a folder of their own. */
static ho_status damage_option(damage *d, const char *name, const char *path, const char *folder, ho_error *error)
{
    mirror *m = ho_arena_alloc(d->p->arena, sizeof *m);
    const char *copy = ho_arena_format(d->p->arena, "%s/%s", folder, ho_path_last(path));
    struct stat about;
    m->p = d->p;
    if (stat(path, &about) != 0)
        return HO_OK;
    d->settings = ho_tree_copy(d->p->arena, d->p->settings);
    ho_proof_put(d->p->arena, d->settings, name, copy);
    if (S_ISREG(about.st_mode))
        return damage_at(d, path, copy, error);
    mirror_folder(m, path, copy, 0);
    for (size_t i = 0; i < m->count && i < FEW_FILES && error->status == HO_OK; i++) {
        const size_t which = m->count > FEW_FILES ? (size_t)(ho_proof_uniform(d->p) * (double)m->count) : i;
        damage_at(d, m->from[which], m->to[which], error);
    }
    return error->status;
}

ho_status ho_prove_damage(proof *p, ho_error *error)
{
    char folder[] = "/tmp/hotool-damage-XXXXXX";
    damage d = {.p = p, .end = ho_seconds() + 0.5 * p->request->limit};
    if (!mkdtemp(folder))
        return ho_fail(error, HO_FAILED, "no folder for copies of files can be made in /tmp");
    for (uint32_t i = 0; i < p->loaded->option_count && error->status == HO_OK; i++) {
        const ho_option *o = &p->loaded->options[i];
        const ho_tree *given = ho_tree_get(p->settings, o->name);
        const char *path = given ? given->text : o->initial;
        if (o->type == HO_PATH && path)
            damage_option(&d, o->name, path, folder, error);
    }
    remove_tree(folder);
    if (error->status == HO_OK && d.tried == 0)
        return ho_proof_skip(p, "no file was given (--set OPTION=FILE)");
    ho_proof_note(p, "%d damaged files, %d of them refused", d.tried, d.refused);
    return error->status;
}
