// An engine that loads a graph follows external data to other files and custom operator domains to other code, a graph inside a
// node is the body of a loop, and functions that call functions double a graph at each level: an untrusted bundle must contain
// none of these. This walks the protobuf wire format: it enters the messages that can contain a tensor or a domain (onnx.proto, IR
// versions 3 to 14) and skips everything else by its length.
#include "bundle/onnx_check.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "errors.hpp"

namespace drc::detail {
namespace {

enum class Message { model, graph, node, attribute, sparse_tensor, tensor, opset, other };
enum Wire : std::uint64_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// Real graphs have about 600 nodes and ten thousand fields. The limits bound the work for a hostile graph.
constexpr int most_nodes = 10'000;
constexpr int most_fields = 200'000;

Message child(Message kind, std::uint64_t field) {
    switch (kind) {
        case Message::model:
            return field == 7 ? Message::graph : field == 8 ? Message::opset : Message::other;
        case Message::graph:
            return field == 1    ? Message::node
                   : field == 5  ? Message::tensor
                   : field == 15 ? Message::sparse_tensor
                                 : Message::other;
        case Message::node:
            return field == 5 ? Message::attribute : Message::other;
        case Message::attribute:
            return field == 5 || field == 10    ? Message::tensor
                   : field == 22 || field == 23 ? Message::sparse_tensor
                                                : Message::other;
        case Message::sparse_tensor:
            return field == 1 || field == 2 ? Message::tensor : Message::other;
        default:
            return Message::other;
    }
}

// What stands in a field that no graph to run has; nullptr for other fields.
const char *refused(Message kind, std::uint64_t field) {
    if (kind == Message::model && field == 20) return "a graph for training";
    if (kind == Message::model && field == 25) return "a function";
    if (kind == Message::attribute && field == 6) return "a graph inside a node";
    if (kind == Message::attribute && field == 11) return "graphs inside a node";
    return nullptr;
}

bool holds_domain(Message kind, std::uint64_t field) {
    return (kind == Message::node && field == 7) || (kind == Message::opset && field == 1);
}

struct Span {
    Message kind;
    std::size_t start, end;
};

class Walker {
public:
    Walker(std::string_view data, const std::string &name) : data_(data), name_(name) {}

    void walk() {
        std::vector<Span> pending{{Message::model, 0, data_.size()}};
        while (!pending.empty()) {
            const Span span = pending.back();
            pending.pop_back();
            for (std::size_t position = span.start; position < span.end;) field(span, position, pending);
        }
        if (!has_graph_) refuse_damaged(name_ + " is not an ONNX model: it holds no graph");
    }

private:
    // Reads the field at `position`, moves past it, and adds a message that must be entered to `pending`.
    void field(const Span &span, std::size_t &position, std::vector<Span> &pending) {
        if (++fields_ > most_fields) refuse_damaged(name_ + " has more than 200000 fields; it is not a graph to run");
        const std::uint64_t tag = number(position, span.end);
        const std::uint64_t field = tag >> 3, wire = tag & 7;
        require(field > 0 && field < (1u << 29));
        std::uint64_t value = 0;
        std::size_t content = position;
        if (wire == Wire::varint) {
            value = number(position, span.end);
        } else if (wire == Wire::bytes) {
            const std::uint64_t length = number(position, span.end);
            content = position;
            require(length <= span.end - content);
            position = content + static_cast<std::size_t>(length);
        } else {
            require(wire == Wire::fixed64 || wire == Wire::fixed32);
            const std::size_t length = wire == Wire::fixed64 ? 8 : 4;
            require(length <= span.end - position);
            position += length;
        }
        if (const char *what = refused(span.kind, field))
            refuse_unsafe(name_ + " holds " + what + ", which drc export does not write: a run of it might not end");
        const Message inner = child(span.kind, field);
        if (inner != Message::other) {
            require(wire == Wire::bytes);
            has_graph_ = has_graph_ || (span.kind == Message::model && inner == Message::graph);
            if (inner == Message::node && ++nodes_ > most_nodes)
                refuse_damaged(name_ + " has more than 10000 nodes; it is not a graph to run");
            pending.push_back({inner, content, position});
        } else if (holds_domain(span.kind, field)) {
            require(wire == Wire::bytes);
            check_domain(data_.substr(content, position - content));
        } else if (span.kind == Message::tensor) {
            if (field == 14) require(wire == Wire::varint);
            if (field == 13 || (field == 14 && value != 0))
                refuse_unsafe(name_ + " keeps weights in other files (external data); a bundle's graphs must be single files");
        }
    }

    void check_domain(std::string_view domain) const {
        if (domain.empty() || domain == "ai.onnx") return;
        std::string shown;
        for (char character : domain.substr(0, 60)) shown += character >= ' ' && character < 127 ? character : '?';
        refuse_unsafe(name_ + " uses the operator domain '" + shown + "'; a bundle may use ONNX's own only");
    }

    std::uint64_t number(std::size_t &position, std::size_t end) const {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 70; shift += 7) {
            require(position < end);
            const auto byte = static_cast<unsigned char>(data_[position++]);
            value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
            if (byte < 0x80) return value;
        }
        require(false);
        return 0;
    }

    void require(bool well_formed) const {
        if (!well_formed) refuse_damaged(name_ + " is not an ONNX model, or it is damaged");
    }

    std::string_view data_;
    const std::string &name_;
    int fields_ = 0, nodes_ = 0;
    bool has_graph_ = false;
};

}  // namespace

void check_model(std::string_view data, const std::string &name) {
    // onnxruntime reads bytes with this mark as its own flatbuffer format, which is not checked below.
    if (data.size() >= 8 && data.substr(4, 4) == "ORTM")
        refuse_unsafe(name + " is in onnxruntime's own format; a bundle holds ONNX only");
    Walker(data, name).walk();
}

}  // namespace drc::detail
