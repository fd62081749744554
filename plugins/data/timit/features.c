/* Log-mel filter bank, log energy, and their first and second differences, normalised per speaker. */
#include "timit.h"

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

/* ---- the spectrum of a frame ---- */

/* The transform of 2 half real numbers x is computed from one of half as many complex numbers, x_2n + i x_2n+1. */
typedef struct spectrum {
    int64_t half;
    double *window;
    double *cosine, *sine; /* (half) of 2 pi k / transform */
    double *re, *im;       /* (half) the frame in, its complex transform out */
    double *re_to, *im_to; /* (half) of a stage */
    double *power;         /* (half + 1) |X_k|^2 */
} spectrum;

static ho_status spectrum_make(const timit *t, ho_data *d, spectrum *s)
{
    const uint64_t half = (uint64_t)t->transform / 2;
    double **const arrays[] = {&s->cosine, &s->sine, &s->re, &s->im, &s->re_to, &s->im_to};
    s->half = (int64_t)half;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (!(*arrays[i] = ho_data_alloc(d, half, sizeof(double))))
            return HO_FAILED;
    s->power = ho_data_alloc(d, half + 1, sizeof *s->power);
    s->window = ho_data_alloc(d, (uint64_t)t->window, sizeof *s->window);
    if (!s->power || !s->window)
        return HO_FAILED;
    for (int64_t i = 0; i < t->window; i++) /* Hamming */
        s->window[i] = 0.54 - 0.46 * cos(2.0 * PI * (double)i / (double)(t->window - 1));
    for (int64_t k = 0; k < s->half; k++) {
        s->cosine[k] = cos(2.0 * PI * (double)k / (double)t->transform);
        s->sine[k] = sin(2.0 * PI * (double)k / (double)t->transform);
    }
    return HO_OK;
}

static void swap(double **a, double **b)
{
    double *kept = *a;
    *a = *b;
    *b = kept;
}

/* One stage of Stockham's FFT, radix 2: `count` interleaved transforms of `length` numbers become twice as many of half
 * the length. */
static void stage(const spectrum *s, int64_t length, int64_t count)
{
    for (int64_t p = 0; p < length / 2; p++) {
        const double c = s->cosine[2 * p * count], d = s->sine[2 * p * count];
        const double *restrict re = s->re + p * count, *restrict im = s->im + p * count;
        const double *restrict re_far = re + s->half / 2, *restrict im_far = im + s->half / 2;
        double *restrict re_to = s->re_to + 2 * p * count, *restrict im_to = s->im_to + 2 * p * count;
        for (int64_t q = 0; q < count; q++) {
            const double x = re[q] - re_far[q], y = im[q] - im_far[q];
            re_to[q] = re[q] + re_far[q];
            im_to[q] = im[q] + im_far[q];
            re_to[count + q] = c * x + d * y;
            im_to[count + q] = c * y - d * x;
        }
    }
}

/* Fills s->power from the frame in s->re and s->im. */
static void transform(spectrum *s)
{
    for (int64_t length = s->half, count = 1; length > 1; length /= 2, count *= 2) {
        stage(s, length, count);
        swap(&s->re, &s->re_to);
        swap(&s->im, &s->im_to);
    }
    /* With Z the transform of half the length, E = (Z_k + conj Z_-k) / 2 is that of the even samples and
     * O = (Z_k - conj Z_-k) / 2i that of the odd ones: X_k = E + exp(-2 pi i k / transform) O. */
    for (int64_t k = 0; k <= s->half; k++) {
        const int64_t at = k % s->half, mirrored = (s->half - k) % s->half;
        const double c = k < s->half ? s->cosine[k] : -1.0, d = k < s->half ? s->sine[k] : 0.0;
        const double even_re = 0.5 * (s->re[at] + s->re[mirrored]), even_im = 0.5 * (s->im[at] - s->im[mirrored]);
        const double odd_re = 0.5 * (s->im[at] + s->im[mirrored]), odd_im = 0.5 * (s->re[mirrored] - s->re[at]);
        const double re = even_re + c * odd_re + d * odd_im, im = even_im + c * odd_im - d * odd_re;
        s->power[k] = re * re + im * im;
    }
}

/* ---- one frame ---- */

static double log_energy(double energy)
{
    return log(energy > LEAST_ENERGY ? energy : LEAST_ENERGY);
}

static void compute_frame(const timit *t, spectrum *s, const float *samples, double *row)
{
    double energy = 0.0, before = (double)samples[0];
    memset(s->re, 0, (size_t)s->half * sizeof *s->re);
    memset(s->im, 0, (size_t)s->half * sizeof *s->im);
    for (int64_t i = 0; i < t->window; i++) {
        const double x = (double)samples[i];
        energy += x * x;
        (i % 2 ? s->im : s->re)[i / 2] = (x - t->preemphasis * before) * s->window[i];
        before = x;
    }
    transform(s);
    for (int64_t f = 0; f < t->filter_count; f++) {
        const timit_filter *filter = &t->filters[f];
        double sum = 0.0;
        for (int64_t k = 0; k < filter->count; k++)
            sum += filter->weights[k] * s->power[filter->first + k];
        row[f] = log_energy(sum);
    }
    row[t->filter_count] = log_energy(energy);
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

static void compute_utterance(const timit *t, spectrum *s, const timit_utterance *u, int64_t count, double *rows)
{
    const int64_t width = timit_width(t);
    memset(rows, 0, (size_t)(count * width) * sizeof *rows);
    for (int64_t i = 0; i < count; i++)
        compute_frame(t, s, u->samples + t->hop * i, rows + i * width);
    for (int64_t k = 0; k < t->differences; k++)
        differences(t, rows, count, k * base_width(t));
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
    spectrum s = {0};
    const ho_status status = spectrum_make(t, d, &s);
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
