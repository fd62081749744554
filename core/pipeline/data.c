/* The data of a pipeline: which source, reading it, dividing and standardising it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"

#define MOST_GAPS 8 /* classes without examples that are named */

/* The keys beside a reader's own options. */
static const char *const *keys_of(int reader)
{
    return ho_key_names(reader == HO_ALL_PARTS ? HO_SOURCE : HO_READER);
}

/* Takes the parts that are fractions out of a copy of the split, whose keys are integers. */
static ho_tree *take_shares(ho_reading *r, const ho_tree *node, double shares[3])
{
    static const char *const parts[3] = {"train", "validation", "test"};
    ho_tree *counts = ho_tree_copy(r->arena, node);
    for (int p = 0; p < 3 && node->kind == HO_TREE_MAP; p++) {
        ho_tree *part = ho_tree_get(counts, parts[p]);
        double share;
        if (!part || part->kind != HO_TREE_SCALAR || !ho_parse_real(part->text, &share) || !(share > 0 && share < 1))
            continue;
        shares[p] = share;
        part->text = "0";
    }
    return counts;
}

static ho_status read_split(ho_reading *r, const ho_tree *node, ho_data_source *source)
{
    ho_split *split = &source->split;
    *split = (ho_split){.seed = r->pipeline->problem.seed, .place = node->place};
    if (ho_keys_read(HO_SPLIT, take_shares(r, node, split->shares), split, r->error) != HO_OK)
        return r->error->status;
    const ho_tree *test = ho_tree_get(node, "test");
    if (test && source->readers[HO_TEST_PART].loaded)
        return ho_fail_at(r->error, HO_INVALID, test->key_place, "split: \"test\" beside a reader of test examples");
    const ho_tree *rest = NULL;
    for (const ho_tree *share = node->first; share; share = share->next) {
        if (!ho_is_word(share, "rest"))
            continue;
        if (rest)
            return ho_fail_at(r->error, HO_INVALID, share->place, "split: only one part can be the rest");
        rest = share;
    }
    return HO_OK;
}

/* The reader that `node` names. One with a seed of its own that the file leaves out takes the pipeline's, so that
 * repetitions get other data from it. */
static ho_status read_reader(ho_reading *r, ho_tree *node, const char *what, ho_mention *reader)
{
    if (ho_mention_read(r, HO_DATA, node, what, reader) != HO_OK)
        return r->error->status;
    if (reader->settings && ho_has_option(reader->loaded, "seed") && !ho_tree_get(reader->settings, "seed")) {
        const char *seed = ho_arena_format(r->arena, "%" PRIu64, r->pipeline->problem.seed);
        ho_tree_put_text(r->arena, reader->settings, "seed", reader->place, seed);
    }
    return HO_OK;
}

/* A key of the source, unless its reader has an option of that name. */
static ho_tree *own_key(const ho_data_source *source, const char *key)
{
    const ho_loaded *whole = source->readers[HO_ALL_PARTS].loaded;
    return whole && ho_has_option(whole, key) ? NULL : ho_tree_get(source->node, key);
}

/* The reader of one part. */
static ho_status read_part(ho_reading *r, ho_data_source *source, const char *key, int part)
{
    ho_tree *node = own_key(source, key);
    ho_mention *reader = &source->readers[part];
    if (node && read_reader(r, node, key, reader) == HO_OK && reader->loaded->calls.data.emits_parts)
        ho_fail_at(r->error, HO_INVALID, reader->place,
                   "%s: the reader \"%s\" provides all parts itself; use it as the data's plugin", key,
                   reader->loaded->plugin.name);
    return r->error->status;
}

/* What a source of one reader says of the parts. */
static ho_status read_division(ho_reading *r, ho_data_source *source)
{
    const ho_loaded *loaded = source->readers[HO_ALL_PARTS].loaded;
    const ho_tree *split = ho_tree_get(source->node, "split"), *test = own_key(source, "test");
    source->divided = !loaded->calls.data.emits_parts;
    if (!source->divided && (split || test))
        return ho_fail_at(r->error, HO_INVALID, (split ? split : test)->key_place,
                          "%s: the reader \"%s\" provides all parts itself", split ? "split" : "test",
                          loaded->plugin.name);
    if (source->divided && !split)
        return ho_fail_at(r->error, HO_INVALID, source->node->place,
                          "data: \"split\" is missing: {train: N, validation: N, test: N or rest}");
    return split ? read_split(r, split, source) : HO_OK;
}

/* Notes which of its files are missing. A data set that was read before needs none of them. */
static void find_missing(ho_reading *r, ho_data_source *source, int reader)
{
    const ho_mention *m = &source->readers[reader];
    bool exist = true;
    char *missing = NULL;
    if (!m->loaded || ho_data_cache_has(r->cache, m->loaded, m->settings))
        return;
    ho_settings_paths_exist(m->loaded, m->settings, keys_of(reader), &exist, &missing, r->error);
    const ho_tree *path = missing && m->settings ? m->settings->first : NULL;
    while (path && !ho_is_word(path, missing))
        path = path->next;
    const char *written = path ? path->written : NULL;
    if (missing)
        source->missing = ho_arena_format(r->arena, "%s%sno file %s%s%s%s", source->missing ? source->missing : "",
                                          source->missing ? ", " : "", missing, written ? " (" : "",
                                          written ? written : "", written ? ")" : "");
    free(missing);
}

static ho_status read_noise(ho_reading *r, ho_data_source *source)
{
    const ho_tree *node = own_key(source, "noise");
    source->noisy = node != NULL;
    if (!node)
        return HO_OK;
    source->noise = (ho_noise){.seed = r->pipeline->problem.seed, .place = node->place};
    return ho_keys_read(HO_NOISE, node, &source->noise, r->error);
}

/* Reads and checks one source, whether it will be used or not. */
static ho_status read_source(ho_reading *r, ho_tree *node, ho_data_source *source)
{
    source->node = node;
    if (ho_tree_expect(node, HO_TREE_MAP, "data", r->error) != HO_OK)
        return r->error->status;
    bool whole = ho_tree_get(node, "plugin") != NULL;
    if (!whole && !ho_tree_get(node, "train") && !ho_tree_get(node, "validation") && !ho_tree_get(node, "test"))
        return ho_fail_at(r->error, HO_INVALID, node->place,
                          "data: \"plugin\" is missing, or \"train\" and \"validation\" with a reader each");
    if ((whole && read_reader(r, node, "data", &source->readers[HO_ALL_PARTS]) != HO_OK) ||
        ho_keys_read(whole ? HO_SOURCE : HO_PARTS, node, source, r->error) != HO_OK ||
        (!whole && (read_part(r, source, "train", HO_TRAINING_PART) != HO_OK ||
                    read_part(r, source, "validation", HO_VALIDATION_PART) != HO_OK)) ||
        read_part(r, source, "test", HO_TEST_PART) != HO_OK || (whole && read_division(r, source) != HO_OK) ||
        read_noise(r, source) != HO_OK || ho_check_stream_source(r, source) != HO_OK)
        return r->error->status;
    for (int i = 0; i < HO_READERS && r->error->status == HO_OK; i++)
        find_missing(r, source, i);
    return r->error->status;
}

static bool is_generated(const ho_data_source *source)
{
    for (int i = 0; i < HO_READERS; i++)
        if (source->readers[i].loaded && source->readers[i].loaded->calls.data.generated)
            return true;
    return false;
}

/* Made data must not pass for those asked for. */
static ho_status refuse_generated(ho_reading *r, const ho_data_source *source)
{
    const char *name = source->label ? source->label : source->readers[HO_ALL_PARTS].loaded->plugin.name;
    return ho_fail_at(r->error, HO_INVALID, source->node->place,
                      "data: %s; \"%s\" would replace it, but its data are generated. Give the path of the real data, "
                      "or allow generated data with --allow-generated or allow_generated: true",
                      r->pipeline->data_missing, name);
}

/* The first source that is there. */
static const ho_data_source *choose_source(ho_reading *r, const ho_tree *node, const ho_data_source *sources,
                                           size_t count)
{
    ho_pipeline *p = r->pipeline;
    p->data_choices = count;
    for (size_t i = 0; i < count; i++) {
        p->data_choice = i;
        if (!sources[i].missing && i > 0 && is_generated(&sources[i]) && !p->allow_generated) {
            refuse_generated(r, &sources[i]);
            return NULL;
        }
        if (!sources[i].missing)
            return &sources[i];
        p->data_missing =
            i == 0 ? sources[i].missing : ho_arena_format(r->arena, "%s; %s", p->data_missing, sources[i].missing);
    }
    if (count == 1)
        ho_fail_at(r->error, HO_INVALID, sources[0].node->place, "data: %s", p->data_missing);
    else
        ho_fail_at(r->error, HO_INVALID, node->place, "data: none of the %zu sources exists: %s", count,
                   p->data_missing);
    return NULL;
}

/* The numbers of the classes below the largest label that no example has, as far as they fit into a line. */
static const char *list_gaps(ho_reading *r, const bool *seen, int64_t classes)
{
    const char *list = "";
    int64_t listed = 0;
    for (int64_t c = 0; c < classes && listed <= MOST_GAPS; c++)
        if (!seen[c])
            list = listed++ == MOST_GAPS ? ho_arena_format(r->arena, "%s, ...", list)
                                         : ho_arena_format(r->arena, "%s%s%" PRId64, list, listed > 1 ? ", " : "", c);
    return list;
}

/* Which labels the data has, whether the split uses their examples or not. */
typedef struct label_notes {
    const ho_target *main; /* the target that `seen` is about; NULL: not known yet */
    bool *seen;            /* whether an example has that label */
    int64_t count;         /* of `seen` */
    int64_t classes;       /* one more than the largest label of any target */
} label_notes;

static void note_labels(const ho_dataset *dataset, label_notes *l)
{
    for (int p = 0; p < HO_READERS; p++)
        for (size_t t = 0; t < dataset->parts[p].target_count; t++) {
            const ho_target *target = &dataset->parts[p].targets[t];
            const bool main = target->labels && l->main && strcmp(target->name, l->main->name) == 0;
            if (main && target->classes > l->count) {
                l->seen = ho_realloc(l->seen, (size_t)target->classes * sizeof *l->seen);
                memset(l->seen + l->count, 0, (size_t)(target->classes - l->count) * sizeof *l->seen);
                l->count = target->classes;
            }
            bool *seen = main ? l->seen : NULL;
            for (int64_t i = 0; target->labels && i < dataset->parts[p].count; i++) {
                const int64_t label = (int64_t)target->values[i];
                l->classes = label < l->classes ? l->classes : label + 1;
                if (seen)
                    seen[label] = true;
            }
        }
}

void ho_data_remark(ho_reading *r, const char *text)
{
    ho_pipeline *p = r->pipeline;
    const char **notes = ho_arena_alloc(r->arena, (p->data_note_count + 1) * sizeof *notes);
    for (size_t i = 0; i < p->data_note_count; i++)
        notes[i] = p->data_notes[i];
    notes[p->data_note_count++] = text;
    p->data_notes = notes;
}

/* Notes classes below the largest label that no example of the data has. */
static void note_gaps(ho_reading *r, const label_notes *l)
{
    int64_t gaps = 0, largest = 0;
    for (int64_t c = 0; c < l->count; c++)
        largest = l->seen[c] ? c : largest;
    for (int64_t c = 0; c < largest; c++)
        gaps += !l->seen[c];
    if (gaps == 1 && !l->seen[0])
        ho_data_remark(r,
                       ho_arena_format(r->arena, "%s: class 0 has no example; do labels start at 1?", l->main->name));
    else if (gaps)
        ho_data_remark(r, ho_arena_format(r->arena, "%s: %" PRId64 " of %" PRId64 " classes have no example (%s)",
                                          l->main->name, gaps, largest + 1, list_gaps(r, l->seen, largest)));
}

/* The target of the first loss. */
static const ho_target *main_target(ho_reading *r, const ho_examples *examples)
{
    const ho_problem *p = &r->pipeline->problem;
    const ho_term *loss = p->objective;
    while (loss->plugin->loaded->plugin.kind != HO_LOSS)
        loss++;
    const char **names = ho_arena_alloc(r->arena, (examples->target_count + 1) * sizeof *names);
    for (size_t i = 0; i < examples->target_count; i++)
        names[i] = examples->targets[i].name;
    const ho_target *target = loss->target ? ho_examples_target(examples, loss->target) : examples->targets;
    char *list = ho_join(names, examples->target_count);
    if (!examples->target_count) {
        ho_fail_at(r->error, HO_INVALID, loss->plugin->place, "%s: the data has no targets", loss->plugin->name);
    } else if (!target) {
        char suggestion[HO_SUGGESTION];
        ho_fail_at(r->error, HO_INVALID, loss->target_place, "target: the data has no \"%s\"%s (known: %s)",
                   loss->target, ho_suggest(ho_nearest(loss->target, names, examples->target_count), suggestion), list);
    } else if (!loss->target && examples->target_count > 1) {
        ho_fail_at(r->error, HO_INVALID, loss->plugin->place,
                   "%s: the data has several targets (%s); choose one with \"target\"", loss->plugin->name, list);
    }
    free(list);
    return r->error->status == HO_OK ? target : NULL;
}

/* Divides what one reader gave. */
static ho_status divide(ho_reading *r, const ho_data_source *source, const ho_examples *all)
{
    ho_pipeline *p = r->pipeline;
    ho_examples parts[3] = {{0}};
    ho_split split = source->split;
    const ho_target *labels = main_target(r, all);
    if (!labels)
        return r->error->status;
    for (size_t i = 0; !labels->labels && i < all->target_count; i++)
        if (all->targets[i].labels)
            labels = &all->targets[i];
    const ho_tree *stratified = ho_tree_get(ho_tree_get(source->node, "split"), "stratified");
    if (!labels->labels && stratified && split.stratified)
        return ho_fail_at(r->error, HO_INVALID, split.place, "split: stratified, but the data has no labels");
    split.stratified = split.stratified && labels->labels;
    ho_split_examples(all, labels, &split, parts, r->error);
    p->training = parts[0];
    p->validation = parts[1];
    p->test = parts[2];
    return r->error->status;
}

/* Parts from different readers must fit together. The training part says how many classes there are. */
static ho_status check_alike(ho_reading *r, ho_place place, const char *name, ho_examples *part)
{
    const ho_examples *training = &r->pipeline->training;
    if (!part->count)
        return HO_OK;
    if (part->features != training->features)
        return ho_fail_at(r->error, HO_INVALID, place,
                          "data: the %s examples have %" PRId64 " features, the training examples %" PRId64, name,
                          part->features, training->features);
    for (size_t i = 0; i < training->target_count; i++) {
        const ho_target *wanted = &training->targets[i];
        ho_target *target = ho_examples_target(part, wanted->name);
        if (!target)
            continue; /* the losses that use it there say so */
        if (target->labels != wanted->labels || target->width != wanted->width)
            return ho_fail_at(r->error, HO_INVALID, place,
                              "data: the target \"%s\" of the %s examples differs in kind or width from that of the "
                              "training examples",
                              wanted->name, name);
        if (target->classes > wanted->classes)
            return ho_fail_at(r->error, HO_INVALID, place,
                              "data: \"%s\" has %" PRId64 " classes in the %s examples and %" PRId64
                              " in the training examples; if these lack the last classes, set \"classes: %" PRId64
                              "\" in each part",
                              wanted->name, target->classes, name, wanted->classes, target->classes);
        target->classes = wanted->classes;
    }
    return HO_OK;
}

/* Test examples are met after a whole run: what they lack of the targets that validation uses is said before. */
static ho_status check_test(ho_reading *r)
{
    const ho_pipeline *p = r->pipeline;
    for (size_t i = 0; p->test.count && i < p->problem.validation_count; i++) {
        const ho_term *term = &p->problem.validation_terms[i];
        const char *name = term->target ? term->target : p->training.targets[0].name;
        if (term->plugin->loaded->plugin.kind == HO_LOSS && ho_examples_target(&p->validation, name) &&
            !ho_examples_target(&p->test, name))
            return ho_fail_at(r->error, HO_INVALID, term->target ? term->target_place : term->plugin->place,
                              "loss \"%s\": the test data has no target \"%s\"", term->plugin->loaded->plugin.name,
                              name);
    }
    return HO_OK;
}

/* More names than there are labels are a mistake, unless the file says how many classes there are. */
static ho_status check_names(ho_reading *r, const ho_mention *reader, int64_t classes)
{
    const ho_tree *names = ho_tree_get(reader->settings, "names");
    if (!names || !ho_has_option(reader->loaded, "classes") || ho_tree_get(reader->settings, "classes") ||
        (int64_t)names->count <= classes)
        return HO_OK;
    return ho_fail_at(r->error, HO_INVALID, names->place,
                      "names: %zu names for labels from 0 to %" PRId64
                      "; if some classes have no examples, set \"classes: %zu\" too",
                      names->count, classes - 1, names->count);
}

/* A stream's reader may name fewer classes than its labels have: the others get their number. */
static void keep_class_names(ho_reading *r, const ho_dataset *dataset)
{
    ho_pipeline *p = r->pipeline;
    int64_t count = dataset->class_count;
    for (size_t i = 0; p->stream && i < p->training.target_count; i++)
        if (p->training.targets[i].labels && p->training.targets[i].classes > count)
            count = p->training.targets[i].classes;
    if (!dataset->class_names)
        return;
    const char **names = ho_arena_alloc(r->arena, ((size_t)count + 1) * sizeof *names);
    for (int64_t i = 0; i < count; i++)
        names[i] = i < dataset->class_count && dataset->class_names[i]
                       ? ho_arena_strdup(r->arena, dataset->class_names[i])
                       : ho_arena_format(r->arena, "%" PRId64, i);
    p->class_names = names;
    p->class_count = count;
}

/* What a run says of the data beside its examples: files and, of the first reader, classes and truths. */
static void keep_facts(ho_reading *r, const ho_dataset *dataset, int reader, bool first)
{
    ho_pipeline *p = r->pipeline;
    const size_t count = p->file_count + dataset->files.count;
    ho_data_file *files = ho_arena_alloc(r->arena, (count + 1) * sizeof *files);
    for (size_t i = 0; i < count; i++) {
        files[i] = i < p->file_count ? p->files[i] : dataset->files.of[i - p->file_count];
        files[i].path = ho_arena_strdup(r->arena, files[i].path);
    }
    if (dataset->files.count)
        r->input_files[reader] = files[p->file_count].path;
    p->files = files;
    p->file_count = count;
    for (size_t i = 0; i < dataset->note_count; i++)
        ho_data_remark(r, ho_arena_strdup(r->arena, dataset->notes[i]));
    if (!first)
        return;
    ho_truth *truths = ho_arena_alloc(r->arena, (dataset->truth_count + 1) * sizeof *truths);
    for (size_t i = 0; i < dataset->truth_count; i++) {
        const ho_shape shape = ho_shape_of(dataset->truths[i].rank, dataset->truths[i].dims);
        const size_t bytes = (size_t)ho_shape_count(&shape) * sizeof *truths[i].values;
        truths[i] = dataset->truths[i];
        truths[i].name = ho_arena_strdup(r->arena, truths[i].name);
        truths[i].values = memcpy(ho_arena_alloc(r->arena, bytes), truths[i].values, bytes);
    }
    p->truths = truths;
    p->truth_count = dataset->truth_count;
    keep_class_names(r, dataset);
}

/* Lets go of data sets in which no examples of the pipeline lie any more. */
static void drop_unshared(ho_pipeline *p)
{
    const bool shared[HO_READERS] = {false, p->training.shared, p->validation.shared, p->test.shared};
    bool used[HO_READERS] = {false};
    for (int part = HO_TRAINING_PART; part < HO_READERS; part++)
        used[p->datasets[part] ? part : HO_ALL_PARTS] |= shared[part];
    for (int i = 0; i < HO_READERS; i++)
        if (!used[i]) {
            ho_dataset_free(p->datasets[i]);
            p->datasets[i] = NULL;
        }
}

/* What one reader gave, as parts of the pipeline. */
static ho_status take_parts(ho_reading *r, const ho_data_source *source, int reader)
{
    ho_pipeline *p = r->pipeline;
    ho_examples *const parts[HO_READERS] = {NULL, &p->training, &p->validation, &p->test};
    const ho_dataset *dataset = p->datasets[reader];
    for (int i = HO_TRAINING_PART; i <= HO_TEST_PART && reader == HO_ALL_PARTS; i++)
        if (dataset->parts[i].count)
            ho_examples_share(&dataset->parts[i], parts[i]);
    if (source->readers[reader].loaded->calls.data.next)
        ho_take_stream(r, source, reader);
    else if (reader != HO_ALL_PARTS)
        ho_examples_share(&dataset->parts[0], parts[reader]);
    else if (source->divided)
        divide(r, source, &dataset->parts[0]);
    return r->error->status;
}

/* Reads the chosen source into the pipeline's parts. */
static ho_status read_parts(ho_reading *r, const ho_data_source *source, label_notes *labels)
{
    ho_pipeline *p = r->pipeline;
    const ho_mention *first = NULL;
    for (int reader = HO_ALL_PARTS; reader < HO_READERS; reader++) {
        const ho_mention *m = &source->readers[reader];
        if (!m->loaded)
            continue;
        ho_dataset *dataset = ho_data_cache_get(r->cache, m->loaded, m->settings, keys_of(reader), m->place, r->error);
        p->datasets[reader] = dataset;
        if (!dataset || take_parts(r, source, reader) != HO_OK)
            return r->error->status;
        labels->main = p->training.count ? main_target(r, &p->training) : NULL;
        note_labels(dataset, labels);
        if (p->stream && labels->main && labels->main->classes > labels->classes)
            labels->classes = labels->main->classes;
        keep_facts(r, dataset, reader, !first);
        first = first ? first : m;
        drop_unshared(p);
    }
    if (!p->training.count || !p->validation.count)
        return ho_fail_at(r->error, HO_INVALID, source->node->place, "data: no examples for %s",
                          p->training.count ? "validation" : "training");
    if (check_alike(r, source->node->place, "validation", &p->validation) != HO_OK ||
        check_alike(r, source->node->place, "test", &p->test) != HO_OK)
        return r->error->status;
    for (int i = 0; i < HO_READERS; i++)
        if (source->readers[i].loaded && check_names(r, &source->readers[i], labels->classes) != HO_OK)
            return r->error->status;
    note_gaps(r, labels);
    const char *slash = p->file_count ? strrchr(p->files[0].path, '/') : NULL;
    const char *reading =
        ho_arena_format(r->arena, "%s%s%s", first->loaded->plugin.name, slash ? ", ..." : "", slash ? slash : "");
    p->data_label = source->label ? ho_arena_format(r->arena, "%s (%s)", source->label, reading) : reading;
    return HO_OK;
}

static ho_status settle_problem(ho_reading *r)
{
    ho_pipeline *p = r->pipeline;
    const ho_target *target = main_target(r, &p->training);
    if (!target)
        return r->error->status;
    p->problem.training = &p->training;
    p->problem.validation = &p->validation;
    p->problem.classes_or_width = target->labels ? target->classes : target->width;
    if (p->problem.batch > p->training.count)
        return ho_fail_at(r->error, HO_INVALID, ho_tree_get(r->root, "batch")->place,
                          "batch: %" PRId64 " examples, but the training part has %" PRId64, p->problem.batch,
                          p->training.count);
    return check_test(r);
}

/* Example weights belong to places in the data, so the order must be the same each time. */
static ho_status check_order(ho_reading *r, const ho_data_source *source)
{
    const ho_term *term = ho_weighted_term(&r->pipeline->problem);
    const ho_mention *reader = &source->readers[source->readers[HO_ALL_PARTS].loaded ? HO_ALL_PARTS : HO_TRAINING_PART];
    if (term && ho_source_streams(source))
        return ho_fail_at(
            r->error, HO_INVALID, term->weights_place,
            "weights: the data reader \"%s\" gives a stream, without end: there would be ever more weights",
            reader->loaded->plugin.name);
    if (!term || !reader->loaded->calls.data.unordered)
        return HO_OK;
    return ho_fail_at(r->error, HO_INVALID, term->weights_place,
                      "weights: the data reader \"%s\" gives its examples in a different order each time, so weights "
                      "would not stay with their examples",
                      reader->loaded->plugin.name);
}

/* The report shows the inputs of weighted examples as they were: where they are standardised, a copy is kept. */
static ho_status keep_raw(ho_reading *r, const ho_data_source *source)
{
    ho_pipeline *p = r->pipeline;
    p->raw = &p->training;
    if (!source->standardize || !ho_weighted_term(&p->problem))
        return HO_OK;
    p->raw = &p->unstandardized;
    return ho_examples_take(&p->training, NULL, p->training.count, &p->unstandardized, r->error);
}

/* Examples that are written to must not be those of the data set. */
static ho_status own(ho_examples *examples, ho_error *error)
{
    ho_examples shared = *examples;
    if (!shared.shared)
        return HO_OK;
    ho_examples_take(&shared, NULL, shared.count, examples, error);
    ho_examples_free(&shared);
    return error->status;
}

static ho_status describe_folds(ho_reading *r, const ho_data_source *source)
{
    const ho_target *target = main_target(r, &r->pipeline->training);
    return target ? ho_describe_folds(r, source, target->name) : r->error->status;
}

/* What is done to the parts once they are there. */
static ho_status transform(ho_reading *r, const ho_data_source *source)
{
    ho_pipeline *p = r->pipeline;
    ho_examples *const parts[3] = {&p->training, &p->validation, &p->test};
    for (int i = 0; i < 3 && r->error->status == HO_OK; i++)
        if ((source->standardize && !(i == 0 && p->stream)) || (source->noisy && i == 0))
            own(parts[i], r->error);
    ho_note_narrowing(r, source);
    drop_unshared(p);
    const ho_target *target = source->noisy && r->error->status == HO_OK ? main_target(r, &p->training) : NULL;
    if (target)
        ho_noise_apply(r, &source->noise, target->name);
    if (r->error->status == HO_OK && p->folds && describe_folds(r, source) == HO_OK)
        drop_unshared(p);
    if (r->error->status == HO_OK && keep_raw(r, source) == HO_OK && source->standardize)
        ho_standardize(parts, p->stream, r->error);
    for (int64_t i = 0; i < p->folds - 1 && r->error->status == HO_OK && source->standardize; i++)
        ho_standardize((ho_examples *[3]){&p->further[i].training, &p->further[i].validation, &(ho_examples){0}}, NULL,
                       r->error);
    return r->error->status;
}

ho_status ho_describe_data(ho_reading *r)
{
    ho_tree *node = ho_tree_get(r->root, "data");
    size_t count;
    ho_tree *item = ho_items(node, "data", &count, r->error);
    ho_data_source *sources = ho_arena_alloc(r->arena, count * sizeof *sources);
    for (size_t i = 0; i < count && r->error->status == HO_OK; i++, item = item->next)
        read_source(r, item, &sources[i]);
    if (r->error->status != HO_OK)
        return r->error->status;
    const ho_data_source *source = choose_source(r, node, sources, count);
    if (!source || check_order(r, source) != HO_OK)
        return r->error->status;
    label_notes labels = {0};
    read_parts(r, source, &labels);
    free(labels.seen);
    return r->error->status == HO_OK && transform(r, source) == HO_OK ? settle_problem(r) : r->error->status;
}
