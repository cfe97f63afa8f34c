// Writes first inputs for the targets that take Cap'n Proto: make_corpus FOLDER. The others start from files of the
// tree.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/random_messages.h"
#include "transport/codec/client_codec.h"
#include "transport/codec/control_codec.h"
#include "transport/codec/link_codec.h"
#include "transport/link/header_codec.h"
#include "transport/recording/encoder.h"

namespace {

using namespace sluice;

void write(const std::filesystem::path& folder, std::size_t number, const std::string& bytes) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / std::to_string(number), std::ios::binary) << bytes;
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string bytes_of(const transport::Frame& frame) {
  return text_of(frame.bytes());
}

// As targets/link_message.cpp reads them: the size of the tensor, the message, the tensor.
std::string link_input(const transport::Message& message) {
  std::string tensor;
  if (message.size() > 1) tensor = bytes_of(message[1]);
  if (tensor.size() > 0xffff) return {};
  std::string input{static_cast<char>(tensor.size() & 0xff), static_cast<char>(tensor.size() >> 8)};
  return input + bytes_of(message[0]) + tensor;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path root = argv[1];
  test::RandomMessages random(1);
  for (std::size_t kind = 0; kind < std::variant_size_v<ClientMessage>; ++kind) {
    write(root / "client_message", kind, bytes_of(transport::encode(random.client_message(kind))[0]));
  }
  for (std::size_t kind = 0; kind < std::variant_size_v<ServerMessage>; ++kind) {
    write(root / "client_message", 100 + kind, bytes_of(transport::encode(random.server_message(kind))[0]));
  }
  for (std::size_t kind = 0; kind < std::variant_size_v<LinkMessage>; ++kind) {
    write(root / "link_message", kind, link_input(transport::encode(random.link_message(kind))));
  }
  for (std::size_t kind = 0; kind < std::variant_size_v<WorkerMessage>; ++kind) {
    write(root / "control_message", kind, bytes_of(transport::encode(random.worker_message(kind))[0]));
  }
  for (std::size_t kind = 0; kind < std::variant_size_v<HeadMessage>; ++kind) {
    write(root / "control_message", 100 + kind, bytes_of(transport::encode(random.head_message(kind))[0]));
  }
  for (int kind = 1; kind <= static_cast<int>(transport::LinkKind::kClose); ++kind) {
    transport::LinkHeader header{.kind = static_cast<transport::LinkKind>(kind), .sender_incarnation = 7, .epoch = 1};
    write(root / "link_header", static_cast<std::size_t>(kind), bytes_of(transport::encode_header(header)));
  }
  transport::RecordingEncoder recording({7, 1, 1, true, true, "storyteller", "layers 0-5"});
  recording.begin();
  recording.message(1, transport::RecordedLink::kIngress, 1, transport::encode(random.client_message())[0].bytes());
  recording.message(2, transport::RecordedLink::kResponses, 1, transport::encode(random.server_message())[0].bytes());
  recording.lost(3, 1);
  recording.gap(4, 5);
  write(root / "recording", 0, text_of(recording.bytes()));
  recording.end(6);
  write(root / "recording", 1, text_of(recording.bytes()));
  return 0;
}
