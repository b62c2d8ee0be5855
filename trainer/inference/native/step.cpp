// One step of writing with a GPT: a few tokens of a few texts go through all layers in one parallel region.
//
// A step reads all weights once, so memory bandwidth is its limit. What would keep it from there is everything between the
// products: calls, allocations, threads that start and end. Here threads meet at a barrier after each product, and each
// computes for itself what is too small to share. Weights are float32, bfloat16, int8 with a scale a row, or int4 with a
// scale for each 32 inputs; sums, the residual stream, keys and values are float32.
//
// Sizes: M tokens, D model width, F feed-forward width, H query heads, G key and value heads, K head width, S room of a row.
// Compiled by trainer/inference/native/library.py, called by trainer/inference/native/step.py, whose structures these are.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <thread>
#include <type_traits>
#include <vector>

#include <omp.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

extern "C" {
struct Matrix {
    const void* weights;  // (outputs / 4, inputs / 32, 4, 32): four rows side by side, filled up with zeros
    const void* scales;   // int8: float32 (outputs); int4: bfloat16 (outputs / 4, inputs / 32, 4)
    const float* bias;    // (outputs), or null
    int64_t outputs, inputs, kind;
};
struct Norm {
    const float* weight;  // null: nothing is normalised
    const float* bias;    // null: by the root mean square alone
    int64_t width;
    float eps;
};
struct Layer {
    Norm attention_norm, feed_forward_norm, query_norm, key_norm;
    Matrix qkv, out, up, down;
    float *keys, *values;  // (rows, G, S, K)
};
struct Model {
    const Layer* layers;
    Norm norm;
    Matrix head;
    int64_t num_layers, width, inner_width, num_heads, num_kv_heads, head_width, room, gated, silu;
};
struct Tokens {
    const int64_t *rows, *positions;  // (M)
    const float *cosines, *sines;     // (M, K), or null
    int64_t count;
    const int64_t* wanted;  // (W): the tokens behind which logits are asked for
    int64_t num_wanted;
};
}

namespace {

constexpr int64_t LANES = 16, PIECE = 32, ROWS = 4;
enum Numbers : int64_t { FLOAT32, BFLOAT16, INT8, INT4 };
typedef float Floats __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));
typedef int8_t Bytes __attribute__((vector_size(16)));
typedef uint8_t Nibbles __attribute__((vector_size(16)));

template <class Vector>
inline Vector load(const void* from) {
    Vector found;
    std::memcpy(&found, from, sizeof found);
    return found;
}

inline float sum(Floats v) {
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)v);
#else
    float total = 0;
    for (int lane = 0; lane < LANES; lane++) total += v[lane];
    return total;
#endif
}

inline Floats widened(Halves halves) { return (Floats)(__builtin_convertvector(halves, Ints) << 16); }

inline float widened(uint16_t half) {
    uint32_t bits = uint32_t(half) << 16;
    float found;
    std::memcpy(&found, &bits, sizeof found);
    return found;
}

inline uint16_t rounded(float number) {
    uint32_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// ---- how each kind of weights is read: a piece of 32 of them, the inputs that belong to it, and how both are added up

struct Pair {
    Floats low, high;
};

struct OfFloats {
    using Input = float;
    using Weights = Pair;
    static Pair input(const float* x) { return {load<Floats>(x), load<Floats>(x + LANES)}; }
    static void add(Floats& total, const Pair& w, const Pair& x) { total += w.low * x.low + w.high * x.high; }
};

struct Float32 : OfFloats {
    static constexpr int64_t BYTES = 128;
    static Pair weights(const char* at, const uint16_t*) { return {load<Floats>(at), load<Floats>(at + 64)}; }
};

struct Int8 : OfFloats {
    static constexpr int64_t BYTES = 32;
    static Floats half(const char* at) {
        return __builtin_convertvector(__builtin_convertvector(load<Bytes>(at), Ints), Floats);
    }
    static Pair weights(const char* at, const uint16_t*) { return {half(at), half(at + 16)}; }
};

struct Int4 : OfFloats {  // inputs come with the even ones of each piece before its odd ones: see `lay_out`
    static constexpr int64_t BYTES = 16;
    static Floats half(Nibbles q, float scale) {
        return __builtin_convertvector(__builtin_convertvector(q, Ints) - 8, Floats) * scale;
    }
    static Pair weights(const char* at, const uint16_t* scale) {
        Nibbles both = load<Nibbles>(at);
        return {half(both & 15, widened(*scale)), half(both >> 4, widened(*scale))};
    }
};

#if defined(__AVX512BF16__)
struct Bfloat16 {  // the processor multiplies 32 pairs and adds them up at once
    static constexpr int64_t BYTES = 64;
    using Input = uint16_t;
    using Weights = __m512bh;
    static __m512bh weights(const void* at, const uint16_t*) { return (__m512bh)_mm512_loadu_si512(at); }
    static __m512bh input(const uint16_t* x) { return (__m512bh)_mm512_loadu_si512(x); }
    static void add(Floats& total, __m512bh w, __m512bh x) { total = (Floats)_mm512_dpbf16_ps((__m512)total, w, x); }
};
#else
struct Bfloat16 : OfFloats {
    static constexpr int64_t BYTES = 64;
    static Pair weights(const char* at, const uint16_t*) {
        return {widened(load<Halves>(at)), widened(load<Halves>(at + 32))};
    }
};
#endif

// ---- threads

// Where threads wait for each other, some sixty times a token. Waits are short, so they spin: who sleeps or yields on a busy
// machine is not back for milliseconds. Only a wait that long means that the other has lost its processor.
class Barrier {
public:
    void wait() {
        int round = rounds.load(std::memory_order_acquire);
        if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == omp_get_num_threads()) {
            arrived.store(0, std::memory_order_relaxed);
            rounds.store(round + 1, std::memory_order_release);
            return;
        }
        for (int spins = 0; rounds.load(std::memory_order_acquire) == round; spins++) {
            if (spins > MOST_SPINS) std::this_thread::yield();
        }
    }

private:
    static constexpr int MOST_SPINS = 2'000'000;
    std::atomic<int> arrived{0}, rounds{0};
};

// ---- products

// What a thread multiplies: M rows, in the numbers and the order that the weights ask for.
struct Inputs {
    std::vector<float> floats;
    std::vector<uint16_t> halves;
    int64_t count, width;

    float* at(int64_t m) { return floats.data() + m * width; }
    const float* as(const float*) const { return floats.data(); }
    const uint16_t* as(const uint16_t*) const { return halves.data(); }

    void resize(int64_t num_rows, int64_t num_inputs) {
        count = num_rows, width = num_inputs;
        floats.assign(count * width, 0.0f);
    }
    void lay_out(const Matrix& matrix) {
        if (matrix.kind == BFLOAT16 && std::is_same<Bfloat16::Input, uint16_t>::value) {
            halves.resize(floats.size());
            for (size_t i = 0; i < floats.size(); i++) halves[i] = rounded(floats[i]);
        } else if (matrix.kind == INT4) {
            float piece[PIECE];
            for (size_t first = 0; first < floats.size(); first += PIECE) {
                for (int64_t i = 0; i < LANES; i++) {
                    piece[i] = floats[first + 2 * i], piece[LANES + i] = floats[first + 2 * i + 1];
                }
                std::copy_n(piece, PIECE, &floats[first]);
            }
        }
    }
};

struct Range {
    int64_t first, end;
};

inline Range share(int64_t total, int64_t step) {  // of the calling thread
    int64_t steps = (total + step - 1) / step, threads = omp_get_num_threads(), thread = omp_get_thread_num();
    return {std::min(total, steps * thread / threads * step), std::min(total, steps * (thread + 1) / threads * step)};
}

// Where products go: row m, output n to `at[m * width + n]`.
struct Outputs {
    float* at;
    int64_t width;
    bool adds = false;
};

// Multiply four rows of weights, which lie together piece by piece: memory is read in one stream.
template <class Kind, int M>
inline void four_rows(const Matrix& w, int64_t n0, const typename Kind::Input* x, int64_t m0, const Outputs& to) {
    Floats totals[ROWS][M] = {};
    const char* at = static_cast<const char*>(w.weights) + n0 * w.inputs / PIECE * Kind::BYTES;
    const uint16_t* scale = static_cast<const uint16_t*>(w.scales) + n0 * w.inputs / PIECE;
    for (int64_t k = 0; k < w.inputs; k += PIECE) {
        typename Kind::Weights weights[ROWS];
        for (int n = 0; n < ROWS; n++, at += Kind::BYTES, scale++) weights[n] = Kind::weights(at, scale);
        for (int m = 0; m < M; m++) {
            auto input = Kind::input(x + (m0 + m) * w.inputs + k);
            for (int n = 0; n < ROWS; n++) Kind::add(totals[n][m], weights[n], input);
        }
    }
    for (int n = 0; n < ROWS && n0 + n < w.outputs; n++) {
        float row_scale = w.kind == INT8 ? static_cast<const float*>(w.scales)[n0 + n] : 1.0f;
        float bias = w.bias ? w.bias[n0 + n] : 0.0f;
        for (int m = 0; m < M; m++) {
            float& place = to.at[(m0 + m) * to.width + n0 + n];
            place = sum(totals[n][m]) * row_scale + bias + (to.adds ? place : 0.0f);
        }
    }
}

template <class Kind>
void rows(const Matrix& w, Range range, const Inputs& inputs, const Outputs& to) {
    const typename Kind::Input* x = inputs.as(static_cast<const typename Kind::Input*>(nullptr));
    for (int64_t n = range.first; n < range.end; n += ROWS) {
        int64_t m = 0;
        for (; m + 4 <= inputs.count; m += 4) four_rows<Kind, 4>(w, n, x, m, to);
        for (; m + 2 <= inputs.count; m += 2) four_rows<Kind, 2>(w, n, x, m, to);
        if (m < inputs.count) four_rows<Kind, 1>(w, n, x, m, to);
    }
}

void multiply(const Matrix& w, Range range, const Inputs& inputs, const Outputs& to) {
    switch (w.kind) {
        case FLOAT32: return rows<Float32>(w, range, inputs, to);
        case BFLOAT16: return rows<Bfloat16>(w, range, inputs, to);
        case INT8: return rows<Int8>(w, range, inputs, to);
        default: return rows<Int4>(w, range, inputs, to);
    }
}

// ---- what lies between them

inline void normalise(const Norm& norm, const float* x, float* y) {
    float mean = 0, square = 0;
    if (norm.bias) {
#pragma omp simd reduction(+ : mean)
        for (int64_t i = 0; i < norm.width; i++) mean += x[i];
        mean /= norm.width;
    }
#pragma omp simd reduction(+ : square)
    for (int64_t i = 0; i < norm.width; i++) square += (x[i] - mean) * (x[i] - mean);
    float scale = 1 / std::sqrt(square / norm.width + norm.eps);
    for (int64_t i = 0; i < norm.width; i++) {
        y[i] = (x[i] - mean) * scale * norm.weight[i] + (norm.bias ? norm.bias[i] : 0.0f);
    }
}

// e^x to 1e-7 of it, in operations that compilers do for a whole vector at once: 2^whole by its bits, the rest by a series.
inline float power(float x) {
    float twos = std::min(std::max(x, -87.0f), 88.0f) * 1.4426950409f;
    float shifted = twos + 12582912.0f;  // 1.5 * 2^23: what is added to it is rounded to a whole number
    float rest = (twos - (shifted - 12582912.0f)) * 0.6931471806f;
    int32_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = (bits - 0x4b400000 + 127) << 23;
    float whole;
    std::memcpy(&whole, &bits, sizeof whole);
    float series = 1.0f / 120 + rest * (1.0f / 720 + rest * (1.0f / 5040));
    series = 0.5f + rest * (1.0f / 6 + rest * (1.0f / 24 + rest * series));
    return whole * (1.0f + rest * (1.0f + rest * series));
}

inline float activated(float x, bool silu) {
    float inner = silu ? x : 1.5957691216f * (x + 0.044715f * x * x * x);  // gelu by tanh, as a logistic function
    return x / (1.0f + power(-inner));
}

inline void rotate(float* x, const float* cosines, const float* sines, int64_t width) {
    for (int64_t i = 0, half = width / 2; i < half; i++) {
        float first = x[i], second = x[half + i];
        x[i] = first * cosines[i] - second * sines[i];
        x[half + i] = second * cosines[half + i] + first * sines[half + i];
    }
}

// Gather for one query from the first `count` keys and values of its head.
inline void attend(const float* q, const float* keys, const float* values, int64_t count, int64_t width, float* scores,
                   float* y) {
    float highest = -INFINITY, total = 0, scale = 1 / std::sqrt(float(width));
    for (int64_t e = 0; e < count; e++) {
        float score = 0;
#pragma omp simd reduction(+ : score)
        for (int64_t i = 0; i < width; i++) score += q[i] * keys[e * width + i];
        scores[e] = score * scale;
        highest = std::max(highest, scores[e]);
    }
    for (int64_t e = 0; e < count; e++) scores[e] = power(scores[e] - highest);
    std::fill_n(y, width, 0.0f);
    for (int64_t e = 0; e < count; e++) {
        total += scores[e];
        for (int64_t i = 0; i < width; i++) y[i] += scores[e] * values[e * width + i];
    }
    for (int64_t i = 0; i < width; i++) y[i] /= total;
}

// ---- the step: what threads share, and each thread's own

struct Step {
    const Model& model;
    const Tokens& tokens;
    float* x;  // (M, D): the residual stream
    std::vector<float> qkv, gathered, inner;

    Step(const Model& model, const Tokens& tokens, float* x)
        : model(model), tokens(tokens), x(x),
          qkv(tokens.count * (model.num_heads + 2 * model.num_kv_heads) * model.head_width),
          gathered(tokens.count * model.num_heads * model.head_width),
          inner(tokens.count * model.layers[0].up.outputs) {}

    void normalised(const Norm& norm, const Matrix& matrix, Inputs& inputs) const {
        inputs.resize(tokens.count, matrix.inputs);
        for (int64_t m = 0; m < tokens.count; m++) normalise(norm, x + m * model.width, inputs.at(m));
        inputs.lay_out(matrix);
    }

    // Multiply rows of `width` numbers, each `stride` behind the last, and add to the residual stream.
    void add_product(const Matrix& matrix, const std::vector<float>& from, int64_t width, int64_t stride, Inputs& inputs) {
        inputs.resize(tokens.count, matrix.inputs);
        for (int64_t m = 0; m < tokens.count; m++) std::copy_n(&from[m * stride], width, inputs.at(m));
        inputs.lay_out(matrix);
        multiply(matrix, share(matrix.outputs, ROWS), inputs, {x, model.width, true});
    }

    // Normalise and turn each head; queries stay where they are, keys and values go to their rows.
    void place(const Layer& layer) {
        int64_t width = model.head_width, turning = model.num_heads + model.num_kv_heads;
        int64_t heads = turning + model.num_kv_heads;
        Range range = share(tokens.count * heads, 1);
        for (int64_t item = range.first; item < range.end; item++) {
            int64_t m = item / heads, h = item % heads;
            float* head = &qkv[item * width];
            const Norm& norm = h < model.num_heads ? layer.query_norm : layer.key_norm;
            if (h < turning && norm.weight) normalise(norm, head, head);
            if (h < turning && tokens.cosines) rotate(head, tokens.cosines + m * width, tokens.sines + m * width, width);
            if (h < model.num_heads) continue;
            int64_t g = (h - model.num_heads) % model.num_kv_heads;
            float* store = h < turning ? layer.keys : layer.values;
            std::copy_n(head, width, store + at(tokens.rows[m], g, tokens.positions[m]));
        }
    }

    int64_t at(int64_t row, int64_t g, int64_t position) const {
        return ((row * model.num_kv_heads + g) * model.room + position) * model.head_width;
    }

    void attend_all(const Layer& layer, std::vector<float>& scores) {
        int64_t width = model.head_width, num_heads = model.num_heads;
        Range range = share(tokens.count * num_heads, 1);
        for (int64_t item = range.first; item < range.end; item++) {
            int64_t m = item / num_heads, h = item % num_heads, count = tokens.positions[m] + 1;
            int64_t start = at(tokens.rows[m], h * model.num_kv_heads / num_heads, 0);
            const float* q = &qkv[(m * (num_heads + 2 * model.num_kv_heads) + h) * width];
            scores.resize(std::max<int64_t>(scores.size(), count));
            attend(q, layer.keys + start, layer.values + start, count, width, scores.data(), &gathered[item * width]);
        }
    }

    void feed_forward(const Matrix& up, const Inputs& inputs) {
        int64_t width = model.inner_width;
        Range range = share(width, ROWS);
        multiply(up, range, inputs, {inner.data(), up.outputs});
        if (model.gated) multiply(up, {range.first + width, range.end + width}, inputs, {inner.data(), up.outputs});
        for (int64_t m = 0; m < tokens.count; m++) {
            float *gate = &inner[m * up.outputs], *gated = gate + width;
            for (int64_t i = range.first; i < range.end; i++) gate[i] = activated(gate[i], model.silu);
            for (int64_t i = range.first; model.gated && i < range.end; i++) gate[i] *= gated[i];
        }
    }
};

}  // namespace

// Take M tokens' vectors x (M, D) through all blocks; write the hidden states (W, D) and logits (W, V) behind those wanted.
extern "C" void step(const Model* model, const Tokens* tokens, int64_t num_threads, float* x, float* hidden, float* logits) {
    Step all(*model, *tokens, x);
    Barrier barrier;
    int64_t gathered_width = model->num_heads * model->head_width;
#pragma omp parallel num_threads(num_threads)
    {
        Inputs inputs;
        std::vector<float> scores;
        for (int64_t i = 0; i < model->num_layers; i++) {
            const Layer& layer = model->layers[i];
            all.normalised(layer.attention_norm, layer.qkv, inputs);
            multiply(layer.qkv, share(layer.qkv.outputs, ROWS), inputs, {all.qkv.data(), layer.qkv.outputs});
            barrier.wait();
            all.place(layer);
            barrier.wait();
            all.attend_all(layer, scores);
            barrier.wait();
            all.add_product(layer.out, all.gathered, gathered_width, gathered_width, inputs);
            barrier.wait();
            all.normalised(layer.feed_forward_norm, layer.up, inputs);
            all.feed_forward(layer.up, inputs);
            barrier.wait();
            all.add_product(layer.down, all.inner, model->inner_width, layer.up.outputs, inputs);
            barrier.wait();
        }
        inputs.resize(tokens->num_wanted, model->head.inputs);
        for (int64_t w = 0; w < tokens->num_wanted; w++) {
            normalise(model->norm, x + tokens->wanted[w] * model->width, inputs.at(w));
            if (omp_get_thread_num() == 0) std::copy_n(inputs.at(w), model->width, hidden + w * model->width);
        }
        inputs.lay_out(model->head);
        multiply(model->head, share(model->head.outputs, ROWS), inputs, {logits, model->head.outputs});
    }
}
