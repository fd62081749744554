/* Log-mel filter bank, log energy, and their first and second differences, normalised per speaker. */
#include "timit.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

/* Lower limit of energies before the logarithm: below the noise of 16-bit audio with full scale 1. */
#define LEAST_ENERGY 1e-10

static int64_t base_width(const timit *t)
{
    return t->filter_count + 1;
}

int64_t timit_width(const timit *t)
{
    return (1 + t->differences) * base_width(t);
}

/* ---- filters ---- */

static double mel_of(double hertz)
{
    return 2595.0 * log10(1.0 + hertz / 700.0);
}

/* A triangle on the mel scale: 1 at `centre`, 0 at and beyond `left` and `right`. */
static double triangle(double mel, double left, double centre, double right)
{
    if (mel <= left || mel >= right)
        return 0.0;
    return mel <= centre ? (mel - left) / (centre - left) : (right - mel) / (right - centre);
}

ho_status timit_filters_make(ho_setup *u, timit *t)
{
    const int64_t bins = t->transform / 2 + 1;
    const double low = mel_of(t->low), step = (mel_of(t->high) - low) / (double)(t->filter_count + 1);
    t->filters = ho_setup_alloc(u, (uint64_t)t->filter_count * sizeof *t->filters);
    if (!t->filters)
        return HO_FAILED;
    for (int64_t f = 0; f < t->filter_count; f++) {
        const double left = low + step * (double)f;
        timit_filter *filter = &t->filters[f];
        double *weights = ho_setup_alloc(u, (uint64_t)bins * sizeof *weights);
        if (!weights)
            return HO_FAILED;
        for (int64_t k = 0; k < bins; k++) {
            const double mel = mel_of((double)k * (double)t->rate / (double)t->transform);
            const double weight = triangle(mel, left, left + step, left + 2.0 * step);
            if (weight > 0.0 && !filter->count)
                filter->first = k;
            if (weight > 0.0)
                weights[filter->count++] = weight;
        }
        filter->weights = weights;
        if (!filter->count)
            return ho_setup_fail(
                u, "mel",
                "filter %lld of %lld is narrower than %g Hz, the spacing of a %lld-point transform; use fewer "
                "filters or a longer window",
                (long long)f + 1, (long long)t->filter_count, (double)t->rate / (double)t->transform,
                (long long)t->transform);
    }
    return HO_OK;
}

/* ---- spectra ---- */

/* The discrete Fourier transform of an utterance's frames as one matrix product. */
typedef struct spectra {
    int64_t bins;
    double *basis;  /* (window, 2 bins) Hamming window times cosine, then times sine */
    double *frames; /* (most, window) */
    double *parts;  /* (most, 2 bins) real and imaginary parts */
} spectra;

static ho_status spectra_make(const timit *t, ho_data *d, int64_t most, spectra *s)
{
    s->bins = t->transform / 2 + 1;
    s->basis = ho_data_alloc(d, (uint64_t)(t->window * 2 * s->bins), sizeof *s->basis);
    s->frames = ho_data_alloc(d, (uint64_t)(most * t->window), sizeof *s->frames);
    s->parts = ho_data_alloc(d, (uint64_t)(most * 2 * s->bins), sizeof *s->parts);
    if (!s->basis || !s->frames || !s->parts)
        return HO_FAILED;
    for (int64_t i = 0; i < t->window; i++) {
        const double hamming = 0.54 - 0.46 * cos(2.0 * PI * (double)i / (double)(t->window - 1));
        double *row = s->basis + i * 2 * s->bins;
        for (int64_t k = 0; k < s->bins; k++) {
            const double angle = 2.0 * PI * (double)(i * k % t->transform) / (double)t->transform;
            row[k] = hamming * cos(angle);
            row[s->bins + k] = hamming * sin(angle);
        }
    }
    return HO_OK;
}

static double log_energy(double energy)
{
    return log(energy > LEAST_ENERGY ? energy : LEAST_ENERGY);
}

/* The emphasised samples of a frame; returns the energy of the plain ones. */
static double emphasise(const timit *t, const float *samples, double *frame)
{
    double energy = 0.0, before = (double)samples[0];
    for (int64_t i = 0; i < t->window; i++) {
        const double x = (double)samples[i];
        energy += x * x;
        frame[i] = x - t->preemphasis * before;
        before = x;
    }
    return energy;
}

static void filter_frame(const timit *t, const spectra *s, const double *parts, double *row)
{
    for (int64_t f = 0; f < t->filter_count; f++) {
        const timit_filter *filter = &t->filters[f];
        const double *re = parts + filter->first, *im = re + s->bins;
        double sum = 0.0;
        for (int64_t k = 0; k < filter->count; k++)
            sum += filter->weights[k] * (re[k] * re[k] + im[k] * im[k]);
        row[f] = log_energy(sum);
    }
}

/* ---- differences ---- */

/* d_t = sum_k k (c_{t+k} - c_{t-k}) / (2 sum_k k^2), k = 1..delta, for `from` columns on of each row. */
static void differences(const timit *t, double *rows, int64_t count, int64_t from)
{
    const int64_t width = timit_width(t), base = base_width(t);
    double squares = 0.0;
    for (int64_t k = 1; k <= t->delta; k++)
        squares += (double)(k * k);
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 1; k <= t->delta; k++) {
            const double *later = rows + (i + k < count ? i + k : count - 1) * width + from;
            const double *earlier = rows + (i - k > 0 ? i - k : 0) * width + from;
            double *to = rows + i * width + from + base;
            for (int64_t j = 0; j < base; j++)
                to[j] += (double)k * (later[j] - earlier[j]) / (2.0 * squares);
        }
}

static void compute_utterance(const timit *t, const spectra *s, const timit_utterance *u, int64_t count, double *rows)
{
    const int64_t width = timit_width(t);
    const int m = (int)count, n = (int)(2 * s->bins), k = (int)t->window;
    memset(rows, 0, (size_t)(count * width) * sizeof *rows);
    for (int64_t i = 0; i < count; i++)
        rows[i * width + t->filter_count] =
            log_energy(emphasise(t, u->samples + t->hop * i, s->frames + i * t->window));
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0, s->frames, k, s->basis, n, 0.0, s->parts, n);
    for (int64_t i = 0; i < count; i++)
        filter_frame(t, s, s->parts + i * n, rows + i * width);
    for (int64_t j = 0; j < t->differences; j++)
        differences(t, rows, count, j * base_width(t));
}

/* ---- normalising ---- */

/* Mean 0 and standard deviation 1 over the labelled frames among [begin, end), those of one speaker. */
static void normalize(const timit_frames *frames, int64_t begin, int64_t end)
{
    const int64_t width = frames->width;
    for (int64_t j = 0; j < width; j++) {
        double mean = 0.0, variance = 0.0, count = 0.0;
        for (int64_t i = begin; i < end; i++)
            if (frames->states[i] >= 0) {
                mean += (double)frames->features[i * width + j];
                count += 1.0;
            }
        mean = count > 0.0 ? mean / count : 0.0;
        for (int64_t i = begin; i < end; i++)
            if (frames->states[i] >= 0) {
                const double x = (double)frames->features[i * width + j] - mean;
                variance += x * x / count;
            }
        /* A constant column, as in digital silence, cannot be scaled. */
        const double deviation = sqrt(variance);
        const double scale = deviation > 1e-6 * (1.0 + fabs(mean)) ? 1.0 / deviation : 0.0;
        for (int64_t i = begin; i < end; i++) {
            float *x = &frames->features[i * width + j];
            *x = (float)(((double)*x - mean) * scale);
        }
    }
}

static void normalize_speakers(const timit_corpus *corpus, const timit_frames *frames)
{
    int64_t begin = 0, end = 0;
    for (int64_t i = 0; i < corpus->count; i++) {
        end += frames->counts[i];
        if (i + 1 < corpus->count && corpus->utterances[i + 1].speaker == corpus->utterances[i].speaker)
            continue;
        normalize(frames, begin, end);
        begin = end;
    }
}

ho_status timit_features_compute(const timit *t, ho_data *d, const timit_corpus *corpus, timit_frames *frames)
{
    int64_t most = 1;
    for (int64_t i = 0; i < corpus->count; i++)
        most = frames->counts[i] > most ? frames->counts[i] : most;
    frames->width = timit_width(t);
    frames->features = ho_data_alloc(d, (uint64_t)(frames->frames * frames->width), sizeof *frames->features);
    double *rows = ho_data_alloc(d, (uint64_t)(most * frames->width), sizeof *rows);
    if (!frames->features || !rows)
        return HO_FAILED;
    spectra s;
    const ho_status status = spectra_make(t, d, most, &s);
    float *to = frames->features;
    for (int64_t i = 0; status == HO_OK && i < corpus->count; i++) {
        compute_utterance(t, &s, &corpus->utterances[i], frames->counts[i], rows);
        for (int64_t j = 0; j < frames->counts[i] * frames->width; j++)
            *to++ = (float)rows[j];
    }
    if (status == HO_OK && t->normalize)
        normalize_speakers(corpus, frames);
    return status;
}
