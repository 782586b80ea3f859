// A provider with a memory of its own gets the inputs of each run. No GPU is needed: the functions of ONNX Runtime that such a
// provider changes are replaced in a copy of its table of functions.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>

#include "bundle/bundle.hpp"
#include "engines/onnxruntime.hpp"
#include "files.hpp"

using namespace drc::detail;

namespace {

// A "device": inputs are copied into it when they are bound, outputs are copied out of it when they are synchronised.
struct Device {
    using Key = std::pair<OrtIoBinding *, std::string>;
    const OrtApi *real = nullptr;
    OrtApi table{};
    std::map<Key, Ort::Value> inputs, outputs;
    std::map<Key, void *> targets;  // the caller's buffers behind the outputs
    int runs = 0;
};

Device *device = nullptr;

std::size_t bytes(const OrtValue *value) {
    const Ort::ConstValue view(value);
    return view.GetTensorTypeAndShapeInfo().GetElementCount() * sizeof(float);
}

Ort::Value copy_of(const OrtValue *value) {
    const Ort::ConstValue view(value);
    const std::vector<std::int64_t> shape = view.GetTensorTypeAndShapeInfo().GetShape();
    Ort::AllocatorWithDefaultOptions allocator;
    Ort::Value copy = Ort::Value::CreateTensor<float>(allocator, shape.data(), shape.size());
    std::memcpy(copy.GetTensorMutableRawData(), view.GetTensorRawData(), bytes(value));
    return copy;
}

OrtStatus *ORT_API_CALL bind_input(OrtIoBinding *binding, const char *name, const OrtValue *value) noexcept {
    auto &copy = device->inputs.insert_or_assign({binding, name}, copy_of(value)).first->second;
    return device->real->BindInput(binding, name, copy);
}

OrtStatus *ORT_API_CALL bind_output(OrtIoBinding *binding, const char *name, const OrtValue *value) noexcept {
    auto &copy = device->outputs.insert_or_assign({binding, name}, copy_of(value)).first->second;
    device->targets[{binding, name}] = const_cast<void *>(Ort::ConstValue(value).GetTensorRawData());
    return device->real->BindOutput(binding, name, copy);
}

OrtStatus *ORT_API_CALL synchronise_outputs(OrtIoBinding *binding) noexcept {
    for (auto &[key, value] : device->outputs)
        if (key.first == binding)
            std::memcpy(device->targets.at(key), value.GetTensorRawData(), bytes(value));
    return nullptr;
}

OrtStatus *ORT_API_CALL run(OrtSession *session, const OrtRunOptions *options, const OrtIoBinding *binding) noexcept {
    ++device->runs;
    return device->real->RunWithBinding(session, options, binding);
}

OrtStatus *ORT_API_CALL providers(char ***names, int *length) noexcept {
    static char cpu[] = "CPUExecutionProvider", cuda[] = "CUDAExecutionProvider";
    static char *all[] = {cuda, cpu};
    *names = all;
    *length = 2;
    return nullptr;
}

OrtStatus *ORT_API_CALL release_providers(char **, int) noexcept { return nullptr; }

OrtStatus *ORT_API_CALL append_cuda(OrtSessionOptions *, const OrtCUDAProviderOptions *) noexcept { return nullptr; }

// Puts the device in the place of ONNX Runtime's functions as long as it lives.
struct Installed {
    Installed() {
        device = &state;
        state.real = &Ort::GetApi();
        state.table = *state.real;
        state.table.BindInput = bind_input;
        state.table.BindOutput = bind_output;
        state.table.SynchronizeBoundOutputs = synchronise_outputs;
        state.table.RunWithBinding = run;
        state.table.GetAvailableProviders = providers;
        state.table.ReleaseAvailableProviders = release_providers;
        state.table.SessionOptionsAppendExecutionProvider_CUDA = append_cuda;
        Ort::InitApi(&state.table);
    }
    ~Installed() { Ort::InitApi(state.real); }
    Device state;
};

// Latents and log-posteriors of two chains of three steps, the second one from another image and latent.
std::vector<float> chains(const Bundle &bundle, const std::string &provider) {
    PosteriorStep step(bundle, {1, provider});
    Buffers &buffers = step.buffers();
    std::vector<float> found;
    for (const float start : {1.0f, -0.5f}) {
        buffers.z.assign(buffers.z.size(), start);
        buffers.image.assign(buffers.image.size(), start);
        for (int index = 0; index < 3; ++index) {
            buffers.noise.assign(buffers.noise.size(), start * static_cast<float>(index));
            step.run(index == 2);
            buffers.z = buffers.z_next;
        }
        found.insert(found.end(), buffers.z.begin(), buffers.z.end());
        found.insert(found.end(), buffers.log_posterior.begin(), buffers.log_posterior.end());
        found.insert(found.end(), buffers.foreground.begin(), buffers.foreground.end());
    }
    return found;
}

}  // namespace

TEST_CASE("each run of a provider with a memory of its own sees the inputs of that run") {
    for (const char *name : {"random", "slots"}) {
        const Bundle bundle = load_bundle(files::golden() / name);
        const std::vector<float> expected = chains(bundle, "CPU");
        const Installed installed;
        CHECK(chains(bundle, "CUDA") == expected);
        CHECK(installed.state.runs == 6);
    }
}
