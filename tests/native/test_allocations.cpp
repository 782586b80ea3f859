// libdrc allocates no memory in a tracked frame, whether ordinary, low or in a race of two chains: calls of malloc are counted by caller.
#include <dlfcn.h>
#include <execinfo.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <drc/drc.hpp>

namespace {

std::atomic<bool> counting{false};
std::atomic<int> ours{0}, all{0};
thread_local bool inside = false;

// Whether the first caller outside the C and C++ runtime libraries is libdrc.
bool is_ours() {
    void *frames[64];
    const int depth = backtrace(frames, 64);
    for (int i = 2; i < depth; ++i) {
        Dl_info info;
        if (dladdr(frames[i], &info) == 0 || info.dli_fname == nullptr) continue;
        const char *slash = std::strrchr(info.dli_fname, '/');
        const char *name = slash == nullptr ? info.dli_fname : slash + 1;
        if (std::strncmp(name, "libstdc++", 9) == 0 || std::strncmp(name, "libc.", 5) == 0) continue;
        return std::strncmp(name, "libdrc.", 7) == 0;
    }
    return false;
}

}  // namespace

extern "C" void *__libc_malloc(std::size_t);

extern "C" __attribute__((visibility("default"))) void *malloc(std::size_t size) {
    if (counting && !inside) {
        inside = true;
        ++all;
        if (is_ours()) ++ours;
        inside = false;
    }
    return __libc_malloc(size);
}

namespace {

// The number of libdrc's allocations in one frame.
int allocations(drc::Track &track, const drc_image &image, std::vector<std::uint8_t> &mask, int &steps) {
    ours = all = 0;
    counting = true;
    const drc_result result = track.step(image, {mask.data(), mask.size()});
    counting = false;
    steps = result.steps;
    if (ours > 0) std::printf("%d steps: %d allocations, %d of them ours\n", steps, all.load(), ours.load());
    return ours;
}

}  // namespace

int main(int count, char **arguments) {
    void *warm[1];
    backtrace(warm, 1);  // loads its own library the first time
    const char *golden = std::getenv("DRC_GOLDEN");
    if (golden == nullptr || count != 2) return 2;
    drc_extractor_params params = drc_extractor_default_params();
    params.threads = 1;
    const std::string bundle = std::string(golden) + "/" + arguments[1];
    drc::Extractor extractor(bundle, params);
    std::vector<std::uint8_t> light(3 * 64 * 48, 255), dark(light.size(), 40), mask(64 * 48);
    const drc_image day{light.data(), 64, 48, 192, DRC_BGR}, night{dark.data(), 64, 48, 192, DRC_BGR};

    // Checks the counter: opening an extractor allocates.
    counting = true;
    { drc::Extractor another(bundle, params); }
    counting = false;
    if (ours == 0) return std::puts("the counter sees nothing"), 1;

    drc_track_params track_params = drc_track_default_params();
    track_params.steps = 3;
    drc::Track track(extractor, track_params);
    track.step(day, {mask.data(), mask.size()});
    int ours_in_all = 0, most_steps = 0, steps = 0;
    for (int frame = 0; frame < 100; ++frame) {
        ours_in_all += allocations(track, frame < 80 ? day : night, mask, steps);
        most_steps = steps > most_steps ? steps : most_steps;
    }
    if (track.restarts() == 0) return std::puts("no chain was started from noise"), 1;
    std::printf("%d allocations of ours in 100 frames of up to %d steps\n", ours_in_all, most_steps);
    return ours_in_all == 0 ? 0 : 1;
}
