/* A data reader that uses every call, compiled before its calls said whether it is unordered. */
#include <hotool/plugin.h>

static ho_status read(void *self, ho_data *d)
{
    (void)self;
    float *inputs = ho_data_alloc(d, 16, sizeof(float));
    if (!inputs)
        return HO_FAILED;
    for (uint64_t i = 0; i < 16; i++)
        inputs[i] = (float)(ho_data_uniform(d, 1, 2, i) + ho_data_normal(d, 1, 3, i));
    static const uint8_t labels[] = {0, 1, 1, 0, 0, 1, 0, 1};
    static const double relation[] = {0, 1, 1, 0};
    const int64_t dims[] = {2, 2};
    const ho_array x = {.struct_size = sizeof x,
                        .role = HO_ROLE_INPUTS,
                        .type = HO_ARRAY_F32,
                        .rank = 2,
                        .dims = {8, 2},
                        .source = "memory",
                        .values = inputs};
    const ho_array y = {.struct_size = sizeof y,
                        .role = HO_ROLE_LABELS,
                        .type = HO_ARRAY_U8,
                        .rank = 1,
                        .dims = {8},
                        .classes = 2,
                        .name = "labels",
                        .values = labels};
    ho_data_truth(d, "relation", 2, dims, relation);
    ho_data_class_name(d, 1, "one");
    ho_data_emit(d, 0, &x);
    ho_status status = ho_data_emit(d, 0, &y);
    return status;
}

static const ho_data_calls calls = {.struct_size = offsetof(ho_data_calls, unordered), .read = read};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_DATA), .name = "probe_data", .version = "1",
                                              .doc = "a probe", .calls = &calls};
