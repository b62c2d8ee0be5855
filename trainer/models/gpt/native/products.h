// A few rows of inputs times a matrix, as writing multiplies: the weights are read once, in one stream, in whichever numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
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

}  // namespace
