/* A data reader that says that its examples change places between readings. With HOTOOL_TEST_INTERRUPT in the
 * environment it is interrupted, as by Ctrl-C, while it reads; where that is "slow", it reads on for half a minute. */
#include <hotool/plugin.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static ho_status read(void *self, ho_data *d)
{
    (void)self;
    static const float inputs[] = {0.1f, 0.9f, 0.2f, 0.8f, 0.3f, 0.7f, 0.15f, 0.95f};
    static const uint8_t labels[] = {0, 1, 0, 1, 0, 1, 0, 1};
    const ho_array x = {.struct_size = sizeof x,
                        .role = HO_ROLE_INPUTS,
                        .type = HO_ARRAY_F32,
                        .rank = 2,
                        .dims = {8, 1},
                        .values = inputs};
    const ho_array y = {
        .struct_size = sizeof y, .role = HO_ROLE_LABELS, .type = HO_ARRAY_U8, .rank = 1, .dims = {8}, .values = labels};
    const char *interrupt = getenv("HOTOOL_TEST_INTERRUPT");
    if (interrupt)
        raise(SIGINT);
    for (const time_t begun = time(NULL); interrupt && !strcmp(interrupt, "slow") && time(NULL) < begun + 30;)
        ;
    ho_status status = ho_data_emit(d, 0, &x);
    return status == HO_OK ? ho_data_emit(d, 0, &y) : status;
}

static const ho_data_calls calls = {.struct_size = sizeof(ho_data_calls), .read = read, .unordered = 1};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DATA), .name = "unordered", .version = "1.0.0", .doc = "eight examples in no order",
    .calls = &calls,
};
