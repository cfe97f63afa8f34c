// The snapshots of metrics/snapshot.h as messages between actors.
#pragma once

#include "actors/control_messages.h"
#include "metrics/snapshot.h"

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::metrics::IngressSnapshot)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::metrics::TokenizerSnapshot)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::metrics::BatcherSnapshot)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::metrics::ResponderSnapshot)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::metrics::RouterSnapshot)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::metrics::SupervisorSnapshot)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::metrics::AuthenticatorSnapshot)
