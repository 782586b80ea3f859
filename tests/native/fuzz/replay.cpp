// Runs a fuzz target without libFuzzer, which GCC does not have: the seeds, then simple mutations of them until the time is over.
//
//     drc_fuzz_manifest SECONDS FOLDER
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "../files.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

namespace {

void run(const std::string &input) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t *>(input.data()), input.size());
}

std::string mutate(std::string input, std::mt19937 &random) {
    const auto below = [&random](std::size_t limit) { return static_cast<std::size_t>(random()) % limit; };
    for (std::size_t change = 1 + below(4); change > 0; --change) {
        const std::size_t position = below(input.size() + 1);
        switch (below(4)) {
            case 0: input.resize(position); break;
            case 1: input.insert(position, 1, static_cast<char>(random())); break;
            case 2: input.insert(position, input.substr(below(input.size() + 1), below(16))); break;
            default:
                if (position < input.size()) input[position] = static_cast<char>(input[position] ^ (1 << below(8)));
        }
    }
    return input;
}

}  // namespace

int main(int count, char **arguments) {
    if (count != 3) return std::fputs("usage: drc_fuzz_... SECONDS FOLDER\n", stderr), 2;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(arguments[1]));
    std::vector<std::string> seeds;
    for (const auto &seed : files::fs::directory_iterator(arguments[2])) seeds.push_back(files::read(seed.path()));
    if (seeds.empty()) return std::fputs("the folder holds no seeds\n", stderr), 1;
    for (const std::string &seed : seeds) run(seed);
    std::mt19937 random(1);
    long runs = 0;
    while (std::chrono::steady_clock::now() < end) {
        run(mutate(seeds[random() % seeds.size()], random));
        ++runs;
    }
    std::printf("%zu seeds and %ld mutations of them\n", seeds.size(), runs);
    return 0;
}
