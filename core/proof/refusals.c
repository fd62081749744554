/* What pipelines may get wrong about the plugin, and what it may make of odd settings: a refusal is a sentence that
 * names the option or the hyperparameter. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "proof/internal.h"

#define MOST_TEXTS 12

/* Values of one option, as they would be written. */
typedef struct texts {
    const char *text[MOST_TEXTS];
    size_t count;
} texts;

static void add(texts *t, const char *text)
{
    if (t->count < MOST_TEXTS)
        t->text[t->count++] = text;
}

static void add_number(proof *p, texts *t, const ho_option *o, double number)
{
    add(t, ho_arena_format(p->arena, o->type == HO_REAL || o->type == HO_REALS ? "%.17g" : "%.0f", number));
}

static bool is_number(const ho_option *o)
{
    return o->type == HO_REAL || o->type == HO_INTEGER || o->type == HO_BYTES || o->type == HO_REALS;
}

static bool limited(const ho_option *o)
{
    return o->least != 0 || o->most != 0;
}

/* ---- what the plugin is asked to make of ------------------------------------------------------------------------- */

/* Both ends of what an option may be, or numbers and texts of unusual sizes where it has none. */
static texts legal_ends(proof *p, const ho_option *o)
{
    texts t = {0};
    if (o->type == HO_CHOICE) {
        size_t count;
        const char **choices = ho_arena_split(p->arena, o->choices, '|', &count);
        for (size_t i = 0; i < count; i++)
            add(&t, choices[i]);
    } else if (o->type == HO_BOOLEAN) {
        add(&t, "true");
        add(&t, "false");
    } else if (is_number(o)) {
        const double most = o->type == HO_REAL || o->type == HO_REALS ? 1e300 : 1e6;
        if (o->type != HO_BYTES || limited(o))
            add_number(p, &t, o, limited(o) ? o->least : -most);
        add_number(p, &t, o, limited(o) && o->most < 1e15 ? o->most : most);
    } else if (o->type == HO_STRING || o->type == HO_STRINGS) {
        char longest[1025];
        memset(longest, 'x', sizeof longest - 1);
        longest[sizeof longest - 1] = '\0';
        add(&t, "");
        add(&t, "%s%n \303\251:,");
        add(&t, ho_arena_strdup(p->arena, longest));
    }
    return t;
}

/* Whether an instance can be made with the option set so. */
static bool accepts(proof *p, const char *name, const char *text, ho_error *own)
{
    ho_tree *changed = ho_tree_copy(p->arena, p->settings);
    ho_proof_put(p->arena, changed, name, text);
    ho_instance *instance = ho_instance_new(p->loaded, NULL, changed, NULL, (ho_place){0}, own);
    ho_instance_free(instance);
    return instance;
}

/* Each option at both ends of its range and at each choice. */
ho_status ho_prove_options(proof *p, ho_error *error)
{
    int tried = 0, refused = 0;
    for (uint32_t i = 0; i < p->loaded->option_count; i++) {
        const char *name = p->loaded->options[i].name;
        const texts t = legal_ends(p, &p->loaded->options[i]);
        for (size_t k = 0; k < t.count; k++, tried++) {
            ho_error own = {0};
            refused += !accepts(p, name, t.text[k], &own);
            if (strstr(own.text, "without saying why"))
                return ho_proof_fail(error, "with %s = %.64s: %s", name, t.text[k], own.text);
        }
    }
    ho_proof_note(p, "%d values tried, %d of them refused", tried, refused);
    return error->status;
}

/* ---- what hotool refuses by the tables --------------------------------------------------------------------------- */

static texts illegal(proof *p, const ho_option *o)
{
    texts t = {0};
    if (o->type == HO_BOOLEAN || is_number(o))
        add(&t, "neither");
    if (o->type == HO_INTEGER)
        add(&t, "0.5");
    if (o->type == HO_REAL)
        add(&t, "nan");
    if (o->type == HO_CHOICE)
        add(&t, "no such choice");
    if (o->type == HO_PATH)
        add(&t, "/no/such/file");
    if (is_number(o) && limited(o) && fabs(o->least) < 1e15)
        add_number(p, &t, o, o->least - 1.0);
    if (is_number(o) && limited(o) && fabs(o->most) < 1e15)
        add_number(p, &t, o, o->most + 1.0);
    return t;
}

/* A wrong setting must be refused in words that name what is wrong. */
static ho_status must_refuse(bool accepted, const char *what, const char *text, const ho_error *own, ho_error *error)
{
    if (accepted)
        return ho_proof_fail(error, "%s = %s is accepted", what, text);
    if (!strstr(own->text, what))
        return ho_proof_fail(error, "%s = %s is refused, but the message does not name it: %s", what, text, own->text);
    return HO_OK;
}

/* A hyperparameter beyond the ends of its domain. */
static ho_status refuse_hyper(proof *p, uint32_t hyper, int *tried, ho_error *error)
{
    const ho_hyper *h = &p->loaded->hypers[hyper];
    double ends[2];
    ho_domain_bounds(h->domain, &ends[0], &ends[1]);
    for (int i = 0; i < 2 && error->status == HO_OK; i++) {
        char text[32];
        ho_error own = {0};
        if (!isfinite(ends[i]))
            continue;
        const double beyond = ends[i] + (i ? 1.0 : -1.0);
        ho_print_real(beyond, text);
        must_refuse(ho_proof_trains_with(p, h->name, beyond, &own), h->name, text, &own, error);
        ++*tried;
    }
    return error->status;
}

ho_status ho_prove_refusals(proof *p, ho_error *error)
{
    static const char nothing[] = "no_such_option";
    ho_error unknown = {0};
    int tried = 1;
    must_refuse(accepts(p, nothing, "1", &unknown), nothing, "1", &unknown, error);
    for (uint32_t i = 0; i < p->loaded->option_count && error->status == HO_OK; i++) {
        const char *name = p->loaded->options[i].name;
        const texts t = illegal(p, &p->loaded->options[i]);
        for (size_t k = 0; k < t.count && error->status == HO_OK; k++, tried++) {
            ho_error own = {0};
            must_refuse(accepts(p, name, t.text[k], &own), name, t.text[k], &own, error);
        }
    }
    /* Where it cannot be trained at all, that is for other checks. */
    const bool trains = p->loaded->hyper_count > 0 && ho_proof_trains_with(p, "", 0, &(ho_error){0});
    for (uint32_t i = 0; trains && i < p->loaded->hyper_count && error->status == HO_OK; i++)
        refuse_hyper(p, i, &tried, error);
    ho_proof_note(p, "%d wrong settings", tried);
    return error->status;
}
