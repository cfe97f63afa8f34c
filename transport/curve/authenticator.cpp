#include "transport/curve/authenticator.h"

#include <utility>

namespace sluice::transport {

std::string_view to_string(CurveDomain domain) {
  switch (domain) {
    case CurveDomain::kIngress: return "ingress";
    case CurveDomain::kControl: return "control";
    case CurveDomain::kStages: return "stages";
  }
  return "unknown";
}

std::optional<CurveDomain> curve_domain_of(std::string_view name) {
  for (const CurveDomain domain : {CurveDomain::kIngress, CurveDomain::kControl, CurveDomain::kStages}) {
    if (to_string(domain) == name) return domain;
  }
  return std::nullopt;
}

std::string to_string(const PeerIdentity& peer) {
  return to_hex(peer.key) + " " + peer.name;
}

std::optional<PeerIdentity> peer_from_string(std::string_view text) {
  if (text.size() <= kHexKeyCharacters || text[kHexKeyCharacters] != ' ') return std::nullopt;
  const std::optional<PublicKey> key = public_key_from_hex(text.substr(0, kHexKeyCharacters));
  if (!key) return std::nullopt;
  return PeerIdentity{*key, std::string(text.substr(kHexKeyCharacters + 1))};
}

Verdict Authenticator::decide(CurveDomain domain, const PublicKey& key) {
  Verdict verdict = look_up(domain, key);
  Counts& counts = counts_[static_cast<std::size_t>(domain)];
  ++(verdict.admittance == Admittance::kYes ? counts.admitted_total : counts.refused_total);
  return verdict;
}

Verdict Authenticator::look_up(CurveDomain domain, const PublicKey& key) const {
  if (domain != CurveDomain::kIngress) {
    if (const auto peer = peers_.find(key); peer != peers_.end()) return {Admittance::kYes, peer->second.name, {}};
  }
  if (allow_list_.empty()) return {Admittance::kNotNow, {}, {}};
  Result<AuthorizedKeys> list = read_authorized_keys(allow_list_);
  if (!list.ok()) return {Admittance::kNotNow, {}, std::move(list).error()};
  const KeyRole role = domain == CurveDomain::kIngress ? KeyRole::kClient : KeyRole::kWorker;
  const auto owner = list->find(key);
  if (owner == list->end() || owner->second.role != role) return {Admittance::kNo, {}, {}};
  return {Admittance::kYes, owner->second.name, {}};
}

}  // namespace sluice::transport
