#include "host/data_files.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

static void print_digest(const unsigned char *digest, char text[HO_SHA256])
{
    for (size_t i = 0; i < (HO_SHA256 - 1) / 2; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

void ho_sha256(const void *bytes, uint64_t size, char text[HO_SHA256])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL) != 1)
        ho_out_of_memory(); /* there is no other reason */
    print_digest(digest, text);
}

/* The entry of that path; NULL: there is none. */
static ho_data_file *find(const ho_data_files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->of[i].path, path) == 0)
            return &files->of[i];
    return NULL;
}

static ho_data_file *enter(ho_data_files *files, const char *path)
{
    ho_data_file *file = find(files, path);
    if (file)
        return file;
    ho_grow((void **)&files->of, &files->capacity, files->count, sizeof *files->of);
    file = &files->of[files->count++];
    *file = (ho_data_file){.path = ho_strdup(path)};
    return file;
}

void ho_data_files_begin(ho_data_files *files, const ho_instance *reader)
{
    for (uint32_t i = 0; i < reader->loaded->option_count; i++) {
        const char *path = ho_instance_path(reader, i);
        struct stat about;
        if (!path || stat(path, &about) != 0)
            continue;
        if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))
            continue; /* what a pipe gives is not there again to be hashed */
        ho_data_file *file = enter(files, path);
        file->option = true;
        file->folder = S_ISDIR(about.st_mode);
        file->stream = reader->loaded->calls.data.next;
        file->size = about.st_size;
        file->changed = about.st_mtim;
    }
}

void ho_data_files_add(ho_data_files *files, const char *path, const uint8_t *bytes, uint64_t size)
{
    ho_data_file *file = enter(files, path);
    if (*file->sha256)
        return;
    if (!file->option)
        file->size = (int64_t)size;
    ho_sha256(bytes, size, file->sha256);
}

/* Of a file that need not fit into memory. */
static ho_status hash_by_pieces(const char *path, char text[HO_SHA256], ho_error *error)
{
    static const size_t piece = 1 << 20;
    FILE *file = fopen(path, "rb");
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        ho_out_of_memory();
    char *bytes = ho_alloc(piece);
    size_t size = 1;
    while (file && size > 0 && error->status == HO_OK) {
        size = fread(bytes, 1, piece, file);
        EVP_DigestUpdate(context, bytes, size);
        ho_file_poll(path, error);
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_DigestFinal_ex(context, digest, NULL);
    print_digest(digest, text);
    if ((!file || ferror(file)) && error->status == HO_OK)
        ho_fail(error, HO_INVALID, "%s: cannot be read: %s", path, strerror(errno));
    if (file)
        fclose(file);
    EVP_MD_CTX_free(context);
    free(bytes);
    return error->status;
}

static ho_status hash_whole(const char *path, char *text, ho_error *error)
{
    uint8_t *bytes;
    uint64_t size;
    if (ho_file_read_raw(path, 0, &bytes, &size, error) != HO_OK)
        return error->status;
    ho_sha256(bytes, size, text);
    ho_large_free(bytes);
    return HO_OK;
}

/* Hashes what the reader has read by itself, and compares with how the file was before. */
static ho_status settle_file(ho_data_file *file, ho_error *error)
{
    if (!*file->sha256 && (file->stream ? hash_by_pieces : hash_whole)(file->path, file->sha256, error) != HO_OK)
        return error->status;
    struct stat about;
    bool same = stat(file->path, &about) == 0 && about.st_size == file->size &&
                about.st_mtim.tv_sec == file->changed.tv_sec && about.st_mtim.tv_nsec == file->changed.tv_nsec;
    return same ? HO_OK : ho_fail(error, HO_INVALID, "%s: changed while it was being read", file->path);
}

static int by_path(const void *left, const void *right)
{
    return strcmp(((const ho_data_file *)left)->path, ((const ho_data_file *)right)->path);
}

static bool lies_in(const ho_data_file *file, const char *folder)
{
    size_t length = strlen(folder);
    return !file->option && strncmp(file->path, folder, length) == 0 && file->path[length] == '/';
}

/* Hashes the list of a folder's files, which leave the files. */
static void settle_folder(ho_data_files *files, size_t index)
{
    ho_data_file *folder = &files->of[index];
    char *text;
    size_t size, kept = index + 1; /* the files of no option come last */
    FILE *list = ho_text_open(&text, &size);
    folder->size = 0;
    for (size_t i = kept; i < files->count; i++) {
        ho_data_file *file = &files->of[i];
        if (!lies_in(file, folder->path)) {
            files->of[kept++] = *file;
            continue;
        }
        fprintf(list, "%s  %s\n", file->sha256, file->path + strlen(folder->path) + 1);
        folder->size += file->size;
        free(file->path);
    }
    files->count = kept;
    ho_text_close(list);
    ho_sha256(text, size, folder->sha256);
    free(text);
}

ho_status ho_data_files_end(ho_data_files *files, ho_error *error)
{
    size_t options = 0; /* come first */
    while (options < files->count && files->of[options].option)
        options++;
    if (files->count > options)
        qsort(files->of + options, files->count - options, sizeof *files->of, by_path);
    for (size_t i = 0; i < options && error->status == HO_OK; i++)
        if (files->of[i].folder)
            settle_folder(files, i);
        else
            settle_file(&files->of[i], error);
    return error->status;
}

void ho_data_files_free(ho_data_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->of[i].path);
    free(files->of);
    *files = (ho_data_files){0};
}
