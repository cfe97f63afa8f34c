#include "transport/curve/authenticator.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/temp_directory.h"

using namespace sluice;
using namespace sluice::transport;

namespace {

struct Fixture {
  test::TempDirectory folder;
  PublicKey client = generate_key_pair()->public_key;
  PublicKey worker = generate_key_pair()->public_key;
  PublicKey stranger = generate_key_pair()->public_key;

  std::string client_line() const { return "client public " + to_z85(client) + " alice\n"; }
  std::string worker_line() const { return "worker public " + to_z85(worker) + " worker-a\n"; }
  std::filesystem::path write(const std::string& text) const { return folder.write("authorized_keys", text); }
};

}  // namespace

TEST_SUITE("transport/curve/authenticator") {
  TEST_CASE_FIXTURE(Fixture, "clients reach the ingress, workers control and stages, strangers nothing") {
    Authenticator authenticator(write(client_line() + worker_line()));
    const auto admits = [&](CurveDomain domain, const PublicKey& key) {
      return authenticator.decide(domain, key).admittance;
    };
    CHECK(admits(CurveDomain::kIngress, client) == Admittance::kYes);
    CHECK(admits(CurveDomain::kControl, client) == Admittance::kNo);
    CHECK(admits(CurveDomain::kStages, client) == Admittance::kNo);
    CHECK(admits(CurveDomain::kIngress, worker) == Admittance::kNo);
    CHECK(admits(CurveDomain::kControl, worker) == Admittance::kYes);
    CHECK(admits(CurveDomain::kStages, worker) == Admittance::kYes);
    for (const auto domain : {CurveDomain::kIngress, CurveDomain::kControl, CurveDomain::kStages}) {
      CHECK(admits(domain, stranger) == Admittance::kNo);
    }
    CHECK(authenticator.counts(CurveDomain::kIngress).admitted_total == 1);
    CHECK(authenticator.counts(CurveDomain::kIngress).refused_total == 2);
    CHECK(authenticator.decide(CurveDomain::kControl, worker).name == "worker-a");
  }

  TEST_CASE_FIXTURE(Fixture, "the list is read at every decision: added, revoked, mended") {
    Authenticator authenticator(write(""));
    CHECK(authenticator.decide(CurveDomain::kIngress, client).admittance == Admittance::kNo);
    write(client_line());
    CHECK(authenticator.decide(CurveDomain::kIngress, client).admittance == Admittance::kYes);
    write("# revoked\n");
    CHECK(authenticator.decide(CurveDomain::kIngress, client).admittance == Admittance::kNo);
  }

  TEST_CASE_FIXTURE(Fixture, "a broken or absent list lets nobody in for now, and says why") {
    const auto path = write(client_line() + "nonsense\n");
    Authenticator authenticator(path);
    const Verdict broken = authenticator.decide(CurveDomain::kIngress, client);
    CHECK(broken.admittance == Admittance::kNotNow);
    REQUIRE(broken.error.has_value());
    CHECK(broken.error->message.ends_with("authorized_keys:2: begins with neither 'client' nor 'worker'"));
    std::filesystem::remove(path);
    CHECK(authenticator.decide(CurveDomain::kIngress, client).admittance == Admittance::kNotNow);
    write(client_line());
    CHECK(authenticator.decide(CurveDomain::kIngress, client).admittance == Admittance::kYes);
  }

  TEST_CASE_FIXTURE(Fixture, "told peers are workers, with and without a list, and others may be told yet") {
    Authenticator without_list;
    CHECK(without_list.decide(CurveDomain::kStages, worker).admittance == Admittance::kNotNow);
    without_list.set_peers({{worker, {KeyRole::kWorker, "stage-1"}}});
    CHECK(without_list.decide(CurveDomain::kStages, worker).name == "stage-1");
    CHECK(without_list.decide(CurveDomain::kIngress, worker).admittance == Admittance::kNotNow);
    without_list.set_peers({});
    CHECK(without_list.decide(CurveDomain::kStages, worker).admittance == Admittance::kNotNow);

    Authenticator with_list(write(client_line()));
    with_list.set_peers({{worker, {KeyRole::kWorker, "stage-1"}}});
    CHECK(with_list.decide(CurveDomain::kControl, worker).name == "stage-1");
    CHECK(with_list.decide(CurveDomain::kIngress, worker).admittance == Admittance::kNo);
  }

  TEST_CASE_FIXTURE(Fixture, "a peer's identity survives its text, and other texts are none") {
    const PeerIdentity peer{client, "alice"};
    CHECK(peer_from_string(to_string(peer)) == peer);
    CHECK_FALSE(peer_from_string("").has_value());
    CHECK_FALSE(peer_from_string("alice").has_value());
    CHECK_FALSE(peer_from_string(to_hex(client)).has_value());
    CHECK_FALSE(peer_from_string(std::string(64, 'x') + " alice").has_value());
  }
}
