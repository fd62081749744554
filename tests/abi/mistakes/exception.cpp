// A mistake in a data reader: what `new` throws leaves read.
#include <hotool/plugin.h>

#include <vector>

static ho_status read(void *, ho_data *d)
{
    std::vector<double> x(12);
    std::vector<int64_t> y(6);
    ho_array array = {};
    array.struct_size = sizeof array;
    array.role = HO_ROLE_INPUTS;
    array.type = HO_ARRAY_F64;
    array.rank = 2;
    array.dims[0] = 6;
    array.dims[1] = 2;
    array.values = x.data();
    ho_status status = ho_data_emit(d, 0, &array);
    array.role = HO_ROLE_LABELS;
    array.type = HO_ARRAY_I64;
    array.rank = 1;
    array.values = y.data();
    return status == HO_OK ? ho_data_emit(d, 0, &array) : status;
}

static const ho_data_calls calls = {sizeof(ho_data_calls), 0, read, 0, 0};

const ho_plugin HO_PLUGIN_SYMBOL = {
    sizeof(ho_plugin), HO_ABI_MAJOR,    HO_ABI_MINOR,    HO_DATA, NAME,    "1",    "six examples",
    nullptr,           {nullptr, 0, 0}, {nullptr, 0, 0}, &calls,  nullptr, nullptr};
