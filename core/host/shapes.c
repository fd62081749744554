/* The shapes that hyperparameters have, as plugins declare them and pipelines write them. */
#include "host/shapes.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Where a plugin is traced. */
#define MODEL   1u
#define LOSS    2u
#define PENALTY 4u
#define WHOLE   8u  /* a dynamics, over all weights */
#define TENSOR  16u /* a dynamics, at each weight tensor */

static uint32_t place_of(const ho_loaded *loaded)
{
    switch (loaded->plugin.kind) {
    case HO_DYNAMICS:
        return loaded->calls.dynamics.granularity == HO_WHOLE ? WHOLE : TENSOR;
    case HO_PENALTY:
        return PENALTY;
    case HO_LOSS:
        return LOSS;
    default:
        return MODEL;
    }
}

static const struct {
    const char *name;
    uint32_t places; /* that have such a size */
} symbols[] = {
    {"steps", LOSS | PENALTY | WHOLE | TENSOR},
    {"tensors", PENALTY | WHOLE | TENSOR},
    {"features", MODEL | LOSS | PENALTY | WHOLE | TENSOR},
    {"outputs", MODEL | LOSS | PENALTY | WHOLE | TENSOR},
    {"examples", MODEL | LOSS | PENALTY | WHOLE | TENSOR},
    {"rows", PENALTY | TENSOR},
    {"columns", PENALTY | TENSOR},
    {"weights", WHOLE},
};

#define SYMBOLS (sizeof symbols / sizeof *symbols)

/* The size of that name: one of the host's, or an integer option of the plugin. NULL: an error. */
static const char *find_size(const ho_loaded *loaded, const char *word, ho_error *error)
{
    const char **names = ho_alloc((SYMBOLS + loaded->option_count) * sizeof *names), *found = NULL;
    char suggestion[HO_SUGGESTION];
    size_t count = 0;
    for (size_t i = 0; i < SYMBOLS; i++)
        if (symbols[i].places & place_of(loaded))
            names[count++] = symbols[i].name;
    for (uint32_t i = 0; i < loaded->option_count; i++)
        if (loaded->options[i].type == HO_INTEGER)
            names[count++] = loaded->options[i].name;
    for (size_t i = 0; i < count && !found; i++)
        if (strcmp(names[i], word) == 0)
            found = names[i];
    if (!found)
        ho_fail(error, HO_INVALID, "has the unknown size \"%.64s\"%s", word,
                ho_suggest(ho_nearest(word, names, count), suggestion));
    free(names);
    return found;
}

/* One more axis, of this size. */
static ho_status add_axis(ho_shape_form *form, const ho_loaded *loaded, const char *word, ho_error *error)
{
    const bool one = strcmp(word, "1") == 0;
    const char *size = one ? word : find_size(loaded, word, error);
    if (!size)
        return error->status;
    const bool by_step = strcmp(size, "steps") == 0, by_tensor = strcmp(size, "tensors") == 0;
    if ((by_step && form->rank + form->seen_rank > 0) ||
        (by_tensor && form->rank + form->seen_rank > (form->by_step ? 1 : 0)))
        return ho_fail(error, HO_INVALID, "has \"%s\" behind another size: steps come first, then tensors", size);
    if (form->rank == HO_MAX_RANK || form->seen_rank == HO_MAX_RANK)
        return ho_fail(error, HO_INVALID, "has more than %d sizes", HO_MAX_RANK);
    form->by_step |= by_step;
    form->by_tensor |= by_tensor;
    if (!by_step && !by_tensor)
        form->seen[form->seen_rank++] = one ? -1 : form->rank;
    if (!one)
        form->sizes[form->rank++] = size;
    return HO_OK;
}

ho_status ho_shape_form_read(const ho_loaded *loaded, const char *text, ho_arena *arena, ho_shape_form *form,
                             ho_error *error)
{
    size_t count;
    const char **words = ho_arena_split(arena, text, ' ', &count);
    *form = (ho_shape_form){.text = ""};
    for (size_t i = 0; i < count; i++)
        if (*words[i] && add_axis(form, loaded, words[i], error) != HO_OK)
            return error->status;
    for (int32_t i = 0; i < form->rank; i++)
        form->text = ho_arena_format(arena, "%s%s%s", form->text, i ? " " : "", form->sizes[i]);
    return HO_OK;
}

/* The first word of a text without leading blanks, if it is this one; what follows it, or NULL. */
static const char *after(const char *text, const char *word)
{
    const size_t length = strlen(word);
    if (strncmp(text, word, length) != 0 || (text[length] != ' ' && text[length] != '\0'))
        return NULL;
    return text + length + strspn(text + length, " ");
}

const ho_shape_form *ho_shape_choose(const ho_loaded *loaded, const ho_shape_forms *forms, const char *text,
                                     ho_arena *arena)
{
    const ho_shape_form *scalar = NULL;
    ho_error error = {0};
    text += strspn(text, " ");
    for (size_t i = 0; i < forms->count; i++) {
        if (strcmp(forms->forms[i].text, text) == 0 || (forms->forms[i].rank == 0 && strcmp(text, "scalar") == 0))
            return &forms->forms[i];
        scalar = forms->forms[i].rank == 0 ? &forms->forms[i] : scalar;
    }
    /* Steps, tensors or both before any of them. */
    const char *rest = after(text, "steps");
    if (!rest)
        rest = after(text, "tensors");
    if (!rest)
        return NULL;
    const ho_shape_form *inner = *rest ? ho_shape_choose(loaded, forms, rest, arena) : scalar;
    if (!inner || inner->rank == HO_MAX_RANK)
        return NULL;
    ho_shape_form *form = ho_arena_alloc(arena, sizeof *form), head;
    const char *first = ho_arena_format(arena, "%.*s", (int)strcspn(text, " "), text);
    if (ho_shape_form_read(loaded, first, arena, &head, &error) != HO_OK || inner->by_step ||
        (inner->by_tensor && head.by_tensor))
        return NULL;
    *form = *inner;
    form->by_step |= head.by_step;
    form->by_tensor |= head.by_tensor;
    form->sizes[0] = head.sizes[0];
    memcpy(form->sizes + 1, inner->sizes, (size_t)inner->rank * sizeof *inner->sizes);
    form->rank = inner->rank + 1;
    for (int32_t i = 0; i < form->seen_rank; i++)
        form->seen[i] += form->seen[i] >= 0;
    form->text = ho_arena_format(arena, "%s%s%s", first, inner->rank ? " " : "", inner->text);
    return form;
}

const char *ho_shape_name(const ho_shape_form *form)
{
    return form->rank ? form->text : "scalar";
}

const char *ho_shape_prefixes(uint32_t kind)
{
    return kind == HO_DYNAMICS || kind == HO_PENALTY ? "steps, tensors" : kind == HO_LOSS ? "steps" : NULL;
}
