// Which bundle a run takes.
#pragma once

#include <filesystem>
#include <string>

namespace live {

struct ModelChoice {
    std::filesystem::path bundle;
    std::string why;  // a line for the user; empty if the user named the model
};

// The bundle that the user named; else the one that DRC_MODEL names, else the model of any fixed camera that is installed with this
// program, or lies in the checkout in which it was built.
ModelChoice choose_model(const std::filesystem::path &named);

}  // namespace live
