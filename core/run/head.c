#include "run/head.h"

#include <cblas.h>
#include <gnu/libc-version.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <yaml.h>
#include <zlib.h>

#include "base/version.h"

int ho_machine_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 && cores < 1024 ? (int)cores : 1;
}

/* The first "model name" of Linux's list of processors; "" where there is none. */
static const char *cpu_name(ho_arena *arena)
{
    char line[256];
    const char *name = NULL;
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && !name && fgets(line, sizeof line, file)) {
        const char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (colon)
            name = ho_arena_format(arena, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    }
    if (file)
        fclose(file);
    return name ? name : "";
}

static const char *system_name(ho_arena *arena)
{
    struct utsname system;
    return uname(&system) == 0 ? ho_arena_format(arena, "%s %s %s", system.sysname, system.release, system.machine)
                               : "";
}

static ho_record_data data_of(const ho_pipeline *p, ho_arena *arena)
{
    ho_record_data data = {.source = p->data_label,
                           .choice = (int64_t)p->data_choice + 1,
                           .choices = (int64_t)p->data_choices,
                           .passed_over = p->data_missing,
                           .training = p->stream ? 0 : p->problem.training->count,
                           .validation = p->problem.validation->count,
                           .test = p->test.count,
                           .features = p->problem.training->features};
    const char **paths = ho_arena_alloc(arena, (p->file_count + 1) * sizeof *paths);
    const char **sums = ho_arena_alloc(arena, (p->file_count + 1) * sizeof *sums);
    for (size_t i = 0; i < p->file_count; i++) {
        paths[i] = p->files[i].path;
        sums[i] = p->files[i].sha256;
    }
    data.files = (ho_texts){paths, p->file_count};
    data.checksums = (ho_texts){sums, p->file_count};
    for (int64_t i = 0; p->noise && i < p->training.count; i++)
        data.replaced += p->noise[i] != 0;
    return data;
}

static ho_record_versions versions(ho_arena *arena)
{
    int major, minor, patch;
    yaml_get_version(&major, &minor, &patch);
    return (ho_record_versions){.openblas = openblas_get_config(),
                                .compiler = __VERSION__,
                                .libc = gnu_get_libc_version(),
                                .libyaml = ho_arena_format(arena, "%d.%d.%d", major, minor, patch),
                                .zlib = zlibVersion(),
                                .openssl = OpenSSL_version(OPENSSL_VERSION),
                                .jansson = JANSSON_VERSION};
}

static void add_settings(ho_record *record, const ho_pipeline *p, ho_arena *arena)
{
    const ho_settings settings = ho_pipeline_settings(p, arena);
    record->settings = settings.pairs;
    record->plugins.count = settings.plugin_count;
    record->plugins.items = ho_arena_alloc(arena, (settings.plugin_count + 1) * sizeof *record->plugins.items);
    for (size_t i = 0; i < settings.plugin_count; i++) {
        const ho_loaded *l = settings.plugins[i];
        record->plugins.items[i] = (ho_record_plugin){ho_kind_name(l->plugin.kind), l->plugin.name, l->plugin.version,
                                                      l->real_path ? l->real_path : l->path, l->sha256};
    }
}

ho_record ho_record_of(ho_record_kind kind, const ho_pipeline *p, const ho_origin *origin, ho_arena *arena)
{
    ho_record record = {
        .kind = kind,
        .format = HO_RECORD_FORMAT,
        .hotool = HOTOOL_VERSION,
        .pipeline = p->name,
        .file = p->file,
        .command = origin->command,
        .started = origin->started,
        .data = data_of(p, arena),
        .seed = (int64_t)p->problem.seed,
        .mode = p->mode ? p->mode->loaded->plugin.name : NULL,
        .dynamics = p->problem.dynamics->loaded->plugin.name,
        .steps = p->problem.steps,
        .precision = p->problem.precision == HO_F64 ? "f64" : "f32",
        .machine = {cpu_name(arena), ho_machine_cores(), system_name(arena)},
        .versions = versions(arena),
        .class_names = {p->class_names, (size_t)p->class_count},
    };
    add_settings(&record, p, arena);
    return record;
}
