// The little languages inside the strings of a topology file: layer ranges, rank places, addresses to bind.
//
// Errors are sentences that continue "[table] key ...": the caller knows where the value stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "pipeline/topology/topology.h"

namespace sluice::topology {

struct LayerRange {
  std::uint32_t first_layer = 0;
  std::uint32_t num_layers = 0;
};

inline constexpr std::uint32_t kLayerCountMax = 4096;

// "0-2" or "3".
Result<LayerRange> parse_layers(std::string_view text);

// "HOST/DEVICE". Devices other than cpu:0 are refused as not supported yet.
Result<RankPlace> parse_rank_place(std::string_view text);

// What is wrong with an address to bind, if anything: "tcp://HOST:PORT", the port a number or "*", or "ipc://PATH".
std::optional<std::string> bind_complaint(std::string_view address);
// The same where workers register: one address of this host, not all of them.
std::optional<std::string> supervisor_bind_complaint(std::string_view address);
// The host of "tcp://HOST:PORT"; empty for other addresses.
std::string_view tcp_host(std::string_view address);
// Whether other hosts can reach it.
bool is_beyond_loopback(std::string_view address);

// The same for metrics: "http://LOOPBACK:PORT" with an IPv4 address or localhost, or "off".
std::optional<std::string> metrics_bind_complaint(std::string_view address);

// The same for the path of a file or folder: 1 to 4096 bytes, none of them zero.
std::optional<std::string> path_complaint(std::string_view path);

// "512MiB", "2GiB". Absent: not a size, or beyond 64 bits.
std::optional<std::uint64_t> parse_size_bytes(std::string_view text);
// "512MiB": the largest unit that divides it.
std::string size_to_string(std::uint64_t bytes);

// "0.6": the shortest that reads back the same.
std::string shortest_decimal(double number);

// 1 to 64 characters of [a-z0-9-].
bool is_host_name(std::string_view name);

}  // namespace sluice::topology
