// Whether whoever has shown a key may connect: the decision behind ZeroMQ's authentication protocol (zap_message.h),
// without sockets.
//
// Two sources: the allow-list, read anew for each decision, and peers that were told (workers that the head has
// started; at a worker, those whom the head has named).
// Owns:    the told peers, counts. Confined: one thread.
// Errors:  a list that cannot be read lets nobody in who needs it; the verdict carries the error.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "transport/curve/authorized_keys.h"

namespace sluice::transport {

// What the connection is for; ZAP's domain.
enum class CurveDomain : std::uint8_t {
  kIngress,  // Clients.
  kControl,  // Workers, of the head.
  kStages,   // Data between processes.
};
inline constexpr std::size_t kCurveDomains = 3;
std::string_view to_string(CurveDomain domain);
std::optional<CurveDomain> curve_domain_of(std::string_view name);

enum class Admittance : std::uint8_t {
  kYes,
  kNo,      // Final: libzmq does not try again by itself.
  kNotNow,  // It does, when its handshake has timed out.
};

struct Verdict {
  Admittance admittance = Admittance::kNo;
  std::string name;            // kYes: whom the key speaks for.
  std::optional<Error> error;  // The allow-list is broken.
};

// Whom a message came from, by the key of its connection; as text in ZeroMQ's "User-Id".
struct PeerIdentity {
  PublicKey key;
  std::string name;

  friend bool operator==(const PeerIdentity&, const PeerIdentity&) = default;
};
std::string to_string(const PeerIdentity& peer);
std::optional<PeerIdentity> peer_from_string(std::string_view text);

class Authenticator {
 public:
  struct Counts {
    std::uint64_t admitted_total = 0;
    std::uint64_t refused_total = 0;
  };

  // Empty: there is no list, and keys that were not told may be told yet.
  explicit Authenticator(std::filesystem::path allow_list = {}) : allow_list_(std::move(allow_list)) {}

  // Replaces the told peers. They are workers, whatever their role says.
  void set_peers(AuthorizedKeys peers) { peers_ = std::move(peers); }

  Verdict decide(CurveDomain domain, const PublicKey& key);

  const Counts& counts(CurveDomain domain) const { return counts_[static_cast<std::size_t>(domain)]; }

 private:
  Verdict look_up(CurveDomain domain, const PublicKey& key) const;

  std::filesystem::path allow_list_;
  AuthorizedKeys peers_;
  std::array<Counts, kCurveDomains> counts_{};
};

}  // namespace sluice::transport
