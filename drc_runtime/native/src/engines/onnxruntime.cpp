#include "engines/onnxruntime.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <thread>
#include <utility>

// Initialised by hand: a library older than the headers returns a null pointer, which the header would dereference.
#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>

#if defined(__linux__)
#include <sched.h>
#endif

#include "errors.hpp"

namespace drc::detail {
namespace {

constexpr const char *graph_name = "posterior_step";
// Bytes for the tensors of all graphs on the CPU together: a graph from an unknown source can ask for any number of them.
constexpr std::size_t largest_memory = std::size_t{1} << (sizeof(std::size_t) > 4 ? 32 : 30);

struct Provider {
    const char *name;  // for the user
    const char *ort_name;
};
constexpr std::array<Provider, 4> providers{{{"CPU", "CPUExecutionProvider"},
                                             {"CUDA", "CUDAExecutionProvider"},
                                             {"TensorRT", "TensorrtExecutionProvider"},
                                             {"XNNPACK", "XnnpackExecutionProvider"}}};

// In a container with limited cores, ONNX Runtime's default counts all cores of the machine.
int available_cores() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::string first_line(const char *text) {
    const std::string all(text);
    if (all.find("Available memory of") != std::string::npos || all.find("Failed to allocate memory") != std::string::npos)
        return "the graph needs more than " + std::to_string(largest_memory >> 30) + " GiB of memory, or more than there is";
    return all.substr(0, all.find('\n'));
}

Ort::Env &environment() {
    static const bool ready = [] {
        const OrtApi *api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
        if (api == nullptr)
            fail_engine(std::string("this ONNX Runtime is ") + OrtGetApiBase()->GetVersionString() +
                        ", but libdrc was built for 1." + std::to_string(ORT_API_VERSION) + " or later; update it");
        Ort::InitApi(api);
        return true;
    }();
    static_cast<void>(ready);
    // Its errors are thrown as well; its log would print names of a graph as they are.
    static Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "drc");
    static const bool bounded = [] {
        const Ort::ArenaCfg arena(largest_memory, -1, -1, -1);
        env.CreateAndRegisterAllocator(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault), arena);
        return true;
    }();
    static_cast<void>(bounded);
    return env;
}

bool has(const std::vector<std::string> &available, const Provider &provider) {
    return std::find(available.begin(), available.end(), provider.ort_name) != available.end();
}

void add_provider(Ort::SessionOptions &options, const std::string &name) {
    const auto known = std::find_if(providers.begin(), providers.end(), [&](const Provider &it) { return name == it.name; });
    if (known == providers.end())
        refuse_usage("no execution provider '" + name + "': choose one of CPU, CUDA, TensorRT, XNNPACK");
    const std::vector<std::string> available = Ort::GetAvailableProviders();
    if (!has(available, *known)) {
        std::string there;
        for (const Provider &it : providers)
            if (has(available, it)) there += (there.empty() ? "" : ", ") + std::string(it.name);
        throw Failure(DRC_ERROR_PROVIDER, "this ONNX Runtime was built without " + name + "; it has " + there);
    }
    try {
        // Operators that TensorRT does not support run on CUDA, and those that CUDA does not support on the CPU.
        if (name == "TensorRT") options.AppendExecutionProvider_TensorRT(OrtTensorRTProviderOptions{});
        if (name == "CUDA" || (name == "TensorRT" && has(available, providers[1])))
            options.AppendExecutionProvider_CUDA(OrtCUDAProviderOptions{});
        if (name == "XNNPACK") options.AppendExecutionProvider("XNNPACK", {});
    } catch (const Ort::Exception &error) {
        throw Failure(DRC_ERROR_PROVIDER, name + " does not start on this machine: " + first_line(error.what()) +
                                              "; check its driver and libraries, or choose CPU");
    }
}

// The graph must match the manifest; else a run would write past the end of bound buffers.
void check_tensors(const Ort::Session &session, const std::string &graph, bool inputs, const std::map<std::string, Shape> &declared) {
    Ort::AllocatorWithDefaultOptions allocator;
    const std::string of_graph = "graph " + graph + ": ";
    const std::string kind = inputs ? "input" : "output";
    const std::size_t count = inputs ? session.GetInputCount() : session.GetOutputCount();
    for (std::size_t i = 0; i < count; ++i) {
        const std::string name =
            (inputs ? session.GetInputNameAllocated(i, allocator) : session.GetOutputNameAllocated(i, allocator)).get();
        const Ort::TypeInfo type = inputs ? session.GetInputTypeInfo(i) : session.GetOutputTypeInfo(i);
        const auto entry = declared.find(name);
        if (entry == declared.end()) fail_engine(of_graph + "the manifest does not name its " + kind + " " + name);
        if (type.GetONNXType() != ONNX_TYPE_TENSOR)
            fail_engine(of_graph + "its " + kind + " " + name + " is not a tensor");
        const auto tensor = type.GetTensorTypeAndShapeInfo();
        if (tensor.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT || tensor.GetShape() != entry->second)
            fail_engine(of_graph + "its " + kind + " " + name + " has not the shape and type of the manifest");
    }
    if (count != declared.size()) fail_engine(of_graph + "the manifest names more " + kind + "s than it has");
}

Ort::Session load(const Bundle &bundle, const EngineOptions &options, const std::string &graph) {
    Ort::Env &env = environment();
    Ort::SessionOptions settings;
    settings.SetIntraOpNumThreads(options.threads > 0 ? options.threads : available_cores());
    // Threads that spin between runs take cores from decoding and drawing and make no step faster.
    settings.AddConfigEntry("session.intra_op.allow_spinning", "0");
    if (options.provider == "CPU") settings.AddConfigEntry("session.use_env_allocators", "1");
    add_provider(settings, options.provider);
    const std::string &data = bundle.graphs.at(graph);
    Ort::Session session(env, data.data(), data.size(), settings);
    const GraphEntry &entry = bundle.manifest.graphs.at(graph);
    check_tensors(session, graph, true, entry.inputs);
    check_tensors(session, graph, false, entry.outputs);
    return session;
}

std::size_t elements(const Shape &shape) {
    return static_cast<std::size_t>(
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<std::int64_t>()));
}

}  // namespace

struct PosteriorStep::Session {
    Session(const Bundle &bundle, const EngineOptions &options)
        : memory(Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU)),
          session(load(bundle, options, graph_name)),
          moving(session),
          last(session),
          has_device(options.provider != "CPU") {}

    Ort::Value tensor(const Shape &shape, std::vector<float> &buffer) {
        buffer.assign(elements(shape), 0.0f);
        return Ort::Value::CreateTensor<float>(memory, buffer.data(), buffer.size(), shape.data(), shape.size());
    }

    void bind(const Manifest &manifest, Buffers &buffers) {
        using Named = std::vector<std::pair<const char *, std::vector<float> *>>;
        const GraphEntry &entry = manifest.graphs.at(graph_name);
        Named given{{"z", &buffers.z}, {"image", &buffers.image}, {"noise", &buffers.noise}};
        if (manifest.given_background) {
            given.emplace_back("background", &buffers.given_background);
            given.emplace_back("background_scale", &buffers.given_scale);
        }
        Named outputs{{"z_next", &buffers.z_next},
                      {"log_posterior", &buffers.log_posterior},
                      {"mask", &buffers.mask},
                      {"foreground", &buffers.foreground},
                      {manifest.given_background ? "background_lit" : "background", &buffers.background}};
        if (manifest.needs_responsibility()) outputs.emplace_back("responsibility", &buffers.responsibility);
        for (const auto &[name, buffer] : given) {
            inputs.emplace_back(name, tensor(entry.inputs.at(name), *buffer));
            moving.BindInput(name, inputs.back().second);
            last.BindInput(name, inputs.back().second);
        }
        for (const auto &[name, buffer] : outputs) {
            const Ort::Value value = tensor(entry.outputs.at(name), *buffer);
            if (buffer == &buffers.z_next) moving.BindOutput(name, value);
            last.BindOutput(name, value);
        }
    }

    // The plain processor reads the buffers in each run. Every other provider copies an input to its own memory when it is
    // bound: it has to be bound again before each run, and its outputs are there only after the device has finished.
    void run(bool maps) {
        Ort::IoBinding &binding = maps ? last : moving;
        if (has_device) {
            for (const auto &[name, value] : inputs) binding.BindInput(name, value);
            binding.SynchronizeInputs();
        }
        session.Run(run_options, binding);
        if (has_device) binding.SynchronizeOutputs();
    }

    Ort::MemoryInfo memory;
    Ort::Session session;
    Ort::IoBinding moving, last;  // a run computes all outputs but writes only the bound ones
    std::vector<std::pair<const char *, Ort::Value>> inputs;
    bool has_device;
    Ort::RunOptions run_options{nullptr};
};

PosteriorStep::PosteriorStep(const Bundle &bundle, const EngineOptions &options) {
    environment();  // before the first ONNX Runtime object, because their destructors need it as well
    const GraphEntry &entry = bundle.manifest.graphs.at(graph_name);
    batch_ = static_cast<std::size_t>(entry.inputs.at("z").front());
    try {
        session_ = std::make_unique<Session>(bundle, options);
        session_->bind(bundle.manifest, buffers_);
    } catch (const Ort::Exception &error) {
        fail_engine(std::string("ONNX Runtime cannot load graph posterior_step: ") + first_line(error.what()));
    }
}

PosteriorStep::~PosteriorStep() = default;

void PosteriorStep::run(bool maps) {
    const auto begun = std::chrono::steady_clock::now();
    try {
        session_->run(maps);
    } catch (const Ort::Exception &error) {
        fail_engine(std::string("ONNX Runtime failed: ") + first_line(error.what()));
    }
    time_spent_ += std::chrono::steady_clock::now() - begun;
}

struct Graph::Session {
    Session(const Bundle &bundle, const EngineOptions &options, const std::string &name)
        : memory(Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU)),
          session(load(bundle, options, name)),
          binding(session),
          has_device(options.provider != "CPU") {}

    Ort::Value tensor(const Shape &shape, std::vector<float> &buffer) {
        buffer.assign(elements(shape), 0.0f);
        return Ort::Value::CreateTensor<float>(memory, buffer.data(), buffer.size(), shape.data(), shape.size());
    }

    void bind_inputs() {
        for (const auto &[name, value] : inputs) binding.BindInput(name.c_str(), value);
    }

    Ort::MemoryInfo memory;
    Ort::Session session;
    Ort::IoBinding binding;
    std::vector<std::pair<std::string, Ort::Value>> inputs;
    bool has_device;
    Ort::RunOptions run_options{nullptr};
};

Graph::Graph(const Bundle &bundle, const EngineOptions &options, const std::string &name, const std::vector<std::string> &outputs) {
    environment();
    const GraphEntry &entry = bundle.manifest.graphs.at(name);
    try {
        session_ = std::make_unique<Session>(bundle, options, name);
        for (const auto &[input, shape] : entry.inputs)
            session_->inputs.emplace_back(input, session_->tensor(shape, inputs_[input]));
        session_->bind_inputs();
        for (const std::string &output : outputs)
            session_->binding.BindOutput(output.c_str(), session_->tensor(entry.outputs.at(output), outputs_[output]));
    } catch (const Ort::Exception &error) {
        fail_engine("ONNX Runtime cannot load graph " + name + ": " + first_line(error.what()));
    }
}

Graph::~Graph() = default;

void Graph::run() {
    const auto begun = std::chrono::steady_clock::now();
    try {
        if (session_->has_device) {  // as PosteriorStep::Session::run says
            session_->bind_inputs();
            session_->binding.SynchronizeInputs();
        }
        session_->session.Run(session_->run_options, session_->binding);
        if (session_->has_device) session_->binding.SynchronizeOutputs();
    } catch (const Ort::Exception &error) {
        fail_engine(std::string("ONNX Runtime failed: ") + first_line(error.what()));
    }
    time_spent_ += std::chrono::steady_clock::now() - begun;
}

}  // namespace drc::detail
