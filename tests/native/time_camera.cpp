// Times the state of a fixed camera, without its E-step, for benchmarks/native_camera.py:
//   drc_time_camera FOLDER ROWS COLUMNS
// FOLDER holds frames.f32 and responsibility.f32, as tests/native/golden.py writes them. Prints for each frame the milliseconds
// before the E-step and those of the M-step.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "camera/fixed_camera.hpp"
#include "files.hpp"

int main(int count, char **arguments) {
    if (count != 4) return std::fprintf(stderr, "drc_time_camera FOLDER ROWS COLUMNS\n"), 2;
    const files::fs::path folder = arguments[1];
    const int rows = std::stoi(arguments[2]), columns = std::stoi(arguments[3]);
    std::string frames = files::read(folder / "frames.f32"), given = files::read(folder / "responsibility.f32");
    const std::size_t plane = static_cast<std::size_t>(rows * columns) * sizeof(float);
    const auto image = [&](std::size_t index) {
        return drc::detail::Picture(rows, columns, reinterpret_cast<cv::Vec3f *>(frames.data() + 3 * index * plane));
    };
    drc::detail::FixedCamera camera(image(0), {});
    using Clock = std::chrono::steady_clock;
    const auto milliseconds = [](Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); };
    for (std::size_t index = 0; index < given.size() / plane; ++index) {
        const drc::detail::Plane responsibility(rows, columns, reinterpret_cast<float *>(given.data() + index * plane));
        const auto begun = Clock::now();
        camera.look(image(index), 0.04);
        const auto looked = Clock::now();
        camera.learn(responsibility, 0.04);
        std::printf("%.5f %.5f\n", milliseconds(looked - begun), milliseconds(Clock::now() - looked));
    }
}
