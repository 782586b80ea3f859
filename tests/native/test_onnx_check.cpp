// The check of a graph's bytes refuses exactly what the Python runtime refuses.
#include <doctest/doctest.h>

#include "bundle/onnx_check.hpp"
#include "errors.hpp"
#include "files.hpp"

using namespace drc::detail;

namespace {

bool accepted(const std::string &data) {
    try {
        check_model(data, "graph");
        return true;
    } catch (const Failure &failure) {
        CHECK((failure.status == DRC_ERROR_BUNDLE_DAMAGED || failure.status == DRC_ERROR_BUNDLE_UNSAFE));
        return false;
    }
}

std::string refusal(const std::string &data) {
    try {
        check_model(data, "graph");
        return "";
    } catch (const Failure &failure) {
        const std::string message = failure.what();
        const bool unsafe = message.find("might not end") != std::string::npos || message.find("external data") != std::string::npos ||
                            message.find("operator domain") != std::string::npos || message.find("own format") != std::string::npos;
        CHECK(failure.status == (unsafe ? DRC_ERROR_BUNDLE_UNSAFE : DRC_ERROR_BUNDLE_DAMAGED));
        return message;
    }
}

// A length-delimited protobuf field of less than 128 bytes.
std::string field(int number, const std::string &content) {
    std::string header;
    unsigned tag = static_cast<unsigned>(number) << 3 | 2;
    for (; tag >= 128; tag >>= 7) header += static_cast<char>((tag & 127) | 128);
    header += static_cast<char>(tag);
    return header + static_cast<char>(content.size()) + content;
}

std::string bytes_of(const std::string &digits) {
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2) bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    return bytes;
}

}  // namespace

TEST_CASE("every flipped byte and every cut meets the verdict of the Python runtime") {
    const auto cases = files::read_json(files::golden() / "graphs.json");
    const std::string graph = bytes_of(cases["graph"].get<std::string>());
    CHECK(accepted(graph));
    std::size_t differing = 0, refused = 0;
    for (const auto &change : cases["changes"]) {
        const auto position = change[0].get<std::size_t>();
        const int value = change[1].get<int>();
        std::string damaged = graph;
        if (value < 0)
            damaged.resize(position);
        else
            damaged[position] = static_cast<char>(value);
        differing += accepted(damaged) != change[2].get<bool>() ? 1 : 0;
        refused += change[2].get<bool>() ? 0 : 1;
    }
    CHECK(differing == 0);
    CHECK(refused > 1000);
}

TEST_CASE("what a graph could reach outside with") {
    const std::string graph = field(7, "");
    CHECK(refusal(graph) == "");
    CHECK(refusal(graph + field(8, field(1, "ai.onnx"))) == "");
    CHECK(refusal(graph + field(8, field(1, "evil"))).find("operator domain 'evil'") != std::string::npos);
    CHECK(refusal(field(7, field(1, field(7, "com.microsoft")))).find("com.microsoft") != std::string::npos);
    const std::string tensor = field(13, "");
    for (const std::string &external : {
             field(7, field(5, tensor)),                               // an initializer
             field(7, field(1, field(5, field(5, tensor)))),           // a node's attribute
             field(7, field(15, field(1, tensor))),                    // a sparse initializer
         })
        CHECK(refusal(external).find("external data") != std::string::npos);
    CHECK(refusal(field(7, field(5, std::string("\x70\x01", 2)))).find("external data") != std::string::npos);
    CHECK(refusal(field(7, field(5, std::string("\x70\x00", 2)))) == "");
    CHECK(refusal("\x20\0\0\0ORTM") .find("holds no graph") == std::string::npos);
    CHECK(refusal(std::string("\x20\0\0\0ORTM", 8)).find("own format") != std::string::npos);
    CHECK(refusal("").find("no graph") != std::string::npos);
}

TEST_CASE("what could run without end, or for long, meets the verdict of the Python runtime") {
    const auto cases = files::read_json(files::golden() / "graphs.json")["hostile"];
    CHECK(cases.size() == 13);
    for (const auto &item : cases)
        CHECK(refusal(bytes_of(item["graph"].get<std::string>())) == (item["refusal"].is_null() ? "" : item["refusal"].get<std::string>()));
}
