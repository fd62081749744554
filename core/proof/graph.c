/* A plugin's traced graph, or its derivative's, in print. */
#include <stdlib.h>
#include <string.h>

#include "diff/diff.h"
#include "proof/internal.h"
#include "proof/traced.h"

/* What is printed: nodes and their names; and the leaves for tangents or cotangents, which keep the numbers of nodes.
 */
typedef struct shown {
    ho_node nodes[MOST_TRACED];
    const char *names[MOST_TRACED];
    size_t count;
} shown;

static void show(shown *s, const char *name, ho_node node)
{
    if (s->count < MOST_TRACED) {
        s->names[s->count] = name;
        s->nodes[s->count++] = node;
    }
}

/* "tangent of w", a leaf of the shape of `like`. */
static ho_node leaf_of(traced *t, const char *what, const char *name, ho_node like)
{
    return ho_node_leaf(t->graph, ho_arena_format(t->arena, "%s of %s", what, name),
                        ho_graph_at(t->graph, like)->shape);
}

/* J v: the results' tangents, from those of all that they are differentiated by. */
static void show_jvp(traced *t, shown *s)
{
    ho_node inputs[MOST_TRACED], tangents[MOST_TRACED], out[MOST_TRACED];
    size_t count = 0;
    for (size_t i = 0; i < t->leaf_count; i++)
        if (t->leaves[i].moves) {
            inputs[count] = t->leaves[i].node;
            tangents[count++] = leaf_of(t, "tangent", t->leaves[i].name, t->leaves[i].node);
        }
    if (ho_jvp(t->graph, 0, inputs, tangents, count, t->outputs, out, t->output_count) == HO_OK)
        for (size_t i = 0; i < t->output_count; i++)
            show(s, ho_arena_format(t->arena, "tangent of %s", t->output_names[i]), out[i]);
}

/* J' u: the cotangents of what the results are differentiated by. */
static void show_vjp(traced *t, shown *s)
{
    ho_node inputs[MOST_TRACED], cotangents[MOST_TRACED], in[MOST_TRACED];
    const char *names[MOST_TRACED];
    size_t count = 0;
    for (size_t i = 0; i < t->leaf_count; i++)
        if (t->leaves[i].moves) {
            names[count] = t->leaves[i].name;
            inputs[count++] = t->leaves[i].node;
        }
    for (size_t i = 0; i < t->output_count; i++)
        cotangents[i] = leaf_of(t, "cotangent", t->output_names[i], t->outputs[i]);
    if (ho_vjp(t->graph, inputs, in, count, t->outputs, cotangents, t->output_count) == HO_OK)
        for (size_t i = 0; i < count; i++)
            show(s, ho_arena_format(t->arena, "cotangent of %s", names[i]), in[i]);
}

static void print(traced *t, const ho_plugin_graph *what, const shown *s, FILE *out)
{
    static const char *const of[] = {"", ", J v", ", J'u"};
    const char *mark = what->dot ? "//" : "#";
    const ho_plugin *plugin = &t->p->loaded->plugin;
    fprintf(out, "%s %s %s%s, at %s\n", mark, ho_kind_name(plugin->kind), plugin->name, of[what->derivative],
            ho_traced_describe(t->p, t->sizes));
    if (t->asks_gradient)
        fprintf(out, "%s grad(p) is 0.7*p + tanh(p) here, which stands for an objective's gradient\n", mark);
    (what->dot ? ho_graph_dot : ho_graph_dump)(t->graph, s->nodes, s->names, s->count, out);
}

ho_status ho_plugin_graph_print(const ho_plugin_graph *what, ho_registry *registry, FILE *out, ho_error *error)
{
    const ho_proof_request request = {.path = what->path, .sets = what->sets, .set_count = what->set_count};
    outcome unused = {0};
    shown *s = ho_alloc(sizeof *s);
    proof p = {.request = &request, .registry = registry, .arena = ho_arena_new(), .outcome = &unused};
    ho_instance *described = NULL;
    traced *t = NULL;
    if (ho_proof_prepare(&p, error) == HO_OK && !(TRACED_KINDS >> p.loaded->plugin.kind & 1u))
        ho_fail(error, HO_INVALID, "the %s \"%s\" has no graph: dynamics, models, losses and penalties are traced",
                ho_kind_name(p.loaded->plugin.kind), p.loaded->plugin.name);
    else if (error->status == HO_OK && (p.lacks || p.made_up))
        ho_fail(error, HO_INVALID, "the %s \"%s\" needs --set %s=VALUE", ho_kind_name(p.loaded->plugin.kind),
                p.loaded->plugin.name, p.lacks ? p.lacks : p.made_up);
    else if (error->status == HO_OK)
        described = ho_proof_described(&p, error);
    if (error->status == HO_OK)
        t = ho_traced_new(&p, ho_traced_case_at(&p, 0), NULL, error);
    for (size_t i = 0; t && what->derivative == HO_NO_DERIVATIVE && i < t->output_count; i++)
        show(s, t->output_names[i], t->outputs[i]);
    if (t && what->derivative != HO_NO_DERIVATIVE)
        (what->derivative == HO_TANGENTS ? show_jvp : show_vjp)(t, s);
    if (t && ho_fail_as(error, &t->error) == HO_OK)
        print(t, what, s, out);
    ho_traced_free(t);
    ho_instance_free(described);
    ho_arena_free(p.arena);
    free(s);
    return error->status;
}
