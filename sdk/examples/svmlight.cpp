/*
 * A data reader in C++: the sparse text format of SVMlight and LIBSVM. A line is an example: its class, then pairs of
 * index and value; indices count from 1, and what is not mentioned is 0.
 *
 *     +1 1:0.7 3:1
 *     -1 2:-0.25 # a comment
 *
 * In a pipeline:  data: {plugin: svmlight, file: svmlight.txt, split: {train: 30, validation: 30, test: rest}}
 *
 * What this file shows:
 *   - C++ inside a plugin: containers and exceptions are fine, as long as no exception leaves a callback. `read` is the
 *     border: whatever is thrown behind it ends there, as a status. `hotool check` makes each `new` throw in turn.
 *   - Errors are told with the file and the byte, by ho_data_fail.
 *   - std::from_chars knows no locale, and needs no byte after the last.
 *   - The checks of a reader need a file: hotool check ./svmlight.so --set file=svmlight.txt. The default is that, too.
 */
#include <hotool/plugin.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <vector>

namespace
{

struct reader {
    const char *file;
    int64_t features; // 0: the largest index
};

const ho_option options[] = {
    {.name = "file",
     .type = HO_PATH,
     .initial = "svmlight.txt",
     .doc = "lines of a class and pairs INDEX:VALUE, with indices from 1"},
    {.name = "features",
     .type = HO_INTEGER,
     .initial = "0",
     .doc = "number of features; 0: the largest index of the file",
     .most = 1e9},
};

ho_status create(ho_setup *u, void **self)
{
    auto *r = static_cast<reader *>(ho_setup_alloc(u, sizeof(reader)));
    if (!r)
        return HO_FAILED;
    r->file = ho_option_string(u, "file");
    r->features = ho_option_integer(u, "features");
    *self = r;
    return HO_OK;
}

// What is thrown where the file is wrong.
struct wrong {
    int64_t byte;
    const char *reason;
};

struct entry {
    int64_t example, feature;
    double value;
};

struct examples {
    std::vector<double> classes; // as written
    std::vector<entry> entries;
    int64_t features = 0;
};

// Reads one text, from left to right.
class scanner
{
  public:
    scanner(const char *text, size_t size) : begin(text), at(text), end(text + size)
    {
    }

    // Skips blanks and comments; whether the line goes on.
    bool more()
    {
        while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
            at++;
        if (at < end && *at == '#')
            at = std::find(at, end, '\n');
        return at < end && *at != '\n';
    }

    // Goes to the next line; false where there is none.
    bool next()
    {
        at += at < end;
        return at < end;
    }

    bool skip(char c)
    {
        const bool there = at < end && *at == c;
        at += there;
        return there;
    }

    template <typename number> number read(const char *reason)
    {
        number value;
        const auto [rest, error] = std::from_chars(at, end, value);
        if (error != std::errc())
            fail(reason);
        at = rest;
        return value;
    }

    [[noreturn]] void fail(const char *reason) const
    {
        throw wrong{at - begin, reason};
    }

  private:
    const char *begin, *at, *end;
};

examples parse(const char *text, size_t size)
{
    examples all;
    scanner s(text, size);
    do {
        if (!s.more())
            continue; // an empty line
        const auto example = static_cast<int64_t>(all.classes.size());
        s.skip('+');
        all.classes.push_back(s.read<double>("expected a class, a number"));
        for (int64_t last = 0; s.more();) {
            const auto index = s.read<int64_t>("expected INDEX:VALUE");
            if (index <= last || index > 1000000000)
                s.fail("indices begin at 1 and rise along a line");
            if (!s.skip(':'))
                s.fail("expected ':' after an index");
            const auto value = s.read<double>("expected a number after ':'");
            if (!std::isfinite(value))
                s.fail("the value is not finite");
            all.entries.push_back({example, index - 1, value});
            last = index;
        }
        if (!all.entries.empty())
            all.features = std::max(all.features, all.entries.back().feature + 1);
    } while (s.next());
    return all;
}

// Passes on inputs (examples, features) and labels (examples): the classes' numbers in the order of what is written.
ho_status emit(const reader *r, ho_data *d, const examples &all)
{
    const auto count = static_cast<int64_t>(all.classes.size());
    const int64_t features = r->features > 0 ? r->features : all.features;
    if (count == 0 || all.features > features || features == 0)
        return ho_data_fail(d, r->file, -1, "has %lld examples of up to %lld features", static_cast<long long>(count),
                            static_cast<long long>(all.features));
    std::vector<double> sorted = all.classes;
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());

    auto *inputs = static_cast<double *>(
        ho_data_alloc(d, static_cast<uint64_t>(count) * static_cast<uint64_t>(features), sizeof(double)));
    std::vector<int64_t> labels;
    if (!inputs)
        return HO_FAILED;
    for (const entry &e : all.entries)
        inputs[e.example * features + e.feature] = e.value;
    for (const double c : all.classes)
        labels.push_back(std::lower_bound(sorted.begin(), sorted.end(), c) - sorted.begin());

    const ho_array x = {.struct_size = sizeof(ho_array),
                        .role = HO_ROLE_INPUTS,
                        .type = HO_ARRAY_F64,
                        .rank = 2,
                        .dims = {count, features},
                        .source = r->file,
                        .values = inputs};
    const ho_array y = {.struct_size = sizeof(ho_array),
                        .role = HO_ROLE_LABELS,
                        .type = HO_ARRAY_I64,
                        .rank = 1,
                        .dims = {count},
                        .classes = static_cast<int64_t>(sorted.size()),
                        .source = r->file,
                        .values = labels.data()};
    const ho_status status = ho_data_emit(d, 0, &x);
    return status == HO_OK ? ho_data_emit(d, 0, &y) : status;
}

// The border: no exception leaves it.
ho_status read(void *self, ho_data *d) noexcept
{
    const auto *r = static_cast<const reader *>(self);
    try {
        const uint8_t *bytes;
        uint64_t size;
        const ho_status status = ho_data_file(d, r->file, 0, nullptr, &bytes, &size);
        return status == HO_OK ? emit(r, d, parse(reinterpret_cast<const char *>(bytes), size)) : status;
    } catch (const wrong &w) {
        return ho_data_fail(d, r->file, w.byte, "%s", w.reason);
    } catch (const std::exception &e) { // std::bad_alloc
        ho_data_fail(d, r->file, -1, "cannot be read: %s", e.what());
        return HO_FAILED;
    }
}

const ho_data_calls calls = {.struct_size = sizeof(ho_data_calls), .read = read};

} // namespace

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DATA),
    .name = "svmlight",
    .version = "1.0",
    .doc = "examples as sparse text, in the format of SVMlight and LIBSVM",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
