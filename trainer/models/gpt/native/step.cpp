// One step of writing with a GPT: a few tokens of a few texts go through all layers in one parallel region.
//
// A step reads all weights once, so memory bandwidth is its limit. What would keep it from there is everything between the
// products: calls, allocations, threads that start and end. Here threads meet at a barrier after each product, and each
// computes for itself what is too small to share. Weights are float32, bfloat16, int8 with a scale a row, or int4 with a
// scale for each 32 inputs; sums, the residual stream, keys and values are float32.
//
// Sizes: M tokens, D model width, F feed-forward width, H query heads, G key and value heads, K head width, S room of a row.
// Compiled by trainer/models/gpt/native/library.py, called by trainer/models/gpt/native/step.py, whose structures these are.

#include "products.h"

#include <atomic>

extern "C" {
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

// ---- threads

// Where threads wait for each other, some sixty times a token. Waits are short, so they spin a little; a longer one means
// that the other has lost its processor, and who spins on then takes away the time that the other waits for. So it sleeps:
// the system wakes a sleeper at once, and starts who only yields or spins again when its turn comes.
class Barrier {
public:
    void wait() {
        int round = rounds.load(std::memory_order_acquire);
        if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == omp_get_num_threads()) {
            arrived.store(0, std::memory_order_relaxed);
            rounds.store(round + 1, std::memory_order_release);
            rounds.notify_all();
            return;
        }
        for (int spins = 0; rounds.load(std::memory_order_acquire) == round; spins++) {
            if (spins > MOST_SPINS) rounds.wait(round, std::memory_order_acquire);
        }
    }

private:
    static constexpr int MOST_SPINS = 100'000;
    std::atomic<int> arrived{0}, rounds{0};
};

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
